"""What a generated statement may read: the tables and views of a schema, and how their names may be spelled."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

from masking.types import Dialect
from rewriter.binding import quoted
from rewriter.proof.terms import Kind


@dataclass(frozen=True, slots=True)
class Column:
    """A column as its table spells it."""

    name: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Relation:
    """A table, view or common table expression.

    `key`: columns that tell its rows apart, None where nothing does. `schema`: empty for an expression. `is_on_path`:
    whether its bare name is enough. `is_table`: whether what only a base table can carry may stand with it.
    """

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] | None = None
    schema: str = ""
    is_on_path: bool = True
    is_table: bool = False


@dataclass(frozen=True, slots=True)
class Source:
    """One item of FROM. `spoken`: what references to its columns begin with, as written."""

    spoken: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """A table that statements may write, and what they may assign there.

    `plain` and `masked`: columns besides the key. `number`: its key, where that is one number, so that new rows can be
    told from those that there are.
    """

    relation: Relation
    plain: tuple[Column, ...]
    masked: tuple[Column, ...]
    number: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """What statements of one engine speak of.

    `sensitive`: those of `relations` with masked columns; there is at least one. `targets`: tables to write.
    `literals`: SQL of values that cells may hold, raw and masked. `patterns`: what texts are matched with. `reserved`:
    lower-case words that are a name only in quotes. `is_pinned`: the policy pins the order of rows, under which index
    hints, and writes that return or count rows, are refused.
    """

    dialect: Dialect
    database: str
    relations: tuple[Relation, ...]
    sensitive: tuple[Relation, ...]
    targets: tuple[Target, ...]
    literals: Mapping[Kind, tuple[str, ...]]
    patterns: tuple[str, ...]
    reserved: frozenset[str] = frozenset()
    is_pinned: bool = False


_QUOTES: dict[Dialect, tuple[str, ...]] = {
    "postgresql": ('""',),
    "mysql": ("``",),
    "sqlite": ('""', "``", "[]"),
    "duckdb": ('""',),
}


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
    """Decides everything that is left open, from one source of chance; writes names as its engine may take them.

    `unseen`: how many of the `expressions`, the first, cannot be read where the statement stands.
    """

    random: Random
    vocabulary: Vocabulary
    names: int = 0
    expressions: list[Relation] = field(default_factory=list)
    unseen: int = 0

    @property
    def dialect(self) -> Dialect:
        """The engine's SQL."""
        return self.vocabulary.dialect

    def is_drawn(self, share: float) -> bool:
        """True in `share` of all draws."""
        return self.random.random() < share

    def one(self, choices: Sequence[str]) -> str:
        """One of some texts."""
        return self.random.choice(choices)

    def is_for(self, *dialects: Dialect) -> bool:
        """Whether statements are for one of some engines."""
        return self.dialect in dialects

    def literal(self, kind: Kind) -> str:
        """A value of that kind."""
        return self.one(self.vocabulary.literals[kind])

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
        """A qualifier for a relation, with its dot; DuckDB's may name the database, or it alone."""
        schema = self.table(relation.schema)
        if not self.is_for("duckdb"):
            return f"{schema}."
        database = self.table(self.vocabulary.database)
        forms = [schema, f"{database}.{schema}"] + [database] * (relation.schema == "main")
        return f"{self.one(forms)}."

    def _spelled(self, name: str, *, is_case_free: bool) -> str:
        folds = is_case_free or self.is_for("postgresql")
        is_plain = name.isidentifier() and (is_case_free or name == name.lower() or not folds)
        is_plain = is_plain and name.lower() not in self.vocabulary.reserved
        choice = self.random.random()
        if is_plain and choice < 0.75:
            return name
        if is_plain and folds and name.isascii() and choice < 0.85:
            return self.one((name.upper(), name.capitalize()))
        if any(quote in name for quote in '"`[]'):
            return quoted(name, self.dialect)
        quotes = self.one(_QUOTES[self.dialect])
        return f"{quotes[0]}{name}{quotes[1]}"
