"""What a `lookup: exact` column may be compared with: literals and parameters, nothing that reads anything."""

import re

from sqlglot import exp
from sqlglot.tokenizer_core import TokenType

from rewriter.scans import position
from rewriter.statement import Statement
from rewriter.token_runs import closing

_TEXT = frozenset({exp.DType.VARCHAR, exp.DType.TEXT, exp.DType.CHAR})
_CASTS = _TEXT | {
    exp.DType.SMALLINT, exp.DType.INT, exp.DType.BIGINT, exp.DType.DECIMAL, exp.DType.DATE, exp.DType.TIMESTAMP,
    exp.DType.TIMESTAMPTZ, exp.DType.UUID, exp.DType.BOOLEAN,
}  # fmt: skip
"""Types whose values compare with a column as they are: a cast to one is what a driver or SQLAlchemy writes."""


def is_known(operand: exp.Expr) -> bool:
    """Whether an operand is a literal or a parameter, a cast of one to a plain type, or NULL."""
    match operand:
        case exp.Literal() | exp.Placeholder() | exp.Null() | exp.Boolean():
            return True
        case exp.Neg(this=exp.Literal(is_string=False)):
            return True
        case exp.Cast(this=exp.Literal() | exp.Placeholder()):
            kind = operand.args["to"]
            return isinstance(kind, exp.DataType) and kind.this in _CASTS and not kind.find(exp.Identifier)
    return False


def is_text(operand: exp.Expr) -> bool:
    """Whether an operand is text whatever a parameter holds, or NULL."""
    if isinstance(operand, exp.Cast):
        return operand.args["to"].this in _TEXT
    return isinstance(operand, exp.Null) or (isinstance(operand, exp.Literal) and bool(operand.is_string))


_ITEM = re.compile(
    r"""(?P<text>'(?:[^'\\]|'')*'|(?i:null))|[-+]?\d+(?:\.\d+)?|(?i:true|false)
      |%\([^()%]*\)[sbt]|%[sbt]|\?\d*|[:@$]\w+""",
    re.VERBOSE,
)


def untyped(statement: Statement, column: exp.Column) -> list[tuple[int, int]] | None:
    """Where those operands of a comparison stand that may be something else than text; None where that is not clear.

    Read from the text, since the parser sees but one item of a long list.
    """
    tokens = statement.tokens
    index = next(i for i, token in enumerate(tokens) if token.start == position(column.this))
    after = tokens[index + 1].token_type if index + 1 < len(tokens) else None
    if after == TokenType.IN:
        opening = statement.sql.index("(", tokens[index + 1].start)  # blanking moved it where the list is long
        return _untyped_items(statement.sql, opening + 1, tokens[closing(tokens, index + 2)].start)
    first = index + 2
    if after != TokenType.EQ:
        first = index - (4 if tokens[index - 1].token_type == TokenType.DOT else 2)
    match = _ITEM.match(statement.sql, tokens[first].start) if first >= 0 else None
    return None if match is None else [] if match["text"] else [match.span()]


def _untyped_items(sql: str, start: int, end: int) -> list[tuple[int, int]] | None:
    spans: list[tuple[int, int]] = []
    while True:
        start += len(sql[start:end]) - len(sql[start:end].lstrip())
        match = _ITEM.match(sql, start, end)
        if match is None:
            return None
        if not match["text"]:
            spans.append(match.span())
        rest = sql[match.end() : end].lstrip()
        if not rest:
            return spans
        if rest[0] != ",":
            return None
        start = end - len(rest) + 1
