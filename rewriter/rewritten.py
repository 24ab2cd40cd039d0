"""What a rewritten statement is, to whoever runs, records or explains it.

Immutable but for what is worked out when it is first asked for; it keeps the text as it came, to tell it then.
"""

from dataclasses import dataclass, field

from masking import ColumnName
from masking.access import Fingerprint
from masking.types import Dialect
from rewriter.fingerprint import fingerprint
from rewriter.kinds import StatementKind
from rewriter.masked_tables import SetAside
from rewriter.recorded_text import without_literals
from rewriter.schema import Catalog
from rewriter.statement import read_statement
from rewriter.writes import TellingCount


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewritten:
    """A statement as it may run.

    `masked`: sensitive columns that it can read and that come masked. `revealed`: sensitive columns that it can read
    raw; one that comes raw in some rows only is among both. `tables`: the relations with sensitive columns that it
    names, as `schema.table`. `statement`: its text with every literal as `?`. `has_strangers`: it uses a name that the
    known schema does not account for. `telling_count`: when its row count says whether a sensitive column changed.
    `aside`: `sql` without its masked tables, as the check read it; None where there was none, or it read another text.
    """

    sql: str
    original: str
    kind: StatementKind
    masked: frozenset[ColumnName] = frozenset()
    revealed: frozenset[ColumnName] = frozenset()
    tables: tuple[str, ...] = ()
    telling_count: TellingCount = TellingCount.NO
    dialect: Dialect
    is_percent_doubled: bool = False
    has_strangers: bool = False
    catalog: Catalog | None = field(default=None, repr=False, compare=False)
    aside: SetAside | None = field(default=None, repr=False, compare=False)
    told: list[tuple[Fingerprint, str]] = field(default_factory=list, repr=False, compare=False)

    @property
    def fingerprint(self) -> Fingerprint:
        """Equal for statements that differ only in literals, layout, comments and letter case."""
        return self._told()[0]

    @property
    def statement(self) -> str:
        """The text with every literal as `?`."""
        return self._told()[1]

    def _told(self) -> tuple[Fingerprint, str]:
        # Few statements are ever asked for it: those that reveal something.
        if not self.told:
            statement = read_statement(self.original, self.dialect, is_percent_doubled=self.is_percent_doubled)
            self.told.append((fingerprint(statement), without_literals(statement, self.catalog)))
        return self.told[0]

    @property
    def is_unchanged(self) -> bool:
        """Whether the text is passed on byte for byte."""
        return self.sql == self.original
