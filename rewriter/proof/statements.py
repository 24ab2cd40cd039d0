"""Random statements over any schema, in each engine's own SQL: queries, and writes around them.

A statement is decided by its seed and vocabulary alone. Most are valid; those that an engine refuses, it refuses on
database and copy alike. None depends on an order of rows that it does not ask for, so results compare as multisets.
"""

import re
from dataclasses import replace
from random import Random

from rewriter.proof.items import Item, Items, columns_of
from rewriter.proof.scalars import Scalars
from rewriter.proof.sources import Chance, Column, Query, Relation, Scope, Source, Vocabulary
from rewriter.proof.tables import Tables
from rewriter.proof.terms import Kind
from rewriter.proof.writes import Drawn, Writes

_DEPTH, _SQLITE_DEPTH = 3, 2
"""How deep queries nest; SQLite's parser holds a hundred open parts, and masks and views are some of them."""
_WRITES = 0.3
"""Share of statements that write."""


def drawn(vocabulary: Vocabulary, seed: int) -> Drawn:
    """The statement of a seed."""
    random = Random(f"writes {vocabulary.dialect} {seed}")
    if vocabulary.targets and random.random() < _WRITES:
        return Generator(random, vocabulary).write()
    return Drawn(statement(vocabulary, seed))


def statement(vocabulary: Vocabulary, seed: int) -> str:
    """The SELECT statement of a seed."""
    return Generator(Random(f"{vocabulary.dialect} {seed}"), vocabulary).statement()


class Generator:
    """Statements over one vocabulary, drawn from one source of chance."""

    def __init__(self, random: Random, vocabulary: Vocabulary) -> None:
        self.chance = Chance(random, vocabulary)
        self.scalars = Scalars(self.chance, self.query)
        self.tables = Tables(self.chance, self.scalars, self.query)
        self.items = Items(self.chance, self.scalars)

    def statement(self) -> str:
        """One SELECT statement."""
        return self.query(_SQLITE_DEPTH if self.chance.is_for("sqlite") else _DEPTH, (), None).sql

    def write(self) -> Drawn:
        """One statement that writes."""
        return Writes(self.chance, self.scalars, self.tables, self.items, self.query).statement()

    def query(self, depth: int, outer: tuple[Source, ...], kinds: tuple[Kind, ...] | None) -> Query:
        """A query, of columns of `kinds` if they are given."""
        if depth > 0 and self.chance.is_drawn(0.15):
            return self._with(depth, outer, kinds)
        if depth > 0 and self.chance.is_drawn(0.12):
            return self._united(depth, outer, kinds)
        if kinds is None and self.chance.is_drawn(0.03):
            return self._whole_table()
        return self._select(depth, outer, kinds)

    def _with(self, depth: int, outer: tuple[Source, ...], kinds: tuple[Kind, ...] | None) -> Query:
        known, unseen = len(self.chance.expressions), self.chance.unseen
        # In a nested WITH, MariaDB takes the name of an expression around it for a table, and reads that if there is.
        self.chance.unseen = known if self.chance.is_for("mysql") else 0
        is_recursive = self.chance.is_drawn(0.3)
        parts = [self._expression(depth, is_recursive=is_recursive) for _ in range(self.chance.random.randint(1, 2))]
        body = self._select(depth - 1, outer, kinds)
        if self.chance.is_for("postgresql", "duckdb") and self.chance.is_drawn(0.2):
            inner = self.query(depth - 1, outer, kinds)  # a second WITH may not stand in brackets
            body = body if inner.sql.startswith("WITH") else replace(inner, sql=f"({inner.sql})")
        del self.chance.expressions[known:]
        self.chance.unseen = unseen
        return Query(f"WITH {'RECURSIVE ' if is_recursive else ''}{', '.join(parts)} {body.sql}", body.columns)

    def _expression(self, depth: int, *, is_recursive: bool) -> str:
        """One common table expression, known to what follows."""
        is_shadow = self.chance.is_drawn(0.3)
        name = self.chance.random.choice(self.chance.vocabulary.relations).name if is_shadow else self.chance.fresh()
        if is_recursive and self.chance.is_drawn(0.7):
            return self._recursive(name)
        query = self.query(depth - 1, (), None)
        columns = self.tables.distinct(query.columns)
        names = ""
        if self.chance.is_drawn(0.25) and query.columns:
            columns = tuple(Column(f"k{i}", c.kind) for i, c in enumerate(query.columns))
            names = f" ({', '.join(self.chance.column(c.name) for c in columns)})"
        how = "" if self.chance.is_for("mysql") else self.chance.one(("", "", "MATERIALIZED ", "NOT MATERIALIZED "))
        self.chance.expressions.append(Relation(name, columns))
        return f"{self.chance.table(name)}{names} AS {how}({query.sql})"

    def _recursive(self, name: str) -> str:
        """A counter, or a walk from row to row over two numbers of one table."""
        spoken = self.chance.table(name)
        columns = (Column("id", "int"), Column("email", "text"), Column("depth", "int"))
        self.chance.expressions.append(Relation(name, columns))
        head = f"{spoken}(id, email, depth) AS "
        relation = self.tables.relation(is_stored=True)
        numbers = [self.chance.column(column.name) for column in relation.columns if column.kind == "int"]
        texts = [self.chance.column(column.name) for column in relation.columns if column.kind == "text"]
        if not numbers or not texts or self.chance.is_drawn(0.4):
            return head + f"(SELECT 1, 'x', 0 UNION ALL SELECT id + 1, email, depth + 1 FROM {spoken} WHERE id < 4)"
        table = self.chance.schema(relation) + self.chance.table(relation.name)
        to, said = numbers[0], self.chance.one(texts)
        base = f"SELECT {to}, {said}, 0 FROM {table} WHERE {to} < {self.chance.random.randint(1, 9)}"
        step = f"SELECT e.{to}, e.{said}, c.depth + 1 FROM {table} e JOIN {spoken} c ON e.{numbers[-1]} = c.id"
        return f"{head}({base} UNION {self.chance.one(('ALL ', ''))}{step} WHERE c.depth < 3)"

    def _united(self, depth: int, outer: tuple[Source, ...], kinds: tuple[Kind, ...] | None) -> Query:
        first = self.query(depth - 1, outer, kinds)
        wanted = tuple(column.kind for column in first.columns)
        if not wanted:
            return first
        second = self.query(depth - 1, outer, wanted)
        words = ["UNION", "UNION ALL", "INTERSECT", "EXCEPT"]
        if self.chance.is_for("postgresql", "duckdb"):
            words += ["INTERSECT ALL", "EXCEPT ALL"]
        texts = [self._member(part.sql) for part in (first, second)]
        return Query(f" {self.chance.one(words)} ".join(texts) + self._order(len(wanted)), first.columns)

    def _member(self, sql: str) -> str:
        """A side of a set operation; SQLite has no brackets there, MariaDB no WITH in them."""
        if not self.chance.is_for("sqlite", "mysql"):
            return f"({sql})"
        is_compound = re.search(r"\b(ORDER|LIMIT|WITH|UNION|INTERSECT|EXCEPT)\b", sql)
        name = self.chance.table(self.chance.fresh())
        return f"SELECT * FROM ({sql}) AS {name}" if is_compound else sql

    def _whole_table(self) -> Query:
        relation = self.tables.relation()
        name = self.chance.table(relation.name)
        if not relation.is_on_path:
            name = f"{self.chance.schema(relation)}{name}"
        forms = {"postgresql": f"TABLE {name}", "duckdb": f"FROM {name}"}
        return Query(forms.get(self.chance.dialect, f"SELECT * FROM {name}"), relation.columns)

    def _order(self, width: int) -> str:
        """Nothing, or an order by every output column, so that a limit leaves no choice but between equal rows."""
        if not width or self.chance.is_drawn(0.6):
            return ""
        directions = ["", " DESC", " ASC"]
        if not self.chance.is_for("mysql"):
            directions += [" NULLS LAST", " DESC NULLS FIRST"]
        numbers = self.chance.random.sample(range(1, width + 1), width)
        order = " ORDER BY " + ", ".join(f"{n}{self.chance.one(directions)}" for n in numbers)
        limits = ["", f" LIMIT {self.chance.random.randint(0, 8)}", " LIMIT 5 OFFSET 2"]
        if self.chance.is_for("postgresql"):
            limits += [" FETCH FIRST 3 ROWS ONLY", " OFFSET 2", " FETCH FIRST 2 ROWS WITH TIES"]
        if self.chance.is_for("mysql", "sqlite"):
            limits.append(" LIMIT 2, 5")
        return order + self.chance.one(limits)

    def _select(self, depth: int, outer: tuple[Source, ...], kinds: tuple[Kind, ...] | None) -> Query:
        scope, tables = self.tables.clause(depth, outer)
        where = f" WHERE {self.scalars.term('bool', scope, 2)}" if self.chance.is_drawn(0.55) else ""
        if self.chance.is_drawn(0.25):
            grouped, group = self._group(scope)
            items = self.items.drawn(grouped, kinds)
            return self._finished(items, f"{tables}{where}{group}", "SELECT ")
        items = self.items.drawn(replace(scope, is_windowed=True), kinds)
        if self.chance.is_for("postgresql", "duckdb") and self.chance.is_drawn(0.05):
            first = self.scalars.term(self.scalars.kind(scope), scope, 1)
            order = ", ".join((f"({first})", *self.scalars.total(scope)))
            head = f"SELECT DISTINCT ON ({first}) {', '.join(item.text for item in items)}"
            return Query(f"{head}{tables}{where} ORDER BY {order}", columns_of(items))
        if self.chance.is_for("duckdb") and self.chance.is_drawn(0.05):
            where += f" QUALIFY {self.scalars.windowed('bool', scope)}"
        head = "SELECT DISTINCT " if self.chance.is_drawn(0.12) else "SELECT "
        return self._finished(items, f"{tables}{where}", head)

    def _finished(self, items: list[Item], rest: str, head: str) -> Query:
        """The query, with an order by its output columns where their number is known."""
        columns = columns_of(items)
        text = f"{head}{', '.join(item.text for item in items)}{rest}"
        return Query(text + self._order(0 if any(item.is_star for item in items) else len(columns)), columns)

    def _group(self, scope: Scope) -> tuple[Scope, str]:
        """The scope of a grouped query and its GROUP BY and HAVING."""
        drawn = [(kind, self.scalars.term(kind, scope, 1)) for kind in self._kinds(scope)]
        terms = tuple((text, kind) for kind, text in drawn if re.search(r"[A-Za-z_]", text.split("'")[0]))
        keyed = self._keyed(scope)
        if keyed is not None and self.chance.is_drawn(0.2):
            terms = keyed
            text = f" GROUP BY {self.scalars.total(replace(scope, sources=scope.sources[:1]))[0]}"
        else:
            text = self._grouping([text for text, _ in terms])
        grouped = replace(scope, grouped=terms, is_windowed=True)
        if self.chance.is_drawn(0.3):
            text += f" HAVING {self.scalars.term('bool', replace(grouped, is_windowed=False), 2)}"
        return grouped, text

    def _kinds(self, scope: Scope) -> list[Kind]:
        return [self.scalars.kind(scope) for _ in range(self.chance.random.choice((0, 1, 1, 2, 3)))]

    def _keyed(self, scope: Scope) -> tuple[tuple[str, Kind], ...] | None:
        """The columns of a table whose key decides them."""
        source = scope.sources[0]
        if self.chance.is_for("duckdb") or source.key is None or len(source.key) != 1:
            return None
        return tuple((f"{source.spoken}.{self.chance.column(c.name)}", c.kind) for c in source.columns)

    def _grouping(self, terms: list[str]) -> str:
        if not terms:
            return ""
        listed = ", ".join(terms)
        forms = [listed] * 4
        if self.chance.is_for("postgresql", "duckdb"):
            sets = ", ".join(f"({term})" for term in terms)
            forms += [f"ROLLUP ({listed})", f"CUBE ({listed})", f"GROUPING SETS ({sets}, ())"]
        return f" GROUP BY {self.chance.one(forms)}"
