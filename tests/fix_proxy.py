"""A proxy between a test and a server: it can leave connections open that nothing comes through."""

import selectors
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import urlsplit

import pytest

_CHUNK = 65_536


class Proxy:
    """Forwards what comes to its own port. Frozen, it forwards nothing, as a network that is cut."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._target = (parts.hostname or "localhost", parts.port or 6379)
        self._listening = socket.create_server(("127.0.0.1", 0))
        port = self._listening.getsockname()[1]
        self.url = parts._replace(netloc=f"127.0.0.1:{port}").geturl()
        self._is_frozen = threading.Event()
        self._is_closed = threading.Event()
        self._threads = [threading.Thread(target=self._serve, daemon=True)]
        self._threads[0].start()

    def freeze(self) -> None:
        """From now on nothing comes through, and nobody is told."""
        self._is_frozen.set()

    def thaw(self) -> None:
        """New connections work again; those from before are lost, as far as the server's side knows."""
        self._is_frozen.clear()

    def close(self) -> None:
        """End it."""
        self._is_closed.set()
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for thread in self._threads:
            thread.join(5)

    def _serve(self) -> None:
        while not self._is_closed.is_set():
            try:
                near, _ = self._listening.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._forward, args=(near,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _forward(self, near: socket.socket) -> None:
        is_lost = self._is_frozen.is_set()
        with near, socket.create_connection(self._target) as far, selectors.DefaultSelector() as ready:
            ready.register(near, selectors.EVENT_READ, far)
            ready.register(far, selectors.EVENT_READ, near)
            while not self._is_closed.is_set():
                for key, _ in ready.select(0.02):
                    is_lost = is_lost or self._is_frozen.is_set()
                    with suppress(OSError):
                        content = key.fileobj.recv(_CHUNK)  # type: ignore[union-attr] # a socket
                        if not content:
                            return
                        if not is_lost:
                            key.data.sendall(content)


@pytest.fixture
def redis_proxy(redis_database: str) -> Iterator[Proxy]:
    """A proxy before the Redis of the test."""
    proxy = Proxy(redis_database)
    yield proxy
    proxy.close()
