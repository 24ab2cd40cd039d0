"""Which names a statement uses, and so which columns it can need of each of its scans.

Over-inclusion is the rule where the text leaves a doubt: a column that might be meant is taken as named, so a mask is
computed that nobody looks at. The opposite error would leave a sensitive column in a raw scan.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import field

from sqlglot import exp
from sqlglot.tokenizer_core import Token, TokenType

from rewriter.clauses import table_statement_start
from rewriter.free_literals import is_value
from rewriter.records import record
from rewriter.scans import Scan, position
from rewriter.schema import RelationKind
from rewriter.statement import Statement


@record()
class Mentions:
    """Which names a statement uses, in lower case.

    `bare`: words that stand behind no qualifier, or behind one that proves nothing. `behind`: qualifier → the words
    that stand behind it. `everything`: aliases of which all columns are used, None among them when it holds for every
    scan. `opaque`: those of them of which all columns are used otherwise than by a star.
    """

    bare: set[str] = field(default_factory=set)
    behind: dict[str, set[str]] = field(default_factory=dict)
    everything: set[str | None] = field(default_factory=set)
    opaque: set[str | None] = field(default_factory=set)

    def with_inner(self, other: "Mentions") -> "Mentions":
        """These and, behind no qualifier, those of a text that will stand inside the statement."""
        everything = {None} if other.everything else set()
        bare = self.bare.union(other.bare, *other.behind.values())
        return Mentions(bare, self.behind, self.everything | everything, self.opaque | everything)

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
        return word in self.bare or word in self.behind.get(scan.word, ())


def mentions(statement: Statement, found: tuple[Scan, ...]) -> Mentions:
    """Which names the statement uses, and of which scans it uses every column."""
    result = Mentions()
    qualifiers = _stars_and_qualifiers(statement, result)
    for index, source in qualifiers.items():
        result.behind.setdefault(source, set()).add(statement.words[index])
    _implicit_columns(statement, result)
    _spoken_words(statement, qualifiers, result)
    _whole_rows(statement, found, qualifiers, result=result)
    for scan in found:
        if not scan.is_operand and table_statement_start(statement, scan) is not None:
            result.everything.add(scan.word)  # also in EXISTS, where a star would not matter
        words = result.behind.get(scan.word)
        if words is not None and not words <= scan.relation.words | _SYSTEM_WORDS:
            result.uses_all(scan.word)  # PostgreSQL: c.row_to_json is row_to_json(c)
    return result


def _spoken_words(statement: Statement, qualifiers: Mapping[int, str], result: Mentions) -> None:
    """Note every word that stands anywhere behind no qualifier; numbers and signs among them do no harm."""
    words = statement.words
    values = list(_values(statement)) if statement.quoted else []
    behind = [words[index] for index in qualifiers]
    spoken = _others(statement, Counter(values)) if values else set(statement.indexes)
    is_cut = max(map(len, spoken), default=0) > _SHORTEST_LIMIT
    if is_cut or not (statement.text.isascii() or all(map(str.isascii, spoken))):
        result.uses_all(None)
    result.bare.update(_others(statement, Counter(values + behind)) if behind else spoken)
    for word in [word for word in spoken if " " in word]:
        result.bare.update(word.split())  # some tokens are two words


def _others(statement: Statement, some: Counter[str]) -> set[str]:
    """What is left of the statement's words without `some` of them, each of which takes one away."""
    indexes = statement.indexes
    words = set(indexes)
    words.difference_update([word for word, count in some.items() if word in words and count >= len(indexes[word])])
    return words


def _values(statement: Statement) -> Iterator[str]:
    """The strings among the words that name nothing."""
    if statement.dialect == "sqlite":  # it takes one for a name where only a name can stand: USING ('ssn')
        for literal in statement.nodes(exp.Literal):
            if literal.is_string and is_value(literal):
                yield literal.name.lower()
        return
    for start in statement.quoted:
        index = statement.places.get(start)
        if index is not None and statement.is_string(statement.tokens[index]):
            yield statement.words[index]


def _whole_rows(
    statement: Statement, found: tuple[Scan, ...], qualifiers: Mapping[int, str], *, result: Mentions
) -> None:
    """Note the scans whose names stand where they mean a row of all their columns."""
    tokens = statement.tokens
    spoken = {scan.word for scan in found}
    definitions: set[int] | None = None
    for index in statement.indexes_of(spoken):
        if index in qualifiers:
            continue
        definitions = definitions or _definitions(statement, found)
        if tokens[index].start in definitions:
            continue
        is_name = statement.is_word(tokens[index]) or statement.dialect == "sqlite"
        if is_name and not _is_before_dot(tokens, index):
            result.uses_all(statement.words[index])


def _definitions(statement: Statement, found: tuple[Scan, ...]) -> set[int]:
    """Where names of tables stand as such, or are given."""
    places = {scan.start for scan in found}
    is_locking = bool(statement.nodes(exp.Lock))
    for scan in found:
        if scan.is_qualified or scan.has_alias or is_locking:
            places.update(_definition_places(statement, scan))
    places.update(_alias_places(statement))
    return places


_SHORTEST_LIMIT = 62
"""Longer names may be cut by the engine (PostgreSQL: to 63 bytes), and mean another column than they say."""

_SYSTEM_WORDS = frozenset({"ctid", "xmin", "xmax", "cmin", "cmax", "tableoid", "rowid", "oid", "_rowid_"})


def _is_before_dot(tokens: tuple[Token, ...], index: int) -> bool:
    return index + 1 < len(tokens) and tokens[index + 1].token_type == TokenType.DOT


def _definition_places(statement: Statement, scan: Scan) -> Iterator[int]:
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
    query = scan.node.find_ancestor(exp.Select) if statement.nodes(exp.Lock) else None
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
    opaque: set[str] = set()
    for source in statement.nodes(exp.Table, exp.Subquery, exp.Lateral, exp.Unnest):
        alias = source.args.get("alias")
        word = alias.this.name.lower() if alias is not None and alias.this else ""
        if isinstance(source, exp.Table):
            names.add(word or source.name.lower())
        elif isinstance(source, exp.Subquery) and not isinstance(source.this, _QUERIES):
            opaque.add(word)
        else:
            names.add(word)
    return names - opaque


_QUERIES = (exp.Select, exp.SetOperation)


def _stars_and_qualifiers(statement: Statement, result: Mentions) -> dict[int, str]:
    """Tokens of column names, by index → the source that they are behind; stars are noted in `result.everything`."""
    sources: set[str] | None = None
    places = statement.places
    qualifiers: dict[int, str] = {}
    for column in statement.nodes(exp.Column):
        table, name = column.args.get("table"), column.this
        source = None
        if table is not None:
            sources = _closed_sources(statement) if sources is None else sources
            word = table.name.lower()
            source = word if word in sources else None
        if isinstance(name, exp.Star):
            result.everything.add(source)
        elif source is not None and isinstance(name, exp.Identifier):
            index = places.get(position(name))
            if index is not None:
                qualifiers[index] = source
    if not all(map(_is_harmless, statement.nodes(exp.Star))):
        result.everything.add(None)
    return qualifiers


def _is_harmless(star: exp.Expr) -> bool:
    """A star that reads no column (`count(*)`, `EXISTS (SELECT * …)`) or that stands behind a qualifier."""
    above = star.parent
    if isinstance(above, (exp.Count, exp.Column)):
        return True
    if not isinstance(above, exp.Select) or not isinstance(above.parent, exp.Exists):
        return False
    # Where rows are put together by their columns, an OFFSET finds out how many there are.
    is_merged = any(above.args.get(clause) for clause in ("distinct", "group"))
    return len(above.expressions) == 1 and not is_merged  # the check takes a star beside others for one that is read


_WHOLE_ROW_NODES = (exp.Columns, exp.Pivot, exp.Summarize, exp.PositionalColumn)


def _implicit_columns(statement: Statement, result: Mentions) -> None:
    """Constructs that use columns without naming them."""
    joins = statement.nodes(exp.Join)
    methods = [join.args.get("method") for join in joins] if joins else ()
    if statement.nodes(*_WHOLE_ROW_NODES) or any(method and method.upper() == "NATURAL" for method in methods):
        result.uses_all(None)
    for word in _bracketed_tables(statement):
        result.uses_all(word)


def _bracketed_tables(statement: Statement) -> Iterator[str]:
    """What a join in brackets reads: its alias stands for all of its columns, and may give them other names.

    SQLite does so without an alias too, where two columns in it have the same name.
    """
    for joined in statement.nodes(exp.Subquery):
        is_renamed = statement.dialect == "sqlite" or bool(joined.args.get("alias"))
        if is_renamed and not isinstance(joined.this, _QUERIES):
            yield from (table.alias_or_name.lower() for table in joined.find_all(exp.Table))
