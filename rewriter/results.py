"""Results that reveal: their rows are counted, and handed out only while the access that they rest on holds.

Statements that reveal nothing pay nothing: the class of a cursor is exchanged for one that looks at each fetch, for as
long as such a result is open.
"""

from collections.abc import Callable, Sized
from functools import lru_cache
from typing import Any
from weakref import WeakSet

_UNKNOWN = 2**63
"""PyMySQL's unbuffered cursors say 2**64 - 1 for "not known yet"."""


class Watch:
    """One open result: `check` raises once its rows may not be handed out any more, `report` is told how many were."""

    __slots__ = ("__weakref__", "_cursor", "_depth", "_plain", "_record", "_report", "_rows", "check", "results")

    def __init__(
        self, cursor: Any, *, check: Callable[[], None], report: Callable[[str, int], None], record: str
    ) -> None:
        self.check = check
        self.results: OpenResults | None = None
        self._cursor = cursor
        self._report = report
        self._record: str | None = record
        self._plain = type(cursor)
        self._rows = 0
        self._depth = 0
        known = getattr(cursor, "rowcount", -1)
        if isinstance(known, int) and 0 <= known < _UNKNOWN and not _is_server_side(cursor):
            self._tell(known)

    def _tell(self, rows: int) -> None:
        record, self._record = self._record, None
        if record is not None:
            self._report(record, rows)

    def fetched(self, fetch: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """What `fetch` returns, unless the access ended meanwhile."""
        self._depth += 1  # one fetch is made of others: its own rows are all that counts
        try:
            found = fetch(*args, **kwargs)
        finally:
            self._depth -= 1
        if not self._depth:
            self.check()
        return found

    def counted(self, rows: int, *, is_end: bool) -> None:
        """`rows` more were handed out; with the end, their number is reported."""
        if not self._depth:
            self._rows += rows
            if is_end:
                self._tell(self._rows)

    def end(self) -> None:
        """The result is closed, or gives way to another: the cursor is what it was."""
        if self.results is not None:
            self.results.discard(self)
        if self._cursor.__class__ is not self._plain:
            self._cursor.__class__ = self._plain
            del self._cursor.unmask_watch
        self._tell(self._rows)


def _is_server_side(cursor: Any) -> bool:
    """Whether the rows are still on the server: psycopg's and psycopg2's named cursors."""
    return getattr(cursor, "name", None) is not None


class WatchedResult:
    """Before a guarded cursor's class, while the result that it holds reveals something.

    `unmask_fetchone` and so on: the methods of that class.
    """

    unmask_watch: Watch
    unmask_fetchone: Callable[..., Any]
    unmask_fetchmany: Callable[..., Any]
    unmask_fetchall: Callable[..., Any]

    def _plainly(self, name: str) -> Any:
        """The driver's own method; DuckDB's wrapper has some of them by `__getattr__` alone."""
        base: Any = super()
        return getattr(base, name) if hasattr(base, name) else base.__getattr__(name)

    def fetchone(self, *args: Any, **kwargs: Any) -> Any:  # noqa: D102 -- the driver's own, as all below
        row = self.unmask_watch.fetched(self.unmask_fetchone, *args, **kwargs)
        self.unmask_watch.counted(row is not None, is_end=row is None)
        return row

    def fetchmany(self, *args: Any, **kwargs: Any) -> Any:  # noqa: D102
        rows = self.unmask_watch.fetched(self.unmask_fetchmany, *args, **kwargs)
        self.unmask_watch.counted(len(rows), is_end=not rows)
        return rows

    def fetchall(self, *args: Any, **kwargs: Any) -> Any:  # noqa: D102
        rows = self.unmask_watch.fetched(self.unmask_fetchall, *args, **kwargs)
        self.unmask_watch.counted(len(rows), is_end=True)
        return rows

    def __iter__(self) -> Any:
        return self

    def __next__(self) -> Any:
        try:
            row = self.unmask_watch.fetched(super().__next__)  # type: ignore[misc] # always mixed into a cursor class
        except StopIteration:
            self.unmask_watch.check()
            self.unmask_watch.counted(0, is_end=True)
            raise
        self.unmask_watch.counted(1, is_end=False)
        return row

    def __getattr__(self, name: str) -> Any:
        # Ways to a result that only one driver has: DuckDB's `fetchdf`, `pl` and so on.
        found = self._plainly(name)
        if not name.startswith("fetch") and name not in ("df", "pl", "arrow", "to_arrow_table"):
            return found

        def fetch(*args: Any, **kwargs: Any) -> Any:
            self.unmask_watch.check()
            rows = self.unmask_watch.fetched(found, *args, **kwargs)
            self.unmask_watch.counted(len(rows) if isinstance(rows, Sized) else 0, is_end=True)
            return rows

        return fetch

    def close(self, *args: Any, **kwargs: Any) -> Any:  # noqa: D102
        self.unmask_watch.end()
        return self.close(*args, **kwargs)

    def execute(self, *args: Any, **kwargs: Any) -> Any:  # noqa: D102
        self.unmask_watch.end()
        return self.execute(*args, **kwargs)

    def executemany(self, *args: Any, **kwargs: Any) -> Any:  # noqa: D102
        self.unmask_watch.end()
        return self.executemany(*args, **kwargs)


class OpenResults:
    """The results that reveal something to one principal, for as long as rows may still come of them. Thread-safe."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: WeakSet[Watch] = WeakSet()

    def __bool__(self) -> bool:
        return len(self._known) > 0

    def add(self, one: Watch) -> None:
        """Keep `one` in mind until its end."""
        one.results = self
        self._known.add(one)

    def discard(self, one: Watch) -> None:
        """Rows no longer come of `one`."""
        self._known.discard(one)


_FETCHES = ("fetchone", "fetchmany", "fetchall")


@lru_cache(256)
def _watched(plain: Any) -> Any:
    own = {f"unmask_{name}": getattr(plain, name, None) or _plain_method(name) for name in _FETCHES}
    if hasattr(plain, "read_next"):
        own["read_next"] = _read_next
    return type(plain.__name__, (WatchedResult, plain), own)


def _read_next(cursor: Any) -> Any:
    """A row by PyMySQL's unbuffered cursors, which their other methods are made of."""
    row = cursor.unmask_watch.fetched(super(WatchedResult, cursor).read_next)
    cursor.unmask_watch.counted(row is not None, is_end=row is None)
    return row


def _plain_method(name: str) -> Callable[..., Any]:
    return lambda cursor, *args, **kwargs: cursor._plainly(name)(*args, **kwargs)  # noqa: SLF001 -- of the class above


def watch(cursor: Any, *, check: Callable[[], None], report: Callable[[str, int], None], record: str) -> Watch:
    """From now on the rows of the result that `cursor` holds are counted, and `check` is asked before they are let go.

    `report` is told their number, with `record`, once: at once where the driver knows it, else at the end, which is an
    empty fetch, `close()` or the cursor's next statement.
    """
    if isinstance(cursor, WatchedResult):
        cursor.unmask_watch.end()
    one = Watch(cursor, check=check, report=report, record=record)
    plain: Any = type(cursor)
    cursor.__class__ = _watched(plain)
    cursor.unmask_watch = one
    return one
