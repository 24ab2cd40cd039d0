"""`explain`, `check` and requests for one statement, on live databases."""

import json
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from grants import Ask, Grants, StatementScope, load_key
from masking import Policy
from tests.grants.cli.conftest import Shell, application, filled

QUERY = "SELECT name, email, ssn, phone FROM customers WHERE id = 1"


def test_explain_shows_rewriting_masks_and_what_to_request(shell: Shell, shop: str) -> None:
    """The rewritten text, each column's mask, who could grant it, and the command that asks for what can be granted."""
    told = shell.json("explain", QUERY)
    assert told["sql"] == QUERY
    assert not told["is_unchanged"]
    assert "[redacted]" in told["rewritten"]
    assert [(one["column"], one["mask"]["kind"], one["is_grantable"]) for one in told["columns"]] == [
        ("customers.email", "email", True),
        ("customers.phone", "redact", False),
        ("customers.ssn", "partial", True),
    ]
    assert told["columns"][2]["approval"]["required"] == 2
    assert told["request_command"].startswith("unmask request customers.email customers.ssn --for 30m")
    text = shell.ok("explain", QUERY)
    assert told["rewritten"] in text
    assert "nobody: no approval rule matches it here" in text


def test_explain_of_what_is_not_sensitive(shell: Shell, shop: str) -> None:
    """A statement that reads nothing sensitive is passed on as it is."""
    assert shell.json("explain", "SELECT name FROM customers")["is_unchanged"]
    assert shell.ok("explain", "SELECT name FROM customers") == "It reads nothing sensitive and runs as it is.\n"


def test_explain_of_a_name_that_is_not_there(shell: Shell, sqlite_shop: str) -> None:
    """A misspelt column of a table with masks is not said to be read as it is."""
    told = shell.ok("explain", "SELECT emial FROM customers")
    assert "runs as it is" not in told
    assert "only the database tells" in told


def test_explain_reads_standard_input(shell: Shell, sqlite_shop: str) -> None:
    """A statement may come through a pipe."""
    outcome = shell.run("explain", "-", stdin="SELECT email FROM customers")
    assert outcome.exit_code == 0
    assert "customers.email" in outcome.stdout


def test_explain_for_a_person_with_a_grant(shell: Shell, sqlite_shop: str) -> None:
    """With `--as` live grants count: what is granted comes revealed, and only the rest is to be requested."""
    shell.ok("approve", shell.asked(), by="bo")
    told = shell.json("explain", QUERY, "--as", "ana@shop.example")
    assert [one["is_revealed"] for one in told["columns"]] == [True, False, False]
    assert told["request_command"].startswith("unmask request customers.ssn ")
    assert not any(one["is_revealed"] for one in shell.json("explain", QUERY, "--as", "dee@shop.example")["columns"])
    shell.variables["UNMASK_REDIS_URL"] = "redis://127.0.0.1:1/0"
    assert "does not answer" in shell.fails(4, "explain", QUERY, "--as", "ana@shop.example")


def test_explain_of_what_is_refused(shell: Shell, sqlite_shop: str) -> None:
    """A statement that the rewriter declines is refused with its hint."""
    assert "statement refused" in shell.fails(1, "explain", "SELECT email FROM customers; DROP TABLE customers")
    assert "statement refused" in shell.fails(1, "explain", "SELEC 1")
    assert "there is none in the text" in shell.fails(1, "explain", ";")


def test_a_table_that_is_not_there_is_told_by_name(shell: Shell, shop: str, tmp_path: Path) -> None:
    """A table that is not there ends `explain` and a request for the statement with a message, not a traceback."""
    query = tmp_path / "query.sql"
    query.write_text("SELECT 1 FROM nowhere_at_all", encoding="utf-8")
    for words in (
        ("explain", query.read_text()),
        ("request", "--query", str(query), "--for", "5m", "--reason", "OPS-7"),
    ):
        assert "There is no relation nowhere_at_all in the schema." in shell.fails(1, *words)


def test_a_file_that_is_no_database(shell: Shell, tmp_path: Path) -> None:
    """A database's URL that leads to another kind of file is an expected error."""
    (tmp_path / "notes.txt").write_text("not a database, but long enough to be looked at" * 50, encoding="utf-8")
    told = shell.fails(4, "check", "--database", f"sqlite:///{tmp_path / 'notes.txt'}")
    assert "file is not a database" in told


def test_check_of_a_policy_that_fits(shell: Shell, shop: str) -> None:
    """A policy that fits its database is counted."""
    assert shell.json("check") == {
        "is_ok": True,
        "problems": [],
        "warnings": [],
        "tables": 1,
        "columns": 3,
    }
    assert "fits the database: 3 columns of 1 table masked." in shell.ok("check")


def test_check_warns_of_approvals_that_nobody_could_give(shell: Shell, sqlite_shop: str, tmp_path: Path) -> None:
    """A rule that asks for more approvers than have keys is a warning, not a problem."""
    policy = tmp_path / "lonely.yaml"
    people = "people:\n  eve@shop.example: {groups: [none]}\n"
    rule = 'approval:\n  - {scope: customers.email, approvers: ["group:none"], max_duration: 1h}\n'
    policy.write_text("columns:\n  customers.email: redact\n" + people + rule, encoding="utf-8")
    (warning,) = shell.json("check", "--policy", str(policy))["warnings"]
    assert warning == "customers.email needs 1 of group:none, and 0 of them have a key"


def test_check_of_a_policy_that_does_not_fit(shell: Shell, shop: str, tmp_path: Path) -> None:
    """Misspelt names and masks that cannot have a column's type are all told, with what was probably meant."""
    policy = tmp_path / "wrong.yaml"
    policy.write_text(
        "columns:\n  customers.emial: redact\n  custmers.ssn: redact\n  customers.name: year\n", encoding="utf-8"
    )
    outcome = shell.run("check", "--policy", str(policy), "--json")
    assert outcome.exit_code == 5
    problems = json.loads(outcome.stdout)["problems"]
    assert {problem["hint"] for problem in problems} >= {"Did you mean email?", "Did you mean customers?"}
    assert len(problems) == 3
    text = shell.run("check", "--policy", str(policy))
    assert text.exit_code == 5
    assert "the table customers has no column emial. Did you mean email?" in text.stdout


@pytest.mark.parametrize(
    ("url", "code", "message"),
    [
        ("", 2, "--database or UNMASK_DATABASE_URL"),
        ("shop", 2, "the database URL cannot be read"),
        ("nosuch://x", 2, "no driver is known for nosuch"),
        ("postgresql+psycopg://app:hunter2@127.0.0.1:1/shop", 4, "the database could not do it"),
        ("sqlite:///missing.sqlite", 4, "there is no database file missing.sqlite"),
    ],
)
def test_database_that_cannot_be_reached(shell: Shell, *, url: str, code: int, message: str) -> None:
    """Each way of not reaching a database has a clear end, without the password and without making a file."""
    said = shell.fails(code, "check", "--database", url)
    assert message in said
    assert "hunter2" not in said
    assert not Path("missing.sqlite").exists()


def test_request_for_one_statement(shell: Shell, sqlite_shop: str, tmp_path: Path) -> None:
    """A statement's own columns are asked for; the approver sees it without its literals, and only it is revealed."""
    file = tmp_path / "query.sql"
    file.write_text("select email -- whom to write\nfrom customers where id = 1", encoding="utf-8")
    words = ("request", "--query", str(file), "--literals", "free", "--for", "30m", "--reason", "OPS-7")
    asked = shell.json(*words)
    assert asked["scopes"] == ["customers.email"]
    assert asked["statement"]["text"] == "select email from customers where id = ?"
    shown = shell.ok("approve", asked["id"], by="bo")
    assert "select email from customers where id = ?" in shown
    mine = ("--as", "ana@shop.example")
    same = shell.json("explain", "SELECT email FROM customers WHERE id = 2", *mine)
    other = shell.json("explain", "SELECT email FROM customers WHERE name = 'Ada'", *mine)
    assert [same["columns"][0]["is_revealed"], other["columns"][0]["is_revealed"]] == [True, False]
    file.write_text("select email from customers where id = 1 -- 100% of it\n;", encoding="utf-8")
    assert shell.json(*words)["statement"]["fingerprint"] == asked["statement"]["fingerprint"]
    file.write_text("select name from customers", encoding="utf-8")
    assert "reads no sensitive column" in shell.fails(1, *words)


def test_request_for_one_statement_with_parameters(shell: Shell, shop: str, tmp_path: Path) -> None:
    """A statement with SQLAlchemy's parameters is the one that the application sends, on every engine."""
    file = tmp_path / "query.sql"
    file.write_text("SELECT email FROM customers WHERE id = :id AND name <> 'a :b'", encoding="utf-8")
    fixed = ("request", "--query", str(file), "--literals", "fixed", "--for", "30m", "--reason", "OPS-7")
    assert "has parameters" in shell.fails(2, *fixed)
    asked = shell.json("request", "--query", str(file), "--for", "30m", "--reason", "OPS-7")
    shell.ok("approve", asked["id"], by="bo")
    statement = text("SELECT email FROM customers WHERE id = :id AND name <> :name")
    with application(shell) as connected, connected("ana@shop.example") as connection:
        assert connection.execute(statement, {"id": 1, "name": "a"}).scalar_one() == "ada@lovelace.example"
        other = text("SELECT email FROM customers WHERE id >= :id")
        assert connection.execute(other, {"id": 1}).scalar_one() == "a***@***.example"


@pytest.mark.parametrize("database", ["sqlite_database", "postgres_database", "mariadb_database", "duckdb_database"])
def test_a_grant_for_some_rows(shell: Shell, request: pytest.FixtureRequest, database: str) -> None:
    """From the command line to the hook and the trail: those rows alone, and no record holds a literal."""
    url = shell.variables["UNMASK_DATABASE_URL"] = filled(request.getfixturevalue(database))
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO customers VALUES (7070707, 'Bo', 'bo@cell.example', '444-55-6666', '2')"))
    engine.dispose()
    words = ("request", "customers.email", "--for", "5m", "--reason", "OPS-7")
    assert "no such unmasked column" in shell.fails(1, *words, "--where", "born = 1")
    assert "no such unmasked column" not in shell.fails(1, *words, "--where", "id = 'x'")
    asked = shell.json(*words, "--where", "id = 7070707")
    assert "where id = 7070707" in shell.ok("approve", asked["id"], by="bo")
    statement = text("SELECT id, email, ssn FROM customers ORDER BY id")
    with application(shell) as connected, connected("ana@shop.example") as connection:
        rows = connection.execute(statement).all()
        assert rows == [(1, "a***@***.example", "***-**-3333"), (7070707, "bo@cell.example", "***-**-6666")]
        masked = connection.execute(text("SELECT 1 FROM customers WHERE email LIKE 'ada%'")).all()
        assert masked == []
    told = shell.json("explain", "SELECT email FROM customers", "--as", "ana@shop.example")["columns"][0]
    assert (told["is_revealed"], told["is_in_some_rows_only"]) == (True, True)
    assert "to see more:" in shell.ok("explain", "SELECT email FROM customers", "--as", "ana@shop.example")
    records = shell.json("audit")
    assert {2, 0} == {one["rows"] for one in records if one["event"] == "revealed"}
    assert {use["where"] for one in records for use in one.get("grants", ())} == {'"id" = ?'}
    assert 'where "id" = ?' in shell.ok("audit")
    assert "7070707" not in shell.ok("audit", "--format", "jsonl").replace(asked["id"], "")


@pytest.mark.parametrize(
    ("scopes", "where", "said"),
    [
        (("customers.email",), "id = 1 OR 1 = 1", "row condition"),
        (("customers.email",), "ssn = '111-22-3333'", "sensitive itself"),
        (("customers.email",), "SSN = '111-22-3333'", "sensitive itself"),
        (("customers.email", "orders.card"), "id = 1", "one table"),
    ],
)
def test_a_condition_on_rows_that_the_policy_does_not_allow(
    shell: Shell, *, scopes: tuple[str, ...], where: str, said: str
) -> None:
    """Another form than comparisons with literals, a sensitive column, columns of several tables."""
    policy = Path(shell.variables["UNMASK_POLICY"])
    text = policy.read_text(encoding="utf-8").replace(
        "columns:", "columns:\n  orders.card: {mask: redact, tags: [contact]}"
    )
    policy.write_text(text, encoding="utf-8")
    outcome = shell.run("request", *scopes, "--for", "5m", "--reason", "OPS-7", "--where", where)
    assert outcome.exit_code == 1
    assert said in outcome.stderr
    assert shell.json("requests") == []


@pytest.mark.parametrize("database", ["sqlite_database", "postgres_database", "mariadb_database", "duckdb_database"])
def test_request_for_one_statement_with_its_values(
    shell: Shell, request: pytest.FixtureRequest, *, database: str, tmp_path: Path
) -> None:
    """The approver sees it whole, its table, masks and number of rows; it alone is revealed; no record has a value."""
    shell.variables["UNMASK_DATABASE_URL"] = filled(request.getfixturevalue(database))
    file = tmp_path / "query.sql"
    file.write_text("select email -- for OPS-7\nfrom customers where name <> 'B7070707' and id = 1;", encoding="utf-8")
    asked = shell.json("request", "--query", str(file), "--for", "30m", "--reason", "OPS-7")
    told = shell.json("requests", asked["id"])
    assert told["statement"]["text"] == "select email from customers where name <> 'B7070707' and id = 1"
    assert told["preview"]["masks"] == {"customers.email": "email"}
    assert told["preview"]["rows"] == "1"
    assert [table.rpartition(".")[2] for table in told["preview"]["tables"]] == ["customers"]
    shown = shell.ok("approve", asked["id"], by="bo")
    assert "(with these values)" in shown
    assert "customers.email: email" in shown
    statement = "SELECT email FROM customers WHERE name <> 'B7070707' AND id = 1"
    with application(shell) as connected, connected("ana@shop.example") as connection:
        bound = text("SELECT email FROM customers WHERE name <> :name AND id = :id")
        assert connection.scalar(text(statement)) == "ada@lovelace.example"
        assert connection.scalar(bound, {"id": 1, "name": "B7070707"}) == "ada@lovelace.example"
        assert connection.scalar(bound, {"id": 1, "name": "B7070708"}) == "a***@***.example"
        assert connection.scalar(text(statement.replace("<>", "<"))) in (None, "a***@***.example")
    assert shell.ok("audit", "--format", "jsonl").count("7070707") == 0


def test_a_write_is_not_run_to_preview_it(shell: Shell, sqlite_shop: str, tmp_path: Path) -> None:
    """Whoever looks at a request for one runs nothing but reads."""
    file = tmp_path / "query.sql"
    file.write_text("UPDATE customers SET name = 'Eve' RETURNING email", encoding="utf-8")
    asked = shell.json("request", "--query", str(file), "--for", "30m", "--reason", "OPS-7")
    told = shell.json("requests", asked["id"])["preview"]
    assert (told["masks"], told["rows"]) == ({"customers.email": "email"}, None)
    engine = create_engine(sqlite_shop)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT name FROM customers")) == "Ada"
    engine.dispose()


def test_a_statement_that_is_not_what_it_shows_is_not_approved(shell: Shell, sqlite_shop: str) -> None:
    """Another value than the one that it is bound to, or a comment or line break in which its author tells stories."""
    words = ("request", "--query", "-", "--for", "30m", "--reason", "OPS-7")
    outcome = shell.run(*words, "--json", stdin="SELECT email FROM customers WHERE id = 1")
    assert outcome.exit_code == 0, outcome.output
    made = json.loads(outcome.stdout)["statement"]
    key = load_key(shell.folder / "ana")
    policy = Policy.load(shell.variables["UNMASK_POLICY"])
    with closing(Grants.connect(shell.variables["UNMASK_REDIS_URL"])) as grants:
        desk = grants.desk(policy=policy, environment="prod", key=key)
        for shown in (
            "SELECT email FROM customers WHERE id = 2",
            "SELECT email FROM customers WHERE id = 1 -- approved by cy",
            "SELECT email FROM customers\nWHERE id = 1",
        ):
            scope = StatementScope(**{**made, "text": shown})
            ask = Ask(scopes=("customers.email",), reason="OPS-7", duration=timedelta(minutes=5), statement=scope)
            docket = desk.request(ask)
            assert "another statement than" in shell.fails(1, "approve", docket.id, by="bo")
