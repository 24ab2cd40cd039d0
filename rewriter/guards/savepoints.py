"""Reading in a transaction of the application's on PostgreSQL, where any error would abort it.

It imports no driver: those who use one need not have installed the others.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from rewriter.guards.gate import RawCursor


@contextmanager
def in_transaction(cursor: RawCursor, errors: type[BaseException]) -> Iterator[RawCursor]:
    """The application's transaction goes on as it was, whatever error happens inside."""
    cursor.execute("SAVEPOINT unmask")
    try:
        yield cursor
    except errors:
        cursor.execute("ROLLBACK TO SAVEPOINT unmask")
        raise
    cursor.execute("RELEASE SAVEPOINT unmask")
