"""Putting the hook on an engine and taking it off; policies that do not fit."""

import pytest
from sqlalchemy import create_engine, event, text
from sqlalchemy.pool import NullPool

from masking import PolicyError
from rewriter import RewriteError, acting_as, install
from tests.rewriter.hooked import OWNER, POLICY, Shop, is_raw, shop
from tests.rewriter.shop_tables import MASKED, METADATA, READ

__all__ = ["shop"]


def test_install_is_idempotent_and_does_not_connect(shop: Shop) -> None:
    """The same terms give the same hook; other terms are refused; nothing connects."""
    engine = create_engine(shop.url.replace("sqlite:///", "sqlite:////nowhere"))
    event.listen(engine, "connect", lambda *_: pytest.fail("install connected"))
    assert install(engine, policy=POLICY) is install(engine, policy=POLICY)
    with pytest.raises(RewriteError, match="uninstall first"):
        install(engine, policy=POLICY, environment="prod")


def test_uninstall_takes_everything_off(shop: Shop) -> None:
    """After uninstall, statements run as they are, on pooled connections as well."""
    with shop.engine.connect() as connection:
        assert connection.execute(text(READ)).all() == MASKED
    shop.installed.uninstall()
    with shop.engine.connect() as connection:
        assert is_raw(connection.execute(text(READ)).all())
        cursor = connection.connection.cursor()
        cursor.execute(READ)
        assert is_raw(cursor.fetchall())
    install(shop.engine, policy=POLICY)
    with shop.engine.connect() as connection:
        assert connection.execute(text(READ)).all() == MASKED


def test_connections_pooled_before_install_are_guarded(shop: Shop) -> None:
    """Connections that were in the pool before install hand out guarded cursors afterwards."""
    engine = create_engine(shop.url)
    with engine.connect() as connection:
        assert is_raw(connection.execute(text(READ)).all())
    install(engine, policy=POLICY)
    with engine.connect() as connection:
        assert connection.execute(text(READ)).all() == MASKED
        cursor = connection.connection.cursor()
        cursor.execute(READ)
        assert not is_raw(cursor.fetchall())
    engine.dispose()


def test_a_misspelt_policy_fails_before_the_first_statement(shop: Shop) -> None:
    """A policy that names what the database lacks is a PolicyError, not a silent leak."""
    engine = create_engine(shop.url, poolclass=NullPool)
    install(engine, policy=type(POLICY).parse("columns: {custmers.email: redact}"))
    with pytest.raises(PolicyError), engine.connect() as connection:
        connection.execute(text("SELECT 1 FROM customers"))


def test_owners_create_the_tables_that_the_policy_names(request: pytest.FixtureRequest) -> None:
    """An owner may create the schema on a hooked, empty database; until then nobody reads anything."""
    engine = create_engine(request.getfixturevalue("sqlite_database"))
    install(engine, policy=POLICY)
    with pytest.raises(PolicyError), engine.connect() as connection:
        connection.execute(text("SELECT 1"))
    with acting_as(OWNER):
        METADATA.create_all(engine)
    with engine.connect() as connection:
        assert connection.execute(text(READ)).all() == []
