"""A forked child has threads, connections and a chain of records of its own, as under a prefork server."""

import json
import os
import time
import warnings
from collections.abc import Callable
from typing import Any

from grants import Event, Filter
from grants.audit import Count
from masking import ColumnName, Fingerprint, Principal, Reveal
from tests.grants.conftest import House, seen
from tests.grants.waiting import eventually, is_warm


def in_child(work: Callable[[], Any]) -> Any:
    """What `work` returns in a forked child."""
    readable, writable = os.pipe()
    with warnings.catch_warnings():
        # Python 3.12 warns of forking a process with threads: that is what is tested here.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        status = 1
        try:
            os.write(writable, json.dumps(work()).encode())
            status = 0
        finally:
            os._exit(status)
    os.close(writable)
    with os.fdopen(readable, "rb") as stream:
        content = stream.read()
    assert os.waitpid(child, 0)[1] == 0
    return json.loads(content)


def reveal() -> Reveal:
    """A reveal as the hook reports it."""
    return Reveal(
        principal=Principal("ana"),
        groups=(),
        client="test",
        environment="prod",
        database="shop",
        tables=("customers",),
        columns=(ColumnName.parse("customers.email"),),
        fingerprint=Fingerprint("v1:0"),
        statement="SELECT email FROM customers WHERE id = ?",
        policy_version="v1",
    )


def test_a_child_learns_of_grants_and_revocations_by_itself(house: House) -> None:
    """Its view is warm again, and hears what happens after the fork."""
    docket = house.granted()
    view = house.view()
    eventually(lambda: is_warm(view))

    def work() -> list[bool]:
        cold = view.peek(Principal("ana"), frozenset()) is None
        shown = seen(view) == {"customers.email"}
        eventually(lambda: is_warm(view))
        house.desk("ana").revoke(docket.id)
        eventually(lambda: seen(view) == set(), within=1)
        return [cold, shown]

    assert in_child(work) == [True, True]
    eventually(lambda: seen(view) == set(), within=1)
    assert is_warm(view)


def test_a_fork_while_a_view_is_busy_does_not_hang_the_child(house: House) -> None:
    """Locks that other threads held at the fork are not the child's."""
    house.granted()
    view = house.view()
    seen(view)
    view._lock.acquire()  # noqa: SLF001 -- as a thread of the parent's would
    view._entrance.acquire()  # noqa: SLF001
    try:
        begun = time.monotonic()
        assert in_child(lambda: sorted(seen(view))) == ["customers.email"]
        assert time.monotonic() - begun < 5
    finally:
        view._lock.release()  # noqa: SLF001
        view._entrance.release()  # noqa: SLF001


def test_parent_and_child_write_chains_of_their_own(house: House) -> None:
    """No two records have one place, so the trail verifies."""
    recorder = house.grants.recorder
    mine = [recorder.reveal(reveal())]
    theirs = in_child(lambda: [recorder.reveal(reveal()), recorder.reveal(reveal())])
    mine.append(recorder.reveal(reveal()))
    assert len({*mine, *theirs}) == 4
    recorder.rows(mine[0], 3)
    recorder.settle()
    assert house.grants.verify("prod", policy=house.policy) == ()
    fetched = list(house.grants.audit("prod", matching=Filter(events=frozenset({Event.FETCHED}))))
    assert [record.counts for record in fetched] == [(Count(record=mine[0], rows=3),)]
