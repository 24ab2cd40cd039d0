"""Random schemas and policies that fit them: odd names, keys of one or two columns, every kind of column, views."""

from dataclasses import dataclass
from random import Random

from masking.names import ColumnName, TableName
from masking.types import Dialect
from rewriter.binding import quoted

_NAMES = (
    "customers", "order", "Group", "two words", "größe", "select", "MixedCase", "per cent %", "it's", "semi;colon",
    'quo"te', "a.b", "x" * 40, "user", "ID", "Email", "table", "question?", "colon:name", "dollar$",
)  # fmt: skip
_MASKS = {
    "text": ("redact", '"null"', "email", '{partial: {prefix: 1, padding: "**", suffix: 2}}', "{constant: x}",
             "{hash: {key: sixteen-characters-of-key}}", "{expression: \"concat(left({column}, 1), '…')\"}"),
    "int": ("redact", '"null"', "{bucket: 10}", "{constant: 7}"),
    "num": ("redact", '"null"', "{bucket: 5}"),
    "date": ("redact", '"null"', "year", "month"),
    "stamp": ("redact", "year", "month"),
    "bool": ("redact", '"null"'),
}  # fmt: skip
_PLAIN = {"date": "date", "bool": "boolean"}
_TYPES: dict[Dialect, dict[str, tuple[str, ...]]] = {
    "postgresql": {
        "text": ("text", "varchar(60)", "char(40)", 'text COLLATE "C"'),
        "int": ("integer", "bigint", "smallint"),
        "num": ("numeric(10,2)", "numeric", "double precision"),
        "stamp": ("timestamp", "timestamptz"),
    },
    "mysql": {
        "text": ("varchar(60)", "text", "varchar(80) CHARACTER SET latin1"),
        "int": ("int", "bigint unsigned", "smallint"),
        "num": ("decimal(10,2)", "double"),
        "stamp": ("datetime", "datetime(6)"),
    },
    "sqlite": {
        "text": ("text", "varchar(60)", "text COLLATE NOCASE"),
        "int": ("integer", "bigint"),
        "num": ("numeric(10,2)", "real"),
        "stamp": ("datetime",),
    },
    "duckdb": {
        "text": ("varchar",),
        "int": ("integer", "bigint", "utinyint"),
        "num": ("decimal(10,2)", "double"),
        "stamp": ("timestamp",),
    },
}


@dataclass(frozen=True, slots=True)
class Schema:
    """Statements that make it, and the text of a policy that fits it."""

    statements: tuple[str, ...]
    policy: str


def random_schema(dialect: Dialect, seed: int) -> Schema:
    """The schema and policy of a seed: three tables, of which some policies close one, a view of each and of a view."""
    random = Random(f"{dialect} {seed}")
    names = random.sample([n for n in _NAMES if dialect != "duckdb" or n != 'quo"te'], 3)
    statements, rules, closed = [], [], ""
    for number, name in enumerate(names):
        columns = _columns(dialect, random)
        statements.append(_table(name, columns, dialect))
        table = quoted(name, dialect)
        statements.append(f"CREATE VIEW v{number} AS SELECT * FROM {table}")
        if not number and seed % 2:
            closed = _closed(name, [column for column, _, _ in columns[::2]])
            continue
        rules += [_rule(name, column, random.choice(_MASKS[kind])) for column, kind, _ in columns[1::2]]
    statements.append(f"CREATE VIEW {quoted('view of views', dialect)} AS SELECT * FROM v0")
    return Schema(tuple(statements), "columns:\n" + "\n".join(rules) + closed)


def _closed(table: str, clear: list[str]) -> str:
    """The rule of a closed table."""
    name = str(TableName("", table)).replace("'", "''")
    shown = ", ".join("'" + column.replace("'", "''") + "'" for column in clear)
    return f"\ntables:\n  ? '{name}'\n  : {{default: redact, clear: [{shown}]}}"


def _rule(table: str, column: str, mask: str) -> str:
    name = str(ColumnName(TableName("", table), column)).replace("'", "''")
    return f"  ? '{name}'\n  : {mask}"


def _columns(dialect: Dialect, random: Random) -> list[tuple[str, str, str]]:
    """Name, kind and type; the first is the key."""
    found = {"id": ("id", "int", random.choice(_TYPES[dialect]["int"]))}
    for name in random.sample(_NAMES, random.randint(3, 7)):
        kind = random.choice(["text", "text", *_MASKS])
        found.setdefault(name.lower(), (name, kind, random.choice(_TYPES[dialect].get(kind) or (_PLAIN[kind],))))
    return list(found.values())


def _table(name: str, columns: list[tuple[str, str, str]], dialect: Dialect) -> str:
    parts = [f"{quoted(column, dialect)} {declared}" for column, _, declared in columns]
    return f"CREATE TABLE {quoted(name, dialect)} ({', '.join(parts)}, PRIMARY KEY (id))"
