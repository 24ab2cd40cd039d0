"""Notifications: who is told what, on a real server; and that nothing waits for them or fails with them."""

import json
import logging
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import apprise
import pytest

from grants.messenger import EVERYTHING, Messenger
from grants.notices import Notice
from grants.records import StatementScope
from masking import Fingerprint, Policy, Principal
from tests.grants.conftest import House, ask, policy_text
from tests.grants.test_exceptions import URGENT, with_rule
from tests.grants.waiting import eventually


class Inbox:
    """A web service on this machine that keeps what is posted to it. `is_open`: not set while it lets callers hang."""

    def __init__(self) -> None:
        """Listen."""
        self.posted: list[tuple[str, str, str]] = []
        self.is_open = threading.Event()
        self.is_open.set()
        self.status = 200
        inbox = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                inbox.is_open.wait(30)
                told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                inbox.posted.append((self.path.strip("/"), told["title"], told["message"]))
                self.send_response(inbox.status)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def address(self, name: str) -> str:
        """Where somebody's messages go."""
        return f"json://127.0.0.1:{self.server.server_address[1]}/{name}"

    def told(self) -> list[tuple[str, str]]:
        """Who was told what so far, by titles."""
        return sorted((name, title) for name, title, _ in self.posted)


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    """An open inbox. What delivers has been loaded by then, which takes its time."""
    assert apprise.Apprise().add("json://127.0.0.1/")
    inbox = Inbox()
    yield inbox
    inbox.is_open.set()
    inbox.server.shutdown()
    inbox.server.server_close()


def with_addresses(text: str, inbox: Inbox, *names: str) -> Policy:
    """A policy in which people have addresses."""
    for name in names:
        text = text.replace(f"  {name}: {{groups", f'  {name}: {{notify: ["{inbox.address(name)}"], groups')
    return Policy.parse(text)


@pytest.fixture
def told_house(redis_database: str, inbox: Inbox, house: House) -> House:
    """Where ana, bo, cy and dee can be told."""
    del redis_database
    house.policy = with_addresses(with_rule(URGENT), inbox, "ana", "bo", "cy", "dee")
    return house


def test_approvers_learn_of_requests_and_requesters_of_decisions(told_house: House, inbox: Inbox) -> None:
    """Nobody of their own step, and nobody whom it does not concern."""
    docket = told_house.desk("ana").request(ask())
    eventually(lambda: len(inbox.posted) == 2)
    title = "[unmask prod] ana: asks for customers.email"
    assert inbox.told() == [("bo", title), ("cy", title)]
    assert f"unmask requests {docket.id} --env prod" in inbox.posted[0][2]
    assert "reason: OPS-7 refund" in inbox.posted[0][2]
    told_house.desk("bo").approve(docket.id)
    eventually(lambda: ("ana", f"[unmask prod] bo: approved {docket.id}") in inbox.told())
    told_house.desk("cy").revoke(docket.id, reason="done")
    eventually(lambda: ("ana", f"[unmask prod] cy: revoked {docket.id}") in inbox.told())
    denied = told_house.desk("ana").request(ask())
    told_house.desk("cy").deny(denied.id, reason="no ticket")
    eventually(lambda: any("said: no ticket" in message for _, _, message in inbox.posted))
    assert len(inbox.posted) == 7


def test_every_approver_learns_of_broken_glass(told_house: House, inbox: Inbox) -> None:
    """And its holder of the review; of what the policy approves by itself nobody is told."""
    told_house.desk("ana", environment="staging").request(ask())
    docket = told_house.desk("ana").request(replace(ask(minutes=5), break_glass=True))
    eventually(lambda: len(inbox.posted) == 2)
    assert [name for name, _ in inbox.told()] == ["bo", "cy"]
    assert all("broke the glass" in title for _, title in inbox.told())
    told_house.desk("bo").review(docket.id)
    eventually(lambda: ("ana", f"[unmask prod] bo: reviewed {docket.id}") in inbox.told())


def test_no_notice_holds_a_literal(told_house: House, inbox: Inbox) -> None:
    """Of a condition on rows its form; of a statement that there is one."""
    scope = StatementScope(fingerprint=Fingerprint("v1:0"), literals="fixed", text="SELECT '7070707'", exact="v1:0:0")
    told_house.desk("ana").request(replace(ask(), where="id = 7070707", uses=2, statement=scope))
    eventually(lambda: len(inbox.posted) == 2)
    assert 'where "id" = ?; 2 use(s); in one statement' in inbox.posted[0][2]
    assert "7070707" not in str(inbox.posted)


def test_a_step_neither_waits_for_a_delivery_nor_fails_with_it(
    told_house: House, inbox: Inbox, caplog: pytest.LogCaptureFixture
) -> None:
    """A service that hangs or refuses: the step is taken all the same, and the log says who was not told."""
    inbox.is_open.clear()
    start = time.monotonic()
    docket = told_house.desk("ana").request(ask())
    assert time.monotonic() - start < 2
    inbox.status = 500
    inbox.is_open.set()
    with caplog.at_level(logging.WARNING, "grants.messenger"):
        eventually(lambda: "bo could not be notified" in caplog.text and "cy could not be notified" in caplog.text)
    assert str(inbox.server.server_address[1]) not in caplog.text
    inbox.server.shutdown()
    assert told_house.desk("bo").approve(docket.id).standing.lease is not None


def test_the_end_of_a_process_waits_for_deliveries_but_not_for_ever(
    inbox: Inbox, caplog: pytest.LogCaptureFixture
) -> None:
    """What is under way arrives; what hangs is given up, and said."""
    policy = with_addresses(policy_text(), inbox, "bo")
    notice = Notice(audience=(Principal("bo"),), title="one", body="b")
    messenger = Messenger(policy, {})
    messenger.send(notice)
    messenger.close()
    assert inbox.told() == [("bo", "one")]
    inbox.is_open.clear()
    messenger.send(notice)
    start = time.monotonic()
    messenger.close()
    assert time.monotonic() - start < 8
    assert "could not be" in caplog.text  # notified, or delivered in time: whichever end comes first
    inbox.is_open.set()


def test_addresses_may_stand_in_variables(inbox: Inbox, caplog: pytest.LogCaptureFixture) -> None:
    """One person's by `env:`, and one that is told of everything; neither stands in the policy's `repr`."""
    text = policy_text().replace("  bo: {groups", '  bo: {notify: ["env:BO"], groups')
    policy = Policy.parse(text.replace("  cy: {groups", '  cy: {notify: ["env:CY"], groups'))
    messenger = Messenger(policy, {"BO": inbox.address("bo"), EVERYTHING: inbox.address("all")})
    with caplog.at_level(logging.WARNING, "grants.messenger"):
        messenger.send(Notice(audience=(Principal("bo"), Principal("cy"), Principal("dee")), title="one", body="b"))
        messenger.close()
    assert inbox.told() == [("all", "one"), ("bo", "one")]
    assert "cy could not be notified: the variable" in caplog.text
    assert "127.0.0.1" not in repr(with_addresses(policy_text(), inbox, "bo"))
    assert policy.version != Policy.parse(policy_text()).version
