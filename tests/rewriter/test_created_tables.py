"""Tables that an owner makes of a query hold masks, and namesakes of sensitive tables are told apart."""

from sqlalchemy import text

from tests.rewriter.hooked import OWNER, Shop, is_raw, shop

__all__ = ["shop"]


def test_a_table_made_of_a_query_holds_masks(shop: Shop) -> None:
    """Whoever may create tables copies what they may see: masks."""
    with shop.engine.begin() as connection:
        owner = connection.execution_options(principal=OWNER)
        owner.execute(text("CREATE TABLE copied AS SELECT id, email, ssn FROM customers"))
    with shop.engine.connect() as connection:
        rows = connection.execute(text("SELECT id, email, ssn FROM copied ORDER BY id")).all()
    assert [row.id for row in rows] == [1, 2]
    assert not is_raw(rows)


def test_a_view_is_created_as_it_is_written_and_read_masked(shop: Shop) -> None:
    """A view stores no rows: its definition stays the owner's, its scans are masked."""
    with shop.engine.begin() as connection:
        connection.execution_options(principal=OWNER).execute(text("CREATE VIEW mails AS SELECT email FROM customers"))
    with shop.engine.connect() as connection:
        assert not is_raw(connection.execute(text("SELECT * FROM mails")).all())


def test_a_temporary_table_of_a_sensitive_tables_name_is_another_table(shop: Shop) -> None:
    """The temporary table is read as it is, and its namesake stays behind its masks."""
    if shop.engine.dialect.name in ("mysql", "mariadb"):
        name, schema = "customers", ""  # a temporary table hides the other one there, for the whole session
    else:
        name, schema = "customers", {"postgresql": "public.", "sqlite": "main."}.get(shop.engine.dialect.name, "main.")
    with shop.engine.connect() as connection:
        owner = connection.execution_options(principal=OWNER)
        owner.execute(text(f"CREATE TEMPORARY TABLE {name} (id int, email varchar(60), ssn varchar(11))"))
        assert connection.execute(text("SELECT customers.email, ssn FROM customers")).all() == []
        if schema:
            rows = connection.execute(text(f"SELECT email, ssn FROM {schema}customers")).all()
            assert rows
            assert not is_raw(rows)
