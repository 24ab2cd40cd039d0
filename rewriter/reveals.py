"""What access allows a statement to reveal, and which permits it rests on. Pure."""

from collections.abc import Callable
from dataclasses import dataclass

from masking import Access, ColumnName, Permit
from rewriter.exactness import UNKNOWN, is_exactly
from rewriter.narrowing import Rows
from rewriter.rewritten import Rewritten


@dataclass(frozen=True, slots=True)
class Shown:
    """What one statement may reveal: `columns` in every row, those of `rows` where the condition holds."""

    columns: frozenset[ColumnName] = frozenset()
    rows: Rows = frozenset()

    def __or__(self, other: "Shown") -> "Shown":
        columns = self.columns | other.columns
        return Shown(columns, frozenset(one for one in self.rows | other.rows if one[0] not in columns))


@dataclass(frozen=True, slots=True)
class Allowance:
    """The part of an access that decides how text is rewritten: equal for all who may see the same.

    `always`: in any statement. `statements`: by fingerprint, what that statement may reveal besides. `database_role`:
    the role of the database that statements run under.
    """

    always: Shown = Shown()
    statements: frozenset[tuple[str, Shown]] = frozenset()
    database_role: str | None = None

    def for_statement(self, fingerprint: str) -> Shown:
        """What the statement with this fingerprint may reveal."""
        shown = self.always
        for statement, more in self.statements:
            if statement == fingerprint:
                shown |= more
        return shown


def allowance(access: Access) -> Allowance:
    """What the permits of `access` come to."""
    always, statements = Shown(), set()
    for permit in access.permits:
        if permit.statement is None:
            always |= _shown(permit)
        else:
            statements.add((permit.statement, _shown(permit)))
    carrier = role_permit(access)
    return Allowance(always, frozenset(statements), None if carrier is None else carrier.database_role)


def role_permit(access: Access) -> Permit | None:
    """The permit by which a statement runs under a role of the database: of several roles, the first by name."""
    carriers = [one for one in access.permits if one.database_role is not None and not one.is_narrowed]
    return min(carriers, key=lambda one: one.database_role or "", default=None)


def _shown(permit: Permit) -> Shown:
    if permit.where is None:
        return Shown(permit.columns)
    return Shown(rows=frozenset((column, permit.where) for column in permit.columns))


@dataclass(frozen=True, slots=True)
class Run:
    """A statement that is about to run, where, with which of the driver's parameters, and under which role.

    `is_usual`: names and values mean what they mean in any session of the application's.
    """

    rewritten: Rewritten
    database: str
    database_role: str | None = None
    parameters: object = UNKNOWN
    is_usual: bool = True

    def is_within(self, permit: Permit) -> bool:
        """Whether the statement has the values that `permit` is bound to, if it is for this one, and runs but once."""
        rewritten = self.rewritten
        if permit.uses is not None and self.parameters is UNKNOWN:
            return False  # Fail closed: a batch runs as often as it has rows.
        if permit.statement is not None and not self.is_usual:
            return False  # Fail closed: it may find other rows than those that were approved.
        return (
            permit.exact is None
            or permit.statement != rewritten.fingerprint
            or is_exactly(
                permit.exact,
                rewritten.original,
                rewritten.dialect,
                parameters=self.parameters,
                is_percent_doubled=rewritten.is_percent_doubled,
            )
        )


def without(access: Access, dropped: Callable[[Permit], bool]) -> Access:
    """`access` less some of its permits; the same object where it loses none."""
    permits = tuple(one for one in access.permits if not dropped(one))
    return access if len(permits) == len(access.permits) else Access(permits=permits)


def permits_used(access: Access, run: Run) -> tuple[Permit, ...]:
    """The permits that the statement rests on: as few, and as little narrowed, as will do."""
    rewritten, carrier = run.rewritten, None if run.database_role is None else role_permit(access)
    used = [] if carrier is None else [carrier]
    covered = frozenset[ColumnName]().union(*(permit.columns for permit in used))
    for permit in sorted(access.permits, key=lambda one: (one.uses is not None, one.where is not None)):
        is_meant = permit.statement in (None, rewritten.fingerprint)
        if is_meant and permit.columns & rewritten.revealed - covered:
            used.append(permit)
            covered |= permit.columns if permit.where is None else frozenset()
    return tuple(used)


def is_repeatable(access: Access, rewritten: Rewritten) -> bool:
    """Whether the statement may always run again as it may now, while `access` stays: with whatever parameters."""
    return all(permit.uses is None and permit.statement != rewritten.fingerprint for permit in access.permits)
