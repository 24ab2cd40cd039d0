"""Records as they are kept: spelt once, and the same as if each were made and spelt anew."""

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from grants.audit import ChainEnd, Count, Entry, Event, GrantUse
from grants.sealing import Form, Place, Sealed
from tests.grants.test_audit import SEAL, SEALS

WORDS = st.text(st.characters(codec="utf-8"), max_size=20) | st.just('"seal":"","at":"') | st.just('\\"id":\\u0000')
INSTANTS = st.datetimes(datetime(2000, 1, 1), datetime(2999, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 -- it has one
SHORT = st.lists(WORDS, max_size=2).map(tuple)
USES = st.builds(GrantUse, id=WORDS, reason=WORDS, approvers=SHORT, uses=st.none() | st.integers(1, 9))
ENTRIES = st.builds(
    Entry,
    event=st.sampled_from(Event),
    environment=WORDS,
    at=INSTANTS,
    principal=st.none() | WORDS,
    groups=st.none() | SHORT,
    tables=st.none() | SHORT,
    statement=st.none() | WORDS,
    is_live=st.none() | st.booleans(),
    duration=st.none() | st.timedeltas(timedelta(0), timedelta(days=9)),
    grants=st.none() | st.lists(USES, max_size=2).map(tuple),
    counts=st.none() | st.builds(Count, record=WORDS, rows=st.integers(0)).map(lambda one: (one,)),
    ends=st.none() | st.builds(ChainEnd, writer=WORDS, sequence=st.integers(0), seal=WORDS).map(lambda one: (one,)),
)


@given(entry=ENTRIES, at=INSTANTS, sequence=st.integers(0, 10**9))
def test_a_sealed_text_is_the_records_own_spelling(entry: Entry, at: datetime, sequence: int) -> None:
    """Byte for byte, at any instant and place; and its seal holds."""
    sealed = Sealed.at_place(Place("a1", sequence, "hmac:none:0"), Form.of(entry), at=at, seal=SEAL)
    record = sealed.record
    assert record.canonical() == sealed.text.encode()
    assert SEALS.seal.of(record.sealed_bytes()) == record.seal == sealed.seal
    expected = entry.model_dump() | {"at": at}
    assert record.model_dump(include=set(Entry.model_fields)) == expected
    assert (record.id, record.writer, record.sequence, record.previous) == (sealed.id, "a1", sequence, "hmac:none:0")


def test_an_instant_of_another_zone_is_spelt_as_it_came() -> None:
    """`+02:00` stays what it is, as the record itself would write it."""
    at = datetime(2026, 11, 21, 12, tzinfo=timezone(timedelta(hours=2)))
    entry = Entry(event=Event.REVEALED, environment="prod", at=at)
    sealed = Sealed.at_place(Place("a1", 0, ""), Form.of(entry), at=at, seal=SEAL)
    assert sealed.record.canonical() == sealed.text.encode()
