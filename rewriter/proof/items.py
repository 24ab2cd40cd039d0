"""Select lists of generated statements: terms with and without names, stars in all forms, whole rows."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from rewriter.proof.scalars import Scalars
from rewriter.proof.sources import Chance, Column, Scope, Source
from rewriter.proof.terms import Kind

_REFERENCE = re.compile(r"(?:.*\.)?[\"`\[]?([\w ]+)[\"`\]]?")


@dataclass(frozen=True, slots=True)
class Item:
    """A select item and the output columns that it makes; one without a name cannot be referred to."""

    text: str
    columns: tuple[Column, ...]
    is_star: bool = False


def columns_of(items: Iterable[Item]) -> tuple[Column, ...]:
    """Output columns, in order."""
    return tuple(column for item in items for column in item.columns)


@dataclass(frozen=True, slots=True)
class Items:
    """Draws select lists."""

    chance: Chance
    scalars: Scalars

    def drawn(self, scope: Scope, kinds: tuple[Kind, ...] | None) -> list[Item]:
        """Items of `kinds`, or of any."""
        if kinds is not None:
            return [self._term(kind, scope, is_named=True) for kind in kinds]
        items = [self._any(scope) for _ in range(self.chance.random.choice((1, 1, 2, 2, 3, 4)))]
        # A star of all tables may only come first on MySQL, and only once.
        stars = [item for item in items if item.text == "*"] if self.chance.is_for("mysql") else []
        return stars[:1] + [item for item in items if item not in stars]

    def _any(self, scope: Scope) -> Item:
        choice = self.chance.random.random()
        if scope.grouped is None and choice < 0.1:
            return self._star(scope)
        if scope.grouped is None and choice < 0.2:
            return self._qualified_star(self.chance.random.choice(scope.sources))
        if scope.grouped is None and choice < 0.24 and self.chance.is_for("postgresql", "duckdb"):
            return self._row(self.chance.random.choice(scope.sources))
        return self._term(self.scalars.kind(scope), scope)

    def _term(self, kind: Kind, scope: Scope, *, is_named: bool = False) -> Item:
        text = self.scalars.term(kind, scope, 2)
        choice = self.chance.random.random()
        if choice < 0.5 or is_named:
            name = self.chance.fresh()
            word = " AS " if choice < 0.4 or is_named else " "
            return Item(f"{text}{word}{self.chance.column(name)}", (Column(name, kind),))
        return Item(text, (Column(self._own_name(text, scope), kind),))

    def _own_name(self, text: str, scope: Scope) -> str:
        """What an unnamed item is called: a column by its name, others by rules that nobody relies on."""
        match = _REFERENCE.fullmatch(text)
        word = match.group(1).lower() if match else ""
        names = (column.name for source in (*scope.sources, *scope.outer) for column in source.columns)
        return next((name for name in names if name.lower() == word), "")

    def _star(self, scope: Scope) -> Item:
        merged = {column.name for column in scope.merged}
        rest = tuple(c for source in scope.sources for c in source.columns if c.name not in merged)
        columns = scope.merged + rest
        if self.chance.is_for("duckdb") and self.chance.is_drawn(0.5) and len(scope.sources) == 1:
            return self._modified("*", columns)
        return Item("*", columns, is_star=True)

    def _qualified_star(self, source: Source) -> Item:
        if self.chance.is_for("duckdb") and self.chance.is_drawn(0.3):
            return self._modified(f"{source.spoken}.*", source.columns)
        return Item(f"{source.spoken}.*", source.columns, is_star=True)

    def _modified(self, star: str, columns: tuple[Column, ...]) -> Item:
        """DuckDB's `EXCLUDE`, `REPLACE`, `RENAME` and `COLUMNS`."""
        if len(columns) < 2:
            return Item(star, columns, is_star=True)
        first, *rest = columns
        name = self.chance.column(first.name)
        forms = (
            (f"{star} EXCLUDE ({name})", tuple(rest)),
            (f"{star} REPLACE ({name} || 'x' AS {name})", (Column(first.name, "text"), *rest)),
            (f"{star} RENAME ({name} AS renamed)", (Column("renamed", first.kind), *rest)),
            ("COLUMNS('.*e.*')" if star == "*" else f"COLUMNS({star})", ()),
            ("COLUMNS(lambda c: c LIKE '%m%')" if star == "*" else star, ()),
        )
        text, left = self.chance.random.choice(forms)
        return Item(text, left, is_star=True)

    def _row(self, source: Source) -> Item:
        spoken = source.spoken.rpartition(".")[2]
        column = self.chance.column(source.columns[0].name) if source.columns else "id"
        forms = [spoken, f"{spoken}::text", f"({spoken}).{column}", f"{spoken} IS NULL", f"count({spoken}) OVER ()"]
        if self.chance.is_for("postgresql"):
            forms += [f"to_jsonb({spoken})", f"row_to_json({spoken})", f"({spoken}).*", f"ROW({spoken}.*)"]
            forms += [
                f"pg_typeof({spoken})::text",
                f"{spoken} = {spoken}",
                f"({spoken} IS NOT NULL)",
                f"num_nulls({spoken})",
            ]
        else:
            forms += [
                f"unnest({spoken})",
                f"struct_extract({spoken}, '{column}')",
                f"to_json({spoken})",
                f"{spoken}.{column}",
            ]
        return Item(self.chance.one(forms), (), is_star=True)
