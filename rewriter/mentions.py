"""Which names a statement uses, and so which columns it can need of each of its scans.

Over-inclusion is the rule where the text leaves a doubt: a column that might be meant is taken as named, so a mask is
computed that nobody looks at. The opposite error would leave a sensitive column in a raw scan.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from sqlglot import exp
from sqlglot.tokenizer_core import Token, TokenType

from rewriter.scans import Scan, position
from rewriter.schema import RelationKind
from rewriter.statement import Statement


@dataclass(frozen=True, slots=True)
class Mentions:
    """Which names a statement uses.

    `words`: word in lower case → the qualifiers it stands behind, None for none or for one that proves nothing.
    `everything`: aliases (lower case) of which all columns are used, None among them when it holds for every scan.
    `opaque`: those of them of which all columns are used otherwise than by a star.
    """

    words: dict[str, set[str | None]] = field(default_factory=dict)
    everything: set[str | None] = field(default_factory=set)
    opaque: set[str | None] = field(default_factory=set)

    def with_inner(self, other: "Mentions") -> "Mentions":
        """These and, behind no qualifier, those of a text that will stand inside the statement."""
        words = {word: set(qualifiers) for word, qualifiers in self.words.items()}
        for word in other.words:
            words.setdefault(word, set()).add(None)
        everything = {None} if other.everything else set()
        return Mentions(words, self.everything | everything, self.opaque | everything)

    def is_everything(self, scan: Scan) -> bool:
        """Whether the statement may use every column of `scan`."""
        is_spoken = None in self.everything or scan.word in self.everything
        # A full-text query names columns inside a string.
        is_virtual = scan.relation.kind is RelationKind.VIRTUAL
        return is_spoken or scan.has_column_list or scan.is_operand or is_virtual

    def is_opaque(self, scan: Scan) -> bool:
        """Whether it may use every column of `scan` otherwise than by a star."""
        is_virtual = scan.relation.kind is RelationKind.VIRTUAL
        is_spoken = None in self.opaque or scan.word in self.opaque
        return is_spoken or scan.has_column_list or scan.is_operand or is_virtual

    def uses_all(self, word: str | None) -> None:
        """Note that all columns of one scan are used, or of all, otherwise than by a star."""
        self.everything.add(word)
        self.opaque.add(word)

    def names(self, word: str, scan: Scan) -> bool:
        """Whether the statement may name column `word` of `scan`."""
        qualifiers = self.words.get(word)
        return qualifiers is not None and (None in qualifiers or scan.word in qualifiers)


def mentions(statement: Statement, found: tuple[Scan, ...]) -> Mentions:
    """Which names the statement uses, and of which scans it uses every column."""
    assert statement.tree is not None
    result = Mentions()
    sources = _closed_sources(statement)
    qualifiers = _stars_and_qualifiers(statement, sources, result)
    _implicit_columns(statement, result)
    spoken = {scan.word for scan in found}
    definitions = {place for scan in found for place in _definition_places(scan)}
    definitions.update(_alias_places(statement))
    tokens = statement.tokens
    columns = _column_words(found)
    for index, token in enumerate(tokens):
        # SQLite takes a string for a name where only a name can stand: c.'ssn', USING ('ssn').
        if not statement.is_word(token) and not (statement.dialect == "sqlite" and statement.is_string(token)):
            continue
        word = token.text.lower()
        qualifier = qualifiers.get(token.start)
        for name in word.split() or [word]:  # some tokens are two words
            result.words.setdefault(name, set()).add(qualifier)
        result.words.setdefault(word, set()).add(qualifier)
        is_row = word in spoken and token.start not in definitions and not _is_before_dot(tokens, index)
        if is_row and qualifier is None:
            result.uses_all(word)
        if qualifier in columns and word not in columns[qualifier]:
            result.uses_all(qualifier)  # PostgreSQL: c.row_to_json is row_to_json(c)
        if not word.isascii() or len(word) > _SHORTEST_LIMIT:
            result.uses_all(None)
    return result


_SHORTEST_LIMIT = 62
"""Longer names may be cut by the engine (PostgreSQL: to 63 bytes), and mean another column than they say."""

_SYSTEM_WORDS = frozenset({"ctid", "xmin", "xmax", "cmin", "cmax", "tableoid", "rowid", "oid", "_rowid_"})


def _column_words(found: tuple[Scan, ...]) -> dict[str | None, frozenset[str]]:
    """Aliases → names, in lower case, of the columns that the relations so called have in common."""
    columns: dict[str | None, frozenset[str]] = {}
    for scan in found:
        own = frozenset(column.name.lower() for column in scan.relation.columns) | _SYSTEM_WORDS
        columns[scan.word] = columns.get(scan.word, own) & own
    return columns


def _is_before_dot(tokens: tuple[Token, ...], index: int) -> bool:
    return index + 1 < len(tokens) and tokens[index + 1].token_type == TokenType.DOT


def _definition_places(scan: Scan) -> Iterator[int]:
    """Where the scan's own name and alias stand: those mentions do not read the whole row."""
    if scan.is_operand:
        yield scan.start
        return
    for key in ("catalog", "db", "this"):
        if (name := scan.node.args.get(key)) is not None:
            yield position(name)
    alias = scan.node.args.get("alias")
    if alias is not None and alias.this:
        yield position(alias.this)
    query = scan.node.find_ancestor(exp.Select)
    for lock in query.args.get("locks") or () if query else ():
        for table in lock.expressions:
            yield position(table.this)


def _alias_places(statement: Statement) -> Iterator[int]:
    """Where derived tables and common table expressions get their names."""
    for alias in statement.nodes(exp.TableAlias):
        name = alias.this
        if isinstance(name, exp.Identifier) and "start" in name.meta:
            yield position(name)


def _closed_sources(statement: Statement) -> set[str]:
    """Names, in lower case, that each stand for one FROM item and nothing else.

    A column behind such a name belongs to that item. An alias over a join in parentheses does not count: columns behind
    it are those of the tables inside.
    """
    names: set[str] = set()
    for source in statement.nodes(exp.Table, exp.Subquery, exp.Lateral, exp.Unnest):
        alias = source.args.get("alias")
        word = alias.this.name.lower() if alias is not None and alias.this else ""
        if isinstance(source, exp.Table):
            word = word or source.name.lower()
        elif isinstance(source, exp.Subquery) and not isinstance(source.this, exp.Select | exp.SetOperation):
            continue
        names.add(word)
    opaque = {
        node.args["alias"].this.name.lower()
        for node in statement.nodes(exp.Subquery)
        if not isinstance(node.this, exp.Select | exp.SetOperation)
        and node.args.get("alias")
        and node.args["alias"].this
    }
    return names - opaque


def _stars_and_qualifiers(statement: Statement, sources: set[str], result: Mentions) -> dict[int, str | None]:
    """Places of column names → the source that they are behind; stars are noted in `result.everything`."""
    qualifiers: dict[int, str | None] = {}
    for column in statement.nodes(exp.Column):
        table = column.args.get("table")
        word = table.name.lower() if table is not None else None
        source = word if word in sources else None
        if isinstance(column.this, exp.Star):
            result.everything.add(source)
        elif source is not None and isinstance(column.this, exp.Identifier):
            qualifiers[position(column.this)] = source
    if any(not _is_harmless(star) for star in statement.nodes(exp.Star)):
        result.everything.add(None)
    return qualifiers


def _is_harmless(star: exp.Expr) -> bool:
    """A star that reads no column (`count(*)`, `EXISTS (SELECT * …)`) or that stands behind a qualifier."""
    above = star.parent
    if isinstance(above, exp.Count | exp.Column):
        return True
    if not isinstance(above, exp.Select) or not isinstance(above.parent, exp.Exists):
        return False
    # Where rows are put together by their columns, an OFFSET finds out how many there are.
    is_merged = any(above.args.get(clause) for clause in ("distinct", "group"))
    return above.expressions[0] is star and not is_merged


_WHOLE_ROW_NODES = (exp.Columns, exp.Pivot, exp.Summarize, exp.PositionalColumn)


def _implicit_columns(statement: Statement, result: Mentions) -> None:
    """Constructs that use columns without naming them."""
    assert statement.tree is not None
    is_implicit = any(True for _ in statement.nodes(*_WHOLE_ROW_NODES))
    for join in statement.nodes(exp.Join):
        is_implicit = is_implicit or (join.args.get("method") or "").upper() == "NATURAL"
    if is_implicit:
        result.uses_all(None)
    for word in _bracketed_tables(statement):
        result.uses_all(word)


def _bracketed_tables(statement: Statement) -> Iterator[str]:
    """What a join in brackets reads: its alias stands for all of its columns, and may give them other names.

    SQLite does so without an alias too, where two columns in it have the same name.
    """
    for joined in statement.nodes(exp.Subquery):
        is_renamed = statement.dialect == "sqlite" or bool(joined.args.get("alias"))
        if is_renamed and not isinstance(joined.this, exp.Select | exp.SetOperation):
            yield from (table.alias_or_name.lower() for table in joined.find_all(exp.Table))
