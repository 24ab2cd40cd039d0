"""Row conditions: a closed form, of which nothing but the form gets into a statement."""

from typing import get_args

import pytest

from masking import Dialect, PolicyError, RowCondition, column_type
from masking.row_conditions import row_condition_sql

DIALECTS = get_args(Dialect)


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("id = 42", '"id" = ?'),
        ("id=42", '"id" = ?'),
        ("  id != -1.5 ", '"id" <> ?'),
        ("id in (1, 2,3) and country <= 'O''Brien'", '"id" IN (?, ?, ?) AND "country" <= ?'),
        ('"Odd ""Name" = true', '"Odd ""Name" = ?'),
        ("IN_stock IN (FALSE)", '"IN_stock" = ?'),
    ],
)
def test_a_condition_is_known_by_its_shape(text: str, shape: str) -> None:
    """Which holds no literal."""
    assert RowCondition.parse(text).shape == shape


@pytest.mark.parametrize(
    "text",
    [
        "",
        "id",
        "id =",
        "= 1",
        "id = 1 OR TRUE",
        "id = 1 AND",
        "NOT id = 1",
        "id = id",
        "1 = 1",
        "TRUE",
        "id = NULL",
        "id IS NULL",
        "id LIKE 'a%'",
        "id = 1; DROP TABLE customers",
        "id = 1 -- all",
        "id = 1 /* all */",
        "id = (SELECT 1)",
        "id IN (SELECT 1)",
        "id IN ()",
        "id IN (1",
        "id IN (1,)",
        "id IN (1 2)",
        "id IN 1",
        "(id = 1)",
        "customers.id = 1",
        "id = 1 + 1",
        "id = 0x10",
        "id = 1e3",
        "id = 1.",
        "id = 12345678901234567890",
        "id = E'a'",
        "id = 'a",
        "id = $1",
        "id = :id",
        "id = ?",
        "id = %s",
        "lower(id) = 'a'",
        "id == 1",
        "id = 'a' 'b'",
        "id\n= 1",
    ],
)
def test_whatever_else_sql_knows_is_refused(text: str) -> None:
    """With a message that says what to write and repeats nothing of it."""
    with pytest.raises(PolicyError, match=r"row condition|brackets") as caught:
        RowCondition.parse(text)
    assert "DROP" not in str(caught.value)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_text_is_inert_in_every_dialect(dialect: Dialect) -> None:
    """Quotes, backslashes and what drivers take for placeholders are written by their codes."""
    condition = RowCondition.parse(r"""note = 'a''b\c%s:x?--/*'""")
    sql = row_condition_sql(condition, {"note": ('"note"', column_type(dialect, "varchar(90)"))}, dialect)
    assert not set(sql) & set("\\%:?")
    assert "''" not in sql


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    ("text", "type_"),
    [
        ("c = 'x'", "integer"),
        ("c = 1.5", "integer"),
        ("c = 1", "varchar(9)"),
        ("c = 1", "boolean"),
        ("c = TRUE", "integer"),
        ("c = '2024-02-30'", "date"),
        ("c = 'x'", "blob"),
        ("d = 1", "integer"),
        ("c = 1 AND d = 1", "integer"),
    ],
)
def test_a_literal_must_be_a_value_of_its_columns_type(dialect: Dialect, text: str, type_: str) -> None:
    """No engine's conversions decide what a condition means; nor may it name a column that is not offered."""
    if (dialect, type_) == ("mysql", "boolean"):
        type_ = "tinyint(1)"
    with pytest.raises(PolicyError):
        row_condition_sql(RowCondition.parse(text), {"c": ('"c"', column_type(dialect, type_))}, dialect)


def test_postgresql_names_its_operators_with_their_schema() -> None:
    """So that no search path can put another one in their place."""
    columns = {"id": ('"id"', column_type("postgresql", "integer"))}
    sql = row_condition_sql(RowCondition.parse("ID IN (1, 2) AND id < 9"), columns, "postgresql")
    assert sql.count("OPERATOR(pg_catalog.") == 3
    assert row_condition_sql(RowCondition.parse("ID = 1"), columns, "sqlite") == '("id" = 1)'
