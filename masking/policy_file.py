"""Reading a policy file: text → the parts of a `Policy`, or a `PolicyError` with every fault and its place.

In this order, each step going on with whatever the one before found sound: YAML, the forms of masks, the shape
(pydantic), then what refers to what. So one reading reports everything.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from masking.document import ApprovalEntry, ColumnEntry, Document, PersonEntry, RoleEntry, StandingEntry, TableEntry
from masking.errors import PolicyError, Problem
from masking.mask_forms import MASKS, FormError, is_mask_form, mask_settings
from masking.masks import Hash
from masking.names import ColumnName, Principal, TableName
from masking.policy import ApprovalRule, BreakGlass, ColumnRule, Escalation, Person, StandingRule, TableRule
from masking.policy_words import said
from masking.references import FILLER, Declared, reference_problems
from masking.yaml_text import Path as FilePath
from masking.yaml_text import YamlText, read_yaml

_ENTRIES: Mapping[str, type[BaseModel]] = {
    "columns": ColumnEntry,
    "tables": TableEntry,
    "people": PersonEntry,
    "roles": RoleEntry,
    "approval": ApprovalEntry,
    "standing": StandingEntry,
}


def read_policy(text: str, *, name: str, folder: Path | None) -> dict[str, Any]:
    """The fields of the `Policy` that `text` writes.

    Raises:
        PolicyError: every fault at once, in the order of the file.
    """
    read = read_yaml(text, name=name)
    problems = read.problems
    if read.data is None:
        read.data = {}
    if not isinstance(read.data, dict):
        problems.append(read.problem((), "a policy is a mapping", "Begin with `columns:`."))
        raise PolicyError(tuple(problems))
    data = dict(read.data)
    for section, written in (("columns", "mask"), ("tables", "default")):
        data[section] = _with_plain_masks(section, written, read=read, folder=folder) if section in data else {}
    declared = Declared.of(read.data)
    document, faulty = _shaped(data, read)
    if document is not None:
        problems.extend(reference_problems(document, replace(declared, faulty=faulty), read))
    if problems or document is None:
        raise PolicyError(tuple(sorted(set(problems), key=lambda problem: (problem.line, problem.column))))
    return _fields(document)


def _with_plain_masks(section: str, written: str, *, read: YamlText, folder: Path | None) -> object:
    """The entries of a section, every mask in its one form; those whose mask has none are left out, with a fault."""
    entries = read.data.get(section) if isinstance(read.data, dict) else None
    if not isinstance(entries, dict):
        return entries if entries is not None else {}
    found: dict[str, object] = {}
    for key, entry in entries.items():
        is_short = section == "columns" and is_mask_form(entry)
        whole = {written: entry} if is_short else entry
        if not isinstance(whole, dict) or written not in whole:
            found[key] = whole
            continue
        try:
            found[key] = {**whole, written: mask_settings(whole[written], folder)}
        except FormError as exc:
            path = (section, key) if is_short else (section, key, written)
            read.problems.append(read.problem(path, exc.message, exc.hint))
    return found


def _shaped(data: dict[str, object], read: YamlText) -> tuple[Document | None, frozenset[FilePath]]:
    """The sound part of `data`, with a fault for each other part, and the paths of the entries that lost something."""
    faulty: set[FilePath] = set()
    for depth in (3, 2, 1):  # what is at fault goes: settings first, then the entries that need them, then sections
        try:
            return Document.model_validate(data), frozenset(faulty)
        except ValidationError as exc:
            details = exc.errors(include_url=False, include_context=True, include_input=False)
        if not faulty:
            read.problems.extend(_shape_problem(detail, read) for detail in details)
        for detail in details:
            faulty.add(detail["loc"][:2])
            data = cast("dict[str, object]", _pruned(data, detail["loc"][:depth]))
    return None, frozenset(faulty)


_GONE = object()
_FILLERS: Mapping[str, dict[str, object]] = {
    "approval": {"scope": FILLER, "auto": True},
    "standing": {"principals": [FILLER], "scopes": [FILLER]},
}
"""What stands in for an entry of a list that went, so that the others keep their places: errors name them."""


def _pruned(value: object, path: FilePath) -> object:
    """`value` less what is at `path`, or less what encloses it where a list would close up."""
    if not path:
        return _GONE
    key, *rest = path
    if isinstance(value, dict) and key in value:
        if isinstance(value[key], list) and len(rest) == 1 and key in _FILLERS:  # an entry, not a setting of one
            entries = value[key]
            return {**value, key: [_FILLERS[str(key)] if i == rest[0] else e for i, e in enumerate(entries)]}
        inner = _pruned(value[key], tuple(rest))
        return {k: inner if k == key else v for k, v in value.items() if k != key or inner is not _GONE}
    if isinstance(value, list) and isinstance(key, int) and key < len(value):
        inner = _pruned(value[key], tuple(rest))
        return _GONE if inner is _GONE else [*value[:key], inner, *value[key + 1 :]]
    return value


def _shape_problem(detail: ErrorDetails, read: YamlText) -> Problem:
    path = _file_path(detail["loc"], read)
    key = str(detail["loc"][-1])
    if detail["type"] == "extra_forbidden":
        close = get_close_matches(key, _known_keys(detail["loc"][:-1]), n=1)
        hint = f"Did you mean {close[0]}?" if close else f"Known here: {', '.join(_known_keys(detail['loc'][:-1]))}."
        return read.problem(path, f"unknown key {key}", hint, is_key=True)
    if detail["type"] == "missing":
        return read.problem(path, f"{key} is missing", f"Add `{key}: …` here.", is_key=True)
    if key == "[key]":
        return read.problem(path, f"not a name: {said(detail)}", "Use letters, digits and . @ + / - _", is_key=True)
    return read.problem(path, f"{key}: {said(detail)}" if isinstance(detail["loc"][-1], str) else said(detail))


def _file_path(path: FilePath, read: YamlText) -> FilePath:
    """`path` through the models as a path through the file, which knows no `kind` and has short forms."""
    found: FilePath = ()
    for part in path:
        if (*found, part) in read.values:
            found = (*found, part)
    return found


def _known_keys(path: FilePath) -> list[str]:
    if not path:
        return list(Document.model_fields)
    if path[-1] in MASKS and len(path) > 2:  # noqa: PLR2004 -- section, entry, then the mask
        return [field for field in MASKS[str(path[-1])].model_fields if field != "kind"]
    entry = _ENTRIES.get(str(path[0]))
    return list(entry.model_fields) if entry is not None else []


def _fields(document: Document) -> dict[str, Any]:
    columns = {
        ColumnName.parse(name): ColumnRule(
            mask=entry.mask, tags=frozenset(entry.tags), lookup=entry.lookup, optional=entry.optional
        )
        for name, entry in document.columns.items()
    }
    tables = {
        TableName.parse(name): TableRule(default=entry.default, clear=frozenset(entry.clear))
        for name, entry in document.tables.items()
    }
    people = {
        Principal(name): Person(groups=frozenset(entry.groups), key=entry.key, notify=entry.notify)
        for name, entry in document.people.items()
    }
    return {
        "version": _version(document),
        "columns": MappingProxyType(columns),
        "tables": MappingProxyType(tables),
        "people": MappingProxyType(people),
        "roles": MappingProxyType({name: entry.scopes for name, entry in document.roles.items()}),
        "database_roles": MappingProxyType(
            {name: entry.database_role for name, entry in document.roles.items() if entry.database_role is not None}
        ),
        "approval": tuple(_approval_rules(document)),
        "standing": tuple(
            StandingRule(principals=frozenset(entry.principals), scopes=entry.scopes) for entry in document.standing
        ),
        "owners": frozenset(document.owners),
        "trusted": frozenset(document.trusted),
        "writes": document.writes,
        "row_order": document.row_order,
        "functions": document.functions,
    }


def _approval_rules(document: Document) -> Iterator[ApprovalRule]:
    for entry in document.approval:
        environments = None if entry.environments is None else frozenset(entry.environments)
        urgent = None if entry.break_glass is None else BreakGlass(**dict(entry.break_glass))
        late = None if entry.escalation is None else Escalation(**dict(entry.escalation))
        yield ApprovalRule(**{**dict(entry), "environments": environments, "break_glass": urgent, "escalation": late})


def _version(document: Document) -> str:
    """A hash of what the policy means: not of its layout, nor of the order of what has no order."""
    content = document.model_dump(mode="json")
    for section, written in (("columns", "mask"), ("tables", "default")):
        for name, entry in getattr(document, section).items():
            mask = getattr(entry, written)
            if isinstance(mask, Hash):
                content[section][name][written] = {"kind": "hash", "id": mask.id}
    for name, role in document.roles.items():
        if role.database_role is None:  # as it was before roles had a long form
            content["roles"][name] = list(role.scopes)
    for entry in (*content["columns"].values(), *content["tables"].values(), *content["people"].values()):
        entry.update({key: sorted(set(entry[key])) for key in ("tags", "clear", "groups") if key in entry})
    for key in ("owners", "trusted", "functions"):
        content[key] = sorted(set(content[key]))
    canonical = json.dumps(content, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return "v1:" + hashlib.sha256(canonical.encode()).hexdigest()[:32]
