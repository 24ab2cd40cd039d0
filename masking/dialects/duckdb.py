"""Masks in DuckDB, with functions that count code points, not graphemes, and need no extension."""

# ruff: noqa: D103 -- what each function yields is said once, in `Spelling`

from datetime import datetime
from decimal import Decimal

from masking.constants import Fixed
from masking.dialects.spelling import Unit, inert_parts, plain
from masking.masks import EXACT, PSEUDONYM_LENGTH, Hash
from masking.ranges import lowest, one_step_above
from masking.types import ColumnType, Kind


def string(text: str) -> str:
    parts = inert_parts(text, quote=lambda run: f"'{run}'", code=lambda code: f"chr({code})")
    return concatenated(*parts)


def literal(value: Fixed, type_: ColumnType) -> str:
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, datetime):
        return f"CAST({string(f'{value.date()} {value:%H:%M:%S.%f}' + ('+00' if value.tzinfo else ''))} AS {type_.sql})"
    if isinstance(value, int | float | Decimal):
        return f"CAST('{plain(value)}' AS {type_.sql})"
    written = string(str(value))
    return written if type_.kind is Kind.TEXT else f"CAST({written} AS {type_.sql})"


def null(column: str, type_: ColumnType) -> str:
    return fixed("NULL", column, type_)


def fixed(value: str, column: str, type_: ColumnType) -> str:
    del type_
    return f"CASE WHEN FALSE THEN {column} ELSE {value} END"


def text(column: str, type_: ColumnType) -> str:
    del type_
    return column


def opaque(column: str) -> str:
    del column
    return ""


def left(text: str, count: int) -> str:
    return f"left({text}, {count})"


def right(text: str, count: int) -> str:
    return f"right({text}, {count})"


def length(text: str) -> str:
    return f"length({text})"


def greater(number: str, bound: int) -> str:
    return f"({number} > {bound})"


def concatenated(*texts: str) -> str:
    return f"({' || '.join(texts)})" if len(texts) > 1 else texts[0]


def contains(text: str, character: str) -> str:
    return f"contains({text}, '{character}')"


def after_last(text: str, character: str) -> str:
    return f"split_part({text}, '{character}', -1)"


def finished(value: str, column: str, type_: ColumnType, *, longest: int | None = None) -> str:
    del column, type_, longest
    return value


def either(condition: str, column: str, masked: str, *, type_: ColumnType) -> str:
    return finished(f"CASE WHEN {condition} THEN {column} ELSE {masked} END", column, type_)


def pseudonym(column: str, type_: ColumnType, mask: Hash) -> str:
    del type_
    key = f"CAST(getvariable('unmask_{mask.id}') AS VARCHAR)"
    return left(f"sha256({key} || sha256({key} || CAST({column} AS VARCHAR)))", PSEUDONYM_LENGTH)


def truncated(column: str, type_: ColumnType, unit: Unit) -> str:
    if type_.with_time_zone:
        # Through the epoch: a cast to TIMESTAMP would go by the session's time zone.
        naive = f"make_timestamp(epoch_us({column}))"
        instant = f"make_timestamptz(epoch_us(date_trunc('{unit}', {naive})))"
        return f"CASE WHEN isfinite({column}) THEN {instant} ELSE {column} END"
    return f"CAST(date_trunc('{unit}', {column}) AS {type_.sql})"


def rounded_down(column: str, type_: ColumnType, size: Decimal) -> str:
    if type_.kind is Kind.FLOAT:
        return _float_rounded_down(column, type_, float(size))
    least = lowest(type_)
    step = f"CAST('{plain(size)}' AS {type_.sql})"
    remainder = f"mod({column}, {step})"
    multiple = f"({column} - {remainder})"
    if type_.unsigned or least is None:
        return f"CAST({multiple} AS {type_.sql})"
    lower = f"(greatest({multiple}, CAST('{plain(one_step_above(least, size))}' AS {type_.sql})) - {step})"
    return f"CAST(CASE WHEN {remainder} < 0 THEN {lower} ELSE {multiple} END AS {type_.sql})"


def _float_rounded_down(column: str, type_: ColumnType, size: float) -> str:
    value = f"CAST({column} AS DOUBLE)"
    step, greatest = f"CAST('{size!r}' AS DOUBLE)", f"CAST('{EXACT * size!r}' AS DOUBLE)"
    multiple = f"floor({value} / {step}) * {step}"
    return (
        f"CAST(CASE WHEN {value} >= {greatest} OR {value} <= -{greatest} THEN {value} "
        f"WHEN {value} >= 0 AND {value} < {step} THEN 0 WHEN {value} < 0 AND {value} > -{step} THEN -{step} "
        f"ELSE {multiple} END AS {type_.sql})"
    )
