"""Masks in SQLite, where any column can hold any kind of value: each mask says what it does with the wrong kind.

A masked column must keep its affinity, which decides how it compares. A cast gives TEXT, INTEGER and REAL back, but a
cast to NUMERIC would destroy dates, so these take the affinity of the column by standing before it in a compound.
"""

# ruff: noqa: D103 -- what each function yields is said once, in `Spelling`

from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from masking.constants import Fixed
from masking.dialects.spelling import Unit, inert_parts, plain
from masking.masks import EXACT, Hash
from masking.types import ColumnType, Kind

_MIDNIGHT = "(' 00'||char(58)||'00'||char(58)||'00.000000')"
"""As SQLAlchemy writes it, so that it compares with what SQLAlchemy binds."""


def string(text: str) -> str:
    parts = inert_parts(text, quote=lambda run: f"'{run}'", code=lambda code: f"char({code})")
    return concatenated(*parts)


def literal(value: Fixed, type_: ColumnType) -> str:
    del type_
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, datetime):
        return string(f"{value.date().isoformat()} {value:%H:%M:%S.%f}")
    if isinstance(value, date | UUID):
        return string(str(value))
    if isinstance(value, float):
        return repr(value)
    return plain(value) if isinstance(value, int | Decimal) else string(value)


def null(column: str, type_: ColumnType) -> str:
    return fixed("NULL", column, type_)


def fixed(value: str, column: str, type_: ColumnType) -> str:
    return finished(value, column, type_)


def text(column: str, type_: ColumnType) -> str:
    del type_
    return column


def opaque(column: str) -> str:
    return f"typeof({column}) = 'blob'"


def left(text: str, count: int) -> str:
    return f"substr({text}, 1, {count})"


def right(text: str, count: int) -> str:
    return f"substr({text}, -{count})"


def length(text: str) -> str:
    return f"length({text})"


def greater(number: str, bound: int) -> str:
    return f"({number} > {bound})"


def concatenated(*texts: str) -> str:
    return f"({' || '.join(texts)})" if len(texts) > 1 else texts[0]


def contains(text: str, character: str) -> str:
    return f"(instr({text}, '{character}') > 0)"


def after_last(text: str, character: str) -> str:
    return f"substr({text}, length(rtrim({text}, replace({text}, '{character}', ''))) + 1)"


def finished(value: str, column: str, type_: ColumnType, *, longest: int | None = None) -> str:
    del longest
    match type_.sql:
        case "TEXT" | "REAL":
            return _collated(f"CAST({value} AS {type_.sql})", type_)
        case "BIGINT":
            return _collated(f"CAST({value} AS NUMERIC)", type_)
        case _:
            is_number = type_.kind in {Kind.DECIMAL, Kind.BOOLEAN}
            return _collated(f"CAST({value} AS NUMERIC)" if is_number else _as_column(value, column), type_)


def _as_column(value: str, column: str) -> str:
    """`value` with the affinity of `column`: the last part of a compound decides it, the first has the row."""
    return f"(SELECT {value} UNION ALL SELECT {column} WHERE 0)"


def either(condition: str, column: str, masked: str, *, type_: ColumnType) -> str:
    # Never by a cast: a value of another kind than its column's type must come out as it is stored.
    return _collated(_as_column(f"CASE WHEN {condition} THEN {column} ELSE {masked} END", column), type_)


def _collated(value: str, type_: ColumnType) -> str:
    return f"{value} COLLATE {type_.collation}" if type_.collation else value


def pseudonym(column: str, type_: ColumnType, mask: Hash) -> str:
    del type_
    return f"unmask_{mask.id}({column})"


def truncated(column: str, type_: ColumnType, unit: Unit) -> str:
    month = f"substr({column}, 6, 2) || '-01'" if unit == "month" else "'01-01'"
    midnight = f" || {_MIDNIGHT}" if type_.kind is Kind.TIMESTAMP else ""
    digit = "[0-9]"
    return (
        f"CASE WHEN typeof({column}) = 'text' AND {column} GLOB '{digit * 4}-{digit * 2}*' "
        f"THEN substr({column}, 1, 5) || {month}{midnight} END"
    )


def rounded_down(column: str, type_: ColumnType, size: Decimal) -> str:
    return (
        f"CASE typeof({column}) WHEN 'integer' THEN {_integer_rounded_down(column, type_, size)} "
        f"WHEN 'real' THEN {_real_rounded_down(column, type_, size)} END"
    )


def _integer_rounded_down(column: str, type_: ColumnType, size: Decimal) -> str:
    if size % 1:
        return _real_rounded_down(f"CAST({column} AS REAL)", type_, size)
    step = int(size)
    multiple = f"({column} / {step} * {step})"  # integers divide towards zero
    lower = f"(max({multiple}, {-(2**63) + step}) - {step})"
    return f"CASE WHEN {column} < {multiple} THEN {lower} ELSE {multiple} END"


def _real_rounded_down(column: str, type_: ColumnType, size: Decimal) -> str:
    """In a column that keeps whole numbers as integers, an integer where the result is whole."""
    step, bound = repr(float(size)), repr(EXACT * float(size))
    quotient = f"({column} / {step})"
    whole = f"CAST({quotient} AS INTEGER)"  # towards zero; `floor` is not in every build
    floor = f"({whole} - ({quotient} < {whole}))"
    is_whole = type_.sql != "REAL" and size % 1 == 0
    written = str(int(size)) if is_whole else step
    result = (
        f"CASE WHEN {column} >= {bound} OR {column} <= -{bound} THEN {column} "
        f"WHEN {column} >= 0 AND {column} < {step} THEN 0 WHEN {column} < 0 AND {column} > -{step} THEN -{written} "
        f"ELSE {floor} * {written} END"
    )
    if type_.sql == "REAL" or is_whole:
        return result
    is_kept_whole = f"{result} = CAST({result} AS INTEGER) AND {result} > {-(2.0**63)!r}"
    return f"CASE WHEN {is_kept_whole} THEN CAST({result} AS INTEGER) ELSE {result} END"
