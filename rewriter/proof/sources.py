"""What a generated statement may read: the tables and views of the replica, and how their names may be spelled."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from masking.types import Dialect
from tests.rewriter.generator_terms import Kind


@dataclass(frozen=True, slots=True)
class Column:
    """A column as its table spells it."""

    name: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Relation:
    """A table, view or common table expression. `key`: columns that tell its rows apart, None where nothing does."""

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] | None = None
    schema: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """One item of FROM. `spoken`: what references to its columns begin with, as written."""

    spoken: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] | None = None


def _relation(name: str, columns: str, key: str | None = "id", *, schema: str = "") -> Relation:
    """From `name kind, name kind`."""
    pairs = (pair.split(" ") for pair in columns.split(", "))
    kinds: dict[str, Kind] = {
        "text": "text",
        "int": "int",
        "num": "num",
        "date": "date",
        "stamp": "stamp",
        "bool": "bool",
    }
    named = tuple(Column(name.replace("_of_", " "), kinds[kind]) for name, kind in pairs)
    return Relation(name, named, (key,) if key else None, schema)


_COMMON = (
    _relation(
        "customers",
        "id int, name text, email text, ssn text, phone text, born date, created stamp, salary num, score int, "
        "city text, active bool",
    ),
    _relation("customers2", "id int, email text, ssn text, score int"),
    _relation("employees", "id int, manager_id int, name text, email text"),
    _relation("employees2", "id int, email text, score int"),
    _relation("cards", "id int, customer_id int, number text"),
    _relation("orders", "id int, customer_id int, total num, placed date, note text"),
    _relation("active_customers", "id int, name text, email text"),
    _relation("named_customers", "id int, mail text, total num", None),
    _relation("order_totals", "customer_id int, spent num", "customer_id"),
    _relation("mails_per_city", "city text, email text, n int", None),
)
_OWN: dict[Dialect, tuple[Relation, ...]] = {
    "postgresql": (
        _relation("events", "id int, kind text, secret text"),
        _relation("events_a", "id int, kind text, secret text"),
        _relation("people", "id int, name text", schema="crm"),
        _relation("customers", "id int, email text", schema="crm"),
        _relation("Odd Table", "id int, Secret_of_Code text"),
    ),
    "mysql": (_relation("things", "id int, payload text"),),
    "sqlite": (_relation("codes", "code text", None), _relation("things", "id int, handle text")),
    "duckdb": (),
}
_SCHEMAS: dict[Dialect, tuple[str, ...]] = {
    "postgresql": ("public", '"public"', "PUBLIC"),
    "mysql": ("unmask_raw", "`unmask_raw`"),
    "sqlite": ("main", '"MAIN"', "[main]"),
    "duckdb": ("main", "memory.main", "memory"),
}
_QUOTES: dict[Dialect, tuple[str, ...]] = {
    "postgresql": ('""',),
    "mysql": ("``",),
    "sqlite": ('""', "``", "[]"),
    "duckdb": ('""',),
}


def relations(dialect: Dialect) -> tuple[Relation, ...]:
    """What the replica has on an engine; the first ones have masked columns."""
    return _COMMON + _OWN[dialect]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What terms at one place may refer to.

    `merged`: columns that a join made one of two. `outer`: sources of the queries around. `grouped`: the terms that are
    the same within a group, None outside grouped queries. `is_windowed`: whether window calls may stand here. `depth`:
    how deep the queries below may nest.
    """

    sources: tuple[Source, ...] = ()
    merged: tuple[Column, ...] = ()
    outer: tuple[Source, ...] = ()
    grouped: tuple[tuple[str, Kind], ...] | None = None
    is_windowed: bool = False
    depth: int = 0

    def is_unique(self, name: str) -> bool:
        """Whether a column of that name belongs to one source alone."""
        return sum(column.name == name for source in self.sources for column in source.columns) == 1


@dataclass(frozen=True, slots=True)
class Query:
    """A query's text and its output columns."""

    sql: str
    columns: tuple[Column, ...]


@dataclass(slots=True)
class Chance:
    """Decides everything that is left open, from one source of chance; writes names as its engine may take them."""

    random: Random
    dialect: Dialect
    names: int = 0
    expressions: list[Relation] = field(default_factory=list)

    def is_drawn(self, share: float) -> bool:
        """True in `share` of all draws."""
        return self.random.random() < share

    def one(self, choices: Sequence[str]) -> str:
        """One of some texts."""
        return self.random.choice(choices)

    def is_for(self, *dialects: Dialect) -> bool:
        """Whether statements are for one of some engines."""
        return self.dialect in dialects

    def fresh(self) -> str:
        """A name that no other part of the statement has."""
        self.names += 1
        return self.one((f"a{self.names}", f"t{self.names}", f"Mixed {self.names}", f"x_{self.names}"))

    def column(self, name: str) -> str:
        """A column's name: letter case and quotes as the engine allows."""
        return self._spelled(name, is_case_free=self.dialect != "postgresql")

    def table(self, name: str) -> str:
        """A table's name or alias; MySQL tells letter case apart there."""
        return self._spelled(name, is_case_free=self.dialect in ("sqlite", "duckdb"))

    def schema(self, relation: Relation) -> str:
        """A qualifier for a relation, with its dot."""
        return f"{relation.schema or self.one(_SCHEMAS[self.dialect])}."

    def _spelled(self, name: str, *, is_case_free: bool) -> str:
        is_plain = name.isidentifier() and (is_case_free or name == name.lower())
        folds = is_case_free or self.dialect == "postgresql"
        choice = self.random.random()
        if is_plain and choice < 0.75:
            return name
        if is_plain and folds and choice < 0.85:
            return self.one((name.upper(), name.capitalize()))
        quotes = self.one(_QUOTES[self.dialect])
        return f"{quotes[0]}{name}{quotes[1]}"
