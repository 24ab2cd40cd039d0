"""SQLite's full-text search: the query is a string that names columns itself, and the index is of raw words.

It is answered below the masks, also where it stands above a derived table that SQLite merges into the query.
"""

from collections.abc import Iterable

from masking import ColumnName
from rewriter.binding import Binding
from rewriter.errors import Reason, StatementRefused
from rewriter.scans import Scan
from rewriter.schema import RelationKind
from rewriter.statement import Statement


def check_search(
    statement: Statement, sensitive: Iterable[Scan], binding: Binding, *, revealed: frozenset[ColumnName]
) -> None:
    """Nothing, when no search of the statement can be answered by an index of words that are masked.

    `sensitive`: its scans of relations that have masked columns or, as views, reach one.

    Raises:
        StatementRefused: one can. A masked copy would have an index of masks, which is nowhere to be had.
    """
    if statement.dialect != "sqlite" or "match" not in statement.words:
        return
    indexed = {
        key
        for key, protected in binding.protected.items()
        if protected.relation.kind is RelationKind.VIRTUAL
        and any(column.mask is not None and column.name not in revealed for column in protected.columns)
    }
    for scan in sensitive:
        # A view may read such a table at any depth.
        if scan.relation.key in indexed or (indexed and scan.relation.kind is RelationKind.VIEW):
            raise StatementRefused(
                Reason.CONSTRUCT,
                f"The full-text index behind {scan.relation.name} holds masked words, so MATCH cannot search it: "
                "compare columns with = or LIKE, or request its masked columns.",
            )
