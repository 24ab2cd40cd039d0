"""A policy as it holds on scratch databases: for tables that could be built there, and without grants. Pure."""

from collections.abc import Iterator
from dataclasses import replace

from masking import Policy
from masking.masks import Expression
from masking.names import ColumnName, TableName
from rewriter.binding import Binding, BoundColumn, Protected, qualified, quoted
from rewriter.column_rules import named_relation
from rewriter.schema import Catalog, Relation, RelationKind
from rewriter.views import reaches_protected

STORED = frozenset({RelationKind.TABLE, RelationKind.VIRTUAL})
"""What a mask can be put into."""
MASKER = "unmask-proof"
"""Whom a copy is masked for: trusted there alone, so that its session has the hash keys."""


def scratch_policy(policy: Policy, source: Catalog, built: Catalog) -> Policy:
    """`policy` over the scratch schema `built` in place of `source`'s.

    Without rules for what could not be built, and for other databases of the server; without what grants, owners and
    trusted principals may do, and without lookups, which answer on purpose what a masked copy cannot.
    """
    columns = {
        ColumnName(_moved(name.table, source), name.column): replace(rule, lookup=None)
        for name, rule in policy.columns.items()
        if _is_built(name.table, source, built)
    }
    tables = {_moved(table, source): rule for table, rule in policy.tables.items() if _is_built(table, source, built)}
    return Policy(
        version=policy.version,
        columns=columns,
        tables=tables,
        trusted=frozenset({MASKER}),
        writes=policy.writes,
        row_order=policy.row_order,
        functions=policy.functions,
    )


def incomparable_views(binding: Binding) -> frozenset[str]:
    """Views that a masked copy would show otherwise: with masks of their own, or stored from masked columns."""
    ruled = (protected.relation for protected in binding.protected.values() if protected.relation.kind not in STORED)
    kept = (r for r in binding.catalog.relations.values() if r.kind is RelationKind.MATERIALIZED_VIEW)
    return frozenset(r.name for r in (*ruled, *(r for r in kept if reaches_protected(r, binding))))


def _moved(table: TableName, source: Catalog) -> TableName:
    """MySQL's scratch database has another name: there the schema is the database."""
    return TableName("", table.name) if source.dialect == "mysql" else table


def _is_built(table: TableName, source: Catalog, built: Catalog) -> bool:
    relation = named_relation(table, source)
    if relation is None or relation.kind not in STORED:
        return False
    if source.dialect == "mysql":
        return relation.schema == source.database and (built.database, relation.name) in built.relations
    return relation.key in built.relations


def masking_updates(binding: Binding) -> Iterator[str]:
    """Statements that put its mask over every sensitive cell of the binding's own database.

    MySQL assigns from left to right: expressions, which may read other columns, come first.
    """
    catalog = binding.catalog
    only = "ONLY " if binding.dialect == "postgresql" else ""
    for protected in binding.protected.values():
        is_own = binding.dialect != "mysql" or protected.relation.schema == catalog.database
        if is_own and protected.relation.kind in STORED:
            masked = [column for column in protected.columns if column.mask is not None]
            masked.sort(key=lambda column: not _is_formula(column, binding))
            name = local_name(protected.relation, catalog)
            yield f"UPDATE {only}{name} SET {', '.join(f'{c.sql} = {c.mask}' for c in masked)}"


def stored_images(protected: Protected) -> list[str]:
    """What the masks show of each column that is stored, not worked out, and that a star shows."""
    pairs = zip(protected.relation.columns, protected.columns, strict=True)
    return [bound.mask or bound.sql for column, bound in pairs if not column.is_hidden and column.generation is None]


def local_name(relation: Relation, catalog: Catalog) -> str:
    """What the relation is called in each of the three databases: on MySQL a full name would name one of them."""
    return quoted(relation.name, "mysql") if catalog.dialect == "mysql" else qualified(relation, catalog)


def _is_formula(column: BoundColumn, binding: Binding) -> bool:
    return column.name is not None and isinstance(binding.policy.mask_of(column.name), Expression)
