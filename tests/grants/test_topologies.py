"""Grants behind Sentinels and on a cluster: real servers that fail over, and slots that move."""

import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
import redis

from grants import StoreError
from grants.store import Keys, Store
from masking import Policy
from tests.fix_redis import RedisServer
from tests.grants.conftest import House, seen
from tests.grants.waiting import eventually, is_warm, shows
from tests.processes import free_port

Start = Callable[..., RedisServer]


def port_of(server: RedisServer) -> int:
    """The port that a server listens on."""
    return int(server.url.rpartition(":")[2].partition("/")[0])


def command(server: RedisServer, *words: object) -> Any:
    """What a server answers to a command."""
    client = server.client(decode_responses=True)
    try:
        return client.execute_command(*words)  # type: ignore[no-untyped-call] # redis-py's
    except redis.ConnectionError:  # a server that takes another part closes its connections
        return client.execute_command(*words)  # type: ignore[no-untyped-call] # as above


def opened(url: str, policy: Policy) -> Iterator[House]:
    """Grants at `url`."""
    house = House(url, policy, lambda: datetime.now(UTC))
    yield house
    for grants in house.opened:
        grants.close()


@pytest.fixture
def guarded(redis_server: Start) -> tuple[RedisServer, RedisServer, RedisServer]:
    """A primary, its replica, and a Sentinel that watches them."""
    primary = redis_server()
    replica = redis_server("--replicaof", "127.0.0.1", str(port_of(primary)))
    sentinel = redis_server("--sentinel")
    command(sentinel, "SENTINEL", "MONITOR", "grants", "127.0.0.1", port_of(primary), 1)
    for name, value in (("down-after-milliseconds", 500), ("failover-timeout", 2000)):
        command(sentinel, "SENTINEL", "SET", "grants", name, value)
    eventually(lambda: len(command(sentinel, "SENTINEL", "REPLICAS", "grants")) == 1, within=20)
    eventually(lambda: command(replica, "INFO", "replication")["master_link_status"] == "up", within=20)
    return primary, replica, sentinel


@pytest.fixture
def behind(guarded: tuple[RedisServer, RedisServer, RedisServer], policy: Policy) -> Iterator[House]:
    """Grants whose primary a Sentinel names."""
    yield from opened(f"redis+sentinel://127.0.0.1:{port_of(guarded[2])}/grants/0", policy)


@pytest.mark.parametrize("fault", ["kill", "pause"])
def test_grants_go_on_after_a_failover(
    guarded: tuple[RedisServer, RedisServer, RedisServer], behind: House, *, fault: str
) -> None:
    """On the replica that took over; and what is revoked there is not believed of the one that comes back."""
    primary, replica, _ = guarded
    docket = behind.granted()
    view = behind.view()
    eventually(lambda: shows(view, {"customers.email"}))
    command(primary, "WAIT", 1, 1000)
    getattr(primary, fault)()
    start = time.monotonic()
    eventually(lambda: seen(view) == set(), within=3)
    assert time.monotonic() - start < 3
    eventually(lambda: command(replica, "ROLE")[0] == "master", within=30)
    eventually(lambda: shows(view, {"customers.email"}), within=10)

    def revoke() -> bool:
        with suppress(StoreError):
            behind.desk("bo").revoke(docket.id)
            return True
        return False

    eventually(revoke, within=10)
    eventually(lambda: seen(view) == set(), within=1)
    primary.start() if fault == "kill" else primary.resume()
    until = time.monotonic() + 2
    while time.monotonic() < until:
        assert seen(view) == set()


def is_whole(node: RedisServer) -> bool:
    """Whether a node finds its cluster complete."""
    found = command(node, "CLUSTER", "INFO")
    return "cluster_state:ok" in str(found) or (isinstance(found, dict) and found.get("cluster_state") == "ok")


@pytest.fixture
def cluster(redis_server: Start) -> tuple[RedisServer, RedisServer]:
    """Two nodes with half of the slots each."""
    buses = [free_port(), free_port()]
    options = ("--cluster-enabled", "yes", "--cluster-node-timeout", "2000", "--cluster-port")
    nodes = [redis_server(*options, str(bus)) for bus in buses]
    for node, slots in zip(nodes, ((0, 8191), (8192, 16383)), strict=True):
        command(node, "CLUSTER", "ADDSLOTSRANGE", *slots)
    for number, node in enumerate(nodes, start=1):
        command(node, "CLUSTER", "SET-CONFIG-EPOCH", number)
    command(nodes[0], "CLUSTER", "MEET", "127.0.0.1", port_of(nodes[1]), buses[1])
    for node in nodes:
        eventually(lambda node=node: is_whole(node), within=20)  # type: ignore[misc]
    return nodes[0], nodes[1]


def moved(key: str, nodes: tuple[RedisServer, RedisServer]) -> None:
    """Moves the slot of `key`, with all its keys, from the node that has it to the other."""
    slot = command(nodes[0], "CLUSTER", "KEYSLOT", key)
    source, target = nodes if slot < 8192 else nodes[::-1]
    names = {node: command(node, "CLUSTER", "MYID") for node in (source, target)}
    command(target, "CLUSTER", "SETSLOT", slot, "IMPORTING", names[source])
    command(source, "CLUSTER", "SETSLOT", slot, "MIGRATING", names[target])
    keys = command(source, "CLUSTER", "GETKEYSINSLOT", slot, 1000)
    command(source, "MIGRATE", "127.0.0.1", port_of(target), "", 0, 5000, "KEYS", *keys)
    for node in (target, source):
        command(node, "CLUSTER", "SETSLOT", slot, "NODE", names[target])


def test_grants_follow_a_slot_that_moves(cluster: tuple[RedisServer, RedisServer], policy: Policy) -> None:
    """Requests, approvals, pushes, the trail and revocations, before and after."""
    url = f"redis+cluster://127.0.0.1:{port_of(cluster[0])},127.0.0.1:{port_of(cluster[1])}"
    for house in opened(url, policy):
        docket = house.granted()
        view = house.view()
        eventually(lambda view=view: shows(view, {"customers.email"}))  # type: ignore[misc]
        moved(Keys("prod").requests, cluster)
        eventually(lambda view=view: shows(view, {"customers.email"}))  # type: ignore[misc]
        house.desk("bo").revoke(docket.id)
        eventually(lambda view=view: seen(view) == set(), within=1)  # type: ignore[misc]
        house.granted("customers.phone")
        eventually(lambda view=view: seen(view) == {"customers.phone"}, within=2)  # type: ignore[misc]
        eventually(lambda view=view: is_warm(view))  # type: ignore[misc]
        assert house.grants.verify("prod", policy=policy) == ()
        assert len(list(house.grants.audit("prod"))) == 5


@pytest.mark.parametrize(
    "url",
    ["redis+sentinel://localhost", "redis+cluster://localhost:port", "http://localhost", "redis+sentinel://h/s/x"],
)
def test_a_url_that_cannot_be_read_is_told(url: str) -> None:
    """With the forms that can."""
    with pytest.raises(StoreError, match="redis\\+sentinel://"):
        Store(url)


@pytest.mark.parametrize(
    "url",
    ["redis://:hunter2/x@localhost", "redis+sentinel://:hunter2#x@localhost/s", "redis+sentinel://:hunter2/x@h:1/s/0"],
)
def test_a_password_that_was_not_escaped_is_not_shown(url: str) -> None:
    """Nor is it in the traceback, as part of what the URL was taken for."""
    with pytest.raises(StoreError) as raised:
        Store(url)
    assert "hunter2" not in "".join(traceback.format_exception(raised.value))


def test_no_error_shows_a_password(redis_server: Start) -> None:
    """Of a server, of Sentinels or of a cluster."""
    port = port_of(redis_server())
    for url in (
        f"redis://:hunter2@127.0.0.1:{port}/0",
        f"redis+sentinel://:hunter2@127.0.0.1:{port}/grants",
        f"redis+cluster://:hunter2@127.0.0.1:{port}",
    ):
        with pytest.raises(StoreError) as raised:
            Store(url).case("prod", "abcd-efgh")
        assert "hunter2" not in str(raised.value)
