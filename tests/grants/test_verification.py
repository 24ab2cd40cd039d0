"""What Redis holds is trusted for nothing: every field of a stored grant is tampered with."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import jwt
import pytest
from pydantic import ValidationError

from grants import verification, workflow
from grants.errors import SignatureError
from grants.records import Approval, Case, Decision, Request, StatementScope, StoredCase, identifier_of
from grants.signing import SigningKey, unopened
from grants.verification import Place, Valid, Void
from masking import Fingerprint, Policy, Principal
from tests.grants.conftest import KEYS, ask, policy_text

ANA, BO, CY, DEE = (Principal(name) for name in ("ana", "bo", "cy", "dee"))
AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
NONCE = "0123456789abcdef"


def setting(policy: Policy, *, minutes: float = 0) -> workflow.Setting:
    """Some minutes after the request."""
    return workflow.Setting(policy=policy, environment="prod", now=AT + timedelta(minutes=minutes))


def requested(policy: Policy, *scopes: str, by: Principal = ANA, **terms: object) -> Case:
    """A signed request."""
    wanted = replace(ask(*scopes), **terms)  # type: ignore[arg-type] # as tests give them
    return Case(KEYS[by].sign(workflow.request(wanted, setting(policy), by=by, nonce=NONCE)))


def granted(policy: Policy, *scopes: str, **terms: object) -> Case:
    """A request of ana's with as many approvals as it needs."""
    case = requested(policy, *scopes, **terms)  # type: ignore[arg-type] # as tests give them
    for number, name in enumerate(("bo", "cy")):
        if workflow.standing(case, setting(policy)).state == "pending":
            decision = workflow.approve(case, setting(policy, minutes=number), by=Principal(name))
            case = case.followed_by(KEYS[name].sign(decision))
    return case


def judged(
    text: str, policy: Policy, *, principal: Principal = ANA, environment: str = "prod", identifier: str = ""
) -> Valid | Void:
    """The verdict on a text stored under `identifier`, or under the id that it claims."""
    place = Place(policy=policy, environment=environment, id=identifier or claimed_id(text))
    return verification.verdict(text, place, principal=principal)


def claimed_id(text: str) -> str:
    """The id that the request in a stored text bears, if any."""
    try:
        return unopened(StoredCase.model_validate_json(text).request, Request).id
    except (ValidationError, SignatureError):
        return "abcd-efgh"


def assert_void(found: Valid | Void) -> None:
    """It reveals nothing, and says why."""
    assert isinstance(found, Void)
    assert found.problem


def rewritten(token: str, fields: dict[str, object], *, key: SigningKey | None = None) -> str:
    """`token` with other fields: under the old signature, or signed anew with somebody's key."""
    head, payload, signature = token.split(".")
    record = json.loads(jwt.utils.base64url_decode(payload)) | fields
    payload = jwt.utils.base64url_encode(canonical(record)).decode()
    if key is None:
        return f"{head}.{payload}.{signature}"
    header = jwt.get_unverified_header(token) | {"kid": key.public.id}
    return jwt.PyJWS(algorithms=["EdDSA"]).encode(canonical(record), key._private, algorithm="EdDSA", headers=header)  # noqa: SLF001 -- an attacker would


def named(request: Request) -> Request:
    """`request` with the id that it must have."""
    return request.model_copy(update={"id": identifier_of(request)})


def canonical(record: object) -> bytes:
    """As records are stored."""
    return json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def stored(request: str, *decisions: str) -> str:
    """As cases are stored."""
    return json.dumps({"version": 1, "request": request, "decisions": decisions})


def test_what_people_signed_holds(policy: Policy) -> None:
    """The permit says what, why, by whom and until when."""
    text = granted(policy).stored()
    found = judged(text, policy)
    assert isinstance(found, Valid)
    assert {str(column) for column in found.permit.columns} == {"customers.email"}
    assert (found.permit.grant, found.permit.reason, found.permit.approvers) == (
        claimed_id(text),
        "OPS-7 refund",
        (BO,),
    )
    assert found.permit.expires_at == found.lease.expires_at == AT + timedelta(minutes=30)


REQUEST_FIELDS: dict[str, object] = {
    "database_role": "admin",
    "kind": "approval",
    "version": 2,
    "id": "zzzz-zzzz",
    "environment": "staging",
    "principal": "dee",
    "scopes": ["tag:pii"],
    "columns": ["customers.email", "customers.ssn"],
    "statement": {"fingerprint": "v1:0", "literals": "free", "text": "SELECT 1"},
    "where": "id = 1",
    "uses": 100,
    "duration": "PT4H",
    "reason": "OPS-8",
    "break_glass": True,
    "requested_at": "2026-11-21T13:00:00Z",
    "expires_at": "2026-11-27T12:00:00Z",
    "policy_version": "other",
    "nonce": "fedcba9876543210",
    "more": True,
}
APPROVAL_FIELDS: dict[str, object] = {
    "kind": "denial",
    "version": 2,
    "request": "zzzz-zzzz",
    "digest": "sha256:0",
    "environment": "staging",
    "author": "cy",
    "at": "2026-11-21T15:00:00Z",
    "duration": "PT4H",
    "more": True,
}


def test_every_field_is_tampered_with_below() -> None:
    """A new field needs its line in the tables above."""
    assert set(Request.model_fields) <= set(REQUEST_FIELDS)
    assert set(Approval.model_fields) <= set(APPROVAL_FIELDS)


@pytest.mark.parametrize("signer", [None, "mallory", "bo"])
@pytest.mark.parametrize("field", REQUEST_FIELDS)
def test_no_field_of_a_request_can_be_changed(policy: Policy, field: str, signer: str | None) -> None:
    """Neither under the old signature, nor signed anew by a stranger, nor by the approver."""
    case = granted(policy)
    forged = rewritten(case.request.token, {field: REQUEST_FIELDS[field]}, key=KEYS[signer] if signer else None)
    assert_void(judged(stored(forged, case.decisions[0].token), policy))


@pytest.mark.parametrize("signer", [None, "mallory", "ana"])
@pytest.mark.parametrize("field", APPROVAL_FIELDS)
def test_no_field_of_an_approval_can_be_changed(policy: Policy, field: str, signer: str | None) -> None:
    """Neither under the old signature, nor signed anew by a stranger, nor by the requester."""
    case = granted(policy)
    forged = rewritten(case.decisions[0].token, {field: APPROVAL_FIELDS[field]}, key=KEYS[signer] if signer else None)
    assert_void(judged(stored(case.request.token, forged), policy))


@pytest.mark.parametrize("field", sorted(set(REQUEST_FIELDS) - {"policy_version", "columns"}))
def test_the_requester_cannot_change_a_request_after_its_approval(policy: Policy, field: str) -> None:
    """Signed anew by its own author, it is another request than the one that was approved."""
    case = granted(policy)
    forged = rewritten(case.request.token, {field: REQUEST_FIELDS[field]}, key=KEYS["ana"])
    assert_void(judged(stored(forged, case.decisions[0].token), policy))


def test_an_approval_of_one_request_does_not_serve_another(policy: Policy) -> None:
    """Not even under the same id: it names the digest of what was approved."""
    wider = requested(policy, "tag:contact")
    assert_void(judged(stored(wider.request.token, granted(policy).decisions[0].token), policy))


def test_a_grant_is_worth_nothing_elsewhere(policy: Policy) -> None:
    """Another principal, environment or id cannot use a copy of it."""
    text = granted(policy).stored()
    assert_void(judged(text, policy, principal=DEE))
    assert_void(judged(text, policy, environment="staging"))
    assert_void(judged(text, policy, identifier="zzzz-zzzz"))


def test_a_request_without_its_approvals_is_worth_nothing(policy: Policy) -> None:
    """None, or one of two."""
    case = granted(policy, "customers.ssn")
    assert isinstance(judged(case.stored(), policy), Valid)
    assert_void(judged(stored(case.request.token), policy))
    for decision in case.decisions:
        assert_void(judged(stored(case.request.token, decision.token), policy))
        assert_void(judged(stored(case.request.token, decision.token, decision.token), policy))


def test_decisions_may_be_reordered_without_any_effect(policy: Policy) -> None:
    """Their order in the store means nothing: the times that they sign do."""
    case = granted(policy, "customers.ssn")
    turned = stored(case.request.token, case.decisions[1].token, case.decisions[0].token)
    assert judged(turned, policy) == judged(case.stored(), policy)


@pytest.mark.parametrize("name", ["ana", "dee", "mallory"])
def test_an_approval_by_somebody_who_may_not_give_it_does_not_count(policy: Policy, name: str) -> None:
    """The requester, another analyst, a stranger: signed correctly, and worthless."""
    case = requested(policy)
    approval = workflow.approve(case, setting(policy), by=BO).model_copy(update={"author": Principal(name)})
    assert_void(judged(case.followed_by(KEYS[name].sign(approval)).stored(), policy))


def test_an_approver_cannot_approve_a_request_of_their_own(policy: Policy) -> None:
    """Written to the store by hand, correctly signed twice by the same person: still nothing."""
    asked = requested(policy, by=BO)
    approval = Approval(
        request=asked.request.record.id,
        digest=asked.request.digest,
        environment="prod",
        author=BO,
        at=AT,
        duration=timedelta(minutes=30),
    )
    assert_void(judged(asked.followed_by(KEYS["bo"].sign(approval)).stored(), policy, principal=BO))


def test_an_approval_that_was_not_needed_prolongs_nothing(policy: Policy) -> None:
    """A later yes, also by an approver, does not move the end of a grant."""
    case = granted(policy)
    for name in ("cy", "dee"):
        late = case.decisions[0].record.model_copy(update={"author": Principal(name), "at": AT + timedelta(minutes=20)})
        longer = case.followed_by(KEYS[name].sign(late))
        assert judged(longer.stored(), policy) == judged(case.stored(), policy)


@pytest.mark.parametrize("minutes", [-60, 60 * 24 * 3])
def test_an_approval_outside_the_time_to_decide_does_not_count(policy: Policy, minutes: float) -> None:
    """Before the request was made, or when it was over."""
    case = requested(policy)
    approval = workflow.approve(case, setting(policy), by=BO)
    moved = approval.model_copy(update={"at": AT + timedelta(minutes=minutes)})
    assert_void(judged(case.followed_by(KEYS["bo"].sign(moved)).stored(), policy))


def test_a_request_cannot_stay_open_longer_than_allowed(policy: Policy) -> None:
    """Even signed by its author and approved, one that asks to be open for a year is void."""
    case = requested(policy)
    patient = named(case.request.record.model_copy(update={"expires_at": AT + timedelta(days=365)}))
    case = Case(KEYS["ana"].sign(patient))
    approval = Approval(
        request=case.request.record.id,
        digest=case.request.digest,
        environment="prod",
        author=BO,
        at=AT,
        duration=timedelta(minutes=30),
    )
    assert_void(judged(case.followed_by(KEYS["bo"].sign(approval)).stored(), policy))


def test_a_revoked_grant_is_void(policy: Policy) -> None:
    """Whoever revoked it."""
    case = granted(policy)
    for name in ("ana", "bo", "cy"):
        decision = workflow.revoke(case, setting(policy, minutes=1), by=Principal(name))
        assert_void(judged(case.followed_by(KEYS[name].sign(decision)).stored(), policy))


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("bo: {groups: [privacy]", "bo: {groups: [support]"),
        lambda text: text.replace("required: 2", "required: 3"),
        lambda text: text.replace("required: 2, max_duration: 4h", "required: 2, max_duration: 10m"),
        lambda text: text.replace("^[A-Z]+-[0-9]+", "^INC-[0-9]+"),
        lambda text: text.replace('"tag:secret", approvers', '"tag:secret", environments: [dev], approvers'),
        lambda text: text.replace("[pii, secret]", "[pii]").replace("[pay]", "[pay, secret]"),
        lambda text: text.replace(KEYS["bo"].public.text, KEYS["mallory"].public.text),
        lambda text: text.replace(KEYS["ana"].public.text, KEYS["mallory"].public.text),
        lambda text: text.replace(f', key: "{KEYS["bo"].public.text}"', ""),
        lambda text: "\n".join(line for line in text.splitlines() if not line.startswith("  bo:")),
        lambda text: "\n".join(line for line in text.splitlines() if not line.startswith("  ana:")),
    ],
    ids="group required duration reason environment tag new-key new-requester no-key gone requester-gone".split(),
)
def test_a_policy_that_would_not_grant_it_now_ends_it(policy: Policy, change: Callable[[str], str]) -> None:
    """Rules, groups and keys are those of the policy as it is, not as it was."""
    text = granted(policy, "customers.ssn").stored()
    assert isinstance(judged(text, policy), Valid)
    changed = change(policy_text())
    assert changed != policy_text()
    assert_void(judged(text, Policy.parse(changed)))


def test_a_policy_can_narrow_a_grant_and_not_widen_it(policy: Policy) -> None:
    """A column that joins or leaves a tag later does not join the grant, or leaves it."""
    text = granted(policy, "tag:contact").stored()
    other = policy_text().replace("tags: [pay]", "tags: [contact]")
    other = other.replace("phone: {mask: redact, tags: [pii, contact]}", "phone: {mask: redact, tags: [pii]}")
    found = judged(text, Policy.parse(other))
    assert isinstance(found, Valid)
    assert {str(column) for column in found.permit.columns} == {"customers.email"}


@pytest.mark.parametrize(
    "text",
    ["", "null", "{}", "[]", "\x00", stored("x.y.z"), stored(""), stored("x.y.z").replace("1", "2")],
)
def test_what_is_no_case_is_void(policy: Policy, text: str) -> None:
    """Garbage is no grant, and no crash."""
    assert_void(judged(text, policy))


def test_an_unknown_decision_voids_a_grant(policy: Policy) -> None:
    """A version to come may store a decision that this one cannot judge: it does not guess."""
    case = granted(policy)
    key = KEYS["bo"]
    headers = {"kid": key.public.id, "typ": "unmask-doubt+jws"}
    token = jwt.PyJWS(algorithms=["EdDSA"]).encode(b"{}", key._private, algorithm="EdDSA", headers=headers)  # noqa: SLF001 -- as above
    assert_void(judged(stored(case.request.token, case.decisions[0].token, token), policy))


def test_every_stored_decision_is_one_of_the_closed_set(policy: Policy) -> None:
    """Reading a case back gives the same records, whichever decisions it holds."""
    case = granted(policy)
    ended: Decision = workflow.revoke(case, setting(policy, minutes=1), by=ANA, reason="done")
    case = case.followed_by(KEYS["ana"].sign(ended))
    place = Place(policy=policy, environment="prod", id=case.request.record.id)
    again = verification.opened_case(case.stored(), place)
    assert again == case
    assert [one.record.kind for one in again.decisions] == ["approval", "revocation"]
    assert StoredCase.model_validate_json(case.stored()).request == case.request.token


def test_a_condition_on_rows_holds_under_the_policy_as_it_is_now(policy: Policy) -> None:
    """The permit carries it parsed; once a column that it compares is sensitive, the grant reveals nothing."""
    text = granted(policy, where="id = 42 AND Country = 'SE'").stored()
    found = judged(text, policy)
    assert isinstance(found, Valid)
    assert found.permit.where is not None
    assert found.permit.where.columns == {"id", "Country"}
    stricter = Policy.parse(policy_text().replace("columns:", "columns:\n  customers.country: redact"))
    assert_void(judged(text, stricter))


STATEMENT = StatementScope(fingerprint=Fingerprint("v1:0"), literals="fixed", text="SELECT 1", exact="v1:00:11")


@pytest.mark.parametrize(
    "changed", [{"fingerprint": "v1:1"}, {"literals": "free"}, {"text": "SELECT 2"}, {"exact": "v1:00:22"}]
)
def test_no_field_of_a_statement_can_be_changed(policy: Policy, changed: dict[str, str]) -> None:
    """Not even by the requester, once it was approved."""
    case = granted(policy, statement=STATEMENT)
    found = judged(case.stored(), policy)
    assert isinstance(found, Valid)
    assert (found.permit.statement, found.permit.exact) == ("v1:0", "v1:00:11")
    statement = STATEMENT.model_dump(mode="json") | changed
    for key in (None, KEYS["ana"]):
        forged = rewritten(case.request.token, {"statement": statement}, key=key)
        assert_void(judged(stored(forged, case.decisions[0].token), policy))
