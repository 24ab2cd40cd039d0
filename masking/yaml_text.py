"""YAML text → plain data, with the place of every key and value, and every fault of the text itself.

Nothing is built but strings, numbers, booleans, dates, lists and mappings with text keys. Duplicate keys, which YAML
libraries let win silently, are faults.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import yaml

from masking.errors import Problem

Path: TypeAlias = tuple[str | int, ...]
"""From the top of the file to a value: `("columns", "customers.email", "tags", 0)`."""
MAX_CHARACTERS = 4_000_000
MAX_DEPTH = 20
MAX_NODES = 400_000
"""Beyond these a text is refused: aliases can make a short text mean a huge one."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands, counted from 1."""

    line: int
    column: int


@dataclass(slots=True)
class YamlText:
    """What a text means, and where it says so. Filled once by `read_yaml`, then only read.

    `keys` and `values`: path → place of the key, of the value.
    """

    name: str
    data: object = None
    keys: dict[Path, Place] = field(default_factory=dict)
    values: dict[Path, Place] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    nodes: int = 0

    def problem(self, path: Path, message: str, hint: str = "", *, is_key: bool = False) -> Problem:
        """A fault at the value at `path`, or at its key; where the text has no such value, at what encloses it."""
        while path and path not in self.values:
            path = path[:-1]
        places: Mapping[Path, Place] = self.keys if is_key and path in self.keys else self.values
        place = places.get(path, Place(1, 1))
        return Problem(message=message, hint=hint, file=self.name, line=place.line, column=place.column)


def read_yaml(text: str, *, name: str) -> YamlText:
    """`text` taken apart; faults are in `.problems`, and what they concern is left out of `.data`."""
    read = YamlText(name)
    if len(text) > MAX_CHARACTERS:
        read.problems.append(Problem(message="the file is too long", hint="Split the policy.", file=name))
        return read
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark or exc.context_mark
        place = Place(mark.line + 1, mark.column + 1) if mark else Place(1, 1)
        message = f"not YAML: {exc.problem or exc.context}"
        hint = "Check quotes, colons and the indentation; text with special characters goes between double quotes."
        read.problems.append(Problem(message=message, hint=hint, file=name, line=place.line, column=place.column))
        return read
    except yaml.YAMLError as exc:
        hint = "Remove control characters."
        read.problems.append(Problem(message=f"not YAML: {type(exc).__name__}", hint=hint, file=name))
        return read
    except RecursionError:
        read.problems.append(Problem(message="nested too deep", hint="A policy has five levels.", file=name))
        return read
    read.data = _value(node, (), read) if node is not None else None
    return read


def _value(node: yaml.Node, path: Path, read: YamlText) -> object:
    read.values[path] = Place(node.start_mark.line + 1, node.start_mark.column + 1)
    read.nodes += 1
    if len(path) > MAX_DEPTH or read.nodes > MAX_NODES:
        if read.nodes <= MAX_NODES + 1:
            read.problems.append(read.problem(path, "nested too deep, or too much of it", "Use no nested aliases."))
            read.nodes = MAX_NODES + 1
        return None
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, path, read)
    if isinstance(node, yaml.SequenceNode):
        return [_value(item, (*path, index), read) for index, item in enumerate(node.value)]
    return _scalar(node, path, read)


def _problem_at(place: Place, message: str, hint: str, *, read: YamlText) -> Problem:
    return Problem(message=message, hint=hint, file=read.name, line=place.line, column=place.column)


def _mapping(node: yaml.MappingNode, path: Path, read: YamlText) -> dict[str, object]:
    found: dict[str, object] = {}
    for key_node, value_node in node.value:
        key = key_node.value if isinstance(key_node, yaml.ScalarNode) else None
        place = Place(key_node.start_mark.line + 1, key_node.start_mark.column + 1)
        if key is None:
            read.problems.append(_problem_at(place, "a key must be text", "Write `name: value`.", read=read))
        elif key in found:
            first = read.keys[*path, key]
            hint = f"It stands on line {first.line} already, and only one of the two can hold: remove or join them."
            read.problems.append(_problem_at(place, f"{key} is there twice", hint, read=read))
        else:
            read.keys[*path, key] = place
            found[key] = _value(value_node, (*path, key), read)
    return found


def _scalar(node: yaml.Node, path: Path, read: YamlText) -> object:
    constructor = yaml.constructor.SafeConstructor()
    try:
        return constructor.construct_object(node)
    except (yaml.YAMLError, ValueError, OverflowError) as exc:
        hint = "Put the value between double quotes."
        read.problems.append(read.problem(path, f"not a value: {type(exc).__name__}", hint))
        return None
