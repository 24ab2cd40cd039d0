"""Asking, deciding, listing and ending, each by a person at their own terminal, against a real Redis."""

import json
import re
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import redis
from sqlalchemy import text

from grants import Ask, Grants, SigningKey, StatementScope, load_key
from masking import Fingerprint, Policy
from rewriter.fingerprint import fingerprint
from rewriter.statement import read_statement
from tests.grants.cli.conftest import Shell, application

RAW, MASKED = "ada@lovelace.example", "a***@***.example"


def eventually(look: Callable[[], str], expected: str) -> bool:
    """Whether `look` shows what is expected within the second that a change may take to arrive."""
    deadline = time.monotonic() + 2
    while look() != expected:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def test_story_from_request_to_trail(shell: Shell, sqlite_shop: str) -> None:
    """What one asks for and another approves is shown by the hook, ends with a revocation, and stands in the trail."""
    with application(shell) as connected:

        def seen_by(principal: str) -> str:
            with connected(principal) as connection:
                return str(connection.execute(text("SELECT email FROM customers WHERE id = 1")).scalar_one())

        assert seen_by("ana@shop.example") == MASKED
        identifier = shell.asked()
        assert seen_by("ana@shop.example") == MASKED
        shell.ok("approve", identifier, by="bo")
        assert eventually(lambda: seen_by("ana@shop.example"), RAW)
        assert seen_by("dee@shop.example") == MASKED
        assert [one["id"] for one in shell.json("grants")] == [identifier]
        shell.ok("revoke", identifier)
        assert eventually(lambda: seen_by("ana@shop.example"), MASKED)
    assert shell.json("grants") == []
    reveals = shell.json("audit", "--column", "customers.email", "--event", "revealed")
    assert {(one["principal"], one["rows"]) for one in reveals} == {("ana@shop.example", 1)}
    assert reveals[0]["grants"] == [{"id": identifier, "reason": "OPS-7 refund", "approvers": ["bo@shop.example"]}]
    steps = [one["event"] for one in shell.json("audit", "--request", identifier) if one["event"] != "revealed"]
    assert steps == ["requested", "approved", "revoked"]
    assert shell.json("audit", "verify")["is_intact"]


def test_request_says_who_can_approve_and_how(shell: Shell) -> None:
    """A request's answer names the approvers and the exact command for them, which works as it stands."""
    answer = shell.ok("request", "customers.email", "--for", "1h30m", "--reason", "OPS-7")
    assert "bo@shop.example, cy@shop.example" in answer
    command = answer.partition("with the command: ")[2].splitlines()[0]
    assert command.startswith("unmask approve ")
    assert command.endswith(" --env prod")
    shell.variables.pop("UNMASK_ENVIRONMENT")
    assert "sees customers.email until" in shell.ok(*command.split()[1:], by="bo")


def test_command_for_approver_repeats_the_options_given_but_no_password(shell: Shell) -> None:
    """What stands on the requester's command line stands in the approver's, except a URL with a password."""
    policy = shell.variables.pop("UNMASK_POLICY")
    words = ("request", "customers.email", "--for", "5m", "--reason", "OPS-7", "--policy", policy)
    assert f"--policy {policy}" in shell.json(*words)["approve_command"]
    url = shell.variables.pop("UNMASK_REDIS_URL")
    assert f"--redis {url}" in shell.json(*words, "--redis", url)["approve_command"]
    with_password = url.replace("redis://", "redis://default:hunter2@")
    outcome = shell.run(*words, "--redis", with_password)
    assert "hunter2" not in outcome.output


def test_each_approval_counts_until_there_are_enough(shell: Shell) -> None:
    """With two approvers required the grant is live after the second, for the shorter of their durations."""
    identifier = shell.asked("customers.ssn", "customers.email")
    first = shell.json("approve", identifier, "--for", "20m", by="bo")
    assert (first["state"], first["possible_approvers"], first["grant"]) == ("pending", ["cy@shop.example"], None)
    assert [(one["scope"], one["given"], one["required"]) for one in first["approvals"]] == [
        ("tag:contact", 1, 1),
        ("tag:secret", 1, 2),
    ]
    assert "1/2 of group:privacy for tag:secret" in shell.ok("requests", identifier)
    second = shell.json("approve", identifier, by="cy")
    assert second["state"] == "approved"
    lease = [datetime.fromisoformat(second["grant"][end]) for end in ("issued_at", "expires_at")]
    assert (lease[1] - lease[0]).total_seconds() == 20 * 60
    assert all(at.tzinfo == UTC for at in lease)


def test_approve_shows_what_it_grants_before_and_after(shell: Shell) -> None:
    """An approver reads the request in full, then what became live, until when, and how to end it."""
    identifier = shell.asked()
    answer = shell.ok("approve", identifier, "--for", "15m", by="bo")
    before, _, after = answer.partition("Approved ")
    assert "OPS-7 refund" in before
    assert "0/1 of group:privacy" in before
    assert "ana@shop.example sees customers.email until " in after
    assert re.search("in 1[45] min", after)
    assert f"unmask revoke {identifier} --env prod" in after


def test_approval_that_the_policy_gives_by_itself(shell: Shell) -> None:
    """Where the policy approves by itself the grant is live at once, and nobody is asked."""
    answer = shell.json("request", "tag:contact", "--env", "staging", "--for", "8h", "--reason", "try")
    assert (answer["state"], answer["approve_command"]) == ("approved", None)
    assert shell.json("grants") == []
    assert len(shell.json("grants", "--env", "staging")) == 1


def test_requests_lists_state_person_scope_duration_reason_age_and_approvals(shell: Shell) -> None:
    """The table tells of each request in one line, wide enough for anything when it goes to no terminal."""
    identifier = shell.asked("role:fraud-desk", length="1h30m")
    heading, line = shell.ok("requests").splitlines()
    assert heading.split() == ["ID", "STATE", "WHO", "SCOPE", "FOR", "YES", "AGE", "ENDS", "REASON"]
    assert line.split()[:6] == [identifier, "pending", "ana@shop.example", "role:fraud-desk", "1h30m", "0/1"]
    assert line.endswith("OPS-7 refund")
    assert "\x1b" not in line


def test_requests_can_be_narrowed_to_a_state(shell: Shell) -> None:
    """`--state` keeps the requests in that state, and says so when there are none."""
    pending, denied = shell.asked(), shell.asked(by="dee")
    shell.ok("deny", denied, "--reason", "no ticket", by="bo")
    assert [one["id"] for one in shell.json("requests")] == [pending, denied]
    assert [one["id"] for one in shell.json("requests", "--state", "denied")] == [denied]
    assert shell.ok("requests", "--state", "revoked") == "No revoked requests in prod.\n"
    assert shell.json("requests", denied)["decisions"][0]["reason"] == "no ticket"


def test_beginning_of_an_id_is_enough_while_only_one_begins_so(shell: Shell, redis_database: str) -> None:
    """Four letters will do; a beginning that is shorter, that several have, or none, is an error that says so."""
    identifier = shell.asked()
    assert shell.json("requests", identifier[:4])["id"] == identifier
    assert shell.json("requests", identifier.replace("-", "").upper()[:7])["id"] == identifier
    assert "there is no request '0000'" in shell.fails(6, "approve", "0000", by="bo")
    for decision in (("approve",), ("deny", "--reason", "no"), ("revoke",)):
        for short in ("", identifier[:3], identifier[:3] + "-"):
            assert "at least 4 letters" in shell.fails(6, *decision, short, by="bo")
    with redis.Redis.from_url(redis_database) as client:
        client.set(f"unmask:{{prod}}:request:{identifier[:4]}-0000", "{}")
        client.zadd("unmask:{prod}:requests", {f"{identifier[:4]}-0000": 4102444800000})
    assert "could be any of" in shell.fails(6, "approve", identifier[:4], by="bo")


def test_digest_says_which_request_was_looked_at(shell: Shell) -> None:
    """With another digest than the stored request has nothing is approved; `requests` tells the right one."""
    identifier = shell.asked()
    digest = shell.json("requests", identifier)["digest"]
    assert digest in shell.ok("requests", identifier, by="bo")
    other = digest.replace(digest[-1], "0" if digest[-1] != "0" else "1")
    assert "another one was put in its place" in shell.fails(1, "approve", identifier, "--digest", other, by="bo")
    assert shell.json("requests", identifier)["state"] == "pending"
    assert "Approved" in shell.ok("approve", identifier, "--digest", digest, by="bo")


def test_on_a_terminal_an_approver_is_asked(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """The request is shown, then signed once they said yes; `--yes` says it beforehand."""
    monkeypatch.setattr("grants.cli.decisions.is_terminal", lambda: True)
    identifier, other = shell.asked(), shell.asked()
    outcome = shell.run("approve", identifier, by="bo", stdin="n\n")
    assert (outcome.exit_code, shell.json("requests", identifier)["state"]) == (1, "pending")
    assert "OPS-7 refund" in outcome.stdout
    assert "Approve this as bo@shop.example?" in outcome.stderr
    assert shell.run("approve", identifier, by="bo", stdin="y\n").exit_code == 0
    assert shell.run("approve", other, "--yes", by="bo", stdin="").exit_code == 0
    assert {shell.json("requests", one)["state"] for one in (identifier, other)} == {"approved"}


@pytest.mark.parametrize("decision", [("approve",), ("deny", "--reason", "why not")])
def test_nobody_decides_on_their_own_request(shell: Shell, decision: tuple[str, ...]) -> None:
    """An approver's own request is theirs to withdraw, not to decide."""
    identifier = shell.asked(by="bo")
    assert "it is their own" in shell.fails(1, *decision, identifier, by="bo")
    assert shell.json("requests", identifier)["state"] == "pending"


def test_only_approvers_decide_and_only_they_or_the_requester_revoke(shell: Shell) -> None:
    """A colleague of the requester can neither approve, deny nor revoke."""
    identifier = shell.asked()
    for words in (("approve",), ("deny", "--reason", "x"), ("revoke",)):
        assert "dee@shop.example is no approver" in shell.fails(1, *words, identifier, by="dee")


def test_request_that_was_decided_stays_decided(shell: Shell) -> None:
    """A stale approval is told what the request has become, and changes nothing."""
    identifier = shell.asked()
    shell.ok("deny", identifier, "--reason", "no ticket", by="bo")
    assert f"cannot approve {identifier}: it is denied" in shell.fails(1, "approve", identifier, by="cy")
    assert "it is denied" in shell.fails(1, "revoke", identifier)
    approved = shell.asked()
    shell.ok("approve", approved, by="bo")
    assert "it is approved" in shell.fails(1, "approve", approved, by="bo")
    assert "it is approved" in shell.fails(1, "deny", approved, "--reason", "late", by="cy")


@pytest.mark.parametrize(
    ("length", "code", "message"),
    [
        ("0m", 2, "'0m' is not a duration"),
        ("-5m", 2, "'-5m' is not a duration"),
        ("soon", 2, "write it like 30m, 8h, 1h30m or 7d"),
        ("365d", 1, "too long"),
    ],
)
def test_duration_must_be_one_that_the_policy_allows(shell: Shell, *, length: str, code: int, message: str) -> None:
    """Nothing, nonsense and a year are refused, each with what to write instead."""
    words = ("request", "customers.email", f"--for={length}", "--reason", "OPS-7")
    assert message in shell.fails(code, *words)
    assert shell.json("requests") == []


def test_request_must_be_allowed_by_the_policy(shell: Shell) -> None:
    """An unknown scope gets a suggestion; one that nobody grants, and a reason of the wrong form, are refused."""
    unknown = shell.fails(1, "request", "custmers.email", "--for", "5m", "--reason", "OPS-7")
    assert "Did you mean customers.email?" in unknown
    nobody = shell.fails(1, "request", "customers.phone", "--for", "5m", "--reason", "OPS-7")
    assert "no rule under `approval:`" in nobody
    assert "must match" in shell.fails(1, "request", "customers.ssn", "--for", "5m", "--reason", "because")
    assert "needs a reason" in shell.fails(1, "request", "customers.email", "--for", "5m", "--reason", " ")
    assert "name a SCOPE" in shell.fails(2, "request", "--for", "5m", "--reason", "OPS-7")


def test_key_decides_who_acts(shell: Shell) -> None:
    """A key that is nobody's, or missing, cannot act; the message says what to add or make."""
    words = ("request", "customers.email", "--for", "5m", "--reason", "OPS-7")
    assert "is nobody's in the policy" in shell.fails(1, *words, by="stranger")
    assert "unmask keygen" in shell.fails(1, *words, by="missing")


def test_person_without_a_place_in_the_policy_any_more(shell: Shell) -> None:
    """A request of somebody whom the policy no longer knows is shown as unreadable, and cannot be approved."""
    identifier = shell.asked()
    policy = Path(shell.variables["UNMASK_POLICY"])
    policy.write_text(policy.read_text(encoding="utf-8").replace("  ana@shop", "  anna@shop"), encoding="utf-8")
    (listed,) = shell.json("requests")
    assert listed == {
        "id": identifier,
        "environment": "prod",
        "state": "unreadable",
        "problem": listed["problem"],
    }
    assert "ana@shop.example is not in the policy" in listed["problem"]
    assert "unreadable" in shell.ok("requests")
    assert "ana@shop.example is not in the policy" in shell.fails(1, "approve", identifier, by="bo")


def test_request_that_somebody_changed_in_redis(shell: Shell) -> None:
    """What was altered in Redis is shown as such, and what it holds cannot act on a terminal."""
    identifier = shell.asked()
    with redis.Redis.from_url(shell.variables["UNMASK_REDIS_URL"]) as client:
        client.set(f"unmask:{{prod}}:request:{identifier}", "\x1b[2J{}")
    listed = shell.ok("requests")
    assert "unreadable" in listed
    assert "\x1b" not in listed
    assert identifier in shell.fails(1, "approve", identifier, by="bo")


def test_redis_that_does_not_answer(shell: Shell) -> None:
    """Without Redis a command ends with its own code, says where it looked, and shows no password."""
    shell.variables["UNMASK_REDIS_URL"] = "redis://:hunter2@127.0.0.1:1/0"
    for words in (("requests",), ("grants",), ("audit",), ("audit", "verify"), ("approve", "abcd")):
        said = shell.fails(4, *words)
        assert "Redis at 127.0.0.1:1/0 does not answer" in said
        assert "hunter2" not in said
    shell.variables["UNMASK_REDIS_URL"] = "mysql://x"
    assert "no known kind of Redis URL" in shell.fails(4, "requests")


def test_policy_that_is_missing_or_wrong(shell: Shell, tmp_path: Path) -> None:
    """A policy that cannot be used ends with its own code, every fault with its line."""
    assert "name it with --policy or UNMASK_POLICY" in shell.fails(3, "requests", "--policy", str(tmp_path / "none"))
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("columns:\n  customers.email: redakt\n  customers.ssn: {mask: nul}\n", encoding="utf-8")
    said = shell.fails(3, "requests", "--policy", str(wrong))
    assert f"{wrong}:2:20: " in said
    assert "Did you mean redact?" in said
    assert f"{wrong}:3:" in said


def test_errors_are_json_where_json_was_asked_for(shell: Shell) -> None:
    """With `--json` an error is one JSON object on standard error, with the exit code in it."""
    fault = json.loads(shell.fails(6, "requests", "zzzz", "--json"))
    assert (fault["error"], fault["exit_code"]) == ("unknown", 6)
    assert "there is no request" in fault["message"]


def test_option_wins_over_variable(shell: Shell) -> None:
    """A setting on the command line is used rather than the environment's."""
    shell.asked()
    assert shell.ok("requests", "--env", "staging") == "No requests in staging.\n"
    assert "is no environment" in shell.fails(2, "requests", "--env", "a b")


def test_a_statement_is_approved_as_it_is_shown(shell: Shell, policy_and_keys: tuple[Policy, SigningKey]) -> None:
    """A harmless text over another statement's fingerprint is told from the true one, and is not approved."""
    policy, key = policy_and_keys
    true = "SELECT email FROM customers WHERE born > DATE ? AND name = ?"
    for shown, is_true in ((true, True), ("SELECT count ( * ) FROM customers", False)):
        scope = StatementScope(fingerprint=fingerprint_of(true), literals="free", text=shown)
        ask = Ask(scopes=("customers.email",), reason="OPS-7", duration=timedelta(minutes=5), statement=scope)
        with closing(Grants.connect(shell.variables["UNMASK_REDIS_URL"])) as grants:
            identifier = grants.desk(policy=policy, environment="prod", key=key).request(ask).id
        assert ("NOT the statement" in shell.ok("requests", identifier, by="bo")) is not is_true
        if is_true:
            assert "Approved" in shell.ok("approve", identifier, by="bo")
        else:
            assert "another statement" in shell.fails(1, "approve", identifier, by="bo")
            assert "Denied" in shell.ok("deny", identifier, "--reason", "made by hand", by="bo")


def fingerprint_of(text: str) -> Fingerprint:
    """What the hook calls a statement, before its values are left out."""
    return fingerprint(read_statement(text.replace("DATE ?", "DATE '2020-01-01'"), "postgresql"))


@pytest.fixture
def policy_and_keys(shell: Shell) -> tuple[Policy, SigningKey]:
    """The shell's policy, and ana's key."""
    return Policy.load(shell.variables["UNMASK_POLICY"]), load_key(shell.folder / "ana")
