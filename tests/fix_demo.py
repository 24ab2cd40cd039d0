"""One run of `unmask demo`, which leaves a database, a Redis, a policy and keys for the tests that go on from there."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from grants.cli.demo_folder import DemoFolder, known_settings

ENDS_WITHIN = 300  # seconds; on a quiet machine it takes fifteen, eight of them to watch a grant end


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """What one demo printed and left. `cwd`: where it ran; `environment`: of commands that go on from there."""

    cwd: Path
    folder: DemoFolder
    output: str
    environment: Mapping[str, str]


def plain_environment() -> dict[str, str]:
    """Environment variables without any that would change what commands do, and with this Python's programs first."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("UNMASK_", "MAKE")) and name not in ("COLUMNS", "DATABASE_URL", "REDIS_URL")
    }
    return kept | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{kept.get('PATH', os.defpath)}"}


def run_demo(cwd: Path, *options: str) -> Demo:
    """The demo has run in `cwd`."""
    done = subprocess.run(
        ["unmask", "demo", *options],
        cwd=cwd,
        env=plain_environment(),
        capture_output=True,
        text=True,
        timeout=ENDS_WITHIN,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    folder = DemoFolder(cwd / "demo-data")
    return Demo(cwd=cwd, folder=folder, output=done.stdout, environment=plain_environment() | known_settings(folder))


def stop_redis(demo: Demo) -> None:
    """The demo's own Redis no longer runs."""
    url = known_settings(demo.folder)["UNMASK_REDIS_URL"]
    if url.startswith("embedded:"):
        os.kill(int(Path(url.removeprefix("embedded:"), "redis.pid").read_text()), signal.SIGTERM)


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """A finished demo on SQLite, with a Redis of its own."""
    done = run_demo(tmp_path_factory.mktemp("demo"))
    yield done
    stop_redis(done)
