"""`unmask prove`, on real databases: what it finds, what it says, and what it leaves alone."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

from grants.cli.exits import ExitCode
from tests.grants.cli.conftest import Shell, filled

RAW = "ada@lovelace.example"
DATABASES = {
    "postgres_database": "SELECT count(*) FROM pg_database WHERE datname LIKE 'unmask_proof%'",
    "mariadb_database": "SELECT count(*) FROM information_schema.schemata WHERE schema_name LIKE 'unmask_proof%'",
}


def test_prove_counts_and_leaves_the_database_as_it_was(shell: Shell, sqlite_shop: str) -> None:
    """Every statement has one verdict, none breaks the promise, and the file is the same to the byte."""
    shell.variables["UNMASK_DATABASE_URL"] = sqlite_shop
    file = Path(make_url(sqlite_shop).database or "")
    before = file.read_bytes()
    found = shell.json("prove", "--statements", "40", "--seed", "7")
    assert found["is_proven"]
    assert (found["statements"], found["leaks"], found["differences"], found["faults"]) == (40, 0, 0, [])
    assert found["equal"] + found["invalid"] + found["slow"] + sum(found["refused"].values()) == 40
    assert file.read_bytes() == before


def test_prove_shows_leaks_with_seed_and_statement(
    shell: Shell, sqlite_shop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the hook there are leaks: they are made small, and no cell of the database is shown."""
    shell.variables["UNMASK_DATABASE_URL"] = sqlite_shop
    monkeypatch.setattr("rewriter.proof.trio.install", lambda *_, **__: None)
    outcome = shell.run("prove", "--statements", "12")
    assert outcome.exit_code == ExitCode.PROBLEMS
    assert "leak at seed" in outcome.stdout
    assert "FROM" in outcome.stdout
    assert RAW not in outcome.stdout


@pytest.mark.parametrize("database", DATABASES)
def test_prove_drops_what_it_made_on_a_server(shell: Shell, database: str, request: pytest.FixtureRequest) -> None:
    """Scratch databases are made only where somebody said so, and are gone afterwards."""
    url = filled(request.getfixturevalue(database))
    shell.variables["UNMASK_DATABASE_URL"] = url
    assert "--scratch" in shell.fails(ExitCode.USAGE, "prove", "--statements", "5")
    assert shell.json("prove", "--statements", "5", "--scratch", "here")["statements"] == 5
    assert shell.json("prove", "--statements", "5", "--scratch", url)["is_proven"]
    engine = create_engine(url)
    with engine.connect() as connection:
        assert connection.scalar(text(DATABASES[database])) == 0
    engine.dispose()


def test_prove_needs_something_to_prove(shell: Shell, sqlite_database: str) -> None:
    """A policy that masks nothing here is an error, not a success."""
    engine = create_engine(sqlite_database)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE plain (id INTEGER PRIMARY KEY)"))
    engine.dispose()
    shell.variables["UNMASK_DATABASE_URL"] = sqlite_database
    (shell.folder / "masking.yaml").write_text("columns: {}\n", encoding="utf-8")
    assert "nothing to prove" in shell.fails(ExitCode.POLICY, "prove", "--statements", "5")


def test_prove_removes_its_files_when_it_is_stopped(shell: Shell, sqlite_shop: str, tmp_path: Path) -> None:
    """A request to terminate ends it with what was found so far, and leaves nothing behind."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    variables = {**os.environ, **shell.variables, "UNMASK_DATABASE_URL": sqlite_shop, "TMPDIR": str(scratch)}
    command = [sys.executable, "-c", "from grants.cli import main; main()", "prove", "--minutes", "5", "--json"]
    with subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        deadline = time.monotonic() + 60
        while not list(scratch.glob("*/*/*")) and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert list(scratch.iterdir()) == []
