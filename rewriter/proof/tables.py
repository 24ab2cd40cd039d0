"""FROM clauses of generated statements: tables, views, derived tables, functions, and joins of every kind."""

from dataclasses import dataclass, field, replace

from rewriter.proof.scalars import Queries, Scalars
from rewriter.proof.sources import Chance, Column, Relation, Scope, Source

_LATERAL = ("postgresql", "duckdb")


@dataclass(frozen=True, slots=True)
class Tables:
    """Draws FROM clauses."""

    chance: Chance
    scalars: Scalars
    query: Queries
    _spoken: list[str] = field(default_factory=list)

    def clause(self, depth: int, outer: tuple[Source, ...]) -> tuple[Scope, str]:
        """` FROM …`, and what may be said over it."""
        around = list(self._spoken)
        self._spoken.clear()
        source, text = self._item(depth)
        scope = Scope(sources=(source,), outer=outer, depth=depth)
        for _ in range(self.chance.random.choice((0, 0, 0, 1, 1, 1, 2))):
            scope, text = self._joined(scope, text, depth)
        self._spoken[:] = around
        return scope, f" FROM {text}"

    def _joined(self, scope: Scope, text: str, depth: int, *, is_bracketed: bool = False) -> tuple[Scope, str]:
        if self.chance.is_drawn(0.08) and not scope.merged:
            other, right = self._bracketed_join(depth)
        else:
            source, right = self._item(depth, beside=scope)
            other = Scope(sources=(source,))
        both = replace(scope, sources=(*scope.sources, *other.sources), merged=(*scope.merged, *other.merged))
        shared = [
            c for c in self._names(other) if c.name in {d.name for d in self._names(scope)} and c in self._names(scope)
        ]
        choice = self.chance.random.random()
        if choice < 0.15:
            return both, f"{text}{' CROSS JOIN ' if is_bracketed else self.chance.one((', ', ' CROSS JOIN '))}{right}"
        if shared and choice < 0.35 and not scope.merged and len(scope.sources) == 1 == len(other.sources):
            return self._merged(both, shared, (text, right))
        if choice < 0.4 and self.chance.is_for("duckdb"):
            word = self.chance.one(("SEMI", "ANTI"))
            return scope, f"{text} {word} JOIN {right} ON {self._condition(scope, other, both)}"
        words = ["JOIN", "INNER JOIN", "LEFT JOIN", "LEFT OUTER JOIN", "RIGHT JOIN"]
        words += ["STRAIGHT_JOIN"] if self.chance.is_for("mysql") else ["FULL JOIN"]
        return both, f"{text} {self.chance.one(words)} {right} ON {self._condition(scope, other, both)}"

    def _names(self, scope: Scope) -> list[Column]:
        return [column for source in scope.sources for column in source.columns]

    def _merged(self, both: Scope, shared: list[Column], sides: tuple[str, str]) -> tuple[Scope, str]:
        words = ["", "LEFT ", "RIGHT ", "INNER "] + ([] if self.chance.is_for("mysql") else ["FULL "])
        how = self.chance.one(words)
        if self.chance.is_drawn(0.4):
            return replace(both, merged=tuple(shared)), f" NATURAL {how}JOIN ".join(sides)
        used = self.chance.random.sample(shared, self.chance.random.randint(1, min(2, len(shared))))
        names = ", ".join(self.chance.column(column.name) for column in used)
        return replace(both, merged=tuple(used)), f"{f' {how}JOIN '.join(sides)} USING ({names})"

    def _condition(self, scope: Scope, other: Scope, both: Scope) -> str:
        if self.chance.is_drawn(0.75):
            kinds = [
                k
                for k in ("int", "text", "date")
                if any(c.kind == k for c in self._names(scope)) and any(c.kind == k for c in self._names(other))
            ]
            if kinds:
                kind = self.chance.random.choice(kinds)
                left, right = (self._column(kind, s) for s in (scope, other))
                more = (
                    f" AND {self.scalars.term('bool', replace(both, outer=()), 1)}" if self.chance.is_drawn(0.3) else ""
                )
                return f"{left} = {right}{more}"
        return self.scalars.term("bool", replace(both, outer=()), 1)

    def _column(self, kind: str, scope: Scope) -> str:
        found = [(s, c) for s in scope.sources for c in s.columns if c.kind == kind]
        source, column = self.chance.random.choice(found)
        return f"{source.spoken}.{self.chance.column(column.name)}"

    def _bracketed_join(self, depth: int) -> tuple[Scope, str]:
        source, text = self._item(depth)
        scope, joined = self._joined(Scope(sources=(source,)), text, depth - 1, is_bracketed=True)
        return scope, f"({joined})"

    def _item(self, depth: int, beside: Scope | None = None) -> tuple[Source, str]:
        choice = self.chance.random.random()
        if choice < 0.18 and depth > 0:
            return self._derived(depth, beside)
        if choice < 0.22:
            return self._values()
        if choice < 0.25 and not self.chance.is_for("mysql"):
            return self._function()
        return self._table()

    def _alias(self) -> tuple[str, str]:
        """An alias as FROM declares it, and as references write it."""
        name = self.chance.fresh()
        return self.chance.one((" ", " AS ")) + self.chance.table(name), self.chance.table(name)

    def _derived(self, depth: int, beside: Scope | None) -> tuple[Source, str]:
        declared, spoken = self._alias()
        is_lateral = beside is not None and self.chance.dialect in _LATERAL and self.chance.is_drawn(0.4)
        around = beside.sources if is_lateral and beside is not None else ()
        query = self.query(depth - 1, around, None)
        columns = self.distinct(query.columns)
        if self.chance.is_drawn(0.2) and query.columns and not self.chance.is_for("sqlite", "mysql"):
            columns = tuple(Column(f"d{i}", c.kind) for i, c in enumerate(query.columns))
            declared += f"({', '.join(self.chance.column(c.name) for c in columns)})"
        return Source(spoken, columns), f"{'LATERAL ' if is_lateral else ''}({query.sql}){declared}"

    def distinct(self, columns: tuple[Column, ...]) -> tuple[Column, ...]:
        """Without names that occur twice: they cannot be referred to."""
        words = [column.name.lower() for column in columns]
        return tuple(column for column in columns if column.name and words.count(column.name.lower()) == 1)

    def _values(self) -> tuple[Source, str]:
        declared, spoken = self._alias()
        rows = "(1, 'a***@***.example'), (2, '***-**-6003'), (5, NULL)"
        columns = (Column("n", "int"), Column("w", "text"))
        if self.chance.is_for("mysql", "sqlite"):
            text = "SELECT 1 AS n, 'a***@***.example' AS w UNION ALL SELECT 2, '***-**-6003' UNION ALL SELECT 5, NULL"
            return Source(spoken, columns), f"({text}){declared}"
        return Source(spoken, columns), f"(VALUES {rows}){declared}(n, w)"

    def _function(self) -> tuple[Source, str]:
        declared, spoken = self._alias()
        match self.chance.dialect:
            case "postgresql":
                text = self.chance.one(
                    (
                        "generate_series(1, 3){}(n)",
                        "unnest(ARRAY[1, 2, NULL]){}(n)",
                        "ROWS FROM (generate_series(1, 2)){}(n)",
                    )
                )
            case "duckdb":
                text = self.chance.one(("generate_series(1, 3){}(n)", "unnest([1, 2, NULL]){}(n)", "range(3){}(n)"))
            case _:
                return Source(
                    spoken, (Column("value", "int"), Column("type", "text"))
                ), f"json_each('[1, 2, 5]'){declared}"
        return Source(spoken, (Column("n", "int"),)), text.format(declared)

    def relation(self, *, is_stored: bool = False) -> Relation:
        """A table, view or visible expression; most draws are of those with masked columns."""
        known = self.chance.vocabulary
        seen = self.chance.expressions[self.chance.unseen :]
        if not is_stored and seen and self.chance.is_drawn(0.5):
            return self.chance.random.choice(seen)
        return self.chance.random.choice(known.sensitive if self.chance.is_drawn(0.6) else known.relations)

    def _table(self) -> tuple[Source, str]:
        relation = self.relation()
        is_shadowed = any(e.name.lower() == relation.name.lower() for e in self.chance.expressions)
        is_expression = relation in self.chance.expressions
        name = self.chance.table(relation.name)
        is_needed = not relation.is_on_path or is_shadowed
        is_qualified = not is_expression and (is_needed or self.chance.is_drawn(0.12))
        schema = self.chance.schema(relation) if is_qualified else ""
        before, after = self._clauses(relation) if relation.is_table else ("", "")
        if self.chance.is_drawn(0.3) and relation.name not in self._spoken:
            self._spoken.append(relation.name)
            is_said = bool(schema) and not self.chance.is_for("duckdb") and self.chance.is_drawn(0.5)
            speak = schema if is_said else ""
            return Source(
                speak + self.chance.table(relation.name), relation.columns, relation.key
            ), f"{before}{schema}{name}{after}"
        declared, spoken = self._alias()
        columns = relation.columns
        if self.chance.is_for("postgresql", "duckdb") and self.chance.is_drawn(0.08):
            columns = tuple(Column(f"l{i}", c.kind) for i, c in enumerate(columns))
            return Source(
                spoken, columns
            ), f"{before}{schema}{name}{declared}({', '.join(self.chance.column(c.name) for c in columns)}){after}"
        return Source(spoken, columns, relation.key), f"{before}{schema}{name}{declared}{after}"

    def _clauses(self, relation: Relation) -> tuple[str, str]:
        """What only a base table can carry."""
        if not self.chance.is_drawn(0.06) or (
            self.chance.vocabulary.is_pinned and self.chance.is_for("mysql", "sqlite")
        ):
            return "", ""
        match self.chance.dialect:
            case "postgresql":
                return self.chance.random.choice(
                    (
                        ("ONLY ", ""),
                        ("", " TABLESAMPLE BERNOULLI (100)"),
                        ("", " TABLESAMPLE SYSTEM (100) REPEATABLE (1)"),
                    )
                )
            case "mysql" if relation.key:
                return "", self.chance.one((" USE INDEX (PRIMARY)", " IGNORE INDEX (PRIMARY)"))
            case "sqlite":
                return "", " NOT INDEXED"
            case "duckdb":
                return "", " TABLESAMPLE 100%"
            case _:
                return "", ""
