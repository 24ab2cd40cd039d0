"""Counting the rows that a statement reveals, without a cost for statements that reveal none."""

from collections.abc import Callable
from functools import partial
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

    _FETCHES = ("fetchone", "fetchmany", "fetchall")
    _ENDS = ("close", "execute", "executemany", "unmask_execute")

    def __init__(self, cursor: Any, report: Callable[[int], None]) -> None:
        self._cursor = cursor
        self._report = report
        self._rows = 0
        self._is_fetching = False
        for name in self._FETCHES:
            setattr(cursor, name, partial(self._fetch, name, getattr(cursor, name)))
        for name in self._ENDS:
            setattr(cursor, name, partial(self._end, name))

    def _fetch(self, name: str, fetch: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if self._is_fetching:  # one fetch is made of others: its own rows are all that counts
            return fetch(*args, **kwargs)
        self._is_fetching = True
        try:
            found = fetch(*args, **kwargs)
        finally:
            self._is_fetching = False
        count = (found is not None) if name == "fetchone" else len(found)
        self._rows += count
        if not count or name == "fetchall":
            self._finish()
        return found

    def _end(self, name: str, *args: Any, **kwargs: Any) -> Any:
        self._finish()
        return getattr(self._cursor, name)(*args, **kwargs)

    def _finish(self) -> None:
        for name in (*self._FETCHES, *self._ENDS):
            self._cursor.__dict__.pop(name, None)
        self._report(self._rows)
