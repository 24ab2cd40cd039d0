"""One mask over one column type as a SQL expression in one dialect.

What the expression yields is what `masking.masks.masked` does, held together by tests on real engines. Its text is
inert for every driver: it has no placeholder, nothing that a driver could take for one, and no line break.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import assert_never

from masking.constants import fitting, is_text_dated, redaction
from masking.dialects import Spelling, spelling
from masking.errors import fault
from masking.masks import (
    LABEL_LENGTH,
    PSEUDONYM_LENGTH,
    Bucket,
    Constant,
    Email,
    Expression,
    Hash,
    Mask,
    Month,
    Null,
    Partial,
    Redact,
    Year,
)
from masking.ranges import decimal_range, integer_range
from masking.types import ColumnType, Dialect, Kind

_NO_COLUMNS: Mapping[str, str] = {}


def mask_expression(  # noqa: PLR0913, PLR0917 -- the four say what is masked, the rest serves expressions alone
    mask: Mask,
    column: str,
    type_: ColumnType,
    dialect: Dialect,
    *,
    principal: str | None = None,
    columns: Mapping[str, str] = _NO_COLUMNS,
) -> str:
    """SQL over `column`, a quoted identifier, that yields the mask's value in exactly the type `type_`.

    `principal` and `columns` (name → quoted identifier, of the same row) are what an `expression` may refer to.

    Raises:
        PolicyError: the mask cannot yield the type, or the expression names a column that is not there.
    """
    spelled = spelling(dialect)
    match mask:
        case Null():
            return spelled.null(column, type_)
        case Redact():
            return _redacted(column, type_, spelled)
        case Constant():
            return spelled.fixed(spelled.literal(fitting(mask.value, type_), type_), column, type_)
        case Expression():
            from masking.formula import formula_expression  # noqa: PLC0415 -- parses SQL: not needed by most users

            value = formula_expression(mask.sql, (column, type_, dialect), principal=principal, columns=columns)
            return spelled.finished(value, column, type_)
        case Partial() | Email() | Hash() | Year() | Month() | Bucket():
            _check(mask, type_)
            return _computed(mask, column, type_=type_, spelled=spelled)
        case _:
            assert_never(mask)


def _redacted(column: str, type_: ColumnType, spelled: Spelling) -> str:
    fixed = redaction(type_)
    if fixed is None:
        return spelled.null(column, type_)
    return spelled.finished(_kept(column, spelled.literal(fixed, type_)), column, type_, longest=len(str(fixed)))


def _computed(
    mask: Partial | Email | Hash | Year | Month | Bucket, column: str, *, type_: ColumnType, spelled: Spelling
) -> str:
    longest: int | None = None
    match mask:
        case Partial():
            value = _partial(mask, column, type_=type_, spelled=spelled)
            longest = mask.prefix + len(mask.padding) + mask.suffix
        case Email():
            value = _email(column, type_, spelled)
            longest = len("a***@***.") + LABEL_LENGTH
        case Hash():
            pseudonym = spelled.pseudonym(column, type_, mask)
            value = _kept(column, pseudonym if type_.kind is Kind.TEXT else f"CAST({pseudonym} AS {type_.sql})")
            longest = PSEUDONYM_LENGTH
        case Year() | Month():
            value = _kept(column, spelled.truncated(column, type_, mask.kind))
        case Bucket():
            value = _kept(column, spelled.rounded_down(column, type_, mask.size))
        case _:
            assert_never(mask)
    return spelled.finished(value, column, type_, longest=longest)


def _kept(column: str, value: str) -> str:
    """NULL where the column is NULL, and the column's collation for the rest."""
    return f"CASE WHEN {column} IS NULL THEN {column} ELSE {value} END"


def _partial(mask: Partial, column: str, *, type_: ColumnType, spelled: Spelling) -> str:
    text, padding = spelled.text(column, type_), spelled.string(mask.padding)
    shown = [padding] if mask.padding else []
    if mask.prefix:
        shown.insert(0, spelled.left(text, mask.prefix))
    if mask.suffix:
        shown.append(spelled.right(text, mask.suffix))
    if not mask.prefix + mask.suffix:
        return _kept(column, padding)
    is_longer = spelled.greater(spelled.length(text), mask.prefix + mask.suffix)
    opaque = spelled.opaque(column)
    return (
        f"CASE WHEN {column} IS NULL THEN {column} {f'WHEN {opaque} THEN {padding} ' if opaque else ''}"
        f"WHEN {is_longer} THEN {spelled.concatenated(*shown)} ELSE {padding} END"
    )


def _email(column: str, type_: ColumnType, spelled: Spelling) -> str:
    text = spelled.text(column, type_)
    first = spelled.left(text, 1)
    tail = spelled.right(text, LABEL_LENGTH + 1)  # enough to find the last label in, and short
    label = spelled.after_last(tail, ".")
    bare = spelled.concatenated(first, spelled.string("***@***"))
    dotted = spelled.concatenated(first, spelled.string("***@***."), label)
    opaque = spelled.opaque(column)
    hidden = f"WHEN {opaque} THEN {spelled.string('***')} " if opaque else ""
    return (
        f"CASE WHEN {column} IS NULL THEN {column} {hidden}"
        f"WHEN {spelled.contains(text, '@')} THEN CASE WHEN {spelled.contains(label, '@')} THEN {bare} "
        f"WHEN {spelled.contains(tail, '.')} THEN {dotted} ELSE {bare} END "
        f"ELSE {spelled.concatenated(first, spelled.string('***'))} END"
    )


def _check(mask: Partial | Email | Hash | Year | Month | Bucket, type_: ColumnType) -> None:
    """Raises unless the mask can yield the type.

    Raises:
        PolicyError: it cannot.
    """
    match mask:
        case Partial() | Email():
            is_fitting = type_.kind is Kind.TEXT
        case Hash():
            is_short = type_.length is not None and type_.length < PSEUDONYM_LENGTH
            is_uuid = type_.kind is Kind.UUID and not is_text_dated(type_)
            is_fitting = is_uuid or (type_.kind is Kind.TEXT and not is_short)
        case Year() | Month():
            is_fitting = type_.kind in {Kind.DATE, Kind.TIMESTAMP}
        case Bucket():
            is_fitting = _is_bucket_fitting(mask.size, type_)
        case _:
            assert_never(mask)
    if not is_fitting:
        raise fault(f"the mask {mask.kind} cannot yield a column of type {type_.sql}", _HINTS[mask.kind])


_HINTS = {
    "partial": "It needs a text column: use redact or null.",
    "email": "It needs a text column: use redact or null.",
    "hash": f"It needs a text column of at least {PSEUDONYM_LENGTH} characters, or a UUID: widen it, or use redact.",
    "year": "It needs a date or timestamp column: use redact or null.",
    "month": "It needs a date or timestamp column: use redact or null.",
    "bucket": "It needs a number column, and a size that is a value of its type: use redact or another size.",
}


def _is_bucket_fitting(size: Decimal, type_: ColumnType) -> bool:
    match type_.kind:
        case Kind.INTEGER:
            return size % 1 == 0 and size <= integer_range(type_)[1]
        case Kind.DECIMAL:
            bounds = decimal_range(type_)
            return bounds is None or (size <= bounds[1] and size == round(size, type_.scale or 0))
        case _:
            return type_.kind is Kind.FLOAT
