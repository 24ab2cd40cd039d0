"""What may be assigned to a sensitive column, and the guard that keeps a mask from being written over the value.

An object that was loaded masked and is saved whole loses nothing (`rewriter.kept_value`). A value computed from masked
columns is refused: it would be a mask.
"""

from collections.abc import Iterator, Sequence

from sqlglot import exp
from sqlglot.tokenizer_core import TokenType

from masking import ColumnName
from rewriter.assigned_rows import place_in_list, row_edits
from rewriter.assignments import Assignment, assignments
from rewriter.binding import Binding, BoundColumn, Protected
from rewriter.edits import Edit
from rewriter.errors import Reason, StatementRefused
from rewriter.kept_value import KeptValue
from rewriter.replaced_rows import replacing_edits
from rewriter.scans import end_position, position
from rewriter.scopes import Scopes, from_items
from rewriter.shields import Shield
from rewriter.statement import Statement
from rewriter.value_paths import element_spans, leaves, value_spans
from rewriter.writes import Write


class WriteGuard:
    """The assignments of one write to sensitive columns."""

    def __init__(self, write: Write, scopes: Scopes, *, statement: Statement, binding: Binding) -> None:
        self._write = write
        self._statement = statement
        self._binding = binding
        self._scopes = scopes
        self._assigned = [
            (assignment, protected, column)
            for assignment in assignments(write)
            if (protected := binding.protected.get(assignment.target.relation.key)) is not None
            for column in protected.columns
            if column.word == assignment.column and column.mask is not None
        ]

    @property
    def assigned(self) -> frozenset[ColumnName]:
        """The sensitive columns that are assigned."""
        return frozenset(column.name for _, _, column in self._assigned if column.name is not None)

    @property
    def is_replacing(self) -> bool:
        """Whether a stored value of one may be replaced."""
        return any(assignment.is_update for assignment, _, _ in self._assigned)

    def kept(self) -> set[int]:
        """References to the assigned column itself, where the value that is stored may only stay where it is."""
        return {
            id(leaf)
            for assignment, _, column in self._assigned
            if assignment.is_update and assignment.value is not None
            for leaf in leaves(assignment.value, is_tested=column.shows_null)
            if self._is_own(leaf, assignment)
        }

    def _is_own(self, leaf: exp.Expr, assignment: Assignment) -> bool:
        if not isinstance(leaf, exp.Column) or leaf.name.lower() != assignment.column:
            return False
        item = self._scopes.owner(leaf)
        return item is not None and item.scan is assignment.target

    def check(self, masked: set[int]) -> None:
        """Nothing, when no assigned value may come from a masked column; `masked`: nodes of scans with masks.

        Raises:
            StatementRefused: one may.
        """
        kept = self.kept()
        for assignment, _, column in self._assigned:
            values = self._sources(assignment) if assignment.value is None else leaves(assignment.value)
            if any(self._is_tainted(value, masked, kept) for value in values):
                raise StatementRefused(
                    Reason.WRITE,
                    f"The value for {column.word} would be computed from masked values, and stored over what is there: "
                    "assign a parameter or an unmasked column, or let one of the policy's trusted principals do this.",
                )

    def _listed(self) -> list[str]:
        """The columns of the rows of an INSERT, in order."""
        return list(dict.fromkeys(a.column for a in assignments(self._write) if not a.is_update))

    def _sources(self, assignment: Assignment) -> list[exp.Expr]:
        """Where the value of an INSERT … SELECT, or of `(a, b) = (SELECT …)`, comes from."""
        if assignment.is_update:
            assert assignment.name is not None
            above = assignment.name.find_ancestor(exp.EQ)
            assert above is not None
            return list(self._outputs(above.expression, place_in_list(assignment.name)))
        source = self._write.node.args.get("expression")
        return [] if source is None else list(self._outputs(source, self._listed().index(assignment.column)))

    def _outputs(self, source: exp.Expr, index: int) -> Iterator[exp.Expr]:
        """The expressions that give the output at `index`; the whole query where they cannot be told."""
        if isinstance(source, exp.SetOperation):
            yield from self._outputs(source.this, index)
            yield from self._outputs(source.expression, index)
            return
        if isinstance(source, exp.Subquery):
            yield from self._outputs(source.this, index)
            return
        items = source.expressions if isinstance(source, exp.Select) else []
        if self._write.node.args.get("by_name") or not isinstance(source, exp.Select):
            yield source
        elif any(item.is_star for item in items) or index >= len(items):
            yield from items
            yield from from_items(source)
        else:
            yield items[index]

    def _is_tainted(self, value: exp.Expr, masked: set[int], kept: set[int]) -> bool:
        if any(id(table) in masked for table in value.find_all(exp.Table)):
            return True
        return any(
            self._reads_masked(column, masked)
            for column in value.find_all(exp.Column)
            if id(column) not in kept and not isinstance(column.this, exp.Star)
        )

    def _reads_masked(self, column: exp.Column, masked: set[int]) -> bool:
        item = self._scopes.owner(column)
        if item is None:
            return self._scopes.row(column) is not None
        if item.is_proposed:
            sources = [a for a in assignments(self._write) if not a.is_update and a.column == column.name.lower()]
            return any(
                self._is_tainted(value, masked, set())
                for a in sources
                for value in ([a.value] if a.value is not None else self._sources(a))
            )
        if item.scan is not None:
            protected = self._binding.protected.get(item.scan.relation.key)
            return protected is not None and column.name.lower() in protected.masked_words
        return item.node is None or self._is_masked_item(item.node, column, masked)

    def _is_masked_item(self, node: exp.Expr, column: exp.Column, masked: set[int]) -> bool:
        """Whether another FROM item's column may be masked: one of a sensitive table, or of a query that reads one."""
        scan = self._scopes.scan(node)
        if scan is not None:
            protected = self._binding.protected.get(scan.relation.key)
            own = protected.masked_words if protected is not None else frozenset()
            return id(node) in masked and (protected is None or column.name.lower() in own)
        inside = [node] if not isinstance(node, exp.Table) else self._scopes.expressions_called(node.name)
        return any(id(table) in masked for part in inside for table in part.find_all(exp.Table))

    # The guard itself.

    def edits(self, shields: Sequence[Shield]) -> Iterator[Edit]:
        """The guards around the values that replace stored ones, each with its shield in it."""
        around = {shield.start: shield for shield in shields}
        if self._write.is_replace:
            listed, statement = self._listed(), self._statement
            yield from replacing_edits(self._write, statement, self._binding, assigned=self._assigned, listed=listed)
            return
        for assignment, protected, column in self._assigned:
            if not assignment.is_update or _is_default(assignment.value):
                continue
            if assignment.name is None:
                raise StatementRefused(Reason.WRITE, f"Assign {column.word} by itself.")
            if assignment.value is None:
                continue  # of a list, see below
            first = self._statement.after(end_position(assignment.name.this)) + 1
            shield = around.get(self._statement.tokens[first].start)
            if shield is not None:
                yield from self._around(shield, KeptValue(column, protected, assignment.target.alias, self._binding))
                continue
            for low, high in self._parts(assignment.name):
                if not self._is_kept(low, high, assignment):
                    yield from self._guarded(assignment, protected, column, low=low, high=high)
        rows = [each for each in self._assigned if each[0].is_update and each[0].value is None]
        yield from row_edits(self._statement, rows, self._binding)

    def _parts(self, name: exp.Expr) -> Iterator[tuple[int, int]]:
        """First and last token of each part that the value assigned to a name can be."""
        if isinstance(name.parent, exp.Tuple):
            names = name.parent.expressions
            index = next(at for at, other in enumerate(names) if other is name)
            return element_spans(self._statement.tokens, end_position(names[-1].this), index)
        return value_spans(self._statement.tokens, end_position(name.this))

    def _around(self, shield: Shield, kept: KeptValue) -> Iterator[Edit]:
        """The guard around a value that is put before the masked row: where it is that row's, what is stored stays."""
        before, after = kept.once()
        yield Edit(shield.start, shield.start, self._statement.written(before) + shield.before)
        yield Edit(shield.end, shield.end, shield.after + self._statement.written(after))

    def _is_kept(self, low: int, high: int, assignment: Assignment) -> bool:
        """Whether a part is the assigned column itself."""
        tokens = self._statement.tokens[low : high + 1]
        is_name = all(token.token_type == TokenType.DOT or self._statement.is_word(token) for token in tokens)
        qualifier = tokens[-3:-2]  # `DATE '…'` reads as two words
        is_own = len(tokens) == 1 or (qualifier and qualifier[0].text.lower() == assignment.target.word)
        return bool(is_name and is_own) and tokens[-1].text.lower() == assignment.column

    def _guarded(
        self, assignment: Assignment, protected: Protected, column: BoundColumn, *, low: int, high: int
    ) -> Iterator[Edit]:
        statement, dialect = self._statement, self._binding.dialect
        start, end = statement.tokens[low].start, statement.end_of(statement.tokens[high])
        kept = KeptValue(column, protected, assignment.target.alias, self._binding)
        inside = statement.tokens[low : high + 1]
        if not any(token.token_type in _ONCE for token in inside):
            text = statement.written(kept.repeated("\x00"))
            yield Edit(start, end, text.replace("\x00", statement.sql[start:end]))
            return
        columns = assignment.value.find_all(exp.Column) if assignment.value is not None else ()
        is_correlated = any(start <= position(column.this) < end for column in columns) or any(
            token.token_type == TokenType.VALUES for token in inside
        )
        if dialect == "duckdb" and isinstance(self._write.node, exp.Insert):
            before, after = kept.in_list()
        else:
            before, after = kept.assigned() if dialect == "mysql" and is_correlated else kept.once()
        yield Edit(start, start, statement.written(before))
        yield Edit(end, end, statement.written(after))


_ONCE = (TokenType.PLACEHOLDER, TokenType.PARAMETER, TokenType.COLON, TokenType.SELECT)
"""What makes a value stand once in what is written: parameters keep their number, queries run once."""


def _is_default(value: exp.Expr | None) -> bool:
    """Whether the value is the column's DEFAULT."""
    is_word = isinstance(value, exp.Var) or (isinstance(value, exp.Column) and not value.args.get("table"))
    return is_word and value is not None and value.name.lower() == "default"
