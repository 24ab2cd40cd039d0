"""A role of the database is no small thing: whoever asks for one or approves it is told, and `check` looks for it."""

import json
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from tests.grants.cli.conftest import Shell, filled

_ROLE = "roles:\n  desk: {scopes: [customers.email], database_role: unmask_desk}\n"
_RULE = '  - {scope: "role:desk", approvers: ["group:privacy"]}\n'
_SAYS = "statements run under the database's role unmask_desk, with all its rights"


@pytest.fixture
def desk(shell: Shell) -> Shell:
    """A terminal whose policy has such a role."""
    policy = Path(shell.variables["UNMASK_POLICY"])
    written = policy.read_text(encoding="utf-8")
    with_role = written.replace("roles:\n", _ROLE, 1).replace("approval:\n", f"approval:\n{_RULE}", 1)
    policy.write_text(with_role, encoding="utf-8")
    return shell


def test_who_asks_and_who_approves_is_told(desk: Shell) -> None:
    """Before it is signed and after, as text and as JSON; a narrowed request brings no role and says nothing of one."""
    words = ("request", "role:desk", "--for", "30m", "--reason", "OPS-7 refund")
    asked = desk.ok(*words)
    assert _SAYS in asked
    identifier = asked.split()[1].rstrip(":")
    assert _SAYS in desk.ok("requests", identifier, by="bo")
    assert desk.json("requests", identifier)["database_role"] == "unmask_desk"
    approved = desk.ok("approve", identifier, by="bo")
    assert approved.count(_SAYS) == 2
    assert _SAYS not in desk.ok(*words, "--uses", "1")
    assert desk.json(*words, "--uses", "1")["database_role"] is None


@pytest.mark.parametrize(
    ("fixture", "scheme"), [("postgres_database", "postgresql+psycopg"), ("mariadb_database", "mysql+pymysql")]
)
def test_check_looks_for_it(desk: Shell, request: pytest.FixtureRequest, *, fixture: str, scheme: str) -> None:
    """A role that the application's user could not take is a problem, and no longer once it can."""
    url = filled(f"{scheme}://{request.getfixturevalue(fixture).partition('://')[2]}")
    desk.variables["UNMASK_DATABASE_URL"] = url
    outcome = desk.run("check", "--json")
    assert outcome.exit_code == 5
    (problem,) = json.loads(outcome.stdout)["problems"]
    assert problem["message"] == "role:desk takes the database's role unmask_desk, which cannot be taken"
    assert "GRANT the role unmask_desk" in problem["hint"]
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("CREATE ROLE unmask_desk"))
        try:
            desk.ok("check")
        finally:
            connection.execute(text("DROP ROLE unmask_desk"))
    engine.dispose()


def test_check_says_where_there_are_none(desk: Shell, sqlite_shop: str) -> None:
    """SQLite has no roles: nobody would be granted what was approved."""
    assert sqlite_shop
    assert "a database of this kind does not have" in desk.run("check").stdout
