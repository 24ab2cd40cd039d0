"""References to the columns of a written table, masked in place: a target cannot become a derived table.

`UPDATE customers SET name = email WHERE ssn = '…'` → `UPDATE customers SET name = (<mask of customers."email">) WHERE
(<mask of customers."ssn">) = '…'`. A name that means another item's column is written with that item's name, so that no
engine can take it for the target's. What RETURNING shows keeps its names.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from sqlglot import exp
from sqlglot.tokenizer_core import Token, TokenType

from masking import ColumnName
from rewriter.binding import Binding, BoundColumn, Protected, quoted
from rewriter.edits import Edit
from rewriter.errors import Reason, StatementRefused
from rewriter.in_place import mask_in_place
from rewriter.scans import Scan, end_position, position
from rewriter.scopes import Item, Scopes, unclear
from rewriter.select_items import returned_items
from rewriter.shields import Shield
from rewriter.statement import Statement
from rewriter.target_forms import check_forms, check_qualified_row, check_star
from rewriter.token_runs import is_at
from rewriter.writes import Write, joined


@dataclass(slots=True)
class TargetReads:
    """The edits of one write, and the sensitive columns that it reads of its targets: `masked`, or `revealed` raw."""

    edits: set[Edit] = field(default_factory=set)
    masked: set[ColumnName] = field(default_factory=set)
    revealed: set[ColumnName] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class _Place:
    """A reference that is to be replaced: the span in the text, and how it is used.

    `name`: what it lends to an output column. `is_item`: it is one, and not a part of one. `is_shown`: it stands in
    RETURNING, outside any query there.
    """

    start: int
    end: int
    name: str
    is_item: bool
    is_shown: bool


class Targets:
    """References to one write's targets."""

    def __init__(
        self, write: Write, scopes: Scopes, *, statement: Statement, binding: Binding, shields: Sequence[Shield]
    ) -> None:
        self._write = write
        self._statement = statement
        self._binding = binding
        self._scopes = scopes
        self._protected = {
            id(scan.node): binding.protected[scan.relation.key]
            for scan in write.targets
            if scan.relation.key in binding.protected
        }
        self._reads = TargetReads()
        self._shields = shields

    def reads(self, passed_over: set[int], revealed: frozenset[ColumnName]) -> TargetReads:
        """What becomes of every reference to a masked column of the targets.

        `passed_over`: nodes that read nothing, or may stay. `revealed`: what RETURNING may show raw.

        Raises:
            StatementRefused: a reference whose owner is not certain, or that cannot be masked in place.
        """
        words = set[str]().union(*(protected.masked_words for protected in self._protected.values()))
        aliases = {scan.word for scan in self._write.targets if id(scan.node) in self._protected}
        for column in self._statement.nodes(exp.Column) if words else ():
            if self._is_shielded(column):
                self._unqualify(column, aliases)
                continue
            if isinstance(column.this, exp.Star):
                check_star(column, aliases, self._scopes)
                continue
            if id(column) in passed_over:
                continue
            if column.name.lower() in words:
                self._column(column, revealed)
            elif column.args.get("table") is None and column.name.lower() in aliases:
                self._row(column, revealed)
            elif column.table.lower() in aliases:
                self._check(column)
            else:
                check_qualified_row(column, aliases, self._scopes)
        if words:
            check_forms(self._write, self._statement, words, aliases=aliases, shields=self._shields)
        if words and self._write.node.args.get("returning") is not None:
            self._stars(revealed)
        return self._reads

    def _unqualify(self, column: exp.Column, aliases: set[str]) -> None:
        """Behind its schema, the target's name would mean the table and not the row before which it stands."""
        schema = column.args.get("catalog") or column.args.get("db")
        if schema is not None and column.table.lower() in aliases:
            if not self._scopes.is_unique(column.table):
                raise unclear(column)
            self._reads.edits.add(Edit(position(schema), position(column.args["table"]), ""))

    def _is_shielded(self, node: exp.Expr) -> bool:
        """Whether a reference stands in an expression that is put before a masked row."""
        return any(shield.has(node) for shield in self._shields)

    def _column(self, column: exp.Column, revealed: frozenset[ColumnName]) -> None:
        item = self._scopes.owner(column)
        if item is None:
            raise unclear(column)
        target = item.scan if self._scopes.is_target(item) else None
        protected = self._binding.protected.get(target.relation.key) if target is not None else None
        if target is None or protected is None or column.name.lower() not in protected.masked_words:
            self._qualify(column, item)
            return
        if id(target.node) not in self._protected:
            return  # another write's target, which masks it
        bound = next(c for c in protected.columns if c.word == column.name.lower())
        first = column.args.get("catalog") or column.args.get("db") or column.args.get("table") or column.this
        place = self._place(column, position(first), end_position(column.this))
        if place.is_item and place.is_shown and self._statement.dialect in ("sqlite", "duckdb"):
            # There RETURNING calls a column as its table does, however the statement spells it.
            place = replace(place, name=next(c.name for c in target.relation.columns if c.name.lower() == bound.word))
        text = self._masked(bound, target, place, revealed=revealed)
        if text is not None:
            self._reads.edits.add(Edit(place.start, place.end, self._named(text, place)))

    def _qualify(self, column: exp.Column, item: Item) -> None:
        if column.args.get("table") is not None:
            return
        if item.name is None:
            raise unclear(column)
        name = self._statement.sql[position(item.name) : end_position(item.name)]
        self._reads.edits.add(Edit(position(column.this), position(column.this), f"{name}."))

    def _check(self, column: exp.Column) -> None:
        """PostgreSQL calls a function as an attribute, too: `c.to_jsonb`."""
        item = self._scopes.owner(column)
        if item is not None and item.scan is not None and column.name.lower() not in (item.columns or ()):
            raise unclear(column)

    def _place(self, node: exp.Expr, start: int, end: int) -> _Place:
        child, above = node, node.parent
        while above is not None and not isinstance(above, exp.Returning | exp.Query):
            child, above = above, above.parent
        is_shown = isinstance(above, exp.Returning)
        is_output = is_shown or (isinstance(above, exp.Select) and child.arg_key == "expressions")
        name = node.name if is_output and not isinstance(child, exp.Alias) else ""
        return _Place(start, end, name, is_output and child is node, is_shown)

    def _qualifier(self, scan: Scan, place: _Place) -> str:
        """How the target is called at a place: in RETURNING, an alias does not hold everywhere."""
        dialect = self._statement.dialect
        is_insert = isinstance(self._write.node, exp.Insert)
        if place.is_shown and (dialect == "sqlite" or (dialect == "duckdb" and is_insert)):
            return quoted(scan.relation.name, dialect)
        return scan.alias

    def _masked(self, column: BoundColumn, scan: Scan, place: _Place, *, revealed: frozenset[ColumnName]) -> str | None:
        """The mask of `column` at `place`; None where it may be shown as it is."""
        if place.is_shown and self._write.is_top and column.name in revealed:
            assert column.name is not None
            self._reads.revealed.add(column.name)
            return None
        if column.generation is not None and self._statement.dialect == "duckdb":
            # Its mask is a query, which DuckDB takes in neither place.
            where = "RETURNING" if place.is_shown else "DO UPDATE" if isinstance(self._write.node, exp.Insert) else None
            if where is not None:
                hint = f"Leave {column.word} out of {where}: it is generated from a mask."
                raise StatementRefused(Reason.WRITE, hint)
        protected = self._protected[id(scan.node)]
        names = (other.name for other in protected.columns if other is column or column.generation is not None)
        self._reads.masked.update(name for name in names if name is not None)
        return mask_in_place(column, protected, qualifier=self._qualifier(scan, place), binding=self._binding)

    def _named(self, text: str, place: _Place) -> str:
        """An expression that gives an output column the name which the reference in its place gave it."""
        dialect = self._statement.dialect
        text = self._statement.written(text)
        if not place.name:
            return text
        name = place.name if dialect != "postgresql" else self._folded(place)
        if place.is_item:
            return f"{text} AS {quoted(name, dialect)}"
        # A subquery lends its column's name to casts and the like around it.
        return f"(SELECT {text} AS {quoted(name, dialect)})" if dialect == "postgresql" else text

    def _folded(self, place: _Place) -> str:
        is_quoted = self._statement.text[place.end - 1] == '"'
        return place.name if is_quoted else place.name.lower()

    def _row(self, column: exp.Column, revealed: frozenset[ColumnName]) -> None:
        """A reference to the whole row."""
        item = self._scopes.row(column)
        if item is None or item.scan is None or id(item.scan.node) not in self._protected:
            return
        place = self._place(column, position(column.this), end_position(column.this))
        cells = [
            self._cell(c, item.scan, place, revealed=revealed)
            for c in self._visible(self._protected[id(item.scan.node)])
        ]
        columns = self._visible(self._protected[id(item.scan.node)])
        if place.is_item and place.is_shown and self._statement.dialect == "duckdb":
            place = replace(place, name=f"struct_pack({', '.join(c.name for c in item.scan.relation.columns)})")
        match self._statement.dialect:
            case "postgresql":
                type_ = ".".join(quoted(name, "postgresql") for name in item.scan.relation.key)
                text = f"(ROW({', '.join(cells)})::{type_})"
            case "duckdb":
                pairs = (f"{c.sql} := {cell}" for c, cell in zip(columns, cells, strict=True))
                text = f"struct_pack({', '.join(pairs)})"
            case _:
                raise unclear(column)
        self._reads.edits.add(Edit(place.start, place.end, self._named(text, place)))

    def _visible(self, protected: Protected) -> list[BoundColumn]:
        hidden = {own.name.lower() for own in protected.relation.columns if own.is_hidden}
        return [column for column in protected.columns if column.word not in hidden]

    def _cell(self, column: BoundColumn, scan: Scan, place: _Place, *, revealed: frozenset[ColumnName]) -> str:
        """One column among all of them."""
        is_masked = column.mask is not None or column.generation is not None
        text = self._masked(column, scan, place, revealed=revealed) if is_masked else None
        return text or f"{self._qualifier(scan, place)}.{column.sql}"

    # Stars of RETURNING.

    def _stars(self, revealed: frozenset[ColumnName]) -> None:
        for item in returned_items(self._statement, max(scan.end for scan in self._write.targets)):
            tokens = self._statement.tokens[item.first : item.last + 1]
            if not tokens or any(shield.start == tokens[0].start for shield in self._shields):
                continue  # where nothing stands between commas, the database says so
            if tokens[-1].token_type != TokenType.STAR or len(tokens) > 3:  # noqa: PLR2004 -- alias . *
                if any(_is_star(tokens, index) for index in range(len(tokens))):
                    raise StatementRefused(Reason.WRITE, "Name the columns in RETURNING, instead of changing its *.")
                continue
            listed = self._listed(tokens, revealed)
            if listed is not None:
                self._reads.edits.add(Edit(tokens[0].start, tokens[-1].end + 1, listed))

    def _listed(self, tokens: tuple[Token, ...], revealed: frozenset[ColumnName]) -> str | None:
        """What a star reads, column by column."""
        word = tokens[0].text.lower() if len(tokens) > 1 else None
        targets = {id(scan.node): scan for scan in self._write.targets}
        if word is not None:
            scans = [scan for scan in targets.values() if scan.word == word and id(scan.node) in self._protected]
            return self._list(scans[0], tokens, revealed) if len(scans) == 1 else None
        node = self._write.node
        others = _others(node) if self._statement.dialect == "postgresql" else []
        if isinstance(node, exp.Merge):
            raise StatementRefused(Reason.WRITE, "Name the columns in RETURNING.")
        lists = [self._list(scan, tokens, revealed) for scan in targets.values() if id(scan.node) in self._protected]
        names = (self._scopes.item(other).name for other in others)
        lists += [f"{self._statement.sql[position(name) : end_position(name)]}.*" for name in names if name is not None]
        return ", ".join(lists)

    def _list(self, scan: Scan, tokens: tuple[Token, ...], revealed: frozenset[ColumnName]) -> str:
        place = _Place(tokens[0].start, tokens[-1].end + 1, "", is_item=True, is_shown=True)
        columns = self._visible(self._protected[id(scan.node)])
        cells = ((c, self._cell(c, scan, place, revealed=revealed)) for c in columns)
        plain = f"{self._qualifier(scan, place)}."
        return self._statement.written(
            ", ".join(cell if cell.startswith(plain) else f"{cell} AS {c.sql}" for c, cell in cells)
        )


def _others(node: exp.Expr) -> list[exp.Expr]:
    """What else a write reads: the items of its FROM or USING."""
    from_, using = node.args.get("from_"), node.args.get("using")
    items = [from_.this] if from_ is not None else using if isinstance(using, list) else [using] if using else []
    return [each for item in items for each in joined(item)]


def _is_star(tokens: tuple[Token, ...], index: int) -> bool:
    """Whether a star stands where it means columns."""
    return is_at(tokens, index, TokenType.STAR) and (index == 0 or is_at(tokens, index - 1, TokenType.DOT))
