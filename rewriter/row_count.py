"""Counting the rows that a statement reveals, without a cost for statements that reveal none."""

from collections.abc import Callable
from typing import Any


_UNKNOWN = 2**63
"""PyMySQL's unbuffered cursors say 2**64 - 1 for "not known yet"."""


def _is_server_side(cursor: Any) -> bool:
    """Whether the rows are still on the server: psycopg's and psycopg2's named cursors."""
    return getattr(cursor, "name", None) is not None


def count_rows(cursor: Any, report: Callable[[int], None]) -> None:
    """Call `report` once with the number of rows fetched: at once where the driver knows it, else at the end.

    The end is an empty fetch, `close()` or the cursor's next statement. The cursor's own methods are shadowed by
    attributes of this one object, so that other cursors do not pay for it.
    """
    known = getattr(cursor, "rowcount", -1)
    if isinstance(known, int) and 0 <= known < _UNKNOWN and not _is_server_side(cursor):
        report(known)
        return
    _Count(cursor, report)


class _Count:
    """The count of one result, and the shadows that keep it."""

    _SHADOWED = ("fetchone", "fetchmany", "fetchall", "close", "execute", "executemany")

    def __init__(self, cursor: Any, report: Callable[[int], None]) -> None:
        self._cursor = cursor
        self._report = report
        self._rows = 0
        self._own = {name: getattr(cursor, name) for name in self._SHADOWED}
        for name in self._SHADOWED:
            setattr(cursor, name, getattr(self, name))

    def _finish(self) -> Any:
        cursor = self._cursor
        for name in self._SHADOWED:
            cursor.__dict__.pop(name, None)
        self._report(self._rows)
        return cursor

    def fetchone(self) -> Any:
        row = self._own["fetchone"]()
        if row is None:
            self._finish()
        else:
            self._rows += 1
        return row

    def fetchmany(self, *args: Any, **kwargs: Any) -> Any:
        rows = self._own["fetchmany"](*args, **kwargs)
        self._rows += len(rows)
        if not rows:
            self._finish()
        return rows

    def fetchall(self) -> Any:
        rows = self._own["fetchall"]()
        self._rows += len(rows)
        self._finish()
        return rows

    def close(self) -> Any:
        return self._finish().close()

    def execute(self, *args: Any, **kwargs: Any) -> Any:
        return self._finish().execute(*args, **kwargs)

    def executemany(self, *args: Any, **kwargs: Any) -> Any:
        return self._finish().executemany(*args, **kwargs)
