"""MySQL's and MariaDB's default values that read other columns of the row: `c text DEFAULT (concat(ssn, 'x'))`.

`DEFAULT(c)` in a query, and `c = DEFAULT` in an update, compute one from the stored row, which holds the raw values;
under a derived table as well. A row that is being inserted has the values that the statement gave it.
"""

from rewriter.binding import Binding
from rewriter.errors import Reason, StatementRefused
from rewriter.statement import Statement


def check_row_defaults(statement: Statement, binding: Binding) -> None:
    """No default is computed from a stored row, where a table with a masked column has one that reads columns.

    Which column's default it is does not matter: an alias of a derived table's column leads to it, too.

    Raises:
        StatementRefused: one is.
    """
    if statement.dialect != "mysql" or "default" not in statement.words or not _has_row_default(binding):
        return
    words, tokens = statement.words, statement.tokens
    for index, word in enumerate(words):
        if word != "default" or tokens[index].start in statement.quoted or not statement.is_word(tokens[index]):
            continue
        if words[index + 1 : index + 2] == ("(",) or (index and words[index - 1] in ("=", ":=")):
            raise StatementRefused(
                Reason.CONSTRUCT,
                "A default that reads the row may show a masked column: write the value that is meant.",
            )


def _has_row_default(binding: Binding) -> bool:
    known = binding.memo.get("row defaults")
    if known is None:
        relations = (binding.catalog.relations[key] for key in binding.protected)
        known = any(column.has_row_default for relation in relations for column in relation.columns)
        binding.memo["row defaults"] = known
    return bool(known)
