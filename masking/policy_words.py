"""What pydantic finds wrong with one value of a policy, in the words of who wrote it. No value is quoted."""

from decimal import Decimal

from pydantic_core import ErrorDetails

_SAID = {
    "tuple_type": "a list is expected here",
    "dict_type": "a mapping is expected here",
    "model_type": "a mapping is expected here",
    "model_attributes_type": "a mapping is expected here",
    "string_type": "text is expected here; put it between quotes",
    "int_type": "a whole number is expected here",
    "bool_type": "true or false is expected here",
}
_FORMS = {
    r"^\S+$": "a name without blanks is expected here",
    r"^[\w.@+/-]+$": "a name is expected here: letters, digits and . @ + / - _",
    r"^(env:[A-Za-z_]\w*|[A-Za-z][\w+.-]*://\S+)$": "a URL such as mailto://…, or env:NAME, is expected here",
}
"""Patterns of values that a person writes. What no line here is for has its own words already."""
_COLLECTIONS = ("Tuple", "List", "Dictionary", "Set", "Frozenset")
_LIMITS = {
    "greater_than_equal": ("ge", "at least"),
    "greater_than": ("gt", "more than"),
    "less_than_equal": ("le", "at most"),
    "less_than": ("lt", "less than"),
}


def said(detail: ErrorDetails) -> str:
    """What is wrong, as the end of a sentence that begins with the key."""
    kind, context = detail["type"], detail.get("ctx", {})
    if kind in _SAID:
        return _SAID[kind]
    if kind in _LIMITS:
        name, words = _LIMITS[kind]
        return f"a number of {words} {_plain(context[name])} is expected here"
    if kind in ("too_short", "string_too_short", "bytes_too_short"):
        return _counted("at least", context["min_length"], str(context.get("field_type")))
    if kind in ("too_long", "string_too_long", "bytes_too_long"):
        return _counted("at most", context["max_length"], str(context.get("field_type")))
    if kind == "literal_error":
        return f"expected {context['expected']}"
    if kind == "string_pattern_mismatch":
        return _FORMS.get(context["pattern"], "it is not of the form that is expected here")
    message = detail["msg"].removeprefix("Value error, ")
    return message[:1].lower() + message[1:]


def _counted(words: str, number: int, kind: str) -> str:
    if kind in _COLLECTIONS:
        return "it may not be empty" if (words, number) == ("at least", 1) else f"{words} {number} are expected here"
    return f"{words} {number} characters are expected here"


def _plain(number: object) -> str:
    """`1E-9` → `0.000000001`."""
    return format(number, "f") if isinstance(number, Decimal) else str(number)
