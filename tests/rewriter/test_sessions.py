"""Sessions in which the engine reads text otherwise than the rewriter does run nothing."""

import pytest
from sqlalchemy import create_engine, text

from masking import Policy
from rewriter import Reason, StatementRefused, install

_POLICY = Policy.parse('{columns: {customers.ssn: {mask: redact, optional: true}}, trusted: ["service:migrations"]}')


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2"])
@pytest.mark.parametrize("setting", ["standard_conforming_strings=off", "client_encoding=SJIS"])
def test_postgresql_settings_that_change_quoting_are_refused(postgres_database: str, driver: str, setting: str) -> None:
    """A connection made under such settings does not come about, and the error says what to set."""
    url = postgres_database.replace("+psycopg:", f"+{driver}:")
    engine = create_engine(url, connect_args={"options": f"-c {setting}"})
    install(engine, policy=_POLICY)
    with pytest.raises(StatementRefused, match=setting.partition("=")[0]) as caught:
        engine.connect()
    assert caught.value.reason is Reason.SESSION


@pytest.mark.parametrize("mode", ["ANSI_QUOTES", "NO_BACKSLASH_ESCAPES"])
def test_sql_modes_that_change_quoting_are_refused(mariadb_database: str, mode: str) -> None:
    """A connection made under such modes does not come about, and the error says which mode."""
    engine = create_engine(mariadb_database, connect_args={"init_command": f"SET sql_mode = '{mode}'"})
    install(engine, policy=_POLICY)
    with pytest.raises(StatementRefused, match=mode) as caught:
        engine.connect()
    assert caught.value.reason is Reason.SESSION


def test_a_mode_set_later_by_someone_trusted_is_noticed(mariadb_database: str) -> None:
    """Whoever is trusted may change the mode; on that connection nobody else's statement runs any more."""
    engine = create_engine(mariadb_database)
    install(engine, policy=_POLICY)
    with engine.connect() as connection:
        trusted = connection.execution_options(principal="service:migrations")
        trusted.execute(text("SET sql_mode = 'ANSI_QUOTES'"))
        with pytest.raises(StatementRefused, match="ANSI_QUOTES"):
            connection.execution_options(principal="ana").execute(text('SELECT "x"'))
    engine.dispose()


def test_nobody_else_may_change_them(postgres_database: str) -> None:
    """The settings themselves are out of reach."""
    engine = create_engine(postgres_database)
    install(engine, policy=_POLICY)
    with engine.connect() as connection, pytest.raises(StatementRefused):
        connection.execute(text("SET standard_conforming_strings = off"))
    engine.dispose()
