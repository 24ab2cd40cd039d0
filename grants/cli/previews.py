"""What an approver is told of a statement before saying yes: its tables, how its columns look masked, how many rows.

The statement is run for that, in the approver's own hooked engine and without any grant: what is counted are rows of
masks. They are thrown away, and so is the transaction.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from grants.cli.exits import code_of
from grants.cli.findings import mask_text
from grants.cli.settings import Settings
from grants.cli.shown_statements import is_shown_truly
from grants.records import StatementScope
from masking import Policy, Principal

if TYPE_CHECKING:
    from rewriter import Installed, Rewritten

MOST_ROWS = 10_000
"""Beyond them, rows are not counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What is known of a statement. `masks`: column → how it looks masked. `rows`: in words; empty if not counted."""

    tables: tuple[str, ...] = ()
    masks: dict[str, str] = field(default_factory=dict)
    rows: str = ""

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {"tables": list(self.tables), "masks": self.masks, "rows": self.rows or None}


def preview(
    settings: Settings, scope: StatementScope | None, policy: Policy, *, by: Principal | None = None
) -> Preview | None:
    """What `by` can be told of the statement that a request is for; None without one, or without a database."""
    if scope is None or not settings.database or not is_shown_truly(scope):
        return None
    from grants.cli.engines import hooked  # noqa: PLC0415 -- SQLAlchemy and the rewriter take long to import
    from rewriter.kinds import StatementKind  # noqa: PLC0415 -- as above

    try:
        with hooked(settings, policy) as installed:
            rewritten = installed.explain(scope.text, principal=by)
            # Only what reads is run: nobody's UPDATE takes place because somebody else looked at it.
            is_run = scope.literals == "fixed" and rewritten.kind is StatementKind.SELECT
            rows = _counted(installed, scope.text, by) if is_run else ""
    except Exception as exc:
        if code_of(exc) is None:
            raise
        # A preview helps to decide; that there is none must not keep anybody from deciding.
        return Preview(rows=f"not counted: {type(exc).__name__}")
    return Preview(tables=rewritten.tables, masks=_masks(rewritten, policy), rows=rows)


def _masks(rewritten: "Rewritten", policy: Policy) -> dict[str, str]:
    masks = ((column, policy.mask_of(column)) for column in sorted(rewritten.masked | rewritten.revealed))
    return {str(column): mask_text(mask) for column, mask in masks if mask is not None}


def _counted(installed: "Installed", sql: str, by: Principal | None) -> str:
    options: dict[str, Any] = {"stream_results": True, "no_parameters": True}
    if by is not None:
        options["principal"] = by
    with installed.engine.connect() as connection:
        result = connection.execution_options(**options).exec_driver_sql(sql)
        count = len(result.fetchmany(MOST_ROWS + 1)) if result.returns_rows else 0
        result.close()
        connection.rollback()
    return f"{MOST_ROWS} or more" if count > MOST_ROWS else str(count)
