"""Which columns a write assigns, and what to each.

Shape: `UPDATE t SET a = 1, (b, c) = (2, 3)` → a: 1, b: 2, c: 3. The columns of an INSERT are those that it lists, else
all of the table.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlglot import exp

from rewriter.errors import Reason, StatementRefused
from rewriter.scans import Scan
from rewriter.writes import Write


@dataclass(frozen=True, slots=True)
class Assignment:
    """`value` goes to `column`, a name in lower case, of `target`.

    `name`: where the column is named, None where it is one of an INSERT without a list. `value`: None where the value
    is no expression of its own: `(a, b) = (SELECT …)`, INSERT … SELECT. `is_update`: a stored value is replaced.
    """

    target: Scan
    column: str
    name: exp.Expr | None
    value: exp.Expr | None
    is_update: bool


def assignments(write: Write) -> Iterator[Assignment]:
    """Every assignment of a write, in the text's order.

    Raises:
        StatementRefused: a form that is not known.
    """
    node = write.node
    match node:
        case exp.Insert():
            yield from _inserted(write, node)
            if (conflict := node.args.get("conflict")) is not None:
                yield from _updated(write, conflict.expressions)
        case exp.Update():
            yield from _updated(write, node.expressions)
        case exp.Merge():
            for when in node.args["whens"].expressions:
                then = when.args["then"]
                if isinstance(then, exp.Update):
                    yield from _updated(write, then.expressions)
                elif isinstance(then, exp.Insert):
                    yield from _merged(write, then)


def named_columns(write: Write) -> Iterator[exp.Expr]:
    """The nodes of names that say where a value goes, or which index decides on a conflict: they read nothing."""
    for assignment in assignments(write):
        if assignment.name is not None:
            yield assignment.name
    conflict = write.node.args.get("conflict")
    if conflict is not None:
        for key in ("conflict_keys", "index_predicate"):
            part = conflict.args.get(key) or []
            for item in part if isinstance(part, list) else [part]:
                yield from item.find_all(exp.Column, exp.Identifier)


def _updated(write: Write, items: list[exp.Expr]) -> Iterator[Assignment]:
    for item in items:
        names = item.this if isinstance(item, exp.EQ) else None
        match names:
            case exp.Column():
                yield _to_column(write, names, item.expression)
            case exp.Tuple() | exp.Paren():
                columns = names.expressions if isinstance(names, exp.Tuple) else [names.this]
                values = _row(item.expression, len(columns))
                for column, value in zip(columns, values, strict=True):
                    yield _to_column(write, column, value)
            case _:
                raise StatementRefused(Reason.WRITE, "Write each assignment as column = value.")


def _row(value: exp.Expr, length: int) -> list[exp.Expr | None]:
    match value:
        case exp.Tuple() if len(value.expressions) == length:
            return list(value.expressions)
        case exp.Anonymous() if value.name.lower() == "row" and len(value.expressions) == length:
            return list(value.expressions)
        case exp.Paren() if length == 1:
            return [value.this]
        case _:
            return [None] * length


def _to_column(write: Write, column: exp.Expr, value: exp.Expr | None) -> Assignment:
    if not isinstance(column, exp.Column) or not isinstance(column.this, exp.Identifier):
        raise StatementRefused(Reason.WRITE, "Assign to whole columns.")
    word, table = column.name.lower(), column.table.lower()
    having = [
        target
        for target in write.targets
        if (not table or target.word == table or target.relation.name.lower() == table)
        and any(own.name.lower() == word for own in target.relation.columns)
    ]
    if len(having) != 1 and len(write.targets) > 1:
        raise StatementRefused(Reason.WRITE, f"Write the name of its table before {column.name} in SET.")
    return Assignment(having[0] if having else write.targets[0], word, column, value, is_update=True)


def _inserted(write: Write, node: exp.Insert) -> Iterator[Assignment]:
    if node.args.get("default"):
        return
    source = node.args.get("expression")
    target = write.targets[0]
    listed = node.this.expressions if isinstance(node.this, exp.Schema) else None
    if node.args.get("by_name") and isinstance(source, exp.Select):
        for item in source.expressions:
            yield Assignment(target, item.alias_or_name.lower(), None, None, is_update=False)
        return
    columns: list[tuple[str, exp.Expr | None]] = [(name.name.lower(), name) for name in listed or ()]
    if listed is None:
        own = [c for c in target.relation.columns if c.generation is None or write.counts_generated]
        columns = [(c.name.lower(), None) for c in own if not c.is_hidden]
    rows = [row.expressions for row in source.expressions] if isinstance(source, exp.Values) else [None]
    for row in rows:
        for index, (column, name) in enumerate(columns):
            value = row[index] if row is not None and index < len(row) else None
            if row is None or value is not None:
                yield Assignment(target, column, name, value, is_update=False)


def _merged(write: Write, node: exp.Insert) -> Iterator[Assignment]:
    target = write.targets[0]
    values = node.args.get("expression")
    listed = node.this.expressions if isinstance(node.this, exp.Tuple) else None
    row = values.expressions if isinstance(values, exp.Tuple) else [values] if isinstance(values, exp.Expr) else None
    columns: list[tuple[str, exp.Expr | None]] = [(name.name.lower(), name) for name in listed or ()]
    if listed is None:
        if isinstance(node.this, exp.Expr) and not isinstance(node.this, exp.Star):
            columns = [(node.this.name.lower(), node.this)]
        else:
            columns = [(c.name.lower(), None) for c in target.relation.columns if not c.is_hidden]
    for index, (column, name) in enumerate(columns):
        value = row[index] if row is not None and index < len(row) else None
        yield Assignment(target, column, name, value, is_update=False)
