"""`Policy`: which columns are sensitive, their masks, and who may approve what.

Frozen, and valid from construction on when made by `Policy.load` or `Policy.parse`. Pure but for reading its file, and
the hash keys that the file refers to (`env:NAME`, `file:PATH`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, Self

from masking.access import Permit
from masking.errors import fault
from masking.masks import Mask
from masking.names import ColumnName, Principal, TableName

Writes = Literal["guard", "refuse"]
RowOrder = Literal["engine", "pinned"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnRule:
    """One sensitive column. `lookup`: whether a row may be found by an exact raw value. `optional`: may be missing."""

    mask: Mask
    tags: frozenset[str] = frozenset()
    lookup: Literal["exact"] | None = None
    optional: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRule:
    """A closed table: each column is masked by `default`, or by its own rule; those of `clear` not at all."""

    default: Mask
    clear: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One of `people`. `key`: an Ed25519 public key in SSH's form, `ssh-ed25519 AAAA…`.

    `notify`: apprise URLs, and `env:NAME` for variables that hold some. Left out of `repr`: they may hold passwords.
    """

    groups: frozenset[str] = frozenset()
    key: str | None = None
    notify: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakGlass:
    """People, and groups as `group:oncall`, that may grant themselves what a rule covers, `max_duration` at most."""

    principals: tuple[str, ...]
    max_duration: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Escalation:
    """Approvers that count from `after` a request was made on, besides the rule's own."""

    after: timedelta
    approvers: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalRule:
    """Who may approve a scope, where, and for how long.

    `environments`: None for all. `approvers`: people, and groups as `group:privacy`. `required`: how many distinct
    ones. `auto`: nobody needs to. `max_duration`: the longest grant, inclusive. `reason`: a pattern that is searched
    for in the request's reason. `break_glass`: None: nobody grants it to themselves.
    """

    scope: str
    environments: frozenset[str] | None = None
    approvers: tuple[str, ...] = ()
    required: int = 1
    auto: bool = False
    max_duration: timedelta = timedelta(hours=8)
    default_duration: timedelta | None = None
    reason: str | None = None
    break_glass: BreakGlass | None = None
    escalation: Escalation | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingRule:
    """Principals, or groups as `group:mailers`, that see `scopes` without asking."""

    principals: frozenset[str]
    scopes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Policy:
    """Everything that the policy file says, and the questions that are asked of it.

    `database_roles`: role → the database's own role that statements of its holders run under.
    `version` is a hash of the content: equal for files that differ in layout alone; hash keys enter it only hashed.
    """

    version: str
    columns: Mapping[ColumnName, ColumnRule] = field(default_factory=lambda: MappingProxyType({}))
    tables: Mapping[TableName, TableRule] = field(default_factory=lambda: MappingProxyType({}))
    people: Mapping[Principal, Person] = field(default_factory=lambda: MappingProxyType({}))
    roles: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    database_roles: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    approval: tuple[ApprovalRule, ...] = ()
    standing: tuple[StandingRule, ...] = ()
    owners: frozenset[str] = frozenset()
    trusted: frozenset[str] = frozenset()
    writes: Writes = "guard"
    row_order: RowOrder = "engine"
    functions: tuple[str, ...] = ()

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """The policy in the file at `path`; a hash key's `file:` is looked up from its folder.

        Raises:
            PolicyError: every fault of the file at once, or that it cannot be read.
        """
        path = Path(path)
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as exc:
            raise fault(f"the policy {path} cannot be read: {type(exc).__name__}", "Check the path.") from exc
        return cls.parse(text, name=str(path), folder=path.parent)

    @classmethod
    def parse(cls, text: str, *, name: str = "<policy>", folder: Path | None = None) -> Self:
        """The policy that `text` writes in YAML; `name` stands for it in errors.

        Raises:
            PolicyError: every fault of the text at once.
        """
        from masking.policy_file import read_policy  # noqa: PLC0415 -- it makes the parts that are defined above

        return cls(**read_policy(text, name=name, folder=folder))

    def __hash__(self) -> int:
        return hash(self.version)

    def __eq__(self, other: object) -> bool:
        return self.version == other.version if isinstance(other, Policy) else NotImplemented

    def mask_of(self, column: ColumnName) -> Mask | None:
        """The mask of `column`; None where it is not sensitive."""
        rule = self.columns.get(column)
        if rule is not None:
            return rule.mask
        table = self.tables.get(column.table)
        return None if table is None or column.column in table.clear else table.default

    def is_sensitive(self, column: ColumnName) -> bool:
        """Whether `column` has a mask."""
        return self.mask_of(column) is not None

    @property
    def masks(self) -> tuple[Mask, ...]:
        """Every mask that some column or closed table has, each once, in the policy's order."""
        used = [rule.mask for rule in self.columns.values()] + [rule.default for rule in self.tables.values()]
        return tuple(dict.fromkeys(used))

    @cached_property
    def is_principal_dependent(self) -> bool:
        """Whether some mask depends on who asks (`:principal` in an expression)."""
        from masking.formula import mentions_principal  # noqa: PLC0415 -- parses SQL: not needed by most users

        return any(mentions_principal(mask.sql) for mask in self.masks if mask.kind == "expression")

    @cached_property
    def _tagged(self) -> Mapping[str, frozenset[ColumnName]]:
        """Tag → the columns that bear it."""
        tags = {tag for rule in self.columns.values() for tag in rule.tags}
        return {tag: frozenset(name for name, rule in self.columns.items() if tag in rule.tags) for tag in tags}

    def scope(self, text: str) -> frozenset[ColumnName]:
        """The columns that a scope means: a column's name, `tag:…` or `role:…`.

        Raises:
            PolicyError: the policy knows no such column, tag or role.
        """
        kind, separator, name = text.partition(":")
        if separator and kind == "tag" and name in self._tagged:
            return self._tagged[name]
        if separator and kind == "role" and name in self.roles:
            return frozenset().union(*(self.scope(scope) for scope in self.roles[name]))
        column = _column(text)
        if column is not None and self.is_sensitive(column):
            return frozenset({column})
        raise fault(f"the policy knows no scope {text}", self._scope_hint(text))

    def _scope_hint(self, text: str) -> str:
        known = [*map(str, self.columns), *(f"tag:{tag}" for tag in self._tagged), *(f"role:{r}" for r in self.roles)]
        close = get_close_matches(text, known, n=1)
        return f"Did you mean {close[0]}?" if close else "Name a sensitive column, tag:… or role:…."

    def _covers(self, scope: str, column: ColumnName) -> bool:
        return column in self.scope(scope)

    def rule_for(self, column: ColumnName, environment: str) -> ApprovalRule | None:
        """The first approval rule whose scope covers `column` in `environment`; None: it cannot be granted."""
        for rule in self.approval:
            is_here = rule.environments is None or environment in rule.environments
            if is_here and self._covers(rule.scope, column):
                return rule
        return None

    def rule_for_role(self, role: str, environment: str) -> ApprovalRule | None:
        """The first approval rule that names `role` itself in `environment`; None: its database role cannot be had."""
        for rule in self.approval:
            is_here = rule.environments is None or environment in rule.environments
            if is_here and rule.scope == f"role:{role}":
                return rule
        return None

    def groups_of(self, principal: Principal) -> frozenset[str]:
        """The groups that the policy puts `principal` in."""
        person = self.people.get(principal)
        return person.groups if person is not None else frozenset()

    def is_owner(self, principal: Principal) -> bool:
        """Whether `principal` may change the schema."""
        return self._is_among(principal, self.owners)

    def is_trusted(self, principal: Principal) -> bool:
        """Whether statements of `principal` are not rewritten at all."""
        return self._is_among(principal, self.trusted)

    def _is_among(self, principal: Principal, names: frozenset[str]) -> bool:
        return not names.isdisjoint(_known_as(principal, self.groups_of(principal)))

    def standing_permits(self, principal: Principal, groups: frozenset[str] = frozenset()) -> tuple[Permit, ...]:
        """What `principal` may see without asking; `groups`: those that the application adds to the policy's."""
        known_as = _known_as(principal, self.groups_of(principal) | groups)
        return tuple(
            Permit(
                grant=f"standing:{number}",
                columns=frozenset().union(*(self.scope(scope) for scope in rule.scopes)),
                reason="standing rule of the policy",
            )
            for number, rule in enumerate(self.standing, start=1)
            if not rule.principals.isdisjoint(known_as)
        )

    @staticmethod
    def json_schema() -> dict[str, Any]:
        """The JSON Schema of the policy file, for editors and checks before a commit."""
        from masking.policy_schema import json_schema  # noqa: PLC0415 -- as in `parse`

        return json_schema()


def _known_as(principal: Principal, groups: frozenset[str]) -> frozenset[str]:
    names = {f"group:{group}" for group in groups}
    if not principal.startswith("group:"):  # nobody is a group by calling themselves one
        names.add(str(principal))
    return frozenset(names)


def _column(text: str) -> ColumnName | None:
    try:
        return ColumnName.parse(text)
    except ValueError:
        return None
