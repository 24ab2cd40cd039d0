"""The text of a statement as the trail keeps it: without a literal, wherever the engine would see one.

SQLite takes `"text"` for a string where no column is called so, which only the schema can tell. What is no name there,
nor introduced by the statement itself, counts as a literal.
"""

from collections.abc import Iterator

from sqlglot import exp

from rewriter.fingerprint import words
from rewriter.schema import Catalog
from rewriter.statement import Statement


def without_literals(statement: Statement, catalog: Catalog | None = None) -> str:
    """The statement on one line with each literal and placeholder as `?`, and no comments.

    `catalog` None: the schema is not known, so on SQLite no name of it is either.
    """
    told = list(words(statement))
    names: frozenset[str] | None = None
    if statement.dialect == "sqlite" and any(word.text.startswith('"') for word in told):
        names = frozenset(name.lower() for name in (*_introduced(statement), *_of_schema(catalog)))
    text = " ".join(
        "?" if word.canonical == "?" or (names is not None and _is_string(word.text, names)) else word.text
        for word in told
    )
    return text or statement.kind.value


def _is_string(word: str, names: frozenset[str]) -> bool:
    return word.startswith('"') and word[1:-1].replace('""', '"').lower() not in names


def _introduced(statement: Statement) -> Iterator[str]:
    """Names that the statement gives, and those of the tables that it reads."""
    for table in statement.nodes(exp.Table):
        yield from (part.name for part in table.parts)
    for alias in statement.nodes(exp.Alias):
        yield alias.alias
    for table_alias in statement.nodes(exp.TableAlias):
        yield table_alias.name
        yield from (column.name for column in table_alias.args.get("columns") or ())


def _of_schema(catalog: Catalog | None) -> Iterator[str]:
    for (schema, name), relation in catalog.relations.items() if catalog is not None else ():
        yield from (schema, name)
        yield from (column.name for column in relation.columns)
