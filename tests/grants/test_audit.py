"""The trail's chain: what `verify` finds, and what `Filter` lets through."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grants import Event, Filter, RecordError, audit, chains
from grants.audit import AuditRecord, Entry, GrantUse, KeyedHash, PersonalSeal, Seals
from grants.sealing import Sealed
from grants.trail import Trail
from tests.grants.conftest import KEYS

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
SEAL = KeyedHash(b"an audit key")
SEALS = Seals(seal=SEAL, people={"ana": KEYS["ana"].public})


class Kept:
    """A sink in memory."""

    is_durable = True

    def __init__(self) -> None:
        """Empty."""
        self.sealed: list[Sealed] = []

    @property
    def texts(self) -> list[str]:
        """What it holds."""
        return [record.text for record in self.sealed]

    @property
    def records(self) -> list[AuditRecord]:
        """The same, read."""
        return [record.record for record in self.sealed]

    def write(self, record: Sealed) -> None:
        """Keep it."""
        self.sealed.append(record)

    def close(self) -> None:
        """Nothing to close."""


class Faulty(Kept):
    """A sink that fails while it is told to."""

    is_failing = False

    def write(self, record: Sealed) -> None:
        """Keep it, or not."""
        if self.is_failing:
            raise OSError("disk")
        super().write(record)


def entry(number: int = 0, **fields: object) -> Entry:
    """An entry."""
    common = {"event": Event.REVEALED, "environment": "prod", "at": AT + timedelta(seconds=number), "principal": "ana"}
    return Entry.model_validate(common | fields)


def written(count: int = 5, *, seal: KeyedHash | PersonalSeal = SEAL) -> list[str]:
    """The texts of one writer's chain."""
    kept = Kept()
    trail = Trail([kept], seal)
    event = Event.REVEALED if isinstance(seal, KeyedHash) else Event.APPROVED
    for number in range(count):
        trail.write(entry(number, event=event))
    return kept.texts


def personally(one: Entry, *, seal: KeyedHash | PersonalSeal | None = None) -> list[str]:
    """The text of one record, sealed by ana or as told."""
    kept = Kept()
    Trail([kept], seal or PersonalSeal(KEYS["ana"])).write(one)
    return kept.texts


@pytest.mark.parametrize("seal", [SEAL, PersonalSeal(KEYS["ana"])])
def test_an_untouched_trail_verifies(seal: KeyedHash | PersonalSeal) -> None:
    """Under the applications' key and under a person's."""
    assert list(chains.verify(written(seal=seal), SEALS)) == []


def test_chains_of_several_writers_mix_freely() -> None:
    """Each is followed on its own."""
    mixed = [text for pair in zip(written(), written(), strict=True) for text in pair]
    assert list(chains.verify(mixed, SEALS)) == []


@pytest.mark.parametrize("place", range(5))
def test_an_altered_record_is_found(place: int) -> None:
    """Whichever it is."""
    texts = written()
    texts[place] = texts[place].replace('"principal":"ana"', '"principal":"bo"')
    assert [fault.line for fault in chains.verify(texts, SEALS)] == [place + 1]


@pytest.mark.parametrize("place", range(4))
def test_a_removed_record_is_found(place: int) -> None:
    """Any but the last, which only a second place can tell."""
    texts = written()
    del texts[place]
    (fault,) = chains.verify(texts, SEALS)
    assert "gap" in fault.problem


@pytest.mark.parametrize("place", range(4))
def test_exchanged_records_are_found(place: int) -> None:
    """Neighbours in the wrong order."""
    texts = written()
    texts[place], texts[place + 1] = texts[place + 1], texts[place]
    assert list(chains.verify(texts, SEALS))


def test_a_record_that_was_written_twice_is_no_fault() -> None:
    """A sink repeats what it is not sure of."""
    texts = written()
    assert list(chains.verify([*texts, texts[-1]], SEALS)) == []


@pytest.mark.parametrize(
    "forged",
    [
        lambda: written(1, seal=KeyedHash(b"")),
        lambda: written(1, seal=KeyedHash(b"guessed")),
        lambda: written(1, seal=PersonalSeal(KEYS["mallory"])),
        lambda: personally(entry(event=Event.APPROVED, principal="bo")),
        lambda: personally(entry(event=Event.REVEALED)),
        lambda: personally(entry(event=Event.APPROVED), seal=SEAL),
        lambda: ["{}"],
        lambda: ["nonsense"],
        lambda: [""],
    ],
)
def test_an_invented_record_is_found(forged: Callable[[], list[str]]) -> None:
    """Unsealed, under another key, by a stranger or in somebody else's name, or garbage."""
    assert [fault.line for fault in chains.verify([*written(2), *forged()], SEALS)] == [3]


def test_a_replaced_chain_is_found_by_whoever_has_the_key() -> None:
    """A record of another chain in the place of one."""
    texts, other = written(), written()
    texts[2] = other[2]
    assert len(list(chains.verify(texts, SEALS))) == 2


@given(st.lists(st.integers(0, 4), max_size=7))
def test_only_a_beginning_of_the_chain_verifies(order: list[int]) -> None:
    """Of all selections of records, those that are a prefix (with repeats of what was seen) and no others."""
    texts = _FIVE
    seen: list[int] = []
    is_right = True
    for number in order:
        if number == len(seen):
            seen.append(number)
        elif number > len(seen):
            is_right = False
    assert (not list(chains.verify([texts[number] for number in order], SEALS))) == is_right


_FIVE = written()


def test_a_record_without_a_durable_sink_is_not_recorded() -> None:
    """Then nothing may be revealed."""
    with pytest.raises(RecordError):
        Trail([], SEAL).write(entry())
    kept = Kept()
    kept.is_durable = False
    with pytest.raises(RecordError):
        Trail([kept], SEAL).write(entry())


def test_one_durable_sink_is_enough() -> None:
    """The others catch up when they can, in order."""
    good, bad = Kept(), Faulty()
    trail = Trail([bad, good], SEAL)
    bad.is_failing = True
    trail.write(entry(0))
    trail.write(entry(1))
    assert (len(good.records), len(bad.records)) == (2, 0)
    bad.is_failing = False
    trail._channels[0].breaker.close()  # noqa: SLF001 -- instead of waiting for it
    trail.write(entry(2))
    assert bad.texts == good.texts


def test_a_chain_stays_whole_through_an_outage() -> None:
    """What was tried during it is sent after it, and while the breaker is open nothing is even tried."""
    sink = Faulty()
    trail = Trail([sink], SEAL)
    trail.write(entry(0))
    sink.is_failing = True
    for number in range(3):
        with pytest.raises(RecordError):
            trail.write(entry(number))
    sink.is_failing = False
    trail._channels[0].breaker.close()  # noqa: SLF001 -- as above
    trail.write(entry(4))
    assert list(chains.verify(sink.texts, SEALS)) == []
    assert [record.sequence for record in sink.records] == [0, 1, 2]


def test_a_filter_lets_through_what_matches_all_of_it() -> None:
    """Who, column, request, event and time."""
    record = audit.parsed(
        next(
            iter(
                _kept(entry(columns=("customers.email",), grants=(GrantUse(id="abcd-efgh", reason="x"),))),
            )
        )
    )
    assert record is not None
    for matching, expected in (
        (Filter(), True),
        (Filter(who="ana"), True),
        (Filter(who="bo"), False),
        (Filter(column="customers.email"), True),
        (Filter(column="customers.ssn"), False),
        (Filter(request="abcd-efgh"), True),
        (Filter(request="zzzz-zzzz"), False),
        (Filter(events=frozenset({Event.REVEALED})), True),
        (Filter(events=frozenset({Event.DENIED})), False),
        (Filter(since=AT), True),
        (Filter(since=AT + timedelta(microseconds=1)), False),
        (Filter(until=AT), False),
        (Filter(until=AT + timedelta(microseconds=1)), True),
    ):
        assert matching.matches(record) is expected


def _kept(one: Entry) -> list[str]:
    sink = Kept()
    Trail([sink], SEAL).write(one)
    return sink.texts


def test_an_invented_record_makes_no_faults_of_true_ones() -> None:
    """One with a high number in a true chain is one fault, not one for each record that follows."""
    texts = written()
    forged = json.loads(texts[1]) | {"sequence": 1000}
    texts.insert(2, json.dumps(forged))
    assert [fault.line for fault in chains.verify(texts, SEALS)] == [3]


def test_a_reveal_rests_on_steps_that_the_trail_holds() -> None:
    """Each step is a chain of its own: where one was removed, what it led to has lost its ground."""
    use = GrantUse(id="abcd-efgh", reason="x", approvers=("bo",))
    asked = personally(entry(event=Event.REQUESTED, request=use.id))
    approved = personally(entry(event=Event.APPROVED, principal="bo", holder="ana", request=use.id))
    revealed = personally(entry(grants=(use, GrantUse(id="standing:1"), GrantUse(id="trusted"))), seal=SEAL)
    assert list(chains.unfounded([*asked, *approved, *revealed], environment="prod")) == []
    for left in (asked, approved, []):
        (fault,) = chains.unfounded([*left, *revealed], environment="prod")
        assert "removed" in fault.problem


def test_a_record_of_another_environment_is_found() -> None:
    """True there, it is no record of what happened here."""
    (fault,) = chains.unfounded(written(1), environment="staging")
    assert "prod" in fault.problem


class Broken(Kept):
    """A sink of somebody's own that fails in its own way, and quotes what it was given."""

    def write(self, record: Sealed) -> None:
        """Not what a sink should raise."""
        raise LookupError(record.text)


def test_a_sink_may_raise_what_it_likes(caplog: pytest.LogCaptureFixture) -> None:
    """The record is not taken there, the others take it, and the log tells no more than the kind of error."""
    kept = Kept()
    assert Trail([Broken(), kept], SEAL).write(entry(statement="SELECT secret"))
    assert len(kept.texts) == 1
    with pytest.raises(RecordError):
        Trail([Broken()], SEAL).write(entry(statement="SELECT secret"))
    assert "LookupError" in caplog.text
    assert "secret" not in caplog.text
