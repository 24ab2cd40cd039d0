"""Through a hooked engine: nothing is revealed without its record, nor is anything recorded that should not be."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from sqlalchemy import Connection, CursorResult, Engine, create_engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import StaticPool

from grants import Docket, Event, Grants, JsonLinesSink, audit, chains
from grants.archive import records_of
from grants.places import kept_at
from grants.sinks import Kept
from rewriter import Reason, StatementRefused, acting_as, install
from tests.grants.conftest import House, policy_text
from tests.grants.waiting import eventually

CELL = "ada@cell.example"


def shop(house: House, grants: Grants, *, url: str = "sqlite://", environment: str = "prod") -> Engine:
    """A database with one customer, hooked."""
    engine = create_engine(url, poolclass=StaticPool)
    with engine.begin() as connection:
        columns = "id INTEGER PRIMARY KEY, name TEXT, email TEXT, phone TEXT, ssn TEXT, salary INTEGER"
        connection.execute(text(f"CREATE TABLE customers ({columns})"))
        connection.execute(text("INSERT INTO customers VALUES (1, 'Ada', :cell, '5', '6', 7)"), {"cell": CELL})
    install(engine, policy=house.policy, grants=grants, environment=environment)
    return engine


@pytest.fixture
def engine(house: House) -> Iterator[Engine]:
    """A hooked database in which ana may see the e-mail addresses."""
    house.granted()
    engine = shop(house, house.connect(key="k"))
    eventually(lambda: asked(engine) == CELL)
    yield engine
    engine.dispose()


def asked(engine: Engine, statement: str = "SELECT email FROM customers", **values: object) -> object:
    """What ana is shown."""
    with acting_as("ana"), engine.connect() as connection:
        return connection.scalar(text(statement), values)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT email, 'canary' FROM customers WHERE name <> 'canary' OR id IN (7654321, 7654321.5e0)",
        "SELECT email /* canary */ FROM customers -- canary 7654321\n LIMIT 7654321",
        "SELECT email FROM customers WHERE name = x'63616e617279' OR name LIKE '%canary%' ESCAPE 'c'",
        "SELECT email FROM customers WHERE name <> :value AND json_extract('{\"canary\": 1}', '$.canary') = 1",
        "SELECT email FROM customers WHERE load('canary')",
        "SELECT email FROM customers WHERE nothing = 'canary' AND name = :value",
        "SELECT email FROM customers WHERE name = 'canary",
        "SELECT FROM WHERE 'canary' 7654321",
        'SELECT email FROM customers WHERE name <> "canary" OR "customers"."id" IN ("canary", "7654321")',
    ],
)
def test_no_record_or_log_line_holds_a_literal_a_parameter_or_a_cell(
    house: House, engine: Engine, *, statement: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Whether the statement reveals something, fails, or is refused."""
    caplog.set_level("DEBUG")
    with suppress(OperationalError, StatementRefused):
        asked(engine, statement, **({"value": "canary"} if ":value" in statement else {}))
    house.opened[-1].close()
    records = [record.canonical().decode() for record in house.grants.audit("prod")]
    assert len(records) > 2
    for secret in ("canary", "63616e617279", "7654321", CELL):
        assert not [record for record in records if secret in record]
        assert secret not in caplog.text


def test_what_no_sink_takes_is_masked(house: House, tmp_path: Path) -> None:
    """The folder of the file is gone, then there again; each row that was shown has its record."""
    house.granted()
    folder = tmp_path / "trail"
    folder.mkdir()
    sink = JsonLinesSink(folder / "audit.jsonl")
    engine = shop(house, house.connect(key="k", sinks=[sink]))
    eventually(lambda: asked(engine) == CELL)
    folder.rename(tmp_path / "away")
    shown = [asked(engine) for _ in range(3)]
    (tmp_path / "away").rename(folder)
    assert set(shown) == {"[redacted]"}
    eventually(lambda: asked(engine) == CELL)
    assert list(chains.verify(sink.lines(), audit.Seals(seal=audit.KeyedHash(b"k")))) == []
    engine.dispose()


KILLED = """
import sys
from grants import Grants, JsonLinesSink, SqlSink
from masking import Policy
from sqlalchemy import create_engine, text
from rewriter import acting_as, install
url, policy, place = sys.argv[1:]
sinks = [JsonLinesSink(place)] if place.endswith("jsonl") else [SqlSink(place)] if place else None
engine = create_engine("sqlite://")
with engine.begin() as connection:
    connection.execute(text("CREATE TABLE customers (id INTEGER, email TEXT, phone TEXT, ssn TEXT, salary INTEGER)"))
    connection.execute(text("INSERT INTO customers VALUES (1, 'ada@cell.example', '5', '6', 7)"))
install(engine, policy=Policy.parse(policy), grants=Grants.connect(url, key="", sinks=sinks), environment="prod")
while True:
    with acting_as("ana"), engine.connect() as connection:
        if connection.scalar(text("SELECT email FROM customers")) == "ada@cell.example":
            sys.stdout.write("revealed\\n")
            sys.stdout.flush()
"""


@pytest.mark.parametrize("name", ["", "trail.jsonl", "trail.sqlite"])
def test_a_process_that_is_killed_has_recorded_what_it_revealed(house: House, tmp_path: Path, *, name: str) -> None:
    """At whatever instant, whatever the sink: there are at least as many records as rows that left it."""
    house.granted()
    place = f"sqlite:///{tmp_path / name}" if name.endswith("sqlite") else str(tmp_path / name) if name else ""
    revealed = [line for _ in range(2) for line in lines_until_killed(house, place)]
    kept: Kept = kept_at(place) if place else house.grants.stream()
    found = [record for record in records_of(kept, "prod") if record.event is Event.REVEALED]
    assert 2 <= revealed.count(b"revealed\n") <= len(found)
    archive = house.connect(key="").archive("prod", policy=house.policy, kept=kept)
    assert archive.verify() == ()
    kept.close()


def lines_until_killed(house: House, place: str) -> list[bytes]:
    """What a process that reveals says until it is killed, at any instant."""
    words = [sys.executable, "-c", KILLED, house.url, policy_text(), place]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2])  # noqa: S603 -- our own words
    assert process.stdout is not None
    with process, closing(process.stdout) as output:
        first = output.readline()
        time.sleep(random.uniform(0, 0.1))
        os.kill(process.pid, signal.SIGKILL)
        return [first, *output]


def opened(connection: Connection, rows: str) -> CursorResult[tuple[str]]:
    """A result whose first row was revealed: on a busy machine, Redis may take longer than a look may wait."""
    for _ in range(20):
        result = connection.execute(text(rows))
        with suppress(StatementRefused):
            if result.fetchone() == (CELL,):
                return result
        time.sleep(0.1)
    raise AssertionError("nothing was revealed")


def is_over(engine: Engine) -> bool:
    """Whether ana is shown nothing more, be it that her access ended between a statement and its row."""
    try:
        return asked(engine) != CELL
    except StatementRefused as refused:
        return refused.reason is Reason.ACCESS_ENDED


def test_no_row_of_an_open_result_is_handed_out_after_a_revocation(house: House, engine: Engine) -> None:
    """The rows that were not fetched yet stay where they are, for a second at most."""
    (docket,) = (one for one in house.grants.office(policy=house.policy, environment="prod").dockets())
    assert isinstance(docket, Docket)
    rows = "SELECT email FROM customers UNION ALL SELECT email FROM customers"
    with acting_as("ana"), engine.connect() as connection:
        result = opened(connection, rows)
        house.desk("bo").revoke(docket.id)
        eventually(lambda: is_over(engine), within=1)
        with pytest.raises(StatementRefused) as raised:
            result.fetchone()
        assert raised.value.reason is Reason.ACCESS_ENDED
