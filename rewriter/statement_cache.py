"""Rewritten text by original text, bounded in bytes.

Two generations: what was not asked for while a whole generation filled up is forgotten. A hit costs one look-up; no
lock is held, since every step is one dictionary operation and a lost entry only costs a second rewriting.
"""

from collections.abc import Hashable

from rewriter.prepared import Prepared

_ENTRY_BYTES = 900
"""What an entry weighs beside its two texts: measured with tracemalloc for short statements, rounded up."""


class StatementCache:
    """Prepared statements by lane (who may see what, under which driver rules) and text."""

    __slots__ = ("_limit", "_old", "_used", "_young")

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes // 2
        self._used = 0
        self._young: dict[Hashable, dict[str, Prepared]] = {}
        self._old: dict[Hashable, dict[str, Prepared]] = {}

    def __len__(self) -> int:
        return sum(len(entries) for lanes in (self._young, self._old) for entries in lanes.values())

    def get(self, lane: Hashable, text: str) -> Prepared | None:
        """What `text` was rewritten to, if that is still known."""
        entries = self._young.get(lane)
        found = entries.get(text) if entries is not None else None
        if found is None and (entries := self._old.get(lane)) is not None:
            found = entries.get(text)
            if found is not None:
                self.put(lane, text, found)
        return found

    def put(self, lane: Hashable, text: str, prepared: Prepared) -> None:
        """Remember `prepared`, unless it alone would fill an eighth of the cache."""
        size = len(text) + len(prepared.sql) + _ENTRY_BYTES
        if size > self._limit // 8:
            return
        if self._used + size > self._limit:
            self._old, self._young, self._used = self._young, {}, 0
        self._young.setdefault(lane, {})[text] = prepared
        self._used += size
