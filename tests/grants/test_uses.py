"""Grants for a number of uses: counted in Redis for all processes, and never given back."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
import redis
from sqlalchemy import Engine

from grants import Docket, Event, Filter
from grants.store import Keys
from rewriter import install
from tests.grants.conftest import House, ask, policy_text, seen
from tests.grants.test_reveals import CELL, asked, shop
from tests.grants.waiting import eventually

KEYS = Keys("prod")


@pytest.fixture
def server(house: House) -> Iterator[redis.Redis]:
    """The server, as somebody has it who can write to it."""
    with redis.Redis.from_url(house.url, decode_responses=True) as client:
        yield client


def limited(house: House, uses: int, *scopes: str) -> Docket:
    """A grant of ana's for so many uses."""
    docket = house.desk("ana").request(replace(ask(*scopes), uses=uses))
    return house.desk("bo").approve(docket.id)


@pytest.fixture
def engine(house: House) -> Iterator[Engine]:
    """A hooked database on which ana's grants have been read once."""
    engine = shop(house, house.connect(key="k"))
    eventually(lambda: asked(engine, "SELECT count(email) FROM customers") == 1)
    yield engine
    engine.dispose()


def test_a_use_is_taken_by_each_statement_that_reveals(house: House, engine: Engine) -> None:
    """And by no other; the list says how many are left, the trail has one reveal for each."""
    docket = limited(house, 2)
    view = house.view()
    eventually(lambda: view.access("ana", frozenset()).permits != ())  # type: ignore[arg-type] # a principal
    assert seen(view) == set()  # a limited grant is not for any statement
    assert asked(engine, "SELECT phone FROM customers") == "[redacted]"
    eventually(lambda: asked(engine) == CELL)
    assert house.desk("ana")._office.docket(docket.id).uses_left == 1  # type: ignore[union-attr] # noqa: SLF001 -- it is readable
    assert [asked(engine) for _ in range(3)] == [CELL, "[redacted]", "[redacted]"]
    reveals = list(house.grants.audit("prod", matching=Filter(events=frozenset({Event.REVEALED}))))
    assert [record.grants[0].id for record in reveals if record.grants] == [docket.id] * 2


def test_who_writes_to_redis_gains_no_use(house: House, engine: Engine, server: redis.Redis) -> None:
    """Neither by removing the count, nor by counting for another request, nor by putting a higher one back."""
    docket = limited(house, 2)
    uses, grant = KEYS.uses(docket.id), KEYS.grant(docket.id)
    before = server.hgetall(uses)
    assert before == {"left": "2", "digest": docket.digest}
    texts = {key: server.get(key) for key in (grant, KEYS.case(docket.id))}
    eventually(lambda: asked(engine) == CELL)
    for spoilt in (lambda: server.delete(uses), lambda: server.set(uses, "9"), lambda: server.hset(uses, "left", "x")):
        spoilt()
        assert asked(engine) == "[redacted]"
        server.delete(uses)
    server.hset(uses, mapping={"left": "9", "digest": "sha256:0"})
    assert asked(engine) == "[redacted]"
    server.hset(uses, mapping={"left": "9", "digest": docket.digest})
    for key, value in texts.items():
        server.set(key, str(value))
    assert asked(engine) == "[redacted]"  # this process knows


def test_a_use_too_many_is_found_in_the_trail(house: House, engine: Engine, server: redis.Redis) -> None:
    """Whoever puts a count back has another process use the grant again; the trail's check names that use."""
    docket = limited(house, 1)
    eventually(lambda: asked(engine) == CELL)
    assert house.opened[-1].verify("prod", policy=house.policy) == ()
    server.hset(KEYS.uses(docket.id), "left", "1")
    other = shop(house, house.connect(key="k"))
    eventually(lambda: asked(other) == CELL)
    (fault,) = house.opened[-1].verify("prod", policy=house.policy)
    assert fault.problem == f"is one more use of {docket.id} than was granted"
    other.dispose()


def test_a_count_cannot_be_filled_up_by_a_step(house: House, engine: Engine, server: redis.Redis) -> None:
    """Only the step that makes the grant counts its uses out; its end takes them away."""
    docket = limited(house, 1)
    eventually(lambda: asked(engine) == CELL)
    with pytest.raises(Exception, match="pending"):
        house.desk("cy").approve(docket.id)
    assert server.hget(KEYS.uses(docket.id), "left") == "0"
    assert 0 < server.pttl(KEYS.uses(docket.id)) <= 30 * 60 * 1000
    house.desk("ana").revoke(docket.id)
    assert not server.exists(KEYS.uses(docket.id))


def test_grants_that_are_used_together_are_taken_together(house: House, engine: Engine, server: redis.Redis) -> None:
    """Where one of them has no use left, none of the other is lost."""
    mail, phone = limited(house, 1, "customers.email"), limited(house, 5, "customers.phone")
    both = "SELECT email || phone FROM customers"
    eventually(lambda: asked(engine, both) == f"{CELL}5")
    assert asked(engine, both) == "[redacted][redacted]"
    assert [server.hget(KEYS.uses(one.id), "left") for one in (mail, phone)] == ["0", "4"]
    assert asked(engine, "SELECT phone FROM customers") == "5"


READER = """
import sys, threading
from grants import Grants
from masking import Policy
from sqlalchemy import create_engine, text
from rewriter import acting_as, install
url, policy, database = sys.argv[1:]
engine = create_engine(database, pool_size=25)
install(engine, policy=Policy.parse(policy), grants=Grants.connect(url, key=""), environment="prod")
def read():
    with acting_as("ana"), engine.connect() as connection:
        return connection.scalar(text("SELECT email FROM customers"))
def count():
    seen.append(read())
with acting_as("dee"), engine.connect() as connection:
    connection.scalar(text("SELECT email FROM customers"))
with acting_as("ana"), engine.connect() as connection:
    connection.scalar(text("SELECT phone FROM customers"))
sys.stdout.write("ready\\n"); sys.stdout.flush()
sys.stdin.readline()
seen = []
threads = [threading.Thread(target=count) for _ in range(25)]
for one in threads: one.start()
for one in threads: one.join()
sys.stdout.write(f"{sum(one == 'ada@cell.example' for one in seen)} {len(seen)}\\n")
"""


def test_uses_are_exact_under_a_hundred_statements_in_four_processes(house: House, tmp_path: Path) -> None:
    """However they meet, as many are revealed as were granted, and as many are recorded."""
    database = f"sqlite:///{tmp_path / 'shop.sqlite'}"
    engine = shop(house, house.connect(key=""), url=database)
    limited(house, 10)
    words = [sys.executable, "-c", READER, house.url, policy_text(), database]
    with ExitStack() as stack:
        processes = [
            stack.enter_context(
                subprocess.Popen(  # noqa: S603 -- our own words
                    words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=tmp_path
                )
            )
            for _ in range(4)
        ]
        assert [one.stdout and one.stdout.readline() for one in processes] == ["ready\n"] * 4
        for one in processes:
            assert one.stdin
            one.stdin.write("go\n")
            one.stdin.flush()
        counts = [((one.stdout and one.stdout.readline()) or "").split() for one in processes]
    assert sum(int(total) for _, total in counts) == 100
    assert sum(int(revealed) for revealed, _ in counts) == 10
    assert len(list(house.grants.audit("prod", matching=Filter(events=frozenset({Event.REVEALED}))))) == 10
    engine.dispose()


def test_a_use_that_cannot_be_counted_is_none(house: House, engine: Engine, server: redis.Redis) -> None:
    """Where Redis refuses to count, the statement runs masked, and so do all others by what is left of the grant."""
    docket = limited(house, 3)
    eventually(lambda: asked(engine) == CELL)
    server.config_set("maxmemory", "1")
    try:
        assert asked(engine, "SELECT email || '' FROM customers") == "[redacted]"
    finally:
        server.config_set("maxmemory", "0")
    assert server.hget(KEYS.uses(docket.id), "left") == "2"
    eventually(lambda: asked(engine) == CELL)


@pytest.mark.parametrize("kind", ["file", "sqlite"])
def test_a_count_that_was_put_back_gives_nothing_where_a_second_place_counts(
    house: House, server: redis.Redis, tmp_path: Path, *, kind: str
) -> None:
    """Neither to a process that has not used the grant, nor where that place does not answer."""
    place = str(tmp_path / "heads") if kind == "file" else f"sqlite:///{tmp_path / 'heads.sqlite'}"
    engines = [shop(house, house.connect(key="k", checkpoints=place)) for _ in range(3)]
    docket = limited(house, 2)
    for engine in engines[:2]:
        eventually(lambda engine=engine: asked(engine) == CELL)  # type: ignore[misc] # the loop's own
    server.hset(KEYS.uses(docket.id), "left", "2")
    assert [asked(engine) for engine in engines] == ["[redacted]"] * 3
    assert house.opened[-1].verify("prod", policy=house.policy) == ()
    broken = shop(house, house.connect(key="k", checkpoints=str(tmp_path / "none" / "heads")))
    limited(house, 2, "customers.phone")
    assert asked(broken, "SELECT phone FROM customers") == "[redacted]"
    for engine in (*engines, broken):
        engine.dispose()


def test_what_has_no_use_left_is_not_explained_as_revealed(house: House, engine: Engine) -> None:
    """Nor is any use taken by asking how a statement would run."""
    limited(house, 1)
    installed = install(engine, policy=house.policy, grants=house.opened[-1], environment="prod")
    statement = "SELECT email FROM customers"
    eventually(lambda: bool(installed.explain(statement, principal="ana").revealed))
    assert installed.explain(statement, principal="ana").revealed
    assert asked(engine) == CELL
    assert not installed.explain(statement, principal="ana").revealed
