"""The trail on the command line: filters, formats, and whether it is whole."""

import csv
import io
import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import redis
from sqlalchemy import text

from grants import Grants, JsonLinesSink, SqlSink
from tests.grants.cli.conftest import Shell, application
from tests.grants.test_forks import reveal


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
    assert "must be later" in told.fails(2, "audit", "--since", "2026-11-21", "--until", "2026-11-20")


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


def test_the_trail_by_table(told: Shell) -> None:
    """Steps by the tables of their columns."""
    assert events(told, "--table", "customers") == ["requested", "approved"]
    assert events(told, "--table", "orders") == []


def test_who_saw_which_column_under_which_grant(shell: Shell, sqlite_shop: str) -> None:
    """One command, between two instants: person, grant, reason, approver and rows; as OCSF events too."""
    identifier = shell.asked()
    shell.ok("approve", identifier, by="bo")
    with application(shell) as connected, connected("ana@shop.example") as connection:
        connection.execute(text("SELECT email FROM customers WHERE id = 1")).all()
    words = ("--event", "revealed", "--column", "customers.email", "--table", "customers", "--since", "1h")
    (row,) = csv.DictReader(io.StringIO(shell.ok("audit", *words, "--format", "csv")))
    assert (row["principal"], row["columns"], row["rows"]) == ("ana@shop.example", "customers.email", "1")
    assert (row["grants"], row["reason"], row["approvers"]) == (identifier, "OPS-7 refund", "bo@shop.example")
    (event,) = map(json.loads, shell.ok("audit", *words, "--format", "ocsf").splitlines())
    assert (event["class_uid"], event["type_uid"], event["status"]) == (6005, 600504, "Success")
    assert event["actor"]["user"]["name"] == "ana@shop.example"
    assert event["query_info"]["query_string"] == "SELECT email FROM customers WHERE id = ?"
    assert event["unmapped"]["rows"] == 1
    assert event["unmapped"]["grants"][0]["approvers"] == ["bo@shop.example"]
    kinds = [json.loads(line)["class_uid"] for line in shell.ok("audit", "--format", "ocsf").splitlines()]
    assert kinds == [3004, 3004, 6005, 6005]


def test_a_cut_trail_is_found(told: Shell) -> None:
    """The last record, by the second place that every command knows; without one, a note says what is not held."""
    assert "none altered" in told.ok("audit", "verify")
    with redis.Redis.from_url(told.variables["UNMASK_REDIS_URL"]) as client:
        client.xdel("unmask:{prod}:trail", client.xrevrange("unmask:{prod}:trail", count=1)[0][0])
    outcome = told.run("audit", "verify")
    assert outcome.exit_code == 5
    assert "were cut off" in outcome.stdout
    told.variables["UNMASK_AUDIT_CHECKPOINTS"] = ""
    outcome = told.run("audit", "verify")
    assert outcome.exit_code == 0
    assert "UNMASK_AUDIT_CHECKPOINTS is not set" in outcome.stderr


def test_a_checkpoint_by_hand(told: Shell) -> None:
    """For what was done without the second place; there must be one."""
    told.variables["UNMASK_AUDIT_CHECKPOINTS"] = ""
    assert "UNMASK_AUDIT_CHECKPOINTS" in told.fails(4, "audit", "checkpoint")
    told.variables["UNMASK_AUDIT_CHECKPOINTS"] = str(told.folder / "others")
    assert told.ok("audit", "checkpoint") == "Kept how far 3 writers in prod have come.\n"
    assert told.json("audit", "checkpoint") == {"environment": "prod", "writers": 3}


def test_places_that_hold_nothing(told: Shell, tmp_path: Path) -> None:
    """A misspelt trail is an error; a second place that knows nothing is said, since a cut end is then not missed."""
    missing = str(tmp_path / "missing.jsonl")
    for words in (("audit",), ("audit", "verify")):
        assert "missing.jsonl cannot be read" in told.fails(4, *words, "--trail", missing)
    table = tmp_path / "missing.sqlite"
    assert "missing.sqlite cannot be read" in told.fails(4, "audit", "verify", "--trail", f"sqlite:///{table}")
    assert not table.exists()
    sqlite3.connect(table).close()
    assert "no table unmask_trail" in told.fails(4, "audit", "--trail", f"sqlite:///{table}")
    told.variables["UNMASK_AUDIT_CHECKPOINTS"] = str(tmp_path / "missing-heads")
    outcome = told.run("audit", "verify")
    assert outcome.exit_code == 5
    assert "holds nothing of this environment" in outcome.stdout
    told.ok("audit", "checkpoint")
    assert told.json("audit", "verify")["is_intact"]


def test_ids_may_be_short_here_too(told: Shell) -> None:
    """As in every other command: what could be several is an error, and so is what is too short."""
    identifier = told.json("requests")[0]["id"]
    assert events(told, "--request", identifier[:4]) == ["requested", "failed", "approved"]
    assert events(told, "--request", identifier.upper()) == ["requested", "failed", "approved"]
    assert events(told, "--request", "zzzz-zzzz") == []
    assert "too short" in told.fails(6, "audit", "--request", identifier[:3])


def test_misspelt_names_are_noted(told: Shell) -> None:
    """An empty answer says what may have been meant; what exists and merely did nothing is not noted."""
    for words, hint in (
        (("--column", "customers.emial"), "did you mean customers.email"),
        (("--table", "custmers"), "did you mean customers"),
        (("--who", "bo@shop.exmple"), "did you mean bo@shop.example"),
        (("--env", "stagign"), "did you mean staging"),
        (("--column", "customers.ssn"), ""),
        (("--who", "service:mailer"), ""),
    ):
        outcome = told.run("audit", *words)
        assert (outcome.exit_code, hint in outcome.stderr, bool(outcome.stderr)) == (0, True, bool(hint)), words
    assert "did you mean staging" in told.run("requests", "--env", "stagign").stderr
    assert "did you mean ana@" in told.run("grants", "--who", "anna@shop.example").stderr


def test_faults_of_one_kind_are_one_line(told: Shell) -> None:
    """However many there are; programs are given each."""
    with redis.Redis.from_url(told.variables["UNMASK_REDIS_URL"]) as client:
        for number in range(20):
            client.xadd("unmask:{prod}:trail", {"record": f"{number}"})
    found = told.run("audit", "verify")
    assert found.stdout.startswith("20 records, the first 4 ")
    assert len(json.loads(told.run("audit", "verify", "--json").stdout)["faults"]) == 20


def test_the_key_that_was_not_given(told: Shell) -> None:
    """Without the applications' key, that is what `verify` names, not a wrong one."""
    with closing(Grants.connect(told.variables["UNMASK_REDIS_URL"], key=told.variables["UNMASK_AUDIT_KEY"])) as grants:
        grants.recorder.reveal(reveal())
    told.variables["UNMASK_AUDIT_KEY"] = ""
    assert "sealed with an audit key, and none was given" in told.run("audit", "verify").stdout


def test_break_glass_is_told(shell: Shell) -> None:
    """An auditor sees in the table and in CSV which access its holder gave themselves."""
    policy = Path(shell.variables["UNMASK_POLICY"])
    rule = '  - {scope: "tag:contact", approvers: ["group:privacy"], max_duration: 4h'
    written = policy.read_text(encoding="utf-8")
    assert rule in written
    own = ', break_glass: {principals: ["ana@shop.example"]}'
    policy.write_text(written.replace(rule, rule + own), encoding="utf-8")
    shell.ok("request", "customers.email", "--for", "5m", "--reason", "OPS-7", "--break-glass")
    assert "OPS-7; break-glass; for 5m" in shell.ok("audit")
    assert [row["break_glass"] for row in csv.DictReader(io.StringIO(shell.ok("audit", "--format", "csv")))] == ["yes"]


def until() -> str:
    """This instant."""
    return datetime.now(UTC).isoformat()


def test_pruning_on_the_command_line(told: Shell, tmp_path: Path) -> None:
    """Steps whose grant may live stay; a trail elsewhere is read, verified and pruned in the same way."""
    assert told.ok("audit", "prune", "--before", until()).startswith("Removed 1 records of prod")
    assert told.json("audit", "verify")["is_intact"]
    assert events(told) == ["requested", "approved", "pruned"]
    file, table = str(tmp_path / "trail.jsonl"), f"sqlite:///{tmp_path / 'trail.sqlite'}"
    for place, sink in ((file, JsonLinesSink(file)), (table, SqlSink(table))):
        url, heads = told.variables["UNMASK_REDIS_URL"], told.variables["UNMASK_AUDIT_CHECKPOINTS"]
        key = told.variables["UNMASK_AUDIT_KEY"]
        with closing(Grants.connect(url, key=key, sinks=[sink], checkpoints=heads)) as grants:
            grants.recorder.reveal(reveal())
        assert told.json("audit", "verify")["is_intact"]
        assert events(told, "--trail", place) == ["revealed"]
        assert told.json("audit", "verify", "--trail", place)["records"] == 1
        assert told.json("audit", "prune", "--before", until(), "--trail", place)["removed"] == 1
        assert events(told, "--trail", place) == ["pruned"]
