"""Rewritten text by original text, bounded in bytes.

Two generations: what was not asked for while a whole generation filled up is forgotten. A hit costs one look-up; no
lock is held, since every step is one dictionary operation and a lost entry only costs a second rewriting.
"""

from collections.abc import Hashable
from sys import getsizeof
from typing import Generic, TypeVar

from rewriter.prepared import Outcome, Revealing
from rewriter.stencils import Stencil

_Kept = TypeVar("_Kept", bound=Outcome | Stencil)

_ENTRY_BYTES = 120
"""What an entry weighs beside its two texts: its share of a dictionary that may just have grown."""
_REVEALING_BYTES = 700
"""What one that reveals something weighs besides: measured with tracemalloc, rounded up."""

_MOST_SEEN_ONCE = 1024


class Entries(Generic[_Kept]):
    """One lane's outcomes by original text: those of late, and those of before."""

    __slots__ = ("old", "young")

    def __init__(self) -> None:
        self.young: dict[str, _Kept] = {}
        self.old: dict[str, _Kept] = {}


class StatementCache(Generic[_Kept]):
    """Outcomes by lane (who may see what, under which driver rules) and text."""

    __slots__ = ("_lanes", "_limit", "_once", "_used")

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes // 2
        self._used = 0
        self._once: set[int] = set()
        self._lanes: dict[Hashable, Entries[_Kept]] = {}

    def __len__(self) -> int:
        return sum(len(entries.young) + len(entries.old) for entries in self._lanes.values())

    def entries(self, lane: Hashable) -> Entries[_Kept]:
        """Those of `lane`: for as long as it is in use, the same object."""
        return self._lanes.get(lane) or self._lanes.setdefault(lane, Entries())

    def get(self, lane: Hashable, text: str) -> _Kept | None:
        """What became of `text`, if that is still known."""
        entries = self._lanes.get(lane)
        if entries is None:
            return None
        found = entries.young.get(text)
        if found is None and (found := entries.old.get(text)) is not None:
            self.put(lane, text, found)
        return found

    def put(self, lane: Hashable, text: str, found: _Kept) -> None:
        """Remember `found`, unless it alone would fill an eighth of the cache."""
        size = _size(text, found)
        if size > self._limit // 8:
            return
        if self._used + size > self._limit:
            self._age()
        self.entries(lane).young[text] = found
        self._used += size

    def put_again(self, lane: Hashable, text: str, found: _Kept) -> None:
        """Remember `found` if `text` came before not long ago: of texts that come once, none takes an entry."""
        if self.is_again(lane, text):
            self.put(lane, text, found)

    def is_again(self, lane: Hashable, text: str) -> bool:
        """Whether this was asked about `text` before, not long ago."""
        seen = hash((lane, text))
        if seen in self._once:
            return True
        if len(self._once) >= _MOST_SEEN_ONCE:
            self._once.clear()
        self._once.add(seen)
        return False

    def _age(self) -> None:
        self._used = 0
        for lane, entries in list(self._lanes.items()):
            entries.old, entries.young = entries.young, {}
            if not entries.old:
                self._lanes.pop(lane, None)


def _size(text: str, found: Outcome | Stencil) -> int:
    if isinstance(found, Stencil):
        return getsizeof(text) + found.weight + _ENTRY_BYTES
    if isinstance(found, Revealing):
        return getsizeof(text) + getsizeof(found.sql) + _ENTRY_BYTES + _REVEALING_BYTES
    return getsizeof(text) + getsizeof(found) + _ENTRY_BYTES
