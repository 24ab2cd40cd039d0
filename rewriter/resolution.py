"""Which relation a name in a statement means, by the engine's own rules for letter case, qualifiers and search path."""

from dataclasses import dataclass
from typing import NamedTuple

from masking.types import Dialect
from rewriter.schema import Catalog, Relation

_SYSTEM_SCHEMAS: dict[Dialect, frozenset[str]] = {
    "postgresql": frozenset({"pg_catalog", "information_schema", "pg_toast"}),
    "mysql": frozenset({"information_schema", "mysql", "performance_schema", "sys"}),
    "sqlite": frozenset(),
    "duckdb": frozenset({"information_schema", "pg_catalog", "system", "temp.information_schema"}),
}
_SYSTEM_PREFIXES: dict[Dialect, tuple[str, ...]] = {
    "postgresql": ("pg_",),
    "mysql": (),
    "sqlite": ("sqlite_", "pragma_", "dbstat", "bytecode", "tables_used"),
    "duckdb": ("duckdb_", "pragma_", "sqlite_", "pg_"),
}


_ASCII_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}
"""SQLite and DuckDB take `É` and `é` for two names."""


class Part(NamedTuple):
    """One dotted part of a name as the statement writes it."""

    text: str
    is_quoted: bool


@dataclass(frozen=True, slots=True)
class SystemRelation:
    """A name that means one of the engine's own catalogs."""

    schema: str
    name: str


_MOST_KEPT = 10_000
"""Names whose meaning a resolver keeps: written in other letter case, one relation has many."""


class Resolver:
    """Name look-ups over one catalog, its folded index built once."""

    __slots__ = ("_index", "_known", "catalog", "dialect")

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self.dialect = catalog.dialect
        self._known: dict[tuple[Part, ...], Relation | SystemRelation] = {}
        self._index = {self._folded_key(r.schema, r.name): r for r in catalog.relations.values()}

    def _folded_key(self, schema: str, name: str) -> tuple[str, str]:
        return (self.fold_relation(Part(schema, is_quoted=True)), self.fold_relation(Part(name, is_quoted=True)))

    def fold_relation(self, part: Part) -> str:
        """A table or schema name in the form in which the engine compares it."""
        match self.dialect:
            case "postgresql":
                return part.text if part.is_quoted else part.text.lower()
            case "mysql":
                return part.text if self.catalog.is_table_case_sensitive else part.text.lower()
            case "sqlite" | "duckdb":
                return part.text.translate(_ASCII_LOWER)

    def resolve(self, parts: tuple[Part, ...]) -> Relation | SystemRelation | None:
        """The relation that dotted `parts` mean; None where the catalog knows none."""
        known = self._known.get(parts)
        if known is None:
            known = self._resolved(parts)
            if known is not None and len(self._known) < _MOST_KEPT:
                self._known[parts] = known
        return known

    def _resolved(self, parts: tuple[Part, ...]) -> Relation | SystemRelation | None:
        system = self._system(parts)
        folded = tuple(self.fold_relation(part) for part in parts)
        if system is not None and self.dialect == "postgresql":
            # A user's table may begin like PostgreSQL's own; where it has one of the name, that comes first.
            is_own = len(parts) > 1 or not self.catalog.catalogs or ("pg_catalog", system.name) in self.catalog.catalogs
            own = self.catalog.catalogs.get((system.schema, folded[-1]))
            user = None if is_own else self._user_relation(folded)
            return user or (own if own is not None and own.columns else system)
        return self._user_relation(folded) or system

    def _system(self, parts: tuple[Part, ...]) -> SystemRelation | None:
        names = tuple(part.text.lower() for part in parts)
        name = names[-1]
        schema = names[-2] if len(names) > 1 else ""
        if schema in _SYSTEM_SCHEMAS[self.dialect]:
            return SystemRelation(schema, name)
        is_bare = not schema or self.dialect in ("sqlite", "duckdb")
        if is_bare and name.startswith(_SYSTEM_PREFIXES[self.dialect]):
            return SystemRelation("pg_catalog" if self.dialect == "postgresql" else "", name)
        if not schema and self.catalog.default_schema.lower() in _SYSTEM_SCHEMAS[self.dialect]:
            return SystemRelation(self.catalog.default_schema.lower(), name)
        return None

    def _user_relation(self, names: tuple[str, ...]) -> Relation | None:
        match names:
            case (name,):
                found = (self._find(schema, name) for schema in self.catalog.search_path)
                return next((relation for relation in found if relation is not None), None)
            case (schema, name):
                return self._find(schema, name) or self._in_database(schema, "main", name)
            case (database, schema, name):
                return self._in_database(database, schema, name)
            case _:
                return None

    def _in_database(self, database: str, schema: str, name: str) -> Relation | None:
        if self.dialect not in ("duckdb", "postgresql"):
            return None
        if database == self.fold_relation(Part(self.catalog.database, is_quoted=True)):
            return self._find(schema, name)
        return self._find(f"{database}.{schema}", name) if self.dialect == "duckdb" else None

    def _find(self, schema: str, name: str) -> Relation | None:
        return self._index.get((self.fold_relation(Part(schema, is_quoted=True)), name))
