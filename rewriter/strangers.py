"""Names that a statement uses and that the known schema does not account for.

Where one may mean a column of a relation that the policy is about, the column was added or renamed since, or there is
none. The scan is then read through the columns that are known, so that the engine itself says that there is no other.
"""

from collections.abc import Iterable, Iterator, Sequence

from sqlglot import exp
from sqlglot.tokenizer_core import TokenType

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


def has_strangers(statement: Statement, found: Iterable[Scan], watched: Sequence[Scan]) -> bool:
    """Whether the statement uses a name that may mean a column of a `watched` scan and that no scan has.

    A doubt counts as a yes: what follows from it changes no answer.
    """
    if not watched:
        return False
    queries: dict[int, Scan] | None = None
    others: set[str] | None = None
    for identifier in _unknown_names(statement, found):
        if queries is None:
            queries = {id(scan.node.find_ancestor(exp.Select)): scan for scan in watched}
        if not _is_within(identifier, queries):
            continue
        if others is None:
            others = {node.alias_or_name.lower() for node in statement.nodes(exp.Table, exp.Subquery)}
            others -= {scan.word for scan in watched}
        column = identifier.parent
        qualifier = column.args.get("table") if isinstance(column, exp.Column) else None
        if qualifier is not None and qualifier is not identifier and qualifier.name.lower() in others:
            continue
        if not _is_output(column):
            return True
    return _has_unplaced(statement)


def _unknown_names(statement: Statement, found: Iterable[Scan]) -> Iterator[exp.Expr]:
    """Identifiers that may mean a column and are called as none of the scans' is; before a dot stands a relation.

    PostgreSQL takes `"Email"` and `email` for two names.
    """
    is_postgresql = statement.dialect == "postgresql"
    relations = [scan.relation for scan in found]
    known = _SYSTEM_WORDS.union(*[r.spellings if is_postgresql else r.words for r in relations])
    for identifier in statement.nodes(exp.Identifier):
        name, is_exact = identifier.name, is_postgresql and identifier.args.get("quoted")
        if (name if is_exact else name.lower()) in known:
            continue
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
    is_sqlite = statement.dialect == "sqlite"
    if is_sqlite and statement.quoted and any(_is_string_name(statement, place) for place in statement.quoted):
        return True
    calls = [i for i, token in enumerate(tokens) if token.token_type is _VAR and token.start not in placed]
    if not _FUNCTION_WORDS.isdisjoint(words):
        calls += [i for i, word in enumerate(words) if word in _FUNCTION_WORDS and tokens[i].start not in placed]
    return any(index + 1 == len(tokens) or tokens[index + 1].token_type != TokenType.L_PAREN for index in calls)


_VAR = TokenType.VAR
"""Said so, it costs a quarter of the look-up in the class."""


def _is_string_name(statement: Statement, place: int) -> bool:
    """Whether SQLite may take the string at a place for a name: `c.'email'`, `USING ('email')`."""
    index = statement.places.get(place)
    if index is None or place in statement.placed or statement.tokens[index].token_type != TokenType.STRING:
        return False
    return statement.words[index - 1] == "." or "using" in statement.words
