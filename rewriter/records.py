"""Frozen data of which a statement needs many pieces.

A frozen dataclass sets each field by a call that goes around its own ban, which takes four times as long as setting it;
and the first rewriting of a short statement makes some thirty of them. These are as frozen to the type checker, and
that alone: nobody but this package has them in hands.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar, dataclass_transform

_Record = TypeVar("_Record")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def record(*, kw_only: bool = False, eq: bool = True) -> Callable[[type[_Record]], type[_Record]]:
    """A class of frozen data, as `dataclass` makes one; without `eq`, each piece is equal to itself alone."""
    return dataclass(slots=True, kw_only=kw_only, eq=eq, unsafe_hash=eq)
