"""The check of the result: reads the produced text anew and fails unless every sensitive column is behind its mask.

It shares none of the passes: scans are found again in the produced text, the text of each derived table is compared
with what the binding says it must be, and a scan left raw is allowed only where no word of the statement can reach a
masked column of it.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from sqlglot import exp
from sqlglot.tokenizer_core import Token, TokenType

from masking.names import ColumnName
from rewriter.binding import Binding, Protected
from rewriter.errors import LeakError
from rewriter.known_masks import shortened
from rewriter.statement import Statement, read_statement

_IMPLICIT = frozenset({"natural", "columns", "pivot", "pivot_wider", "unpivot", "summarize"})
"""Words that use columns which they do not name."""
_SYSTEM_WORDS = frozenset({"ctid", "xmin", "xmax", "cmin", "cmax", "tableoid", "rowid", "oid", "_rowid_"})


@dataclass(frozen=True, slots=True)
class _Raw:
    """A scan that is not behind a mask: of which relation, and as what the statement calls it.

    `columns`: what it has, in lower case, whichever relation of that name it is of.
    """

    protected: Protected
    alias: str
    columns: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Outside:
    """The tokens that stand in no masked derived table.

    `sources`: names that stand for one FROM item each. `places`: where tables and outputs are only named. `grouped`:
    places of stars in `EXISTS (SELECT * …)` with grouped rows.
    """

    tokens: list[Token]
    sources: set[str]
    places: frozenset[int]
    grouped: frozenset[int]


def verify(
    sql: str,
    binding: Binding,
    *,
    revealed: frozenset[ColumnName] = frozenset(),
    is_percent_doubled: bool = False,
    relations: Iterable[tuple[str, str]] = (),
) -> None:
    """Nothing, when no sensitive column outside `revealed` can be read raw by `sql`.

    `relations`: whose masks are likely in it; only how long this takes depends on them.

    Raises:
        LeakError: a scan of a sensitive relation is not behind its masks.
    """
    short = shortened(sql, binding, relations, is_percent_doubled=is_percent_doubled)
    if short.places:
        statement = read_statement(short.text, binding.dialect, is_percent_doubled=is_percent_doubled)
        covered = _check(statement, binding, revealed)
        if short.is_sound(statement) and all(any(s <= p < e for s, e in covered) for p in short.places):
            return
    # A mask also stands where no derived table was put, so that it may be the caller's text: nothing is left out.
    _check(read_statement(sql, binding.dialect, is_percent_doubled=is_percent_doubled), binding, revealed)


def _check(statement: Statement, binding: Binding, revealed: frozenset[ColumnName]) -> list[tuple[int, int]]:
    """The spans of the masked derived tables, once every other scan of a sensitive relation is known to be harmless."""
    assert statement.tree is not None
    covered: list[tuple[int, int]] = []
    raw: list[_Raw] = []
    tables = list(statement.nodes(exp.Table))
    for table in tables:
        meant = list(_meant(table, binding))
        columns = _SYSTEM_WORDS.union(column.word for protected in meant for column in protected.columns)
        for protected in meant:
            span = _masked_span(table, protected, statement, revealed=revealed)
            if span is None:
                _check_bracketed(table, protected, revealed)
                raw.append(_Raw(protected, (table.alias or table.name).lower(), columns))
            else:
                covered.append(span)
    if raw:
        tokens = [t for t in statement.tokens if not any(start <= t.start < end for start, end in covered)]
        places = frozenset(place for table in tables for place in _places(table)) | _names_given(statement)
        _check_raw(raw, _Outside(tokens, _sources(statement), places, _grouped_stars(statement.tokens)), revealed)
    return covered


def _check_bracketed(table: exp.Expr, protected: Protected, revealed: frozenset[ColumnName]) -> None:
    """The alias of a join in brackets reads every column of every table in it."""
    inner, above = table, table.parent
    while above is not None and not isinstance(above, exp.Select | exp.SetOperation):
        # What a bracketed query is joined with stands under it in the tree, but not in its brackets.
        is_inside = isinstance(above, exp.Subquery) and inner.arg_key != "joins"
        if is_inside and above.alias and _masked_words(protected, revealed):
            raise _left_raw(protected)
        inner, above = above, above.parent


def _left_raw(protected: Protected) -> LeakError:
    return LeakError(f"a scan of {protected.relation.name} was left raw; please report the statement's shape")


def _masked_words(protected: Protected, revealed: frozenset[ColumnName]) -> set[str]:
    """Names, in lower case, of the columns that must not be read raw."""
    words = {c.word for c in protected.columns if c.mask is not None and c.name not in revealed}
    return words | {c.word for c in protected.columns if c.generation is not None and words}


def _meant(table: exp.Expr, binding: Binding) -> Iterator[Protected]:
    """Every protected relation that the name can mean, however the engine resolves it; no CTE is called so any more."""
    name = table.this
    if not isinstance(name, exp.Identifier) or isinstance(table.parent, exp.Lock) or table.arg_key == "indexed":
        return
    database, schema = table.args.get("catalog"), table.args.get("db")
    for protected in _by_word(binding).get(name.name.lower(), ()):
        home, _, known = protected.relation.schema.lower().rpartition(".")
        home = home or binding.catalog.database.lower()
        if database is not None and database.name.lower() != home:
            continue
        if schema is None or schema.name.lower() in (known, home):
            yield protected


def _by_word(binding: Binding) -> dict[str, tuple[Protected, ...]]:
    """Protected relations by their names in lower case."""
    known = binding.memo.get("protected by word")
    if known is None:
        words: dict[str, tuple[Protected, ...]] = {}
        for protected in binding.protected.values():
            word = protected.relation.name.lower()
            words[word] = (*words.get(word, ()), protected)
        known = binding.memo["protected by word"] = words
    assert isinstance(known, dict)
    return known


def _places(table: exp.Expr) -> frozenset[int]:
    alias = table.args.get("alias")
    names = [table.args.get("catalog"), table.args.get("db"), table.this, alias.this if alias is not None else None]
    return frozenset(
        int(name.meta["start"]) for name in names if isinstance(name, exp.Identifier) and "start" in name.meta
    )


def _grouped_stars(tokens: Sequence[Token]) -> frozenset[int]:
    """Where a star after `EXISTS (SELECT` matters, because its rows are put together."""
    places: set[int] = set()
    for index, token in enumerate(tokens[:-3]):
        if token.text.lower() == "exists" and tokens[index + 3].token_type == TokenType.STAR:
            depth = 1
            for inner in tokens[index + 2 :]:
                depth += (inner.token_type == TokenType.L_PAREN) - (inner.token_type == TokenType.R_PAREN)
                if depth == 1 and inner.text.lower().startswith("group"):
                    places.add(tokens[index + 3].start)
                if not depth:
                    break
    return frozenset(places)


def _names_given(statement: Statement) -> frozenset[int]:
    """Where outputs and derived tables get their names, which read nothing there."""
    names = [alias.args["alias"] for alias in statement.nodes(exp.Alias)]
    names += [alias.this for alias in statement.nodes(exp.TableAlias)]
    places = [name.meta.get("start") for name in names if isinstance(name, exp.Identifier)]
    return frozenset(int(place) for place in places if place is not None)


def _masked_span(
    table: exp.Expr, protected: Protected, statement: Statement, *, revealed: frozenset[ColumnName]
) -> tuple[int, int] | None:
    """The span of the derived table's select list and name when it is exactly as the binding wants it."""
    query = table.parent.parent if isinstance(table.parent, exp.From) else None
    if not isinstance(query, exp.Select) or any(
        query.args.get(clause) for clause in ("joins", "where", "group", "having", "laterals")
    ):
        return None
    known = {column.word: column for column in protected.columns}
    items: list[str] = []
    for item in query.expressions:
        column = known.get(item.alias_or_name.lower())
        if column is None:
            items.append(
                statement.text[item.this.meta["start"] : item.this.meta["end"] + 1]
                if isinstance(item, exp.Column)
                else "1"
            )
        else:
            shown = column.sql if column.name in revealed else column.projection
            items.append(f"NULL AS {column.sql}" if isinstance(item.unalias(), exp.Null) else shown)
    only = "ONLY " if table.args.get("only") else ""
    wanted = statement.written(f"(SELECT {', '.join(items)} FROM {only}{protected.sql}")
    end = max(int(part.meta["end"]) for part in (table.this, table.args.get("db")) if part is not None) + 1
    start = end - len(wanted)
    return (start, end) if start >= 0 and statement.sql[start:end] == wanted else None


def _check_raw(raw: list[_Raw], outside: _Outside, revealed: frozenset[ColumnName]) -> None:
    spoken = [token.text.lower() for token in outside.tokens]
    behind = ["", "", *(q if dot == "." else "" for q, dot in pairwise(spoken))]
    for scan in raw:
        words = _masked_words(scan.protected, revealed)
        # No other token can read anything of the scan, unless it stands behind the scan's name and a dot.
        telling = words | _IMPLICIT | {scan.alias, "*"}
        places = [i for i, word in enumerate(spoken) if word in telling or behind[i] == scan.alias]
        if words and any(_reaches(outside, index, scan, words=words) for index in places):
            raise _left_raw(scan.protected)


def _sources(statement: Statement) -> set[str]:
    """Names that stand for one FROM item, so that what is behind them belongs to no other."""
    assert statement.tree is not None
    names: set[str] = set()
    for node in statement.nodes(exp.Table, exp.Subquery, exp.Lateral, exp.Unnest, exp.CTE):
        if not isinstance(node, exp.Subquery) or isinstance(node.this, exp.Select | exp.SetOperation | exp.Values):
            names.add(node.alias_or_name.lower())
    joined = {n.alias.lower() for n in statement.nodes(exp.Subquery) if not isinstance(n.this, exp.Query | exp.Values)}
    return names - joined


def _reaches(outside: _Outside, index: int, scan: _Raw, *, words: set[str]) -> bool:
    """Whether the token at `index` can read one of `words` through the raw scan."""
    tokens = outside.tokens
    token = tokens[index]
    word = token.text.lower()
    before = [t.text.lower() for t in tokens[max(0, index - 3) : index]]
    qualifier = before[-2] if len(before) > 1 and before[-1] == "." else None
    is_elsewhere = qualifier is not None and qualifier != scan.alias and qualifier in outside.sources
    if token.token_type == TokenType.STAR:
        is_grouped = token.start in outside.grouped
        return not is_elsewhere and not _is_harmless_star(before, is_grouped=is_grouped)
    if token.start in outside.places:
        return False
    if qualifier == scan.alias and word not in scan.columns:
        return True
    is_followed_by_dot = index + 1 < len(tokens) and tokens[index + 1].token_type == TokenType.DOT
    if word == scan.alias and not is_followed_by_dot and qualifier is None and not _is_lock_target(before):
        return True
    return (word in words and not is_elsewhere) or (word in _IMPLICIT and not is_followed_by_dot and qualifier is None)


def _is_harmless_star(before: list[str], *, is_grouped: bool) -> bool:
    """`count(*)`, `EXISTS (SELECT *` where nothing is grouped, and a multiplication."""
    if before[-2:] == ["count", "("] or (before == ["exists", "(", "select"] and not is_grouped):
        return True
    return bool(before) and before[-1] not in ("select", "distinct", "all", ",", "(", ".", "returning")


def _is_lock_target(before: list[str]) -> bool:
    return bool(before) and before[-1] in ("of", ",") and any(w in before for w in ("update", "share", "of", "key"))
