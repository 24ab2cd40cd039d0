"""The schema as the engine sees it, as frozen data: relations, columns, keys, views, search path, functions.

Pure: `rewriter.catalog` fills it from a live database. Name resolution here is the engine's own rule.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from masking.types import ColumnType, Dialect


class RelationKind(StrEnum):
    """What a relation is, as far as scans differ."""

    TABLE = "table"
    VIEW = "view"
    MATERIALIZED_VIEW = "materialized view"
    VIRTUAL = "virtual table"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column, spelled as the database spells it. `is_hidden`: not part of `SELECT *`.

    `generation`: the expression of a generated column, which reads other columns of the row; None for an ordinary one,
    empty where there is one that the database does not show. `has_row_default`: its default value may read others.
    `has_default`: a row that does not name it may get a value that another row has, too.
    """

    name: str
    type: ColumnType
    is_hidden: bool = False
    generation: str | None = None
    has_row_default: bool = False
    has_default: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """A table or view.

    `schema`: for DuckDB's attached databases other than the current one `database.schema`. `columns`: in the table's
    order. `foreign_keys`: names of columns in a foreign key, or referenced by one. `definition`: the SELECT of a view,
    as the database gives it; None where it cannot be read. PostgreSQL's is read under an empty search path: names in it
    are qualified, but for those of `pg_catalog` and of the session's own `pg_temp`.
    `view_columns`: the view's column list where the definition does not carry the names (`CREATE VIEW v(a, b)`).
    `row_key`: the column that SQLite's `rowid` is another name of.
    `depends_on`: relations that a view or materialized view reads directly, by the database's own dependency catalog
    where it has one, else None. `parents`: tables that it inherits from or is a partition of. For a virtual table
    `definition` is its CREATE statement, and each table that its module keeps its content in is `shadow_of` it.
    `needs_owner`: a view that reads what this session's role may not read, or not every row of. `numbers`: PostgreSQL's
    own numbers of the columns, and behind them that of the relation, which stay when names change. `unique_keys`: the
    columns of each unique index but the primary key's, on engines that have REPLACE; an empty name stands for an
    expression, a part of a value, another order than the column's, a condition.
    """

    schema: str
    name: str
    kind: RelationKind
    columns: tuple[Column, ...]
    primary_key: tuple[str, ...] = ()
    foreign_keys: frozenset[str] = frozenset()
    definition: str | None = None
    view_columns: tuple[str, ...] = ()
    depends_on: frozenset[tuple[str, str]] | None = None
    parents: frozenset[tuple[str, str]] = frozenset()
    is_temporary: bool = False
    has_rowid: bool = False
    row_key: str | None = None
    shadow_of: tuple[str, str] | None = None
    needs_owner: bool = False
    numbers: tuple[int, ...] = ()
    unique_keys: tuple[tuple[str, ...], ...] = ()
    key: tuple[str, str] = field(init=False, repr=False, compare=False)
    """`(schema, name)`, as the database spells them."""
    words: frozenset[str] = field(init=False, repr=False, compare=False)
    """The columns' names in lower case."""
    spellings: frozenset[str] = field(init=False, repr=False, compare=False)
    """The same as the database spells them."""
    hidden: frozenset[str] = field(init=False, repr=False, compare=False)
    """Those of the columns that `SELECT *` leaves out."""

    def __post_init__(self) -> None:
        hidden = [column.name.lower() for column in self.columns if column.is_hidden]
        object.__setattr__(self, "key", (self.schema, self.name))
        object.__setattr__(self, "words", frozenset([column.name.lower() for column in self.columns]))
        object.__setattr__(self, "spellings", frozenset([column.name for column in self.columns]))
        object.__setattr__(self, "hidden", frozenset(hidden))


@dataclass(frozen=True, slots=True)
class Definition:
    """What a function or operator that someone made runs, in all its overloads, and between which types."""

    texts: tuple[str, ...]
    types: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """One database's schema at one instant.

    `catalogs`: PostgreSQL's own relations in `pg_catalog`, those with columns that hold values or measures with all
    their columns. `database`: current database (MySQL: the default database, DuckDB: the current catalog).
    `search_path`: schemas in which an unqualified name is looked up, in order, the implicit ones (PostgreSQL's
    `pg_temp`, `pg_catalog`; SQLite's `temp`) included where the engine searches them. `builtins`: lower-case names of
    the engine's own functions that are known not to read tables, files or other sessions by name or text, without those
    that someone overloads or overrides; those of extensions also as `schema.name`. `user_functions`: lower-case names
    of functions, macros, aggregates that are not the engine's own, and operators among them as `operator ===`.
    `conversions`: type in lower case → expressions that the engine runs where a value becomes one (checks of domains,
    casts that someone made); an empty name stands for what it does unasked, `=` for what it does where a value is
    stored.
    `definitions`: those of `user_functions` of which it can be read what they run.
    `is_table_case_sensitive`: MySQL with lower_case_table_names=0. `is_mariadb`: of the servers of MySQL's dialect.
    """

    dialect: Dialect
    database: str
    search_path: tuple[str, ...]
    relations: Mapping[tuple[str, str], Relation]
    catalogs: Mapping[tuple[str, str], Relation] = field(default_factory=dict)
    builtins: frozenset[str] = frozenset()
    user_functions: frozenset[str] = frozenset()
    conversions: Mapping[str, frozenset[str]] = field(default_factory=dict)
    definitions: Mapping[str, Definition] = field(default_factory=dict)
    is_table_case_sensitive: bool = True
    is_mariadb: bool = False
    server_version: tuple[int, ...] = ()
    version: str = ""
    default_schema: str = field(default="")
