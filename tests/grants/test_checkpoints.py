"""The end of a trail: a second place knows how far it has come, so nothing is cut off unnoticed."""

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
import redis

from grants import (
    CheckpointFile,
    Checkpoints,
    Event,
    Grants,
    JsonLinesSink,
    SqlCheckpoints,
    SqlSink,
    StoreError,
    chains,
)
from grants.archive import records_of
from grants.audit import KeyedHash, PersonalSeal
from grants.checkpoints import head_of
from grants.store import Keys
from grants.trail import Trail
from tests.grants.conftest import KEYS, House, ask
from tests.grants.test_audit import SEAL, SEALS, Kept, entry
from tests.grants.test_forks import in_child, reveal

STREAM = Keys("prod").trail


@pytest.fixture(params=["file", "sqlite", "postgresql"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Checkpoints]]:
    """Opens the same second place once more, on each kind in turn."""
    made: list[Checkpoints] = []

    def open_() -> Checkpoints:
        match request.param:
            case "file":
                made.append(CheckpointFile(tmp_path / "heads"))
            case "sqlite":
                made.append(SqlCheckpoints(f"sqlite:///{tmp_path / 'heads.sqlite'}"))
            case _:
                made.append(SqlCheckpoints(request.getfixturevalue("postgres_database")))
        return made[-1]

    yield open_
    for one in made:
        one.close()


def test_the_last_head_of_each_writer_is_kept(opened: Callable[[], Checkpoints]) -> None:
    """Whoever opens the place again reads the same, environment by environment."""
    trails = [Trail([Kept()], SEAL, checkpoints=opened()) for _ in range(3)]
    for number in range(5):
        for trail in trails:
            trail.write(entry(number))
    Trail([Kept()], SEAL, checkpoints=opened()).write(entry(environment="staging"))
    heads = list(opened().heads("prod"))
    assert sorted(head.sequence for head in heads) == [4, 4, 4]
    assert [head.sequence for head in opened().heads("staging")] == [0]
    assert all(not SEALS.sealed_by(head.sealed_bytes(), head.seal)[0] for head in heads)
    opened().forget("staging", frozenset(head.writer for head in heads))
    assert len(list(opened().heads("prod"))) == len(heads)
    opened().forget("prod", frozenset(head.writer for head in heads))
    assert list(opened().heads("prod")) == []


def test_uses_are_counted_exactly(opened: Callable[[], Checkpoints]) -> None:
    """However many take them at once, each for its request and environment."""
    places = [opened() for _ in range(3)]
    with ThreadPoolExecutor(12) as threads:
        taken = list(threads.map(lambda number: places[number % 3].take("prod", "sha256:1", most=5), range(24)))
    assert sum(taken) == 5
    assert opened().take("prod", "sha256:2", most=1)
    assert opened().take("staging", "sha256:1", most=1)
    assert not opened().take("staging", "sha256:1", most=1)


def test_revocations_are_remembered(opened: Callable[[], Checkpoints]) -> None:
    """Once, however often they are told, and each in its environment."""
    now = datetime.now(UTC)
    for _ in range(2):
        for place in (opened(), opened()):
            place.revoke("prod", "abcd-efgh", at=now)
            place.revoke("staging", "zzzz-zzzz", at=now)
    assert opened().revoked("prod") == {"abcd-efgh"}
    assert opened().revoked("nowhere") == frozenset()


def test_threads_and_children_share_a_place(opened: Callable[[], Checkpoints]) -> None:
    """Each chain's last record is its head, also in a child that was forked."""
    place = opened()

    def write(count: int) -> None:
        trail = Trail([Kept()], SEAL, checkpoints=place)
        for number in range(count):
            trail.write(entry(number))

    threads = [threading.Thread(target=write, args=(count,)) for count in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    in_child(lambda: write(7))
    assert sorted(head.sequence for head in opened().heads("prod")) == [0, 1, 2, 3, 6]


@pytest.mark.parametrize("count", [1, 2, 5])
def test_records_cut_off_at_the_end_are_found(count: int) -> None:
    """However many, the whole chain included; and by whom they were written."""
    kept = Kept()
    trail = Trail([kept], SEAL)
    for number in range(5):
        trail.write(entry(number))
    head = head_of(kept.records[-1], SEAL, places=())
    assert list(chains.verify(kept.texts, SEALS, heads=[head])) == []
    (fault,) = chains.verify(kept.texts[: 5 - count], SEALS, heads=[head])
    assert f"the last {count} record" in fault.problem
    assert fault.record == f"{head.writer}-4"


def test_an_older_head_is_no_fault_and_an_altered_one_is() -> None:
    """A place that could not keep the last one says less, not something wrong."""
    kept = Kept()
    trail = Trail([kept], SEAL)
    for number in range(3):
        trail.write(entry(number))
    old = head_of(kept.records[0], SEAL, places=())
    assert list(chains.verify(kept.texts, SEALS, heads=[old])) == []
    (fault,) = chains.verify(kept.texts, SEALS, heads=[old.model_copy(update={"sequence": 9})])
    assert "was altered" in fault.problem
    (fault,) = chains.verify(kept.texts, SEALS, heads=[head_of(kept.records[0], KeyedHash(b"another"), places=())])
    assert "another audit key" in fault.problem
    other = kept.records[1].model_copy(update={"sequence": 0})
    (fault,) = chains.verify(kept.texts, SEALS, heads=[head_of(other, SEAL, places=())])
    assert "replaced" in fault.problem


def test_a_cut_stream_is_found(house: House, tmp_path: Path, redis_database: str) -> None:
    """A reveal and a person's denial, each the last of its chain, are missed as soon as they are gone."""
    grants = house.connect(key="k", checkpoints=str(tmp_path / "heads"))
    desk = grants.desk(policy=house.policy, environment="prod", key=KEYS["bo"])
    docket = grants.desk(policy=house.policy, environment="prod", key=KEYS["ana"]).request(ask())
    grants.recorder.reveal(reveal())
    grants.recorder.reveal(reveal())
    desk.deny(docket.id, reason="no")
    assert grants.verify("prod", policy=house.policy) == ()
    with redis.Redis.from_url(redis_database) as client:
        places = [place for place, _ in client.xrange(STREAM)]
        for cut in (places[-1], places[-2]):  # the denial; the second reveal
            content = client.xrange(STREAM, cut, cut)[0][1]
            client.xdel(STREAM, cut)
            (fault,) = grants.verify("prod", policy=house.policy)
            assert "cut off" in fault.problem
            client.xadd(STREAM, content)  # at the end, where it is no fault: chains are by writer
        client.delete(STREAM)
    assert len(grants.verify("prod", policy=house.policy)) == 3


def test_a_checkpoint_is_held_against_the_places_that_its_writer_wrote_to(house: House, tmp_path: Path) -> None:
    """An application that records in a table alone is not missed in the stream, nor people's steps in the table."""
    table, heads = f"sqlite:///{tmp_path / 'trail.sqlite'}", str(tmp_path / "heads")
    people = house.connect(key="k", checkpoints=heads)
    people.desk(policy=house.policy, environment="prod", key=KEYS["ana"]).request(ask())
    sink = SqlSink(table)
    application = house.connect(key="k", sinks=[sink], checkpoints=heads)
    application.recorder.reveal(reveal())
    assert people.verify("prod", policy=house.policy) == ()
    archive = people.archive("prod", policy=house.policy, kept=sink)
    assert archive.verify() == ()
    sink.remove("prod", frozenset(record.id for record in records_of(sink, "prod")))
    assert len(archive.verify()) == 1


def test_a_second_sink_tells_of_the_end_as_well(house: House, tmp_path: Path, redis_database: str) -> None:
    """Without checkpoints, the same trail elsewhere says how far it has come."""
    sink = JsonLinesSink(tmp_path / "trail.jsonl")
    streamed = house.connect(key="k")
    both = house.connect(key="k", sinks=[*streamed._sinks, sink])  # noqa: SLF001 -- the default and a file
    both.recorder.reveal(reveal())
    with redis.Redis.from_url(redis_database) as client:
        client.delete(STREAM)
    archive = both.archive("prod", policy=house.policy)
    assert archive.verify() == ()
    (fault,) = archive.verify(against=[sink])
    assert "cut off" in fault.problem
    assert both.archive("prod", policy=house.policy, kept=sink).verify() == ()


def test_a_checkpoint_by_hand_covers_what_people_did_elsewhere(
    house: House, tmp_path: Path, redis_database: str
) -> None:
    """From a machine that does not reach the second place; and it changes nothing on a trail that is not whole."""
    docket = house.desk("ana").request(ask())
    house.desk("bo").deny(docket.id, reason="no")
    grants = house.connect(checkpoints=str(tmp_path / "heads"))
    assert grants.archive("prod", policy=house.policy).checkpoint() == 2
    with redis.Redis.from_url(redis_database) as client:
        client.xdel(STREAM, client.xrange(STREAM)[-1][0])
    (fault,) = grants.verify("prod", policy=house.policy)
    assert "cut off" in fault.problem


def test_a_second_place_that_is_away_stops_nobody(house: House, tmp_path: Path) -> None:
    """Its head is kept with a later record; a place that cannot be read is an error of `verify`."""
    folder = tmp_path / "away"
    grants = house.connect(key="k", checkpoints=str(folder / "heads"))
    grants.recorder.reveal(reveal())
    folder.mkdir()
    trail = grants._trail("prod")  # noqa: SLF001 -- instead of waiting for its breaker
    assert trail._marker is not None  # noqa: SLF001
    trail._marker._breaker.close()  # noqa: SLF001
    grants.recorder.reveal(reveal())
    assert [head.sequence for head in CheckpointFile(folder / "heads").heads("prod")] == [1]
    with pytest.raises(StoreError):
        Grants.connect(house.url, checkpoints="nosuch://place")
    closed = house.connect(checkpoints=f"sqlite:///{tmp_path / 'nowhere' / 'heads.sqlite'}")
    with pytest.raises(StoreError):
        closed.verify("prod", policy=house.policy)


def test_a_torn_line_of_the_file_is_left_out(tmp_path: Path) -> None:
    """Somebody was killed in it; the next one begins behind it."""
    path = tmp_path / "heads"
    place = CheckpointFile(path)
    Trail([Kept()], SEAL, checkpoints=place).write(entry())
    with path.open("ab") as file:
        file.write(b'{"environment":"prod","wri')
    Trail([Kept()], PersonalSeal(KEYS["ana"]), checkpoints=place).write(entry(event=Event.APPROVED))
    assert len(list(place.heads("prod"))) == 2
    assert path.stat().st_mode & 0o777 == 0o600
    os.truncate(path, 0)
    Trail([Kept()], SEAL, checkpoints=place).write(entry())
    assert len(list(place.heads("prod"))) == 1
