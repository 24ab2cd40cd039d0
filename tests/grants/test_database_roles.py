"""A role of the database is there for the statements of its holder alone, and never left standing."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from grants import Event, Filter, JsonLinesSink
from grants.errors import RuleError
from masking import Policy
from rewriter import Reason, RewriteError, StatementRefused, acting_as, install
from tests.grants.conftest import House, ask, policy_text
from tests.grants.waiting import eventually
from tests.rewriter.greenlets import Loop, in_loop

DRIVERS = ("psycopg", "psycopg2", "psycopg_async", "asyncpg")
READ = "SELECT note FROM cases ORDER BY id"
WHO = "SELECT current_user"


@dataclass(frozen=True)
class Site:
    """A database whose `cases` only the role `desk` may read; the application logs in as `login`."""

    url: str
    login: str
    desk: str

    def run(self, *statements: str) -> None:
        """As the superuser."""
        address = make_url(self.url).set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(address, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)

    def engine(self, driver: str, **options: object) -> Engine:
        """The application's, not hooked yet; one connection, so that who comes next has the same."""
        url = make_url(self.url).set(drivername=f"postgresql+{driver}", username=self.login)
        return create_engine(url, pool_size=1, max_overflow=0, **options)


@pytest.fixture(scope="module")
def names(postgres_url: str) -> Iterator[tuple[str, str]]:
    """A user and a role, dropped when no database needs them any more."""
    login, desk = f"app_{uuid4().hex[:8]}", f"Desk {uuid4().hex[:8]}"
    address = make_url(postgres_url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {login} LOGIN NOINHERIT")
        connection.execute(f'CREATE ROLE "{desk}"')
        connection.execute(f'GRANT "{desk}" TO {login}')
        yield login, desk
        connection.execute(f'DROP ROLE {login}, "{desk}"')


@pytest.fixture
def site(postgres_database: str, names: tuple[str, str]) -> Site:
    """Customers that both may read, and cases that only the desk may."""
    login, desk = names
    site = Site(postgres_database, login, desk)
    site.run(
        "CREATE TABLE customers (id int PRIMARY KEY, name text, email text, phone text, ssn text, salary int)",
        "INSERT INTO customers VALUES (1, 'Ada', 'ada@cell.example', '5', '6', 7)",
        "CREATE TABLE cases (id int PRIMARY KEY, note text, twin int UNIQUE DEFERRABLE INITIALLY DEFERRED)",
        "INSERT INTO cases SELECT n, 'note ' || n, n FROM generate_series(1, 3) n",
        f'GRANT SELECT ON customers TO {login}, "{desk}"',
        f'GRANT SELECT, INSERT ON cases TO "{desk}"',
    )
    return site


@pytest.fixture
def desk_house(house: House, site: Site) -> House:
    """The house, with a role that takes the site's."""
    role = f'roles:\n  desk: {{scopes: [customers.phone], database_role: "{site.desk}"}}\n'
    rule = 'approval:\n  - {scope: "role:desk", approvers: ["group:privacy"]}\n'
    return replace(house, policy=Policy.parse(policy_text().replace("approval:\n", role + rule)))


@pytest.fixture(params=DRIVERS)
def driver(request: pytest.FixtureRequest) -> str:
    """Each driver in turn."""
    return str(request.param)


@pytest.fixture
def loop(driver: str) -> Iterator[Loop | None]:
    """Where the driver needs an event loop, the test runs in it."""
    loop = Loop() if driver in ("psycopg_async", "asyncpg") else None
    yield loop
    if loop is not None:
        loop.close()


@pytest.fixture
def engine(site: Site, desk_house: House, *, driver: str, loop: Loop | None) -> Iterator[Engine]:
    """The application's engine, hooked; ana holds the role."""
    engine = site.engine(driver)
    hooked(engine, desk_house)
    desk_house.granted("role:desk")
    in_loop(loop, lambda: eventually(lambda: outcome(engine, WHO) == site.desk))
    yield engine
    in_loop(loop, engine.dispose)


def hooked(engine: Engine, house: House) -> None:
    """Have the engine masked, with the house's grants."""
    install(engine, policy=house.policy, grants=house.connect(key="k"), environment="prod")


def outcome(engine: Engine, statement: str, *, who: str = "ana", **values: object) -> object:
    """The first cell that somebody is shown, or the SQLSTATE, or why it was refused."""
    with acting_as(who), engine.connect() as connection:
        return shown(connection, statement, **values)


def shown(connection: Connection, statement: str, **values: object) -> object:
    """As `outcome`, on one connection."""
    try:
        return connection.scalar(text(statement), values)
    except DBAPIError as error:
        return getattr(error.orig, "sqlstate", None) or getattr(error.orig, "pgcode", None)
    except StatementRefused as refusal:
        return refusal.reason


def test_the_role_is_there_during_the_grant_alone(desk_house: House, site: Site) -> None:
    """Neither before nor after it, nor for anybody else; what it does not cover stays masked."""
    engine = site.engine("psycopg")
    hooked(engine, desk_house)
    assert outcome(engine, READ) == "42501"
    docket = desk_house.granted("role:desk")
    eventually(lambda: outcome(engine, READ) == "note 1")
    assert outcome(engine, "SELECT phone || email FROM customers") == "5[redacted]"
    assert outcome(engine, READ, who="dee") == "42501"
    assert outcome(engine, WHO, who="dee") == site.login
    desk_house.desk("ana").revoke(docket.id)
    eventually(lambda: outcome(engine, READ) == "42501")
    assert outcome(engine, WHO) == site.login
    engine.dispose()


def test_each_statement_is_recorded_with_its_role(desk_house: House, site: Site, engine: Engine) -> None:
    """Before it runs, under the grant; also one that reveals no column."""
    assert outcome(engine, READ) == "note 1"
    records = list(desk_house.grants.audit("prod", matching=Filter(events=frozenset({Event.REVEALED}))))
    last = [record for record in records if "cases" in (record.statement or "")][-1]
    assert (last.database_role, last.principal, last.columns) == (site.desk, "ana", ())
    assert [use.approvers for use in last.grants or ()] == [("bo",)]
    assert desk_house.opened[-1].verify("prod", policy=desk_house.policy) == ()


def test_what_cannot_be_recorded_runs_under_no_role(desk_house: House, site: Site, tmp_path: Path) -> None:
    """As it is masked."""
    desk_house.granted("role:desk")
    engine = site.engine("psycopg")
    sink = JsonLinesSink(tmp_path / "trail" / "audit.jsonl")
    (tmp_path / "trail").mkdir()
    grants = desk_house.connect(key="k", sinks=[sink])
    install(engine, policy=desk_house.policy, grants=grants, environment="prod")
    eventually(lambda: outcome(engine, WHO) == site.desk)
    (tmp_path / "trail").rename(tmp_path / "away")
    assert [outcome(engine, WHO) for _ in range(3)] == [site.login] * 3
    engine.dispose()


def test_another_principal_on_the_same_connection_has_none_of_it(site: Site, engine: Engine) -> None:
    """Right after, in the same transaction, whatever became of the statement before."""
    for broken in (None, "SELECT 1 / (id - id) FROM cases", "INSERT INTO cases VALUES (1)"):
        with engine.connect() as connection:
            with acting_as("ana"):
                assert shown(connection, READ) == "note 1"
                if broken is not None:
                    savepoint = connection.begin_nested()
                    assert shown(connection, broken) in ("22012", "23505", None)
                    savepoint.rollback()
            with acting_as("dee"):
                assert shown(connection, WHO) == site.login
                assert shown(connection, READ) == "42501"


def test_a_savepoint_does_not_bring_it_back(site: Site, engine: Engine) -> None:
    """It is made under the session's own role."""
    with engine.connect() as connection:
        with acting_as("ana"):
            shown(connection, READ)
            savepoint = connection.begin_nested()
            shown(connection, READ)
        with acting_as("dee"):
            savepoint.rollback()
            assert shown(connection, WHO) == site.login


def test_a_commit_that_fails_leaves_none(site: Site, engine: Engine) -> None:
    """The failure comes after it was given back; in autocommit, with it."""
    with acting_as("ana"), pytest.raises(DBAPIError), engine.begin() as connection:
        connection.execute(text("INSERT INTO cases VALUES (9, 'x', 1)"))
    assert outcome(engine, WHO, who="dee") == site.login
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        with acting_as("ana"):
            assert shown(connection, "INSERT INTO cases VALUES (9, 'x', 1)") == "23505"
            assert shown(connection, READ) == "note 1"
            assert shown(connection, WHO) == site.desk
        with acting_as("dee"):
            assert shown(connection, WHO) == site.login


@pytest.mark.parametrize("end", ["pg_cancel_backend", "pg_terminate_backend"])
def test_a_statement_that_is_cut_off_leaves_none(site: Site, engine: Engine, *, end: str) -> None:
    """Cancelled or killed with its connection."""
    done = threading.Event()

    def cut() -> None:
        running = "datname = current_database() AND query ILIKE '%cross join%' AND pid <> pg_backend_pid()"
        while not done.wait(0.05):
            site.run(f"SELECT {end}(pid) FROM pg_stat_activity WHERE {running} AND state = 'active'")

    slow = "SELECT count(*) FROM cases a cross join generate_series(1, 2000000000) n WHERE a.id <> n"
    thread = threading.Thread(target=cut)
    with engine.connect() as connection:
        thread.start()
        try:
            with acting_as("ana"):
                cause = shown(connection, slow)
        finally:
            done.set()
            thread.join()
        connection.rollback()
    assert cause in ("57014", "57P01", "08003", None)  # None: the connection is gone
    assert outcome(engine, WHO, who="dee") == site.login
    assert outcome(engine, WHO) == site.desk


@pytest.mark.parametrize("name", ["asyncpg", "psycopg_async"])
@pytest.mark.parametrize("level", ["AUTOCOMMIT", "READ COMMITTED"])
def test_a_task_that_is_cancelled_leaves_none(site: Site, desk_house: House, *, name: str, level: str) -> None:
    """In the middle of its statement; whoever has the connection next has none of it."""
    engine = AsyncEngine(site.engine(name, isolation_level=level))
    hooked(engine.sync_engine, desk_house)
    desk_house.granted("role:desk")

    async def who(principal: str) -> object:
        with acting_as(principal):
            async with engine.connect() as connection:
                return await connection.scalar(text(WHO))

    async def slow() -> None:
        with acting_as("ana"):
            async with engine.connect() as connection:
                await connection.execute(text("SELECT count(*) FROM cases a, generate_series(1, 2000000000) n"))

    async def story() -> None:
        for _ in range(500):
            if await who("ana") == site.desk:
                break
            await asyncio.sleep(0.01)
        for wait in (0.003, 0.2):
            task = asyncio.create_task(slow())
            await asyncio.sleep(wait)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await who("dee") == site.login
            assert await who("ana") == site.desk
        await engine.dispose()

    asyncio.run(story())


def test_rows_of_a_server_side_cursor_outlive_it(site: Site, engine: Engine) -> None:
    """Rights are looked at when a cursor is opened; what runs between two fetches has its own."""
    with engine.connect() as connection:
        with acting_as("ana"):
            result = connection.execution_options(stream_results=True, max_row_buffer=1).execute(text(READ))
            assert result.fetchone() == ("note 1",)
        with acting_as("dee"):
            assert shown(connection, WHO) == site.login
        assert len(result.fetchall()) == 2


def test_names_that_would_mean_other_tables_are_refused(site: Site, engine: Engine) -> None:
    """A schema with the role's name comes before the others on the search path, under the role alone."""
    site.run(
        f'CREATE SCHEMA AUTHORIZATION "{site.desk}"',
        f'CREATE TABLE "{site.desk}".customers AS SELECT email AS name FROM public.customers',
    )
    assert outcome(engine, "SELECT name FROM customers") is Reason.DATABASE_ROLE
    assert outcome(engine, WHO, who="dee") == site.login
    site.run(f'DROP SCHEMA "{site.desk}" CASCADE')
    assert outcome(engine, "SELECT name FROM customers") == "Ada"


def test_a_role_that_may_not_be_taken_is_refused(site: Site, engine: Engine) -> None:
    """Without spoiling the transaction."""
    site.run(f'REVOKE "{site.desk}" FROM {site.login}')
    try:
        with acting_as("ana"), engine.connect() as connection:
            assert shown(connection, WHO) is Reason.DATABASE_ROLE
            assert connection.in_transaction()
    finally:
        site.run(f'GRANT "{site.desk}" TO {site.login}')
    assert outcome(engine, WHO) == site.desk


def test_nobody_takes_a_role_by_themselves(site: Site, engine: Engine) -> None:
    """No statement sets one."""
    for statement in (
        "SET ROLE {desk}",
        "SET LOCAL ROLE {desk}",
        "RESET ROLE",
        "SET SESSION AUTHORIZATION {desk}",
        "SET \"role\" = '{desk}'",
        "SELECT set_config('role', '{desk}', false)",
        "RESET ALL",
        "DISCARD ALL",
    ):
        for who in ("ana", "dee"):
            refused = outcome(engine, statement.format(desk=f'"{site.desk}"'), who=who)
            assert refused in (Reason.STATEMENT_KIND, Reason.FUNCTION)
    assert outcome(engine, WHO, who="dee") == site.login


def test_a_stream_and_a_pipeline_have_none(site: Site, desk_house: House) -> None:
    """Their statements are not over when the next is sent."""
    engine = site.engine("psycopg")
    hooked(engine, desk_house)
    desk_house.granted("role:desk")
    eventually(lambda: outcome(engine, WHO) == site.desk)
    with acting_as("ana"), closing(engine.raw_connection()) as connection:
        cursor = connection.cursor()
        with pytest.raises(StatementRefused) as streamed:
            next(cursor.stream(READ))
        assert streamed.value.reason is Reason.RAW_ACCESS
        driver: Any = connection.driver_connection
        with pytest.raises(StatementRefused) as piped, driver.pipeline():
            cursor.execute(READ)
        assert piped.value.reason is Reason.DATABASE_ROLE
    assert outcome(engine, WHO, who="dee") == site.login
    engine.dispose()


def test_a_narrowed_grant_carries_no_role(desk_house: House, site: Site) -> None:
    """A role cannot be narrowed to rows or uses."""
    docket = desk_house.desk("ana").request(replace(ask("role:desk"), uses=5))
    desk_house.desk("bo").approve(docket.id)
    engine = site.engine("psycopg")
    hooked(engine, desk_house)
    eventually(lambda: outcome(engine, "SELECT phone FROM customers") == "5")
    assert outcome(engine, WHO) == site.login
    engine.dispose()


@pytest.mark.parametrize("approved", [", database_role: other_desk", ""])
def test_the_role_is_the_one_that_was_approved(desk_house: House, site: Site, *, approved: str) -> None:
    """What the policy means by the role's name later, nobody approved: its columns are shown, under no role."""
    role = f', database_role: "{site.desk}"'
    text_now = policy_text().replace(
        "approval:\n",
        f"roles:\n  desk: {{scopes: [customers.phone]{role}}}\n"
        'approval:\n  - {scope: "role:desk", approvers: ["group:privacy"]}\n',
    )
    assert role in text_now
    before = replace(desk_house, policy=Policy.parse(text_now.replace(role, approved)))
    before.granted("role:desk")
    engine = site.engine("psycopg")
    hooked(engine, desk_house)
    eventually(lambda: outcome(engine, "SELECT phone FROM customers") == "5")
    assert outcome(engine, WHO) == site.login
    assert desk_house.opened[-1].verify("prod", policy=desk_house.policy) == ()
    engine.dispose()


def test_a_rule_must_name_the_role(desk_house: House) -> None:
    """Those of its columns do not answer for what else the role may read."""
    without = policy_text().replace(
        "approval:\n", "roles:\n  desk: {scopes: [customers.phone], database_role: desk}\napproval:\n"
    )
    house = replace(desk_house, policy=Policy.parse(without))
    with pytest.raises(RuleError, match="has the scope role:desk"):
        house.desk("ana", environment="staging").request(ask("role:desk"))
    house.desk("ana", environment="staging").request(ask("customers.phone"))


def test_where_no_role_can_be_taken_none_is_promised(desk_house: House) -> None:
    """Databases that have no roles are refused with the policy."""
    for engine in (create_engine("sqlite://"), create_engine("duckdb://")):
        with pytest.raises(RewriteError, match="database_role"):
            hooked(engine, desk_house)
