"""Masks in MySQL and MariaDB, in SQL that reads alike under every `sql_mode`.

No `||`, no `%`, no double quotes, no `NOT`; each mask begins with `CASE WHEN column IS NULL THEN column`, so that the
result takes the column's own collation and is as implicit as the column.
"""

# ruff: noqa: D103 -- what each function yields is said once, in `Spelling`

from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from masking.constants import Fixed
from masking.dialects.spelling import Unit, inert_parts, plain
from masking.masks import EXACT, PSEUDONYM_LENGTH, Hash
from masking.ranges import lowest, one_step_above
from masking.types import ColumnType, Kind


def string(text: str) -> str:
    parts = inert_parts(text, quote=lambda run: f"'{run}'", code=lambda _: "")
    if text and text.isascii() and parts == [f"'{text}'"]:
        return parts[0]
    # In hexadecimal no client character set, and no mode that makes '' NULL, can change its meaning.
    return f"_utf8mb4 X'{text.encode().hex()}'"


def literal(value: Fixed, type_: ColumnType) -> str:
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, datetime):
        if value.tzinfo and 0 < value.timestamp() < 2**31 - 1:  # an instant, displayed in the session's time zone
            return f"CAST(FROM_UNIXTIME({value.timestamp():.6f}) AS DATETIME({type_.precision or 0}))"
        return f"CAST('{value:%Y%m%d%H%M%S.%f}' AS DATETIME({type_.precision or 0}))"
    if isinstance(value, date):
        return f"CAST('{value.isoformat()}' AS DATE)"
    if isinstance(value, UUID):
        return f"CAST('{value}' AS UUID)"
    if type_.kind is Kind.JSON:
        return f"JSON_EXTRACT({string(str(value))}, '$')"
    if type_.kind is Kind.DECIMAL and isinstance(value, int | Decimal):
        return f"CAST({plain(value)} AS DECIMAL({type_.precision},{type_.scale}))"
    if type_.kind is Kind.FLOAT:
        return f"{float(str(value))!r}" + ("" if "e" in repr(float(str(value))) else "e0")
    if type_.kind is Kind.INTEGER:
        return f"CAST({value} AS {'UNSIGNED' if type_.unsigned else 'SIGNED'})"
    return string(str(value))


def null(column: str, type_: ColumnType) -> str:
    del type_
    return f"CASE WHEN FALSE THEN {column} END"  # beside a NULL written out, an unsigned type would become a decimal


def fixed(value: str, column: str, type_: ColumnType) -> str:
    del type_
    return f"CASE WHEN FALSE THEN {column} ELSE {value} END"


def text(column: str, type_: ColumnType) -> str:
    # CHAR comes without its padding, unless PAD_CHAR_TO_FULL_LENGTH is set.
    return f"RTRIM({column})" if type_.sql.lower().startswith("char") else column


def opaque(column: str) -> str:
    del column
    return ""


def left(text: str, count: int) -> str:
    return f"LEFT({text}, {count})"


def right(text: str, count: int) -> str:
    return f"RIGHT({text}, {count})"


def length(text: str) -> str:
    return f"CHAR_LENGTH({text})"


def greater(number: str, bound: int) -> str:
    return f"({number} > {bound})"


def concatenated(*texts: str) -> str:
    return f"CONCAT({', '.join(texts)})" if len(texts) > 1 else texts[0]


def contains(text: str, character: str) -> str:
    return f"(LOCATE('{character}', {text}) > 0)"


def after_last(text: str, character: str) -> str:
    return f"SUBSTRING_INDEX({text}, '{character}', -1)"


def finished(value: str, column: str, type_: ColumnType, *, longest: int | None = None) -> str:
    del column
    if type_.kind is not Kind.TEXT:
        return value
    is_long = type_.length is not None and (longest is None or longest > type_.length)
    # MariaDB keeps the text of most calls in one place of the expression: where a statement reads such a column twice
    # (`REPLACE(email, 'a', email)`), the second reading overwrote the first. That of CONCAT is copied.
    return f"CONCAT({f'LEFT({value}, {type_.length})' if is_long else value})"


def either(condition: str, column: str, masked: str, *, type_: ColumnType) -> str:
    return finished(f"CASE WHEN {condition} THEN {column} ELSE {masked} END", column, type_)


def pseudonym(column: str, type_: ColumnType, mask: Hash) -> str:
    key = f"CAST(@unmask_{mask.id} AS BINARY)"
    inner = f"SHA2(CONCAT({key}, CAST(CONVERT({text(column, type_)} USING utf8mb4) AS BINARY)), 256)"
    outer = left(f"SHA2(CONCAT({key}, CAST({inner} AS BINARY)), 256)", PSEUDONYM_LENGTH)
    # In the column's character set, or it could not stand beside the column in a CASE.
    character_set = (type_.collation or "").partition("_")[0]
    return f"CONVERT({outer} USING {character_set})" if character_set else outer


def truncated(column: str, type_: ColumnType, unit: Unit) -> str:
    """Counted in days, so that no year is too small for it; dates with zeroes for parts have no day and become NULL."""
    zoned = type_.kind is Kind.TIMESTAMP and type_.with_time_zone
    # A TIMESTAMP is read as an instant, whatever time zone the session displays it in.
    value = (
        f"TIMESTAMPADD(SECOND, FLOOR(UNIX_TIMESTAMP({column})), CAST('1970-01-01' AS DATETIME))" if zoned else column
    )
    day = "DAYOFYEAR" if unit == "year" else "DAYOFMONTH"
    first = f"FROM_DAYS(TO_DAYS({value}) - {day}({value}) + 1)"
    if type_.kind is Kind.DATE:
        return first
    if not zoned:
        return f"CAST({first} AS DATETIME({type_.precision or 0}))"
    seconds = f"TIMESTAMPDIFF(SECOND, CAST('1970-01-01' AS DATETIME), CAST({first} AS DATETIME))"
    return f"CAST(FROM_UNIXTIME({seconds}) AS DATETIME({type_.precision or 0}))"


def rounded_down(column: str, type_: ColumnType, size: Decimal) -> str:
    if type_.kind is Kind.FLOAT:
        return _float_rounded_down(column, float(size))
    step, least = plain(size), lowest(type_)
    # Division towards zero, which no mode makes overflow as a subtraction of unsigned numbers does.
    multiple = (
        f"({column} DIV {step} * {step})" if type_.kind is Kind.INTEGER else f"({column} - MOD({column}, {step}))"
    )
    target = f"DECIMAL({type_.precision},{type_.scale})"
    if type_.unsigned or least is None:
        return f"CAST({multiple} AS {target if type_.kind is Kind.DECIMAL else 'UNSIGNED'})"
    lower = f"(GREATEST({multiple}, {plain(one_step_above(least, size))}) - {step})"
    # Not by the remainder's sign: the remainder of a decimal can be a zero that counts as negative.
    result = f"CASE WHEN {column} < {multiple} THEN {lower} ELSE {multiple} END"
    return f"CAST({result} AS {target if type_.kind is Kind.DECIMAL else 'SIGNED'})"


def _float_rounded_down(column: str, size: float) -> str:
    step, greatest = _double(size), _double(EXACT * size)
    multiple = f"(FLOOR({column} / {step}) * {step})"
    return (
        f"CASE WHEN {column} >= {greatest} OR {column} <= -{greatest} THEN {column} "
        f"WHEN {column} >= 0 AND {column} < {step} THEN 0e0 "
        f"WHEN {column} < 0 AND {column} > -{step} THEN -{step} ELSE {multiple} END"
    )


def _double(number: float) -> str:
    return repr(number) if "e" in repr(number) else f"{number!r}e0"
