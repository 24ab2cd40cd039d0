"""Terms of generated statements: columns, literals, calls, subqueries, aggregates and windows."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from rewriter.proof.sources import Chance, Query, Scope, Source
from rewriter.proof.terms import KINDS, Kind, aggregates, terms, windows

_HOLE = re.compile(r"\{\{|\}\}|\{(\w+)(?:=(\w+))?\}")
_ATOM = re.compile(r"[\w.\"`\[\]]+|'[^']*'|\w+\([^()]*\)")
_SUBQUERY = 0.07

Queries = Callable[[int, tuple[Source, ...], tuple[Kind, ...] | None], Query]
"""Depth, sources around, kinds of the columns → a query."""


@dataclass(frozen=True, slots=True)
class Scalars:
    """Draws terms that fit a place."""

    chance: Chance
    query: Queries

    def term(self, kind: Kind, scope: Scope, depth: int) -> str:
        """A term of a kind that may stand where `scope` holds."""
        choice = self.chance.random.random()
        if depth <= 0 or choice < 0.4:
            return self.leaf(kind, scope)
        if scope.depth > 0 and choice < 0.4 + _SUBQUERY:
            return self._over_subquery(kind, scope)
        if scope.is_windowed and choice < 0.55:
            return self.windowed(kind, scope, depth - 1)
        if scope.grouped is not None and choice < 0.75:
            return self.aggregate(kind, scope, depth)
        return self._filled(
            self.chance.one(terms(kind, self.chance.dialect)), replace(scope, is_windowed=False), depth - 1
        )

    def windowed(self, kind: Kind, scope: Scope, depth: int = 1) -> str:
        """A window call."""
        return self._filled(self.chance.one(windows(kind)), replace(scope, is_windowed=False), depth)

    def aggregate(self, kind: Kind, scope: Scope, depth: int) -> str:
        """An aggregate over the rows of a group."""
        inside = replace(scope, grouped=None, is_windowed=False)
        return self._filled(self.chance.one(aggregates(kind, self.chance.dialect)), inside, depth - 1)

    def leaf(self, kind: Kind, scope: Scope) -> str:
        """A column or a literal; a predicate is a comparison of such."""
        if kind == "bool" and self.chance.is_drawn(0.8):
            return self._filled(self.chance.one(terms("bool", self.chance.dialect)), scope, 0)
        found = (
            [text for text, known in scope.grouped if known == kind]
            if scope.grouped is not None
            else list(self._columns(kind, scope))
        )
        if found and self.chance.is_drawn(0.85):
            return self.chance.one(found)
        if scope.grouped is not None and self.chance.is_drawn(0.5):
            return self.aggregate(kind, scope, 1)
        return self.chance.literal(kind)

    def reference(self, name: str, scope: Scope, source: Source) -> str:
        """A column, with its qualifier where it needs or happens to have one."""
        if scope.is_unique(name) and source in scope.sources and self.chance.is_drawn(0.4):
            return self.chance.column(name)
        return f"{source.spoken}.{self.chance.column(name)}"

    def _columns(self, kind: Kind, scope: Scope) -> Iterator[str]:
        outer = scope.outer if self.chance.is_drawn(0.3) else ()
        for source in (*scope.sources, *outer):
            for column in source.columns:
                if column.kind == kind:
                    yield self.reference(column.name, scope, source)
        for column in scope.merged:
            if column.kind == kind:
                yield self.chance.column(column.name)

    def _filled(self, template: str, scope: Scope, depth: int) -> str:
        """A template with every hole filled."""
        known: dict[str, str] = {}

        def fill(match: re.Match[str]) -> str:
            name, kind = match.groups()
            if name is None:
                return match.group()[0]
            if kind is None:
                return known[name] if name in known else self._piece(name, scope, depth)
            known[name] = self._piece(kind, scope, depth)
            return known[name]

        return _HOLE.sub(fill, template)

    def _piece(self, name: str, scope: Scope, depth: int) -> str:
        match name:
            case "n" | "n1":
                return str(self.chance.random.randint(1 if name == "n1" else 0, 9))
            case "pattern":
                return self.chance.one(self.chance.vocabulary.patterns)
            case "partition":
                return f"PARTITION BY {self.term(self.kind(scope), scope, depth)}" if self.chance.is_drawn(0.6) else ""
            case "total":
                return ", ".join(self.total(scope))
            case "any":
                return self._bracketed(self.term(self.kind(scope), scope, depth))
            case _:
                return self._bracketed(self.term(next(k for k in (*KINDS, "other") if k == name), scope, depth))

    def _bracketed(self, text: str) -> str:
        return text if _ATOM.fullmatch(text) and not self.chance.is_drawn(0.03) else f"({text})"

    def kind(self, scope: Scope) -> Kind:
        """A kind of value, mostly one that the scope has."""
        kinds: list[Kind] = [column.kind for source in scope.sources for column in source.columns]
        if scope.grouped is not None:
            kinds = [kind for _, kind in scope.grouped]
        return self.chance.random.choice(kinds if kinds and self.chance.is_drawn(0.85) else KINDS)

    def total(self, scope: Scope) -> list[str]:
        """Terms that tell every row of the scope apart, as far as its sources have keys."""
        if scope.grouped is not None:
            return [text for text, _ in scope.grouped] or ["1"]
        return [
            f"{source.spoken}.{self.chance.column(name)}"
            for source in scope.sources
            for name in source.key or tuple(column.name for column in source.columns)
        ] or ["1"]

    def _over_subquery(self, kind: Kind, scope: Scope) -> str:
        depth = scope.depth - 1
        around = (*scope.sources, *scope.outer) if scope.grouped is None else scope.outer
        if kind != "bool":
            return f"({self._single(kind, around, depth)})"
        negated = self.chance.one(("", "", "NOT "))
        choice = self.chance.random.random()
        if choice < 0.4:
            return f"{negated}EXISTS ({self.query(depth, around, None).sql})"
        kinds: tuple[Kind, ...] = ("text", "int", "date")
        inner = self.chance.random.choice(kinds)
        left, sql = self.leaf(inner, scope), self.query(depth, around, (inner,)).sql
        if self.chance.is_for("mysql") and "LIMIT" in sql:
            sql = f"SELECT * FROM ({sql}) AS {self.chance.table(self.chance.fresh())}"
        if choice < 0.75 or self.chance.is_for("sqlite"):
            return f"{left} {negated}IN ({sql})"
        if choice < 0.85:
            left, sql = f"({left}, {self.leaf('int', scope)})", self.query(depth, around, (inner, "int")).sql
            return f"{left} {negated}IN ({sql})"
        return f"{left} {self.chance.one(('=', '<', '>=', '<>'))} {self.chance.one(('ANY', 'ALL', 'SOME'))} ({sql})"

    def _single(self, kind: Kind, around: tuple[Source, ...], depth: int) -> str:
        """A query of one row: its sources are grouped as a whole."""
        column = self.chance.column("v")
        inside = self.query(depth, (), (kind,))
        spoken = self.chance.table(self.chance.fresh())
        source = Source(spoken, inside.columns)
        text = f"{spoken}.{self.chance.column(inside.columns[0].name)}"
        aggregate = "count" if kind == "int" and self.chance.is_drawn(0.3) else "max" if kind != "bool" else "bool_or"
        if self.chance.is_for("mysql", "sqlite") and aggregate == "bool_or":
            aggregate = "max"
        where = (
            f" WHERE {self.term('bool', Scope(sources=(source,), outer=around), 1)}"
            if self.chance.is_drawn(0.6)
            else ""
        )
        named = self.chance.one((f" AS {column}", ""))
        return f"SELECT {aggregate}({text}){named} FROM ({inside.sql}) AS {spoken}{where}"
