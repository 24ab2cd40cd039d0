"""Shapes of statements that grow: what generators, reports and object mappers write, and what an attacker might."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Shape:
    """A statement of any size. `size`: one that is seen in practice; `text`: the statement of a given size."""

    size: int
    text: Callable[[int], str]


def _columns(count: int) -> str:
    items = (f"c.{name} AS {name}_{n}" for n in range(count // 2) for name in ("name", "email"))
    return f"SELECT {', '.join(items)} FROM customers c"


def _unions(count: int) -> str:
    return " UNION ALL ".join(f"SELECT id, name, email FROM customers WHERE id = {n}" for n in range(count))


def _conditions(count: int) -> str:
    return "SELECT id, email FROM customers WHERE " + " AND ".join(f"id <> {n}" for n in range(count))


def _nested(count: int) -> str:
    names = "".join(f") AS t{n}" for n in range(count))
    return f"SELECT email FROM {'(SELECT email FROM ' * count}customers{names}"


def _expressions(count: int) -> str:
    parts = (f"e{n} AS (SELECT id, email FROM {f'e{n - 1}' if n else 'customers'})" for n in range(count))
    return f"WITH {', '.join(parts)} SELECT id, email FROM e{count - 1}"


def _joins(count: int) -> str:
    joins = "".join(f" JOIN customers c{n} ON c{n}.id = c0.id" for n in range(1, count))
    return f"SELECT c0.id, c0.email FROM customers c0{joins}"


def _scalars(count: int) -> str:
    items = (f"(SELECT max(email) FROM customers c{n} WHERE c{n}.id = o.id) AS e{n}" for n in range(count))
    return f"SELECT {', '.join(items)} FROM orders o"


def _rows(count: int) -> str:
    return "INSERT INTO orders VALUES " + ", ".join(f"({n}, {n}, 7, 1, {n}.25, '2025-01-17')" for n in range(count))


def _list(count: int) -> str:
    return f"SELECT id, name, email FROM customers WHERE id IN ({', '.join(map(str, range(count)))})"


SHAPES: Mapping[str, Shape] = {
    "columns": Shape(500, _columns),
    "UNION ALL": Shape(200, _unions),
    "AND": Shape(900, _conditions),
    "nested subqueries": Shape(50, _nested),
    "chained WITH": Shape(50, _expressions),
    "joins": Shape(50, _joins),
    "scalar subqueries": Shape(50, _scalars),
    "rows of an INSERT": Shape(10_000, _rows),
    "IN list": Shape(10_000, _list),
}
"""Name → shape, over the tables of `benchmarks.schema`, which times them."""
