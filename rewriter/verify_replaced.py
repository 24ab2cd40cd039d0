"""The part of the check that concerns REPLACE: the value that a row lends to the one which replaces it.

It stands to the letter, and its column alone can get it.
"""

from collections.abc import Iterator

from sqlglot import exp

from rewriter.binding import Binding, Protected
from rewriter.errors import StatementRefused
from rewriter.grammar_writes import is_replace
from rewriter.lent_value import NEW, lent_value
from rewriter.statement import Statement


def lent_places(statement: Statement, binding: Binding, protected: Protected, *, written: exp.Expr) -> Iterator[int]:
    """Where the tokens of lent values stand, of a statement that replaces rows of the table at the node `written`."""
    insert = written.parent if not isinstance(written.parent, exp.Schema) else written.parent.parent
    if not isinstance(insert, exp.Insert) or insert is not statement.tree or not _is_replace(insert, statement):
        return
    source = insert.args.get("expression")
    if not isinstance(source, exp.Select) or insert.args.get("conflict") is not None or not _is_of_new_rows(source):
        return
    listed = _listed(insert, protected, binding)
    if len(source.expressions) != len(listed):
        return
    for word, output in zip(listed, source.expressions, strict=True):
        column = next((c for c in protected.columns if c.word == word and c.mask is not None), None)
        if column is None:
            continue
        try:
            text = statement.written(lent_value(column, protected, listed=listed, binding=binding))
        except StatementRefused:
            return
        places = [int(n.meta["start"]) for n in output.find_all(exp.Identifier) if "start" in n.meta]
        start = statement.sql.rfind(text, 0, min(places, default=0) + len(text))
        if places and 0 <= start <= min(places) and max(places) < start + len(text):
            yield from (token.start for token in statement.tokens if start <= token.start < start + len(text))


def _is_replace(insert: exp.Insert, statement: Statement) -> bool:
    return str(insert.args.get("alternative") or "").upper() == "REPLACE" or is_replace(statement.text)


def _is_of_new_rows(source: exp.Select) -> bool:
    """Whether the rows are those that were to be stored, one each: nothing but a list of outputs stands around them."""
    from_ = source.args.get("from_")
    clauses = {name for name, value in source.args.items() if value}
    return from_ is not None and from_.this.name == NEW and clauses <= {"with_", "expressions", "from_"}


def _listed(insert: exp.Insert, protected: Protected, binding: Binding) -> list[str]:
    """The columns that are stored, in lower case and in order."""
    if isinstance(insert.this, exp.Schema):
        return [name.name.lower() for name in insert.this.expressions]
    counts_generated = binding.dialect == "mysql"
    own = [c for c in protected.relation.columns if c.generation is None or counts_generated]
    return [column.name.lower() for column in own if not column.is_hidden]
