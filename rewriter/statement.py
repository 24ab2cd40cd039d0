"""Text → exactly one classified statement, or a refusal.

The tree is sqlglot's, read only; positions in it index the original text. What the parser only half understands
(a `Command`, unknown nodes in statement position) is refused.
"""

import hashlib
import re
from dataclasses import dataclass
from enum import StrEnum

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect as Grammar
from sqlglot.tokenizer_core import Token, TokenType

from masking.access import Fingerprint
from masking.types import Dialect
from rewriter.errors import Reason, StatementRefused
from rewriter.placeholders import check_quotes_closed, parseable

MAX_DEPTH = 400
"""Deepest nesting of brackets that is parsed; beyond it a statement is refused."""

MAX_SUBSCRIPTS = 100
"""Most `a[1][2]…` in a statement: the parser's time grows with the cube of their number."""

_GRAMMARS: dict[Dialect, Grammar] = {
    "postgresql": Grammar.get_or_raise("postgres"),
    "mysql": Grammar.get_or_raise("mysql"),
    "sqlite": Grammar.get_or_raise("sqlite"),
    "duckdb": Grammar.get_or_raise("duckdb"),
}


class StatementKind(StrEnum):
    """What a statement does, as far as the rewriter tells apart."""

    SELECT = "select"
    WRITE = "write"
    DDL = "ddl"
    TRANSACTION = "transaction"
    SESSION = "session"


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One statement. `text`: comments and placeholders blanked, same length as `sql`. `tree`: None for statements
    that read no table (transaction control, settings).
    """

    sql: str
    text: str
    dialect: Dialect
    kind: StatementKind
    tokens: tuple[Token, ...]
    tree: exp.Expr | None
    quoted: dict[int, int]
    is_percent_doubled: bool

    def written(self, generated: str) -> str:
        """Generated SQL as it must stand in this text: the driver turns `%%` back into `%`."""
        return generated.replace("%", "%%") if self.is_percent_doubled else generated

    def is_word(self, token: Token) -> bool:
        """Whether a token is a word or quoted identifier, rather than a literal or a sign."""
        first = self.text[token.start]
        return first.isalpha() or first == "_" or (token.start in self.quoted and not self.is_string(token))

    def is_string(self, token: Token) -> bool:
        """Whether a token is a quoted string."""
        return token.token_type == TokenType.STRING or self.text[token.start] == "'"


_NAME = r'(?:[\w$]+|"[^"]*"|`[^`]*`)'
_VALUE = r"(?:'[^'\\]*'|[\w.+-]+)"
_TRANSACTION = re.compile(
    rf"""(?ix) \s* (?:
      begin (?:\s+(?:work|transaction|deferred|immediate|exclusive))* (?:\s+isolation\s+level\s+[a-z ]+)? (?:\s*,?\s*(?:read\s+only|read\s+write|not\s+deferrable|deferrable))*
    | start\s+transaction (?:\s+isolation\s+level\s+[a-z ]+)? (?:\s*,?\s*(?:read\s+only|read\s+write|with\s+consistent\s+snapshot))*
    | (?:commit|end|rollback|abort) (?:\s+(?:work|transaction))? (?:\s+and\s+(?:no\s+)?chain)?
    | savepoint\s+{_NAME}
    | rollback (?:\s+(?:work|transaction))? \s+to (?:\s+savepoint)? \s+ {_NAME}
    | release (?:\s+savepoint)? \s+ {_NAME}
    | set\s+(?:session\s+characteristics\s+as\s+|session\s+)?transaction\s+[a-z ,]+
    | (?:prepare\s+transaction|commit\s+prepared|rollback\s+prepared)\s+'[^'\\]*'
    | xa\s+(?:begin|start|end|prepare|commit|rollback|recover)(?:\s+'[^'\\]*')?(?:\s+one\s+phase)?
    ) \s* ;? \s*"""
)
_SESSION: dict[Dialect, re.Pattern[str]] = {
    "postgresql": re.compile(
        rf"""(?ix) \s* (?: show\s+[a-z_ ]+
        | set\s+(?:session\s+|local\s+)?(?:statement_timeout|lock_timeout|idle_in_transaction_session_timeout|application_name
            |timezone|datestyle|intervalstyle|work_mem|extra_float_digits|bytea_output|jit|max_parallel_workers_per_gather)\s*(?:=|to)\s*{_VALUE}
        | set\s+(?:session\s+|local\s+)?time\s+zone\s+{_VALUE} ) \s* ;? \s*"""
    ),
    "mysql": re.compile(
        rf"""(?ix) \s* (?: show\s+(?:full\s+)?(?:tables|databases|schemas|columns|fields|engines|charset|collation|privileges|triggers)
            (?:\s+(?:from|in)\s+{_NAME}(?:\.{_NAME})?)* (?:\s+like\s+'[^'\\]*')?
        | show\s+(?:session\s+|global\s+)?(?:variables|status)(?:\s+like\s+'[^'\\]*')?
        | show\s+create\s+(?:table|view|database)\s+{_NAME}(?:\.{_NAME})?
        | (?:describe|desc)\s+{_NAME}(?:\.{_NAME})?
        | set\s+names\s+utf8(?:mb[34])?
        | set\s+(?:session\s+)?(?:autocommit|time_zone|wait_timeout|lock_wait_timeout|innodb_lock_wait_timeout|max_statement_time|max_execution_time)\s*=\s*{_VALUE}
        ) \s* ;? \s*"""
    ),
    "sqlite": re.compile(
        rf"""(?ix) \s* pragma\s+(?:{_NAME}\.)?(?:
          (?:table_info|table_xinfo|index_list|index_info|index_xinfo|foreign_key_list)\s*\(\s*(?:{_NAME}|'[^']*')\s*\)
        | (?:table_list|database_list|function_list|collation_list|compile_options|encoding|schema_version|user_version|foreign_keys|read_uncommitted|journal_mode|busy_timeout|application_id|page_size|page_count)
        | (?:foreign_keys|read_uncommitted|busy_timeout)\s*=\s*\w+ ) \s* ;? \s*"""
    ),
    "duckdb": re.compile(
        rf"""(?ix) \s* (?: show\s+(?:all\s+)?(?:tables|databases|schemas)
        | (?:describe|desc|show)\s+{_NAME}(?:\.{_NAME})*
        | set\s+(?:session\s+|local\s+)?(?:timezone|threads|memory_limit|default_order|default_null_order|enable_progress_bar)\s*=\s*{_VALUE} ) \s* ;? \s*"""
    ),
}

_READS = (exp.Query, exp.Values, exp.Table, exp.Pivot, exp.Summarize, exp.Describe)
_WRITES = (exp.Insert, exp.Update, exp.Delete, exp.Merge)
_HEADS = frozenset(
    {
        "",
        "select",
        "with",
        "values",
        "table",
        "from",
        "insert",
        "replace",
        "update",
        "delete",
        "merge",
        "pivot",
        "unpivot",
        "summarize",
        "describe",
    }
)
_DDL_WORDS = frozenset(
    {
        "create",
        "alter",
        "drop",
        "truncate",
        "comment",
        "grant",
        "revoke",
        "analyze",
        "vacuum",
        "reindex",
        "cluster",
        "refresh",
        "rename",
    }
)


def read_statement(sql: str, dialect: Dialect, *, is_percent_doubled: bool = False) -> Statement:
    """`sql` as one classified statement.

    Raises:
        StatementRefused: it cannot be read with certainty, is several statements, or is of a kind never allowed.
    """
    read = parseable(sql, dialect, is_percent_doubled=is_percent_doubled)
    check_quotes_closed(read.text, read.quoted, dialect)
    simple = _simple_kind(read.text, dialect)
    tree: exp.Expr | None = None
    tokens: tuple[Token, ...] = ()
    if simple is None:
        tokens = _tokens(read.text, read.quoted, dialect)
        simple, tree = _parsed(read.text, tokens, dialect)
    return Statement(
        sql=sql, text=read.text, dialect=dialect, kind=simple, tokens=tokens, tree=tree, quoted=read.quoted,
        is_percent_doubled=is_percent_doubled,
    )  # fmt: skip


def tokens_of(statement: Statement) -> tuple[Token, ...]:
    """The tokens of a statement that `read_statement` did not have to parse.

    Raises:
        StatementRefused: the text is not understood.
    """
    return statement.tokens or _tokens(statement.text, statement.quoted, statement.dialect)


def _simple_kind(text: str, dialect: Dialect) -> StatementKind | None:
    """The kind of a statement without tables, known by its whole text; None where a parser must look."""
    head = text.lstrip()[:9].lower()
    if head.startswith(("select", "insert", "update", "delete", "with")):
        return None
    if _TRANSACTION.fullmatch(text):
        return StatementKind.TRANSACTION
    if _SESSION[dialect].fullmatch(text):
        return StatementKind.SESSION
    word = re.match(r"\w*", head)
    first = word.group() if word else ""
    if first in _DDL_WORDS:
        return StatementKind.DDL
    if first not in _HEADS:  # not for the parser to guess at, and not for it to log
        raise _unknown_kind()
    return None


def _tokens(text: str, quoted: dict[int, int], dialect: Dialect) -> tuple[Token, ...]:
    """The parser's tokens, once they are known to agree with the engine's reading of every quote."""
    _check_depth(text)
    try:
        tokens = tuple(_GRAMMARS[dialect].tokenize(text))
    except Exception as error:  # the tokenizer raises several kinds; whichever it is, the text is not understood
        raise _unparseable() from error
    if quoted:
        ends = {token.start: token.end for token in tokens}
        if any(ends.get(start) != end - 1 for start, end in quoted.items()):
            raise StatementRefused(Reason.LEXICAL, "Write plain '…' strings and \"…\" identifiers.")
    while tokens and tokens[-1].token_type == TokenType.SEMICOLON:
        tokens = tokens[:-1]
    if any(token.token_type == TokenType.SEMICOLON for token in tokens):
        raise StatementRefused(Reason.SEVERAL_STATEMENTS, "Send one statement at a time.")
    return tokens


def _check_depth(text: str) -> None:
    if text.count("][") > MAX_SUBSCRIPTS:
        raise StatementRefused(Reason.TOO_LARGE, f"Write at most {MAX_SUBSCRIPTS} subscripts in a row.")
    depth = 0
    for character in (
        re.findall(r"[(\[{)\]}]", text) if text.count("(") + text.count("[") + text.count("{") > MAX_DEPTH else ()
    ):
        depth += 1 if character in "([{" else -1
        if depth > MAX_DEPTH:
            raise StatementRefused(Reason.TOO_LARGE, f"Nest brackets at most {MAX_DEPTH} deep.")


def _parsed(text: str, tokens: tuple[Token, ...], dialect: Dialect) -> tuple[StatementKind, exp.Expr]:
    try:
        trees = _GRAMMARS[dialect].parser().parse(list(tokens), text)
    except Exception as error:  # the parser raises several kinds; whichever it is, the text is not understood
        raise _unparseable() from error
    if len(trees) != 1 or trees[0] is None:
        raise StatementRefused(Reason.SEVERAL_STATEMENTS, "Send one statement at a time, and not an empty one.")
    tree = trees[0]
    if isinstance(tree, _READS):
        return StatementKind.SELECT, tree
    if isinstance(tree, _WRITES):
        return StatementKind.WRITE, tree
    raise _unknown_kind()


def _unknown_kind() -> StatementRefused:
    return StatementRefused(
        Reason.STATEMENT_KIND, "Only SELECT, INSERT, UPDATE, DELETE, MERGE and transaction control may be sent."
    )


def _unparseable() -> StatementRefused:
    return StatementRefused(
        Reason.UNPARSEABLE, "Check the statement's syntax; if the database accepts it, please report it."
    )


_LITERALS = frozenset(
    {
        "STRING",
        "NUMBER",
        "HEREDOC_STRING",
        "BYTE_STRING",
        "BIT_STRING",
        "HEX_STRING",
        "NATIONAL_STRING",
        "RAW_STRING",
        "UNICODE_STRING",
        "PLACEHOLDER",
    }
)


def _canonical(statement: Statement, token: Token) -> str:
    """A token as the fingerprint sees it: literals as `?`, plain words in upper case, quoted ones as they are."""
    if token.token_type.name in _LITERALS or (token.start in statement.quoted and statement.is_string(token)):
        return "?"
    text = statement.text[token.start : token.end + 1]
    return text if token.start in statement.quoted else text.upper()


def without_literals(statement: Statement) -> str:
    """The statement on one line with each literal and placeholder as `?`, and no comments."""
    text = " ".join(
        "?" if _canonical(statement, token) == "?" else statement.text[token.start : token.end + 1]
        for token in statement.tokens
    )
    return text or statement.kind.value


def fingerprint(statement: Statement) -> Fingerprint:
    """`v1:` and 32 hex digits: equal for statements that differ only in literals, layout, comments and letter case."""
    canonical = "\x00".join(_canonical(statement, token) for token in statement.tokens)
    return Fingerprint("v1:" + hashlib.sha256(f"{statement.dialect}\x00{canonical}".encode()).hexdigest()[:32])
