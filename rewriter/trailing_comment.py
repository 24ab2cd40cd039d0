"""Setting aside the comment that tracing tools append to every statement, which would make each text a new one."""

import re

_COMMENT = re.compile(
    r"""
    \s? /\*                          # not an executable comment or a hint, which begin with one of ! + M:
    (?![!+M])
    (?: [A-Za-z0-9_ =',.:;()\-~@"]   # nothing that could open or close anything, in any state of any lexer,
      | (?P<percent> %[0-9A-Fa-f]{2} | %% )   # a URL-encoded sign, as sqlcommenter writes it
      | / (?! \*)
    )*
    \*/ \Z
    """,
    re.VERBOSE,
)


def split_comment(text: str, *, is_formatted: bool) -> tuple[str, str]:
    """`text` without one trailing block comment, and that comment: put together, they are `text` again.

    The comment has no line break and nothing nested, so whatever stands before it, text that is complete in itself
    stays what it was with the comment behind it. `is_formatted`: a `%` must be doubled, or it were a placeholder.
    """
    if not text.endswith("*/"):
        return text, ""
    start = text.rfind("/*")
    start -= 1 if start > 0 and text[start - 1] == " " else 0
    match = _COMMENT.fullmatch(text, start) if start > 0 else None
    if match is None:
        return text, ""
    comment = match.group()
    if is_formatted and "%" in comment.replace("%%", ""):
        return text, ""
    return text[:start], comment
