"""The cold path: a statement's first rewriting, against sqlglot's compiled tokenizer and parser alone on its text."""

import gc
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from sqlalchemy import Engine
from sqlglot.dialects.dialect import Dialect as Grammar

from benchmarks.figures import Figure
from benchmarks.rounds import timed
from benchmarks.schema import POLICY
from benchmarks.texts import COLD, GRAMMARS
from masking.types import Dialect
from rewriter.binding import Binding, bind
from rewriter.catalog import load_catalog
from rewriter.rewrite import rewrite_bound
from tests.rewriter.shapes import SHAPES, Shape

_LONG = 100_000
"""Characters from which on a text is timed in few rounds."""


def bound(engine: Engine, dialect: Dialect) -> Binding:
    """The benchmarks' policy bound to the schema of `engine`, which is not hooked."""
    with engine.connect() as connection:
        raw = connection.connection
        source: Any = raw.dbapi_connection if dialect == "duckdb" else raw.cursor()
        return bind(POLICY, load_catalog(source, dialect))


def cold(binding: Binding, *, rounds: int) -> Iterator[Figure]:
    """One figure for each group of statements."""
    dialect = binding.dialect
    for name, statements in COLD.items():
        is_long = len(statements[0]) > _LONG
        timings = timed(
            {"parse": _parsing(dialect, statements), "rewrite": _rewriting(binding, statements)},
            rounds=max(3, rounds // 10) if is_long else rounds,
        )
        yield Figure.of(("first rewriting", dialect, name), timings, {"of a parse": ("rewrite", "parse")})
        gc.collect()
    for name, shape in SHAPES.items():
        yield _grown(binding, name, shape, rounds=max(3, rounds // 10))
        gc.collect()


def _grown(binding: Binding, name: str, shape: Shape, *, rounds: int) -> Figure:
    """A statement of a shape against a parse of it, and against one of a tenth of its size: per character."""
    small, large = shape.text(shape.size // 10), shape.text(shape.size)
    timings = timed(
        {
            "small": _rewriting(binding, (small,)),
            "large": _rewriting(binding, (large,)),
            "parse": _parsing(binding.dialect, (large,)),
        },
        rounds=rounds,
    )
    growth = timings.ratio("large", "small") * len(small) / len(large)
    figure = Figure.of(
        ("growth", binding.dialect, f"{name}: {shape.size:,}"), timings, {"of a parse": ("large", "parse")}
    )
    return replace(figure, results={**figure.results, "per character, of a tenth's": f"{growth:.2f}"})


def _parsing(dialect: Dialect, statements: tuple[str, ...]) -> Callable[[], None]:
    grammar = Grammar.get_or_raise(GRAMMARS[dialect])

    def parse() -> None:
        for statement in statements:
            grammar.parser().parse(grammar.tokenize(statement), statement)

    return parse


def _rewriting(binding: Binding, statements: tuple[str, ...]) -> Callable[[], None]:
    def rewrite() -> None:
        for statement in statements:
            rewrite_bound(statement, binding)

    return rewrite
