"""The policy bound to one live schema: which relations need masking, and the expression of every masked column.

Binding is where a misspelt policy is found out: a table or column that the policy names and the database lacks, a mask
that cannot yield its column's type, or one that would make two keys equal, is a `PolicyError`.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from masking import ColumnName, Mask, Policy, PolicyError, Problem, TableName, mask_expression
from masking.masks import Constant, Expression, Hash, Null
from masking.names import Principal
from masking.types import Dialect, Kind
from rewriter.column_rules import (
    Rules,
    inherit,
    masks_by_relation,
    open_ended,
    order_problems,
    plain_parents,
    spoken_names,
    unmasked_parents,
)
from rewriter.resolution import Resolver
from rewriter.schema import Catalog, Column, Relation
from rewriter.system_catalogs import measured_columns

_WORD = re.compile(r"[^\W\d][\w$]*")

_SYSTEM_COLUMNS: dict[Dialect, tuple[str, ...]] = {
    "postgresql": ("ctid", "xmin", "xmax", "cmin", "cmax", "tableoid"),
    "mysql": (),
    "sqlite": ("rowid", "oid", "_rowid_"),
    "duckdb": ("rowid",),
}


@dataclass(frozen=True, slots=True)
class BoundColumn:
    """One column of a protected relation.

    `word`: its name in lower case, as `Mentions` compares names. `sql`: its quoted name. `name`: how the policy calls
    it, `mask`: its masked expression, and `form`: what that spells; None for a column that is not sensitive.
    `generation`: the expression of a generated column that reads a masked one, else None. `is_partly_shown`: the mask
    lets some rows through. `is_lookup`: a row may be found by its exact value.
    """

    word: str
    sql: str
    name: ColumnName | None = None
    mask: str | None = None
    generation: str | None = None
    is_partly_shown: bool = False
    is_lookup: bool = False
    form: Mask | None = None

    @property
    def projection(self) -> str:
        """`<mask> AS <name>`, or the bare name where nothing is masked."""
        return self.sql if self.mask is None else f"{self.mask} AS {self.sql}"

    @property
    def shows_null(self) -> bool:
        """Whether the mask is NULL just where the value is."""
        return not isinstance(self.form, Null | Constant | Expression)


@dataclass(frozen=True, slots=True)
class Protected:
    """A relation with masked columns.

    `sql`: its full name, `alias`: its bare name, both quoted. `system`: the engine's own columns of a table, which `*`
    leaves out. `is_open_ended`: a column that it gets one day may need a mask. `is_generating`: some column of it is
    generated from a masked one. `masked_words`: names, in lower case, of the columns that are masked here, or generated
    from such.
    """

    relation: Relation
    sql: str
    alias: str
    columns: tuple[BoundColumn, ...]
    system: tuple[str, ...]
    is_open_ended: bool = False
    is_generating: bool = field(init=False, compare=False)
    masked_words: frozenset[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        words = [c.word for c in self.columns if c.mask is not None or c.generation is not None]
        object.__setattr__(self, "is_generating", any(column.generation is not None for column in self.columns))
        object.__setattr__(self, "masked_words", frozenset(words))


@dataclass(frozen=True, slots=True)
class Binding:
    """A policy over a catalog, ready for `rewrite_bound`.

    `protected` holds every relation with masked columns; views that reach one are found by `rewriter.views`. `listed`
    are those of which nothing is masked yet, but may be once they have another column. `catalogs`: the engine's own
    with masked columns, whatever the policy. `has_lookups`: some column has `lookup: exact`.
    `memo` keeps what is worked out once per binding (views' masked definitions): derived state, never part of equality.
    """

    policy: Policy
    catalog: Catalog
    resolver: Resolver
    protected: Mapping[tuple[str, str], Protected]
    principal: Principal | None = None
    listed: Mapping[tuple[str, str], Protected] = field(default_factory=dict)
    catalogs: Mapping[tuple[str, str], Protected] = field(default_factory=dict)
    memo: dict[object, object] = field(default_factory=dict, compare=False)
    dialect: Dialect = field(init=False, repr=False, compare=False)
    has_lookups: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "dialect", self.catalog.dialect)
        is_looked_up = any(rule.lookup is not None for rule in self.policy.columns.values())
        object.__setattr__(self, "has_lookups", is_looked_up)

    def masked(self, key: tuple[str, str]) -> Protected | None:
        """The relation called so where it has masked columns."""
        return self.protected.get(key) or self.catalogs.get(key)


def quoted(name: str, dialect: Dialect) -> str:
    """`name` as a quoted identifier, which no keyword or letter case can change.

    Not in double quotes on SQLite: a name in them that means nothing any more would be a string there.
    """
    mark = quotation_mark(dialect)
    return mark + name.replace(mark, 2 * mark) + mark


def quotation_mark(dialect: Dialect) -> str:
    """The sign around a quoted identifier."""
    return "`" if dialect in ("mysql", "sqlite") else '"'


def qualified(relation: Relation, catalog: Catalog) -> str:
    """The relation's full name, which no CTE, search path or temporary table can capture."""
    parts: list[str] = []
    if catalog.dialect == "duckdb":
        database, _, schema = relation.schema.rpartition(".")
        parts = [database or catalog.database, schema, relation.name]
    else:
        parts = [relation.schema, relation.name]
    return ".".join(quoted(part, catalog.dialect) for part in parts)


_NOTHING_CARRIED: Mapping[tuple[str, str], Rules] = MappingProxyType({})


def bind(
    policy: Policy,
    catalog: Catalog,
    principal: Principal | None = None,
    *,
    carried: Mapping[tuple[str, str], Rules] = _NOTHING_CARRIED,
) -> Binding:
    """`policy` bound to `catalog`, for statements of `principal` (only `expression` masks depend on it).

    `carried`: rules of columns by the names that they have got since the policy was bound first (`rewriter.renames`).

    Raises:
        PolicyError: every fault at once: unknown tables and columns, masks that cannot have a column's type,
            masks on keys that would make distinct values equal.
    """
    problems: list[Problem] = []
    masks = {key: rules for key, rules in masks_by_relation(policy, catalog, problems).items() if rules}
    for key, rules in carried.items():
        masks[key] = {**rules, **masks.get(key, {})}
    inherit(masks, catalog)
    problems.extend((*unmasked_parents(masks, catalog), *order_problems(policy, masks, catalog)))
    problems.extend(plain_parents(masks, catalog))
    lookups = frozenset(name for name, rule in policy.columns.items() if rule.lookup == "exact")
    target = _Target(catalog, principal, problems, open_ended(policy, catalog), lookups)
    protected = {key: _protected(catalog.relations[key], rules, target) for key, rules in masks.items()}
    if problems:
        raise PolicyError(tuple(problems))
    hidden = {key: _hidden(relation, target) for key, relation in catalog.catalogs.items() if relation.columns}
    listed = {key: _protected(catalog.relations[key], {}, target) for key in target.open_ended - masks.keys()}
    return Binding(policy, catalog, Resolver(catalog), protected, principal, listed, catalogs=hidden)


def _hidden(relation: Relation, target: "_Target") -> Protected:
    """One of the engine's own catalogs: what is measured from stored values, or may hold them, is NULL in it."""
    catalog = target.catalog
    measured = measured_columns(catalog.dialect, relation.schema, relation.name)
    plain = _protected(relation, {}, target)
    table = TableName(relation.schema, relation.name)
    columns = tuple(
        replace(column, name=ColumnName(table, column.word), mask=f"CASE WHEN false THEN {column.sql} END")
        if column.word in measured
        else column
        for column in plain.columns
    )
    return replace(plain, columns=columns)


@dataclass(frozen=True, slots=True)
class _Target:
    """What the policy is bound to, for whom, and the faults found so far.

    `open_ended`: relations that may get masked columns. `lookups`: columns with `lookup: exact`.
    """

    catalog: Catalog
    principal: Principal | None
    problems: list[Problem]
    open_ended: frozenset[tuple[str, str]]
    lookups: frozenset[ColumnName]


def _protected(relation: Relation, rules: Rules, target: _Target) -> Protected:
    catalog = target.catalog
    columns = tuple(_bound_columns(relation, rules, target))
    own = {column.word for column in columns}
    is_bare = catalog.dialect == "sqlite" and not relation.has_rowid
    system = () if is_bare else tuple(name for name in _SYSTEM_COLUMNS[catalog.dialect] if name not in own)
    name = quoted(relation.name, catalog.dialect)
    is_open_ended = relation.key in target.open_ended
    return Protected(relation, qualified(relation, catalog), name, columns, system, is_open_ended)


def _bound_columns(relation: Relation, rules: Rules, target: _Target) -> Iterator[BoundColumn]:
    catalog, problems = target.catalog, target.problems
    keys = {*relation.primary_key, *relation.foreign_keys}
    siblings = {column.name: quoted(column.name, catalog.dialect) for column in relation.columns}
    problems.extend(_generated_twice(relation, rules) if rules else ())
    for column in relation.columns:
        sql = siblings[column.name]
        if column.name not in rules:
            yield BoundColumn(column.name.lower(), sql, generation=_generation(column, rules, target))
            continue
        name, mask = rules[column.name]
        if column.name == relation.row_key:
            problems.append(
                Problem(
                    message=f"{name} is the row's own number, which `rowid` shows as well",
                    hint="Leave it unmasked and mask the columns beside it.",
                )
            )
        elif column.name in keys and not isinstance(mask, Hash):
            problems.append(
                Problem(
                    message=f"{name} is a key, and its mask would make different keys equal",
                    hint="Use the hash mask, or leave keys unmasked and mask the columns beside them.",
                )
            )
        try:
            text = mask_expression(
                mask, sql, column.type, catalog.dialect, principal=target.principal, columns=siblings
            )
        except PolicyError as error:
            problems.extend(Problem(message=f"{name}: {p.message}", hint=p.hint) for p in error.problems)
            text = "NULL"
        if catalog.dialect == "mysql" and isinstance(mask, Constant | Expression) and relation.primary_key:
            text = _null_without_row(text, siblings[relation.primary_key[0]])
        yield BoundColumn(column.name.lower(), sql, name, text, is_lookup=name in target.lookups, form=mask)


def _null_without_row(mask: str, key: str) -> str:
    """A mask that is NULL where an outer join found no row.

    MariaDB works out an expression that hides NULL there, in aggregates and windows, as if there were a row of NULLs.
    """
    return f"CASE WHEN {key} IS NOT NULL THEN {mask} END"


def _generation(column: Column, rules: Rules, target: _Target) -> str | None:
    """The expression of a generated column where it may read a masked one, cast to the column's own type."""
    if column.generation is None or not rules:
        return None
    if not column.generation:
        table = next(iter(rules.values()))[0].table
        target.problems.append(
            Problem(
                message=f"{table}.{column.name} is generated from columns that the database does not tell",
                hint="Give it a mask of its own.",
            )
        )
    text = spoken_names(column.generation)
    if not any(name.lower() in text for name in rules):
        return None
    dialect = target.catalog.dialect
    if dialect == "mysql" and column.type.kind is Kind.TEXT:
        return f"CONCAT({column.generation})"  # as masks end: MariaDB would overwrite what is read twice
    is_cast = dialect in ("postgresql", "duckdb") or (dialect == "sqlite" and column.type.sql)
    return f"CAST(({column.generation}) AS {column.type.sql})" if is_cast else f"({column.generation})"


def _generated_twice(relation: Relation, rules: Rules) -> Iterator[Problem]:
    """Columns generated from one that is itself generated from a masked one: that one holds raw values."""
    generated = {c.name: spoken_names(c.generation) for c in relation.columns if c.generation and c.name not in rules}
    reading = {name for name, text in generated.items() if any(masked.lower() in text for masked in rules)}
    table = next(iter(rules.values()))[0].table
    for name, text in generated.items():
        words = set(_WORD.findall(text))
        if any(other.lower() in words for other in reading - {name}):
            yield Problem(
                message=f"{table}.{name} is generated from a column that is generated from a masked one",
                hint="Give it a mask of its own.",
            )
