"""The warm path: a statement that was seen before, end to end, against the engine without the hook.

Three connections run the same work in turns: a bare one with the statement as it is, a bare one with the masked text
written out, and the hooked one. What the hook itself costs is the difference of the last two.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack

from sqlalchemy import Connection, create_engine, text

from benchmarks.databases import Database
from benchmarks.figures import Figure
from benchmarks.rounds import timed
from benchmarks.schema import POLICY
from benchmarks.texts import CLEAR, POINT, REPORT
from rewriter import Installed, install

_CASES: Mapping[str, tuple[str, int]] = {
    "primary-key SELECT": (POINT, 7),
    "primary-key SELECT, nothing sensitive": (CLEAR, 7),
    "report, join and group": (REPORT, 200),
}
_RATIOS = {"of bare": ("hooked", "bare"), "of the same SQL written by hand": ("hooked", "by hand")}
_ADDED = {"over it": ("hooked", "by hand")}
_MARK = "424242"
"""Stands for the parameter while the masked text is asked for."""


def warm(database: Database, *, rounds: int) -> Iterator[Figure]:
    """One figure for each statement, on one engine."""
    with ExitStack() as stack:
        bare, hooked = create_engine(database.url), create_engine(database.url)
        stack.callback(bare.dispose)
        stack.callback(hooked.dispose)
        installed = install(hooked, policy=POLICY)
        # A connection each: one that two variants shared would be the warmer, on the server too.
        plain, other = stack.enter_context(bare.connect()), stack.enter_context(bare.connect())
        guarded = stack.enter_context(hooked.connect())
        for case, (template, number) in _CASES.items():
            masked = masked_text(installed, template)
            variants = {
                "bare": running(plain, template, number),
                "by hand": running(other, masked, number),
                "hooked": running(guarded, template, number),
            }
            timings = timed(variants, rounds=rounds)
            yield Figure.of(("warm", database.name, case), timings, _RATIOS, added=_ADDED)


def masked_text(installed: Installed, template: str) -> str:
    """What the hook makes of a statement, as a template again."""
    return installed.explain(template.format(id=_MARK)).sql.replace(_MARK, "{id}")


def running(connection: Connection, template: str, number: int) -> Callable[[], object]:
    """Runs a statement with `number` as its parameter, and fetches every row."""
    statement = text(template.replace("{id}", ":id"))
    parameters = {"id": number}
    execute = connection.execute
    return lambda: execute(statement, parameters).all()
