"""Rewritten text is kept within a bound in bytes, and what is asked for stays."""

import tracemalloc
from sys import getsizeof

from rewriter.kinds import StatementKind
from rewriter.prepared import Outcome, outcome
from rewriter.rewritten import Rewritten
from rewriter.statement_cache import StatementCache


def prepared(sql: str) -> Outcome:
    """A statement that stayed as it is."""
    rewritten = Rewritten(sql=sql, original=sql, kind=StatementKind.SELECT, dialect="sqlite")
    return outcome(rewritten)


def test_lanes_are_apart() -> None:
    """What one lane may run is not found in another."""
    cache: StatementCache[Outcome] = StatementCache(100_000)
    cache.put("masked", "SELECT 1", prepared("SELECT 1"))
    assert cache.get("masked", "SELECT 1") is not None
    assert cache.get("revealed", "SELECT 1") is None


def test_the_bound_holds_and_what_is_used_stays() -> None:
    """A hundred times as many statements as fit leave no more than fit, among them the one asked for all along."""
    cache: StatementCache[Outcome] = StatementCache(100_000)
    cache.put("lane", "SELECT 0", prepared("SELECT 0"))
    for number in range(1, 10_000):
        cache.put("lane", f"SELECT {number}", prepared(f"SELECT {number}"))
        assert cache.get("lane", "SELECT 0") is not None
    assert len(cache) * getsizeof("SELECT 1") * 2 < 100_000
    assert cache.get("lane", "SELECT 5") is None


def test_it_weighs_no_more_than_it_says() -> None:
    """By tracemalloc: ten times as many distinct statements as fit, of an everyday length, stay within the bound."""
    limit = 1_000_000
    cache: StatementCache[Outcome] = StatementCache(limit)
    tracemalloc.start()
    for number in range(20_000):
        cache.put(
            "lane", f"SELECT id, name, email FROM customers WHERE id = {number}", prepared(f"{number} {'x' * 200}")
        )
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert limit / 4 < held < limit


def test_what_a_lane_holds_is_found_where_it_was_handed_out() -> None:
    """Entries that were handed out keep up with the cache, however often it forgets."""
    cache: StatementCache[Outcome] = StatementCache(20_000)
    entries = cache.entries("lane")
    for number in range(1_000):
        cache.put("lane", f"SELECT {number}", prepared(f"SELECT {number}"))
        assert entries.young.get(f"SELECT {number}") is not None


def test_a_giant_is_not_kept() -> None:
    """One statement that would push out many is not remembered."""
    cache: StatementCache[Outcome] = StatementCache(100_000)
    text = "SELECT " + "1" * 50_000
    cache.put("lane", text, prepared(text))
    assert len(cache) == 0
