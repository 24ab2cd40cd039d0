"""Other ways to the same masked rows: a view under a role of its own, and a rewriter that qualifies and prints."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from uuid import uuid4

from sqlalchemy import Connection, create_engine, text
from sqlglot import exp, parse_one
from sqlglot.optimizer.qualify import qualify

from benchmarks.databases import Database
from benchmarks.figures import Figure
from benchmarks.rounds import timed
from benchmarks.schema import POLICY
from benchmarks.texts import POINT, REPORT
from benchmarks.warm import running
from rewriter import Installed, install
from rewriter.binding import Binding
from rewriter.rewrite import rewrite_bound


def views(database: Database, *, rounds: int) -> Iterator[Figure]:
    """A primary-key SELECT through the hook, against the same one on a view that another role may read."""
    with ExitStack() as stack:
        bare, hooked = create_engine(database.url), create_engine(database.url)
        stack.callback(bare.dispose)
        stack.callback(hooked.dispose)
        installed = install(hooked, policy=POLICY)
        viewed = stack.enter_context(bare.connect())
        guarded = stack.enter_context(hooked.connect())
        role = stack.enter_context(_masked_schema(viewed, installed))
        viewed.execute(text(f"SET ROLE {role}"))
        viewed.execute(text(f"SET search_path = {role}"))
        variants = {"view": running(viewed, POINT, 7), "hooked": running(guarded, POINT, 7)}
        timings = timed(variants, rounds=rounds)
        viewed.execute(text("RESET ROLE"))
        viewed.execute(text("RESET search_path"))
    ratios = {"of a view under SET ROLE": ("hooked", "view")}
    yield Figure.of(("peers", database.name, "primary-key SELECT"), timings, ratios)


@contextmanager
def _masked_schema(connection: Connection, installed: Installed) -> Iterator[str]:
    """A role, and a schema of its name that holds `customers` as a masked view, for as long as it is needed."""
    name = f"bench_{uuid4().hex}"
    masked = installed.explain("SELECT * FROM customers").sql
    for statement in (
        f"CREATE ROLE {name}",
        f"CREATE SCHEMA {name}",
        f"CREATE VIEW {name}.customers AS {masked}",
        f"GRANT USAGE ON SCHEMA {name} TO {name}",
        f"GRANT SELECT ON ALL TABLES IN SCHEMA {name} TO {name}",
    ):
        connection.execute(text(statement))
    try:
        yield name
    finally:
        # Nothing was committed, so nothing is left.
        connection.rollback()


def printers(binding: Binding, *, rounds: int) -> Iterator[Figure]:
    """The first rewriting of a statement, against sqlglot's own `qualify` and printing, which mask nothing yet."""
    statements = (POINT.format(id=7), REPORT.format(id=7))
    timings = timed(
        {"qualify": _printing(binding, statements), "rewrite": _rewriting(binding, statements)}, rounds=rounds
    )
    ratios = {"of sqlglot's parse, qualify and print": ("rewrite", "qualify")}
    yield Figure.of(("peers", binding.dialect, "first rewriting, short statements"), timings, ratios)


def _printing(binding: Binding, statements: tuple[str, ...]) -> Callable[[], None]:
    grammar = "postgres" if binding.dialect == "postgresql" else binding.dialect
    schema: dict[str, object] = {}
    for relation in binding.catalog.relations.values():
        schema[relation.name] = {column.name: "text" for column in relation.columns}

    def work() -> None:
        for statement in statements:
            tree: exp.Expr = parse_one(statement, dialect=grammar)
            qualify(tree, schema=schema, dialect=grammar).sql(dialect=grammar)

    return work


def _rewriting(binding: Binding, statements: tuple[str, ...]) -> Callable[[], None]:
    def work() -> None:
        for statement in statements:
            rewrite_bound(statement, binding)

    return work
