"""Where records go, on real files and a real Redis."""

import logging
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from grants import Event, Grants, JsonLinesSink, LoggingSink, RecordError, audit
from grants.trail import Trail
from masking import Policy, Principal
from tests.fix_redis import RedisServer
from tests.grants.conftest import KEYS, House, ask
from tests.grants.test_audit import SEAL, SEALS, entry
from tests.grants.test_forks import reveal


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
    assert list(audit.verify(sink.lines(), SEALS)) == []
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
    assert list(audit.verify(JsonLinesSink(path).lines(), SEALS)) == []


def test_a_torn_line_does_not_swallow_the_next_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After half a write, the record is written again on a line of its own."""
    sink = JsonLinesSink(tmp_path / "audit.jsonl")
    trail = Trail([sink], SEAL)
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, content: write(descriptor, content[:40]))
    with pytest.raises(RecordError):
        trail.write(entry(0))
    monkeypatch.undo()
    trail._channels[0].breaker.close()  # noqa: SLF001 -- instead of waiting for it
    trail.write(entry(1))
    faults = list(audit.verify(sink.lines(), SEALS))
    assert [fault.line for fault in faults] == [1]
    assert len(list(sink.lines())) == 3


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
    """A process that was killed in the middle of a line cannot mend it; the next writer can."""
    path = tmp_path / "audit.jsonl"
    path.write_text('{"event":"reve', encoding="utf-8")
    Trail([JsonLinesSink(path)], SEAL).write(entry())
    assert [fault.line for fault in audit.verify(JsonLinesSink(path).lines(), SEALS)] == [1]


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
