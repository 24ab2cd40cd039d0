"""A role of MariaDB is its session's: it is there for the statements of its holder alone, and never left standing."""

import os
import signal
import threading
import warnings
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

import pymysql
import pytest
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from grants import Event, Filter
from masking import Policy
from rewriter import Reason, StatementRefused, acting_as, install
from tests.grants.conftest import House, policy_text
from tests.grants.waiting import eventually
from tests.rewriter.greenlets import Loop, in_loop

READ = "SELECT note FROM cases ORDER BY id"
WHO = "SELECT CURRENT_ROLE()"
DENIED = 1142
GONE = (2006, 2013)


@dataclass(frozen=True)
class Site:
    """A database whose `cases` only the role `desk` may read or know of; the application logs in as `login`."""

    url: str
    login: str
    desk: str

    def run(self, *statements: str) -> list[tuple[Any, ...]]:
        """As root; the rows of the last one."""
        at = make_url(self.url)
        address: dict[str, Any] = {
            "host": at.host,
            "port": at.port,
            "password": at.password or "",
            "database": at.database,
        }
        with pymysql.connect(user=at.username, autocommit=True, **address) as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            return list(cursor.fetchall())

    def sessions(self) -> list[tuple[Any, ...]]:
        """Those of the application."""
        return self.run(f"SELECT id FROM information_schema.processlist WHERE user = '{self.login}'")

    def engine(self, driver: str) -> Engine:
        """The application's, not hooked yet; one connection, so that who comes next has the same."""
        url = make_url(self.url).set(drivername=f"mysql+{driver}", username=self.login)
        return create_engine(url, pool_size=1, max_overflow=0)


@pytest.fixture
def site(mariadb_database: str) -> Iterator[Site]:
    """Customers that both may read, and cases that only the desk may."""
    site = Site(mariadb_database, f"app_{uuid4().hex[:8]}", f"Desk `{uuid4().hex[:8]}")
    role = quoted(site.desk)
    site.run(
        f"CREATE USER {site.login}",
        f"CREATE ROLE {role}",
        f"GRANT {role} TO {site.login}",
        "CREATE TABLE customers (id int PRIMARY KEY, name text, email text, phone text, ssn text, salary int)",
        "INSERT INTO customers VALUES (1, 'Ada', 'ada@cell.example', '5', '6', 7)",
        "CREATE TABLE cases (id int PRIMARY KEY, note text)",
        "INSERT INTO cases SELECT seq, CONCAT('note ', seq) FROM seq_1_to_30000",
        "CREATE VIEW addresses AS SELECT id, email FROM customers",
        f"GRANT SELECT ON customers TO {site.login}",
        f"GRANT SELECT, INSERT ON cases TO {role}",
        f"GRANT SELECT ON addresses TO {role}",
        f"GRANT SELECT ON customers TO {role}",
    )
    yield site
    site.run(f"DROP USER {site.login}", f"DROP ROLE {role}")


@pytest.fixture
def desk_house(house: House, site: Site) -> House:
    """The house, with a role that takes the site's."""
    role = f'roles:\n  desk: {{scopes: [customers.phone], database_role: "{site.desk}"}}\n'
    rule = 'approval:\n  - {scope: "role:desk", approvers: ["group:privacy"]}\n'
    return replace(house, policy=Policy.parse(policy_text().replace("approval:\n", role + rule)))


@pytest.fixture(params=["pymysql", "aiomysql"])
def driver(request: pytest.FixtureRequest) -> str:
    """Each driver in turn."""
    return str(request.param)


@pytest.fixture
def loop(driver: str) -> Iterator[Loop | None]:
    """Where the driver needs an event loop, the test runs in it."""
    loop = Loop() if driver == "aiomysql" else None
    yield loop
    if loop is not None:
        loop.close()


@pytest.fixture
def engine(site: Site, desk_house: House, *, driver: str, loop: Loop | None) -> Iterator[Engine]:
    """The application's engine, hooked; ana holds the role."""
    engine = site.engine(driver)
    install(engine, policy=desk_house.policy, grants=desk_house.connect(key="k"), environment="prod")
    desk_house.granted("role:desk")
    in_loop(loop, lambda: eventually(lambda: outcome(engine, WHO) == site.desk))
    yield engine
    in_loop(loop, engine.dispose)


def quoted(name: str) -> str:
    """A name as SQL."""
    return "`" + name.replace("`", "``") + "`"


def outcome(engine: Engine, statement: str, *, who: str = "ana") -> object:
    """The first cell that somebody is shown, or the error's number, or why it was refused."""
    with acting_as(who), engine.connect() as connection:
        return shown(connection, statement)


def shown(connection: Connection, statement: str) -> object:
    """As `outcome`, on one connection."""
    try:
        return connection.scalar(text(statement))
    except DBAPIError as error:
        return error.orig.args[0] if error.orig is not None else None
    except StatementRefused as refusal:
        return refusal.reason


@pytest.mark.usefixtures("loop")
def test_the_role_is_there_during_the_grant_alone(desk_house: House, site: Site, driver: str) -> None:
    """Neither before nor after it, nor for anybody else; what it does not cover stays masked."""
    engine = site.engine(driver)
    install(engine, policy=desk_house.policy, grants=desk_house.connect(key="k"), environment="prod")
    assert outcome(engine, READ) == DENIED
    docket = desk_house.granted("role:desk")
    eventually(lambda: outcome(engine, READ) == "note 1")
    assert outcome(engine, "SELECT concat(phone, email) FROM customers") == "5[redacted]"
    assert outcome(engine, READ, who="dee") == DENIED
    assert outcome(engine, WHO, who="dee") is None
    desk_house.desk("ana").revoke(docket.id)
    eventually(lambda: outcome(engine, READ) == DENIED)
    assert outcome(engine, WHO) is None
    engine.dispose()


def test_its_rights_show_nothing_that_the_policy_masks(site: Site, engine: Engine) -> None:
    """A view that the role alone may read is read by its definition, or not at all; nor are there other ways."""
    assert outcome(engine, "SELECT email FROM addresses") is Reason.VIEW
    site.run(f"GRANT SHOW VIEW ON addresses TO {quoted(site.desk)}")
    eventually(lambda: outcome(engine, "SELECT email FROM addresses") == "[redacted]")
    site.run(f"GRANT SELECT ON mysql.* TO {quoted(site.desk)}", f"GRANT FILE, PROCESS ON *.* TO {quoted(site.desk)}")
    for way in (
        "SELECT histogram FROM mysql.column_stats",
        "SELECT info FROM information_schema.processlist",
        "SELECT load_file('/etc/hostname')",
        "SELECT email FROM customers INTO OUTFILE '/tmp/unmask'",
        "SHOW FULL PROCESSLIST",
    ):
        assert isinstance(outcome(engine, way), Reason)


def test_each_statement_is_recorded_with_its_role(desk_house: House, site: Site, engine: Engine) -> None:
    """Before it runs, under the grant; also one that reveals no column."""
    assert outcome(engine, READ) == "note 1"
    records = list(desk_house.grants.audit("prod", matching=Filter(events=frozenset({Event.REVEALED}))))
    last = [record for record in records if "cases" in (record.statement or "")][-1]
    assert (last.database_role, last.principal, last.columns) == (site.desk, "ana", ())
    assert desk_house.opened[-1].verify("prod", policy=desk_house.policy) == ()


@pytest.mark.parametrize("level", ["AUTOCOMMIT", "REPEATABLE READ"])
def test_another_principal_on_the_same_connection_has_none_of_it(engine: Engine, *, level: str) -> None:
    """Right after, whatever became of the statement before, of its savepoint or its transaction."""
    for broken, cause in (
        (None, None),
        ("INSERT INTO cases VALUES (1, 'x')", 1062),
        ("SELECT (SELECT id FROM cases)", 1242),
    ):
        with engine.connect().execution_options(isolation_level=level) as connection:
            with acting_as("ana"):
                assert shown(connection, READ) == "note 1"
                if broken is not None:
                    assert shown(connection, broken) == cause
                if level != "AUTOCOMMIT":
                    savepoint = connection.begin_nested()
                    assert shown(connection, READ) == "note 1"
                    savepoint.rollback()
            with acting_as("dee"):
                assert shown(connection, WHO) is None
                assert shown(connection, READ) == DENIED
            connection.rollback()
            with acting_as("dee"):
                assert shown(connection, WHO) is None


def test_it_neither_ends_nor_begins_a_transaction(site: Site, engine: Engine) -> None:
    """What was written under it goes with the rollback."""
    with acting_as("ana"), engine.connect() as connection:
        connection.execute(text("INSERT INTO cases VALUES (0, 'gone')"))
        assert shown(connection, READ) == "gone"
        connection.rollback()
        assert shown(connection, READ) == "note 1"


def test_rows_that_are_still_to_come_are_given_up_with_it(site: Site, engine: Engine) -> None:
    """An unbuffered result keeps the role until it is read, or until anything else is sent."""
    for read_to_end in (True, False):
        with engine.connect() as connection:
            with acting_as("ana"):
                streamed = connection.execution_options(stream_results=True, max_row_buffer=1).execute(text(READ))
                assert streamed.fetchone() == ("note 1",)
                if read_to_end:
                    assert len(streamed.fetchall()) == 29_999
            with (
                acting_as("dee"),
                pytest.warns(UserWarning, match="unbuffered") if not read_to_end else closing(streamed),
            ):
                assert shown(connection, WHO) is None
                assert shown(connection, READ) == DENIED


def test_the_session_has_its_own_role_back(site: Site, engine: Engine) -> None:
    """The one that it had; where that cannot be, it is closed, and what the statement gave is lost."""
    site.run(
        "CREATE ROLE base_desk", f"GRANT base_desk TO {site.login}", f"SET DEFAULT ROLE base_desk FOR {site.login}"
    )
    try:
        engine.dispose()
        with engine.connect() as connection:
            with acting_as("ana"):
                assert shown(connection, WHO) == site.desk
            with acting_as("dee"):
                assert shown(connection, WHO) == "base_desk"
                number = shown(connection, "SELECT CONNECTION_ID()")
            site.run(f"REVOKE base_desk FROM {site.login}")
            with acting_as("ana"):
                assert shown(connection, WHO) in GONE
            assert (number,) not in site.sessions()
    finally:
        site.run("DROP ROLE base_desk")
    assert outcome(engine, WHO, who="dee") is None


@pytest.mark.parametrize("end", ["KILL QUERY", "KILL CONNECTION"])
def test_a_statement_that_is_cut_off_leaves_none(site: Site, engine: Engine, *, end: str) -> None:
    """Interrupted, or ended with its connection."""
    watched = f"SELECT id FROM information_schema.processlist WHERE user = '{site.login}' AND info LIKE '%slow%'"

    def cut() -> None:
        eventually(lambda: bool(site.run(watched)))
        site.run(*(f"{end} {number}" for (number,) in site.run(watched)))

    thread = threading.Thread(target=cut)
    thread.start()
    with acting_as("ana"), engine.connect() as connection:
        slow = "SELECT count(*) AS slow FROM cases a, cases b, cases c WHERE a.id + b.id + c.id < 0"
        assert shown(connection, slow) in (1317, *GONE)
    thread.join()
    assert outcome(engine, WHO, who="dee") is None
    assert outcome(engine, WHO) == site.desk


def test_a_role_that_may_not_be_taken_is_refused(site: Site, engine: Engine) -> None:
    """The connection goes on as it was."""
    site.run(f"REVOKE {quoted(site.desk)} FROM {site.login}")
    with engine.connect() as connection:
        with acting_as("ana"):
            assert shown(connection, WHO) is Reason.DATABASE_ROLE
        with acting_as("dee"):
            assert shown(connection, "SELECT name FROM customers") == "Ada"
    site.run(f"GRANT {quoted(site.desk)} TO {site.login}")
    assert outcome(engine, WHO) == site.desk


def test_nobody_takes_a_role_by_themselves(site: Site, engine: Engine) -> None:
    """No statement sets one."""
    for statement in (f"SET ROLE {quoted(site.desk)}", "SET ROLE NONE", f"SET DEFAULT ROLE {quoted(site.desk)}"):
        for who in ("ana", "dee"):
            assert outcome(engine, statement, who=who) is Reason.STATEMENT_KIND
    assert outcome(engine, WHO, who="dee") is None


@pytest.mark.parametrize("driver", ["pymysql"], indirect=True)
def test_cursors_of_the_driver_have_it_for_their_statement_alone(engine: Engine) -> None:
    """Those that the connection makes, those made round it, and what is sent without any."""
    with acting_as("ana"), closing(engine.raw_connection()) as connection:
        driver: Any = connection.driver_connection
        for cursor in (driver.cursor(), pymysql.cursors.Cursor(driver)):
            cursor.execute("SELECT note, phone FROM cases, customers ORDER BY cases.id LIMIT 1")
            assert cursor.fetchall() == (("note 1", "5"),)
        assert driver.query("SELECT note FROM cases") == 30_000
        with pytest.raises(StatementRefused) as refused:
            pymysql.cursors.SSCursor(driver).execute(READ)
        assert refused.value.reason is Reason.RAW_ACCESS
        with acting_as("dee"):
            cursor.execute(WHO)
            assert cursor.fetchall() == ((None,),)


@pytest.mark.parametrize("driver", ["pymysql"], indirect=True)
def test_a_process_that_is_killed_leaves_no_session(site: Site, engine: Engine) -> None:
    """The server ends it, and the role with it."""
    engine.dispose()
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12's, of forking a process with threads
        child = os.fork()
    if child == 0:
        try:
            with acting_as("ana"), engine.connect() as connection:
                connection.execution_options(stream_results=True, max_row_buffer=1).execute(text(READ)).fetchone()
                os.write(writing, b"1")
                signal.pause()
        finally:
            os._exit(1)
    os.close(writing)
    assert os.read(reading, 1) == b"1"
    assert len(site.sessions()) == 1
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    eventually(lambda: not site.sessions())
