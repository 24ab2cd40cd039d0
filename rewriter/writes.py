"""What each INSERT, UPDATE, DELETE and MERGE of a statement writes: its target, and the scope in which names are read.

A target cannot become a derived table, so its columns are masked in place (`rewriter.targets`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlglot import exp

from rewriter.errors import Reason, StatementRefused
from rewriter.grammar_writes import is_replace
from rewriter.scans import Scan
from rewriter.statement import Statement


class TellingCount(StrEnum):
    """When a statement's row count says whether the new value of a sensitive column is the stored one.

    MySQL counts rows that change, unless the connection asks for those that are found; and a row of an upsert once if
    it stays as it is, twice if not.
    """

    NO = "never"
    CHANGED = "where changed rows are counted"
    ALWAYS = "always"


WRITES = (exp.Insert, exp.Update, exp.Delete, exp.Merge)


@dataclass(frozen=True, slots=True)
class Write:
    """One write. `targets`: scans that stay tables: what is written and, on MySQL, every table that it joins.

    `is_top`: it is the statement itself, so that its RETURNING goes to whoever sent it. `is_replace`: it deletes the
    rows that are in the way. `counts_generated`: generated columns have their place in rows that list no columns.
    """

    node: exp.Expr
    targets: tuple[Scan, ...]
    is_top: bool
    is_replace: bool
    counts_generated: bool


def writes(statement: Statement, found: Sequence[Scan]) -> tuple[Write, ...]:
    """Every write of the statement, but for the branches of MERGE, which belong to it.

    Raises:
        StatementRefused: what it writes is no table of the schema.
    """
    scans = {id(scan.node): scan for scan in found}
    nodes = (node for node in statement.nodes(*WRITES) if not isinstance(node.parent, exp.When))
    return tuple(_write(node, tuple(_targets(node, scans, statement)), statement) for node in nodes)


def _write(node: exp.Expr, targets: tuple[Scan, ...], statement: Statement) -> Write:
    if not targets:
        raise StatementRefused(Reason.WRITE, "Write to a table, and give no common table expression its name.")
    alternative = node.args.get("alternative") or ""
    return Write(
        node,
        targets,
        is_top=node is statement.tree,
        is_replace=alternative.upper() == "REPLACE" or is_replace(statement.text),
        counts_generated=statement.dialect in ("postgresql", "mysql"),
    )


def _targets(node: exp.Expr, scans: dict[int, Scan], statement: Statement) -> Iterator[Scan]:
    target = node.this.this if isinstance(node.this, exp.Schema) else node.this
    tables = [target]
    if statement.dialect == "mysql" and isinstance(node, exp.Update | exp.Delete):
        tables = list(joined(target))
        for item in node.args.get("using") or ():
            tables.extend(joined(item))
    for table in tables:
        if id(table) in scans:
            yield scans[id(table)]


def joined(item: exp.Expr) -> Iterator[exp.Expr]:
    """A FROM item and what it is joined with; for a join in brackets what stands in them."""
    is_query = isinstance(item.this, exp.Query | exp.Values)
    if isinstance(item, exp.Subquery) and not is_query and not item.alias:
        yield from joined(item.this)
    else:
        yield item
    for join in item.args.get("joins") or ():
        yield from joined(join.this)
