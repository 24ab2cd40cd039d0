"""Faults of networks and servers, and many engines in one process: nothing is revealed that should not be."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from itertools import product

from sqlalchemy import Engine, text

from grants import Event, Filter
from grants.audit import AuditRecord
from masking import Policy
from rewriter import StatementRefused, acting_as
from tests.fix_proxy import Proxy
from tests.fix_redis import RedisServer
from tests.grants.conftest import House, ask, policy_text, seen
from tests.grants.test_reveals import CELL, asked, shop
from tests.grants.waiting import eventually, is_warm


def test_a_half_open_connection_is_worth_nothing_after_a_second(house: House, redis_proxy: Proxy) -> None:
    """Neither end is told; a revocation meanwhile is not missed, and what is live is seen again afterwards."""
    docket, other = house.granted(), house.granted("customers.phone")
    engine = shop(house, replace(house, url=redis_proxy.url, opened=house.opened).connect(key="k"))
    eventually(lambda: asked(engine) == CELL)
    redis_proxy.freeze()
    house.desk("ana").revoke(docket.id)
    eventually(lambda: asked_or_refused(engine) == "[redacted]", within=1.5)
    assert asked_or_refused(engine, "SELECT phone FROM customers") == "[redacted]"
    redis_proxy.thaw()
    eventually(lambda: asked_or_refused(engine, "SELECT phone FROM customers") == "5", within=10)
    assert asked_or_refused(engine) == "[redacted]"
    assert other.id in {use.id for record in reveals(house, "prod") for use in record.grants or ()}
    assert house.opened[-1].verify("prod", policy=house.policy) == ()
    engine.dispose()


def reveals(house: House, environment: str) -> list[AuditRecord]:
    """What was revealed there, as the trail tells."""
    return list(house.grants.audit(environment, matching=Filter(events=frozenset({Event.REVEALED}))))


def asked_or_refused(engine: Engine, statement: str = "SELECT email FROM customers") -> object:
    """What ana is shown; a result whose access ended before its row came shows nothing."""
    try:
        return asked(engine, statement)
    except StatementRefused:
        return "[redacted]"


def test_everything_flushed_at_once(redis_server: Callable[..., RedisServer], policy: Policy) -> None:
    """FLUSHALL, also of another database's connection, ends every grant; what comes later works."""
    server = redis_server()
    house = House(server.url, policy, lambda: datetime.now(UTC))
    house.granted()
    view = house.view()
    eventually(lambda: is_warm(view) and seen(view) == {"customers.email"})
    server.client().flushall()
    eventually(lambda: seen(view) == set(), within=0.5)
    house.granted("customers.phone")
    eventually(lambda: seen(view) == {"customers.phone"})
    for grants in house.opened:
        grants.close()


def test_many_engines_in_one_process(house: House) -> None:
    """Each shows what its own policy, its environment and who asks there allow, whatever the others do meanwhile."""
    without = policy_text().replace("  customers.phone: {mask: redact, tags: [pii, contact]}\n", "")
    open_house = replace(house, policy=Policy.parse(without), opened=house.opened)
    docket = house.granted()
    house.desk("dee", environment="staging").request(ask())  # granted at once
    engines = {
        (of, environment): shop(of_house, of_house.connect(key="k"), environment=environment)
        for of, of_house in (("masked", house), ("open", open_house))
        for environment in ("prod", "staging")
    }
    holders = {"prod": "ana", "staging": "dee"}

    def shown(case: tuple[tuple[str, str], str]) -> tuple[object, ...]:
        engine = engines[case[0]]
        with suppress(StatementRefused), acting_as(case[1]), engine.connect() as connection:
            return tuple(connection.execute(text("SELECT email, phone FROM customers")).one())
        return ("[redacted]", "")  # Redis took longer than a look may wait: nothing was shown

    def is_right(case: tuple[tuple[str, str], str]) -> bool:
        (of, environment), who = case
        phone = "5" if of == "open" else "[redacted]"
        return shown(case) == (CELL if who == holders[environment] else "[redacted]", phone)

    cases = list(product(engines, ("ana", "dee", "eve")))
    for case in cases:
        eventually(lambda case=case: is_right(case))  # type: ignore[misc] # the loop's own
    for case in cases * 10:
        assert shown(case)[0] == "[redacted]" or case[1] == holders[case[0][1]]
        eventually(lambda case=case: is_right(case))  # type: ignore[misc] # as above
    house.desk("ana").revoke(docket.id)
    for of in ("masked", "open"):
        eventually(lambda of=of: shown(((of, "prod"), "ana"))[0] == "[redacted]")  # type: ignore[misc] # as above
        eventually(lambda of=of: is_right(((of, "staging"), "dee")))  # type: ignore[misc] # as above
    for environment, holder in holders.items():
        assert {record.principal for record in reveals(house, environment)} == {holder}
        assert house.opened[-1].verify(environment, policy=house.policy) == ()
    for engine in engines.values():
        engine.dispose()
