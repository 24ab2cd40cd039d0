"""The narrow derived table that stands where a scan of a protected relation stood.

`FROM customers AS c` → `FROM (SELECT "id", <mask> AS "email" FROM "public"."customers") AS c`, with the columns that
the statement can need, in the table's order.
"""

import re
from collections.abc import Iterator, Sequence

from masking.names import ColumnName
from rewriter.binding import BoundColumn, Protected
from rewriter.column_rules import spoken_names
from rewriter.lookups import Lookup
from rewriter.mentions import Mentions
from rewriter.records import record
from rewriter.scans import Scan

_WORD = re.compile(r"[^\W\d][\w$]*")


@record()
class Needed:
    """What a statement can need of one scan: its columns in table order, and the engine's system columns that it names.

    `sources`: columns that are needed only because a generated column among them is computed from them. `extra`: names
    among them that a star must not show, where one reads them all. `items`: select items of the derived table beyond
    these, which only an edit of ours mentions; `aliases`: their names.
    """

    columns: tuple[BoundColumn, ...]
    system: tuple[str, ...]
    sources: tuple[BoundColumn, ...] = ()
    extra: tuple[str, ...] = ()
    items: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()

    @property
    def names(self) -> frozenset[ColumnName]:
        """The sensitive columns among all of them."""
        return frozenset([column.name for column in (*self.columns, *self.sources) if column.name is not None])

    @property
    def partly_shown(self) -> frozenset[ColumnName]:
        """The sensitive columns among them whose masks let some rows through."""
        return frozenset([c.name for c in (*self.columns, *self.sources) if c.is_partly_shown and c.name is not None])


def needed(scan: Scan, protected: Protected, mentions: Mentions, *, lookups: Sequence[Lookup] = ()) -> Needed:
    """The columns of `scan` that the statement can need, and those of `lookups` once more."""
    is_everything = mentions.is_everything(scan)
    bare, behind = mentions.bare, mentions.behind.get(scan.word, frozenset[str]())
    hidden, spoken = frozenset[str](), bare | behind if behind else bare
    if is_everything:
        hidden = scan.relation.hidden
        # A full-text table has a hidden column of its own name, which FROM does not name.
        is_read = not mentions.opaque.isdisjoint({None, scan.word})
        unread = frozenset() if is_read else hidden & {scan.relation.name.lower()}
        spoken = (spoken | scan.relation.words - hidden) - unread
    columns = tuple([column for column in protected.columns if column.word in spoken])
    system = tuple([name for name in protected.system if name in bare or name in behind])
    aliases = tuple([lookup.alias for lookup in lookups])
    items = tuple([f"{lookup.column.sql} AS {lookup.alias}" for lookup in lookups])
    sources = tuple(_sources(columns, protected)) if protected.is_generating else ()
    extra = (*system, *[c.word for c in columns if c.word in hidden], *aliases) if is_everything else ()
    return Needed(columns, system, sources, extra, items, aliases)


def _sources(columns: tuple[BoundColumn, ...], protected: Protected) -> Iterator[BoundColumn]:
    expressions = " ".join([spoken_names(column.generation) for column in columns if column.generation is not None])
    words = set(_WORD.findall(expressions))
    for column in protected.columns:
        is_read = column.word in words or (not column.word.isidentifier() and column.word in expressions)
        if is_read and column not in columns and column.generation is None:
            yield column


def masked_select(protected: Protected, columns: Needed, revealed: frozenset[ColumnName], *, source: str) -> str:
    """`SELECT … FROM source`: bare columns, masks under their columns' names, system columns.

    Generated columns that read masked ones are computed anew, one level above: on a masked copy they would be made of
    masks.
    """
    plain = [column for column in columns.columns if column.generation is None]
    items = [column.sql if column.name in revealed else column.projection for column in (*plain, *columns.sources)]
    inner = f"SELECT {', '.join((*items, *columns.system, *columns.items)) or '1'} FROM {source}"
    if len(plain) == len(columns.columns):
        return inner
    outer = [c.sql if c.generation is None else f"{c.generation} AS {c.sql}" for c in columns.columns]
    shown = (*outer, *columns.system, *columns.aliases)
    return f"SELECT {', '.join(shown)} FROM ({inner}) AS {protected.alias}"
