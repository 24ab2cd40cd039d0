"""Old records go, and what is left can still be verified."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from grants import Event, Filter, JsonLinesSink, RecordError, SqlSink, chains
from grants.archive import Archive
from grants.audit import GrantUse, PersonalSeal, parsed
from grants.checkpoint_file import CheckpointFile
from grants.retention import pruning
from grants.sinks import Kept as Readable
from grants.sinks import StreamSink
from grants.store import Store
from grants.trail import Trail
from tests.grants.conftest import KEYS
from tests.grants.test_audit import AT, SEAL, SEALS, Kept, entry

DAY = timedelta(days=1)
NOW = AT + 100 * DAY


@pytest.fixture(params=["stream", "file", "sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Readable]:
    """An empty trail on each kind of place that can be pruned."""
    kept: Readable
    match request.param:
        case "stream":
            kept = StreamSink(Store(request.getfixturevalue("redis_database")))
        case "file":
            kept = JsonLinesSink(tmp_path / "trail.jsonl", rotate_at=4000)
        case "sqlite":
            kept = SqlSink(f"sqlite:///{tmp_path / 'trail.sqlite'}")
        case _:
            kept = SqlSink(request.getfixturevalue("postgres_database"))
    yield kept
    kept.close()


def test_what_is_left_after_pruning_verifies(place: Readable, tmp_path: Path) -> None:
    """Once and again, with checkpoints; what was removed in due form is no gap, anything else is."""
    heads = CheckpointFile(tmp_path / "heads")
    archive = Archive(kept=place, environment="prod", seals=SEALS, checkpoints=heads)
    short, long = (Trail([place], SEAL, checkpoints=heads) for _ in range(2))
    for number in range(3):
        short.write(entry(number))
    for number in range(6):
        long.write(entry(0, at=AT + number * 10 * DAY))
    elsewhere = Trail([place], SEAL, checkpoints=heads)
    elsewhere.write(entry(environment="staging"))
    pruned = archive.prune(before=AT + 15 * DAY, now=NOW)
    assert len(pruned.ids) == 5
    assert archive.verify() == ()
    assert [one.event for one in map(parsed, place.entries("prod")) if one] == [*[Event.REVEALED] * 4, Event.PRUNED]
    assert len(list(place.entries("staging"))) == 1
    long.write(entry(0, at=NOW))
    assert len(archive.prune(before=AT + 35 * DAY, now=NOW).ids) == 2
    assert archive.verify() == ()
    assert archive.prune(before=AT, now=NOW).ids == frozenset()
    texts = list(place.entries("prod"))
    victim = next(one for one in map(parsed, texts) if one and one.event is Event.REVEALED)
    place.remove("prod", frozenset({victim.id}))
    (fault,) = archive.verify()
    assert "gap" in fault.problem
    with pytest.raises(RecordError):
        archive.prune(before=NOW, now=NOW)


def test_steps_stay_while_something_rests_on_them() -> None:
    """A reveal that stays, or a grant that may still live; and the chain that holds such a step keeps what follows."""
    kept = Kept()
    ana, bo = (Trail([kept], PersonalSeal(KEYS[name])) for name in ("ana", "bo"))
    app = Trail([kept], SEAL)
    fields = {"request": "abcd-efgh", "duration": timedelta(hours=4)}
    ana.write(entry(0, event=Event.REQUESTED, **fields))
    bo.write(entry(1, event=Event.APPROVED, principal="bo", holder="ana", **fields))
    use = GrantUse(id="abcd-efgh", approvers=("bo",))
    app.write(entry(2, grants=(use,)))
    app.write(entry(0, at=AT + DAY, grants=(use,)))

    def left(before: datetime) -> int:
        return len(kept.records) - len(pruning(kept.records, before=before).ids)

    assert left(AT + timedelta(minutes=1)) == 3  # the first reveal goes, its grant may still live
    assert left(AT + DAY) == 3
    assert left(AT + 2 * DAY) == 2  # no reveal is left, but three days and four hours are not over
    assert left(AT + 4 * DAY) == 0


def test_a_pruning_that_was_not_finished_is_no_fault() -> None:
    """Its record is written first; and nobody without the key can write one."""
    kept = Kept()
    trail = Trail([kept], SEAL)
    for number in range(4):
        trail.write(entry(number))
    found = pruning(kept.records, before=AT + timedelta(seconds=2))
    assert [end.sequence for end in found.ends] == [1]
    Trail([kept], SEAL).write(entry(9, event=Event.PRUNED, ends=found.ends))
    for gone in (set(), {0}, {0, 1}, {1}):
        texts = [text for number, text in enumerate(kept.texts) if number not in gone]
        assert list(chains.verify(texts, SEALS)) == []
    assert len(list(chains.verify([*kept.texts[3:]], SEALS))) == 1
    forged = kept.texts[4].replace('"sequence":1', '"sequence":2')
    faults = list(chains.verify([kept.texts[3], forged], SEALS))
    assert {fault.line for fault in faults} == {1, 2}


def test_pruning_keeps_what_other_processes_write_meanwhile(tmp_path: Path) -> None:
    """A writer that waits for the file which is being replaced goes on in the new one."""
    path = tmp_path / "trail.jsonl"
    trail = Trail([JsonLinesSink(path)], SEAL)
    old = trail.write(entry(0))
    for number in range(1, 40):
        trail.write(entry(number))
        if number % 10 == 0:
            JsonLinesSink(path).remove("prod", frozenset({old}))
    assert len(list(JsonLinesSink(path).lines())) == 39


def test_filters_by_table() -> None:
    """Of a statement, the tables that it read; of a step, those of its columns."""
    wanted = Filter(table="customers", since=datetime(2020, 1, 1, tzinfo=UTC))
    kept = Kept()
    trail = Trail([kept], SEAL)
    trail.write(entry(tables=("customers",)))
    trail.write(entry(columns=("customers.email",)))
    trail.write(entry(tables=("orders",), columns=("orders.note",)))
    assert [wanted.matches(record) for record in kept.records] == [True, True, False]
