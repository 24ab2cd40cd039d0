"""Settings of a session that change how the engine reads a statement's text.

Under any other than these the rewriter and the engine could see different strings and names, so nothing runs.
"""

_CHARACTER_SETS = frozenset(("UTF8", "SQL_ASCII", "LATIN1", "LATIN2", "LATIN9", "WIN1250", "WIN1252"))
"""Client encodings of PostgreSQL in which no byte of another character looks like a quote or a backslash."""


def postgresql_fault(conforming_strings: str | None, client_encoding: str | None) -> str | None:
    """What is wrong with a session's reported settings; None when nothing is."""
    if conforming_strings != "on":
        return "Set standard_conforming_strings = on for the application's role or database."
    if (client_encoding or "").upper() not in _CHARACTER_SETS:
        return "Set client_encoding = UTF8 for the application's role or database."
    return None


def mysql_fault(sql_mode: str, character_set: str) -> str | None:
    """What is wrong with a session's `@@sql_mode` and character set; None when nothing is."""
    modes = set(sql_mode.upper().split(","))
    for mode in ("ANSI_QUOTES", "NO_BACKSLASH_ESCAPES"):
        if mode in modes:
            return f"Take {mode} out of sql_mode: double quotes and backslashes would mean something else."
    if not character_set.lower().startswith(("utf8", "latin1", "ascii", "binary")):
        return "Connect with charset=utf8mb4."
    return None
