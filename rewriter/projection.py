"""The narrow derived table that stands where a scan of a protected relation stood.

`FROM customers AS c` → `FROM (SELECT "id", <mask> AS "email" FROM "public"."customers") AS c`, with the columns that the
statement can need, in the table's order.
"""

from dataclasses import dataclass

from masking.names import ColumnName
from masking.types import Dialect
from rewriter.binding import BoundColumn, Protected
from rewriter.errors import Reason, StatementRefused
from rewriter.scans import Mentions, Scan

_SYSTEM_COLUMNS: dict[Dialect, tuple[str, ...]] = {
    "postgresql": ("ctid", "xmin", "xmax", "cmin", "cmax", "tableoid"),
    "mysql": (),
    "sqlite": ("rowid", "oid", "_rowid_"),
    "duckdb": ("rowid",),
}


@dataclass(frozen=True, slots=True)
class Needed:
    """What a statement can need of one scan: its columns in table order, and the engine's system columns that it names."""

    columns: tuple[BoundColumn, ...]
    system: tuple[str, ...]

    def masked(self, revealed: frozenset[ColumnName]) -> frozenset[ColumnName]:
        """Sensitive columns among them that are not revealed."""
        return frozenset(c.name for c in self.columns if c.name is not None and c.name not in revealed)

    def revealed(self, revealed: frozenset[ColumnName]) -> frozenset[ColumnName]:
        """Sensitive columns among them that are revealed."""
        return frozenset(c.name for c in self.columns if c.name is not None and c.name in revealed)


def needed(scan: Scan, protected: Protected, mentions: Mentions, dialect: Dialect) -> Needed:
    """The columns of `scan` that the statement can need.

    Raises:
        StatementRefused: a system column beside `*`, which a derived table cannot give exactly.
    """
    is_everything = mentions.is_everything(scan)
    hidden = {column.name.lower() for column in scan.relation.columns if column.is_hidden}
    columns = tuple(
        column
        for column in protected.columns
        if (is_everything and column.word not in hidden) or mentions.names(column.word, scan)
    )
    own = {column.word for column in protected.columns}
    is_table = dialect != "sqlite" or scan.relation.has_rowid
    system = tuple(n for n in _SYSTEM_COLUMNS[dialect] if is_table and n not in own and mentions.names(n, scan))
    extra = (*system, *(c.word for c in columns if c.word in hidden))
    if is_everything and extra and any(c.mask for c in columns):
        raise StatementRefused(Reason.CONSTRUCT, f"Name the columns instead of writing * beside {extra[0]}.")
    return Needed(columns, system)


def select_list(columns: Needed, revealed: frozenset[ColumnName]) -> str:
    """The derived table's select list: bare columns, masks under their columns' names, system columns."""
    items = [column.sql if column.name in revealed else column.projection for column in columns.columns]
    return ", ".join((*items, *columns.system)) or "1"
