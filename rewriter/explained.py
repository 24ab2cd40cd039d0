"""EXPLAIN: the plan of the statement as it would run, without figures that are taken from raw values.

Where the statement reads nothing sensitive, the text stays as it is. Where it does, PostgreSQL leaves estimates out
(`COSTS OFF`), SQLite shows none, and the others are refused: MySQL prints cells that it read beforehand and sizes that
it sampled, DuckDB cardinalities, and the empty plan where a value lies outside a column's range.
"""

import re
from dataclasses import dataclass
from typing import Never

from masking.types import Dialect
from rewriter.errors import Reason, StatementRefused
from rewriter.statement import Statement

_VALUE = r"(?:\s+(?:true|false|on|off|1|0|text|xml|json|yaml))?"
_OPTION = rf"(?:analyze|analyse|verbose|costs|settings|generic_plan|buffers|wal|timing|summary|memory|format){_VALUE}"
_OPTIONS = rf"\(\s*{_OPTION}(?:\s*,\s*{_OPTION})*\s*\)"

_PREFIXES: dict[Dialect, re.Pattern[str]] = {
    "postgresql": re.compile(
        rf"\s*explain\b(?P<words>(?:\s+(?:{_OPTIONS}|(?:analyze|analyse|verbose)\b))*)", re.IGNORECASE
    ),
    "duckdb": re.compile(rf"\s*explain\b(?:\s+(?:{_OPTIONS}|analyze\b))*", re.IGNORECASE),
    "mysql": re.compile(
        r"\s*(?:explain|describe|desc|analyze)\b"
        r"(?:\s+(?:analyze|extended|partitions|format\s*=\s*(?:json|tree|traditional)))*",
        re.IGNORECASE,
    ),
    "sqlite": re.compile(r"\s*explain\b(?:\s+query\s+plan\b)?", re.IGNORECASE),
}
"""All that stands before the statement, in text without comments."""

_RUNS = re.compile(r"\banaly[sz]e\b", re.IGNORECASE)
_KEPT = re.compile(r"\bverbose\b(?!\s+(?:false|off|0))|\bformat\s+(?:text|xml|json|yaml)\b", re.IGNORECASE)
"""The options that show nothing of values."""


@dataclass(frozen=True, slots=True)
class Explained:
    """The statement in an EXPLAIN: `sql[start:]`. `is_run`: it is run as well."""

    dialect: Dialect
    prefix: str
    start: int
    is_run: bool

    def safe_prefix(self) -> str:
        """What to write before a statement over sensitive columns.

        Raises:
            StatementRefused: no form of EXPLAIN on this engine hides what is taken from raw values, or it is to be run.
        """
        if self.is_run or self.dialect in ("mysql", "duckdb"):
            _refuse()
        if self.dialect == "sqlite":
            return self.prefix
        options = ["COSTS OFF", *(match.group() for match in _KEPT.finditer(self.prefix))]
        return f"EXPLAIN ({', '.join(options)}) "


def explained(statement: Statement) -> Explained:
    """What an EXPLAIN explains.

    Raises:
        StatementRefused: it has an option that is not known.
    """
    match = _PREFIXES[statement.dialect].match(statement.text)
    if match is None:
        _refuse()
    rest = statement.text[match.end() :]
    start = match.end() + len(rest) - len(rest.lstrip())
    is_run = _RUNS.search(match.group()) is not None
    return Explained(statement.dialect, statement.text[:start], start, is_run)


def _refuse() -> Never:
    raise StatementRefused(
        Reason.STATEMENT_KIND,
        "Its figures would be taken from raw values; `unmask explain` shows how the statement runs.",
    )
