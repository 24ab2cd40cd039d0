"""`lookup: exact`: a row is found by a value that the principal already knows, on the raw column and its index.

`WHERE c.email = ? AND …` → `WHERE c."unmask_5f…_0" = ? AND …`, where the derived table in place of `c` has the raw
column once more, under a name that the statement cannot say. The select list, and every other mention, sees the mask.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b

from sqlglot import exp

from masking import ColumnName
from masking.types import Kind
from rewriter.binding import Binding, BoundColumn, quoted
from rewriter.edits import Edit
from rewriter.lookup_operands import is_known, is_text, untyped
from rewriter.scans import Scan, end_position, position
from rewriter.statement import Statement

_PREFIX = "unmask_"


@dataclass(frozen=True, slots=True)
class Lookup:
    """One comparison that is answered on the raw column. `alias`: the column's other name, quoted."""

    column: BoundColumn
    alias: str
    edits: tuple[Edit, ...]


@dataclass(frozen=True, slots=True)
class _Comparison:
    """`column = operand`, or `column IN (operands)`."""

    column: exp.Column
    operands: tuple[exp.Expr, ...]


def lookups(
    statement: Statement, found: Iterable[Scan], binding: Binding, *, revealed: frozenset[ColumnName]
) -> Mapping[int, tuple[Lookup, ...]]:
    """By the place of its scan, each comparison with known values that stands at the top of the statement's WHERE."""
    query = statement.tree
    where = query.args.get("where") if isinstance(query, exp.Select) and query.args.get("from_") else None
    if not binding.has_lookups or where is None or query is None or _PREFIX in statement.sql.lower():
        return {}
    scans = [scan for scan in found if scan.node.find_ancestor(exp.Select) is query and not scan.has_column_list]
    digest = blake2b(statement.sql.encode(), digest_size=8).hexdigest()
    result: dict[int, tuple[Lookup, ...]] = {}
    for comparison in _comparisons(where.this):
        scan = _scan_of(comparison.column, query, scans)
        column = None if scan is None else _column(scan, comparison.column, binding)
        if scan is None or column is None or column.name in revealed:
            continue
        edits = _operand_edits(statement, comparison, scan)
        if edits is not None:
            alias = quoted(f"{_PREFIX}{digest}_{position(comparison.column.this)}", statement.dialect)
            name = comparison.column.this
            edit = Edit(position(name), end_position(name), alias)
            result[scan.start] = (*result.get(scan.start, ()), Lookup(column, alias, (edit, *edits)))
    return result


@dataclass(frozen=True, slots=True)
class WriteLookups:
    """Comparisons in the WHERE of an UPDATE or DELETE that stay raw. `columns`: identities of their columns' nodes."""

    columns: frozenset[int] = frozenset()
    edits: frozenset[Edit] = frozenset()


_PLAIN_WRITE = frozenset({"this", "expressions", "where", "returning", "with_", "order", "limit"})


def write_lookups(statement: Statement, targets: Sequence[Scan], binding: Binding) -> WriteLookups:
    """Each comparison with known values at the top of the WHERE of a statement that writes one table and joins none."""
    write = statement.tree
    if not binding.has_lookups or not isinstance(write, exp.Update | exp.Delete) or len(targets) != 1:
        return WriteLookups()
    target, where = targets[0], write.args.get("where")
    is_plain = not any(value for key, value in write.args.items() if key not in _PLAIN_WRITE)
    if not is_plain or where is None or target.node is not write.this or target.node.args.get("joins"):
        return WriteLookups()
    columns: set[int] = set()
    edits: set[Edit] = set()
    for comparison in _comparisons(where.this):
        qualifier = comparison.column.args.get("table")
        is_own = isinstance(comparison.column.this, exp.Identifier) and (
            qualifier is None or qualifier.name.lower() == target.word
        )
        wrapped = None
        if (
            is_own
            and _column(target, comparison.column, binding) is not None
            and _is_alone(target, comparison, binding)
        ):
            wrapped = _operand_edits(statement, comparison, target)
        if wrapped is not None:
            columns.add(id(comparison.column))
            edits.update(wrapped)
    return WriteLookups(frozenset(columns), frozenset(edits))


def _is_alone(target: Scan, comparison: _Comparison, binding: Binding) -> bool:
    """Whether no table of the same name, in another schema, has such a column that may not be found by its values.

    The check of the result cannot tell which of them a bare name means.
    """
    word = comparison.column.name.lower()
    alike = [p for p in binding.protected.values() if p.relation.name.lower() == target.relation.name.lower()]
    return target.is_qualified or all(c.is_lookup for p in alike for c in p.columns if c.word == word and c.mask)


def _comparisons(condition: exp.Expr) -> Iterator[_Comparison]:
    """The conjuncts that compare a column with nothing but known values."""
    match condition:
        case exp.And():
            yield from _comparisons(condition.this)
            yield from _comparisons(condition.expression)
        case exp.Paren():
            yield from _comparisons(condition.this)
        case exp.EQ(this=exp.Column() as column) if is_known(condition.expression):
            yield _Comparison(column, (condition.expression,))
        case exp.EQ(expression=exp.Column() as column) if is_known(condition.this):
            yield _Comparison(column, (condition.this,))
        case exp.In(this=exp.Column() as column):
            items = condition.expressions
            is_list = not any(value for key, value in condition.args.items() if key not in ("this", "expressions"))
            if is_list and items and all(is_known(item) for item in items):
                yield _Comparison(column, tuple(items))


def _scan_of(column: exp.Column, query: exp.Expr, scans: list[Scan]) -> Scan | None:
    """The scan that a column of the outermost WHERE belongs to, where that is certain."""
    if not isinstance(column.this, exp.Identifier):
        return None
    qualifier = column.args.get("table")
    sources = [query.args["from_"].this, *(join.this for join in query.args.get("joins") or ())]
    if qualifier is not None:
        called = [source for source in sources if source.alias_or_name.lower() == qualifier.name.lower()]
        here = [scan for scan in scans if len(called) == 1 and scan.node is called[0]]
    else:
        by_node = {id(scan.node): scan for scan in scans}
        if any(id(source) not in by_node for source in sources) or query.args.get("laterals"):
            return None
        here = [scan for scan in scans if _has(scan, column.name)]
    is_merged = any(join.args.get("using") or join.args.get("method") for join in query.args.get("joins") or ())
    return here[0] if len(here) == 1 and not is_merged else None


def _has(scan: Scan, name: str) -> bool:
    return any(column.name.lower() == name.lower() for column in scan.relation.columns)


def _column(scan: Scan, column: exp.Column, binding: Binding) -> BoundColumn | None:
    """The masked column with `lookup: exact` that is meant."""
    protected = binding.protected.get(scan.relation.key)
    if protected is None:
        return None
    named = [c for c in protected.columns if c.word == column.name.lower()]
    return named[0] if len(named) == 1 and named[0].is_lookup else None


_TEXTS = frozenset({Kind.TEXT, Kind.ENUM, Kind.BINARY, Kind.JSON, Kind.OTHER})


def _operand_edits(statement: Statement, comparison: _Comparison, scan: Scan) -> tuple[Edit, ...] | None:
    """Calls that make text of the operands where the engine would rather make a number of the column; None: it cannot.

    `ssn = 123` on MySQL finds `123-45-6789`, and fails on DuckDB on what is no number.
    """
    word = comparison.column.name.lower()
    kind = next(column.type.kind for column in scan.relation.columns if column.name.lower() == word)
    is_text_wanted = kind in _TEXTS if statement.dialect == "mysql" else kind is Kind.TEXT
    if statement.dialect not in ("mysql", "duckdb") or not is_text_wanted or all(map(is_text, comparison.operands)):
        return ()
    if any(isinstance(operand, exp.Cast | exp.Neg) for operand in comparison.operands):
        return None
    before, after = ("CONCAT(", ")") if statement.dialect == "mysql" else ("CAST(", " AS VARCHAR)")
    places = untyped(statement, comparison.column)
    if places is None:
        return None
    return tuple(Edit(place, place, text) for span in places for place, text in zip(span, (before, after), strict=True))
