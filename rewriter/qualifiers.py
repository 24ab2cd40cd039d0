"""Qualified references to a scan that became a derived table, which belongs to no schema.

`public.customers.email` → `customers.email`. Where one statement reads two tables of one name from two schemas, each
derived table gets a name of its own, and every reference to it that name.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from sqlglot import exp

from rewriter.binding import quoted
from rewriter.edits import Edit
from rewriter.errors import Reason, StatementRefused
from rewriter.scans import Scan, end_position, position
from rewriter.statement import Statement


def named_apart(statement: Statement, changed: Sequence[Scan], found: Iterable[Scan]) -> dict[int, Scan]:
    """Those of the `changed` scans, by their place, that need a name of their own: as they are called then.

    Raises:
        StatementRefused: a reference does not tell which of the tables it means.
    """
    alike: dict[str, set[tuple[str, str]]] = {}
    for scan in found:
        if not scan.has_alias:
            alike.setdefault(scan.word, set()).add(scan.relation.key)
    if all(len(keys) == 1 for keys in alike.values()):
        return {}
    apart = {
        scan.start: replace(scan, alias=quoted("_".join(("unmask", *scan.relation.key)), statement.dialect))
        for scan in changed
        if not scan.has_alias and len(alike[scan.word]) > 1
    }
    words = {scan.word for scan in apart.values()}
    for node in statement.nodes(exp.Column, exp.Lock) if words else ():
        tables = node.expressions if isinstance(node, exp.Lock) else [] if node.args.get("table") else [node]
        if any(table.name.lower() in words for table in tables):
            raise StatementRefused(Reason.CONSTRUCT, f"Give the tables called {min(words)} different aliases.")
    return apart


def qualifier_edits(
    statement: Statement, changed: Iterable[Scan], found: Iterable[Scan], *, apart: dict[int, Scan]
) -> Iterator[Edit]:
    """What becomes of the qualifiers in references to `changed`; `apart` is what `named_apart` gave.

    MySQL takes the database for a qualifier of an alias as well, and writes it so in the definitions of views.
    """
    is_mysql = statement.dialect == "mysql"
    unaliased = {scan.word: scan for scan in changed if is_mysql or not scan.has_alias}
    alike = [scan for scan in found if not scan.has_alias]
    for column in statement.nodes(exp.Column) if unaliased else ():
        schema, table = column.args.get("db"), column.args.get("table")
        if table is None or table.name.lower() not in unaliased:
            continue
        first = column.args.get("catalog") or schema or table
        meant = _meant(column, [scan for scan in alike if scan.word == table.name.lower()])
        if meant is not None and meant.start in apart:
            yield Edit(position(first), end_position(table), apart[meant.start].alias)
        elif schema is not None and _is_home(schema.name, unaliased[table.name.lower()]):
            yield Edit(position(first), position(table), "")
    for names in _chains(statement) if unaliased else ():
        for schema, table in pairwise(names[:-1]):
            if table.name.lower() in unaliased and _is_home(schema.name, unaliased[table.name.lower()]):
                yield Edit(position(names[0]), position(table), "")
                break


def _chains(statement: Statement) -> Iterator[list[exp.Identifier]]:
    """The names in `main.customers.email.upper()` on DuckDB, which are no column to the parser."""
    for dot in statement.nodes(exp.Dot):
        names: list[exp.Identifier] = [dot.this] if isinstance(dot.this, exp.Identifier) else []
        above: exp.Expr | None = dot if names else None
        while isinstance(above, exp.Dot) and isinstance(above.expression, exp.Identifier):
            names.append(above.expression)
            above = above.parent
        if names[2:]:
            yield names


def _meant(column: exp.Expr, scans: list[Scan]) -> Scan | None:
    """The scan that a reference means: one in the nearest query around it that has any of them."""
    schema = column.args.get("db")
    query = column.find_ancestor(exp.Select)
    while query is not None:
        here = [scan for scan in scans if scan.node.find_ancestor(exp.Select) is query]
        if schema is not None:
            here = [scan for scan in here if _is_home(schema.name, scan)]
        if here:
            return here[0] if len(here) == 1 else None
        query = query.find_ancestor(exp.Select)
    return None


def _is_home(schema: str, scan: Scan) -> bool:
    """Whether a name in a qualifier can be that of the schema or database that the scan's relation is in."""
    written = [name.name for name in (scan.node.args.get("catalog"), scan.node.args.get("db")) if name]
    return schema.lower() in (part.lower() for part in (*scan.relation.schema.split("."), *written))
