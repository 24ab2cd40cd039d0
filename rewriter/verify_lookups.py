"""The part of the check that concerns `lookup: exact`: each raw column under a second name serves one comparison.

What is found to be so is taken out of the text: the rest of the check sees the statement as it would be without.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sqlglot import exp
from sqlglot.tokenizer_core import TokenType

from rewriter.binding import Binding, BoundColumn, quoted
from rewriter.errors import LeakError
from rewriter.statement import Statement, read_statement

_ALIAS = re.compile(r"unmask_[0-9a-f]{16}_\d+")
_WHOLE_ROW = (exp.Columns, exp.Pivot, exp.Summarize, exp.PositionalColumn)


def without_lookups(sql: str, binding: Binding, *, is_percent_doubled: bool) -> str:
    """`sql` without the second names of raw columns: as if each comparison read the mask.

    Raises:
        LeakError: such a name can be read elsewhere than in a comparison with known values, at the top of the WHERE.
    """
    spoken = _ALIAS.findall(sql) if binding.has_lookups else ()
    if not spoken:
        return sql
    statement = read_statement(sql, binding.dialect, is_percent_doubled=is_percent_doubled)
    names = [node for node in statement.nodes(exp.Identifier) if _ALIAS.fullmatch(node.name)]
    if len(names) != len(spoken):
        raise _leak()
    defined = {name.name: _defined(name, statement, binding) for name in names if name.arg_key == "alias"}
    passed_on = {id(each.passed_on) for each in defined.values()}
    for name in names:
        is_made = name.arg_key == "alias" or id(name) in passed_on
        if not is_made and (name.name not in defined or not _is_compared(name, statement)):
            raise _leak()
    for alias, each in defined.items():
        second = quoted(alias, binding.dialect)
        sql = sql.replace(f", {each.column.sql} AS {second}", "").replace(f", {second}", "")
        sql = sql.replace(second, each.column.sql)
    return sql


@dataclass(frozen=True, slots=True)
class _Second:
    """A raw column's second name; `passed_on`: the one that hands it through a table of generated columns."""

    column: BoundColumn
    passed_on: exp.Expr | None


def is_found_by_known_values(column: exp.Expr, statement: Statement, columns: Iterable[BoundColumn]) -> bool:
    """Whether a reference to a written table's raw column is one that `lookup: exact` allows.

    `columns`: those of this name that it may mean.
    """
    known = list(columns)
    is_allowed = bool(known) and all(each.is_lookup for each in known)
    return is_allowed and isinstance(statement.tree, exp.Update | exp.Delete) and _is_compared(column.this, statement)


def _leak() -> LeakError:
    return LeakError("a raw column that a comparison is answered on can be read; please report the statement's shape")


def _defined(name: exp.Expr, statement: Statement, binding: Binding) -> _Second:
    """The column that a derived table over one sensitive table has once more, where no star or row can show it."""
    item = name.parent
    inner = item.parent if item is not None else None
    outer = inner.parent if inner is not None else None
    if not isinstance(item, exp.Alias) or not isinstance(inner, exp.Select) or not isinstance(outer, exp.Subquery):
        raise _leak()
    table = inner.args["from_"].this if inner.args.get("from_") else None
    rest = any(value for key, value in inner.args.items() if key not in ("expressions", "from_", "locks"))
    if not isinstance(table, exp.Table) or rest or not isinstance(item.this, exp.Column) or item.this.args.get("table"):
        raise _leak()
    found = [c for c in _columns(table, binding) if c.word == item.this.name.lower()]
    if not found or not all(column.is_lookup for column in found):
        raise _leak()
    above = _above(name, outer)
    _check_rows(outer if above is None else above.table, statement)
    return _Second(found[0], None if above is None else above.name)


@dataclass(frozen=True, slots=True)
class _Above:
    """The table right above that works out generated columns, and its item that hands a second name on."""

    table: exp.Subquery
    name: exp.Expr


def _above(name: exp.Expr, source: exp.Subquery) -> _Above | None:
    query = source.parent_select
    if query is None or not isinstance(query.parent, exp.Subquery) or query.args["from_"].this is not source:
        return None
    rest = any(value for key, value in query.args.items() if key not in ("expressions", "from_"))
    items = [item for item in query.expressions if isinstance(item, exp.Column) and item.name == name.name]
    if rest or len(items) != 1 or items[0].args.get("table"):
        return None
    return _Above(query.parent, items[0].this)


def _columns(table: exp.Expr, binding: Binding) -> Iterator[BoundColumn]:
    """Columns of the sensitive relation that is named, in full as masked tables name theirs."""
    parts = [table.args.get("catalog"), table.args.get("db"), table.this]
    name = ".".join(quoted(part.name, binding.dialect) for part in parts if isinstance(part, exp.Identifier))
    for protected in binding.protected.values():
        if protected.sql == name:
            yield from protected.columns


def _check_rows(source: exp.Subquery, statement: Statement) -> None:
    """No star, whole row or list of names reads what a FROM item of the outermost query has."""
    query = statement.tree
    alias = source.args.get("alias")
    if not isinstance(query, exp.Select) or alias is None or alias.args.get("columns") or not alias.this:
        raise _leak()
    sources = [query.args["from_"].this, *(join.this for join in query.args.get("joins") or ())]
    if not any(found is source for found in sources) or any(True for _ in statement.nodes(*_WHOLE_ROW)):
        raise _leak()
    if any((join.args.get("method") or "").upper() == "NATURAL" for join in statement.nodes(exp.Join)):
        raise _leak()
    word = alias.this.name.lower()
    stars = [star.parent for star in statement.nodes(exp.Star) if not isinstance(star.parent, exp.Count)]
    if any(not _is_elsewhere(above, word, query) for above in stars):
        raise _leak()
    for column in statement.nodes(exp.Column):
        qualifier = column.args.get("table")
        if column.name.lower() == word and qualifier is None and not isinstance(column.this, exp.Star):
            raise _leak()


def _is_elsewhere(above: exp.Expr | None, word: str, query: exp.Select) -> bool:
    """Whether a star reads other FROM items: behind another name, or in a query of its own."""
    if isinstance(above, exp.Column):
        return above.args.get("table") is not None and above.args["table"].name.lower() != word
    return isinstance(above, exp.Select) and above is not query


def _is_compared(name: exp.Expr, statement: Statement) -> bool:
    """Whether a name stands in `name = known` or `name IN (known, …)`, and that in nothing but AND, in the WHERE."""
    column = name.parent
    comparison = column.parent if isinstance(column, exp.Column) and column.this is name else None
    match comparison:
        case exp.EQ():
            others = [comparison.expression if comparison.this is column else comparison.this]
        case exp.In() if comparison.this is column and not comparison.args.get("query"):
            others = comparison.expressions
        case _:
            return False
    if not others or not all(_is_constant(other) for other in others):
        return False
    above = comparison.parent
    while isinstance(above, exp.And | exp.Paren):
        above = above.parent
    is_top = isinstance(above, exp.Where) and above.parent is statement.tree
    return is_top and column is not None and _stands_alone(column, statement)


def _is_constant(node: exp.Expr) -> bool:
    """Whether an operand is made of literals and parameters alone."""
    return not any(True for _ in node.find_all(exp.Column, exp.Query, exp.Dot, exp.Star, exp.Parameter)) and all(
        isinstance(part, exp.Cast | exp.Concat | exp.Literal | exp.Placeholder | exp.Null | exp.Boolean | exp.Neg
                   | exp.DataType | exp.DataTypeParam)
        for part in node.walk()
    )  # fmt: skip


def _stands_alone(column: exp.Expr, statement: Statement) -> bool:
    """Whether the tokens say so too: the comparison begins after WHERE, AND or a bracket.

    The engine might read the operators around it in another order than the parser did.
    """
    first = min(int(part.meta["start"]) for part in column.find_all(exp.Identifier))
    tokens = [token for token in statement.tokens if token.start < first]
    if tokens and tokens[-1].token_type == TokenType.EQ:
        tokens = tokens[:-1]
        depth = 0
        while tokens and (depth or tokens[-1].token_type not in _BEFORE or tokens[-1].token_type == TokenType.L_PAREN):
            depth += (tokens[-1].token_type == TokenType.R_PAREN) - (tokens[-1].token_type == TokenType.L_PAREN)
            if depth < 0:
                break
            tokens = tokens[:-1]
    return bool(tokens) and tokens[-1].token_type in _BEFORE


_BEFORE = frozenset({TokenType.WHERE, TokenType.AND, TokenType.L_PAREN})
