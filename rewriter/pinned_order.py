"""`row_order: pinned`: no index over raw values decides in which order rows come where a statement asks for none.

Behind its masks a table is then read in the order in which it is stored: SQLite by its row numbers, MySQL by its
primary key. A table with masked columns is so read also where the statement needs none of them. DuckDB keeps the order
of its rows anyway.
"""

from rewriter.binding import Binding, Protected
from rewriter.clauses import TableClauses
from rewriter.errors import Reason, StatementRefused
from rewriter.schema import RelationKind
from rewriter.statement import Statement


def is_pinned(protected: Protected, binding: Binding) -> bool:
    """Whether an index could tell the order of raw values in the relation, and the policy forbids it to."""
    if binding.policy.row_order != "pinned":
        return False
    return protected.relation.kind is RelationKind.TABLE and bool(protected.masked_words)


def pinning(protected: Protected, clauses: TableClauses, binding: Binding) -> str:
    """What stands behind the table's name for that, and what the statement has there itself.

    Raises:
        StatementRefused: the statement says itself which index is to be used.
    """
    match binding.dialect:
        case "sqlite" if is_pinned(protected, binding):
            return " NOT INDEXED"
        case "mysql" if is_pinned(protected, binding):
            if clauses.after and not clauses.after.lower().startswith(" partition"):
                raise StatementRefused(Reason.CONSTRUCT, "Leave out index hints: the policy pins the order of rows.")
            return f"{clauses.after} USE INDEX (PRIMARY)"
        case _:
            return clauses.after


def check_order_of_write(statement: Statement, binding: Binding) -> None:
    """Nothing, when the order in which a write finds its rows shows nowhere.

    Raises:
        StatementRefused: it decides which rows are written, or returned first.
    """
    tree = statement.tree
    if binding.policy.row_order != "pinned" or tree is None:
        return
    if tree.args.get("limit") or (tree.key in ("update", "delete") and tree.args.get("returning")):
        raise StatementRefused(Reason.CONSTRUCT, "Leave out LIMIT and RETURNING: the policy pins the order of rows.")
