"""The SQL of expression masks: a small closed language, parsed once and written for each dialect."""


def parse_formula(sql: str) -> object:
    """To be."""
    return sql


def mentions_principal(sql: str) -> bool:
    """Whether `sql` depends on who asks."""
    return ":principal" in sql
