"""Which functions a statement calls, and whether each is known not to read tables, files or sessions by name or text.

Read from the tokens, not from the tree: a parser may rename, fold or drop a call, the text cannot.
"""

from sqlglot import exp
from sqlglot.tokenizer_core import TokenType

from masking.types import Dialect
from rewriter.attributes import called_attributes
from rewriter.binding import Binding
from rewriter.errors import Reason, StatementRefused
from rewriter.row_defaults import check_row_defaults
from rewriter.scans import position
from rewriter.statement import Statement
from rewriter.xml_paths import PATH_CALLS, is_plain_path

_KEYWORDS = frozenset(
    """
    all and any apply array as asof at between both bucket by case check collate conflict cross cube current
    distinct div do else end escape except exclude exists fetch filter first following for force from full glob group
    grouping having if ignore ilike in index inner insert intersect interval into is isnull join key keep last lateral
    leading left like limit list lookup map matched materialized merge minus mod natural next no not notnull
    nulls of offset on only operator option or order outer over overlay partition percent placing preceding
    qualify quantify range recursive regexp repeatable reserve returning rename right rlike rollup row rows
    sample select separator set sets similar some sounds straight_join struct symmetric system table tablesample
    then ties to trailing unbounded union unique unpivot pivot using use values view when where window with
    within without xor zone bernoulli reservoir binary columns nested path error empty default wrapper passing
    ordinality
    """.split()
)
"""Words that may stand before a bracket without being a call."""

_RESERVED = frozenset(
    """
    all and any as between by case check cross distinct else except exists from group having in inner intersect
    into is join lateral left like limit natural not on or order over right select set table then union using
    values when where with
    """.split()
)
"""The part of them that no engine takes for a function's name unless it is quoted."""

_TYPES = frozenset(
    """
    bigint bit blob bool boolean bpchar bytea char character cidr clob date datetime dec decimal double enum
    fixed float float4 float8 inet int int2 int4 int8 integer interval json jsonb longblob longtext mediumint
    mediumtext money national nchar numeric nvarchar precision real serial signed smallint struct text time
    timestamp timestamptz timetz tinyint tinytext unsigned uuid varbinary varbit varchar varchar2 varying xml
    year hugeint union map
    """.split()
)
_ROW_FUNCTIONS = frozenset(
    {"coalesce", "nullif", "greatest", "least", "cast", "extract", "count", "sum", "avg", "min", "max"}
)
"""Parts of the grammar itself, which no catalog of functions lists."""

_GRAMMAR_CALLS: dict[Dialect, frozenset[str]] = {
    "postgresql": frozenset(
        """
        position substring overlay trim xmlelement xmlforest xmlconcat xmlparse xmlattributes
        xmlserialize xmlroot xmlpi xmlexists xmltable json_table json_value json_query json_exists
        json_object json_array json_objectagg json_arrayagg json_scalar json_serialize json treat
        collation normalize grouping row current_setting second xmlnamespaces tsquery tsvector jsonpath regtype
        regproc regprocedure regoper regoperator
        regrole regnamespace regcollation regconfig regdictionary
        """.split()
    ),
    "mysql": frozenset(
        """
        convert position substring substr trim char match against values json_table interval row if
        timestampadd timestampdiff get_format weight_string replace mid update
        """.split()
    ),
    "sqlite": frozenset(
        """
        raise match
        """.split()
    ),
    "duckdb": frozenset(
        """
        try_cast trim position substring overlay columns unpack struct_pack lambda row try grouping_id
        list_comprehension array percentile_cont percentile_disc
        """.split()
    ),
}


def check_calls(
    statement: Statement,
    binding: Binding,
    *,
    also: frozenset[str] = frozenset(),
    judged: frozenset[str] = frozenset(),
) -> None:
    """Every call in the statement is of a function known to be harmless, of one in `also`, or trusted by the policy.

    `judged`: functions and operators that someone made, and which are harmless all the same.

    Raises:
        StatementRefused: another function is called.
    """
    tokens = statement.tokens
    _check_operators(statement, binding, judged)
    _check_variables(statement)
    check_row_defaults(statement, binding)
    if binding.dialect == "postgresql":
        _check_attributes(statement, binding, judged)
    names: set[int] | None = None
    for index in [after - 1 for after in statement.indexes.get("(", ()) if after]:
        token = tokens[index]
        if tokens[index + 1].token_type != TokenType.L_PAREN or not statement.is_word(token):
            continue
        schema = tokens[index - 2].text if index > 1 and tokens[index - 1].token_type == TokenType.DOT else ""
        is_plain = token.start not in statement.quoted
        # GROUPING SETS is one token.
        name = token.text.lower().rpartition(" ")[2] if is_plain else token.text.lower()
        if (is_plain and not schema and _is_grammar(name, binding)) or _is_harmless(name, schema, binding):
            continue
        if name in judged:
            continue
        if is_plain and name == "name" and _is_by_name(statement.words[max(0, index - 2) : index]):
            continue
        is_users = name in binding.catalog.user_functions
        if not is_users and (name in also or (is_plain and not schema and _is_judged(statement, name, index + 1))):
            continue
        if names is None:
            names = _declared_names(statement)
        if token.start not in names:
            raise _refused(f"{schema}.{token.text}" if schema and binding.dialect != "duckdb" else token.text)


def _is_judged(statement: Statement, name: str, opening: int) -> bool:
    """Whether one call of a function that is not always harmless is, by its arguments or its place."""
    if statement.dialect == "mysql":
        return name in PATH_CALLS and is_plain_path(statement, opening)
    return _is_aggregate(statement, name)


def _is_aggregate(statement: Statement, name: str) -> bool:
    """Whether each call of a name is of DuckDB's aggregate: a table macro has it as well, and reads a table by name."""
    if statement.dialect != "duckdb" or name != "histogram":
        return False
    calls = [node for node in statement.nodes(exp.Anonymous) if node.name.lower() == name]
    return len(calls) == statement.words.count(name) and all(map(_is_in_items, calls))


def _is_in_items(node: exp.Expr) -> bool:
    """Whether a node belongs to an expression over the rows of a SELECT."""
    above = node.parent
    while above is not None and not isinstance(above, exp.Select):
        if isinstance(above, _SOURCES):
            return False
        node, above = above, above.parent
    return above is not None and node.arg_key in ("expressions", "having", "qualify", "order")


_SOURCES = (exp.Table, exp.From, exp.Join, exp.Lateral, exp.Unnest, exp.Pivot, exp.Query, exp.Summarize, exp.Describe)


def _is_by_name(before: tuple[str, ...]) -> bool:
    """Whether a bracket is the second query of DuckDB's `UNION BY NAME (…)`."""
    return before[-1:] == ("by",) and before[0] in ("union", "all", "intersect", "except")


def _check_variables(statement: Statement) -> None:
    """MySQL's user variables hold the keys of hash masks; written as a string, a name may hide behind escapes."""
    if statement.dialect != "mysql" or "@" not in statement.text:
        return
    for token in statement.tokens:
        if token.start and statement.text[token.start - 1] == "@":
            if statement.is_string(token) or statement.text[token.start] == '"':
                raise StatementRefused(Reason.LEXICAL, "Write a user variable's name without quotes.")
            if token.text.lower().startswith("unmask_"):
                raise _refused(token.text)


def _check_attributes(statement: Statement, binding: Binding, judged: frozenset[str]) -> None:
    for index in called_attributes(statement, binding):
        if statement.words[index] not in judged and not _is_trusted(statement.words[index], "", binding):
            raise _refused(statement.tokens[index].text)


def _check_operators(statement: Statement, binding: Binding, judged: frozenset[str]) -> None:
    """An operator that a user defined calls a function; its sign inside a string counts too, for simplicity."""
    signs = binding.memo.get("operators")
    if signs is None:
        prefix = "operator "
        trusted = {name.lower() for name in binding.policy.functions}
        signs = binding.memo["operators"] = tuple(
            name.removeprefix(prefix)
            for name in binding.catalog.user_functions
            if name.startswith(prefix) and name not in trusted
        )
    assert isinstance(signs, tuple)
    for sign in signs:
        is_called = sign in statement.sql or not _SPOKEN.get(sign, frozenset()).isdisjoint(statement.words)
        if is_called and f"operator {sign}" not in judged:
            raise StatementRefused(
                Reason.FUNCTION,
                f"The operator {sign} may read tables; if it does not, list `operator {sign}` under `functions:` in the"
                " policy.",
            )


_SPOKEN = {
    "~~": frozenset(("like",)),
    "!~~": frozenset(("like",)),
    "~~*": frozenset(("ilike",)),
    "!~~*": frozenset(("ilike",)),
    "~": frozenset(("similar",)),
    "=": frozenset(("in", "nullif", "case", "distinct", "using", "natural")),
    "<=": frozenset(("between",)),
    ">=": frozenset(("between",)),
    "<": frozenset(("overlaps",)),
}
"""Words of PostgreSQL's grammar that call an operator by its sign."""


def _refused(name: str) -> StatementRefused:
    return StatementRefused(
        Reason.FUNCTION,
        f"{name}() may read tables by name or text; if it does not, list it under `functions:` in the policy.",
    )


def _is_grammar(name: str, binding: Binding) -> bool:
    """Whether an unquoted word before a bracket is a part of the grammar, or a call that every catalog leaves out."""
    if name in _RESERVED:
        return True
    if name in binding.catalog.user_functions:
        return False
    return name in _KEYWORDS or name in _TYPES or name in _ROW_FUNCTIONS or name in _GRAMMAR_CALLS[binding.dialect]


def _is_harmless(name: str, schema: str, binding: Binding) -> bool:
    if _is_trusted(name, schema.lower(), binding):
        return True
    if name in binding.catalog.user_functions or name.startswith("unmask_"):
        return False
    if schema and not _is_system_schema(schema, binding.dialect):
        return f"{schema.lower()}.{name}" in binding.catalog.builtins
    return name in binding.catalog.builtins or name == "current_setting"


def _is_system_schema(schema: str, dialect: Dialect) -> bool:
    """DuckDB also calls `value.upper()`: the last name decides there; a user's function of that name is refused."""
    return dialect == "duckdb" or (dialect == "postgresql" and schema.lower() == "pg_catalog")


def _is_trusted(name: str, schema: str, binding: Binding) -> bool:
    for trusted in binding.policy.functions:
        home, _, last = trusted.lower().rpartition(".")
        if last == name and (home == schema or (not schema and home in binding.catalog.search_path)):
            return True
    return False


def _declared_names(statement: Statement) -> set[int]:
    """Places of aliases, CTEs, windows and insert targets: names that the statement declares, before a column list."""
    places: set[int] = set()
    if statement.tree is None:
        return places
    for node in statement.nodes(exp.TableAlias, exp.Schema, exp.Window):
        name = node.this
        if isinstance(name, exp.Table):
            name = name.this
        if isinstance(name, exp.Identifier) and "start" in name.meta:  # the parser makes up an alias for VALUES
            places.add(position(name))
    return places
