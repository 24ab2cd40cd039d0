"""What an access reveals to any statement, and to whom the policy's standing rules speak."""

import pytest

from masking import Access, ColumnName, Fingerprint, Permit, Policy, Principal

EMAIL = frozenset({ColumnName.parse("customers.email")})
POLICY = Policy.parse("""
columns: {customers.email: redact}
people: {ana: {groups: [mailers]}}
standing: [{principals: ["group:mailers"], scopes: [customers.email]}]
owners: ["group:mailers"]
trusted: ["group:mailers"]
""")


@pytest.mark.parametrize("narrowed", [{"statement": Fingerprint("v1:0")}, {"where": "id = 1"}, {"uses": 1}])
def test_a_narrowed_permit_reveals_nothing_in_general(narrowed: dict[str, object]) -> None:
    """One statement, some rows or some uses are less than a column."""
    permit = Permit(grant="g", columns=EMAIL, **narrowed)  # type: ignore[arg-type] # one of three
    assert permit.is_narrowed
    assert Access(permits=(permit,)).columns == frozenset()
    assert Access(permits=(permit, Permit(grant="h", columns=EMAIL))).columns == EMAIL


def test_nobody_is_a_group_by_calling_themselves_one() -> None:
    """A principal named `group:mailers` has none of that group's rights; its members do."""
    for who, is_member in ((Principal("group:mailers"), False), (Principal("ana"), True)):
        assert bool(POLICY.standing_permits(who)) is is_member
        assert POLICY.is_owner(who) is is_member
        assert POLICY.is_trusted(who) is is_member
