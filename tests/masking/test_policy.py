"""Policy files: what they mean, and that every fault of one is reported at once, at its place, with a hint."""

import pickle
from datetime import timedelta
from pathlib import Path

import pytest

from masking import (
    ColumnName,
    Email,
    Hash,
    Partial,
    Policy,
    PolicyError,
    Principal,
    Redact,
    session_secrets,
)

GOOD = """
columns:
  customers.email: {mask: email, tags: [pii, contact], lookup: exact}
  customers.ssn: {mask: {partial: {prefix: 0, padding: "***-**-", suffix: 4}}, tags: [pii]}
  customers.phone: redact
  crm.people.born: {mask: year, tags: [pii], optional: true}
tables:
  hr.payroll: {default: redact, clear: [id, month]}
people:
  ana@shop.example: {groups: [support]}
  bo@shop.example: {groups: [privacy]}
  cy@shop.example: {groups: [privacy]}
roles:
  fraud-desk: [customers.phone, "tag:contact"]
approval:
  - {scope: "tag:contact", environments: [staging], auto: true, max_duration: 2h}
  - {scope: "role:fraud-desk", environments: [prod], approvers: [ana@shop.example], default_duration: 30m}
  - {scope: "tag:pii", approvers: ["group:privacy"], required: 2, max_duration: 1h30m, reason: "^[A-Z]+-[0-9]+"}
standing:
  - {principals: ["service:mailer", "group:mailers"], scopes: [customers.email]}
owners: ["service:shop"]
trusted: ["service:migrations", "group:support"]
functions: [public.order_score]
"""


def name(text: str) -> ColumnName:
    """A column."""
    return ColumnName.parse(text)


def faults(text: str) -> list[tuple[int, int, str]]:
    """Line, column and message of every fault of `text`."""
    with pytest.raises(PolicyError) as caught:
        Policy.parse(text)
    return [(problem.line, problem.column, problem.message) for problem in caught.value.problems]


def test_masks_and_sensitivity() -> None:
    """A column's own rule, then its table's default, then nothing."""
    policy = Policy.parse(GOOD)
    assert policy.mask_of(name("customers.email")) == Email()
    assert policy.mask_of(name("customers.ssn")) == Partial(prefix=0, padding="***-**-", suffix=4)
    assert policy.mask_of(name("hr.payroll.salary")) == Redact()
    assert policy.mask_of(name("hr.payroll.month")) is None
    assert not policy.is_sensitive(name("customers.name"))
    assert policy.columns[name("crm.people.born")].optional


def test_scopes_mean_columns() -> None:
    """A column, a tag, a role, and a column of a closed table."""
    policy = Policy.parse(GOOD)
    assert policy.scope("tag:contact") == {name("customers.email")}
    assert policy.scope("role:fraud-desk") == {name("customers.email"), name("customers.phone")}
    assert policy.scope("hr.payroll.salary") == {name("hr.payroll.salary")}


@pytest.mark.parametrize(
    ("scope", "close"),
    [("tag:contcat", "tag:contact"), ("customers.emial", "customers.email"), ("role:fraud", "role:fraud-desk")],
)
def test_an_unknown_scope_says_what_may_be_meant(scope: str, close: str) -> None:
    """The hint names the closest known scope."""
    with pytest.raises(PolicyError) as caught:
        Policy.parse(GOOD).scope(scope)
    assert close in caught.value.problems[0].hint


@pytest.mark.parametrize("scope", ["customers.name", "hr.payroll.id", "", "tag:", "nothing at all", "customers"])
def test_what_is_not_sensitive_is_no_scope(scope: str) -> None:
    """Only sensitive columns can be asked for."""
    with pytest.raises(PolicyError):
        Policy.parse(GOOD).scope(scope)


def test_the_first_matching_rule_decides() -> None:
    """In order of the file, by scope and environment."""
    policy = Policy.parse(GOOD)
    email = name("customers.email")
    staging, prod, dev = (policy.rule_for(email, environment) for environment in ("staging", "prod", "dev"))
    assert staging is not None
    assert staging.auto
    assert staging.max_duration == timedelta(hours=2)
    assert prod is not None
    assert prod.scope == "role:fraud-desk"
    assert (prod.max_duration, prod.default_duration) == (timedelta(hours=8), timedelta(minutes=30))
    assert dev is not None
    assert (dev.required, dev.max_duration) == (2, timedelta(minutes=90))
    assert policy.rule_for(name("customers.phone"), "dev") is None
    assert policy.rule_for(name("hr.payroll.salary"), "prod") is None


def test_principals() -> None:
    """Owners, trusted ones and standing rules, by name or by group."""
    policy = Policy.parse(GOOD)
    assert policy.is_owner(Principal("service:shop"))
    assert not policy.is_owner(Principal("ana@shop.example"))
    assert policy.is_trusted(Principal("ana@shop.example"))
    assert policy.groups_of(Principal("bo@shop.example")) == {"privacy"}
    assert policy.groups_of(Principal("nobody")) == frozenset()
    (permit,) = policy.standing_permits(Principal("service:mailer"))
    assert permit.columns == {name("customers.email")}
    assert permit.expires_at is None
    assert policy.standing_permits(Principal("x"), frozenset({"mailers"})) == (permit,)
    assert policy.standing_permits(Principal("x"), frozenset({"support"})) == ()


def test_nobody_can_name_themselves_a_group() -> None:
    """A principal called like a group is not in it, as far as the policy's people go."""
    with pytest.raises(PolicyError):
        Policy.parse('people: {"group:privacy": {groups: [x]}}')


def test_the_version_is_of_the_meaning() -> None:
    """Layout, comments and the order of unordered things do not count; a mask, a rule or their order does."""
    one = Policy.parse("columns: {a.b: {mask: redact, tags: [x, y]}, a.c: year}")
    same = Policy.parse("# a comment\ncolumns:\n  a.c:\n    mask: year\n  a.b: {tags: [y, x], mask: redact}\n")
    other = Policy.parse("columns: {a.b: {mask: redact, tags: [x]}, a.c: year}")
    assert one.version == same.version
    assert one == same
    assert hash(one) == hash(same)
    assert one.version != other.version


def test_the_version_hides_the_key() -> None:
    """Another key is another version, and neither it nor any text of the policy shows the key."""
    key = "correct horse battery"
    one = Policy.parse(f"columns: {{a.b: {{hash: {key}}}}}")
    other = Policy.parse("columns: {a.b: {hash: another horse battery}}")
    assert one.version != other.version
    assert key not in repr(one)
    assert key not in repr(session_secrets(one, "postgresql"))


def test_keys_from_the_environment_and_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key may stand in a variable, or in a file beside the policy."""
    monkeypatch.setenv("PSEUDONYM_KEY", "a key of the environment")
    (tmp_path / "some.key").write_text("a key of a file, with a line end\n")
    path = tmp_path / "masking.yaml"
    path.write_text("columns: {a.b: {hash: env:PSEUDONYM_KEY}, a.c: {hash: {key: file:some.key}}}")
    policy = Policy.load(path)
    assert policy.mask_of(name("a.b")) == Hash(key="a key of the environment")
    assert policy.mask_of(name("a.c")) == Hash(key="a key of a file, with a line end")
    monkeypatch.setenv("PSEUDONYM_KEY", "short")
    with pytest.raises(PolicyError, match="the environment variable PSEUDONYM_KEY holds a hash key that is too short"):
        Policy.load(path)


def test_an_empty_policy_is_a_policy() -> None:
    """Every section is optional."""
    assert Policy.parse("") == Policy.parse("{}") == Policy.parse("# nothing\n")


def test_a_missing_file_is_a_policy_error(tmp_path: Path) -> None:
    """The error names the file."""
    with pytest.raises(PolicyError, match=r"missing\.yaml"):
        Policy.load(tmp_path / "missing.yaml")


def test_every_fault_is_reported_at_once() -> None:
    """Faults of text, masks, shape and references, in the order of the file."""
    text = """\
columns:
  customers.email: {mask: emial, tags: [pii, contact], lookup: exactly}
  customers.ssn: {mask: {partial: {prefx: 0, padding: 5, suffix: -4}}, tags: pii}
  customers.phone: null
  customers.phone: redact
  oops: year
  a.b: {bucket: 0}
  a.c: bucket
  a.d: {hash: {key: short}}
  a.e: {hash: env:UNMASK_TEST_NOT_SET}
  a.f: {mask: redact, tag: [x]}
  a.g: {expression: "(SELECT 1)"}
people:
  ana@shop.example: {groups: [support], key: nope}
approval:
  - {scope: "tag:pi", auto: true, max_duration: 8}
  - {scope: "tag:contct", approvers: ["group:privcy", bob], max_duration: 4h, reason: "["}
  - {scope: "tag:contact", approvers: [ana@shop.example], required: 2, default_duration: 9h}
  - {scope: "tag:contact", auto: true, approvers: [ana@shop.example]}
  - {scope: "tag:contact"}
standing:
  - {principals: ["service:mailer"], scopes: [customers.emal]}
roles:
  desk: ["role:desk"]
functions: ["now()"]
writs: guard
"""
    assert [(line, message.partition(":")[0]) for line, _, message in faults(text)] == [
        (2, "there is no mask called emial"),
        (3, "unknown key prefx"),
        (3, "padding"),
        (3, "suffix"),
        (3, "tags"),
        (4, "no mask here"),
        (5, "customers.phone is there twice"),
        (6, "not a column's name"),
        (7, "size"),
        (8, "the mask bucket needs settings"),
        (9, "key"),
        (10, "the environment variable UNMASK_TEST_NOT_SET holds no hash key"),
        (11, "unknown key tag"),
        (12, "SUBQUERY is not allowed in an expression"),
        (14, "key"),
        (16, "there is no tag pi"),
        (16, "max_duration"),
        (17, "there is no tag contct"),
        (17, "nobody is in the group privcy"),
        (17, "bob is not among the people"),
        (17, "reason"),
        (18, "2 approvers are required"),
        (18, "default_duration is longer than max_duration"),
        (19, "a rule is automatic or has approvers, not both"),
        (20, "a rule that nobody can approve"),
        (22, "customers.emal is no scope of this policy"),
        (24, "a role cannot bundle roles"),
        (25, "not a function's name"),
        (26, "unknown key writs"),
    ]


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("columns: {a.b: [", 1, 17),
        ("columns:\n  a.b: 'x\n", 3, 1),
        ("- a\n- b\n", 1, 1),
        ("columns: [a]\n", 1, 10),
        ("columns: {a.b: {mask: redact}, [x]: redact}", 1, 32),
        ("columns: {a.b: {mask: {redact: {}, email: {}}}}", 1, 23),
        ("columns: {a.b: {mask: redact, tags: [1]}}", 1, 38),
        ("writes: maybe\n", 1, 9),
        ("tables: {a: {clear: [x]}}", 1, 10),
        ('columns: {a.b: redact, a."b": redact}', 1, 24),
        ("columns: {a.b: redact}\ntables: {a: {default: redact, clear: [b]}}", 2, 39),
        ('tables: {a: {default: {expression: "{column}"}}}', 1, 23),
        ("columns: {a.b: {constant: .nan}}", 1, 27),
        ("\x07", 1, 1),
    ],
)
def test_a_fault_has_its_place(text: str, line: int, column: int) -> None:
    """The place is that of the value or key at fault, or of what encloses what is missing."""
    found = faults(text)
    assert len(found) == 1, found
    if text != "\x07":  # such a text has no lines
        assert found[0][:2] == (line, column), found


def test_aliases_cannot_make_a_short_text_huge() -> None:
    """Nested aliases are refused before they are written out."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    assert any("too much" in message for _, _, message in faults("\n".join(lines)))


def test_errors_pickle_and_hold_no_key() -> None:
    """An error crosses processes whole, and a key that is too short is not repeated in it."""
    with pytest.raises(PolicyError) as caught:
        Policy.parse("columns: {a.b: {hash: {key: tooshort}}}")
    assert pickle.loads(pickle.dumps(caught.value)).problems == caught.value.problems
    assert "tooshort" not in str(caught.value)


def test_the_json_schema_knows_every_mask() -> None:
    """Short and long forms of each mask stand in it, and each reference leads somewhere."""
    schema = Policy.json_schema()
    assert schema["properties"]["columns"]["additionalProperties"]["anyOf"][1] == {"$ref": "#/$defs/Mask"}
    forms = schema["$defs"]["Mask"]["anyOf"]
    assert forms[0]["enum"] == ["redact", "null", "email", "year", "month"]
    assert {key for form in forms[1:] for key in form["properties"]} >= {"partial", "hash", "bucket", "expression"}


def test_roles_have_a_long_form() -> None:
    """With a role of the database; without one it means the same as the list."""
    columns = "columns: {a.b: redact}\nroles: {desk: %s}"
    short = Policy.parse(columns % "[a.b]")
    assert short == Policy.parse(columns % "{scopes: [a.b]}")
    long = Policy.parse(columns % "{scopes: [a.b], database_role: Fraud Desk}")
    assert (long.roles, long.database_roles) == (short.roles, {"desk": "Fraud Desk"})
    assert long != short
    assert faults(columns % "{scopes: [a.b, a.c], database_role: none}") == [
        (2, 30, "a.c is no scope of this policy"),
        (2, 51, "database_role: not the name of a database role"),
    ]
    (forms,) = Policy.json_schema()["properties"]["roles"]["patternProperties"].values()
    assert [form.get("type", form.get("$ref")) for form in forms["anyOf"]] == ["#/$defs/RoleEntry", "array"]


def test_dependence_on_the_principal_is_known() -> None:
    """Only an expression that mentions the principal makes a policy depend on it."""
    assert not Policy.parse('columns: {a.b: {expression: "left({column}, 2)"}}').is_principal_dependent
    assert Policy.parse('columns: {a.b: {expression: "nullif({column}, :principal)"}}').is_principal_dependent


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("columns: {a.b: {mask: {hash: short}}}", "key: at least 16 characters are expected here"),
        ("columns: {a.b: {mask: {bucket: 0}}}", "size: a number of at least 0.000000001 is expected here"),
        ("columns: {a.b: {mask: redact, lookup: maybe}}", "lookup: expected 'exact'"),
        ("columns: {a.b: {mask: redact, tags: ['a b']}}", "a name is expected here: letters, digits and . @ + / - _"),
        ("people: {bo: {notify: [nonsense]}}", "a URL such as mailto://…, or env:NAME, is expected here"),
        ("owners: ['']", "a name without blanks is expected here"),
        ("standing: [{principals: [], scopes: [a.b]}]", "principals: it may not be empty"),
    ],
)
def test_faults_are_told_in_plain_words(text: str, message: str) -> None:
    """Those of whoever writes a policy: no items, no exponents, no patterns."""
    with pytest.raises(PolicyError) as raised:
        Policy.parse(text)
    assert message in [problem.message for problem in raised.value.problems]
