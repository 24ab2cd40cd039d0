"""Policy, masks and their SQL expressions. Pure; imports neither `rewriter` nor `grants`."""

from masking.access import NOBODY, Access, Fingerprint, Permit, Reveal
from masking.errors import MaskingError, PolicyError, Problem
from masking.expressions import mask_expression
from masking.masks import (
    Bucket,
    Constant,
    Email,
    Expression,
    Hash,
    Mask,
    Month,
    Null,
    Partial,
    Redact,
    Year,
    masked,
)
from masking.names import ColumnName, Principal, TableName
from masking.policy import ApprovalRule, BreakGlass, ColumnRule, Escalation, Person, Policy, StandingRule, TableRule
from masking.row_conditions import RowCondition
from masking.secrets import SessionSecret, session_secrets
from masking.types import ColumnType, Dialect, Kind, column_type

__all__ = [
    "NOBODY",
    "Access",
    "ApprovalRule",
    "BreakGlass",
    "Bucket",
    "ColumnName",
    "ColumnRule",
    "ColumnType",
    "Constant",
    "Dialect",
    "Email",
    "Escalation",
    "Expression",
    "Fingerprint",
    "Hash",
    "Kind",
    "Mask",
    "MaskingError",
    "Month",
    "Null",
    "Partial",
    "Permit",
    "Person",
    "Policy",
    "PolicyError",
    "Principal",
    "Problem",
    "Redact",
    "Reveal",
    "RowCondition",
    "SessionSecret",
    "StandingRule",
    "TableName",
    "TableRule",
    "Year",
    "column_type",
    "mask_expression",
    "masked",
    "session_secrets",
]
