"""Which columns of which relations the policy means: its names matched to a live schema, each column with its mask.

Children and partitions have their parents' rules, and SQLite's tables of one name those of each other. What the policy
names and the database lacks becomes a problem here; the rest of a binding's faults are found in `rewriter.binding`.
"""

from collections.abc import Iterator
from difflib import get_close_matches

from masking import ColumnName, Mask, Policy, Problem, TableName
from rewriter.schema import Catalog, Column, Relation, RelationKind

Rules = dict[str, tuple[ColumnName, Mask]]
"""Column as the database spells it → how the policy calls it, and its mask."""


def spoken_names(expression: str) -> str:
    """`expression` in lower case, and once more with the quotes inside quoted names as the names have them."""
    text = expression.lower()
    plain = text.replace('""', '"').replace("``", "`").replace("]]", "]")
    return f"{text}\n{plain}"


def open_ended(policy: Policy, catalog: Catalog) -> frozenset[tuple[str, str]]:
    """Relations, and what inherits from them, in which a column may come up that the policy masks."""
    tables = {*policy.tables, *(name.table for name, rule in policy.columns.items() if rule.optional)}
    keys = {relation.key for table in tables if (relation := named_relation(table, catalog)) is not None}
    size = 0
    while size != len(keys):
        size = len(keys)
        keys |= {relation.key for relation in catalog.relations.values() if keys & relation.parents}
    return frozenset(keys)


def masks_by_relation(policy: Policy, catalog: Catalog, problems: list[Problem]) -> dict[tuple[str, str], Rules]:
    """Relation → its rules by the policy, tables that are masked as a whole included; faults go to `problems`."""
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


def inherit(masks: dict[tuple[str, str], Rules], catalog: Catalog) -> None:
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


def unmasked_parents(masks: dict[tuple[str, str], Rules], catalog: Catalog) -> Iterator[Problem]:
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


def order_problems(policy: Policy, masks: dict[tuple[str, str], Rules], catalog: Catalog) -> Iterator[Problem]:
    """Why `row_order: pinned` cannot be had: the order of rows is the engine's to choose, or that of a masked key."""
    if policy.row_order != "pinned":
        return
    if catalog.dialect == "postgresql":
        yield Problem(
            message="row_order: pinned is not to be had: PostgreSQL chooses the order of rows itself",
            hint="Leave it out, and ask for an order where it matters.",
        )
    for relation in (catalog.relations[key] for key in masks if catalog.dialect in ("mysql", "sqlite")):
        is_by_key = relation.kind is RelationKind.TABLE and (catalog.dialect == "mysql" or not relation.has_rowid)
        key = frozenset(relation.primary_key)
        # Without a primary key, MySQL stores rows in the order of the first unique one.
        if is_by_key and (not key or not key.isdisjoint(masks[relation.key])):
            yield Problem(
                message=f"row_order: pinned is not to be had: {relation.name} may be stored in a masked column's order",
                hint="Give the table a primary key of unmasked columns, or leave row_order out.",
            )


def plain_parents(masks: dict[tuple[str, str], Rules], catalog: Catalog) -> Iterator[Problem]:
    """A column that is generated from a masked one, and that a parent has as an ordinary one (PostgreSQL up to 15)."""
    for key, rules in masks.items():
        for column in catalog.relations[key].columns:
            text = spoken_names(column.generation or "")
            if column.name in rules or not any(name.lower() in text for name in rules):
                continue
            for parent in catalog.relations[key].parents & catalog.relations.keys():
                own = {c.name for c in catalog.relations[parent].columns if c.generation is None}
                if column.name in own - masks.get(parent, {}).keys():
                    yield Problem(
                        message=f"{'.'.join(parent)}.{column.name} shows a column of {'.'.join(key)} that is generated "
                        "from a masked one",
                        hint="Give it a mask of its own.",
                    )
