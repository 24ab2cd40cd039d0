"""Masks in PostgreSQL. Functions, operators and types are named with their schema: no search path can replace them.

Only `CASE`, `IS NULL`, `AND` and `CAST` stand bare: they look up nothing by name. All of it is stable or immutable,
and parallel-safe.
"""

# ruff: noqa: D103 -- what each function yields is said once, in `Spelling`

from datetime import date, datetime
from decimal import Decimal

from masking.constants import Fixed
from masking.dialects.spelling import Unit, inert_parts, plain
from masking.masks import EXACT, PSEUDONYM_LENGTH, Hash
from masking.ranges import SINGLE, lowest, one_step_above
from masking.types import ColumnType, Kind

_TEXT = "pg_catalog.text"


def _call(name: str, *arguments: str) -> str:
    return f"pg_catalog.{name}({', '.join(arguments)})"


def operated(left: str, operator: str, right: str) -> str:
    """`left` and `right` under one of PostgreSQL's own operators, in parentheses."""
    return f"({left} OPERATOR(pg_catalog.{operator}) {right})"


def cast(value: str, type_: str) -> str:
    """`value` as `type_`."""
    return f"CAST({value} AS {type_})"


def _quote(text: str) -> str:
    return cast(f"'{text}'", _TEXT)


def string(text: str) -> str:
    return concatenated(*inert_parts(text, quote=_quote, code=lambda code: _call("chr", str(code))))


def literal(value: Fixed, type_: ColumnType) -> str:
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, datetime):
        # The basic ISO format: it needs no colon, and every DateStyle reads it alike.
        written = f"'{value:%Y%m%d} {value:%H%M%S.%f}{'+00' if value.tzinfo else ''}'"
        return cast(written, type_.sql)
    if isinstance(value, date):
        return cast(f"'{value.isoformat()}'", type_.sql)
    if isinstance(value, int | float | Decimal):
        return cast(f"'{plain(value)}'", type_.sql)
    text = string(str(value))
    return (
        cast(text.removeprefix("CAST(").removesuffix(f" AS {_TEXT})"), type_.sql)
        if _is_one(text)
        else cast(text, type_.sql)
    )


def _is_one(text: str) -> bool:
    """Whether a string literal is a single quoted one, which can be of any type without going through text."""
    return text.startswith("CAST('") and "OPERATOR" not in text


def null(column: str, type_: ColumnType) -> str:
    return fixed("NULL", column, type_)


def fixed(value: str, column: str, type_: ColumnType) -> str:
    # A column that lent its collation would be folded away with it before CREATE TABLE AS looks.
    del column
    return cast(value, type_.sql) + (f" COLLATE {type_.collation}" if type_.collation else "")


def text(column: str, type_: ColumnType) -> str:
    is_plain = type_.sql == _TEXT or type_.sql.startswith("character varying")
    return column if is_plain else cast(column, _TEXT)


def opaque(column: str) -> str:
    del column
    return ""


def left(text: str, count: int) -> str:
    return _call("left", text, str(count))


def right(text: str, count: int) -> str:
    return _call("right", text, str(count))


def length(text: str) -> str:
    return _call("length", text)


def greater(number: str, bound: int) -> str:
    return operated(number, ">", str(bound))


def concatenated(*texts: str) -> str:
    joined, *rest = texts
    for part in rest:
        joined = operated(joined, "||", part)
    return joined


def contains(text: str, character: str) -> str:
    return greater(_call("strpos", text, f"'{character}'"), 0)


def after_last(text: str, character: str) -> str:
    # Parts are counted from the end only by PostgreSQL 14 and later.
    return _call("reverse", _call("split_part", _call("reverse", text), f"'{character}'", "1"))


def finished(value: str, column: str, type_: ColumnType, *, longest: int | None = None) -> str:
    del column, longest
    return cast(value, type_.sql) if type_.kind is Kind.TEXT and type_.sql != _TEXT else value


def either(condition: str, column: str, masked: str, *, type_: ColumnType) -> str:
    return finished(f"CASE WHEN {condition} THEN {column} ELSE {masked} END", column, type_)


def pseudonym(column: str, type_: ColumnType, mask: Hash) -> str:
    # A setting that was rolled back or reset is an empty string: no key, so no pseudonym.
    setting = _call("current_setting", f"'unmask.k{mask.id}'", "TRUE")
    key = f"CASE WHEN {operated(setting, '<>', _quote(''))} THEN {setting} END"
    inner = _digest(concatenated(key, text(column, type_)))
    return left(_digest(concatenated(key, inner)), PSEUDONYM_LENGTH)


def _digest(text: str) -> str:
    return _call("encode", _call("sha256", _call("convert_to", text, "'UTF8'")), "'hex'")


def truncated(column: str, type_: ColumnType, unit: Unit) -> str:
    """Outside 4713 BC to AD 294275, where truncation itself would fail, the nearer infinity; infinities stay."""
    if type_.kind is Kind.DATE:
        month = _part("month", column) if unit == "month" else "1"
        inside = _call("make_date", _part("year", column), month, "1")
    else:
        zone = ("'UTC'",) if type_.with_time_zone else ()
        inside = cast(_call("date_trunc", f"'{unit}'", column, *zone), type_.sql)
    least, greatest, below, above = (
        cast(f"'{bound}'", type_.sql) for bound in ("4712-01-01 BC", "294276-01-01", "-infinity", "infinity")
    )
    return (
        f"CASE WHEN {operated(column, '<', least)} THEN {below} "
        f"WHEN {operated(column, '<', greatest)} THEN {inside} ELSE {above} END"
    )


def _part(name: str, column: str) -> str:
    return cast(_call("date_part", f"'{name}'", column), "integer")


def rounded_down(column: str, type_: ColumnType, size: Decimal) -> str:
    if type_.kind is Kind.FLOAT:
        return _float_rounded_down(column, type_, size)
    least = lowest(type_)
    step = cast(f"'{plain(size)}'", type_.sql if type_.kind is Kind.INTEGER else "numeric")
    remainder = _call("mod", column, step)
    multiple = operated(column, "-", remainder)
    # Towards zero first: the step below the least multiple may lie outside the type.
    above = multiple if least is None else f"GREATEST({multiple}, {_number(one_step_above(least, size), type_)})"
    lower = operated(above, "-", step)
    result = f"CASE WHEN {operated(remainder, '<', '0')} THEN {lower} ELSE {multiple} END"
    if type_.kind is Kind.DECIMAL and least is None:
        # Infinity, which PostgreSQL 13 cannot even spell, is no number where it is taken from itself.
        endless = operated(operated(column, "-", column), "=", cast("'NaN'", "numeric"))
        return f"CASE WHEN {endless} THEN {column} ELSE {result} END"
    return cast(result, type_.sql)


def _number(value: Decimal, type_: ColumnType) -> str:
    return cast(f"'{plain(value)}'", type_.sql if type_.kind is Kind.INTEGER else "numeric")


def _float_rounded_down(column: str, type_: ColumnType, size: Decimal) -> str:
    double = "double precision"
    value = cast(column, double) if type_.sql in SINGLE else column
    step, least, greatest, zero = (
        cast(f"'{n!r}'", double) for n in (float(size), -float(size), EXACT * float(size), 0.0)
    )
    lowest = cast(f"'{-EXACT * float(size)!r}'", double)
    multiple = operated(_call("floor", operated(value, "/", step)), "*", step)
    return cast(
        f"CASE WHEN {operated(value, '>=', greatest)} THEN {value} WHEN {operated(value, '<=', lowest)} THEN {value} "
        f"WHEN {operated(value, '>=', step)} THEN {multiple} WHEN {operated(value, '>=', zero)} THEN {zero} "
        f"WHEN {operated(value, '>', least)} THEN {least} ELSE {multiple} END",
        type_.sql,
    )
