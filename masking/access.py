"""What a principal may see, and what is reported of it: the words that `rewriter` and `grants` share.

`grants` makes `Access` values, `rewriter` obeys them; neither package imports the other.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import NewType

from masking.names import ColumnName, Principal
from masking.row_conditions import RowCondition

Fingerprint = NewType("Fingerprint", str)
"""Versioned hash of a statement's canonical form without literals, e.g. `v2:9f2c…`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Permit:
    """One live grant (or standing rule) as the hook sees it, already verified.

    `statement`: only that statement, else any; `exact`: only with the values that this is made of, else with any
    (`rewriter.exactness`). `where`: only those rows, else all. `uses`: how many statements it was
    granted for, else without limit. `expires_at`: the exclusive end, aware UTC; None for a standing rule. `digest`:
    what tells the signed request that it rests on from any other. `database_role`: statements run under this role of
    the database. `break_glass`: its holder granted it to themselves.
    """

    grant: str
    columns: frozenset[ColumnName]
    statement: Fingerprint | None = None
    exact: str | None = None
    where: RowCondition | None = None
    uses: int | None = None
    expires_at: datetime | None = None
    digest: str = ""
    database_role: str | None = None
    break_glass: bool = False
    reason: str = ""
    approvers: tuple[Principal, ...] = ()

    @property
    def is_narrowed(self) -> bool:
        """Whether it covers less than any statement, any row and any number of uses."""
        return self.statement is not None or self.where is not None or self.uses is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Everything that one principal may see at one instant. Hashable, so it can key a cache of rewritten text."""

    permits: tuple[Permit, ...] = ()

    @property
    def columns(self) -> frozenset[ColumnName]:
        """The columns that any statement may reveal in every row, and as often as it likes."""
        return frozenset().union(*(p.columns for p in self.permits if not p.is_narrowed))


NOBODY = Access()
"""No live grant at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reveal:
    """One statement's use of grants, reported before the statement runs: the same object each time that it runs so.

    `database_role`: the role of the database that the statement runs under, where a permit gives it one.
    `statement` is the text with every literal replaced by `?`. Nothing here holds a literal, parameter or cell.
    """

    principal: Principal
    groups: tuple[str, ...]
    client: str
    environment: str
    database: str
    tables: tuple[str, ...]
    columns: tuple[ColumnName, ...]
    database_role: str | None = None
    permits: tuple[Permit, ...] = field(default=())
    fingerprint: Fingerprint
    statement: str
    policy_version: str
