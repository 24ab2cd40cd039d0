"""Qualified table and column names: how the policy writes, parses and compares them.

A name here is the policy's spelling. Which relation of a live database it means is
decided by `rewriter.binding`, with the engine's own rules for letter case.
"""

import re
from dataclasses import dataclass
from typing import NewType, Self

Principal = NewType("Principal", str)
"""Whom a statement runs for, e.g. `ana@shop.example` or `service:mailer`."""

_PART = re.compile(r'"(?:[^"\x00]|"")+"|[^\W\d][\w$]*', re.UNICODE)


def _parts(text: str) -> tuple[str, ...]:
    """`crm."Odd Name".born` → `("crm", "Odd Name", "born")`; double quotes are doubled inside a quoted part."""
    parts: list[str] = []
    position = 0
    while True:
        match = _PART.match(text, position)
        if match is None:
            raise ValueError(f"{text!r} is not a name: expected dotted parts such as customers.email")
        part = match.group()
        parts.append(part[1:-1].replace('""', '"') if part[0] == '"' else part)
        position = match.end()
        if position == len(text):
            return tuple(parts)
        if text[position] != ".":
            raise ValueError(f"{text!r} is not a name: expected '.' or the end at character {position + 1}")
        position += 1


def _written(part: str) -> str:
    return part if _PART.fullmatch(part) and part[0] != '"' else '"' + part.replace('"', '""') + '"'


@dataclass(frozen=True, slots=True, order=True)
class TableName:
    """A table as the policy names it; `schema` is empty where the policy leaves it out."""

    schema: str
    name: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """`customers` or `crm.people`.

        Raises:
            ValueError: not one or two dotted parts.
        """
        match _parts(text):
            case (name,):
                return cls("", name)
            case (schema, name):
                return cls(schema, name)
            case _:
                raise ValueError(f"{text!r} is not a table: expected table or schema.table")

    def __str__(self) -> str:
        return ".".join(_written(part) for part in (self.schema, self.name) if part)


@dataclass(frozen=True, slots=True, order=True)
class ColumnName:
    """A column as the policy names it: `customers.email` or `crm.people.born`."""

    table: TableName
    column: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """`customers.email` or `crm.people.born`.

        Raises:
            ValueError: not two or three dotted parts.
        """
        match _parts(text):
            case (table, column):
                return cls(TableName("", table), column)
            case (schema, table, column):
                return cls(TableName(schema, table), column)
            case _:
                raise ValueError(f"{text!r} is not a column: expected table.column or schema.table.column")

    def __str__(self) -> str:
        return f"{self.table}.{_written(self.column)}"
