"""Names that a statement uses and that the known schema does not account for.

Where one may mean a column of a relation that the policy is about, the column was added or renamed since, or there is
none. The scan is then read through the columns that are known, so that the engine itself says that there is no other.
"""

from collections.abc import Iterable, Iterator

from sqlglot import exp
from sqlglot.tokenizer_core import TokenType

from masking.types import Dialect
from rewriter.scans import Scan
from rewriter.statement import Statement

_SYSTEM_WORDS = frozenset({"ctid", "xmin", "xmax", "cmin", "cmax", "tableoid", "rowid", "oid", "_rowid_"})

_FUNCTION_WORDS = frozenset(
    "current_user session_user system_user user current_role current_catalog current_schema localtime localtimestamp"
    " sysdate".split()
)
"""Calls without brackets to the parser, which are names to some engine."""

_LABELS = (exp.Table, exp.TableAlias, exp.Alias, exp.Window, exp.WindowSpec, exp.DataType, exp.PropertyEQ, exp.Kwarg)
"""What gives a name, or is called by one that no column has."""


def has_strangers(statement: Statement, found: Iterable[Scan], watched: Iterable[Scan]) -> bool:
    """Whether the statement uses a name that may mean a column of a `watched` scan and that no scan has.

    A doubt counts as a yes: what follows from it changes no answer.
    """
    queries = {id(scan.node.find_ancestor(exp.Select)): scan for scan in watched}
    if not queries:
        return False
    known = _SYSTEM_WORDS.union(*(_spellings(scan, statement.dialect) for scan in found))
    spoken = {scan.word for scan in watched}
    others: set[str] | None = None
    is_postgresql = statement.dialect == "postgresql"
    for identifier in _names(statement):
        is_exact = is_postgresql and identifier.args.get("quoted")
        if (identifier.name if is_exact else identifier.name.lower()) in known or not _is_within(identifier, queries):
            continue
        if others is None:
            others = {node.alias_or_name.lower() for node in statement.nodes(exp.Table, exp.Subquery)} - spoken
        column = identifier.parent
        qualifier = column.args.get("table") if isinstance(column, exp.Column) else None
        if qualifier is not None and qualifier is not identifier and qualifier.name.lower() in others:
            continue
        if not _is_output(column):
            return True
    return _has_unplaced(statement)


def _spellings(scan: Scan, dialect: Dialect) -> frozenset[str]:
    """Names of a scan's columns as they can be written: PostgreSQL takes `"Email"` and `email` for two."""
    is_exact = dialect == "postgresql"
    return frozenset(column.name for column in scan.relation.columns) if is_exact else scan.relation.words


def _names(statement: Statement) -> Iterator[exp.Expr]:
    """Identifiers that may mean a column; what stands before a dot means a relation."""
    for identifier in statement.nodes(exp.Identifier):
        above = identifier.parent
        if isinstance(above, exp.Column) and identifier is not above.this:
            continue
        is_alias_list = isinstance(above, exp.TableAlias) and identifier.arg_key == "columns"
        if not isinstance(above, _LABELS) and not is_alias_list:
            yield identifier


def _is_within(node: exp.Expr, queries: dict[int, Scan]) -> bool:
    """Whether a name stands in one of `queries`, where it can mean what they read, at whatever depth."""
    above = node.find_ancestor(exp.Select)
    while above is not None:
        if id(above) in queries:
            return True
        above = above.find_ancestor(exp.Select)
    return id(None) in queries


def _is_output(column: exp.Expr | None) -> bool:
    """Whether a bare `ORDER BY name` means an output of its own query: before any column, on every engine."""
    order = column.parent if column is not None else None
    above = order.parent if isinstance(order, exp.Ordered) else None
    query = above.parent if isinstance(above, exp.Order) else None
    if not isinstance(column, exp.Column) or not isinstance(query, exp.Select) or column.args.get("table") is not None:
        return False
    return column.name.lower() in {item.alias.lower() for item in query.expressions if isinstance(item, exp.Alias)}


def _has_unplaced(statement: Statement) -> bool:
    """Whether a name is not in the parser's tree, or is a call there that may be a name to the engine."""
    tokens, words, placed = statement.tokens, statement.words, statement.placed
    if statement.dialect == "sqlite" and any(_is_string_name(statement, place) for place in statement.quoted):
        return True
    calls = [index for index, token in enumerate(tokens) if token.token_type == TokenType.VAR]
    if not _FUNCTION_WORDS.isdisjoint(words):
        calls += [index for index, word in enumerate(words) if word in _FUNCTION_WORDS]
    return any(
        tokens[index].start not in placed
        and (index + 1 == len(tokens) or tokens[index + 1].token_type != TokenType.L_PAREN)
        for index in calls
    )


def _is_string_name(statement: Statement, place: int) -> bool:
    """Whether SQLite may take the string at a place for a name: `c.'email'`, `USING ('email')`."""
    index = statement.places.get(place)
    if index is None or place in statement.placed or statement.tokens[index].token_type != TokenType.STRING:
        return False
    return statement.words[index - 1] == "." or "using" in statement.words
