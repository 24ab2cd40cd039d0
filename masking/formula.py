"""The SQL of expression masks: a small closed language, parsed once and written for each dialect.

Literals, columns of the row, `{column}`, `:principal`, `CASE`, comparisons, `IN`, `BETWEEN`, `IS NULL`, `AND`, `OR`,
`NOT`, `||`, and the functions of `FUNCTIONS`. Nothing here reads another row, fails on a value (as arithmetic does, by
overflow), or differs between two evaluations. Whatever else sqlglot understands is a fault.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from masking.dialects import postgresql, spelling
from masking.errors import fault
from masking.types import ColumnType, Dialect, Kind

FUNCTIONS = (
    "coalesce",
    "concat",
    "left",
    "length",
    "lower",
    "nullif",
    "replace",
    "right",
    "substring",
    "trim",
    "upper",
)
_COLUMN = "__unmask_column__"
_TOKENS = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|\{column\}|--|/\*|[{}\\;%?@$`]|__unmask""", re.IGNORECASE)
_COMPARISONS: Mapping[type[exp.Expr], str] = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
}
_TEXT_TYPES: Mapping[Dialect, str] = {
    "postgresql": "pg_catalog.text",
    "mysql": "CHAR",
    "sqlite": "TEXT",
    "duckdb": "VARCHAR",
}
_CALLS: Mapping[type[exp.Expr], str] = {exp.Lower: "lower", exp.Upper: "upper"}


@lru_cache(maxsize=1024)
def parse_formula(sql: str) -> exp.Expr:
    """`sql` as a tree of this language; no caller changes it.

    Raises:
        PolicyError: it is not in this language.
    """
    try:
        tree = sqlglot.parse_one(_TOKENS.sub(_plain_token, sql))
        _written(tree, _Writing("postgresql", '"c"'))
    except (SqlglotError, RecursionError) as exc:
        message = "the expression cannot be parsed"
        raise fault(message, "Write one SQL expression over {column}, like left({column}, 2) || '***'.") from exc
    return tree


def _plain_token(match: re.Match[str]) -> str:
    token = match.group()
    if token == "{column}":  # noqa: S105 -- a token of SQL
        return _COLUMN
    if token[0] in "'\"":
        return token
    raise fault(f"{token} is not allowed in an expression", "The masked column is {column}, the principal :principal.")


def mentions_principal(sql: str) -> bool:
    """Whether the value depends on who asks."""
    return parse_formula(sql).find(exp.Placeholder) is not None


def formula_expression(
    sql: str, target: tuple[str, ColumnType, Dialect], *, principal: str | None, columns: Mapping[str, str]
) -> str:
    """`sql` for the column, type and dialect of `target`, cast to the type.

    Raises:
        PolicyError: it names a column that is not in `columns`, or yields another kind of value.
    """
    column, type_, dialect = target
    tree = parse_formula(sql)
    yielded = _yielded(tree)
    if yielded is not None and yielded is not _family(type_.kind):
        hint = f"Yield {_family(type_.kind).value}, {{column}}, or NULL."
        raise fault(f"the expression yields {yielded.value}, not a value of type {type_.sql}", hint)
    value = _written(tree, _Writing(dialect, column, principal, columns))
    whole = f"CASE WHEN FALSE THEN {column} ELSE {value} END"
    is_cast = dialect in {"postgresql", "duckdb"} and type_.kind is not Kind.TEXT
    return f"CAST({whole} AS {type_.sql})" if is_cast else whole


@dataclass(frozen=True, slots=True)
class _Writing:
    """What a tree is written for. `columns`: None while it is only checked."""

    dialect: Dialect
    column: str
    principal: str | None = None
    columns: Mapping[str, str] | None = None


def _refused(what: str) -> Exception:
    known = ", ".join(FUNCTIONS)
    hint = f"Use CASE, comparisons, IN, BETWEEN, IS NULL, AND, OR, NOT, || and the functions {known}."
    return fault(f"{what} is not allowed in an expression", hint)


def _written(node: exp.Expr, to: _Writing) -> str:
    """`node` as SQL."""
    match node:
        case exp.Paren():
            return _written(node.this, to)
        case exp.Literal() | exp.Null() | exp.Boolean() | exp.Neg() | exp.Placeholder() | exp.Column():
            return _leaf(node, to)
        case exp.And() | exp.Or():
            word = "AND" if isinstance(node, exp.And) else "OR"
            return f"({_written(node.this, to)} {word} {_written(node.expression, to)})"
        case exp.Not():
            return f"(NOT ({_written(node.this, to)}))"
        case exp.Is() if isinstance(node.expression, exp.Null):
            return f"({_written(node.this, to)} IS NULL)"
        case exp.In() if node.expressions and not node.args.get("query"):
            return _any(_operated("=", _written(node.this, to), _written(one, to), to=to) for one in node.expressions)
        case exp.Between() if not node.args.get("symmetric"):
            value, low, high = (_written(node.args[name], to) for name in ("this", "low", "high"))
            return f"({_operated('>=', value, low, to=to)} AND {_operated('<=', value, high, to=to)})"
        case exp.Case():
            return _case(node, to)
        case _:
            return _operation(node, to)


def _any(conditions: Iterable[str]) -> str:
    return f"({' OR '.join(conditions)})"


def _operation(node: exp.Expr, to: _Writing) -> str:
    spelled = spelling(to.dialect)
    if type(node) in _COMPARISONS:
        operator = _COMPARISONS[type(node)]
        return _operated(operator, _written(node.this, to), _written(node.expression, to), to=to)
    if isinstance(node, exp.DPipe):
        return spelled.concatenated(_written(node.this, to), _written(node.expression, to))
    if isinstance(node, exp.Concat) and node.expressions:
        return spelled.concatenated(*(_written(part, to) for part in node.expressions))
    if isinstance(node, exp.Left | exp.Right):
        cut = spelled.left if isinstance(node, exp.Left) else spelled.right
        return cut(_written(node.this, to), _count(node.expression))
    if isinstance(node, exp.Length):
        return spelled.length(_written(node.this, to))
    return _function(node, to)


def _function(node: exp.Expr, to: _Writing) -> str:
    match node:
        case exp.Coalesce():
            return f"COALESCE({', '.join(_written(part, to) for part in (node.this, *node.expressions))})"
        case exp.Nullif():
            value = _written(node.this, to)
            return f"CASE WHEN {_operated('=', value, _written(node.expression, to), to=to)} THEN NULL ELSE {value} END"
        case exp.Substring() if node.args.get("start") is not None:
            counts = [str(_count(node.args[name])) for name in ("start", "length") if node.args.get(name) is not None]
            return _called("substr", [_written(node.this, to), *counts], to)
        case exp.Replace() if node.expression is not None and node.args.get("replacement") is not None:
            parts = (node.this, node.expression, node.args["replacement"])
            return _called("replace", [_written(part, to) for part in parts], to)
        case exp.Trim() if [name for name, value in node.args.items() if value is not None] == ["this"]:
            return _called("btrim" if to.dialect == "postgresql" else "trim", [_written(node.this, to)], to)
        case exp.Lower() | exp.Upper():
            return _called(_CALLS[type(node)], [_written(node.this, to)], to)
        case _:
            name = node.name if isinstance(node, exp.Anonymous) else node.key.upper()
            raise _refused(name)


def _called(name: str, arguments: list[str], to: _Writing) -> str:
    prefix = "pg_catalog." if to.dialect == "postgresql" else ""
    return f"{prefix}{name}({', '.join(arguments)})"


def _operated(operator: str, left: str, right: str, *, to: _Writing) -> str:
    if to.dialect == "postgresql":
        return postgresql.operated(left, operator, right)
    return f"({left} {operator} {right})"


def _count(node: exp.Expr | None) -> int:
    """A number of characters, written as such: from 1 to 9999."""
    text = node.name if isinstance(node, exp.Literal) and not node.is_string else ""
    if not re.fullmatch(r"[1-9]\d{0,3}", text, re.ASCII):
        raise fault("a number of characters is expected", "Write a whole number from 1 to 9999.")
    return int(text)


def _leaf(node: exp.Expr, to: _Writing) -> str:
    match node:
        case exp.Null():
            return "NULL"
        case exp.Boolean():
            return "TRUE" if node.this else "FALSE"
        case exp.Literal() if node.is_string:
            return _string(node.this, to)
        case exp.Literal() if re.fullmatch(r"\d{1,18}(\.\d{1,18})?", node.this, re.ASCII):
            return str(node.this)
        case exp.Neg() if isinstance(node.this, exp.Literal) and not node.this.is_string:
            return f"(-{_leaf(node.this, to)})"
        case exp.Placeholder() if node.name == "principal":
            return _principal(to)
        case exp.Column() if not node.args.get("table") and isinstance(node.this, exp.Identifier):
            return _column(node, to)
        case _:
            raise _refused(node.sql())


def _principal(to: _Writing) -> str:
    if to.principal is None:
        return f"CAST(NULL AS {_TEXT_TYPES[to.dialect]})"
    return spelling(to.dialect).string(to.principal)


def _string(text: str, to: _Writing) -> str:
    written = spelling(to.dialect).string(text)
    # Bare, so that it takes the type of what it is compared with: an enumeration's label, a date.
    bare = written.removeprefix("CAST(").removesuffix(" AS pg_catalog.text)")
    return bare if bare == "'" + text + "'" else written


def _column(node: exp.Column, to: _Writing) -> str:
    name = node.name
    if name == _COLUMN:
        return to.column
    if to.columns is None:
        return '"c"'
    matching = [n for n in to.columns if n == name] or [n for n in to.columns if n.lower() == name.lower()]
    if len(matching) != 1:
        raise fault(
            f"the expression names the column {name}, which its table lacks", "Name a column of the same table."
        )
    return to.columns[matching[0]]


def _case(node: exp.Case, to: _Writing) -> str:
    arms = []
    for arm in node.args["ifs"]:
        condition = _written(arm.this, to)
        if node.this is not None:
            condition = _operated("=", _written(node.this, to), condition, to=to)
        arms.append(f"WHEN {condition} THEN {_written(arm.args['true'], to)}")
    default = node.args.get("default")
    last = f" ELSE {_written(default, to)}" if default is not None else ""
    return f"CASE {' '.join(arms)}{last} END"


def _family(kind: Kind) -> Kind:
    return Kind.DECIMAL if kind in {Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT} else kind


def _yielded(node: exp.Expr) -> Kind | None:
    """TEXT, DECIMAL for any number, BOOLEAN; None where that depends on columns, or is NULL."""
    match node:
        case exp.Paren() | exp.Coalesce() | exp.Nullif():
            return _yielded(node.this)
        case exp.Literal():
            return None if node.is_string else Kind.DECIMAL
        case exp.Case():
            results = [arm.args["true"] for arm in node.args["ifs"]] + [node.args.get("default") or exp.Null()]
            return next((found for found in map(_yielded, results) if found is not None), None)
        case exp.Boolean() | exp.And() | exp.Or() | exp.Not() | exp.Is() | exp.In() | exp.Between():
            return Kind.BOOLEAN
        case exp.EQ() | exp.NEQ() | exp.LT() | exp.LTE() | exp.GT() | exp.GTE():
            return Kind.BOOLEAN
        case exp.Neg() | exp.Length():
            return Kind.DECIMAL
        case exp.Null() | exp.Column():
            return None
        case _:
            return Kind.TEXT
