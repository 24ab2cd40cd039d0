"""Grouping by a primary key on PostgreSQL, where every other column of the table may then be selected bare.

A derived table has no primary key, so the columns that depend on the key are added to GROUP BY: the key already
decides the groups, they change nothing.
"""

from sqlglot import exp
from sqlglot.tokenizer_core import TokenType

from masking.types import Kind
from rewriter.edits import Edit
from rewriter.projection import Needed
from rewriter.scans import Scan, end_position, position
from rewriter.statement import Statement


def grouping_edit(statement: Statement, scan: Scan, columns: Needed) -> Edit | None:
    """The insertion into the GROUP BY clause over `scan`; None where it does not group by the scan's key."""
    query = scan.node.find_ancestor(exp.Select)
    group = query.args.get("group") if query is not None else None
    if query is None or group is None or not scan.relation.primary_key or statement.dialect != "postgresql":
        return None
    spoken = _spoken(statement, scan)
    called = {name.strip('"').lower(): column for column, name in spoken.items()}
    renamed = spoken.keys() - called.keys()  # there such a name means another table's column
    words = (_grouped_word(item, query, scan) for item in group.expressions)
    grouped = {called.get(word, word) for word in words if word is not None and word not in renamed}
    if not all(key.lower() in grouped for key in scan.relation.primary_key):
        return None
    kinds = {column.name.lower(): column.type for column in scan.relation.columns}
    added = [
        f"{scan.alias}.{spoken.get(column.word, column.sql)}"
        for column in columns.columns
        if column.word not in grouped and _has_equality(kinds[column.word].kind, kinds[column.word].sql)
    ]
    place = _group_by_end(statement, scan)
    return Edit(place, place, " " + ", ".join(added) + ",") if added else None


def _spoken(statement: Statement, scan: Scan) -> dict[str, str]:
    """Columns, in lower case → what the statement calls them, as written, where it has a list of column aliases."""
    alias = scan.node.args.get("alias")
    names = alias.args.get("columns") or () if alias is not None else ()
    shown = (column.name.lower() for column in scan.relation.columns if not column.is_hidden)
    return {
        column: statement.sql[position(name) : end_position(name)] for column, name in zip(shown, names, strict=False)
    }


def _has_equality(kind: Kind, sql: str) -> bool:
    """Whether PostgreSQL can group by the type: json, xml and most geometric types have no equality."""
    return kind is not Kind.OTHER if kind is not Kind.JSON else sql.rpartition(".")[2] == "jsonb"


def _grouped_word(item: exp.Expr, query: exp.Select, scan: Scan) -> str | None:
    """The column of `scan` that a GROUP BY item means, in lower case; ordinals and names mean their expressions."""
    if isinstance(item, exp.Literal) and not item.is_string and item.name.isdigit():
        index = int(item.name) - 1
        item = query.expressions[index].unalias() if index < len(query.expressions) else item
    if not isinstance(item, exp.Column):
        return None
    own = {column.name.lower() for column in scan.relation.columns}
    alias = scan.node.args.get("alias")
    own.update(name.name.lower() for name in (alias.args.get("columns") or () if alias is not None else ()))
    table = item.args.get("table")
    if table is not None:
        return item.name.lower() if table.name.lower() == scan.word else None
    if item.name.lower() in own:
        return item.name.lower()
    for output in query.expressions:
        if isinstance(output, exp.Alias) and output.alias.lower() == item.name.lower():
            return _grouped_word(output.this, query, scan) if isinstance(output.this, exp.Column) else None
    return None


def _group_by_end(statement: Statement, scan: Scan) -> int:
    """The place after `GROUP BY` of the query that reads `scan`: the next one that is not inside deeper brackets."""
    depth = 0
    tokens = statement.tokens
    for index in range(statement.after(scan.end), len(tokens)):
        token = tokens[index]
        if token.token_type == TokenType.L_PAREN:
            depth += 1
        elif token.token_type == TokenType.R_PAREN:
            depth -= 1
        elif depth <= 0 and token.text.lower().startswith("group") and token.start not in statement.quoted:
            if token.text.lower().endswith("by"):
                return token.end + 1
            if tokens[index + 1].text.lower() == "by":
                return tokens[index + 1].end + 1
    raise AssertionError("the tree has a GROUP BY that the text lacks")
