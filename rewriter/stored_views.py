"""Materialized views over sensitive columns: their stored rows are masked where the database's own definition says so.

An output that is a plain masked column gets that column's mask, another one made of masked columns NULL, and the rest
stays. A view whose rows masked columns decide on gets no masks here, and is refused when it is read.
"""

from contextlib import suppress
from dataclasses import replace

from sqlglot import exp

from masking import ColumnName, Mask, PolicyError, TableName, mask_expression
from masking.masks import Null
from rewriter.binding import Binding, BoundColumn, Protected, qualified, quoted
from rewriter.calls import check_calls
from rewriter.errors import Reason, StatementRefused
from rewriter.functions import BUILTINS
from rewriter.lineage import Columns, Scope, outputs
from rewriter.resolution import SystemRelation
from rewriter.scans import part
from rewriter.schema import Column, Relation, RelationKind
from rewriter.set_returning import SET_RETURNING
from rewriter.statement import Statement, read_statement
from rewriter.views import reaches_protected


def with_stored_views(binding: Binding) -> Binding:
    """`binding` with masks for each materialized view that can be masked by lineage; the policy's own come first."""
    lineage = _Lineage(binding)
    found: dict[tuple[str, str], Protected] = {}
    for relation in binding.catalog.relations.values():
        if _is_stored(relation, binding) and reaches_protected(relation, binding):
            # Fail closed: one whose rows are not clear stays without masks, and reading it is refused.
            with suppress(StatementRefused):
                masks = lineage.relation(relation) or {}
                found[relation.key] = _protected(relation, masks, binding)
    return replace(binding, protected={**binding.protected, **found}, memo={}) if found else binding


def _is_stored(relation: Relation, binding: Binding) -> bool:
    """Whether it is a materialized view of which the policy does not list which columns are clear."""
    tables = (TableName(relation.schema, relation.name), TableName("", relation.name))
    is_closed = relation.key in binding.protected and any(table in binding.policy.tables for table in tables)
    return relation.kind is RelationKind.MATERIALIZED_VIEW and not is_closed


class _Lineage:
    """The masks that columns of relations need, worked out once each."""

    def __init__(self, binding: Binding) -> None:
        self._binding = binding
        self._known: dict[tuple[str, str], Columns | None] = {}

    def table(self, table: exp.Table) -> Columns | None:
        """The masks of the relation that a name in a definition means."""
        names = (table.args.get("catalog"), table.args.get("db"), table.this)
        relation = self._binding.resolver.resolve(tuple(part(name) for name in names if name))
        if isinstance(relation, SystemRelation):
            return None
        if relation is None:
            raise _unclear()
        return self.relation(relation)

    def relation(self, relation: Relation) -> Columns | None:
        """The masks of a relation's columns; None where it has none."""
        if relation.key not in self._known:
            self._known[relation.key] = self._masks(relation)
        return self._known[relation.key]

    def _masks(self, relation: Relation) -> Columns | None:
        protected = self._binding.protected.get(relation.key)
        own = {} if protected is None else dict(zip(_names(relation), map(self._mask, protected.columns), strict=True))
        if protected is not None and not _is_stored(relation, self._binding):
            return own
        if relation.definition is None or relation.kind not in _DEFINED:
            return None
        statement = read_statement(relation.definition, self._binding.dialect)
        check_calls(statement, self._binding)
        assert statement.tree is not None
        masks = [mask for _, mask in outputs(statement.tree, Scope(self.table, self._has_sets(statement)))]
        names = _names(relation)
        if len(masks) != len(names):
            raise _unclear()
        return {name: own.get(name) or mask for name, mask in zip(names, masks, strict=True)}

    def _has_sets(self, statement: Statement) -> bool:
        """Whether it names a function that returns several rows, or one of an extension or a user, which may."""
        others = self._binding.catalog.builtins - BUILTINS["postgresql"]
        trusted = {name.lower().rpartition(".")[2] for name in self._binding.policy.functions}
        words = {token.text.lower() for token in statement.tokens}
        return not words.isdisjoint(SET_RETURNING | others | trusted)

    def _mask(self, column: BoundColumn) -> Mask | None:
        if column.name is None:
            return Null() if column.generation is not None else None
        return self._binding.policy.mask_of(column.name) or Null()


def _unclear() -> StatementRefused:
    return StatementRefused(Reason.VIEW, "What its columns hold is not clear.")


_DEFINED = (RelationKind.VIEW, RelationKind.MATERIALIZED_VIEW)


def _names(relation: Relation) -> list[str]:
    return [column.name for column in relation.columns]


def _protected(relation: Relation, masks: Columns, binding: Binding) -> Protected:
    own = binding.protected.get(relation.key)
    named = {column.sql: column for column in own.columns if column.name is not None} if own is not None else {}
    columns = tuple(
        named.get(quoted(column.name, binding.dialect))
        or _bound(column, masks.get(column.name), relation, binding=binding)
        for column in relation.columns
    )
    name = quoted(relation.name, binding.dialect)
    return Protected(relation, qualified(relation, binding.catalog), name, columns, ("ctid", "tableoid"))


def _bound(column: Column, mask: Mask | None, relation: Relation, *, binding: Binding) -> BoundColumn:
    word, sql = column.name.lower(), quoted(column.name, binding.dialect)
    if mask is None:
        return BoundColumn(word, sql)
    # A name of its own: what is granted of the table, perhaps for some of its rows, is not granted here.
    name = ColumnName(TableName(relation.schema, relation.name), column.name)
    try:
        text = mask_expression(mask, sql, column.type, binding.dialect, principal=binding.principal)
    except PolicyError:  # it needs other columns of the table, or does not fit the type
        text = mask_expression(Null(), sql, column.type, binding.dialect)
    return BoundColumn(word, sql, name, text)
