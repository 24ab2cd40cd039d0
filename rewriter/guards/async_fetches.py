"""Rows of an asynchronous driver's own cursors: handed out while the access that they rest on holds, and counted.

What SQLAlchemy's adapters hand out is watched as with synchronous drivers (`rewriter.results`).
"""

from collections.abc import Awaitable, Callable
from typing import Any, ClassVar

from sqlalchemy.util.concurrency import greenlet_spawn

from rewriter.guards.gate import Gate
from rewriter.prepared import Safe


class WatchedFetches:
    """Before a guarded cursor class.

    `unmask_shown`: what the result reveals; `unmask_rows`: how many of its rows were handed out, where nobody else
    counts them. `unmask_is_inside`: one fetch, which others are made of, is under way.
    """

    gate: ClassVar[Gate]
    unmask_shown: Safe | None = None
    unmask_rows: int | None = None
    unmask_is_inside = False

    async def fetchone(self) -> Any:  # noqa: D102 -- the driver's own, as all below
        return await self.unmask_fetched(super().fetchone)  # type: ignore[misc] # always mixed into a cursor class

    async def fetchmany(self, *args: Any, **kwargs: Any) -> Any:  # noqa: D102
        return await self.unmask_fetched(super().fetchmany, *args, **kwargs)  # type: ignore[misc]

    async def fetchall(self) -> Any:  # noqa: D102
        rows = await self.unmask_fetched(super().fetchall)  # type: ignore[misc]
        self.unmask_end()
        return rows

    async def close(self) -> None:  # noqa: D102
        self.unmask_end()
        await super().close()  # type: ignore[misc]

    def unmask_begin(self, safe: Safe, *, is_counted: bool) -> None:
        """The cursor holds what `safe` gave. `is_counted`: how many rows those are is known already."""
        self.unmask_shown = safe if safe.record is not None else None
        self.unmask_rows = None if is_counted else 0

    async def unmask_fetched(self, fetch: Callable[..., Awaitable[Any]], *args: Any, **kwargs: Any) -> Any:
        """What `fetch` gives, if it may still be handed out."""
        if self.unmask_shown is None or self.unmask_is_inside:
            return await fetch(*args, **kwargs)
        self.unmask_is_inside = True
        try:
            found = await fetch(*args, **kwargs)
        except StopAsyncIteration:
            self.unmask_end()
            raise
        finally:
            self.unmask_is_inside = False
        await greenlet_spawn(self.gate.check_access, self.unmask_shown)
        if self.unmask_rows is not None:
            self.unmask_rows += len(found) if isinstance(found, list) else found is not None
        if found is None or found == []:
            self.unmask_end()
        return found

    def unmask_end(self) -> None:
        """The result is read to its end, or given up: the number of its rows is told, once."""
        if self.unmask_shown is not None and self.unmask_rows is not None:
            self.gate.counted(self.unmask_shown, self.unmask_rows)
        self.unmask_rows = None
