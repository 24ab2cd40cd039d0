"""Errors of statements that name no sensitive table: constraints lead to cells of others, at once or at the end."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.exc import DBAPIError

from masking import Policy
from rewriter import acting_as, install
from tests.rewriter.greenlets import Loop, in_loop
from tests.rewriter.hooked import ASYNCHRONOUS, DRIVERS, OWNER, TRUSTED

_SETUP = (
    "CREATE TABLE branches (id int PRIMARY KEY)",
    """CREATE TABLE accounts (id int PRIMARY KEY, iban text UNIQUE,
    branch int NOT NULL REFERENCES branches ON DELETE SET NULL ON UPDATE CASCADE CHECK (branch < 9))""",
    "CREATE TABLE seats (id int PRIMARY KEY, pin text, zone int, UNIQUE (zone, pin) DEFERRABLE)",
    "CREATE TABLE regions (id int PRIMARY KEY)",
    "CREATE TABLE holders (id int PRIMARY KEY, pin text UNIQUE, region int REFERENCES regions ON DELETE CASCADE)",
    "CREATE TABLE passes (id int PRIMARY KEY, pin text REFERENCES holders (pin) DEFERRABLE)",
    "INSERT INTO branches VALUES (1)",
    "INSERT INTO regions VALUES (1)",
    "INSERT INTO accounts VALUES (1, 'raw-iban', 1)",
    "INSERT INTO seats VALUES (1, 'raw-pin', 1), (2, 'raw-pin', 2)",
    "INSERT INTO holders VALUES (1, 'raw-pin', 1)",
    "INSERT INTO passes VALUES (1, 'raw-pin')",
)
_POLICY = """
columns:
  accounts.iban: redact
  seats.pin: redact
  holders.pin: {mask: {hash: {key: "env:UNMASK_LATE_KEY"}}}
  passes.pin: {mask: {hash: {key: "env:UNMASK_LATE_KEY"}}}
owners: ["service:shop"]
trusted: ["service:migrations"]
"""
_DRIVERS = {name: how for name, how in (DRIVERS | ASYNCHRONOUS).items() if how[0] == "postgres_database"}
_COMMIT = "the driver's own"
_TWICE = "UPDATE seats SET zone = 1 WHERE id = 2"


@contextmanager
def _engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, driver: str) -> Iterator[Engine]:
    monkeypatch.setenv("UNMASK_LATE_KEY", "0123456789abcdef" * 4)
    fixture, scheme = _DRIVERS[driver]
    rest = request.getfixturevalue(fixture).partition("://")[2]
    bare = create_engine(f"postgresql+psycopg://{rest}")
    with bare.begin() as connection:
        for sql in _SETUP:
            connection.execute(text(sql))
    bare.dispose()
    engine = create_engine(f"{scheme}://{rest}")
    install(engine, policy=Policy.parse(_POLICY))
    yield engine


def _run(connection: Connection, statements: tuple[str, ...]) -> None:
    for sql in statements:
        if sql == _COMMIT:
            connection.commit()
        else:
            connection.execute(text(sql))


def _shown(error: BaseException | None) -> str:
    """Everything that an error leads to."""
    shown = ""
    while error is not None:
        orig = getattr(error, "orig", None)
        shown += repr(error) + str(error) + repr(orig) + str(getattr(orig, "pgerror", "")) + repr(vars(error))
        shown += _shown(orig)
        error = error.__cause__ or error.__context__
    return shown


@pytest.mark.parametrize("driver", _DRIVERS)
def test_constraints_lead_to_no_cells(  # noqa: PLR0917 -- fixtures
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, driver: str, subtests: pytest.Subtests
) -> None:
    """Neither where a foreign key's action fails in another table, nor where a constraint waited for the end."""
    attacks = (
        ("DELETE FROM branches",),
        ("UPDATE branches SET id = 10",),
        ("WITH gone AS (DELETE FROM branches RETURNING id) SELECT id FROM gone",),
        ("DELETE FROM regions",),
        ("SET CONSTRAINTS ALL DEFERRED", _TWICE, "SET CONSTRAINTS ALL IMMEDIATE"),
        ("SET CONSTRAINTS ALL DEFERRED", _TWICE, "COMMIT"),
        ("SET CONSTRAINTS ALL DEFERRED", _TWICE, _COMMIT),
        ("SET CONSTRAINTS ALL DEFERRED", "DELETE FROM holders", _COMMIT),
    )
    loop = Loop() if driver in ASYNCHRONOUS else None
    with _engine(request, monkeypatch, driver) as engine:

        def attacked(statements: tuple[str, ...]) -> DBAPIError:
            with engine.connect() as connection, pytest.raises(DBAPIError) as caught:
                _run(connection, statements)
            return caught.value

        for statements in attacks:
            with subtests.test("; ".join(statements)):
                error = in_loop(loop, attacked, statements)
                assert "withheld" in str(error.orig)
                assert "raw-" not in _shown(error)
        in_loop(loop, engine.dispose)
    if loop is not None:
        loop.close()


def test_what_shows_no_other_cells_is_told(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write's own keys and values, an owner's own mistakes; and everything to whom the policy trusts."""
    with _engine(request, monkeypatch, "psycopg") as engine:
        told = (
            ("INSERT INTO branches VALUES (1)", None, "(id)=(1) already exists"),
            ("INSERT INTO branches VALUES ('x')", None, '"x"'),
            ("CREATE TABLE branches (id int)", OWNER, '"branches" already exists'),
            (_TWICE, TRUSTED, "raw-pin"),
        )
        for sql, principal, words in told:
            with acting_as(principal) if principal else acting_as("nobody"), engine.connect() as connection:
                with pytest.raises(DBAPIError) as caught:
                    _run(connection, ("SET CONSTRAINTS ALL DEFERRED", sql, _COMMIT))
                assert words in str(caught.value.orig)
        engine.dispose()


def _seated_twice(raw: Any) -> None:
    for sql in ("SET CONSTRAINTS ALL DEFERRED", _TWICE):
        raw.execute(sql)


def test_a_blocks_end_shows_no_cells(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the driver's own transactions as well; what was raised inside is not touched."""
    with _engine(request, monkeypatch, "psycopg") as engine:
        connection = engine.raw_connection()
        raw: Any = connection.driver_connection
        with pytest.raises(Exception, match="withheld") as caught, raw.transaction():
            _seated_twice(raw)
        assert "raw-" not in _shown(caught.value)
        with pytest.raises(Exception, match='"x"'), raw.transaction():
            raw.execute("INSERT INTO branches VALUES ('x')")
        connection.close()
        engine.dispose()


def _synced(raw: Any, pipeline: Any) -> None:
    raw.execute("DELETE FROM branches")
    pipeline.sync()


def _fetched(raw: Any, _pipeline: Any) -> None:
    raw.execute("UPDATE accounts SET branch = NULL RETURNING id").fetchall()


def _batched(raw: Any, _pipeline: Any) -> None:
    raw.cursor().executemany("UPDATE accounts SET branch = NULL WHERE id = %s", [(1,), (1,)])
    raw.execute("SELECT 1").fetchone()


@pytest.mark.parametrize("attack", [_synced, _fetched, _batched])
def test_errors_that_arrive_in_a_pipeline_show_no_cells(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, attack: Callable[[Any, Any], None]
) -> None:
    """Where they arrive, inside the block, with whatever they lead to."""
    with _engine(request, monkeypatch, "psycopg") as engine:
        connection = engine.raw_connection()
        raw: Any = connection.driver_connection
        with suppress(Exception), raw.pipeline() as pipeline, pytest.raises(Exception, match="withheld") as caught:
            attack(raw, pipeline)
        assert "raw-" not in _shown(caught.value)
        assert "wait" not in vars(raw)
        connection.invalidate()
        engine.dispose()


def test_a_change_of_the_schema_shows_an_owner_no_cells(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows that a new constraint or type does not fit are named by their table alone."""
    with _engine(request, monkeypatch, "psycopg") as engine:
        for sql in (
            "CREATE UNIQUE INDEX ON seats (pin)",
            "ALTER TABLE accounts ALTER iban TYPE int USING iban::int",
        ):
            with acting_as(OWNER), engine.connect() as connection, pytest.raises(DBAPIError) as caught:
                connection.execute(text(sql))
            assert "raw-" not in _shown(caught.value)
        engine.dispose()
