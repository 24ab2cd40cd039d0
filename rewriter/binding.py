"""The policy bound to one live schema: which relations need masking, and the expression of every masked column.

Binding is where a misspelt policy is found out: a table or column that the policy names and the database lacks, a mask
that cannot yield its column's type, or one that would make two keys equal, is a `PolicyError`.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from types import MappingProxyType

from masking import ColumnName, Mask, Policy, PolicyError, Problem, TableName, mask_expression
from masking.masks import Constant, Expression, Hash, Null
from masking.names import Principal
from masking.types import Dialect
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
    generated from a masked one.
    """

    relation: Relation
    sql: str
    alias: str
    columns: tuple[BoundColumn, ...]
    system: tuple[str, ...]
    is_open_ended: bool = False
    is_generating: bool = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "is_generating", any(column.generation is not None for column in self.columns))

    @property
    def masked_words(self) -> frozenset[str]:
        """Names, in lower case, of the columns that are masked here, or generated from such."""
        return frozenset(
            column.word for column in self.columns if column.mask is not None or column.generation is not None
        )


@dataclass(frozen=True, slots=True)
class Binding:
    """A policy over a catalog, ready for `rewrite_bound`.

    `protected` holds every relation with masked columns; views that reach one are found by `rewriter.views`. `listed`
    are those of which nothing is masked yet, but may be once they have another column. `catalogs`: the engine's own
    with masked columns, whatever the policy.
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

    def masked(self, key: tuple[str, str]) -> Protected | None:
        """The relation called so where it has masked columns."""
        return self.protected.get(key) or self.catalogs.get(key)

    @property
    def has_lookups(self) -> bool:
        """Whether some column has `lookup: exact`."""
        known = self.memo.get("has lookups")
        if known is None:
            known = any(rule.lookup is not None for rule in self.policy.columns.values())
            self.memo["has lookups"] = known
        return bool(known)

    @property
    def dialect(self) -> Dialect:
        """The SQL that the database speaks."""
        return self.catalog.dialect


def quoted(name: str, dialect: Dialect) -> str:
    """`name` as a quoted identifier, which no keyword or letter case can change.

    Not in double quotes on SQLite: a name in them that means nothing any more would be a string there.
    """
    mark = quotation_mark(dialect)
    return mark + name.replace(mark, 2 * mark) + mark


def quotation_mark(dialect: Dialect) -> str:
    """The sign around a quoted identifier."""
    return "`" if dialect in ("mysql", "sqlite") else '"'


def spoken_names(expression: str) -> str:
    """`expression` in lower case, and once more with the quotes inside quoted names as the names have them."""
    text = expression.lower()
    plain = text.replace('""', '"').replace("``", "`").replace("]]", "]")
    return f"{text}\n{plain}"


def qualified(relation: Relation, catalog: Catalog) -> str:
    """The relation's full name, which no CTE, search path or temporary table can capture."""
    parts: list[str] = []
    if catalog.dialect == "duckdb":
        database, _, schema = relation.schema.rpartition(".")
        parts = [database or catalog.database, schema, relation.name]
    else:
        parts = [relation.schema, relation.name]
    return ".".join(quoted(part, catalog.dialect) for part in parts)


_NOTHING_CARRIED: Mapping[tuple[str, str], "Rules"] = MappingProxyType({})


def bind(
    policy: Policy,
    catalog: Catalog,
    principal: Principal | None = None,
    *,
    carried: Mapping[tuple[str, str], "Rules"] = _NOTHING_CARRIED,
) -> Binding:
    """`policy` bound to `catalog`, for statements of `principal` (only `expression` masks depend on it).

    `carried`: rules of columns by the names that they have got since the policy was bound first (`rewriter.renames`).

    Raises:
        PolicyError: every fault at once: unknown tables and columns, masks that cannot have a column's type,
            masks on keys that would make distinct values equal.
    """
    problems: list[Problem] = []
    masks = {key: rules for key, rules in _masks_by_relation(policy, catalog, problems).items() if rules}
    for key, rules in carried.items():
        masks[key] = {**rules, **masks.get(key, {})}
    _inherit(masks, catalog)
    problems.extend(_unmasked_parents(masks, catalog))
    lookups = frozenset(name for name, rule in policy.columns.items() if rule.lookup == "exact")
    target = _Target(catalog, principal, problems, _open_ended(policy, catalog), lookups)
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


def _open_ended(policy: Policy, catalog: Catalog) -> frozenset[tuple[str, str]]:
    """Relations, and what inherits from them, in which a column may come up that the policy masks."""
    tables = {*policy.tables, *(name.table for name, rule in policy.columns.items() if rule.optional)}
    keys = {relation.key for table in tables if (relation := named_relation(table, catalog)) is not None}
    size = 0
    while size != len(keys):
        size = len(keys)
        keys |= {relation.key for relation in catalog.relations.values() if keys & relation.parents}
    return frozenset(keys)


Rules = dict[str, tuple[ColumnName, Mask]]
"""Column as the database spells it → how the policy calls it, and its mask."""


def _masks_by_relation(policy: Policy, catalog: Catalog, problems: list[Problem]) -> dict[tuple[str, str], Rules]:
    masks: dict[tuple[str, str], Rules] = {}
    relations = {
        table: named_relation(table, catalog) for table in {*policy.tables, *(c.table for c in policy.columns)}
    }
    for table, closed in policy.tables.items():
        relation = relations[table]
        if relation is None:
            problems.append(_unknown_table(table, catalog))
            continue
        listed = {name: _column(name, relation) for name in sorted(closed.clear)}
        clear = {column.name for column in listed.values() if column is not None}
        problems.extend(
            _unknown_column(ColumnName(table, name), relation) for name, column in listed.items() if column is None
        )
        masks.setdefault(relation.key, {}).update(
            (column.name, (ColumnName(table, column.name), closed.default))
            for column in relation.columns
            if column.name not in clear
        )
    for name, rule in policy.columns.items():
        relation = relations[name.table]
        column = _column(name.column, relation) if relation is not None else None
        if relation is not None and column is not None:
            masks.setdefault(relation.key, {})[column.name] = (name, rule.mask)
        elif not rule.optional:
            problems.append(_unknown_column(name, relation) if relation else _unknown_table(name.table, catalog))
    for relation in relations.values():
        _attached(relation, masks, catalog)
    return masks


def _attached(relation: Relation | None, masks: dict[tuple[str, str], Rules], catalog: Catalog) -> None:
    """Give SQLite's tables of one name in every database one table's rules: the same file may be attached again."""
    rules = masks.get(relation.key, {}) if relation is not None and catalog.dialect == "sqlite" else {}
    for other in catalog.relations.values() if rules else ():
        if relation is None or other.schema in ("temp", relation.schema) or other.name.lower() != relation.name.lower():
            continue
        columns = {column.name.lower(): column.name for column in other.columns}
        known = {columns[name.lower()]: rule for name, rule in rules.items() if name.lower() in columns}
        masks[other.key] = {**known, **masks.get(other.key, {})}


def named_relation(table: TableName, catalog: Catalog) -> Relation | None:
    """The relation that the policy means: spelled exactly so, else the only one that differs in letter case alone."""
    schemas = (table.schema,) if table.schema else (catalog.default_schema, *catalog.search_path)
    for schema in schemas:
        if (schema, table.name) in catalog.relations:
            return catalog.relations[schema, table.name]
    wanted = {(schema.lower(), table.name.lower()) for schema in schemas}
    alike = [r for key, r in catalog.relations.items() if (key[0].lower(), key[1].lower()) in wanted]
    return alike[0] if len(alike) == 1 else None


def _column(name: str, relation: Relation) -> Column | None:
    exact = [column for column in relation.columns if column.name == name]
    alike = exact or [column for column in relation.columns if column.name.lower() == name.lower()]
    return alike[0] if len(alike) == 1 else None


def _unknown_table(table: TableName, catalog: Catalog) -> Problem:
    known = [name if schema == catalog.default_schema else f"{schema}.{name}" for schema, name in catalog.relations]
    close = get_close_matches(str(table), known, n=1)
    hint = f"Did you mean {close[0]}?" if close else "Correct the name, or mark its columns `optional: true`."
    return Problem(message=f"the database has no table {table}", hint=hint)


def _unknown_column(name: ColumnName, relation: Relation) -> Problem:
    close = get_close_matches(name.column, [column.name for column in relation.columns], n=1)
    hint = f"Did you mean {close[0]}?" if close else "Correct the name, or mark the column `optional: true`."
    return Problem(message=f"the table {name.table} has no column {name.column}", hint=hint)


def _inherit(masks: dict[tuple[str, str], Rules], catalog: Catalog) -> None:
    """Give inheritance children and partitions their parents' rules, at any depth; a child's own rule wins."""
    is_changed = True
    while is_changed:
        is_changed = False
        for relation in catalog.relations.values():
            own = masks.get(relation.key, {})
            present = {column.name for column in relation.columns}
            inherited = {
                column: rule
                for parent in relation.parents
                for column, rule in masks.get(parent, {}).items()
                if column in present and column not in own
            }
            if inherited:
                masks[relation.key] = {**inherited, **own}
                is_changed = True


def _unmasked_parents(masks: dict[tuple[str, str], Rules], catalog: Catalog) -> Iterator[Problem]:
    """A scan of the parent reads the child's rows as well."""
    for key, rules in masks.items():
        for parent in catalog.relations[key].parents:
            present = (
                {column.name for column in catalog.relations[parent].columns} if parent in catalog.relations else set()
            )
            for column in sorted((rules.keys() & present) - masks.get(parent, {}).keys()):
                yield Problem(
                    message=f"{rules[column][0]} can also be read through {'.'.join(parent)}",
                    hint=f"Give the mask to {'.'.join(parent)}.{column}; its children and partitions inherit it.",
                )


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
        yield BoundColumn(column.name.lower(), sql, name, text, is_lookup=name in target.lookups, form=mask)


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
