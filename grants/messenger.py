"""Delivers notices through apprise: in the background, as well as it can be done, and for a bounded time.

No step waits for a delivery or fails with one. What could not be delivered is logged by whom it was meant for, without
the address, which may hold a password. Addresses come from the policy (`people: … notify:`, where `env:NAME` stands for
what a variable holds) and, for everything, from the variable `UNMASK_NOTIFY`.
"""

import logging
import os
import queue
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

from grants.notices import Notice
from masking import Policy, Principal

EVERYTHING = "UNMASK_NOTIFY"
"""The environment variable with addresses that are told of everything, apart by blanks."""
PATIENCE = timedelta(seconds=5)
"""How long a process that is about to end waits for what is under way."""
_MOST_WAITING = 1000
_EVERYBODY = Principal("everybody")

_log = logging.getLogger(__name__)
logging.getLogger("apprise").addHandler(logging.NullHandler())  # its own messages name addresses


@dataclass(frozen=True, slots=True)
class _Delivery:
    """One notice on its way to one person's addresses."""

    recipient: Principal
    addresses: tuple[str, ...]
    title: str
    body: str


class Messenger:
    """Sends notices to the people of one policy. Thread-safe; starts a thread with the first notice."""

    def __init__(self, policy: Policy, variables: Mapping[str, str] = os.environ) -> None:
        self._policy = policy
        self._variables = variables
        self._waiting: queue.Queue[_Delivery] = queue.Queue(_MOST_WAITING)
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def send(self, notice: Notice) -> None:
        """Has `notice` delivered soon; returns at once and never raises."""
        for delivery in self._deliveries(notice):
            try:
                self._waiting.put_nowait(delivery)
            except queue.Full:
                _log.warning("%s is not notified: too much is waiting to be delivered", delivery.recipient)
            else:
                self._start()

    def close(self) -> None:
        """Waits for what is under way, for `PATIENCE` at most; what is not delivered by then is said, and lost."""
        end = time.monotonic() + PATIENCE.total_seconds()
        with self._waiting.all_tasks_done:
            while self._waiting.unfinished_tasks and (left := end - time.monotonic()) > 0:
                self._waiting.all_tasks_done.wait(left)
            if self._waiting.unfinished_tasks:
                _log.warning("%d notification(s) could not be delivered in time", self._waiting.unfinished_tasks)

    def _deliveries(self, notice: Notice) -> Iterator[_Delivery]:
        for name in notice.audience:
            person = self._policy.people.get(name)
            if person is not None and person.notify:
                yield _Delivery(name, self._addresses(person.notify), notice.title, notice.body)
        if everything := tuple(self._variables.get(EVERYTHING, "").split()):
            yield _Delivery(_EVERYBODY, everything, notice.title, notice.body)

    def _addresses(self, written: tuple[str, ...]) -> tuple[str, ...]:
        found: list[str] = []
        for address in written:
            name = address.removeprefix("env:")
            found += [address] if name == address else self._variables.get(name, "").split()
        return tuple(found)

    def _start(self) -> None:
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                # A daemon: a delivery that hangs must not keep the process from ending.
                self._thread = threading.Thread(target=self._work, name="unmask-notices", daemon=True)
                self._thread.start()

    def _work(self) -> None:
        while True:
            delivery = self._waiting.get()
            try:
                problem = _delivered(delivery)
            except Exception as exc:  # noqa: BLE001 -- whatever a service's client raises, nobody's step depends on it
                problem = type(exc).__name__
            if problem:
                _log.warning("%s could not be notified: %s", delivery.recipient, problem)
            self._waiting.task_done()


def _delivered(delivery: _Delivery) -> str:
    """Why the delivery failed; empty when each address took it."""
    if not delivery.addresses:
        return "the variable that their address stands in is not set"
    try:
        import apprise  # noqa: PLC0415 -- an extra, and slow to import
    except ModuleNotFoundError:
        return "apprise is not installed: pip install 'unmask[notify]'"
    client = apprise.Apprise()
    if not all([client.add(address) for address in delivery.addresses]):  # noqa: C419 -- each is tried
        return "an address is none that apprise knows"
    taken = client.notify(body=delivery.body, title=delivery.title, body_format=apprise.NotifyFormat.TEXT)
    return "" if taken else "the service did not take it"
