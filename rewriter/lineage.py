"""Which outputs of a query come from masked columns, and whether its rows do.

For stored rows, which cannot be computed anew from masks: an output of no masked column may be shown as it is stored,
one of a masked column needs a mask of its own, and rows that masked columns chose, grouped or ordered give them away.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Never

from sqlglot import exp

from masking import Mask
from masking.masks import Null
from rewriter.errors import Reason, StatementRefused

Columns = Mapping[str, Mask | None]
"""Name → the mask that its values need, None for none."""

_NULL = Null()
"""Of what is computed from masked values: even where it is NULL may tell one of them."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What names mean inside one query.

    `tables` answers for relations, `sources` for FROM items, with None for one that has no masked column.
    `names`: common table expressions. `outer`: the query around it. `has_sets`: some call may return several rows.
    """

    tables: Callable[[exp.Table], Columns | None]
    has_sets: bool = False
    names: Mapping[str, Columns] = field(default_factory=dict)
    sources: Mapping[str, Columns | None] = field(default_factory=dict)
    outer: "Scope | None" = None

    def mask(self, column: exp.Column) -> Mask | None:
        """The mask that a reference needs.

        Raises:
            StatementRefused: it is not clear what it means.
        """
        qualifier = column.args.get("table")
        if isinstance(column.this, exp.Star):
            return self._row(qualifier)
        if qualifier is not None:
            here = [self.sources[qualifier.name]] if qualifier.name in self.sources else []
        else:
            here = [s for s in self.sources.values() if s is not None and column.name in s]
            here = here or [s for s in self.sources.values() if s is None]
        if len(here) == 1:
            return None if here[0] is None else here[0].get(column.name)
        if here or self.outer is None:
            _refuse()
        return self.outer.mask(column)

    def _row(self, qualifier: exp.Expr | None) -> Mask | None:
        """What a whole row needs."""
        for scope in self._chain():
            if qualifier is not None and qualifier.name in scope.sources:
                columns = scope.sources[qualifier.name]
                return _NULL if columns is not None and any(columns.values()) else None
        return _refuse()

    def _chain(self) -> Iterator["Scope"]:
        scope: Scope | None = self
        while scope is not None:
            yield scope
            scope = scope.outer


def outputs(query: exp.Expr, scope: Scope) -> list[tuple[str, Mask | None]]:
    """Each output's name and the mask that it needs: a plain column's own, else NULL.

    Raises:
        StatementRefused: masked columns decide on the rows, or that is not clear.
    """
    while isinstance(query, exp.Subquery) and not _others(query, "this", "alias"):
        query = query.this
    match query:
        case exp.SetOperation():
            return _combined(query, scope)
        case exp.Select():
            return _selected(query, scope)
        case _:
            return _refuse()


def _refuse() -> Never:
    raise StatementRefused(Reason.VIEW, "Its rows depend on sensitive columns.")


def _others(node: exp.Expr, *known: str) -> bool:
    return any(value for key, value in node.args.items() if key not in known)


def _combined(query: exp.SetOperation, scope: Scope) -> list[tuple[str, Mask | None]]:
    inner = _with_names(query, scope)
    left, right = outputs(query.this, inner), outputs(query.expression, inner)
    if len(left) != len(right):
        _refuse()
    pairs = zip(left, right, strict=True)
    result = [(name, mask if mask == other else _NULL) for (name, mask), (_, other) in pairs]
    is_all = isinstance(query, exp.Union) and not query.args.get("distinct")
    if any(mask is not None for _, mask in result) and (
        not is_all or query.args.get("order") or query.args.get("limit")
    ):
        _refuse()
    return result


def _selected(query: exp.Select, scope: Scope) -> list[tuple[str, Mask | None]]:
    named = _with_names(query, scope)
    outer = scope if scope.sources else scope.outer
    inner = replace(named, sources=dict(_sources(query, named)), outer=outer)
    result = [(item.alias_or_name, _item(item, query, inner)) for item in query.expressions]
    for key, value in query.args.items():
        if key not in ("expressions", "with_"):
            _check_rows(value if isinstance(value, list) else [value], query, scope=inner)
    if query.args.get("distinct") and any(mask is not None for _, mask in result):
        _refuse()
    return result


def _with_names(query: exp.Expr, scope: Scope) -> Scope:
    """`scope` with the query's common table expressions."""
    with_ = query.args.get("with_")
    if with_ is None:
        return scope
    if with_.args.get("recursive"):
        _refuse()
    for cte in with_.expressions:
        found = outputs(cte.this, scope)
        scope = replace(scope, names={**scope.names, cte.alias: _renamed(found, cte)})
    return scope


def _renamed(found: list[tuple[str, Mask | None]], item: exp.Expr) -> Columns:
    """Outputs under the names that an alias gives them."""
    alias = item.args.get("alias")
    names = [name.name for name in alias.args.get("columns") or ()] if isinstance(alias, exp.TableAlias) else []
    return {(names[index] if index < len(names) else name): mask for index, (name, mask) in enumerate(found)}


def _sources(query: exp.Select, scope: Scope) -> Iterator[tuple[str, Columns | None]]:
    """The FROM items, by name."""
    first = query.args.get("from_")
    items = [first.this] if first is not None else []
    pending = [*items, *(join.this for join in query.args.get("joins") or ())]
    seen: dict[str, Columns | None] = {}
    while pending:
        item = pending.pop(0)
        pending += [join.this for join in item.args.get("joins") or ()]
        if isinstance(item, exp.Subquery) and isinstance(item.this, exp.Table | exp.Subquery) and not item.alias:
            pending.append(item.this)
            continue
        name, columns = item.alias_or_name, _columns(item, replace(scope, sources=dict(seen)))
        if name in seen:
            _refuse()
        seen[name] = columns
        yield name, columns


def _columns(item: exp.Expr, scope: Scope) -> Columns | None:
    match item:
        case exp.Table(this=exp.Identifier()):
            is_name = not item.args.get("db") and item.name in scope.names
            found = scope.names[item.name] if is_name else scope.tables(item)
            return None if found is None else _renamed(list(found.items()), item)
        case exp.Subquery():
            return _renamed(outputs(item.this, scope), item)
        case exp.Lateral(this=exp.Subquery()):
            return _renamed(outputs(item.this.this, scope), item)
        case _:
            return None  # a function or a list of values: what it reads is checked where the clause is


def _item(item: exp.Expr, query: exp.Select, scope: Scope) -> Mask | None:
    """The mask that a select item needs."""
    plain = item.unalias()
    if isinstance(plain, exp.Column):
        return scope.mask(plain)
    if isinstance(plain, exp.Star):
        _refuse()
    is_read = any(scope.mask(column) is not None for column in _references(plain, query))
    is_read = is_read or any(_is_tainted(nested, scope) for nested in _nested(plain, query))
    if is_read and scope.has_sets:
        _refuse()
    return _NULL if is_read else None


def _is_tainted(query: exp.Expr, scope: Scope) -> bool:
    try:
        return any(mask is not None for _, mask in outputs(query, scope))
    except StatementRefused:
        return True


def _check_rows(clauses: Iterable[object], query: exp.Select, *, scope: Scope) -> None:
    """Nothing that decides on rows reads a masked column."""
    for clause in clauses:
        if not isinstance(clause, exp.Expr):
            continue
        if any(scope.mask(column) is not None for column in _references(clause, query)):
            _refuse()
        for join in clause.find_all(exp.Join):
            merged = [name.name for name in join.args.get("using") or ()]
            if join.args.get("method") or any(s and s.get(name) for s in scope.sources.values() for name in merged):
                _refuse()
        for nested in _nested(clause, query):
            is_source = isinstance(nested.parent, exp.Subquery) and _is_from_item(nested.parent)
            if not is_source and _is_tainted(nested, scope):
                _refuse()


def _is_from_item(node: exp.Expr) -> bool:
    return isinstance(node.parent, exp.From | exp.Join | exp.Lateral) and node.arg_key == "this"


def _references(node: exp.Expr, query: exp.Select) -> Iterator[exp.Column]:
    """Columns that `query` itself mentions in one of its parts."""
    return (column for column in node.find_all(exp.Column) if column.find_ancestor(exp.Select) is query)


def _nested(node: exp.Expr, query: exp.Select) -> Iterator[exp.Expr]:
    """Queries that stand directly in one of its parts."""
    for found in node.find_all(exp.Select, exp.SetOperation):
        if found is not query and found.find_ancestor(exp.Select, exp.SetOperation) is query:
            yield found
