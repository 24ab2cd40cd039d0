"""The SQL of expression masks: a small closed language, parsed once and written for each dialect."""
from collections.abc import Mapping
from masking.types import ColumnType, Dialect

def parse_formula(sql: str) -> object:
    """To be."""
    return sql


def formula_expression(sql: str, target: tuple[str, ColumnType, Dialect], *, principal: str | None, columns: Mapping[str, str]) -> str:
    """To be."""
    raise NotImplementedError


def mentions_principal(sql: str) -> bool:
    """Whether `sql` depends on who asks."""
    return ":principal" in sql
