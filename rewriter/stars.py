"""Stars beside a system column: the derived table then has a column that a star must not show.

`SELECT rowid, * FROM t` → `SELECT rowid, t."id", t."email" FROM (SELECT …, rowid FROM t) AS t`. A star over several
FROM items becomes one list: the columns of this one, `alias.*` of the others.
"""

from collections.abc import Iterator, Mapping

from sqlglot import exp
from sqlglot.tokenizer_core import Token, TokenType

from rewriter.edits import Edit
from rewriter.errors import Reason, StatementRefused
from rewriter.mentions import Mentions
from rewriter.projection import Needed
from rewriter.scans import Scan, end_position, position
from rewriter.statement import Statement


def star_edits(statement: Statement, scans: Mapping[Scan, Needed], mentions: Mentions) -> Iterator[Edit]:
    """Lists of columns in place of the stars that read `scans`, each of which is read by one and has an extra column.

    Raises:
        StatementRefused: all its columns are read otherwise than by a star, or by one whose columns are not certain.
    """
    columns = {id(scan.node): _list(scan, needed) for scan, needed in scans.items()}
    places: dict[int, Edit] = {}
    for scan, needed in scans.items():
        if mentions.is_opaque(scan):
            raise _refused(needed)
        for star in _qualified_stars(statement, scan):
            start = position(star.args["table"])
            places[start] = Edit(start, _star_after(statement, start, needed).end + 1, columns[id(scan.node)])
        for token in _bare_stars(statement, scan, needed):
            query = scan.node.find_ancestor(exp.Select)
            assert query is not None
            listed = ", ".join(
                columns.get(id(item)) or _all_of(statement, item, needed) for item in _items(query, needed)
            )
            places[token.start] = Edit(token.start, token.end + 1, listed)
    yield from places.values()


def _list(scan: Scan, needed: Needed) -> str:
    shown = [column for column in needed.columns if column.word not in scan.relation.hidden]
    return ", ".join(f"{scan.alias}.{column.sql}" for column in shown)


def _refused(needed: Needed) -> StatementRefused:
    return StatementRefused(Reason.CONSTRUCT, f"Name the columns instead of writing * beside {needed.extra[0]}.")


def _qualified_stars(statement: Statement, scan: Scan) -> Iterator[exp.Column]:
    """`c.*`, where the nearest query that has a `c` reads it from `scan`."""
    for column in statement.nodes(exp.Column):
        table = column.args.get("table")
        if isinstance(column.this, exp.Star) and table is not None and table.name.lower() == scan.word:
            yield column


def _star_after(statement: Statement, start: int, needed: Needed) -> Token:
    index = next(index for index, token in enumerate(statement.tokens) if token.start == start)
    after = statement.tokens[index + 1 : index + 4]
    is_plain = len(after) > 1 and after[1].token_type == TokenType.STAR
    if not is_plain or any(token.text.lower() in _CHANGING for token in after[2:]):
        raise _refused(needed)
    return after[1]


_CHANGING = frozenset(("exclude", "except", "replace", "rename"))


def _bare_stars(statement: Statement, scan: Scan, needed: Needed) -> list[Token]:
    """The stars in the select list before `scan`, which is not in brackets of its own."""
    stars: list[Token] = []
    depth = 0
    before = [token for token in statement.tokens if token.start < scan.start]
    for index in range(len(before) - 1, -1, -1):
        token = before[index]
        depth += (token.token_type == TokenType.R_PAREN) - (token.token_type == TokenType.L_PAREN)
        if depth < 0:
            break
        if depth == 0 and token.token_type == TokenType.SELECT:
            return stars
        is_item = index and before[index - 1].text.lower() in ("select", ",", "distinct", "all")
        if depth == 0 and token.token_type == TokenType.STAR and is_item:
            if before[index + 1].text.lower() in _CHANGING:
                raise _refused(needed)
            stars.append(token)
    raise _refused(needed)


def _items(query: exp.Expr, needed: Needed) -> Iterator[exp.Expr]:
    """What a star of `query` reads, in its order."""
    joins = query.args.get("joins") or []
    is_merged = any(
        join.args.get("using") or join.args.get("method") or join.kind in ("SEMI", "ANTI") for join in joins
    )
    if is_merged or query.args.get("laterals"):
        raise _refused(needed)
    yield query.args["from_"].this
    yield from (join.this for join in joins)


def _all_of(statement: Statement, item: exp.Expr, needed: Needed) -> str:
    """`alias.*`, as the statement writes the alias."""
    alias = item.args.get("alias")
    name = alias.this if alias is not None and alias.this else item.this
    is_join = isinstance(item, exp.Subquery) and not isinstance(item.this, exp.Select | exp.SetOperation)
    if not isinstance(name, exp.Identifier) or is_join:
        raise _refused(needed)
    return f"{statement.sql[position(name) : end_position(name)]}.*"
