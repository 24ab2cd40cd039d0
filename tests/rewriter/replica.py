"""A database, its masked copy and its twin, on each engine: what the promise of the rewriter is held against.

The twin differs from the database in its secrets alone, and their masked images are equal: whatever a statement tells
apart is a leak.
"""

import datetime
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import duckdb
import psycopg
import pymysql
from sqlalchemy.engine import make_url

from masking import Policy
from masking.types import Dialect
from rewriter.binding import Binding, bind
from rewriter.catalog import load_catalog
from rewriter.narrowing import Rows, narrowed
from rewriter.proof.policies import masking_updates, stored_images

POLICY = """
columns:
  customers.email: {mask: email, tags: [pii]}
  generated_mails.email: email
  customers.ssn: {mask: {partial: {prefix: 0, padding: "***-**-", suffix: 4}}, tags: [pii]}
  customers.phone: redact
  customers.born: year
  customers.salary: "null"
  customers.score: {mask: {bucket: {size: 10}}}
  customers2.email: email
  customers2.ssn: redact
  cards.number: {mask: {partial: {prefix: 0, padding: "************", suffix: 4}}}
  employees.email: {mask: {constant: {value: "someone@***.example"}}}
"""
"""Masks of the tables that every engine has; each engine adds its own in `_OWN_POLICY`."""

_OWN_POLICY: dict[Dialect, str] = {
    "postgresql": """
  events.secret: redact
  crm.people.born: year
  crm.customers.email: redact
  '"Odd Table"."Secret Code"': redact
  things.mood: redact
  things.token: redact
  things.payload: redact
  things.code: redact
  long_names.sixty_three_characters_long_column_name_for_the_secret_of_a_per: redact
""",
    "mysql": """
  things.mood: redact
  things.payload: redact
  things.flag: redact
  badges.badge: redact
  receipts.number: redact
  hidden_pins.pin: redact
  logins.pin: {mask: {partial: {prefix: 1, padding: "***", suffix: 0}}}
""",
    "sqlite": """
  codes.code: redact
  logins.pin: {mask: {partial: {prefix: 1, padding: "***", suffix: 0}}}
  things.handle: {mask: {partial: {prefix: 3, padding: "***", suffix: 0}}}
""",
    "duckdb": """
  parcels.code: redact
  remarks.remarks: {mask: {partial: {prefix: 1, padding: "***", suffix: 0}}}
  shop.parcels.note: redact
""",
}

_TABLES = """
CREATE TABLE customers (id int PRIMARY KEY, name varchar(50), email varchar(100), ssn varchar(11),
  phone varchar(20), born date,
  created timestamp, salary decimal(10,2), score int, city varchar(30), active boolean);
CREATE TABLE customers2 (id int PRIMARY KEY, email varchar(100), ssn varchar(11), score int);
CREATE TABLE employees (id int PRIMARY KEY, manager_id int, name varchar(50), email varchar(100));
CREATE TABLE employees2 (id int PRIMARY KEY, email varchar(100), score int);
CREATE TABLE cards (id int PRIMARY KEY, customer_id int, number varchar(19));
CREATE TABLE orders (id int PRIMARY KEY, customer_id int, total decimal(10,2), placed date, note varchar(40));
CREATE VIEW active_customers AS SELECT id, name, email FROM customers WHERE id > 2;
CREATE VIEW named_customers AS SELECT v.id, v.email AS mail, o.total
  FROM active_customers v JOIN orders o ON o.customer_id = v.id;
CREATE VIEW order_totals AS SELECT customer_id, sum(total) AS spent FROM orders GROUP BY customer_id;
CREATE VIEW chosen_customers AS SELECT id, email FROM customers -- some
  WHERE id IN (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 21, 22, 23, 24, 25, 26, 27, 28);
CREATE VIEW mails_per_city AS SELECT city, email, count(*) AS n FROM customers GROUP BY city, email;
"""
_OWN_TABLES: dict[Dialect, str] = {
    "postgresql": """
CREATE TABLE generated_mails (id int PRIMARY KEY, email text,
  domain varchar(60) GENERATED ALWAYS AS (split_part(email, '@', 2)) STORED, city text);
INSERT INTO generated_mails (id, email, city) VALUES
  (1, 'ann@first.example', 'Bern'), (2, 'bob@second.example', 'Oslo');
CREATE TABLE events (id int, kind text, secret text) PARTITION BY LIST (kind);
CREATE TABLE events_a PARTITION OF events FOR VALUES IN ('a');
CREATE TABLE events_b PARTITION OF events FOR VALUES IN ('b');
INSERT INTO events VALUES (1, 'a', 'first'), (2, 'b', 'second'), (3, 'a', NULL);
CREATE VIEW found_customers AS SELECT id, ssn FROM customers
  WHERE to_tsvector('simple', name) @@ to_tsquery('simple', 'ana | eva') AND point '(1,2)' <@ circle '((0,0),5)';
CREATE VIEW event_kinds AS SELECT e.id, e.kind, (SELECT a.kind FROM events_a a WHERE a.id = e.id LIMIT 1) AS other
  FROM events e;
CREATE FUNCTION order_count(customer int) RETURNS bigint LANGUAGE sql STABLE
  AS 'SELECT count(*) FROM orders WHERE customer_id = customer';
CREATE FUNCTION is_same(text, text) RETURNS bool LANGUAGE internal IMMUTABLE STRICT AS 'texteq';
CREATE OPERATOR === (FUNCTION = is_same, LEFTARG = text, RIGHTARG = text);
CREATE AGGREGATE joined(text) (sfunc = textcat, stype = text, initcond = '');
CREATE VIEW count AS SELECT id, email FROM customers WHERE id < 5;
CREATE SCHEMA crm;
CREATE TABLE crm.people (id int PRIMARY KEY, name text, born timestamptz);
INSERT INTO crm.people VALUES (1, 'Ann', '1980-05-06 07:08:09+02'), (2, 'Bob', NULL);
CREATE TABLE crm.customers (id int PRIMARY KEY, email text COLLATE "C");
INSERT INTO crm.customers VALUES (1, 'crm@x.example'), (2, NULL), (5, 'five@x.example');
CREATE TABLE "Odd Table" (id int PRIMARY KEY, "Secret Code" text);
INSERT INTO "Odd Table" VALUES (1, 'alpha'), (2, 'beta');
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE DOMAIN short AS varchar(12);
CREATE TABLE things (id int PRIMARY KEY, mood mood, token uuid, payload jsonb, code short);
CREATE TABLE long_names (id int PRIMARY KEY, sixty_three_characters_long_column_name_for_the_secret_of_a_per text);
INSERT INTO long_names VALUES (1, 'alpha'), (2, 'omega');
INSERT INTO things VALUES (1, 'sad', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '{"a": 1}', 'secretcode'),
  (2, NULL, NULL, NULL, NULL);
""",
    "mysql": """
CREATE TABLE generated_mails (id int PRIMARY KEY, email varchar(60),
  domain varchar(60) GENERATED ALWAYS AS (substring_index(email, '@', -1)) STORED, city text);
INSERT INTO generated_mails (id, email, city) VALUES
  (1, 'ann@first.example', 'Bern'), (2, 'bob@second.example', 'Oslo');
CREATE TABLE things (id int PRIMARY KEY, mood enum('sad','happy'), payload text, flag tinyint(1));
INSERT INTO things VALUES (1, 'sad', '{"a": 1}', 1), (2, NULL, NULL, NULL);
CREATE TABLE badges (badge bigint NOT NULL UNIQUE, holder text);
INSERT INTO badges VALUES (411111, 'Ann');
CREATE TABLE receipts (id int PRIMARY KEY, number varchar(20), receipt varchar(40) DEFAULT (concat('no ', number)));
INSERT INTO receipts VALUES (1, 'alpha', 'torn');
CREATE TABLE hidden_pins (id int PRIMARY KEY, pin varchar(20) INVISIBLE /*!80013 , KEY ((upper(pin))) */);
INSERT INTO hidden_pins (id, pin) VALUES (1, 'alpha');
CREATE TABLE logins (id int PRIMARY KEY AUTO_INCREMENT, login varchar(20) COLLATE utf8mb4_bin UNIQUE,
  pin varchar(20) COLLATE utf8mb4_unicode_ci);
INSERT INTO logins VALUES (1, 'ana', 'alpha'), (2, 'bo', 'aleph');
CREATE VIEW contacts (who, mail) AS SELECT id, upper(email) FROM customers;
CREATE VIEW exchanged (email, name) AS SELECT name, email FROM customers;
""",
    "sqlite": """
CREATE TABLE generated_mails (id int PRIMARY KEY, email text,
  domain text GENERATED ALWAYS AS (substr(email, instr(email, '@'))) STORED, city text);
INSERT INTO generated_mails (id, email, city) VALUES
  (1, 'ann@first.example', 'Bern'), (2, 'bob@second.example', 'Oslo');
CREATE TABLE codes (code text);
INSERT INTO codes VALUES ('alpha'), ('beta');
CREATE TABLE things (id integer PRIMARY KEY, handle text COLLATE NOCASE);
INSERT INTO things VALUES (1, 'AbcDef'), (2, 'xyzzy'), (3, NULL);
CREATE TABLE logins (id integer PRIMARY KEY, login text UNIQUE COLLATE NOCASE, pin text);
INSERT INTO logins VALUES (1, 'ana', 'alpha'), (2, 'bo', 'aleph');
""",
    "duckdb": """
CREATE TABLE generated_mails (id int PRIMARY KEY, email text,
  domain text GENERATED ALWAYS AS (split_part(email, '@', 2)), city text);
INSERT INTO generated_mails (id, email, city) VALUES
  (1, 'ann@first.example', 'Bern'), (2, 'bob@second.example', 'Oslo');
CREATE TABLE parcels (id int, note text, code text);
INSERT INTO parcels VALUES (1, 'n1', 'alpha'), (2, 'n2', 'beta');
CREATE TABLE remarks (id int PRIMARY KEY, remarks text);
INSERT INTO remarks VALUES (1, 'alpha'), (2, 'omega');
CREATE SCHEMA shop;
CREATE TABLE shop.parcels (id int, note text);
INSERT INTO shop.parcels VALUES (1, 'alpha'), (2, 'beta');
""",
}

_NAMES = ("Ana", "Bo", "Cem", "Dee", "Eva", "Finn", "Gus", "Hoa", "Ada", "Ben", "Zoë", "Ulf")


def _rows(*, is_twin: bool) -> Iterator[tuple[str, tuple[object, ...]]]:
    """Every row of the common tables; secrets repeat across rows and tables, for joins and groups to find."""
    secret = _other_secrets if is_twin else _secrets
    for i in range(1, 13):
        email, head, phone, born, salary, score = secret(i)
        created = datetime.datetime(2020, 1, i, 3, 4, i)  # noqa: DTZ001 -- the column has no time zone
        row = (i, _NAMES[i - 1], email, f"{head}-{6000 + i % 7:04}", phone, born, created, salary, score)
        yield "customers", (*row, ("Bern", "Oslo", "Lima")[i % 3], i % 2 == 0)
        if i % 2:
            yield "customers2", (i, email, f"{head}-{6000 + i:04}", 7 * i % 50)
        yield "cards", (i, i % 5 + 1, f"{'5500' if is_twin else '4111'} 1111 1111 {1000 + i}")
        yield "orders", (100 + i, i % 6 + 1, Decimal(i) * 3, datetime.date(2024, i, 1), f"note {i}")
        if i < 6:
            mail = None if is_twin and i == 2 else f"{_NAMES[i - 1].lower()}{i % (2 if is_twin else 4)}@mail.example"
            yield "employees", (i, i // 2 or None, _NAMES[i], mail)
            yield "employees2", (i, f"e{i}@x.example", i)


_Secrets = tuple[str | None, str, str | None, datetime.date | None, Decimal | None, int]
"""Email, head of the number, phone, date of birth, salary and score."""


def _secrets(i: int) -> _Secrets:
    """What the database holds in sensitive cells of row `i`."""
    email = None if i == 9 else f"{_NAMES[i - 1].lower()}{i % 4}@mail.example"
    born = None if i == 7 else datetime.date(1970 + 5 * (i % 5), i, 2 * i)
    salary = None if i == 4 else Decimal("1234.50") + i
    return email, "123-45", None if i == 3 else f"+41 44 {i:03}", born, salary, 7 * i % 50


def _other_secrets(i: int) -> _Secrets:
    """What its twin holds there: other values in another order, masked alike."""
    email = None if i == 9 else f"{_NAMES[i - 1][0].lower()}{(5 * i) % 11}{'x' * (13 - i)}@other{i % 3}.example"
    born = None if i == 7 else datetime.date(1970 + 5 * (i % 5), 13 - i, 30 - 2 * i)
    salary = None if i == 6 else Decimal("99.25") * (20 - i)
    score = 7 * i % 50 // 10 * 10 + (9 - i % 10)
    return email, f"{987 - i}-{10 + i}", None if i == 3 else f"+{13 - i}", born, salary, score


_OTHER_MAILS = "UPDATE generated_mails SET email = replace(email, '@', 'x@mail.');\n"
_OTHER_SECRETS: dict[Dialect, str] = {
    "postgresql": """
UPDATE events SET secret = chr(122 - id) || secret;
UPDATE crm.people SET born = born - interval '40 days';
UPDATE crm.customers SET email = chr(122 - id) || '@y.example' WHERE email IS NOT NULL;
UPDATE "Odd Table" SET "Secret Code" = chr(122 - id) || 'omega';
UPDATE long_names SET sixty_three_characters_long_column_name_for_the_secret_of_a_per = 'omega' WHERE id = 1;
UPDATE things SET mood = 'happy', token = 'b0eebc99-9c0b-4ef8-bb6d-6bb9bd380a22', payload = '{"b": [2]}',
  code = 'other' WHERE id = 1;
""",
    "mysql": """
UPDATE things SET mood = 'happy', payload = '{"b": [2]}', flag = 0 WHERE id = 1;
UPDATE badges SET badge = 550000;
UPDATE receipts SET number = 'omega';
UPDATE hidden_pins SET pin = 'omega';
UPDATE logins SET pin = concat('a', 900 - id);
""",
    "sqlite": """
UPDATE codes SET code = char(122 - rowid) || 'omega';
UPDATE things SET handle = handle || 'zz';
UPDATE logins SET pin = 'a' || (900 - id);
""",
    "duckdb": """
UPDATE parcels SET code = code || 'omega';
UPDATE remarks SET remarks = remarks || id;
UPDATE shop.parcels SET note = note || 'omega';
""",
}


@dataclass(frozen=True)
class Replica:
    """`raw`, its masked `copy` and its `twin`, as DBAPI connections, and the policy bound to `raw` and to `twin`."""

    dialect: Dialect
    raw: Any
    copy: Any
    twin: Any
    binding: Binding = field(repr=False)
    twin_binding: Binding = field(repr=False)

    @property
    def server(self) -> str:
        """`MariaDB` or `MySQL`, which are one dialect; `PostgreSQL 15`, by its major version; empty for the others."""
        if self.dialect == "postgresql":
            return f"PostgreSQL {self.raw.info.server_version // 10_000}"
        if self.dialect != "mysql":
            return ""
        return "MariaDB" if "mariadb" in self.raw.get_server_info().lower() else "MySQL"

    def rows(self, connection: Any, sql: str) -> tuple[list[str], list[tuple[object, ...]]]:
        """Names of the columns and the rows that `sql` gives."""
        cursor = connection.cursor()
        try:
            cursor.execute(sql)
            return [column[0] for column in cursor.description], [tuple(row) for row in cursor.fetchall()]
        finally:
            cursor.close()


@contextmanager
def replica(
    dialect: Dialect, url: str, *, prefix: str = "unmask", granted: Callable[[Binding], Rows] = lambda _: frozenset()
) -> Iterator[Replica]:
    """A filled database, its masked copy and its twin on the server at `url` (SQLite and DuckDB: in memory).

    On a server they are called `<prefix>_raw`, `<prefix>_copy` and `<prefix>_twin`. `granted`: what the copy holds raw.
    """
    with ExitStack() as stack:
        raw, copy, twin = (
            stack.enter_context(connected(dialect, url, f"{prefix}_{which}")) for which in ("raw", "copy", "twin")
        )
        for connection in (raw, copy, twin):
            _fill(connection, dialect, is_twin=connection is twin)
        bindings = [_bound(connection, dialect) for connection in (raw, copy, twin)]
        for update in masking_updates(narrowed(bindings[1], granted(bindings[1]))):
            copy.cursor().execute(update)
        both = Replica(dialect, raw, copy, twin, bindings[0], bindings[2])
        _check_twin(both)
        yield both


def policy_text(dialect: Dialect) -> str:
    """The policy of an engine's database."""
    return POLICY + _OWN_POLICY[dialect]


def schema_statements(dialect: Dialect) -> tuple[str, ...]:
    """What makes an engine's tables and views, without their rows."""
    statements = (sql.strip() for sql in (_TABLES + _OWN_TABLES[dialect]).split(";\n"))
    return tuple(sql for sql in statements if sql.startswith("CREATE"))


def _bound(connection: Any, dialect: Dialect) -> Binding:
    return bind(Policy.parse(policy_text(dialect)), load_catalog(connection.cursor(), dialect))


def _check_twin(both: Replica) -> None:
    """The twin's masked images are the database's, and no sensitive column is the same throughout."""
    pairs = zip(both.binding.protected.values(), both.twin_binding.protected.values(), strict=True)
    for ours, theirs in pairs:
        masks = ", ".join(stored_images(ours))
        secrets = ", ".join(column.sql for column in ours.columns if column.mask)
        for selected, is_equal in ((masks, True), (secrets, False)):
            raw, twin = (
                both.rows(connection, f"SELECT {selected} FROM {table.sql} ORDER BY {table.columns[0].sql}")[1]
                for connection, table in ((both.raw, ours), (both.twin, theirs))
            )
            assert (raw == twin) == is_equal, f"{selected} of {ours.sql} and of its twin"


@contextmanager
def connected(dialect: Dialect, url: str, name: str) -> Iterator[Any]:
    """A connection to an empty database called `name` on the server at `url`, dropped afterwards."""
    match dialect:
        case "sqlite":
            with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
                yield connection
        case "duckdb":
            with closing(duckdb.connect(":memory:")) as connection:
                yield connection
        case "postgresql":
            with _server_database(url, name) as dsn, psycopg.connect(dsn, autocommit=True) as connection:
                yield connection
        case "mysql":
            address = make_url(url)
            with closing(
                pymysql.connect(
                    host=address.host or "localhost",
                    port=address.port or 3306,
                    user=address.username,
                    password=address.password or "",
                    unix_socket=address.query.get("unix_socket"),
                    autocommit=True,
                    client_flag=pymysql.constants.CLIENT.FOUND_ROWS,  # as SQLAlchemy sets it
                )
            ) as connection:
                cursor = connection.cursor()
                cursor.execute(f"DROP DATABASE IF EXISTS {name}")
                cursor.execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
                cursor.execute(f"USE {name}")
                yield connection
                cursor.execute(f"DROP DATABASE {name}")


@contextmanager
def _server_database(url: str, name: str) -> Iterator[str]:
    """The address of a fresh PostgreSQL database, dropped afterwards."""
    plain = make_url(url).set(drivername="postgresql")
    with psycopg.connect(plain.render_as_string(hide_password=False), autocommit=True) as admin:
        admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        admin.execute(f"CREATE DATABASE {name}")
    try:
        yield plain.set(database=name).render_as_string(hide_password=False)
    finally:
        with psycopg.connect(plain.render_as_string(hide_password=False), autocommit=True) as admin:
            admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def _fill(connection: Any, dialect: Dialect, *, is_twin: bool) -> None:
    cursor = connection.cursor()
    for sql in (_TABLES + _OWN_TABLES[dialect]).split(";\n"):
        if sql.strip():
            cursor.execute(sql)
    mark = "%s" if dialect in ("postgresql", "mysql") else "?"
    for table, row in _rows(is_twin=is_twin):
        values = [_stored(value) for value in row] if dialect == "sqlite" else row
        cursor.execute(f"INSERT INTO {table} VALUES ({', '.join([mark] * len(row))})", values)
    for sql in (_OTHER_MAILS + _OTHER_SECRETS[dialect]).split(";\n") if is_twin else ():
        if sql.strip():
            cursor.execute(sql)


def _stored(value: object) -> object:
    """SQLite has no types for these: text and numbers, as SQLAlchemy stores them."""
    match value:
        case Decimal():
            return float(value)
        case datetime.datetime():
            return value.isoformat(" ") + ".000000"
        case datetime.date():
            return value.isoformat()
        case _:
            return value
