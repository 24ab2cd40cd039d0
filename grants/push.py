"""One connection on which Redis tells of changed keys."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

import redis

from grants.clients import is_elsewhere, new_connection
from grants.errors import StoreError
from grants.server import Server


@dataclass(frozen=True, slots=True)
class Invalidated:
    """Keys that changed; None: any of them may have."""

    keys: tuple[str, ...] | None


class Push:
    """One connection on which Redis reports changed keys and answers pings, both in the order in which they happened.

    The connection redirects its tracking messages to itself: RESP2's way of having both on one connection, so that an
    answered ping proves that everything before it arrived. (redis-py's own client-side cache asks for Redis 7.4.)
    """

    def __init__(self, server: Server, prefixes: tuple[str, ...]) -> None:
        """Listens to every key that begins with one of `prefixes`.

        Raises:
            StoreError: the server does not answer, or does not push.
        """
        self._server = server
        self._name = prefixes[0]
        told = [word for prefix in prefixes for word in ("PREFIX", prefix)]
        with server.clear_errors(self._name):
            self._connection = new_connection(server.client, self._name)
            try:
                self._connection.connect()
                self._ask("CLIENT", "TRACKING", "ON", "REDIRECT", self._ask("CLIENT", "ID"), "BCAST", *told)
                self._ask("SUBSCRIBE", "__redis__:invalidate")
            except BaseException:
                self.close()
                raise

    def _ask(self, *words: object) -> object:
        self._connection.send_command(*words)
        return self._connection.read_response()

    def ping(self) -> None:
        """Asks for a sign of life, which `next` returns as `PONG`.

        Raises:
            StoreError: the connection is lost.
        """
        with self._server.clear_errors(self._name):
            self._connection.send_command("PING", check_health=False)

    def next(self, *, timeout: timedelta) -> Invalidated | Literal["PONG"] | None:
        """The next message; None if there is none in time.

        Raises:
            StoreError: the connection is lost.
        """
        with self._server.clear_errors(self._name):
            try:
                reply = self._connection.read_response(timeout=timeout.total_seconds(), disconnect_on_error=False)
            except redis.TimeoutError:
                return None
        match reply:
            case ["pong", _]:
                return "PONG"
            case ["message", _, None]:
                return Invalidated(None)
            case ["message", _, [*keys]]:
                return Invalidated(tuple(str(key) for key in keys))
            case _:
                return Invalidated(None)

    def check_place(self) -> None:
        """Return while this is the server to listen to: the primary, or the cluster's node that has the keys.

        Raises:
            StoreError: it is another one by now, or cannot be told.
        """
        with self._server.clear_errors(self._name):
            if is_elsewhere(self._server.client, self._name, self._connection):
                raise StoreError("the keys are on another server by now", is_outage=True)

    def close(self) -> None:
        """Ends the connection."""
        self._connection.disconnect()
