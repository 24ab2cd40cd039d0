"""A live grant: what a statement costs that uses one, what its record costs, and how soon a revocation is seen."""

import os
import statistics
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from itertools import count
from pathlib import Path
from time import perf_counter, sleep

import redis
from sqlalchemy import create_engine

from benchmarks.concurrency import THREADS, together
from benchmarks.databases import Database
from benchmarks.figures import Figure
from benchmarks.rounds import Work, timed
from benchmarks.schema import ANA, policy_with
from benchmarks.texts import POINT
from benchmarks.warm import running
from grants import Ask, Grants, JsonLinesSink, Sealed, SigningKey, generate_key
from grants.live import LiveView
from grants.store import Keys
from masking import Policy, Principal, Reveal
from rewriter import acting_as, install
from rewriter.protocols import Recorder

_ENVIRONMENT = "bench"
_ASK = Ask(scopes=("customers.email",), reason="benchmark", duration=timedelta(hours=1))


_MANY = 500

_COPIES = """
local case, grant, holder, requests, id = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local text, ends = redis.call('GET', case .. id), redis.call('ZSCORE', requests, id)
for number = ARGV[6] + 1, ARGV[7] do
  local copy = 'copy-' .. number
  redis.call('SET', case .. copy, text)
  redis.call('SET', grant .. copy, text)
  redis.call('ZADD', requests, ends, copy)
  redis.call('ZADD', holder .. copy, ends, copy)
end
"""


class _Nowhere:
    """A sink that says it has taken a record."""

    is_durable = True

    def write(self, record: Sealed) -> None:
        """Nothing is kept."""

    def close(self) -> None:
        """Nothing is held."""


class _Copying:
    """The grants' own recorder, which also keeps the last reveal."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self.refused = recorder.refused
        self.rows = recorder.rows
        self.last: Reveal | None = None

    def reveal(self, reveal: Reveal) -> str:
        self.last = reveal
        return self._recorder.reveal(reveal)


class Trails:
    """Grants on one Redis, of one person who is granted what she asks for."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._key: SigningKey = generate_key()
        self.policy: Policy = policy_with(self._key.public.text)
        self.grants = Grants.connect(url, key="benchmark")
        self._desk = self.grants.desk(policy=self.policy, environment=_ENVIRONMENT, key=self._key)
        self.reveal: Reveal | None = None

    def used(self, database: Database, *, rounds: int) -> Iterator[Figure]:
        """A primary-key SELECT under a live grant, against the bare one and the same record."""
        self._desk.request(_ASK)
        recorder = _Copying(self.grants.recorder)
        with ExitStack() as stack:
            bare, hooked = create_engine(database.url), create_engine(database.url)
            stack.callback(bare.dispose)
            stack.callback(hooked.dispose)
            install(hooked, policy=self.policy, grants=self.grants, environment=_ENVIRONMENT, audit=recorder)
            stack.enter_context(acting_as(ANA))
            plain = running(stack.enter_context(bare.connect()), POINT, 7)
            revealing = running(stack.enter_context(hooked.connect()), POINT, 7)
            revealing()
            self.reveal = reveal = recorder.last
            if reveal is None:
                raise RuntimeError("the grant was not used: the statement ran masked")

            def by_hand() -> None:
                self.grants.recorder.reveal(reveal)
                plain()

            timings = timed({"bare": plain, "by hand": by_hand, "hooked": revealing}, rounds=rounds)
        ratios = {"of bare and the same record": ("hooked", "by hand"), "of bare": ("hooked", "bare")}
        yield Figure.of(("live grant", database.name, "primary-key SELECT"), timings, ratios)

    def grown(self, database: Database, *, rounds: int) -> Iterator[Figure]:
        """A primary-key SELECT under a live grant, beside ever more grants of others, and with ever more of one's own.

        Its record goes nowhere, so that the hook's own work shows.
        """
        made = 0
        for wanted in (1, 1_000, 100_000):
            self._fill(made, wanted)
            made = wanted
            yield self._measured(database, f"{wanted:,} live grants of others", rounds=rounds)
        for _ in range(_MANY):
            self._desk.request(_ASK)
        yield self._measured(database, f"{_MANY} live grants of one's own", rounds=rounds)

    def _fill(self, made: int, count: int) -> None:
        """Grants of other people: copies of one, which nobody has to verify before they ask for something."""
        keys, docket = Keys(_ENVIRONMENT), self._desk.request(_ASK)
        arguments = (keys.case(""), keys.grant(""), keys.holder(""), keys.requests, docket.id, made, count)
        with redis.Redis.from_url(self._url) as client:
            client.eval(_COPIES, 0, *arguments)
        self._desk.revoke(docket.id)

    def _measured(self, database: Database, case: str, *, rounds: int) -> Figure:
        with ExitStack() as stack:
            grants = Grants.connect(self._url, key="benchmark", sinks=[_Nowhere()])
            stack.callback(grants.close)
            bare, hooked = create_engine(database.url), create_engine(database.url)
            stack.callback(bare.dispose)
            stack.callback(hooked.dispose)
            install(hooked, policy=self.policy, grants=grants, environment=_ENVIRONMENT)
            stack.enter_context(acting_as(ANA))
            plain = running(stack.enter_context(bare.connect()), POINT, 7)
            revealing = running(stack.enter_context(hooked.connect()), POINT, 7)
            start, expected = perf_counter(), plain()
            while revealing() != expected:  # its grants are still being verified
                sleep(0.01)
            first = perf_counter() - start
            timings = timed({"bare": plain, "hooked": revealing}, rounds=rounds)
        added = {"over bare": ("hooked", "bare")}
        figure = Figure.of(
            ("growth, live grants", database.name, case), timings, {"of bare": ("hooked", "bare")}, added=added
        )
        results = {**figure.results, "first reveal of the process": f"{first * 1e3:.0f} ms"}
        return Figure(place=figure.place, results=results, timings=figure.timings)

    def looked_up(self, *, rounds: int) -> Iterator[Figure]:
        """`access()` of a principal that is known, and of ones never seen, against one GET."""
        view = self.grants.attach(policy=self.policy, environment=_ENVIRONMENT)
        ana, nobody, numbers = Principal(ANA), frozenset[str](), count()
        with redis.Redis.from_url(self._url) as client:
            variants = {
                "GET": lambda: client.get("unmask-bench"),
                "warm": lambda: view.access(ana, nobody),
                "cold": lambda: view.access(Principal(f"new{next(numbers)}"), nobody),
            }
            timings = timed(variants, rounds=rounds)
        yield Figure.of(
            ("look-up of grants", "Redis", "known principal, new principal"),
            timings,
            {"warm, of one GET": ("warm", "GET"), "cold, of one GET": ("cold", "GET")},
        )
        yield _latency(self._revocations(view, times=rounds))

    def _revocations(self, view: LiveView, *, times: int) -> tuple[float, ...]:
        """Seconds from the return of `revoke` until the statement's side no longer sees the grant."""
        ana, nobody = Principal(ANA), frozenset[str]()
        before = len(view.access(ana, nobody).permits)
        seconds: list[float] = []
        for _ in range(times):
            docket = self._desk.request(_ASK)
            while len(view.access(ana, nobody).permits) == before:
                sleep(0.0005)
            self._desk.revoke(docket.id)
            start = perf_counter()
            while len(view.access(ana, nobody).permits) > before:
                sleep(0)  # the thread that hears of it needs the interpreter
            seconds.append(perf_counter() - start)
        return tuple(seconds)

    def recorded(self, *, rounds: int) -> Iterator[Figure]:
        """One record in the stream and in a synchronised file, against the bare write of as many bytes."""
        reveal = self.reveal
        if reveal is None:
            return
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="unmask-bench-")))
            filed = Grants.connect(self._url, key="benchmark", sinks=[JsonLinesSink(folder / "trail.jsonl")])
            stack.callback(filed.close)
            filed.recorder.reveal(reveal)
            line = (folder / "trail.jsonl").read_bytes()
            client = stack.enter_context(redis.Redis.from_url(self._url))
            bare = JsonLines(folder / "bare.jsonl", line)
            variants = {
                "XADD": lambda: client.xadd("unmask-bench-stream", {"record": line}),
                "stream": lambda: self.grants.recorder.reveal(reveal),
                "write and fsync": bare.write,
                "file": lambda: filed.recorder.reveal(reveal),
            }
            timings = timed(variants, rounds=rounds)
            client.delete("unmask-bench-stream")
        yield Figure.of(
            ("audit record", "Redis, file", f"{len(line)} bytes"),
            timings,
            {"stream, of an XADD": ("stream", "XADD"), "file, of write and fsync": ("file", "write and fsync")},
            added={"stream over it": ("stream", "XADD"), "file over it": ("file", "write and fsync")},
        )

    def shared(self, *, rounds: int) -> Iterator[Figure]:
        """Records that sixteen threads make at once, against as many bare writes in sixteen threads."""
        reveal = self.reveal
        if reveal is None:
            return
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="unmask-bench-")))
            filed = Grants.connect(self._url, key="benchmark", sinks=[JsonLinesSink(folder / "trail.jsonl")])
            stack.callback(filed.close)
            filed.recorder.reveal(reveal)
            line = (folder / "trail.jsonl").read_bytes()
            client = stack.enter_context(redis.Redis.from_url(self._url))
            bare = JsonLines(folder / "bare.jsonl", line)
            workers = stack.enter_context(ThreadPoolExecutor(THREADS))
            works: dict[str, Work] = {
                "XADD": lambda: client.xadd("unmask-bench-stream", {"record": line}),
                "stream": lambda: self.grants.recorder.reveal(reveal),
                "write and fsync": bare.write,
                "file": lambda: filed.recorder.reveal(reveal),
            }
            timings = timed({name: together(workers, [work] * THREADS) for name, work in works.items()}, rounds=rounds)
            client.delete("unmask-bench-stream")
        yield Figure.of(
            ("audit record", "Redis, file", f"{THREADS} threads"),
            timings,
            {"stream, of XADDs": ("stream", "XADD"), "file, of writes and fsyncs": ("file", "write and fsync")},
        )

    def close(self) -> None:
        """Gives back the connections."""
        self.grants.close()


class JsonLines:
    """The least that keeps a line: open, append, synchronise, close."""

    def __init__(self, path: Path, line: bytes) -> None:
        self._path = path
        self._line = line

    def write(self) -> None:
        """Append the line once more."""
        with self._path.open("ab", buffering=0) as file:
            file.write(self._line)
            os.fsync(file.fileno())


def _latency(seconds: tuple[float, ...]) -> Figure:
    cuts = statistics.quantiles(seconds, n=100, method="inclusive")
    results = {"p50": f"{cuts[49] * 1e3:.2f} ms", "p99": f"{cuts[98] * 1e3:.2f} ms"}
    return Figure(place=("revocation", "Redis", "revoke → masked"), results=results, timings={"latency": seconds})
