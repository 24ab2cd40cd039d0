"""A text that the hook has never seen: of a shape that it knows, and of one that it does not, against its parse alone.

Every call has a text of its own. Those of a known shape differ in their literals and in how many items a list has;
a new shape has a name in it that no text had before.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from itertools import count

from sqlalchemy import create_engine
from sqlglot.dialects.dialect import Dialect as Grammar

from benchmarks.databases import Database
from benchmarks.figures import Figure
from benchmarks.rounds import timed
from benchmarks.schema import POLICY
from benchmarks.texts import CLEAR, GRAMMARS, POINT, REPORT
from rewriter import install

_LONGEST = 40
_RATIOS = {"known shape, of a parse": ("known", "parse"), "new shape, of a parse": ("new", "parse")}


def newcomers(database: Database, *, rounds: int) -> Iterator[Figure]:
    """One figure for each statement, on one engine."""
    grammar = Grammar.get_or_raise(GRAMMARS[database.dialect])
    with ExitStack() as stack:
        engine = create_engine(database.url)
        stack.callback(engine.dispose)
        hook = install(engine, policy=POLICY).hook
        connection = stack.enter_context(engine.connect()).connection.dbapi_connection

        def parse(sql: str) -> object:
            return grammar.parser().parse(grammar.tokenize(sql), sql)

        def admit(sql: str) -> object:
            return hook.admit(connection, sql, is_formatted=False)

        for case, text in _CASES.items():
            variants = {
                "parse": _fresh(parse, text, is_shape_new=True),
                "known": _fresh(admit, text, is_shape_new=False),
                "new": _fresh(admit, text, is_shape_new=True),
            }
            yield Figure.of(("new text", database.name, case), timed(variants, rounds=rounds), _RATIOS)


def _fresh(work: Callable[[str], object], text: Callable[[int], str], *, is_shape_new: bool) -> Callable[[], None]:
    """`work` on a text that it never had: {shape} is a name, another one each time where the shape is to be new."""
    numbers = count()

    def run() -> None:
        number = next(numbers)
        work(text(number).replace("{shape}", f"s{number}" if is_shape_new else "s"))

    return run


def _named(sql: str) -> str:
    return sql.replace("SELECT ", "SELECT 1 AS {shape}, ", 1)


def _in_list(number: int) -> str:
    items = ", ".join(map(str, range(number, number + 1 + number % _LONGEST)))
    return f"SELECT id AS {{shape}}, name, email FROM customers WHERE id IN ({items})"


_CASES: Mapping[str, Callable[[int], str]] = {
    "point select": lambda number: _named(POINT).replace("{id}", str(number)),
    "point select, nothing sensitive": lambda number: _named(CLEAR).replace("{id}", str(number)),
    "report, three tables": lambda number: REPORT.replace("AS sample", "AS {shape}").replace("{id}", str(number)),
    "IN list of 1 to 40": _in_list,
}
