"""Rewritten text is kept within a bound in bytes, and what is asked for stays."""

from rewriter.kinds import StatementKind
from rewriter.prepared import Aftermath, Prepared
from rewriter.rewrite import Rewritten
from rewriter.statement_cache import StatementCache


def prepared(sql: str) -> Prepared:
    """A statement that stayed as it is."""
    rewritten = Rewritten(sql=sql, original=sql, kind=StatementKind.SELECT, dialect="sqlite")
    return Prepared.of(rewritten, Aftermath())


def test_lanes_are_apart() -> None:
    """What one lane may run is not found in another."""
    cache = StatementCache(100_000)
    cache.put("masked", "SELECT 1", prepared("SELECT 1"))
    assert cache.get("masked", "SELECT 1") is not None
    assert cache.get("revealed", "SELECT 1") is None


def test_the_bound_holds_and_what_is_used_stays() -> None:
    """A hundred times as many statements as fit leave no more than fit, among them the one asked for all along."""
    cache = StatementCache(100_000)
    cache.put("lane", "SELECT 0", prepared("SELECT 0"))
    for number in range(1, 10_000):
        cache.put("lane", f"SELECT {number}", prepared(f"SELECT {number}"))
        assert cache.get("lane", "SELECT 0") is not None
    assert len(cache) <= 110
    assert cache.get("lane", "SELECT 5") is None


def test_a_giant_is_not_kept() -> None:
    """One statement that would push out many is not remembered."""
    cache = StatementCache(100_000)
    text = "SELECT " + "1" * 50_000
    cache.put("lane", text, prepared(text))
    assert len(cache) == 0
