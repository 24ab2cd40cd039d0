"""Hash keys in sessions: never in the text of a statement, and no pseudonym without them."""

import sqlite3
from contextlib import closing

import duckdb
import psycopg
import pytest
from sqlalchemy.engine import make_url

from masking import Hash, Policy, column_type, mask_expression, masked, session_secrets

KEY = "a key of more than sixteen characters"
POLICY = Policy.parse(
    f"columns: {{a.b: {{hash: {KEY}}}, a.c: {{hash: {{key: {KEY}}}}}, a.d: {{hash: another key of some length}}}}"
)
HASH = Hash(key=KEY)


def test_each_key_is_named_once() -> None:
    """Two columns with one key need one secret; names and statements do not show the key or what is bound."""
    secrets = session_secrets(POLICY, "postgresql")
    assert len(secrets) == 2
    for secret in secrets:
        assert KEY not in secret.statement("%s")
        assert secret.value not in repr(secret) + secret.statement("%s")
        assert secret.value.isascii()


def test_sqlite_takes_a_function() -> None:
    """There is nothing to set, only a function to register, and it passes NULL through."""
    secret = session_secrets(POLICY, "sqlite")[0]
    assert secret.function is not None
    assert secret.function(None) is None
    with pytest.raises(RuntimeError):
        secret.statement("?")
    with closing(sqlite3.connect(":memory:")) as connection, pytest.raises(sqlite3.OperationalError):
        connection.execute("SELECT " + mask_expression(HASH, "'x'", column_type("sqlite", "TEXT"), "sqlite"))


def test_no_pseudonym_without_its_key_on_duckdb() -> None:
    """A session that lacks the key sees NULL: a hash without a key could be guessed."""
    with closing(duckdb.connect()) as connection:
        sql = f"SELECT {mask_expression(HASH, 'c', column_type('duckdb', 'VARCHAR'), 'duckdb')} FROM (SELECT 'x' AS c)"
        assert connection.execute(sql).fetchone() == (None,)


def test_no_pseudonym_without_its_key_on_postgresql(postgres_database: str) -> None:
    """Not before the key is set, nor after it was rolled back or reset."""
    url = make_url(postgres_database).set(drivername="postgresql").render_as_string(hide_password=False)
    type_ = column_type("postgresql", "text")
    sql = f"SELECT {mask_expression(HASH, 'c', type_, 'postgresql')} FROM (SELECT 'x'::text AS c) s".encode()
    (secret,) = (s for s in session_secrets(POLICY, "postgresql") if HASH.id in s.name)
    with psycopg.connect(url) as connection:
        assert connection.execute(sql).fetchone() == (None,)
        connection.execute(secret.statement("%s").encode(), [secret.value])
        assert connection.execute(sql).fetchone() == (masked(HASH, "x", type_),)
        connection.rollback()
        assert connection.execute(sql).fetchone() == (None,)
        connection.execute(secret.statement("%s").encode(), [secret.value])
        connection.execute("RESET ALL")
        assert connection.execute(sql).fetchone() == (None,)
