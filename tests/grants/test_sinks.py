"""Where records go, on real files and a real Redis."""

import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from grants import (
    CheckpointFile,
    Event,
    Grants,
    JsonLinesSink,
    LoggingSink,
    RecordError,
    SqlSink,
    StoreError,
    StreamSink,
    chains,
)
from grants.audit import parsed
from grants.sealing import Sealed
from grants.trail import Trail
from masking import Policy, Principal
from tests.fix_redis import RedisServer
from tests.grants.conftest import KEYS, House, ask
from tests.grants.test_audit import SEAL, SEALS, Kept, entry
from tests.grants.test_forks import in_child, reveal
from tests.processes import free_port


def test_a_reveal_is_in_the_stream_before_the_hook_goes_on(house: House) -> None:
    """Who, what, when and why; and no literal."""
    identifier = house.grants.recorder.reveal(reveal())
    (record,) = house.grants.audit("prod")
    assert record.id == identifier
    assert (record.event, record.principal, record.columns) == (Event.REVEALED, "ana", ("customers.email",))
    assert record.statement == "SELECT email FROM customers WHERE id = ?"


def test_a_reveal_that_no_sink_takes_is_an_error(redis_server: Callable[..., RedisServer], policy: Policy) -> None:
    """Down, hanging or full; and only the first attempt waits."""
    server = redis_server()
    house = House(server.url, policy, lambda: datetime.now(UTC))
    recorder = house.grants.recorder
    recorder.reveal(reveal())
    server.pause()
    start = time.monotonic()
    for _ in range(20):
        with pytest.raises(RecordError):
            recorder.reveal(reveal())
    assert time.monotonic() - start < 2
    server.resume()
    server.kill()
    with pytest.raises(RecordError):
        house.connect().recorder.reveal(reveal())
    server.start()
    server.client().config_set("maxmemory", "100kb")
    with pytest.raises(RecordError):
        house.connect().recorder.reveal(reveal())
    server.client().config_set("maxmemory", "0")
    for grants in house.opened:
        grants.close()


def test_a_refusal_is_recorded_and_never_raises(redis_server: Callable[..., RedisServer], policy: Policy) -> None:
    """The statement was not run either way."""
    server = redis_server()
    house = House(server.url, policy, lambda: datetime.now(UTC))
    recorder = house.grants.recorder
    refusal = {"fingerprint": None, "reason": "LEXICAL", "environment": "prod", "at": datetime.now(UTC)}
    recorder.refused(principal=Principal("ana"), **refusal)  # type: ignore[arg-type] # as the hook gives them
    assert [record.event for record in house.grants.audit("prod")] == [Event.REFUSED]
    server.kill()
    recorder.refused(principal=None, **refusal)  # type: ignore[arg-type] # as above
    recorder.rows("unknown-0", 1)
    house.grants.close()


def test_a_file_holds_one_record_per_line(tmp_path: Path) -> None:
    """And only its owner may read it."""
    sink = JsonLinesSink(tmp_path / "audit.jsonl")
    trail = Trail([sink], SEAL)
    for number in range(3):
        trail.write(entry(number))
    assert list(chains.verify(sink.lines(), SEALS)) == []
    assert len(list(sink.lines())) == 3
    assert (tmp_path / "audit.jsonl").stat().st_mode & 0o777 == 0o600


def test_writers_that_share_a_file_do_not_mix_their_lines(tmp_path: Path) -> None:
    """Eight writers, each with a chain of its own."""
    path = tmp_path / "audit.jsonl"

    def write(_: int) -> None:
        trail = Trail([JsonLinesSink(path)], SEAL)
        for number in range(10):
            trail.write(entry(number, statement="x" * 3000))

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(write, range(8)))
    assert len(list(JsonLinesSink(path).lines())) == 80
    assert list(chains.verify(JsonLinesSink(path).lines(), SEALS)) == []


def test_a_torn_line_does_not_swallow_the_next_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After half a write, what was torn is removed and the record written again: the chain is whole."""
    sink = JsonLinesSink(tmp_path / "audit.jsonl")
    trail = Trail([sink], SEAL)
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, content: write(descriptor, content[:40]))
    with pytest.raises(RecordError):
        trail.write(entry(0))
    monkeypatch.undo()
    trail._channels[0].breaker.close()  # noqa: SLF001 -- instead of waiting for it
    trail.write(entry(1))
    assert list(chains.verify(sink.lines(), SEALS)) == []
    assert len(list(sink.lines())) == 2


def test_a_file_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    """No folder, no record, no reveal."""
    with pytest.raises(RecordError):
        Trail([JsonLinesSink(tmp_path / "nowhere" / "audit.jsonl")], SEAL).write(entry())


def test_logging_alone_does_not_count(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    """Beside a durable sink it is told everything."""
    caplog.set_level(logging.INFO, logger="unmask.audit")
    with pytest.raises(RecordError):
        Trail([LoggingSink()], SEAL).write(entry())
    Trail([LoggingSink(), JsonLinesSink(tmp_path / "audit.jsonl")], SEAL).write(entry())
    assert '"event":"revealed"' in caplog.text


def test_a_line_that_somebody_else_left_torn_does_not_swallow_the_next_record(tmp_path: Path) -> None:
    """A process that was killed in the middle of a line cannot mend it; the next writer can. Till then it is no record.

    Nothing rested on it. What was torn by somebody who cut the file off is missed as any end is.
    """
    path = tmp_path / "audit.jsonl"
    sink, heads = JsonLinesSink(path), CheckpointFile(tmp_path / "heads")
    trail = Trail([sink], SEAL, checkpoints=heads)
    trail.write(entry(0))
    trail.write(entry(1))
    whole = path.read_bytes()
    for torn in (b'{"event":"reve', b"{", b'{"event":"' + b"x" * 200_000):
        path.write_bytes(whole + torn)
        assert list(chains.verify(sink.lines(), SEALS)) == []
        Trail([sink], SEAL).write(entry())
        assert list(chains.verify(sink.lines(), SEALS)) == []
        assert len(list(sink.lines())) == 3
    path.write_bytes(whole[:-1])  # but for its end of line, the last record is there
    Trail([sink], SEAL).write(entry())
    assert list(chains.verify(sink.lines(), SEALS, heads=heads.heads("prod"))) == []
    path.write_bytes(whole[:-40])
    Trail([sink], SEAL).write(entry())
    (fault,) = chains.verify(sink.lines(), SEALS, heads=heads.heads("prod"))
    assert "were cut off" in fault.problem


def test_a_step_does_not_overtake_records_that_wait_for_an_outage_to_end(
    redis_server: Callable[..., RedisServer], policy: Policy
) -> None:
    """A failed attempt that could not be recorded while Redis was away is recorded before the step that succeeds."""
    server = redis_server("--appendonly", "yes", "--appendfsync", "always")
    with closing(Grants.connect(server.url)) as grants:
        desk = grants.desk(policy=policy, environment="prod", key=KEYS["bo"])
        docket = grants.desk(policy=policy, environment="prod", key=KEYS["ana"]).request(ask())
        server.kill()
        with pytest.raises(RecordError):
            desk._trail.write(entry(event=Event.FAILED, principal="bo"))  # noqa: SLF001 -- as a failed step does
        server.start()
        desk.approve(docket.id)
        assert grants.verify("prod", policy=policy) == ()
        assert [one.event for one in grants.audit("prod")] == [Event.REQUESTED, Event.FAILED, Event.APPROVED]


@pytest.fixture(params=["sqlite", "postgresql"])
def table(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database, on each engine in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'trail.sqlite'}"
    return str(request.getfixturevalue("postgres_database"))


def written_to(table: str, count: int) -> None:
    """Writes one chain to a table."""
    sink = SqlSink(table)
    trail = Trail([sink], SEAL)
    for number in range(count):
        trail.write(entry(number))
    sink.close()


def test_a_table_takes_several_writers_in_several_processes(table: str) -> None:
    """Each has a chain of its own; the table is made by whoever comes first."""
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(partial(written_to, table), (10, 10, 10, 10)))
    in_child(lambda: written_to(table, 5))
    sink = SqlSink(table)
    assert len(list(sink.entries("prod"))) == 45
    assert list(chains.verify(sink.entries("prod"), SEALS)) == []
    assert list(sink.entries("staging")) == []
    sink.close()


def test_a_new_file_whose_writer_is_at_work_is_waited_for(tmp_path: Path) -> None:
    """SQLite does not wait by itself for the lock with which a file gets its write-ahead log."""
    path = tmp_path / "trail.sqlite"
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("CREATE TABLE another (id INTEGER)")
        other.execute("BEGIN IMMEDIATE")
        end = threading.Timer(0.3, other.execute, ("COMMIT",))
        end.start()
        written_to(f"sqlite:///{path}", 3)
        end.join()
    with closing(SqlSink(f"sqlite:///{path}")) as sink:
        assert len(list(sink.entries("prod"))) == 3


def test_a_table_holds_each_record_once_and_lets_nobody_take_its_place(table: str) -> None:
    """What is sent again is there already; another record under its number is an error."""
    kept = Kept()
    trail = Trail([kept], SEAL)
    for number in range(3):
        trail.write(entry(number))
    sink = SqlSink(table)
    sink.write_all(kept.sealed[:2])
    sink.write_all(kept.sealed)
    assert list(sink.entries("prod")) == kept.texts
    with pytest.raises(StoreError):
        sink.write(kept.sealed[2]._replace(text="{}"))
    sink.close()


def test_a_table_that_is_away_is_an_error_without_its_password() -> None:
    """Nothing is revealed, and the log does not tell how to get in."""
    sink = SqlSink(f"postgresql+psycopg://app:hunter2@127.0.0.1:{free_port()}/trail")
    with pytest.raises(StoreError) as raised:
        sink.write(written_record())
    assert "hunter2" not in str(raised.value)
    with pytest.raises(RecordError):
        Trail([sink], SEAL).write(entry())


def written_record() -> Sealed:
    """One record."""
    kept = Kept()
    Trail([kept], SEAL).write(entry())
    return kept.sealed[0]


def test_a_file_is_set_aside_when_it_is_full(tmp_path: Path) -> None:
    """Nothing is lost on the way, several writers at once; of the old ones as many stay as are wanted."""
    path = tmp_path / "audit.jsonl"

    def write(_: int) -> None:
        trail = Trail([JsonLinesSink(path, rotate_at=3000)], SEAL)
        for number in range(20):
            trail.write(entry(number))

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(write, range(4)))
    assert len(list(tmp_path.iterdir())) > 5
    assert len(list(JsonLinesSink(path).lines())) == 80
    assert list(chains.verify(JsonLinesSink(path).lines(), SEALS)) == []
    sink = JsonLinesSink(path, rotate_at=1, keep=2)
    for _ in range(3):
        sink.write(written_record())
    assert len(list(tmp_path.iterdir())) == 3


class Slow(Kept):
    """A sink that waits for the test before each write."""

    def __init__(self) -> None:
        """Closed."""
        super().__init__()
        self.gate = threading.Semaphore(0)
        self.batches: list[int] = []

    def write_all(self, records: Sequence[Sealed]) -> None:
        """Keep them all at once."""
        assert self.gate.acquire(timeout=10)
        self.batches.append(len(records))
        self.sealed.extend(records)


def test_threads_share_one_write() -> None:
    """While one write is under way, the others wait and then go together; nobody returns before its record is kept."""
    sink = Slow()
    trail = Trail([sink], SEAL)
    with ThreadPoolExecutor(9) as threads:
        first = threads.submit(trail.write, entry(0))
        while not trail._channels[0]._is_writing:  # noqa: SLF001 -- the first is writing
            time.sleep(0.001)
        others = [threads.submit(trail.write, entry(number)) for number in range(1, 9)]
        while len(trail._channels[0]._queue) < 9:  # noqa: SLF001 -- the others wait
            time.sleep(0.001)
        assert not any(one.done() for one in (first, *others))
        sink.gate.release(9)
        ids = {one.result(timeout=10) for one in (first, *others)}
    assert sink.batches == [1, 8]
    assert {record.id for record in sink.records} == ids
    assert list(chains.verify(sink.texts, SEALS)) == []


def test_the_stream_can_be_kept_with_others(house: House, tmp_path: Path) -> None:
    """By its URL: steps stand in it once, and reveals in both places."""
    file = JsonLinesSink(tmp_path / "trail.jsonl")
    grants = house.connect(key="k", sinks=[StreamSink(house.url), file])
    house.granted()
    grants.recorder.reveal(reveal())
    streamed = [parsed(text) for text in StreamSink(house.url).entries("prod")]
    kept = [parsed(text) for text in file.entries("prod")]
    assert [record and record.event for record in streamed] == [Event.REQUESTED, Event.APPROVED, Event.REVEALED]
    assert kept == streamed


def test_whoever_waited_for_a_write_that_failed_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """One attempt for all who wait; and when the sink is back, all that was left goes in one write, in its place."""
    sink = Refusing()
    trail = Trail([sink], SEAL)
    with ThreadPoolExecutor(9) as threads:
        first = threads.submit(trail.write, entry(0))
        while not trail._channels[0]._is_writing:  # noqa: SLF001 -- the first is writing
            time.sleep(0.001)
        others = [threads.submit(trail.write, entry(number)) for number in range(1, 9)]
        while len(trail._channels[0]._queue) < 9:  # noqa: SLF001 -- the others wait
            time.sleep(0.001)
        sink.gate.release()
        for one in (first, *others):
            with pytest.raises(RecordError):
                one.result(timeout=10)
    assert caplog.text.count("audit sink Refusing failed") == 1
    sink.is_refusing = False
    sink.gate.release()
    trail._channels[0].breaker.close()  # noqa: SLF001 -- instead of waiting for it
    trail.write(entry(9))
    assert sink.batches == [10]
    assert list(chains.verify(sink.texts, SEALS)) == []


class Refusing(Slow):
    """A slow sink that takes nothing at first."""

    is_refusing = True

    def write_all(self, records: Sequence[Sealed]) -> None:
        """Keep them, or not."""
        if self.is_refusing:
            assert self.gate.acquire(timeout=10)
            raise OSError("disk")
        super().write_all(records)
