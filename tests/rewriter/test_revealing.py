"""A reveal that was judged once is recorded each time, and holds no longer than what it was judged under."""

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from masking import Access, Permit, Reveal
from rewriter import acting_as
from tests.grants.test_forks import in_child
from tests.rewriter.hooked import ANA, EMAIL, SSN, Shop, is_raw, open_shop, shop_url

READ = "SELECT id, email FROM customers WHERE id = :id"


@pytest.fixture(params=["sqlite", "psycopg"])
def shop(request: pytest.FixtureRequest) -> Iterator[Shop]:
    """A shop in which ana may see the e-mail addresses."""
    opened = open_shop(shop_url(request, request.param), request.param)
    opened.ledger.grant(ANA, EMAIL)
    yield opened
    opened.close()


def read(shop: Shop, *, who: str = ANA, sql: str = READ) -> bool:
    """Whether a raw value came out."""
    with acting_as(who), shop.engine.connect() as connection:
        return is_raw(connection.execute(text(sql), {"id": 1}).all())


def test_every_run_has_its_own_record_and_count(shop: Shop) -> None:
    """The same text, and the same with another trailing comment: one record each, which all say the same."""
    assert all(read(shop, sql=sql) for sql in (READ, READ, READ, f"{READ} /*a='1'*/", f"{READ} /*a='2'*/"))
    assert shop.ledger.counts == {str(number): 1 for number in range(5)}
    assert len({(one.statement, one.columns, one.permits) for one in shop.ledger.reveals}) == 1


def test_what_cannot_be_recorded_any_more_is_masked(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Recorded before or not; it is tried once, and reveals again when it can be."""
    assert read(shop)
    assert read(shop)
    tried = []

    def fail(reveal: Reveal) -> str:
        tried.append(reveal)
        raise OSError("the sink is gone")

    with monkeypatch.context() as patch:
        patch.setattr(shop.ledger, "reveal", fail)
        assert not read(shop)
        assert len(tried) == 1
    assert read(shop)
    assert len(shop.ledger.reveals) == len(shop.ledger.counts) == 3


def test_it_ends_with_the_permits_time(shop: Shop) -> None:
    """By the clock, whatever the source of grants says."""
    assert read(shop)  # what takes longer the first time
    end = datetime.now(UTC) + timedelta(seconds=1.5)
    shop.ledger.access_of[ANA] = Access(permits=(Permit(grant="g", columns=frozenset({EMAIL}), expires_at=end),))
    assert read(shop)
    assert read(shop)
    while datetime.now(UTC) < end:
        pass
    assert not read(shop)


CHANGES: dict[str, Callable[[Access], Access]] = {
    "revoked": lambda _: Access(),
    "of another column": lambda _: Access(permits=(Permit(grant="other", columns=frozenset({SSN})),)),
    "with a use to count": lambda _: Access(permits=(Permit(grant="u", columns=frozenset({EMAIL}), uses=1),)),
}


@pytest.mark.parametrize("change", CHANGES)
def test_it_ends_with_the_access(shop: Shop, change: str) -> None:
    """And is judged anew: what is counted out is used once, by what comes back the record names what it rests on."""
    granted = shop.ledger.access_of[ANA]
    assert read(shop)
    assert read(shop)
    shop.ledger.access_of[ANA] = CHANGES[change](granted)
    assert [read(shop), read(shop)] == [change == "with a use to count", False]
    shop.ledger.access_of[ANA] = Access(permits=(Permit(grant="new", columns=frozenset({EMAIL})),))
    assert read(shop)
    assert [permit.grant for permit in shop.ledger.reveals[-1].permits] == ["new"]


def test_another_principal_has_records_of_its_own(shop: Shop) -> None:
    """Though both may see the same, by the same text."""
    shop.ledger.grant("bo", EMAIL)
    for who in (ANA, "bo", ANA, "bo"):
        assert read(shop, who=who)
    assert [reveal.principal for reveal in shop.ledger.reveals] == [ANA, "bo", ANA, "bo"]


def test_a_forked_childs_records_name_the_child(shop: Shop) -> None:
    """What its parent judged is not recorded as the parent's."""
    assert read(shop)

    def child() -> str:
        shop.engine.dispose(close=False)
        assert read(shop)
        return f"{os.getpid()}|{shop.ledger.reveals[-1].client}"

    process, client = in_child(child).split("|")
    assert client.endswith(f":{process}")
    assert shop.ledger.reveals[-1].client.endswith(f":{os.getpid()}")
