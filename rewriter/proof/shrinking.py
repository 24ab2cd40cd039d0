"""A failing statement made small: runs of tokens are dropped while it goes on failing."""

import re
from collections.abc import Callable, Iterator

_TOKEN = re.compile(r"(?:'(?:[^']|'')*'|\"[^\"]*\"|`[^`]*`|\d+\.\d+|\w+|[-<>=!|~^@:*&#]+|.)\s*", re.DOTALL)
_MOST_ATTEMPTS = 600


def shrunk(sql: str, is_failing: Callable[[str], bool]) -> str:
    """The smallest statement found that fails as `sql` does."""
    tokens = _TOKEN.findall(sql)
    attempts = 0
    length = len(tokens) // 2
    while length:
        start = 0
        while start < len(tokens) and attempts < _MOST_ATTEMPTS:
            shorter = tokens[:start] + tokens[start + length :]
            attempts += 1
            if (
                len(shorter) < len(tokens)
                and _is_balanced(tokens[start : start + length])
                and is_failing("".join(shorter))
            ):
                tokens = shorter
            else:
                start += 1
        length = min(length, len(tokens)) * 2 // 3 if length > 1 else 0
    return _unwrapped(tokens, is_failing)


def _is_balanced(tokens: list[str]) -> bool:
    depth = 0
    for token in tokens:
        depth += (token[0] == "(") - (token[0] == ")")
        if depth < 0:
            return False
    return depth == 0


def _unwrapped(tokens: list[str], is_failing: Callable[[str], bool]) -> str:
    """Pairs of brackets dropped, and what surrounds a bracketed query."""
    is_changed = True
    while is_changed:
        is_changed = False
        for shorter in _without_pairs(tokens):
            if is_failing("".join(shorter)):
                tokens, is_changed = shorter, True
                break
    return "".join(tokens)


def _without_pairs(tokens: list[str]) -> Iterator[list[str]]:
    opened: list[int] = []
    for index, token in enumerate(tokens):
        if token[0] == "(":
            opened.append(index)
        elif token[0] == ")" and opened:
            start = opened.pop()
            yield tokens[start + 1 : index]
            yield tokens[:start] + tokens[start + 1 : index] + tokens[index + 1 :]
