"""Whether the statement that an approver is shown is the one that a request is bound to.

A request carries both, the text and the fingerprint, and its author may have signed any two. The hook goes by the
fingerprint, people by the text: so nobody approves before one was seen to follow from the other.
"""

from dataclasses import replace
from typing import get_args

from grants.records import StatementScope
from masking import Dialect


def is_shown_truly(scope: StatementScope) -> bool:
    """Whether what the request is bound to is the text, in any of the dialects: as a statement, and in its values.

    A text with comments or line breaks, in which its author could tell stories, is not.
    """
    return any(
        _fingerprint(scope.text, dialect) == scope.fingerprint and _is_plain(scope, dialect)
        for dialect in get_args(Dialect)
    )


def _is_plain(scope: StatementScope, dialect: Dialect) -> bool:
    from rewriter.exactness import UNKNOWN, is_exactly, shown  # noqa: PLC0415 -- the rewriter takes long to import

    if shown(scope.text, dialect) != scope.text:
        return False
    return scope.exact is None or is_exactly(
        scope.exact, scope.text, dialect, parameters=UNKNOWN, is_percent_doubled=False
    )


def _fingerprint(text: str, dialect: Dialect) -> str | None:
    # Only its tokens are read: without its literals a statement need not be one that parses (`DATE ?`).
    from rewriter import StatementRefused  # noqa: PLC0415 -- the rewriter takes long to import
    from rewriter.fingerprint import fingerprint  # noqa: PLC0415 -- as above
    from rewriter.kinds import StatementKind  # noqa: PLC0415 -- as above
    from rewriter.placeholders import parseable  # noqa: PLC0415 -- as above
    from rewriter.statement import Statement, tokens_of  # noqa: PLC0415 -- as above

    try:
        read = parseable(text, dialect)
        statement = Statement(
            sql=text,
            text=read.text,
            dialect=dialect,
            kind=StatementKind.SELECT,
            tokens=(),
            tree=None,
            quoted=read.quoted,
            is_percent_doubled=False,
        )
        return fingerprint(replace(statement, tokens=tokens_of(statement)))
    except StatementRefused:
        return None
