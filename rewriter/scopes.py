"""Which FROM item a column reference inside a write means: that of the innermost scope that has the name.

What cannot be told is refused. Of a reference that is told, `rewriter.targets` makes the answer binding: it is written
with its item's name, so that an engine which reads it otherwise finds nothing.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile

from sqlglot import exp

from rewriter.errors import Reason, StatementRefused
from rewriter.resolution import Resolver
from rewriter.scans import Expressions, Scan, part
from rewriter.statement import Statement
from rewriter.writes import Write, joined

_SYSTEM_WORDS = frozenset({"ctid", "xmin", "xmax", "cmin", "cmax", "tableoid", "rowid", "oid", "_rowid_"})


_FROM = ("from_", "joins", "laterals")


@dataclass(frozen=True, slots=True)
class Item:
    """A FROM item: `name` as the statement calls it; `columns` in lower case, None where they are not known.

    `scan`: the target that it is, None for any other. `is_proposed`: the row that an INSERT could not insert.
    """

    name: exp.Expr | None
    columns: frozenset[str] | None
    scan: Scan | None = None
    node: exp.Expr | None = None
    is_proposed: bool = False


class Scopes:
    """The scopes of one statement."""

    def __init__(
        self, statement: Statement, resolver: Resolver, *, found: Sequence[Scan], written: Sequence[Write]
    ) -> None:
        self._statement = statement
        self._resolver = resolver
        self._expressions = Expressions(statement, resolver)
        self._scans = {id(scan.node): scan for scan in found}
        self._writes = {id(write.node): write for write in written}
        self._targets = {id(scan.node) for write in written for scan in write.targets}
        self._called = Counter(
            node.alias_or_name.lower() for node in statement.nodes(exp.Table, exp.Subquery, exp.Lateral, exp.Unnest)
        )

    def is_target(self, item: Item) -> bool:
        """Whether the item is what some write of the statement writes to."""
        return item.scan is not None and id(item.scan.node) in self._targets

    def owner(self, column: exp.Column) -> Item | None:
        """The item that `column` belongs to; None where nothing in reach has it, which the engine will refuse.

        Raises:
            StatementRefused: it cannot be told.
        """
        child: exp.Expr = column
        above = column.parent
        while above is not None:
            items = list(self._items(above, child))
            found = self._among(items, column)
            if found is not None:
                if isinstance(above, exp.Select) and _is_output(above, child, column):
                    raise unclear(column)
                if found.scan is None and isinstance(above, exp.Select) and child.arg_key in _FROM:
                    self._check_visible(found, above, column)
                return found
            if isinstance(above, exp.Query) and _is_output(above, child, column):
                return None
            if id(above) in self._writes:
                break
            child, above = above, above.parent
        if column.args.get("table") is not None:
            raise unclear(column)
        return None

    def _check_visible(self, item: Item, query: exp.Select, column: exp.Column) -> None:
        """Inside FROM, an engine may pass over an item that is not in sight, and go on further outside.

        Raises:
            StatementRefused: it may do so here.
        """
        inside = list(takewhile(lambda above: above is not query, _ancestors(column)))
        is_condition = any(
            node.arg_key == "on" and node.parent is not None and node.parent.find_ancestor(exp.Query) is query
            for node in (column, *inside)
        )
        is_lateral = any(isinstance(node, exp.Lateral) for node in inside)
        name = item.name.name.lower() if item.name is not None else ""
        if not (is_condition or is_lateral) or self._called[name] != 1:
            raise unclear(column)

    @staticmethod
    def proposed(write: Write) -> tuple[str, ...]:
        """What the row that could not be inserted is called, in lower case."""
        if not isinstance(write.node, exp.Insert):
            return ()
        source = write.node.args.get("expression")
        return ("excluded", source.alias.lower()) if isinstance(source, exp.Values) and source.alias else ("excluded",)

    def is_unique(self, name: str) -> bool:
        """Whether only one FROM item of the statement is called so."""
        return self._called[name.lower()] == 1

    def is_called(self, name: str) -> bool:
        """Whether some FROM item of the statement is called so."""
        return self._called[name.lower()] > 0

    def scan(self, node: exp.Expr) -> Scan | None:
        """The scan at a FROM item."""
        return self._scans.get(id(node))

    def expressions_called(self, name: str) -> list[exp.Expr]:
        """The bodies of the common table expressions of one name."""
        return [cte.this for cte in self._statement.nodes(exp.CTE) if cte.alias.lower() == name.lower()]

    def row(self, name: exp.Column) -> Item | None:
        """The item whose whole row an unqualified `name` means; None where it is a column's name."""
        child: exp.Expr = name
        above = name.parent
        while above is not None:
            items = list(self._items(above, child))
            if any(item.columns is not None and name.name.lower() in item.columns for item in items):
                return None
            alike = [item for item in items if item.name is not None and item.name.name.lower() == name.name.lower()]
            if alike:
                if len(alike) > 1 or not self._is_same(alike[0].name, name.this):
                    raise unclear(name)
                return alike[0]
            if id(above) in self._writes:
                break
            child, above = above, above.parent
        return None

    def _items(self, above: exp.Expr, child: exp.Expr) -> Iterator[Item]:
        """What a name under `child` can mean in the scope that `above` opens."""
        if isinstance(child, exp.With):
            return
        if isinstance(above, exp.Select):
            for item in from_items(above):
                yield self.item(item)
        elif id(above) in self._writes:
            yield from self._written(self._writes[id(above)], child)

    def _written(self, write: Write, child: exp.Expr) -> Iterator[Item]:
        """What the clauses of a write see."""
        node = write.node
        if isinstance(node, exp.Insert):
            yield from self._inserted(write, child)
            return
        targets = {id(scan.node): scan for scan in write.targets}
        for scan in targets.values():
            yield self._target(scan)
        others = [node.args["from_"].this] if node.args.get("from_") else []
        using = node.args.get("using")
        others += using if isinstance(using, list) else [using] if using else []
        # MySQL's `DELETE FROM a USING t AS a`: the name before USING only says which of the tables behind it is meant.
        is_named = isinstance(node, exp.Delete) and bool(using)
        others += [node.this] if self._statement.dialect == "mysql" and not is_named else []
        for other in others:
            yield from (self.item(item) for item in joined(other) if id(item) not in targets)

    def _inserted(self, write: Write, child: exp.Expr) -> Iterator[Item]:
        """What an INSERT sees where it meets a row that is there, and in RETURNING."""
        if child.arg_key in ("conflict", "returning"):
            yield from (self._target(scan) for scan in write.targets)
        if child.arg_key == "conflict":
            columns = frozenset[str]().union(*(_columns(scan) for scan in write.targets))
            yield from (Item(exp.to_identifier(word), columns, is_proposed=True) for word in self.proposed(write))
            source = write.node.args.get("expression")
            if self._statement.dialect == "mysql" and isinstance(source, exp.Select):
                yield from (self.item(item) for item in from_items(source))

    def _target(self, scan: Scan) -> Item:
        alias = scan.node.args.get("alias")
        return Item(alias.this if alias is not None and alias.this else scan.node.this, _columns(scan), scan)

    def item(self, item: exp.Expr) -> Item:
        """What a FROM item is called, and its columns."""
        alias = item.args.get("alias")
        name = alias.this if alias is not None else None
        if name is None and isinstance(item, exp.Table) and isinstance(item.this, exp.Identifier):
            name = item.this
        if alias is not None and alias.args.get("columns"):
            listed = frozenset(column.name.lower() for column in alias.args["columns"])
            own = self._item_columns(item)
            return Item(name, listed if own is None else listed | own, node=item)
        return Item(name, self._item_columns(item), node=item)

    def _item_columns(self, item: exp.Expr) -> frozenset[str] | None:
        if id(item) in self._scans:
            return _columns(self._scans[id(item)])
        if isinstance(item, exp.Table) and isinstance(item.this, exp.Identifier):
            return self._cte_columns(item)
        if isinstance(item, exp.Subquery) and isinstance(item.this, exp.Query):
            return self.outputs(item.this)
        if isinstance(item, exp.Subquery) and item.alias:
            inner = [self.item(each).columns for each in joined(item.this)]
            return _union(inner)
        return None

    def _cte_columns(self, table: exp.Table) -> frozenset[str] | None:
        if table.args.get("db") or not self._expressions.has(part(table.this), table):
            return None
        word = table.name.lower()
        around = {id(above) for above in _ancestors(table)}
        named = [cte for cte in self._statement.nodes(exp.CTE) if cte.alias.lower() == word]
        alike = [cte for cte in named if cte.parent is not None and id(cte.parent.parent) in around]
        if len(alike) != 1 or any(above is alike[0] for above in _ancestors(table)):
            return None
        listed = alike[0].args["alias"].args.get("columns")
        if listed:
            return frozenset(column.name.lower() for column in listed)
        return self.outputs(alike[0].this)

    def outputs(self, query: exp.Expr) -> frozenset[str] | None:
        """Names of the columns that a query gives, in lower case; None where one of them is not certain."""
        if isinstance(query, exp.SetOperation):
            return self.outputs(query.this)
        if isinstance(query, exp.Subquery):
            return self.outputs(query.this)
        items = query.expressions if isinstance(query, exp.Select) else None
        if items is None and (returning := query.args.get("returning")) is not None:
            items = returning.expressions
        if items is None:
            return None
        names: set[str] = set()
        for item in items:
            if isinstance(item, exp.Alias) or (isinstance(item, exp.Column) and not isinstance(item.this, exp.Star)):
                names.add(item.alias_or_name.lower())
            elif isinstance(item, exp.Star) and (columns := self._all(query)) is not None:
                names |= columns
            else:
                return None
        return frozenset(names)

    def _all(self, query: exp.Expr) -> frozenset[str] | None:
        """What a star of a SELECT, or in RETURNING, gives."""
        if isinstance(query, exp.Select):
            sources = list(from_items(query))
        else:
            sources = [query.this.this if isinstance(query.this, exp.Schema) else query.this]
            if query.args.get("from_") or query.args.get("using"):
                return None
        columns = [self.item(source).columns for source in sources]
        return _union(columns)

    def _among(self, items: Sequence[Item], column: exp.Column) -> Item | None:
        word = column.name.lower()
        qualifier = column.args.get("table")
        if qualifier is not None:
            alike = [
                item for item in items if item.name is not None and item.name.name.lower() == qualifier.name.lower()
            ]
            if len(alike) > 1 or any(not self._is_same(item.name, qualifier) for item in alike):
                raise unclear(column)
            if alike and alike[0].scan is None and alike[0].columns is not None and word not in alike[0].columns:
                raise unclear(column)  # SQLite would look for it further outside
            return alike[0] if alike else None
        # Unqualified, only PostgreSQL takes a name for one of the proposed row as well, and then it is ambiguous.
        seen = [item for item in items if not item.is_proposed or self._statement.dialect == "postgresql"]
        having = [item for item in seen if item.columns is not None and word in item.columns]
        unknown = any(item.columns is None for item in items)
        if (not having and unknown) or len(having) > 1:
            raise unclear(column)
        return having[0] if having else None

    def _is_same(self, name: exp.Expr | None, other: exp.Expr) -> bool:
        """Whether two names are one to the engine, however it compares them."""
        return name is not None and self._resolver.fold_relation(part(name)) == self._resolver.fold_relation(
            part(other)
        )


def from_items(query: exp.Select) -> Iterator[exp.Expr]:
    """The FROM items of a SELECT, those of joins in brackets each for itself."""
    if query.args.get("from_") is not None:
        yield from joined(query.args["from_"].this)
    for join in query.args.get("joins") or ():
        yield from joined(join.this)
    yield from query.args.get("laterals") or ()


def _union(columns: Sequence[frozenset[str] | None]) -> frozenset[str] | None:
    """All of them; None where one is not known."""
    return None if None in columns else frozenset[str]().union(*(names or () for names in columns))


def _columns(scan: Scan) -> frozenset[str]:
    return _SYSTEM_WORDS | {column.name.lower() for column in scan.relation.columns}


def _ancestors(node: exp.Expr) -> Iterator[exp.Expr]:
    above = node.parent
    while above is not None:
        yield above
        above = above.parent


def _is_output(query: exp.Query, child: exp.Expr, column: exp.Column) -> bool:
    """Whether an unqualified name can mean an output of `query`, being in a clause that may name one."""
    if column.args.get("table") is not None or child.arg_key in ("expressions", "from_", "with_", "joins", "this"):
        return False
    left = query
    while isinstance(left, exp.SetOperation):
        left = left.this
    items = left.expressions if isinstance(left, exp.Select) else []
    return any(isinstance(item, exp.Alias) and item.alias.lower() == column.name.lower() for item in items) or (
        isinstance(query, exp.SetOperation)
    )


def unclear(column: exp.Column) -> StatementRefused:
    """The refusal of a reference whose owner is not certain."""
    return StatementRefused(
        Reason.WRITE, f"Write the name of its table before each {column.name}, to make clear whose it is."
    )
