"""Schemas built anew, without a row of them: what a scratch database has is what the user's has."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import create_engine, make_url

from masking import Policy
from masking.types import Dialect
from rewriter.proof.trio import Origin, Trio, read_origin, trio
from rewriter.schema import Relation

_SCHEMAS: dict[Dialect, str] = {
    "postgresql": """
CREATE SCHEMA "Odd Schema";
CREATE TYPE "Odd Schema"."Mood" AS ENUM ('sad', 'it''s ok');
CREATE DOMAIN "Odd Schema".code AS varchar(11) CHECK (VALUE <> '');
CREATE TYPE public.address AS (street text, city varchar(30));
CREATE TABLE "Odd Schema"."User" (id bigint, tenant int, "E-Mail" text NOT NULL UNIQUE, mood "Odd Schema"."Mood",
  code "Odd Schema".code, home public.address, tags text[], PRIMARY KEY (tenant, id));
CREATE TABLE "group" (id int PRIMARY KEY, "Group" text, secret text,
  both_of text GENERATED ALWAYS AS ("Group" || ' ' || secret) STORED);
CREATE TABLE measures (at date NOT NULL, device text, who text) PARTITION BY RANGE (at);
CREATE TABLE measures_2023 PARTITION OF measures FOR VALUES FROM ('2023-01-01') TO ('2024-01-01');
CREATE TABLE measures_2024 PARTITION OF measures FOR VALUES FROM ('2024-01-01') TO ('2025-01-01')
  PARTITION BY LIST (device);
CREATE TABLE measures_2024_a PARTITION OF measures_2024 FOR VALUES IN ('a', 'b');
CREATE TABLE person (id int PRIMARY KEY, phone text);
CREATE TABLE employee (salary numeric) INHERITS (person);
CREATE VIEW "Odd Schema".first AS SELECT "E-Mail" AS mail FROM "Odd Schema"."User";
CREATE VIEW second AS SELECT mail FROM "Odd Schema".first""",
    "mysql": """
CREATE TABLE `user` (id int AUTO_INCREMENT PRIMARY KEY, `e mail` varchar(80) NOT NULL UNIQUE, born date NOT NULL,
  touched timestamp NOT NULL DEFAULT current_timestamp() ON UPDATE current_timestamp(),
  kind enum('a','it''s NOT NULL') NOT NULL, data json,
  domain varchar(80) GENERATED ALWAYS AS (substring_index(`e mail`, '@', -1)) VIRTUAL) COMMENT='users, NOT NULL';
CREATE TABLE `Order` (tenant int, `select` int, `user` int, price decimal(8,2) unsigned, PRIMARY KEY (tenant, `select`),
  CONSTRAINT fk FOREIGN KEY (`user`) REFERENCES `user`(id), CONSTRAINT chk CHECK (price > 0));
CREATE TABLE `odd``name` (id bigint PRIMARY KEY, `per%cent` varchar(30) CHARACTER SET latin1) PARTITION BY HASH(id);
CREATE VIEW `v w` AS SELECT u.`e mail` AS mail FROM `user` u JOIN `Order` o ON o.`user` = u.id;
CREATE VIEW vv AS SELECT mail FROM `v w`""",
    "sqlite": """
CREATE TABLE "order" (id INTEGER PRIMARY KEY, "e-mail" TEXT UNIQUE NOT NULL, born DATE, blob,
  price DECIMAL(10,2) CHECK (price > 0));
CREATE TABLE [two words] (a TEXT, b INTEGER, "quo""te" TEXT COLLATE NOCASE,
  head TEXT GENERATED ALWAYS AS (substr("quo""te", 1, 1)) VIRTUAL, PRIMARY KEY (a, b)) WITHOUT ROWID;
CREATE TABLE strict_one (id INTEGER PRIMARY KEY, secret TEXT, n ANY) STRICT;
CREATE VIRTUAL TABLE papers USING fts5(title, body);
CREATE VIEW "select" AS SELECT o."e-mail" AS mail FROM "order" o;
CREATE VIEW vv AS SELECT mail FROM "select" """,
    "duckdb": """
CREATE SCHEMA "Odd One";
CREATE TABLE "Odd One"."order" (id INTEGER PRIMARY KEY, "e-mail" VARCHAR UNIQUE NOT NULL, mood ENUM('sad','it''s'),
  tags VARCHAR[], price DECIMAL(8,2) CHECK (price > 0), "at" TIMESTAMPTZ);
CREATE TABLE "select" (a VARCHAR, b INTEGER, note VARCHAR COLLATE NOCASE,
  head VARCHAR GENERATED ALWAYS AS (note[1:1]), PRIMARY KEY (a, b));
CREATE VIEW v AS SELECT "e-mail" AS mail FROM "Odd One"."order";
CREATE VIEW "Odd One".vv AS SELECT mail FROM main.v""",
}  # fmt: skip
_MASKED = {
    "postgresql": """'"Odd Schema"."User"."E-Mail"': email
  group.secret: redact
  measures.who: redact
  person.phone: redact""",
    "mysql": """'"user"."e mail"': email
  user.data: redact
  '"odd`name"."per%cent"': redact""",
    "sqlite": """'"order"."e-mail"': email
  '"two words"."quo""te"': redact
  strict_one.secret: redact
  papers.body: redact""",
    "duckdb": """'"Odd One"."order"."e-mail"': email
  select.note: redact""",
}
_DATABASES = {
    "postgresql": "postgres_database",
    "mysql": "mariadb_database",
    "sqlite": "sqlite_database",
    "duckdb": "duckdb_database",
}


@pytest.fixture(params=_SCHEMAS)
def pair(request: pytest.FixtureRequest) -> Iterator[tuple[Origin, Trio]]:
    """An odd schema on each engine, and scratch databases built of it."""
    dialect: Dialect = request.param
    url = make_url(request.getfixturevalue(_DATABASES[dialect]))
    engine = create_engine(url, execution_options={"no_parameters": True})
    with engine.begin() as connection:
        for sql in _SCHEMAS[dialect].split(";\n"):
            connection.exec_driver_sql(sql)
    with engine.connect() as connection:
        source = read_origin(connection, dialect, url)
    engine.dispose()
    with trio(source, Policy.parse(f"columns:\n  {_MASKED[dialect]}")) as three:
        yield source, three


def _described(relations: Iterator[Relation]) -> set[tuple[object, ...]]:
    """Without defaults: rows are invented, and every column of them."""
    return {
        (
            r.name,
            r.kind,
            tuple(replace(c, has_default=False) for c in r.columns),
            r.primary_key,
            r.has_rowid,
            bool(r.parents),
        )
        for r in relations
    }


def test_a_scratch_database_has_the_users_schema(pair: tuple[Origin, Trio]) -> None:
    """Relations, columns, types, collations, generated columns and keys are the same, and tables hold rows."""
    source, three = pair
    assert three.left_out == three.kept == ()
    before, after = source.catalog, three.binding.catalog
    own = (r for r in before.relations.values() if before.dialect != "mysql" or r.schema == before.database)
    built = (r for r in after.relations.values() if after.dialect != "mysql" or r.schema == after.database)
    assert _described(own) == _described(built)
    for protected in three.binding.protected.values():
        found = three.copy.exec_driver_sql(f"SELECT count(*) FROM {protected.sql}").scalar_one()
        assert found > 0, protected.sql
