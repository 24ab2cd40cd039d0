"""Statements with fixed values: what means the same still matches, and nothing else does."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event, text

from masking.types import Dialect
from rewriter import acting_as
from rewriter.exactness import UNKNOWN, exact_hash, has_parameters, is_exactly, shown
from rewriter.fingerprint import fingerprint
from rewriter.statement import read_statement
from tests.rewriter.hooked import ANA, EMAIL, OWNER, RAW, Shop, shop

__all__ = ["shop"]
QUERY = "SELECT email FROM customers WHERE id = 42 AND name = 'O''Brien'"
EXACT = exact_hash(QUERY, "postgresql", salt="5a17")


def matches(sql: str, parameters: object = UNKNOWN, *, is_percent_doubled: bool = False) -> bool:
    """Whether `sql` has the values of `QUERY`."""
    return is_exactly(EXACT, sql, "postgresql", parameters=parameters, is_percent_doubled=is_percent_doubled)


@pytest.mark.parametrize(
    ("sql", "parameters"),
    [
        ("select EMAIL\n from Customers -- whom\n where id=42 and/* x */name='O''Brien'", UNKNOWN),
        ("SELECT email FROM customers WHERE id = $1 AND name = $2", (42, "O'Brien")),
        ("SELECT email FROM customers WHERE id = $2 AND name = $1", ["O'Brien", 42]),
        ("SELECT email FROM customers WHERE id = 42 AND name = $1", ("O'Brien",)),
    ],
)
def test_layout_comments_letter_case_and_parameters_do_not_matter(sql: str, parameters: object) -> None:
    """A value is the same whether it stands in the text or beside it."""
    assert matches(sql, parameters)


@pytest.mark.parametrize(
    ("sql", "parameters"),
    [
        (QUERY.replace("42", "43"), UNKNOWN),
        (QUERY.replace("42", "42.0"), UNKNOWN),
        (QUERY.replace("42", "'42'"), UNKNOWN),
        (QUERY.replace("O''B", "O''b"), UNKNOWN),
        (QUERY.replace("'O''Brien'", "E'O''Brien'"), UNKNOWN),
        (QUERY.replace("'O''Brien'", "$$O'Brien$$"), UNKNOWN),
        (QUERY.replace("id = 42", "id = 42 OR TRUE"), UNKNOWN),
        (QUERY.replace("42", "$1"), UNKNOWN),
        (QUERY.replace("42", "$1"), (True,)),
        (QUERY.replace("42", "$1"), ("42",)),
        (QUERY.replace("42", "$1"), (Decimal("42.0"),)),
        (QUERY.replace("42", "$1"), (42.0,)),
        (QUERY.replace("42", "$1"), (None,)),
        (QUERY.replace("42", "$1"), ()),
        (QUERY.replace("42", "$1"), ([42],)),
        (QUERY.replace("42", "$1"), {"1": 42}),
        (QUERY.replace("42", "$2"), (42,)),
        (QUERY.replace("42", "$1"), [(42,)]),
    ],
)
def test_any_other_value_does_not_match(sql: str, parameters: object) -> None:
    """Nor one of another type, nor one that is not known."""
    assert not matches(sql, parameters)


class Sly(int):
    """Says one number and is another."""

    def __str__(self) -> str:
        """What it says."""
        return "42"


class Sliding(dict[str, object]):
    """A mapping that is not what its items are."""

    def __getitem__(self, name: str) -> object:
        """Another value for whoever asks next."""
        return 99


def test_a_value_that_only_says_what_it_is_does_not_match() -> None:
    """A driver may take a subclass by its content."""
    assert not matches(QUERY.replace("42", "$1"), (Sly(1),))


def test_drivers_placeholders_are_read_as_the_driver_does() -> None:
    """By name and by place; `%%` is one sign, also within a literal."""
    exact = exact_hash("SELECT 1 WHERE a LIKE 'x%' AND b = 2", "postgresql", salt="00")
    for sql, parameters in (
        ("SELECT 1 WHERE a LIKE 'x%%' AND b = %(b)s", {"b": 2}),
        ("SELECT 1 WHERE a LIKE %s AND b = %s", ("x%", 2)),
        ("SELECT 1 WHERE a LIKE %(a)s AND b = 2", {"a": "x%"}),
    ):
        assert is_exactly(exact, sql, "postgresql", parameters=parameters, is_percent_doubled=True)
    whole = exact_hash("SELECT 'b', 7", "sqlite", salt="00")
    for sql, values in (("SELECT :x, :y", {"x": "b", "y": 7}), ("SELECT ?, ?", ("b", 7)), ("SELECT ?2, ?1", (7, "b"))):
        assert is_exactly(whole, sql, "sqlite", parameters=values, is_percent_doubled=False)


@pytest.mark.parametrize(
    ("sql", "parameters"),
    [
        ("SELECT email FROM customers WHERE id = ?3 AND boss = ?", (0, 7, 42, 99)),
        ("SELECT email FROM customers WHERE id = ? AND boss = ?1", (42, 7)),
        ("SELECT email FROM customers WHERE id = :2 AND boss = :1", (7, 42)),
        ("SELECT email FROM customers WHERE id = :a AND boss = :b", (42, 7)),
        ("SELECT email FROM customers WHERE id = :a AND boss = :b", Sliding({"a": 42, "b": 7})),
    ],
)
def test_parameters_that_the_driver_may_number_otherwise_do_not_match(sql: str, parameters: object) -> None:
    """SQLite takes the `?` behind `?3` for the fourth, and `:2` for a name: the first that it meets is the first."""
    exact = exact_hash("SELECT email FROM customers WHERE id = 42 AND boss = 7", "sqlite", salt="00")
    assert not is_exactly(exact, sql, "sqlite", parameters=parameters, is_percent_doubled=False)


def test_every_value_of_a_long_list_counts() -> None:
    """Though the fingerprint takes a list as one."""
    numbers = [str(number) for number in range(40)]
    sql = f"SELECT email FROM customers WHERE id IN ({', '.join(numbers)})"
    exact = exact_hash(sql, "postgresql", salt="00")
    for other in (numbers[:-1], [*numbers, "40"], [*numbers[:-1], "-39"], [*numbers[:-1], "NULL"], numbers[::-1]):
        text = f"SELECT email FROM customers WHERE id IN ({', '.join(other)})"
        assert not is_exactly(exact, text, "postgresql", parameters=UNKNOWN, is_percent_doubled=False)


VALUES = st.one_of(st.text(max_size=4), st.integers(), st.booleans(), st.none(), st.dates(), st.binary(max_size=2))


@given(first=VALUES, second=VALUES, value=VALUES)
def test_two_values_match_only_if_they_are_the_same(first: object, second: object, value: object) -> None:
    """Of whatever types they are, and however a text may look like two of them."""
    if isinstance(first, str) and "\\" not in first:
        literal = "'" + first.replace("'", "''") + "'"
        exact = exact_hash(f"SELECT {literal}, 7", "postgresql", salt="00")
        for pair in ((first, 7), (second, 7), (first, value), (value, second)):
            is_same = [type(one) for one in pair] == [str, int] and pair == (first, 7)
            found = is_exactly(exact, "SELECT $1, $2", "postgresql", parameters=pair, is_percent_doubled=False)
            assert found == is_same


def test_what_is_shown_is_the_statement_without_stories() -> None:
    """No comments or line breaks outside of literals; the same statement with the same values."""
    told = shown("SELECT email  -- approved\n FROM customers /* by\nall */ WHERE name = 'a  -- b' ;", "postgresql")
    assert told == "SELECT email FROM customers WHERE name = 'a  -- b'"
    assert shown(told, "postgresql") == told
    assert not has_parameters(told, "postgresql")
    assert has_parameters("SELECT $1", "postgresql")
    with pytest.raises(ValueError, match="parameters"):
        exact_hash("SELECT ?", "sqlite", salt="00")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("SELECT email FROM customers WHERE a ~<~ b", "SELECT email FROM customers WHERE a ~>~ b"),
        ("SELECT email FROM customers WHERE a ~<~ b", "SELECT email FROM customers WHERE a - b"),
        ("SELECT email FROM customers ORDER BY id USING <", "SELECT email FROM customers ORDER BY id USING >"),
        ("SELECT email FROM customers WHERE a = cidr '1'", "SELECT email FROM customers WHERE a = money '1'"),
    ],
)
def test_what_the_parser_is_not_shown_tells_statements_apart(one: str, other: str) -> None:
    """Operators and types that it does not know are blanked for it; they have a meaning all the same."""
    assert fingerprint(read_statement(one, "postgresql")) != fingerprint(read_statement(other, "postgresql"))


@pytest.mark.parametrize("names", [("ä", "Ä"), ("ß", "ss"), ("\u017f", "S"), ("\u0131", "I")])
@pytest.mark.parametrize("dialect", ["postgresql", "mysql", "sqlite", "duckdb"])
def test_letters_that_an_engine_tells_apart_are_not_one_name(dialect: Dialect, names: tuple[str, str]) -> None:
    """Whom a statement asks for may hang on one letter: none is folded that some engine does not fold."""
    one, other = names
    sql = (
        f"SELECT {one}.email FROM customers {one} JOIN customers {other} ON {one}.id = {other}.id + 1 WHERE {{}}.id = 1"
    )
    exact = exact_hash(sql.format(one), dialect, salt="00")
    assert not is_exactly(exact, sql.format(other), dialect, parameters=(), is_percent_doubled=False)
    told = {fingerprint(read_statement(sql.format(name), dialect)) for name in names}
    assert len(told) == 2


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("SELECT a.email FROM customers a JOIN customers A ON a.id = A.boss WHERE a.id = 1", "A.id = 1"),
        ("SELECT email FROM customers WHERE id IN (SELECT id FROM cases)", "id IN (SELECT id FROM Cases)"),
        (
            "WITH c AS (SELECT 1), C AS (SELECT 2) SELECT email FROM customers WHERE id IN (SELECT * FROM c)",
            "id IN (SELECT * FROM C)",
        ),
    ],
)
def test_on_mysql_the_letter_case_of_tables_has_a_meaning(one: str, other: str) -> None:
    """There `cases` and `Cases` are two tables, and `a` and `A` two aliases of one; columns and words are not."""
    other = one.partition("WHERE")[0] + "WHERE " + other
    assert fingerprint(read_statement(one, "mysql")) != fingerprint(read_statement(other, "mysql"))
    assert fingerprint(read_statement(one, "sqlite")) == fingerprint(read_statement(other, "sqlite"))
    lowered = one.replace("SELECT", "select").replace("email", "Email").replace("WHERE", "where")
    assert fingerprint(read_statement(one, "mysql")) == fingerprint(read_statement(lowered, "mysql"))


@pytest.mark.parametrize("dialect", ["postgresql", "mysql", "sqlite", "duckdb"])
def test_statements_that_are_not_parsed_have_a_fingerprint(dialect: Dialect) -> None:
    """Transaction control and settings, which a holder of a grant for one statement sends as well."""
    assert fingerprint(read_statement("COMMIT", dialect)).startswith("v2:")


def test_a_grant_with_fixed_values_is_good_for_them_alone(shop: Shop) -> None:
    """Written out or bound by each driver; with other values the same statement is masked, but for other grants."""
    file = "SELECT email FROM customers WHERE id = 1"
    found = shop.installed.explain(file)
    shop.ledger.grant(ANA, EMAIL, statement=found.fingerprint, exact=exact_hash(file, found.dialect, salt="00"), uses=4)
    bound = text("select email from customers where id = :id")
    with acting_as(ANA), shop.engine.connect() as connection:
        assert connection.scalar(text(file)) == RAW[0]
        assert connection.scalar(text(file.replace("1", "2"))) == "[redacted]"
        assert [connection.scalar(bound, {"id": number}) for number in (1, 2)] == [RAW[0], "[redacted]"]
        assert connection.scalar(text(file.lower() + " -- again")) == RAW[0]
        assert connection.scalar(text("SELECT email FROM customers WHERE id IN (1)")) == "[redacted]"
        assert connection.scalar(text("SELECT email FROM customers WHERE id < 2")) == "[redacted]"
    assert shop.ledger.spent == {"g0": 3}


SETTINGS = [
    (
        "psycopg",
        "SET datestyle = 'ISO, DMY'",
        "SELECT email FROM customers WHERE date '01/02/2024' < '2024-01-09' OR id > 1",
    ),
    (
        "psycopg2",
        "SET intervalstyle TO sql_standard",
        "SELECT email FROM customers WHERE interval '-1 2:00' < '-1 day'",
    ),
    (
        "asyncpg",
        "SET TIME ZONE 'UTC-9'",
        "SELECT email FROM customers WHERE timestamptz '2024-01-01' < '2024-01-01 00:00Z'",
    ),
    ("duckdb", "SET default_order = 'DESC'", "SELECT email FROM customers ORDER BY id LIMIT 1"),
    ("pymysql", "SET time_zone = '+13:00'", "SELECT email FROM customers WHERE hour(from_unixtime(0)) > 9 OR id = 1"),
]


@pytest.mark.parametrize(("shop", "setting", "file"), SETTINGS, indirect=["shop"])
def test_a_setting_that_gives_a_statement_another_meaning_ends_its_grant(shop: Shop, setting: str, file: str) -> None:
    """On the connection where somebody changed it; not where the application did so as it set the connection up."""
    found = shop.installed.explain(file)
    exact = exact_hash(file, found.dialect, salt="00")
    shop.ledger.grant(ANA, EMAIL, statement=found.fingerprint, exact=exact)
    with acting_as(ANA), shop.engine.connect() as connection:
        assert connection.exec_driver_sql(file).scalar() in (RAW[0], None)
        connection.exec_driver_sql(setting)
        assert {email for (email,) in connection.exec_driver_sql(file)} <= {"[redacted]"}
        assert connection.exec_driver_sql("SELECT email FROM customers WHERE id = 1").scalar() == "[redacted]"
        connection.invalidate()
    with acting_as(ANA), shop.engine.connect() as connection:
        assert connection.exec_driver_sql(file).scalar() in (RAW[0], None)


@pytest.mark.parametrize("shop", ["psycopg", "sqlite", "duckdb"], indirect=True)
def test_settings_that_the_application_makes_or_that_change_no_meaning_do_not(shop: Shop) -> None:
    """Those of its connect listeners, and limits and the like."""
    setting = {"sqlite": "PRAGMA foreign_keys = 1"}.get(shop.driver, "SET timezone = 'UTC'")
    harmless = {"sqlite": "PRAGMA cache_size = 9", "duckdb": "SET threads = 1"}.get(shop.driver, "SET work_mem = '9MB'")

    @event.listens_for(shop.engine, "connect")
    def set_up(connection: Any, _record: object) -> None:
        connection.cursor().execute(setting)

    found = shop.installed.explain("SELECT email FROM customers WHERE id = 1")
    shop.ledger.grant(ANA, EMAIL, statement=found.fingerprint)
    with acting_as(ANA), shop.engine.connect() as connection:
        connection.exec_driver_sql(harmless)
        assert connection.scalar(text("SELECT email FROM customers WHERE id = 1")) == RAW[0]


@pytest.mark.parametrize("shop", ["psycopg", "sqlite", "duckdb", "pymysql"], indirect=True)
def test_a_temporary_table_stands_in_for_none_that_was_approved(shop: Shop) -> None:
    """Whoever may make one decides by it which rows a statement finds."""
    file = "SELECT email FROM customers WHERE id IN (SELECT customer_id FROM orders WHERE sku = 'none')"
    found = shop.installed.explain(file)
    shop.ledger.grant(OWNER, EMAIL, statement=found.fingerprint, exact=exact_hash(file, found.dialect, salt="00"))
    with acting_as(OWNER), shop.engine.connect() as connection:
        assert connection.exec_driver_sql(file).all() == []
        connection.exec_driver_sql("CREATE TEMPORARY TABLE orders (customer_id INTEGER, sku VARCHAR(20))")
        connection.exec_driver_sql("INSERT INTO orders (customer_id, sku) VALUES (1, 'none'), (2, 'none')")
        assert {email for (email,) in connection.exec_driver_sql(file)} <= {"[redacted]"}


@pytest.mark.parametrize("shop", ["sqlite"], indirect=True)
def test_a_driver_that_numbers_parameters_otherwise_gets_no_other_row(shop: Shop) -> None:
    """What SQLite would take for `id < 9` is not taken for `id < 2`."""
    file = "SELECT email FROM customers WHERE id > 0 AND id < 2"
    found = shop.installed.explain(file)
    shop.ledger.grant(ANA, EMAIL, statement=found.fingerprint, exact=exact_hash(file, found.dialect, salt="00"))
    with acting_as(ANA), shop.engine.connect() as connection:
        assert connection.exec_driver_sql(file).all() == [(RAW[0],)]
        rows = connection.exec_driver_sql("SELECT email FROM customers WHERE id > ?3 AND id < ?", (9, 2, 0, 9)).all()
    assert rows == [("[redacted]",)] * 2
