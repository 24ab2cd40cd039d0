"""Names of unnamed output columns, which SQLite, MySQL and DuckDB take from the text of the statement.

`SELECT (SELECT email FROM customers)` is a column called just so; where an edit falls into such an expression, the name
that it would have had is written out.
"""

from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator

from sqlglot import exp
from sqlglot.tokenizer_core import TokenType

from masking.types import Dialect
from rewriter.binding import quoted
from rewriter.duckdb_names import printed
from rewriter.edits import Edit
from rewriter.scans import Scan, end_position, position
from rewriter.schema import Relation, RelationKind
from rewriter.select_items import SelectItem, select_items
from rewriter.statement import Statement
from rewriter.token_runs import closing

_LONGEST = 64
"""MariaDB gives a name of its own to an unnamed column of a common table expression where the text would be longer."""


def output_name_edits(statement: Statement, edits: Iterable[Edit], scanned: Collection[Scan]) -> Iterator[Edit]:
    """An alias for each unnamed select item that one of `edits` changes.

    Also for columns of `scanned` (the scans that became derived tables) that a table calls otherwise than a derived
    one: on MySQL, and generated ones on DuckDB, as they are written, whatever the letter case; on SQLite `oid` and its
    kin by the row's key.
    """
    places = sorted([edit.start for edit in edits])
    if statement.dialect == "postgresql" or not places:
        return
    respelled = dict(_respelled(statement, scanned))
    if not respelled and not _may_be_inside(places, scanned):
        return
    named = {end_position(alias.args["alias"]) for alias in statement.nodes(exp.Alias) if alias.args.get("alias")}
    for item in select_items(statement):
        start, end = statement.tokens[item.first].start, statement.end_of(statement.tokens[item.last])
        if end in named or statement.tokens[item.last].token_type == TokenType.STAR:
            continue
        if _is_column(statement, item):
            place = statement.tokens[item.last].start
            if place in respelled:
                yield Edit(end, end, f" AS {respelled[place]}")
        elif bisect_left(places, start) < bisect_left(places, end):
            yield from _alias(statement, item)


def _may_be_inside(places: Iterable[int], scanned: Collection[Scan]) -> bool:
    """Whether one of the edits at `places` may lie in a select item: not those that replace what stands after FROM."""
    known: dict[int, bool] = {}
    outside = {scan.start for scan in scanned if not _is_in_item(scan.node, known)}
    return not outside.issuperset(places)


def _is_in_item(node: exp.Expr, known: dict[int, bool]) -> bool:
    """Whether a node lies in a select item; `known` holds for the nodes above those that were asked for before."""
    passed: list[int] = []
    above = node.parent
    while above is not None and id(node) not in known:
        passed.append(id(node))
        if node.arg_key == "expressions" and isinstance(above, exp.Select | exp.Returning):
            known[id(node)] = True
            break
        node, above = above, above.parent
    found = known.get(id(node), False)
    known.update(dict.fromkeys(passed, found))
    return found


def _alias(statement: Statement, item: SelectItem) -> Iterator[Edit]:
    """The name that an item would have had."""
    start, end = statement.tokens[item.first].start, statement.end_of(statement.tokens[item.last])
    name = printed(statement.sql[start:end]) if statement.dialect == "duckdb" else _text(statement, item)
    is_mysql = statement.dialect == "mysql"
    if name is None or (is_mysql and len(name) > _LONGEST and _is_in_expression(statement, start)):
        return
    if is_mysql and statement.text[start:end].count("?") and statement.is_percent_doubled:
        return  # a placeholder in the name would be one more parameter
    quote = "`" if is_mysql else '"'
    yield Edit(end, end, f" AS {quote}{name.replace(quote, 2 * quote)}{quote}")


def _is_in_expression(statement: Statement, place: int) -> bool:
    """Whether a place lies in the body of a common table expression."""
    for cte in statement.nodes(exp.CTE):
        start = end_position(cte.args["alias"].this)
        if start <= place < _body_end(statement, start):
            return True
    return False


def _body_end(statement: Statement, start: int) -> int:
    """The place of the bracket that ends the body of the expression whose name ends at `start`."""
    tokens = statement.tokens
    opening = next(i for i, t in enumerate(tokens) if t.start >= start and t.token_type == TokenType.L_PAREN)
    if closing(tokens, opening) + 1 < len(tokens) and tokens[closing(tokens, opening) + 1].text.lower() == "as":
        opening = closing(tokens, opening) + 2  # what came first was its list of columns
    end = closing(tokens, opening)
    return tokens[end].start if end < len(tokens) else len(statement.sql)


def _respelled(statement: Statement, scanned: Iterable[Scan]) -> Iterator[tuple[int, str]]:
    """Places of columns of tables that became derived tables, and what the table would have called them."""
    if statement.dialect == "sqlite" and _ROW_KEYS.isdisjoint(statement.words):
        return
    tables: dict[int, list[tuple[str, dict[str, str]]]] = {}
    for scan in scanned:
        if scan.relation.kind is not RelationKind.VIEW:
            names = _declared(scan.relation, statement.dialect)
            tables.setdefault(id(scan.node.find_ancestor(exp.Select)), []).append((scan.word, names))
    for column in statement.nodes(exp.Column) if tables else ():
        qualifier = column.args.get("table")
        for word, names in tables.get(id(column.find_ancestor(exp.Select)), ()):
            is_meant = qualifier is None or qualifier.name.lower() == word
            declared = names.get(column.name.lower(), column.name)
            if is_meant and declared != column.name:
                place = position(column.this)
                written = statement.sql[place : end_position(column.this)]
                yield place, quoted(declared, "sqlite") if statement.dialect == "sqlite" else written


_ROW_KEYS = frozenset(("rowid", "oid", "_rowid_"))


def _declared(relation: Relation, dialect: Dialect) -> dict[str, str]:
    """Names of columns in lower case → as declared; on SQLite of the row's key alone, on DuckDB of generated ones."""
    own = {column.name.lower(): column for column in relation.columns}
    if dialect == "duckdb":
        return {word: column.name for word, column in own.items() if column.generation is not None}
    if dialect == "mysql":
        return {word: column.name for word, column in own.items()}
    declared = relation.row_key or "rowid"
    return {word: declared for word in _ROW_KEYS if relation.has_rowid and word not in own}


def _is_column(statement: Statement, item: SelectItem) -> bool:
    """Whether a select item is a plain column reference: words, and a dot between each two."""
    tokens = statement.tokens[item.first : item.last + 1]
    dots = {index for index, token in enumerate(tokens) if token.token_type == TokenType.DOT}
    is_path = bool(dots) and statement.dialect == "sqlite"  # which takes a string for a name there
    is_named = all(statement.is_word(token) or (is_path and statement.is_string(token)) for token in tokens[::2])
    return is_named and dots == set(range(1, len(tokens), 2))


def _text(statement: Statement, item: SelectItem) -> str:
    """SQLite counts a comment behind the expression to its name, MySQL does not."""
    tokens = statement.tokens
    end = tokens[item.last].end + 1
    if statement.dialect == "sqlite":
        end = tokens[item.last + 1].start if item.last + 1 < len(tokens) else len(statement.sql)
    return statement.sql[tokens[item.first].start : end].rstrip()
