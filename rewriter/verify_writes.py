"""The part of the check that concerns writes: which mentions of a written table's masked columns are harmless.

Its target stands raw in the text. A masked column of it may be named where a value goes to it, inside its own mask,
where a nearer FROM item bears the same name, where its value can only go back to where it is, and in a RETURNING that
may show it.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from sqlglot import exp
from sqlglot.tokenizer_core import TokenType

from masking import ColumnName
from rewriter.binding import Binding, Protected, quoted
from rewriter.errors import StatementRefused
from rewriter.in_place import mask_in_place
from rewriter.masked_tables import STAND_IN
from rewriter.statement import Statement
from rewriter.verify_assigned import goes_back
from rewriter.verify_lookups import is_found_by_known_values
from rewriter.verify_replaced import lent_places

_WRITES = (exp.Insert, exp.Update, exp.Delete, exp.Merge)


_Raw = list[tuple[exp.Expr, Protected]]


def harmless(
    statement: Statement, binding: Binding, *, raw: _Raw, texts: Sequence[str], returned: frozenset[ColumnName]
) -> frozenset[int]:
    """Where names stand that read nothing raw, in a statement that writes.

    `raw`: tables that are in no masked derived table. `texts`: what the stand-ins stand for, in the text's order.
    """
    places = {int(node.meta["start"]) for node in _assigned(statement) if "start" in node.meta}
    spans = {span for each in raw for span in _masks(statement, binding, each)}
    places.update(t.start for t in statement.tokens if any(start <= t.start < end for start, end in spans))
    aliases = {table.alias_or_name.lower() for table, _ in raw}
    tables = {id(table) for table, _ in raw}
    shown = _stand_ins(statement, texts)
    for column in statement.nodes(exp.Column):
        places.update(_of_column(column, statement, raw=raw, shown=shown, returned=returned))
    for node, protected in raw:
        places.update(lent_places(statement, binding, protected, written=node))
    places.update(_literals(statement))
    places.update(_words_of_tables(statement))
    places.update(_of_other_queries(statement, tables, aliases))
    return frozenset(places)


def _of_column(
    column: exp.Column,
    statement: Statement,
    *,
    raw: _Raw,
    shown: dict[int, str],
    returned: frozenset[ColumnName],
) -> Iterator[int]:
    """Where the names of a reference stand that reads nothing raw; `shown`: of `_stand_ins`."""
    aliases = {table.alias_or_name.lower() for table, _ in raw}
    tables = {id(table) for table, _ in raw}
    meant = [c for _, protected in raw for c in protected.columns if c.word == column.name.lower()]
    is_own = goes_back(column, is_null_known=all(c.shows_null for c in meant)) or _is_returned(
        column, statement, raw=raw, returned=returned
    )
    is_harmless = (
        is_own
        or (column.table.lower() in aliases and _is_shadowed(column, tables, shown))
        or (not column.table and _is_given(column, tables, shown))
        or is_found_by_known_values(column, statement, [c for c in meant if c.name is not None])
    )
    if is_harmless and "start" in column.this.meta:
        yield int(column.this.meta["start"])
    if is_own and column.table.lower() in aliases:
        yield int(column.args["table"].meta["start"])  # which may be a column's name, too


def _words_of_tables(statement: Statement) -> Iterator[int]:
    """`COLUMNS (…)` of JSON_TABLE and XMLTABLE: DuckDB alone has a call of that name, which reads columns."""
    if statement.dialect == "duckdb":
        return
    tokens = statement.tokens
    for token, after in pairwise(tokens):
        if token.token_type != TokenType.IDENTIFIER and token.text.lower() == "columns":
            yield from [token.start] if after.token_type == TokenType.L_PAREN else []


def _of_other_queries(statement: Statement, raw: set[int], aliases: set[str]) -> Iterator[int]:
    """Stars and common columns of queries that read no raw table: they mean nothing outside their query's own FROM."""
    is_elsewhere = all(_is_elsewhere(star.parent, raw, aliases) for star in statement.nodes(exp.Star))
    joins = [(join, join.find_ancestor(exp.Select, *_WRITES)) for join in statement.nodes(exp.Join)]
    other = [join for join, query in joins if isinstance(query, exp.Select) and _reads_none_of(query, raw)]
    is_natural = all(join in other for join, _ in joins if (join.args.get("method") or "").upper() == "NATURAL")
    for token in statement.tokens:
        is_star = token.token_type == TokenType.STAR and is_elsewhere
        if is_star or (is_natural and token.text.lower() == "natural"):
            yield token.start
    for join in other:
        for name in join.args.get("using") or ():
            yield from (int(node.meta["start"]) for node in name.find_all(exp.Identifier) if "start" in node.meta)


def _is_elsewhere(above: exp.Expr | None, raw: set[int], aliases: set[str]) -> bool:
    """Whether a star, which stands right under `above`, reads no raw table."""
    match above:
        case exp.Count() | exp.Mul():
            return True
        case exp.Column():
            return above.table.lower() not in aliases
        case exp.Select():
            return _reads_none_of(above, raw)
        case _:
            return False


def _reads_none_of(query: exp.Select, raw: set[int]) -> bool:
    return not any(id(table) in raw for item in _items(query) for table in item.find_all(exp.Table))


def _stand_ins(statement: Statement, texts: Sequence[str]) -> dict[int, str]:
    """The queries that stand for masked tables, by the identity of their nodes → the text of the masked table."""
    tables = [t for t in statement.nodes(exp.Table) if t.name == STAND_IN.rpartition(" ")[2]]
    tables.sort(key=lambda table: int(table.this.meta["start"]))
    queries = (table.find_ancestor(exp.Select) for table in tables)
    return {id(query): text.lower() for query, text in zip(queries, texts, strict=True)}


def _assigned(statement: Statement) -> Iterator[exp.Expr]:
    """Names of columns that get a value, of a conflict's index, and of the value that was to be inserted."""
    for insert in statement.nodes(exp.Insert):
        if isinstance(insert.this, exp.Schema):
            yield from insert.this.expressions
        if isinstance(insert.parent, exp.When) and isinstance(insert.this, exp.Expr):
            yield from insert.this.find_all(exp.Identifier)
    for alias in statement.nodes(exp.TableAlias):
        yield from alias.args.get("columns") or ()
    for update in statement.nodes(exp.Update, exp.OnConflict):
        for item in update.expressions:
            if isinstance(item, exp.EQ):
                yield from item.this.find_all(exp.Identifier)
    yield from _of_conflicts(statement)


def _of_conflicts(statement: Statement) -> Iterator[exp.Expr]:
    for conflict in statement.nodes(exp.OnConflict):
        for key in ("conflict_keys", "index_predicate"):
            part = conflict.args.get(key) or []
            for item in part if isinstance(part, list) else [part]:
                yield from item.find_all(exp.Identifier)
        for call in conflict.find_all(exp.Anonymous):
            if call.name.lower() == "values":
                yield from (item for item in call.expressions if isinstance(item, exp.Identifier))


def _masks(statement: Statement, binding: Binding, raw: tuple[exp.Expr, Protected]) -> Iterator[tuple[int, int]]:
    """Where masks of the table's columns stand, to the letter."""
    table, protected = raw
    alias = table.args.get("alias")
    name = alias.this if alias is not None and alias.this else table.this
    written = statement.sql[int(name.meta["start"]) : int(name.meta["end"]) + 1]
    spoken = {'"' + name.name.replace('"', '""') + '"' if written.startswith("'") else written}
    spoken.add(quoted(protected.relation.name, binding.dialect))
    for column in protected.columns:
        for qualifier in spoken if column.mask is not None or column.generation is not None else ():
            try:
                text = statement.written(mask_in_place(column, protected, qualifier=qualifier, binding=binding))
            except StatementRefused:
                continue
            start = statement.sql.find(text)
            while start >= 0:
                yield start, start + len(text)
                start = statement.sql.find(text, start + len(text))


def _is_shadowed(column: exp.Column, raw: set[int], shown: dict[int, str]) -> bool:
    """Whether a nearer query has a FROM item of that name which is no raw table, and gives the column."""
    if column.args.get("db") is not None:
        return False  # the schema says which table is meant, wherever it stands
    child: exp.Expr = column
    above = column.parent
    while above is not None and not isinstance(above, _WRITES):
        if isinstance(above, exp.Select) and not isinstance(child, exp.With):
            items = [item for item in _items(above) if item.alias_or_name.lower() == column.table.lower()]
            if items:
                is_in_clause = child.arg_key not in ("from_", "joins", "laterals")
                return len(items) == 1 and id(items[0]) not in raw and is_in_clause and _gives(items[0], column, shown)
        child, above = above, above.parent
    return False


def _is_given(column: exp.Column, raw: set[int], shown: dict[int, str]) -> bool:
    """Whether an unqualified name certainly means a column of the query around it, which reads no raw table."""
    child: exp.Expr = column
    query = column.parent
    while query is not None and not isinstance(query, (exp.Select, *_WRITES)):
        child, query = query, query.parent
    if not isinstance(query, exp.Select) or child.arg_key in ("from_", "joins", "laterals", "with_"):
        return False
    return _reads_none_of(query, raw) and any(_gives(item, column, shown) for item in _items(query))


def _items(query: exp.Select) -> Iterator[exp.Expr]:
    from_ = query.args.get("from_")
    joins = [join.this for join in query.args.get("joins") or ()]
    for item in ([from_.this] if from_ is not None else []) + joins:
        yield item
        yield from (join.this for join in item.args.get("joins") or ())


def _gives(item: exp.Expr, column: exp.Column, shown: dict[int, str]) -> bool:
    """Whether an item certainly has the column: SQLite looks further outside for one that it has not."""
    if not isinstance(item, exp.Subquery) or not isinstance(item.this, exp.Select):
        return False
    word = column.name.lower()
    text = shown.get(id(item.this))
    if text is not None:
        return f' as "{word}"' in text or f" as `{word}`" in text
    return word in {output.alias_or_name.lower() for output in item.this.expressions}


def _is_returned(column: exp.Column, statement: Statement, *, raw: _Raw, returned: frozenset[ColumnName]) -> bool:
    """Whether a reference stands in the statement's own RETURNING, which may show its column."""
    above = column.parent
    while above is not None and not isinstance(above, exp.Returning | exp.Query | exp.Insert):
        above = above.parent
    if not isinstance(above, exp.Returning) or above.parent is not statement.tree:
        return False
    named = [c for _, p in raw for c in p.columns if c.word == column.name.lower() and c.mask is not None]
    return bool(named) and all(c.name in returned for c in named)


def _literals(statement: Statement) -> Iterator[int]:
    """Strings, but for those that SQLite may take for a name; types; fields of a value in brackets."""
    tokens = statement.tokens
    for index, token in enumerate(tokens):
        before = [tokens[at].text.lower() if at >= 0 else "" for at in range(index - 3, index)]
        is_name = before[2] in (".", "using", "as") or before[1] == "using"
        if token.token_type == TokenType.STRING and not is_name:
            yield token.start
        if index + 1 < len(tokens) and tokens[index + 1].token_type == TokenType.COLON_EQ:
            yield token.start
        if before[2] in ("as", "::"):  # a type, or the name that something gets
            yield token.start
        is_behind = before[2] == "."
        if is_behind and (before[0] in ("as", "::") or tokens[index - 2].token_type == TokenType.R_PAREN):
            yield token.start
