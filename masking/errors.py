"""Errors of masking.

MaskingError
└── PolicyError    a policy, or one of its masks, is wrong; `.problems` lists every fault with its place and a hint

No error holds a hash key.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One fault of a policy.

    `line` and `column` count from 1; 0 where the fault has no place in a file.
    """

    message: str
    hint: str = ""
    file: str = ""
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}: " if self.line else f"{self.file}: " if self.file else ""
        return f"{place}{self.message}" + (f"\n    {self.hint}" if self.hint else "")


class MaskingError(Exception):
    """Root of every error that `masking` raises."""


class PolicyError(MaskingError):
    """The policy cannot be used as it is.

    Attributes:
        problems: every fault that was found, in the order of the file.
    """

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__(problems)
        self.problems = problems

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


def fault(message: str, hint: str = "") -> PolicyError:
    """A `PolicyError` of one problem without a place."""
    return PolicyError((Problem(message=message, hint=hint),))
