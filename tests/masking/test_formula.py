"""The language of expression masks: closed, and the same on real engines."""

import sqlite3
from contextlib import closing
from typing import get_args

import duckdb
import psycopg
import pytest
from sqlalchemy.engine import make_url

from masking import Dialect, Expression, PolicyError, column_type, mask_expression
from masking.formula import parse_formula

ROWS = (("DE", "ana", "+49 30 1234"), ("FR", "bo", "+33 1 99"), ("DE", None, None), (None, "ana", ""))
FORMULAS = {
    "CASE WHEN country = 'DE' THEN left({column}, 3) || '…' ELSE NULL END": ["+49…", None, None, None],
    "CASE country WHEN 'DE' THEN 'a' WHEN 'FR' THEN 'b' ELSE 'c' END": ["a", "b", "a", "c"],
    "CASE WHEN owner = :principal THEN {column} ELSE 'hidden' END": ["+49 30 1234", "hidden", "hidden", ""],
    "coalesce(replace(substring({column}, 2, 4), ' ', '_'), 'none')": ["49_3", "33_1", "none", ""],
    "CASE WHEN length({column}) BETWEEN 5 AND 9 OR country IN ('IT', 'FR') THEN upper(owner) END": [
        None,
        "BO",
        None,
        None,
    ],
    "concat(trim(right({column}, 3)), lower('X'))": ["234x", "99x", None, "x"],
    "CASE WHEN NOT (country IS NULL) AND country <> 'FR' THEN nullif(owner, 'bo') ELSE '50%:?' END": [
        "ana",
        "50%:?",
        None,
        "50%:?",
    ],
}


def expression(formula: str, dialect: Dialect) -> str:
    """The formula over the column `phone`, for ana."""
    declared = {"postgresql": "text", "mysql": "longtext", "sqlite": "TEXT", "duckdb": "VARCHAR"}[dialect]
    columns = {"country": "country", "owner": "owner", "phone": "phone"}
    type_ = column_type(dialect, declared)
    return mask_expression(Expression(sql=formula), "phone", type_, dialect, principal="ana", columns=columns)


@pytest.mark.parametrize(("formula", "expected"), FORMULAS.items())
def test_formulas_on_sqlite_and_duckdb(formula: str, expected: list[str | None]) -> None:
    """Both give what is expected."""
    with closing(sqlite3.connect(":memory:")) as lite:
        lite.execute("CREATE TABLE t (country TEXT, owner TEXT, phone TEXT)")
        lite.executemany("INSERT INTO t VALUES (?, ?, ?)", ROWS)
        assert [row[0] for row in lite.execute(f"SELECT {expression(formula, 'sqlite')} FROM t")] == expected
    with closing(duckdb.connect()) as duck:
        duck.execute("CREATE TABLE t (country VARCHAR, owner VARCHAR, phone VARCHAR)")
        duck.executemany("INSERT INTO t VALUES (?, ?, ?)", ROWS)
        found = duck.execute(f"SELECT {expression(formula, 'duckdb')} FROM t ORDER BY rowid").fetchall()
        assert [row[0] for row in found] == expected


def test_formulas_on_postgresql(postgres_database: str) -> None:
    """PostgreSQL gives what is expected, though a schema before its own has functions of the same names."""
    url = make_url(postgres_database).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE t (n serial, country varchar(2), owner text, phone text)")
        connection.execute("CREATE FUNCTION \"left\"(text, int) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT $1'")
        with connection.cursor() as cursor:
            cursor.executemany("INSERT INTO t (country, owner, phone) VALUES (%s, %s, %s)", ROWS)
        connection.execute("SET search_path = public, pg_catalog")
        for formula, expected in FORMULAS.items():
            sql = f"SELECT {expression(formula, 'postgresql')} FROM t ORDER BY n"
            assert [row[0] for row in connection.execute(sql.encode()).fetchall()] == expected


@pytest.mark.parametrize(
    "formula",
    [
        "(select 1)",
        "{column} in (select 1)",
        "exists(select 1)",
        "pg_sleep({column})",
        "now()",
        "random()",
        "current_user",
        "{column}::int",
        "cast({column} as int)",
        "a.b",
        "{column} like 'a'",
        "left({column}, id)",
        "left({column}, 0)",
        "1; 2",
        "trim(leading 'x' from {column})",
        "$1",
        "?",
        ":other",
        "@x",
        "x'41'",
        "{column} -- x",
        "{column} /* x */",
        "count(*)",
        "sum({column})",
        "lower({column}) over ()",
        "date '2020-01-01'",
        "array[1]",
        "{column}[1]",
        "interval '1' day",
        "{column} collate x",
        "case",
        "",
        " ",
        "(((",
        "{column} at time zone 'x'",
        "*",
        "{column} as x",
        "lower(distinct {column})",
        "{column} is true",
        "1 + 1",
        "1 / 0",
        "{column} ~ 'x'",
        "__unmask_column__",
        "{other}",
        "coalesce({column}, *)",
        "1e400",
        "'unclosed",
        "(" * 1900 + "1" + ")" * 1900,
        "`x`",
        "'a' 'b' || {column} - 1",
    ],
)
def test_anything_else_is_a_fault(formula: str) -> None:
    """The language is closed: what it lacks is refused when the policy is read."""
    with pytest.raises(PolicyError):
        parse_formula(formula)


@pytest.mark.parametrize("dialect", get_args(Dialect))
def test_column_names_are_taken_from_the_table(dialect: Dialect) -> None:
    """A name is only ever written as the quoted identifier that the table's own column has."""
    type_ = column_type(dialect, "text")
    formula = Expression(sql='coalesce({column}, "Odd Name", COUNTRY)')
    columns = {"Odd Name": "<odd>", "country": "<country>"}
    found = mask_expression(formula, "<c>", type_, dialect, columns=columns)
    assert "COALESCE(<c>, <odd>, <country>)" in found
