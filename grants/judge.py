"""From what Redis holds of a principal's grants to permits with deadlines: verified once per content, then remembered.

A revocation or denial that was seen once stays seen (`grants.revocations`), so putting an old copy of a case back does
not revive it. Whoever has this process see more than it can remember is not rewarded: from then on it grants nothing.
"""

import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import TypeVar

from pydantic import ValidationError

from grants.audit import Event
from grants.errors import GrantError, SignatureError
from grants.records import StoredCase
from grants.revocations import Revocations
from grants.rules import CLOCK_SKEW
from grants.signing import kind_of
from grants.store import Held
from grants.verification import Place, Verdict, Void, opened_case, verdict
from masking import Permit, Policy, Principal

_REMEMBERED = 16_384  # verdicts
_LONGEST_MEMORY = 100_000  # ids
_Key = TypeVar("_Key")


@dataclass(frozen=True, slots=True)
class Timed:
    """A permit with the monotonic second at which it ends, whatever the wall clock says by then."""

    permit: Permit
    deadline: float
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A grant that reveals nothing (any more): it expired, or it failed its verification."""

    event: Event
    id: str
    principal: Principal
    problem: str = ""


class Judge:
    """Judges what was read, under one policy and environment."""

    def __init__(
        self, *, policy: Policy, environment: str, clock: Callable[[], datetime], revocations: Revocations | None = None
    ) -> None:
        self.policy = policy
        self._environment = environment
        self.clock = clock
        self._verdict = lru_cache(_REMEMBERED)(self._verdict_of)
        self._is_over = lru_cache(_REMEMBERED)(_is_over)
        self.revocations = revocations or Revocations(environment, clock=clock)
        self._told: dict[tuple[str, str], None] = {}

    def permits(self, principal: Principal, held: tuple[Held, ...], *, server_now: datetime) -> tuple[Timed, ...]:
        """The permits that are live now. The later of the two clocks counts, so a slow one prolongs nothing."""
        monotonic = time.monotonic()
        now = max(self.clock(), server_now)
        live = []
        for one in held:
            found = self._judged(one, principal)
            if isinstance(found, Void) or found is None:
                continue
            left = (found.lease.expires_at - now).total_seconds()
            if left > 0 and found.lease.issued_at <= now + CLOCK_SKEW:
                live.append(Timed(found.permit, monotonic + left, found.lease.expires_at))
        return tuple(live)

    def void(self, principal: Principal, held: tuple[Held, ...]) -> tuple[Ended, ...]:
        """The grants among `held` that failed their verification, each told once."""
        ended = []
        for one in held:
            found = self._judged(one, principal)
            if isinstance(found, Void) and (one.id, found.problem) not in self._told:
                _remember(self._told, (one.id, found.problem))
                ended.append(Ended(event=Event.FAILED, id=one.id, principal=principal, problem=found.problem))
        return tuple(ended)

    def heard(self, identifier: str, case: str) -> None:
        """Remembers a revocation or denial that `case` holds, of whomever: for good, if its signatures hold."""
        if identifier in self.revocations or not _may_be_over(case) or not _is_over(case):
            return
        with suppress(GrantError):
            opened_case(case, Place(policy=self.policy, environment=self._environment, id=identifier))
            self.revocations.keep(identifier)

    def _judged(self, held: Held, principal: Principal) -> Verdict | None:
        # One object where both are the same text: what is remembered by it is kept once.
        case = held.grant if held.case == held.grant else held.case
        if case is not None and self._is_over(case):
            self.revocations.saw(held.id)
        if held.grant is None or held.id in self.revocations:
            return None
        if self.revocations.is_full:
            # Fail closed: to forget one would bring its grant back.
            return Void(id=held.id, problem="more revocations were seen than can be remembered: restart the process")
        if case is not held.grant:
            # Fail closed: the two are stored in one stroke, so somebody changed or removed one of them.
            return Void(id=held.id, problem="its request was removed or differs from it")
        return self._verdict(held.grant, held.id, principal)

    def _verdict_of(self, text: str, identifier: str, principal: Principal) -> Verdict:
        place = Place(policy=self.policy, environment=self._environment, id=identifier)
        return verdict(text, place, principal=principal)


_ENDS = ("revocation", "denial")
"""Kinds of decisions after which nothing can come of a request."""


def _spelt(word: bytes) -> Iterator[str]:
    """How base64 spells `word`, wherever in a text it stands: the letters that do not depend on what is beside it."""
    for ahead in range(3):
        whole = (ahead + len(word)) // 3
        yield b64encode(b" " * ahead + word)[4 if ahead else 0 : 4 * whole].decode()


_SPELT = tuple(spelt for kind in _ENDS for spelt in _spelt(f"unmask-{kind}".encode()))
"""How a token's header spells that it is such a decision."""


def _may_be_over(case: str) -> bool:
    """Whether a look at the tokens of `case` is worth it: a hundred times cheaper than one."""
    return any(spelt in case for spelt in _SPELT)


def _is_over(case: str) -> bool:
    # Not verified: whoever can write to Redis may take a grant away in any case.
    try:
        return any(kind_of(token) in _ENDS for token in StoredCase.model_validate_json(case).decisions)
    except (ValidationError, SignatureError):
        return False


def _remember(known: dict[_Key, None], key: _Key) -> None:
    known[key] = None
    if len(known) > _LONGEST_MEMORY:
        known.pop(next(iter(known)))
