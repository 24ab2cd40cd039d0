"""What a policy says about the sensitive columns of one statement: how each is shown, and how it could be seen."""

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, assert_never

from grants import rules
from grants.cli.approvers import able
from masking import (
    Bucket,
    ColumnName,
    Constant,
    Email,
    Expression,
    Hash,
    Mask,
    Month,
    Null,
    Partial,
    Policy,
    Principal,
    Redact,
    Year,
)
from masking.durations import format_duration
from masking.policy import ApprovalRule

if TYPE_CHECKING:  # it takes long to import, and most commands do not need it
    from rewriter import Rewritten

_SHORT = timedelta(minutes=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One sensitive column that a statement reads. `rule` None: nobody can grant it here. `approvers`: who can now.

    `is_partly`: it is revealed in some rows and masked in the others.
    """

    column: ColumnName
    mask: Mask
    is_revealed: bool
    is_partly: bool
    rule: ApprovalRule | None
    approvers: tuple[Principal, ...]

    @property
    def is_grantable(self) -> bool:
        """Whether a request for it could lead to a grant."""
        return self.rule is not None and (self.rule.auto or len(self.approvers) >= self.rule.required)

    def document(self) -> dict[str, Any]:
        """As JSON. A hash's key is left out."""
        rule = self.rule
        return {
            "column": str(self.column),
            "is_revealed": self.is_revealed,
            "is_in_some_rows_only": self.is_partly,
            "mask": self.mask.model_dump(mode="json", exclude={"key"}),
            "is_grantable": self.is_grantable,
            "approval": rule
            and {
                "scope": rule.scope,
                "is_automatic": rule.auto,
                "approvers": list(self.approvers),
                "required": 0 if rule.auto else rule.required,
                "max_duration": format_duration(rules.longest([rule])),
                "reason": rule.reason and str(getattr(rule.reason, "pattern", rule.reason)),
            },
        }


def column_findings(
    rewritten: "Rewritten", policy: Policy, *, environment: str, who: Principal | None
) -> tuple[Finding, ...]:
    """What there is to say about each sensitive column that the statement reads, in the order of their names.

    `who`: for whom; nobody approves their own request.
    """
    found = []
    for column in sorted(rewritten.masked | rewritten.revealed):
        mask = policy.mask_of(column)
        if mask is None:
            continue
        rule = policy.rule_for(column, environment)
        approvers = able([rule], policy) if rule else ()
        found.append(
            Finding(
                column=column,
                mask=mask,
                is_revealed=column in rewritten.revealed,
                is_partly=column in rewritten.revealed & rewritten.masked,
                rule=rule,
                approvers=tuple(name for name in approvers if name != who),
            )
        )
    return tuple(found)


def finding_rows(findings: tuple[Finding, ...]) -> list[tuple[str, ...]]:
    """The rows of a table: column, what is shown, who approves, for how long at most."""
    return [(str(one.column), _shown(one), _approved_by(one), _at_most(one)) for one in findings]


def _shown(finding: Finding) -> str:
    if not finding.is_revealed:
        return mask_text(finding.mask)
    return f"revealed in some rows, else {mask_text(finding.mask)}" if finding.is_partly else "revealed"


def _approved_by(finding: Finding) -> str:
    if finding.rule is None:
        return "nobody: no approval rule matches it here"
    if finding.rule.auto:
        return "the policy, at once"
    return f"{finding.rule.required} of {', '.join(finding.rule.approvers)}"


def _at_most(finding: Finding) -> str:
    return format_duration(rules.longest([finding.rule])) if finding.rule else ""


def request_words(findings: tuple[Finding, ...]) -> tuple[str, ...]:
    """The words of the command that asks for what is masked in some row and can be granted; empty if nothing is."""
    wanted = [one for one in findings if (one.is_partly or not one.is_revealed) and one.is_grantable]
    if not wanted:
        return ()
    longest = rules.longest([one.rule for one in wanted if one.rule])
    length = format_duration(min(_SHORT, longest))
    return ("request", *(str(one.column) for one in wanted), "--for", length, "--reason", "...")


def mask_text(mask: Mask) -> str:
    """A mask as people say it. A hash's key is left out."""
    match mask:
        case Redact() | Null() | Email() | Hash() | Year() | Month():
            return mask.kind
        case Partial():
            return f'partial: first {mask.prefix}, "{mask.padding}", last {mask.suffix}'
        case Bucket():
            return f"bucket of {mask.size}"
        case Constant():
            return f"constant {mask.value}"
        case Expression():
            return f"expression {mask.sql}"
        case _:
            assert_never(mask)
