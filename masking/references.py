"""What a policy refers to must be there: columns, tags, roles, groups, people, and the parts of expression masks."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from difflib import get_close_matches

from masking.document import ApprovalEntry, Document
from masking.errors import PolicyError, Problem
from masking.masks import Expression
from masking.names import ColumnName, TableName
from masking.yaml_text import Path, YamlText

FILLER = "-"
"""The scope of an entry that stands in for a faulty one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """Every name that the file declares, also in entries with other faults: each fault is reported once, at its cause.

    `faulty`: paths of the entries that have other faults and lost what is at fault.
    """

    columns: frozenset[ColumnName]
    tables: Mapping[TableName, frozenset[str]]
    tags: frozenset[str]
    roles: frozenset[str]
    people: frozenset[str]
    groups: frozenset[str]
    faulty: frozenset[Path] = frozenset()

    @classmethod
    def of(cls, data: Mapping[str, object]) -> "Declared":
        """The names that `data`, a policy file's content, declares."""
        columns, tables, people = (_entries(data, section) for section in ("columns", "tables", "people"))
        named = {_table(name): _texts(entry, "clear") for name, entry in tables.items()}
        return cls(
            columns=frozenset(c for c in map(_column, columns) if c is not None),
            tables={table: clear for table, clear in named.items() if table is not None},
            tags=frozenset().union(*(_texts(entry, "tags") for entry in columns.values())),
            roles=frozenset(_entries(data, "roles")),
            people=frozenset(people),
            groups=frozenset().union(*(_texts(entry, "groups") for entry in people.values())),
        )

    def is_sensitive(self, column: ColumnName) -> bool:
        """Whether the file gives `column` a mask."""
        return column in self.columns or (
            column.table in self.tables and column.column not in self.tables[column.table]
        )

    def scopes(self) -> list[str]:
        """Every scope that can be named, for hints."""
        names = [f"tag:{tag}" for tag in self.tags] + [f"role:{role}" for role in self.roles]
        return sorted([*map(str, self.columns), *names])


def _entries(data: Mapping[str, object], section: str) -> Mapping[str, object]:
    entries = data.get(section)
    return entries if isinstance(entries, Mapping) else {}


def _texts(entry: object, key: str) -> frozenset[str]:
    values = entry.get(key) if isinstance(entry, Mapping) else None
    return frozenset(v for v in values if isinstance(v, str)) if isinstance(values, list) else frozenset()


def _column(text: str) -> ColumnName | None:
    try:
        return ColumnName.parse(text)
    except ValueError:
        return None


def _table(text: str) -> TableName | None:
    try:
        return TableName.parse(text)
    except ValueError:
        return None


def reference_problems(document: Document, declared: Declared, read: YamlText) -> Iterator[Problem]:
    """A fault for each reference that leads nowhere, and each rule that can never hold."""
    yield from _column_problems(document, read)
    yield from _table_problems(document, declared, read)
    yield from _people_problems(document, read)
    yield from _role_problems(document, declared, read)
    for index, rule in enumerate(document.approval):
        if rule.scope != FILLER:
            yield from _scope_problems(rule.scope, ("approval", index, "scope"), declared=declared, read=read)
            yield from _approval_problems(rule, ("approval", index), (document, declared, read))
    for index, standing in enumerate(document.standing):
        for number, scope in enumerate(standing.scopes):
            if scope != FILLER:
                yield from _scope_problems(scope, ("standing", index, "scopes", number), declared=declared, read=read)
    for index, function in enumerate(document.functions):
        if not _is_function(function):
            hint = "Write its name without parentheses, like public.order_score, or `operator ===`."
            yield read.problem(("functions", index), f"not a function's name: {function}", hint)


def _role_problems(document: Document, declared: Declared, read: YamlText) -> Iterator[Problem]:
    for role, entry in document.roles.items():
        is_long = ("roles", role, "scopes") in read.values
        path: Path = ("roles", role, "scopes") if is_long else ("roles", role)
        for index, scope in enumerate(entry.scopes):
            yield from _scope_problems(scope, (*path, index), declared=declared, read=read)
            if scope.startswith("role:"):
                hint = "Name the columns and tags that it bundles."
                yield read.problem((*path, index), "a role cannot bundle roles", hint)


def _is_function(text: str) -> bool:
    is_operator = text.startswith("operator ") and not text.removeprefix("operator ").strip("+-*/<>=~!@#%^&|`?")
    return is_operator or _table(text) is not None or _column(text) is not None


def _column_problems(document: Document, read: YamlText) -> Iterator[Problem]:
    seen: dict[ColumnName, str] = {}
    for text, entry in document.columns.items():
        name = _column(text)
        path: Path = ("columns", text)
        if name is None:
            hint = "Write table.column or schema.table.column; odd names go between double quotes inside single ones."
            yield read.problem(path, f"not a column's name: {text}", hint, is_key=True)
        elif name in seen:
            yield read.problem(path, f"{text} is there twice", f"It is {seen[name]} again: join them.", is_key=True)
        else:
            seen[name] = text
        if isinstance(entry.mask, Expression):
            from masking.formula import parse_formula  # noqa: PLC0415 -- parses SQL: not needed by most users

            try:
                parse_formula(entry.mask.sql)
            except PolicyError as exc:
                place = ("columns", text, "mask") if ("columns", text, "mask") in read.values else path
                yield from (read.problem(place, problem.message, problem.hint) for problem in exc.problems)


def _table_problems(document: Document, declared: Declared, read: YamlText) -> Iterator[Problem]:
    for text, entry in document.tables.items():
        name = _table(text)
        path: Path = ("tables", text)
        if name is None:
            hint = "Write table or schema.table."
            yield read.problem(path, f"not a table's name: {text}", hint, is_key=True)
            continue
        for index, column in enumerate(entry.clear):
            if ColumnName(name, column) in declared.columns:
                hint = "Remove it here, or remove its rule under `columns:`."
                yield read.problem((*path, "clear", index), f"{column} is both clear and sensitive", hint)
        if isinstance(entry.default, Expression):
            hint = "One expression cannot yield every column's type: give the columns their own rules."
            yield read.problem((*path, "default"), "a closed table's default cannot be an expression", hint)


def _people_problems(document: Document, read: YamlText) -> Iterator[Problem]:
    owners: dict[str, str] = {}
    for name, person in document.people.items():
        path: Path = ("people", name)
        if name.startswith("group:"):
            hint = "Put people in a group with `groups: [name]`."
            yield read.problem(path, "a person's name cannot begin with group:", hint, is_key=True)
        if person.key is None:
            continue
        key = " ".join(person.key.split()[:2])
        if key in owners:
            hint = "A signature must say who signed: give each person a key of their own."
            yield read.problem((*path, "key"), f"{name} and {owners[key]} have the same key", hint)
        owners[key] = name


def _scope_problems(scope: str, path: Path, *, declared: Declared, read: YamlText) -> Iterator[Problem]:
    kind, separator, name = scope.partition(":")
    if separator and kind in {"tag", "role"}:
        if name not in (declared.tags if kind == "tag" else declared.roles):
            yield read.problem(path, f"there is no {kind} {name}", _close(scope, declared.scopes()))
        return
    column = _column(scope)
    if column is None or not declared.is_sensitive(column):
        hint = _close(scope, declared.scopes()) or "Name a sensitive column, tag:… or role:…."
        yield read.problem(path, f"{scope} is no scope of this policy", hint)


def _close(text: str, known: Iterable[str]) -> str:
    close = get_close_matches(text, list(known), n=1)
    return f"Did you mean {close[0]}?" if close else ""


def _approval_problems(
    rule: ApprovalEntry, path: Path, context: tuple[Document, Declared, YamlText]
) -> Iterator[Problem]:
    document, declared, read = context
    for index, approver in enumerate(rule.approvers):
        yield from _approver_problems(approver, (*path, "approvers", index), declared=declared, read=read)
    yield from _exception_problems(rule, path, declared=declared, read=read)
    if path in declared.faulty:
        return
    if rule.auto and rule.approvers:
        hint = "With `auto: true` nobody needs to approve: remove one of the two."
        yield read.problem((*path, "approvers"), "a rule is automatic or has approvers, not both", hint)
    if not rule.auto and not rule.approvers:
        hint = "Add `approvers: [group:…]`, or `auto: true`."
        yield read.problem(path, "a rule that nobody can approve", hint)
    if rule.default_duration is not None and rule.default_duration > rule.max_duration:
        hint = "Lower it, or raise max_duration (8h where it is left out)."
        yield read.problem((*path, "default_duration"), "default_duration is longer than max_duration", hint)
    able = _able(rule, document)
    is_complete = len(declared.people) == len(document.people)
    if not rule.auto and is_complete and 0 < able < rule.required:
        hint = f"Only {able} of `people:` may approve it: lower `required`, or add people."
        yield read.problem((*path, "required"), f"{rule.required} approvers are required", hint)


_LONGEST_BREAK_GLASS = timedelta(hours=1)


def _exception_problems(rule: ApprovalEntry, path: Path, *, declared: Declared, read: YamlText) -> Iterator[Problem]:
    """Faults of `break_glass` and `escalation`."""
    urgent, late = rule.break_glass, rule.escalation
    for index, name in enumerate(urgent.principals if urgent else ()):
        yield from _approver_problems(name, (*path, "break_glass", "principals", index), declared=declared, read=read)
    for index, name in enumerate(late.approvers if late else ()):
        yield from _approver_problems(name, (*path, "escalation", "approvers", index), declared=declared, read=read)
    if rule.auto and (urgent or late):
        hint = "With `auto: true` nobody waits for anybody: remove `break_glass` and `escalation`."
        yield read.problem(
            (*path, "break_glass" if urgent else "escalation"), "an automatic rule has no exceptions", hint
        )
    if urgent and urgent.max_duration > _LONGEST_BREAK_GLASS:
        hint = "Who breaks the glass does so for minutes: write 1h or less."
        yield read.problem((*path, "break_glass", "max_duration"), "break-glass is longer than an hour", hint)


def _approver_problems(approver: str, path: Path, *, declared: Declared, read: YamlText) -> Iterator[Problem]:
    kind, separator, group = approver.partition(":")
    is_group = bool(separator) and kind == "group"
    if (group if is_group else approver) not in (declared.groups if is_group else declared.people):
        hint = _close(approver, [*declared.people, *(f"group:{name}" for name in declared.groups)])
        message = f"nobody is in the group {group}" if is_group else f"{approver} is not among the people"
        yield read.problem(path, message, hint or "Add them under `people:`.")


def _able(rule: ApprovalEntry, document: Document) -> int:
    """How many people may approve under `rule`."""
    names = set(rule.approvers)
    return sum(
        name in names or any(f"group:{group}" in names for group in person.groups)
        for name, person in document.people.items()
    )
