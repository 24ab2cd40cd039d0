"""The trail on the command line: filters, formats, and whether it is whole."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta

import pytest
import redis

from tests.grants.cli.conftest import Shell


@pytest.fixture
def told(shell: Shell) -> Shell:
    """A terminal whose trail holds a request, an approval and a failed approval."""
    identifier = shell.asked()
    shell.fails(1, "approve", identifier, by="ana")
    shell.ok("approve", identifier, by="bo")
    return shell


def events(shell: Shell, *words: str) -> list[str]:
    """The events that a filter lets through."""
    return [record["event"] for record in shell.json("audit", *words)]


def test_filters_of_the_trail(told: Shell) -> None:
    """Person, column, event and time narrow what is shown; the end of a time is exclusive."""
    assert events(told) == ["requested", "failed", "approved"]
    assert events(told, "--who", "bo@shop.example") == ["approved"]
    assert events(told, "--column", "customers.email") == ["requested", "approved"]
    assert events(told, "--column", "customers.ssn") == []
    assert events(told, "--event", "failed", "--event", "approved") == ["failed", "approved"]
    assert events(told, "--since", "1h") == ["requested", "failed", "approved"]
    assert events(told, "--until", "1h") == []
    soon = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M")
    assert events(told, "--since", soon) == []
    assert events(told, "--until", soon + "Z") == ["requested", "failed", "approved"]
    assert "is no point in time" in told.fails(2, "audit", "--since", "yesterdayish")
    assert "is not a column" in told.fails(2, "audit", "--column", "email")


def test_formats_of_the_trail(told: Shell) -> None:
    """The same records as a table, JSON, JSON lines (as they are kept) and CSV."""
    table = told.ok("audit").splitlines()
    assert table[0].split() == ["WHEN", "(UTC)", "WHAT", "WHO", "GRANT", "COLUMNS", "ROWS", "WHY"]
    assert len(table) == 4
    lines = [json.loads(line) for line in told.ok("audit", "--format", "jsonl").splitlines()]
    assert [line["event"] for line in lines] == events(told)
    assert all(line["seal"] for line in lines)
    assert json.loads(told.ok("audit", "--format", "json")) == told.json("audit")
    rows = list(csv.DictReader(io.StringIO(told.ok("audit", "--format", "csv"))))
    assert [row["event"] for row in rows] == events(told)
    assert rows[0]["columns"] == "customers.email"
    assert told.ok("audit", "--who", "nobody") == "Nothing in the trail of prod matches.\n"


def test_spreadsheet_runs_no_formula(shell: Shell) -> None:
    """A reason that a spreadsheet would take for a formula is made plain text in CSV."""
    shell.json("request", "customers.email", "--for", "5m", "--reason", '=HYPERLINK("http://x")')
    (row,) = csv.DictReader(io.StringIO(shell.ok("audit", "--format", "csv")))
    assert row["reason"].startswith("'=")


def test_verify_finds_what_was_removed(told: Shell) -> None:
    """A whole trail is intact; one whose record was removed or altered is not, and the exit code says so."""
    assert told.ok("audit", "verify").startswith("3 records in prod: none altered")
    with redis.Redis.from_url(told.variables["UNMASK_REDIS_URL"], decode_responses=True) as client:
        first, *_ = client.xrange("unmask:{prod}:trail")
        altered = first[1]["record"].replace("OPS-7", "OPS-8")
        client.xadd("unmask:{prod}:trail", {"record": altered})
    outcome = told.run("audit", "verify", "--json")
    assert outcome.exit_code == 5
    found = json.loads(outcome.stdout)
    assert not found["is_intact"]
    assert found["faults"][0]["line"] == 4
    assert "altered" in found["faults"][0]["problem"]
    assert told.run("audit", "verify").exit_code == 5


def test_verify_says_when_it_has_no_key(told: Shell) -> None:
    """Without the applications' key the check says what it cannot tell."""
    told.variables["UNMASK_AUDIT_KEY"] = ""
    outcome = told.run("audit", "verify")
    assert outcome.exit_code == 0
    assert "UNMASK_AUDIT_KEY is not set" in outcome.stderr


def test_options_before_the_subcommand_are_not_lost_in_silence(told: Shell) -> None:
    """`audit --env staging verify` would check another environment than was meant, so it is refused."""
    assert "write options after `verify`" in told.fails(2, "audit", "--env", "staging", "verify")
