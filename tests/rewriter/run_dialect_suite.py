"""SQLAlchemy's own dialect suite on hooked engines: nothing fails there that the bare engine can do.

`make suite` runs it; it takes minutes, so `make test` leaves it out.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url

HERE = Path(__file__).parent / "dialect_suite"
ENGINES = {"sqlite": None, "postgresql": "postgres_database", "mariadb": "mariadb_database"}
"""Engine → the fixture of its database; SQLite's is in memory. DuckDB's dialect makes keys that DuckDB has not."""
_LEAST = 1500
"""Tests that must pass at the least: fewer, and the suite did not run as it should."""


@dataclass(frozen=True, slots=True)
class _Suite:
    """The suite on one database. `folder`: where it runs and notes how tests end."""

    url: str
    folder: Path

    def outcomes(self, *, is_hooked: bool, tests: Sequence[str] | None = None) -> dict[str, str]:
        """Test → `passed`, `failed` or `skipped`, for all or for some of them."""
        noted = self.folder / ("hooked" if is_hooked else "bare")
        noted.touch()
        known = {**os.environ, "UNMASK_SUITE_OUTCOMES": str(noted), "PYTHONPATH": str(HERE)}
        if is_hooked:
            known["UNMASK_SUITE_HOOKED"] = "1"
        if tests is not None:
            chosen = self.folder / "chosen"
            chosen.write_text("".join(f"{json.dumps(test)}\n" for test in tests), encoding="utf-8")
            known["UNMASK_SUITE_TESTS"] = str(chosen)
        command = [sys.executable, "-m", "pytest", "-c", "setup.cfg", "--dburi", self.url, "cases.py"]
        done = subprocess.run(command, cwd=HERE, env=known, capture_output=True, text=True, check=False)  # noqa: S603
        (self.folder / f"{noted.name}.log").write_text(done.stdout, encoding="utf-8")
        assert done.returncode in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED), done.stdout[-4000:] + done.stderr
        return _outcomes(noted)


def _outcomes(noted: Path) -> dict[str, str]:
    """The worst of what was noted for the parts of each test."""
    order = ("passed", "skipped", "failed")
    found: dict[str, str] = {}
    for line in noted.read_text(encoding="utf-8").splitlines():
        test, outcome = json.loads(line)
        found[test] = max(found.get(test, "passed"), outcome, key=order.index)
    return found


@contextmanager
def _with_second_schema(url: str) -> Iterator[None]:
    """The suite expects a schema of this name; on SQLite it attaches one itself."""
    address = make_url(url)
    if address.get_backend_name() == "sqlite":
        yield
        return
    word = "DATABASE" if address.get_backend_name() == "mysql" else "SCHEMA"
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"CREATE {word} IF NOT EXISTS test_schema")
    engine.dispose()
    try:
        yield
    finally:
        if word == "DATABASE":
            with engine.begin() as connection:
                connection.exec_driver_sql("DROP DATABASE test_schema")
            engine.dispose()


@pytest.mark.parametrize("engine", ENGINES)
def test_nothing_fails_that_the_bare_engine_can_do(engine: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """What fails through the hook fails without it as well."""
    fixture = ENGINES[engine]
    url = request.getfixturevalue(fixture) if fixture else "sqlite://"
    suite = _Suite(url, tmp_path)
    with _with_second_schema(url):
        hooked = suite.outcomes(is_hooked=True)
        failed = [test for test, outcome in hooked.items() if outcome == "failed"]
        bare = suite.outcomes(is_hooked=False, tests=failed)
    assert [test for test in failed if bare[test] != "failed"] == []
    assert list(hooked.values()).count("passed") >= _LEAST
