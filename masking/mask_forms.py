"""The ways in which a policy file may write a mask, brought to one: `{"kind": …, **settings}`.

`email`, `{bucket: 10}`, `{bucket: {size: 10}}`. A hash key may stand there itself, or as `env:NAME` or `file:PATH`.
"""

import os
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path

from masking.masks import SHORTEST_KEY, Bucket, Constant, Email, Expression, Hash, Month, Null, Partial, Redact, Year

MASKS = {
    mask.model_fields["kind"].default: mask
    for mask in (Redact, Null, Partial, Email, Hash, Year, Month, Bucket, Constant, Expression)
}
"""Name → mask, in the order in which they are documented."""
MAIN_SETTING = {"hash": "key", "bucket": "size", "constant": "value", "expression": "sql"}
"""The setting that a mask's short form gives: `{bucket: 10}`."""
_EXAMPLES = {
    "partial": '{partial: {prefix: 0, padding: "***-**-", suffix: 4}}',
    "hash": "{hash: {key: env:PSEUDONYM_KEY}}",
    "bucket": "{bucket: 10}",
    "constant": "{constant: 0}",
    "expression": "{expression: \"left({column}, 2) || '…'\"}",
}


class FormError(Exception):
    """A mask is not written in any known way. Attributes: `message`, `hint`."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message, hint)
        self.message = message
        self.hint = hint


def is_mask_form(value: object) -> bool:
    """Whether `value` is a mask by itself, rather than an entry that has one under `mask:`."""
    if isinstance(value, Mapping) and len(value) == 1:
        (name,) = value
        return name not in {"mask", "tags", "lookup", "optional"}
    return not isinstance(value, Mapping)


def mask_settings(value: object, folder: Path | None) -> dict[str, object]:
    """The mask that `value` writes, with its `kind` and its hash key looked up.

    Raises:
        FormError: no mask is written so.
    """
    if value is None:
        raise FormError("no mask here", 'For the mask that yields NULL write "null" with its quotes, else name a mask.')
    if isinstance(value, str):
        _check_name(value)
        if value in _EXAMPLES:
            raise FormError(f"the mask {value} needs settings", f"Write it like {_EXAMPLES[value]}.")
        return {"kind": value}
    if not isinstance(value, Mapping) or len(value) != 1:
        raise FormError("not a mask", f"Write a mask's name, or its name with settings: {_EXAMPLES['bucket']}.")
    ((name, settings),) = value.items()
    _check_name(name)
    if isinstance(settings, Mapping):
        found = {**settings, "kind": name}
    elif name in MAIN_SETTING:
        found = {"kind": name, MAIN_SETTING[name]: settings}
    elif settings is None and name not in _EXAMPLES:
        found = {"kind": name}
    else:
        raise FormError(f"not settings of the mask {name}", f"Write it like {_EXAMPLES.get(name, name)}.")
    return {**found, "key": _key(found["key"], folder)} if name == "hash" and "key" in found else found


def _check_name(name: str) -> None:
    if name not in MASKS:
        close = get_close_matches(name.lower(), MASKS, n=1)
        hint = f"Did you mean {close[0]}?" if close else f"Masks are {', '.join(MASKS)}."
        raise FormError(f"there is no mask called {name}", hint)


def _key(written: object, folder: Path | None) -> object:
    """The key itself. Fail closed: a reference that leads nowhere is a fault, never a key of its own."""
    if not isinstance(written, str):
        return written
    kind, _, target = written.partition(":")
    if kind == "env":
        found = os.environ.get(target, "")
        where = f"the environment variable {target}"
    elif kind == "file":
        where = f"the file {target}"
        try:
            found = ((folder or Path()) / target).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as exc:
            raise FormError(f"{where} with a hash key cannot be read: {type(exc).__name__}", "Check the path.") from exc
    else:
        return written
    if len(found) < SHORTEST_KEY:
        fault = "a hash key that is too short" if found else "no hash key"
        raise FormError(f"{where} holds {fault}", f"Set it, to at least {SHORTEST_KEY} random characters.")
    return found
