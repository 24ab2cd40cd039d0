"""A hooked statement locks the rows that it locks without the hook; through views too."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.exc import DBAPIError

from masking import Policy
from rewriter import Reason, StatementRefused, install

_POLICY = Policy.parse("columns: {people.ssn: redact}")
_SETUP = """
CREATE TABLE people (id INTEGER PRIMARY KEY, ssn VARCHAR(20), note VARCHAR(20));
CREATE TABLE visits (id INTEGER PRIMARY KEY, person_id INTEGER);
INSERT INTO people VALUES (1, '111', 'a'), (2, '222', 'b'), (3, '333', 'c');
INSERT INTO visits VALUES (1, 1), (2, 2), (3, 3);
CREATE VIEW shown AS SELECT id, ssn FROM people;
CREATE VIEW nested AS SELECT id, ssn FROM shown;
CREATE VIEW joined AS SELECT v.id, p.ssn FROM people p JOIN visits v ON v.person_id = p.id;
CREATE VIEW harmless AS SELECT id, person_id FROM visits;
CREATE VIEW with_more AS SELECT id, ssn, (SELECT v.id FROM visits v WHERE v.person_id = people.id) AS visit FROM people
"""
_MARIADB_SETUP = """
CREATE VIEW grouped AS SELECT id, count(*) AS n FROM people GROUP BY id;
CREATE VIEW counted AS SELECT max(id) AS id FROM people;
CREATE VIEW either AS SELECT id, ssn FROM people UNION ALL SELECT id, 'x' FROM visits;
CREATE VIEW once AS SELECT DISTINCT id, ssn FROM people;
CREATE VIEW locking AS SELECT id, ssn FROM people FOR UPDATE;
ALTER TABLE people ALTER note SET DEFAULT 'n', ADD FULLTEXT (ssn), ADD FULLTEXT (note)
"""
_READS = (
    *(f"SELECT id FROM {view} WHERE id = 2" for view in ("shown", "nested", "joined", "harmless", "with_more")),
    "SELECT a.id FROM nested a JOIN visits b ON b.person_id = a.id WHERE a.id = 2",
)
_MARIADB_READS = (
    *(f"SELECT id FROM {view} WHERE id = 2" for view in ("grouped", "either", "once", "locking")),
    "SELECT id FROM counted",
    "SELECT id FROM (SELECT id FROM shown) AS d WHERE id = 2",
)


@dataclass(frozen=True)
class _Engines:
    """Two engines of one database: `hooked`, and `bare`."""

    hooked: Engine
    bare: Engine


@pytest.fixture(params=["mariadb_database", "postgres_database"])
def engines(request: pytest.FixtureRequest) -> Iterator[_Engines]:
    """The tables and views, on either server."""
    url = request.getfixturevalue(request.param)
    found = _Engines(create_engine(url), create_engine(url))
    own = _MARIADB_SETUP if found.bare.dialect.name == "mysql" else ""
    with found.bare.begin() as connection:
        for statement in (*_SETUP.split(";"), *filter(None, own.split(";"))):
            connection.execute(text(statement))
    install(found.hooked, policy=_POLICY)
    yield found
    found.hooked.dispose()
    found.bare.dispose()


def _free(other: Connection, how: str) -> list[list[int]]:
    """Rows of each table that another connection can still lock."""
    found = [[row.id for row in other.execute(text(f"SELECT id FROM {t} {how}"))] for t in ("people", "visits")]
    other.rollback()
    return [sorted(ids) for ids in found]


def _left_by(engine: Engine, sql: str, other: Connection, *, share: str) -> tuple[int, list[list[list[int]]]]:
    """How many rows `sql` gives, and what it leaves to others: to write, and to read with a lock."""
    with engine.connect() as connection:
        count = len(connection.execute(text(sql)).all())
        return count, [_free(other, f"{strength} SKIP LOCKED") for strength in ("FOR UPDATE", share)]


def test_the_rows_are_locked_that_the_bare_statement_locks(engines: _Engines, subtests: pytest.Subtests) -> None:
    """Whether the view is over a masked table or only expanded; no other row, and not through what is materialized."""
    is_mariadb = engines.bare.dialect.name == "mysql"
    share = "LOCK IN SHARE MODE" if is_mariadb else "FOR SHARE"
    reads = (*_READS, *(_MARIADB_READS if is_mariadb else ()))
    with engines.bare.connect() as other:
        for lock in ("", "FOR UPDATE", share, "FOR UPDATE NOWAIT", f"{share} SKIP LOCKED"):
            for sql in (f"{read} {lock}" for read in reads):
                with subtests.test(sql):
                    bare = _left_by(engines.bare, sql, other, share=share)
                    assert _left_by(engines.hooked, sql, other, share=share) == bare
        everything = [[1, 2, 3], [1, 2, 3]]
        assert _left_by(engines.hooked, f"{_READS[0]} FOR UPDATE", other, share=share)[1] == [[[1, 3], [1, 2, 3]]] * 2
        assert _left_by(engines.hooked, _READS[0], other, share=share)[1] == [everything] * 2


def test_a_row_that_is_locked_is_skipped_or_an_error(engines: _Engines) -> None:
    """SKIP LOCKED and NOWAIT reach the tables under a view."""
    with engines.bare.connect() as holder, engines.hooked.connect() as connection:
        holder.execute(text("SELECT id FROM people WHERE id = 2 FOR UPDATE"))
        rows = connection.execute(text("SELECT id FROM nested ORDER BY id FOR UPDATE SKIP LOCKED")).all()
        assert [row.id for row in rows] == [1, 3]
        connection.rollback()
        with pytest.raises(DBAPIError, match=r"(?i)lock"):
            connection.exec_driver_sql("SELECT id FROM nested WHERE id = 2 FOR UPDATE NOWAIT")


_OF_MASKED = (
    "SELECT id FROM people WHERE MATCH (ssn) AGAINST ('111')",
    "SELECT id FROM people p WHERE MATCH p.ssn AGAINST ('111' IN BOOLEAN MODE)",
    "SELECT id FROM shown WHERE MATCH (`ssn`) AGAINST ('111')",
    "SELECT DEFAULT(ssn) FROM people",
    "SELECT DEFAULT(nested.ssn) FROM nested",
    "UPDATE people SET note = DEFAULT(ssn) WHERE id = 1",
    "UPDATE people SET note = 'x' WHERE MATCH (people.ssn) AGAINST ('111')",
    "INSERT INTO people (id, ssn) VALUES (9, DEFAULT(ssn))",
)


@pytest.mark.parametrize("engines", ["mariadb_database"], indirect=True)
def test_full_text_and_defaults_of_masked_columns_are_refused(engines: _Engines, subtests: pytest.Subtests) -> None:
    """Those of other columns of the table work."""
    with engines.hooked.connect() as connection:
        for sql in _OF_MASKED:
            with subtests.test(sql), pytest.raises(StatementRefused, match=r"LIKE|SHOW COLUMNS") as caught:
                connection.execute(text(sql))
            assert caught.value.reason is Reason.CONSTRUCT
        for sql, expected in (
            ("SELECT id FROM people WHERE MATCH (note) AGAINST ('zzz')", []),
            ("SELECT DEFAULT(note) FROM people WHERE id = 1", [("n",)]),
            ("SELECT DEFAULT(p.note) FROM people p WHERE p.ssn = '[redacted]' AND p.id = 1", [("n",)]),
        ):
            assert connection.execute(text(sql)).all() == expected
