"""PostgreSQL's other way to call a function of one argument, as if it were a column of it.

`('x').current_setting`, `c.leak`, and `x.ts_stat` where `x` is what a function in FROM returned: behind the name of a
FROM item stands a column only if the item is known to have one of that name.
"""

import re
from collections.abc import Iterator

from sqlglot import exp
from sqlglot.tokenizer_core import TokenType

from rewriter.binding import Binding
from rewriter.scans import Expressions, part
from rewriter.schema import Relation
from rewriter.statement import Statement

OF_ONE_ARGUMENT = re.compile(r"(?:pg|lo|brin|gin|binary_upgrade)_|current_setting\Z|ts_stat\Z|txid_status\Z")
"""PostgreSQL's own functions that may be called so and do more than compute on their argument."""


def called_attributes(statement: Statement, binding: Binding) -> Iterator[int]:
    """Indexes of the words behind a dot that may call a function which is not known to be harmless."""
    tokens, words = statement.tokens, statement.words
    catalog = binding.catalog
    sources: _Sources | None = None
    for index in [dot + 1 for dot in statement.indexes.get(".", ()) if 0 < dot < len(words) - 1]:
        name = words[index]
        is_own = name not in catalog.builtins and OF_ONE_ARGUMENT.match(name) is not None
        if not is_own and name not in catalog.user_functions:
            continue
        if tokens[index - 1].token_type != TokenType.DOT or not statement.is_word(tokens[index]):
            continue
        if index + 1 < len(tokens) and tokens[index + 1].token_type in (TokenType.L_PAREN, TokenType.DOT):
            continue
        if words[index - 2] not in (")", "]"):
            sources = sources or _Sources(statement, binding)
            if sources.has_column(words[index - 2], index):
                continue
        yield index


class _Sources:
    """The FROM items of a statement by the names that it calls them, and the tables' own names."""

    __slots__ = ("_binding", "_expressions", "_items", "_statement", "_tables")

    def __init__(self, statement: Statement, binding: Binding) -> None:
        self._statement = statement
        self._binding = binding
        self._expressions = Expressions(statement, binding.resolver)
        self._items: dict[str, list[exp.Expr]] = {}
        for item in statement.nodes(exp.Table, exp.Subquery, exp.Lateral, exp.Unnest, exp.Values, exp.CTE):
            self._items.setdefault(item.alias_or_name.lower(), []).append(item)
        self._tables = {
            identifier.meta.get("start")
            for table in statement.nodes(exp.Table)
            for identifier in (table.this, table.args.get("db"))
            if isinstance(identifier, exp.Identifier)
        }

    def has_column(self, source: str, index: int) -> bool:
        """Whether the word at `index` is a column of whatever is called `source`, or the name of a table itself."""
        token = self._statement.tokens[index]
        if token.start in self._tables:
            return True
        name = token.text if token.start in self._statement.quoted else token.text.lower()
        items = self._items.get(source, ())
        return all(name in self._columns(item) for item in items) if items else self._is_schema(source)

    def _is_schema(self, name: str) -> bool:
        """Whether a name has a dot behind it wherever it stands: what names a FROM item has none."""
        words = self._statement.words
        return all(after == "." for word, after in zip(words, (*words[1:], ""), strict=True) if word == name)

    def _columns(self, item: exp.Expr) -> frozenset[str]:
        """Columns that a FROM item is known to have."""
        alias = item.args.get("alias")
        if alias is not None and alias.args.get("columns"):
            return frozenset(_folded(column) for column in alias.args["columns"] if isinstance(column, exp.Identifier))
        if isinstance(item, exp.Table):
            return self._table_columns(item)
        query = item.this if isinstance(item, exp.Subquery | exp.CTE) else None
        while isinstance(query, exp.SetOperation):
            query = query.left
        outputs = query.expressions if isinstance(query, exp.Select) else ()
        return frozenset(_folded(name) for output in outputs if (name := _output(output)) is not None)

    def _table_columns(self, table: exp.Expr) -> frozenset[str]:
        names = [table.args.get("catalog"), table.args.get("db"), table.this]
        parts = tuple(part(name) for name in names if isinstance(name, exp.Identifier))
        if len(parts) == 1 and self._expressions.has(parts[0], table):
            meant = [self._columns(item) for item in self._items[table.name.lower()] if isinstance(item, exp.CTE)]
            return frozenset[str].intersection(*meant)
        relation = self._binding.resolver.resolve(parts) if parts else None
        return frozenset(c.name for c in relation.columns) if isinstance(relation, Relation) else frozenset()


def _output(item: exp.Expr) -> exp.Expr | None:
    """The name that an output has or is given."""
    name = (
        item.args.get("alias") if isinstance(item, exp.Alias) else item.this if isinstance(item, exp.Column) else None
    )
    return name if isinstance(name, exp.Identifier) else None


def _folded(identifier: exp.Expr) -> str:
    return identifier.name if identifier.args.get("quoted") else identifier.name.lower()
