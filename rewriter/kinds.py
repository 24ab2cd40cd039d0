"""Kinds of statements, and the closed lists of those that read no table: transaction control and harmless settings."""

import re
from enum import StrEnum

from masking.types import Dialect
from rewriter.errors import Reason, StatementRefused


class StatementKind(StrEnum):
    """What a statement does, as far as the rewriter tells apart."""

    SELECT = "select"
    WRITE = "write"
    DDL = "ddl"
    TRANSACTION = "transaction"
    SESSION = "session"
    EXPLAIN = "explain"


_NAME = r'(?:[\w$]+|"(?:[^"]|"")*"|`(?:[^`]|``)*`)'
_PATH = rf"{_NAME}(?:\.{_NAME})*"
_VALUE = r"(?:'[^'\\]*'|[\w.+-]+)"
_ACCESS = r"(?:\s*,?\s*(?:read\s+only|read\s+write|not\s+deferrable|deferrable|with\s+consistent\s+snapshot))*"
_LEVEL = r"(?:\s+isolation\s+level\s+[a-z ]+)?"


def _one_of(*forms: str) -> re.Pattern[str]:
    """A whole statement of one of `forms`, in any letter case; a blank in a form stands for any white space."""
    joined = "|".join(f"(?:{form})" for form in forms).replace(" ", r"\s+")
    return re.compile(rf"\s*(?:{joined})\s*;?\s*", re.IGNORECASE)


def _words(text: str) -> str:
    """Alternatives, one a word."""
    return "(?:" + "|".join(text.split()) + ")"


_TRANSACTION = _one_of(
    rf"begin(?: (?:work|transaction|deferred|immediate|exclusive))*{_LEVEL}{_ACCESS}",
    rf"start transaction{_LEVEL}{_ACCESS}",
    r"(?:commit|end|rollback|abort)(?: (?:work|transaction))?(?: and (?:no )?chain)?",
    rf"savepoint {_NAME}",
    rf"rollback(?: (?:work|transaction))? to(?: savepoint)? {_NAME}",
    rf"release(?: savepoint)? {_NAME}",
    r"set (?:session characteristics as |session )?transaction [a-z\s,]+",
    rf"set constraints (?:all|{_PATH}(?:\s*,\s*{_PATH})*) (?:deferred|immediate)",
    r"(?:prepare transaction|commit prepared|rollback prepared) '[^'\\]*'",
    rf"xa {_words('begin start end prepare commit rollback recover')}(?: '[^'\\]*')?(?: one phase)?",
)

_POSTGRESQL_SETTINGS = _words(
    "statement_timeout lock_timeout idle_in_transaction_session_timeout application_name timezone datestyle"
    " intervalstyle work_mem extra_float_digits bytea_output jit max_parallel_workers_per_gather enable_[a-z]+"
    " synchronous_commit client_min_messages maintenance_work_mem temp_buffers random_page_cost seq_page_cost"
    " effective_cache_size cursor_tuple_fraction idle_session_timeout transaction_timeout deadlock_timeout"
)
_MYSQL_LISTS = _words("tables databases schemas columns fields engines charset collation privileges triggers")
_MYSQL_STATUS = _words(
    "uptime connections max_used_connections threads(?:_%|_[a-z]+) ssl_(?:%|[a-z_]+) wsrep_(?:%|[a-z_]+)"
)
"""Of the server as a whole. What counts rows says whether a write changed a value."""
_MYSQL_SETTINGS = _words(
    "autocommit time_zone wait_timeout lock_wait_timeout innodb_lock_wait_timeout max_statement_time max_execution_time"
    " foreign_key_checks unique_checks sql_safe_updates sql_select_limit group_concat_max_len interactive_timeout"
    " net_read_timeout net_write_timeout sort_buffer_size join_buffer_size tmp_table_size max_heap_table_size"
    " cte_max_recursion_depth max_recursive_iterations"
)
_SQLITE_LISTS = _words("table_info table_xinfo index_list index_info index_xinfo foreign_key_list")
_SQLITE_SETTINGS = _words(
    "table_list database_list function_list collation_list compile_options encoding schema_version user_version"
    " foreign_keys read_uncommitted journal_mode busy_timeout application_id page_size"
)
_SQLITE_TUNING = _words(
    "foreign_keys read_uncommitted busy_timeout journal_mode synchronous cache_size cache_spill temp_store mmap_size"
    " wal_autocheckpoint recursive_triggers defer_foreign_keys secure_delete locking_mode automatic_index"
)
_NO_FILE = r'(?:[\w$]+|"[\w$ ]+")'
"""DuckDB shows what columns a file has: one whose name ends in `.csv`."""
_DUCKDB_LISTS = _words("show_tables show_tables_expanded show_databases database_list version platform collations")
_DUCKDB_SETTINGS = _words("timezone threads memory_limit default_order default_null_order enable_progress_bar")

_SESSION: dict[Dialect, re.Pattern[str]] = {
    "postgresql": _one_of(
        r"show [a-z_\s]+",
        rf"set (?:session |local )?{_POSTGRESQL_SETTINGS}\s*(?:=|\bto\b)\s*{_VALUE}",
        rf"set (?:session |local )?time zone {_VALUE}",
        rf"reset (?:{_POSTGRESQL_SETTINGS}|time zone)",
    ),
    "mysql": _one_of(
        rf"show (?:full )?{_MYSQL_LISTS}(?: (?:from|in) {_PATH})*(?: like '[^'\\]*')?",
        r"show (?:session |global )?variables(?: like '[^'\\]*')?",
        rf"show (?:session |global )?status like '{_MYSQL_STATUS}'",
        rf"show create (?:table|view|database) {_PATH}",
        rf"(?:describe|desc) {_PATH}",
        r"set names utf8(?:mb[34])?",
        rf"set (?:session )?{_MYSQL_SETTINGS}\s*=\s*{_VALUE}",
    ),
    "sqlite": _one_of(
        rf"pragma (?:{_NAME}\.)?{_SQLITE_LISTS}\s*\(\s*(?:{_NAME}|'[^']*')\s*\)",
        rf"pragma (?:{_NAME}\.)?{_SQLITE_SETTINGS}",
        rf"pragma (?:{_NAME}\.)?{_SQLITE_TUNING}\s*(?:=\s*-?\w+|\(\s*-?\w+\s*\))",
    ),
    "duckdb": _one_of(
        rf"show (?:all )?(?:tables|databases|schemas)(?: from {_PATH})?",
        rf"(?:describe|desc|show) {_NO_FILE}(?:\.{_NO_FILE})*",
        rf"pragma (?:table_info|show)\s*\(\s*(?:{_NO_FILE}|'[\w ]*')\s*\)",
        rf"pragma {_DUCKDB_LISTS}",
        rf"set (?:session |local )?{_DUCKDB_SETTINGS}\s*=\s*{_VALUE}",
    ),
}

_READ_DIFFERENTLY = re.compile(
    r"\s*create\s+(?:or\s+replace\s+)?(?:temp|temporary)\b|\s*(?:set|reset|pragma)\b.*?\b(?:time\s*zone|time_zone|datestyle|intervalstyle|extra_float_digits|bytea_output"
    r"|default_order|default_null_order|sql_select_limit|group_concat_max_len|cte_max_recursion_depth"
    r"|max_recursive_iterations|names)\b",
    re.IGNORECASE | re.DOTALL,
)
"""Settings and tables with which a statement may find or show other rows than in the session as it began."""

_DDL_WORDS = frozenset(
    "create alter drop truncate comment grant revoke analyze vacuum reindex cluster refresh rename".split()
)
_OF_SESSION = re.compile(r"\s*(?:set|reset|discard|use|attach|detach)\b", re.IGNORECASE)
_SEARCH_PATH = _one_of(r"set (?:session |local )?search_path\s*(?:=|\bto\b)\s*[\w$\"',\s]+", "reset search_path")
_ANALYZES_TABLES = re.compile(r"\s*analyze\s+(?:(?:no_write_to_binlog|local)\s+)?tables?\b", re.IGNORECASE)
"""MariaDB's other ANALYZE runs a query and shows its plan."""
_PARSED_WORDS = frozenset(
    "select with values table from insert replace update delete merge pivot unpivot pivot_wider pivot_longer summarize"
    " describe".split()
)


def simple_kind(text: str, dialect: Dialect) -> StatementKind | None:
    """The kind of a statement that is known by its text; None where a parser must look.

    Raises:
        StatementRefused: it is of no kind that is ever allowed: not for the parser to guess at, nor for it to log.
    """
    head = text.lstrip()[:12].lower()
    if head.startswith(("select", "insert", "update", "delete", "with")):
        return None
    if _TRANSACTION.fullmatch(text):
        return StatementKind.TRANSACTION
    if _SESSION[dialect].fullmatch(text):
        return StatementKind.SESSION
    word = re.match(r"\w*", head)
    first = word.group() if word else ""
    if first == "explain" or (dialect == "mysql" and first == "analyze" and not _ANALYZES_TABLES.match(text)):
        return StatementKind.EXPLAIN
    is_of_session = dialect == "sqlite" and first in ("attach", "detach")
    if first in _DDL_WORDS or is_of_session or (dialect == "postgresql" and _SEARCH_PATH.fullmatch(text)):
        return StatementKind.DDL
    if first and first not in _PARSED_WORDS:
        raise unknown_kind()
    return None


def is_of_session(text: str) -> bool:
    """Whether a statement that is no query changes how its own session alone sees the schema."""
    return _OF_SESSION.match(text) is not None


def changes_meaning(text: str) -> bool:
    """Whether a setting, or a table of the session's own, may give statements another meaning."""
    return _READ_DIFFERENTLY.match(text) is not None


def unknown_kind() -> StatementRefused:
    """The refusal of a statement that does something else than read and write rows."""
    return StatementRefused(
        Reason.STATEMENT_KIND, "Only SELECT, INSERT, UPDATE, DELETE, MERGE and transaction control may be sent."
    )
