"""Sessions that an owner lets see the schema otherwise than others do, and settings that only tune a session."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Column, MetaData, String, Table, create_engine, select, text

from masking import Policy
from masking.types import Dialect
from rewriter import StatementRefused, install
from rewriter.kinds import StatementKind, simple_kind

_POLICY = Policy.parse('{columns: {customers.ssn: {mask: redact, optional: true}}, owners: ["service:shop"]}')
_OWNER = {"principal": "service:shop"}


@pytest.mark.parametrize(
    ("dialect", "sql"),
    [
        ("postgresql", "RESET statement_timeout"),
        ("postgresql", "SET enable_seqscan = off"),
        ("mysql", "SET foreign_key_checks = 0"),
        ("sqlite", "PRAGMA journal_mode=WAL"),
        ("sqlite", "PRAGMA cache_size = -2000"),
        ("sqlite", 'PRAGMA main.table_info("a ""b""")'),
    ],
)
def test_settings_that_only_tune_pass(dialect: Dialect, sql: str) -> None:
    """Anyone may send them."""
    assert simple_kind(sql, dialect) is StatementKind.SESSION


def test_when_constraints_are_checked_is_a_transactions_matter() -> None:
    """It may have them checked at once, and fail for what was written before."""
    assert simple_kind("SET CONSTRAINTS ALL IMMEDIATE", "postgresql") is StatementKind.TRANSACTION


def test_the_same_file_attached_again_is_masked(tmp_path: Path) -> None:
    """Under whatever name; and only owners attach."""
    engine = create_engine(f"sqlite:///{tmp_path}/shop.db")
    install(engine, policy=_POLICY)
    with engine.connect().execution_options(**_OWNER) as owner:
        owner.execute(text("CREATE TABLE customers (id int, ssn text)"))
        owner.commit()
    with closing(sqlite3.connect(tmp_path / "shop.db")) as raw, raw:
        raw.execute("INSERT INTO customers VALUES (1, 'secret')")
    with engine.connect().execution_options(**_OWNER) as owner:
        owner.execute(text(f"ATTACH '{tmp_path}/shop.db' AS again"))
        assert owner.scalar(text("SELECT ssn FROM again.customers")) == "[redacted]"
    with engine.connect() as connection, pytest.raises(StatementRefused):
        connection.execute(text(f"ATTACH '{tmp_path}/shop.db' AS third"))


def test_a_search_path_holds_for_its_connection_alone(postgres_database: str) -> None:
    """Names mean there what they mean there, and everywhere else what they meant before."""
    engine = create_engine(postgres_database)
    with engine.begin() as connection:
        connection.execute(text("CREATE SCHEMA other"))
        connection.execute(text("CREATE TABLE other.customers (ssn text)"))
        connection.execute(text("INSERT INTO other.customers VALUES ('plain')"))
        connection.execute(text("CREATE TABLE customers (ssn text)"))
        connection.execute(text("INSERT INTO customers VALUES ('secret')"))
    install(engine, policy=_POLICY)
    with engine.connect() as before, engine.connect().execution_options(**_OWNER) as owner, engine.connect() as after:
        owner.execute(text("SET search_path = other"))
        owner.commit()
        assert owner.scalar(text("SELECT ssn FROM customers")) == "plain"
        assert owner.scalar(text("SELECT ssn FROM public.customers")) == "[redacted]"
        for connection in (before, after):
            assert connection.scalar(text("SELECT ssn FROM customers")) == "[redacted]"
    engine.dispose()


def test_names_with_a_percent_sign_are_those_of_the_database(postgres_database: str) -> None:
    """Where the driver formats the text, such a name is written with two signs."""
    engine = create_engine(postgres_database)
    with engine.begin() as connection:
        connection.execute(text('CREATE TABLE "odd%table" ("a%b" text)'))
        connection.execute(text("INSERT INTO \"odd%table\" VALUES ('secret')"))
    install(engine, policy=Policy.parse('columns: {\'"odd%table"."a%b"\': redact}'))
    odd = Table("odd%table", MetaData(), Column("a%b", String))
    with engine.connect() as connection:
        assert connection.execute(select(odd)).all() == [("[redacted]",)]
        assert connection.execute(select(odd).where(odd.c["a%b"] == "secret")).all() == []
    engine.dispose()
