"""`unmask demo`: the story is true, its hand-outs work, and nobody's tables or files are overwritten."""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import URL, Engine, create_engine, make_url, text
from typer.testing import CliRunner

from grants import GrantError
from grants.cli import app, demo_shop
from grants.cli.demo_folder import known_settings
from grants.cli.demo_story import BY_EMAIL, BY_PHONE, RETURNED
from masking import Policy
from rewriter import install
from tests.documents import Shell
from tests.fix_demo import Demo, run_demo

WIDTH = 100  # columns
ROWS = {"customers": 3_000, "orders": 5_000, "cards": 3_600}
POLICY = Policy.parse(
    "columns: {customers.email: redact, customers.phone: {partial: {suffix: 2}}, customers.born: year}"
)


@contextmanager
def _engine(url: str | URL) -> Iterator[Engine]:
    engine = create_engine(url)
    try:
        yield engine
    finally:
        engine.dispose()


def _scenes(output: str) -> list[str]:
    return re.split(r"^── \d\. .*─$", output, flags=re.MULTILINE)


def _check_story(output: str) -> None:
    setting, masked, asked, approved, revealed, over, trail, leave = _scenes(output)
    assert "3,000 customers, 5,000 orders, 3,600 cards" in setting
    assert masked.count("[redacted]   ***") == 3
    assert re.search(r"^Requested ", asked, re.MULTILINE)
    assert "error: ana cannot approve" in asked
    assert re.search(r"^Approved \S+ as bo\.$", approved, re.MULTILINE)
    by_ana, by_cleo = revealed.split("Cleo, ")
    assert len(re.findall(r"@example\.(?:com|net|org) +\*\*\*\d\d   ", by_ana)) == 3
    assert [int(n) > 0 for n in re.findall(r"─\n +(\d+)\n", by_ana)] == [True, False]
    assert by_cleo.count("[redacted]   ***") == 3
    assert re.search(r"\d s left   \S+@example.*\n +over   \[redacted\]\n", over)
    assert over.count("[redacted]   ***") == 3
    assert [word for word in ("requested", "failed", "approved", "revealed") if word not in trail] == []
    assert "none altered, removed, moved or invented." in trail
    assert "env.sh" in leave


def test_the_story_on_sqlite(demo: Demo) -> None:
    """Masked, asked for, approved by another, revealed to one, over, on record: in plain text of a hundred columns."""
    _check_story(demo.output)
    assert "\x1b" not in demo.output
    too_wide = [line for line in demo.output.splitlines() if len(line) > WIDTH and not line.startswith(("$", "    "))]
    assert too_wide == []


def test_the_story_on_postgresql(postgres_database: str, redis_database: str, tmp_path: Path) -> None:
    """With servers of one's own the story is the same, in a schema of its own that commands find again."""
    told = run_demo(tmp_path, "--database-url", postgres_database, "--redis-url", redis_database)
    _check_story(told.output)
    with _engine(postgres_database) as engine, engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM unmask_demo.customers")) == ROWS["customers"]
        assert connection.scalar(text("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")) == 0
    code, printed = Shell(told.cwd, told.environment).run("unmask check")
    assert (code, "4 columns of 2 tables" in printed) == (0, True), printed


def test_what_it_prints_to_go_on_with_works(demo: Demo) -> None:
    """Every command of the last scene can be pasted into a shell, one after the other."""
    leave = _scenes(demo.output)[-1].partition("When you have seen enough")[0]
    lines = [line.strip() for line in leave.splitlines() if line.startswith("    ")]
    assert len(lines) > 5
    shell = Shell(demo.cwd, {"PATH": demo.environment["PATH"], "PYTHONPATH": ":".join(sys.path)})
    for line in lines:
        code, printed = shell.run(line)
        assert code == 0, f"{line}\n{printed}"
        if requested := re.match(r"Requested (\S+):", printed):
            shell.names["ID"] = requested[1]
    # Other tests go on with the same demo, in whatever order.
    code, printed = shell.run(f"UNMASK_KEY={demo.folder.key('bo')} unmask revoke {shell.names['ID']}")
    assert code == 0, printed


@pytest.mark.parametrize("database", ["sqlite_database", "postgres_database", "mariadb_database"])
def test_the_shop_is_built_anew_and_masks_fit_it(database: str, request: pytest.FixtureRequest) -> None:
    """On each engine the shop can be made twice, and the statements of the story run on it, masked."""
    with _engine(demo_shop.at_home(make_url(request.getfixturevalue(database)))) as engine:
        assert [demo_shop.build(engine), demo_shop.build(engine)] == [ROWS, ROWS]
        install(engine, policy=POLICY)
        with engine.connect() as connection:
            assert {row.email for row in connection.execute(text(RETURNED))} == {"[redacted]"}
            assert connection.scalar(text(BY_EMAIL)) == connection.scalar(text(BY_PHONE)) == 0


@pytest.mark.parametrize("database", ["sqlite_database", "mariadb_database"])
def test_tables_of_others_are_left_alone(database: str, request: pytest.FixtureRequest) -> None:
    """A database that holds what the demo did not make is refused, and stays as it is."""
    with _engine(request.getfixturevalue(database)) as engine:
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE customers (id INTEGER)"))
        with pytest.raises(GrantError, match=r"did not make \(customers\)"):
            demo_shop.build(engine)
        with engine.connect() as connection:
            assert connection.execute(text("SELECT * FROM customers")).all() == []


def test_files_of_others_are_left_alone(tmp_path: Path) -> None:
    """A folder that holds other things is refused."""
    (tmp_path / "thesis.txt").write_text("finished")
    outcome = CliRunner().invoke(app, ["demo", "--folder", str(tmp_path)])
    assert (outcome.exit_code, [path.name for path in tmp_path.iterdir()]) == (1, ["thesis.txt"])
    assert "--folder" in outcome.output


@pytest.mark.parametrize(
    ("url", "code", "advice"),
    [
        ("no url", 2, "cannot be read"),
        ("oracle://host/shop", 1, "the demo runs on SQLite, PostgreSQL"),
        ("duckdb:///shop.duckdb", 1, "the demo runs on SQLite, PostgreSQL"),
        ("postgresql+pg9000://host/shop", 2, "no driver is known"),
        ("postgresql+psycopg://127.0.0.1:1/shop", 4, "the database could not do it"),
    ],
)
def test_unusable_databases_are_told(url: str, code: int, advice: str, *, redis_database: str, tmp_path: Path) -> None:
    """What is wrong with a database's URL is said in a sentence, with the documented exit code."""
    words = ["demo", "--folder", str(tmp_path / "demo"), "--database", url, "--redis", redis_database]
    outcome = CliRunner().invoke(app, words)
    assert outcome.exit_code == code, outcome.output
    assert advice in outcome.output


def test_a_redis_that_does_not_answer_is_told(tmp_path: Path) -> None:
    """Without Redis there is no demo, and no database either."""
    folder = tmp_path / "demo"
    outcome = CliRunner().invoke(app, ["demo", "--folder", str(folder), "--redis", "redis://127.0.0.1:1/0"])
    assert outcome.exit_code == 4, outcome.output
    assert not (folder / "shop.sqlite").exists()


def test_a_missing_faker_is_told(sqlite_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra that the demo needs is named."""
    monkeypatch.setitem(sys.modules, "faker", None)
    with _engine(sqlite_database) as engine, pytest.raises(GrantError, match=r"unmask\[demo\]"):
        demo_shop.build(engine)


def test_settings_are_for_their_owner_alone(demo: Demo) -> None:
    """Keys and settings, which hold secrets, are readable by nobody else."""
    private = [demo.folder.settings, *(demo.folder.key(name) for name in ("ana", "bo", "cleo", "dan"))]
    assert {path.stat().st_mode & 0o077 for path in private} == {0}
    assert known_settings(demo.folder)["UNMASK_AUDIT_KEY"]
