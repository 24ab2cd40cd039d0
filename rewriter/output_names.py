"""Names of unnamed output columns, which SQLite, MySQL and DuckDB take from the text of the statement.

`SELECT (SELECT email FROM customers)` is a column called just so; where an edit falls into such an expression, the name
that it would have had is written out.
"""

from collections.abc import Iterable, Iterator

from sqlglot import exp
from sqlglot.tokenizer_core import TokenType

from rewriter.duckdb_names import printed
from rewriter.edits import Edit
from rewriter.scans import Scan, end_position
from rewriter.schema import RelationKind
from rewriter.statement import Statement

_ENDS = frozenset("from where group having order limit union intersect except into".split())
_FREE_ENDS = frozenset("window for lock fetch offset procedure".split())
"""Words that may also be a column's name."""
_OPERAND_ENDS = frozenset(
    (TokenType.NUMBER, TokenType.STRING, TokenType.PLACEHOLDER, TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.STAR)
)
_MODIFIERS = frozenset(
    "distinct all straight_join high_priority sql_calc_found_rows sql_no_cache sql_cache sql_small_result"
    " sql_big_result sql_buffer_result distinctrow".split()
)


def output_name_edits(statement: Statement, edits: Iterable[Edit], scanned: Iterable[Scan]) -> Iterator[Edit]:
    """An alias for each unnamed select item that one of `edits` changes.

    On MySQL also for columns of `scanned` (the scans that became derived tables) written in another letter case: a
    table's column is called as it is written, a derived table's as it is declared.
    """
    places = [edit.start for edit in edits]
    if statement.dialect == "postgresql" or not places:
        return
    tables = (scan.relation for scan in scanned if scan.relation.kind is not RelationKind.VIEW)
    declared = {column.name for table in tables for column in table.columns}
    folded = {name.lower() for name in declared}
    assert statement.tree is not None
    named = {end_position(alias.args["alias"]) for alias in statement.nodes(exp.Alias) if alias.args.get("alias")}
    for first, last in _items(statement):
        start, end = statement.tokens[first].start, statement.tokens[last].end + 1
        if end in named or statement.tokens[last].token_type == TokenType.STAR:
            continue
        if _is_column(statement, first, last):
            name = statement.tokens[last].text
            if statement.dialect == "mysql" and name not in declared and name.lower() in folded:
                yield Edit(end, end, f" AS {statement.sql[statement.tokens[last].start : end]}")
            continue
        if not any(start <= place < end for place in places):
            continue
        called = printed(statement.sql[start:end]) if statement.dialect == "duckdb" else _name(statement, start, last)
        if called is None:
            continue
        if statement.dialect == "mysql" and statement.text[start:end].count("?") and statement.is_percent_doubled:
            continue  # a placeholder in the name would be one more parameter
        quote = "`" if statement.dialect == "mysql" else '"'
        yield Edit(end, end, f" AS {quote}{called.replace(quote, 2 * quote)}{quote}")


def _is_column(statement: Statement, first: int, last: int) -> bool:
    """Whether a select item is a plain column reference: words and dots."""
    return all(
        token.token_type == TokenType.DOT or statement.is_word(token) for token in statement.tokens[first : last + 1]
    )


def _name(statement: Statement, start: int, last: int) -> str:
    """SQLite counts a comment behind the expression to its name, MySQL does not."""
    tokens = statement.tokens
    end = tokens[last].end + 1
    if statement.dialect == "sqlite":
        end = tokens[last + 1].start if last + 1 < len(tokens) else len(statement.sql)
    return statement.sql[start:end].rstrip()


def _items(statement: Statement) -> Iterator[tuple[int, int]]:
    """First and last token of every select item, at any depth."""
    opened: list[int | None] = [None]
    for index, token in enumerate(statement.tokens):
        word = "" if token.start in statement.quoted else token.text.lower().split(" ")[0]
        match token.token_type:
            case TokenType.L_PAREN | TokenType.L_BRACKET | TokenType.L_BRACE:
                opened[-1] = index if opened[-1] == -1 else opened[-1]
                opened.append(None)
                continue
            case TokenType.R_PAREN | TokenType.R_BRACKET | TokenType.R_BRACE:
                yield from _ended(opened.pop(), index)
                continue
        if word == "select":
            opened[-1] = -1
        elif opened[-1] is None or (opened[-1] == -1 and word in _MODIFIERS):
            continue
        elif token.token_type == TokenType.COMMA or _is_end(statement, index, word):
            yield from _ended(opened[-1], index)
            opened[-1] = -1 if token.token_type == TokenType.COMMA else None
        elif opened[-1] == -1:
            opened[-1] = index
    yield from _ended(opened[-1], len(statement.tokens))


def _is_end(statement: Statement, index: int, word: str) -> bool:
    """Whether a word ends a select list; `IS DISTINCT FROM` does not."""
    tokens = statement.tokens
    before = tokens[index - 1]
    if word in _FREE_ENDS:
        is_between = statement.is_word(before) or before.token_type in _OPERAND_ENDS
        after = tokens[index + 1 : index + 2]
        return is_between and any(statement.is_word(t) or t.token_type == TokenType.NUMBER for t in after)
    return word in _ENDS and not (word == "from" and before.text.lower() == "distinct")


def _ended(first: int | None, after: int) -> Iterator[tuple[int, int]]:
    if first is not None and 0 <= first < after:
        yield first, after - 1
