"""How many rows were fetched: told without waiting, in the trail a moment later, and whole after a clean end."""

import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from grants import Event, Filter, Grants, JsonLinesSink, audit, chains
from grants.audit import Count
from grants.tally import MOST_AT_ONCE, Tally
from tests.grants.conftest import House
from tests.grants.test_forks import in_child, reveal
from tests.grants.waiting import eventually


def told(grants: Grants) -> dict[str, int]:
    """The rows of each reveal, as the trail has them; and every chain verifies."""
    records = grants.audit("prod", matching=Filter(events=frozenset({Event.FETCHED})))
    return {count.record: count.rows for record in records for count in record.counts or ()}


def test_counts_are_recorded_a_moment_later(house: House) -> None:
    """Many in one record, behind their reveals; the chain stays whole."""
    recorder = house.grants.recorder
    expected = {recorder.reveal(reveal()): rows for rows in range(20)}
    for record, rows in expected.items():
        recorder.rows(record, rows)
    reader = house.connect()  # one that has nothing to settle itself
    eventually(lambda: told(reader) == expected)
    fetched = list(house.grants.audit("prod", matching=Filter(events=frozenset({Event.FETCHED}))))
    assert len(fetched) < 10
    assert house.grants.verify("prod", policy=house.policy) == ()


def test_whoever_asks_their_own_trail_finds_every_count(house: House) -> None:
    """No wait between a statement and the question how many rows it gave."""
    recorder = house.grants.recorder
    record = recorder.reveal(reveal())
    recorder.rows(record, 4)
    assert told(house.grants) == {record: 4}


def test_nothing_is_lost_when_grants_are_closed(house: House) -> None:
    """Every count is there at once."""
    grants = house.connect()
    record = grants.recorder.reveal(reveal())
    grants.recorder.rows(record, 3)
    grants.close()
    assert told(house.grants) == {record: 3}


ENDED = """
import sys
from grants import Grants
from tests.grants.test_forks import reveal
recorder = Grants.connect(sys.argv[1], key="").recorder
recorder.rows(recorder.reveal(reveal()), 5)
"""


def test_a_process_that_ends_without_closing_loses_none(house: House) -> None:
    """The interpreter's own end settles what is left."""
    subprocess.run([sys.executable, "-c", ENDED, house.url], check=True, cwd=Path(__file__).parents[2])  # noqa: S603 -- our own words
    assert list(told(house.grants).values()) == [5]
    assert house.grants.verify("prod", policy=house.policy) == ()


def test_a_child_records_its_own_counts_and_the_parent_its_own(house: House) -> None:
    """Whatever was waiting when the process forked is recorded once."""
    recorder = house.grants.recorder
    mine = recorder.reveal(reveal())
    recorder.rows(mine, 1)

    def child() -> str:
        own = recorder.reveal(reveal())
        recorder.rows(own, 2)
        recorder.settle()
        return own

    theirs = in_child(child)
    recorder.settle()
    assert told(house.grants) == {mine: 1, theirs: 2}
    records = house.grants.audit("prod", matching=Filter(events=frozenset({Event.FETCHED})))
    assert len([count for record in records for count in record.counts or ()]) == 2


def test_nobody_waits_for_a_count_to_be_recorded() -> None:
    """Not even while the sink hangs; the thread ends when nobody counts any more."""
    gate, recorded = threading.Event(), list[Count]()

    def record(counts: Sequence[Count]) -> None:
        assert gate.wait(10)
        recorded.extend(counts)

    tally = Tally(record)
    start = time.monotonic()
    for number in range(2 * MOST_AT_ONCE + 1):
        tally.add(f"w-{number}", number)
    assert time.monotonic() - start < 1
    assert not recorded
    gate.set()
    tally.settle()
    assert [count.rows for count in recorded] == list(range(2 * MOST_AT_ONCE + 1))


def test_counts_wait_for_a_sink_that_is_away(house: House, tmp_path: Path) -> None:
    """They follow when it is back, in their place of the chain."""
    folder = tmp_path / "trail"
    folder.mkdir()
    sink = JsonLinesSink(folder / "audit.jsonl")
    with closing(house.connect(key="k", sinks=[sink])) as grants:
        record = grants.recorder.reveal(reveal())
        folder.rename(tmp_path / "away")
        grants.recorder.rows(record, 7)
        grants.recorder.settle()
        (tmp_path / "away").rename(folder)
        eventually(lambda: _is_kept(grants))
    read = [one for one in map(audit.parsed, sink.lines()) if one is not None]
    assert [one.counts for one in read if one.event is Event.FETCHED] == [(Count(record=record, rows=7),)]
    assert list(chains.verify(sink.lines(), audit.Seals(seal=audit.KeyedHash(b"k")))) == []


def _is_kept(grants: Grants) -> bool:
    try:
        grants.recorder.reveal(reveal())
    except Exception:  # noqa: BLE001 -- the sink is left alone for a moment
        return False
    return True
