"""Random statements that write: what they assign, whom they find, what they return.

A sensitive column is assigned literals alone: anything that reads a mask would be refused. Where a statement gives rows
new secrets, it returns none: a masked copy would show the value where the hook shows its mask.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rewriter.proof.items import Items
from rewriter.proof.scalars import Queries, Scalars
from rewriter.proof.sources import Chance, Column, Relation, Scope, Source, Target
from rewriter.proof.tables import Tables
from rewriter.proof.terms import Kind

_FIRST_NEW = 100
"""Keys of new rows begin here; those that there are, are lower."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """A generated statement. `target`: the table that it writes, if any. `is_storing`: it gives rows new secrets."""

    sql: str
    target: Relation | None = None
    is_storing: bool = False


@dataclass(frozen=True, slots=True)
class _Written:
    """A table as a statement names it. `declared`: with its alias; `source`: what terms call it."""

    target: Target
    declared: str
    source: Source


@dataclass(frozen=True, slots=True)
class _Assigned:
    """Columns and the terms that they get."""

    pairs: tuple[tuple[Column, str], ...]
    is_storing: bool


@dataclass(frozen=True, slots=True)
class Writes:
    """Draws statements that write."""

    chance: Chance
    scalars: Scalars
    tables: Tables
    items: Items
    query: Queries

    def statement(self) -> Drawn:
        """One statement that writes."""
        if self.chance.is_for("postgresql") and self.chance.is_drawn(0.2):
            return self._expression()
        written, sql, is_storing = self._drawn()
        if self.chance.is_drawn(0.4) and not self.chance.vocabulary.is_pinned:
            sql += self._returning(written, is_storing=is_storing)
        return Drawn(sql, written.target.relation, is_storing)

    def _drawn(self) -> tuple[_Written, str, bool]:
        """A write without RETURNING."""
        choice = self.chance.random.random()
        if choice < 0.4:
            return self._update()
        if choice < 0.6:
            return self._delete()
        return self._insert() if choice < 0.8 else self._upsert()

    def _expression(self) -> Drawn:
        """A query over what a write in WITH returns."""
        written, sql, is_storing = self._drawn()
        kinds = tuple(self.scalars.kind(Scope(sources=(written.source,))) for _ in range(2))
        items = self.items.drawn(self._seen(written, is_storing=is_storing), kinds)
        returned = Relation(self.chance.fresh(), tuple(column for item in items for column in item.columns))
        self.chance.expressions.append(returned)
        head = f"WITH {self.chance.table(returned.name)} AS ({sql} RETURNING {', '.join(item.text for item in items)})"
        return Drawn(f"{head} {self._over(returned)}", written.target.relation, is_storing)

    def _over(self, returned: Relation) -> str:
        spoken = self.chance.table(self.chance.fresh())
        scope = Scope(sources=(Source(spoken, returned.columns),), depth=1)
        items = ", ".join(item.text for item in self.items.drawn(scope, None))
        return f"SELECT {items} FROM {self.chance.table(returned.name)} AS {spoken}"

    def _target(self, targets: Sequence[Target], *, is_aliased: bool = True) -> _Written:
        target = self.chance.random.choice([*targets, *(target for target in targets if target.masked)])
        relation = target.relation
        is_qualified = not relation.is_on_path or self.chance.is_drawn(0.12)
        name = (self.chance.schema(relation) if is_qualified else "") + self.chance.table(relation.name)
        if not is_aliased or self.chance.is_drawn(0.5):
            return _Written(target, name, Source(self.chance.table(relation.name), relation.columns, relation.key))
        spoken = self.chance.table(self.chance.fresh())
        return _Written(target, f"{name} AS {spoken}", Source(spoken, relation.columns, relation.key))

    def _update(self) -> tuple[_Written, str, bool]:
        written = self._target(self.chance.vocabulary.targets)
        scope = Scope(sources=(written.source,), depth=2)
        beside = self._beside(written) if self.chance.is_drawn(0.3) else None
        both = scope if beside is None else replace(scope, sources=(*scope.sources, beside[0]))
        assigned = self._assigned(written.target, both)
        is_qualified = self.chance.is_for("mysql") and beside is not None
        listed = ", ".join(
            f"{f'{written.source.spoken}.' if is_qualified else ''}{self.chance.column(column.name)} = {term}"
            for column, term in assigned.pairs
        )
        where = self._where(both)
        if beside is None:
            text = f"UPDATE {written.declared} SET {listed}{where}"
        elif is_qualified:
            text = f"UPDATE {written.declared} JOIN {beside[1]} ON {beside[2]} SET {listed}{where}"
        else:
            text = f"UPDATE {written.declared} SET {listed} FROM {beside[1]}{self._where(both, beside[2])}"
        return written, text, assigned.is_storing

    def _delete(self) -> tuple[_Written, str, bool]:
        written = self._target(self.chance.vocabulary.targets, is_aliased=not self.chance.is_for("mysql"))
        scope = Scope(sources=(written.source,), depth=2)
        beside = self._beside(written) if not self.chance.is_for("sqlite") and self.chance.is_drawn(0.3) else None
        if beside is None:
            return written, f"DELETE FROM {written.declared}{self._where(scope)}", False
        both = replace(scope, sources=(*scope.sources, beside[0]))
        if self.chance.is_for("mysql"):
            head = f"DELETE {written.source.spoken} FROM {written.declared} JOIN {beside[1]} ON {beside[2]}"
            return written, head + self._where(both), False
        return written, f"DELETE FROM {written.declared} USING {beside[1]}{self._where(both, beside[2])}", False

    def _beside(self, written: _Written) -> tuple[Source, str, str] | None:
        """A table of which each row of the target meets one at most: its source, its text, and the condition."""
        numbers = [column for column in written.source.columns if column.kind == "int"]
        keyed = [target for target in self.chance.vocabulary.targets if target.number is not None]
        if not numbers or not keyed:
            return None
        other = self.chance.random.choice(keyed)
        schema = "" if other.relation.is_on_path else self.chance.schema(other.relation)
        spoken = self.chance.table(self.chance.fresh())
        number = self.chance.column(self.chance.random.choice(numbers).name)
        condition = f"{spoken}.{self.chance.column(other.number or '')} = {written.source.spoken}.{number}"
        source = Source(spoken, other.relation.columns, other.relation.key)
        return source, f"{schema}{self.chance.table(other.relation.name)} AS {spoken}", condition

    def _where(self, scope: Scope, condition: str = "") -> str:
        parts = [condition] if condition else []
        if self.chance.is_drawn(0.75):
            parts.append(self.scalars.term("bool", scope, 2))
        return f" WHERE {' AND '.join(f'({part})' for part in parts)}" if parts else ""

    def _assigned(self, target: Target, scope: Scope | None) -> _Assigned:
        """Terms for some columns, over `scope` or literals alone."""
        random = self.chance.random
        masked = random.sample(target.masked, min(len(target.masked), random.choice((0, 0, 1, 2))))
        plain = random.sample(target.plain, min(len(target.plain), random.choice((1, 1, 2)) if not masked else 1))
        pairs = [(column, self._value(column, scope)) for column in plain]
        pairs += [(column, "NULL" if self.chance.is_drawn(0.1) else self._value(column, None)) for column in masked]
        if not pairs:
            column = random.choice((*target.plain, *target.masked) or target.relation.columns)
            return _Assigned(((column, self._value(column, None)),), is_storing=True)
        return _Assigned(tuple(pairs), bool(masked))

    def _value(self, column: Column, scope: Scope | None) -> str:
        return self.chance.literal(column.kind) if scope is None else self.scalars.term(column.kind, scope, 2)

    def _insert(self) -> tuple[_Written, str, bool]:
        """New rows from a query."""
        numbered = [target for target in self.chance.vocabulary.targets if target.number is not None]
        written = self._target(numbered or self.chance.vocabulary.targets, is_aliased=False)
        scope, tables = self.tables.clause(1, ())
        assigned = self._assigned(written.target, scope)
        names = [self.chance.column(column.name) for column, _ in assigned.pairs]
        terms = [term for _, term in assigned.pairs]
        if written.target.number is not None:
            names.insert(0, self.chance.column(written.target.number))
            terms.insert(0, f"{_FIRST_NEW} + row_number() OVER (ORDER BY {', '.join(self.scalars.total(scope))})")
        query = f"SELECT {', '.join(terms)}{tables}{self._where(scope)}"
        return written, f"INSERT INTO {written.declared} ({', '.join(names)}) {query}", True

    def _upsert(self) -> tuple[_Written, str, bool]:
        """A row whose key may be taken."""
        numbered = [target for target in self.chance.vocabulary.targets if target.number is not None]
        if not numbered:
            return self._insert()
        written = self._target(numbered, is_aliased=not self.chance.is_for("mysql"))
        assigned = self._assigned(written.target, None)
        key = self.chance.column(written.target.number or "")
        names = [key, *(self.chance.column(column.name) for column, _ in assigned.pairs)]
        values = [str(self.chance.random.randint(1, 20)), *(term for _, term in assigned.pairs)]
        head = f"INTO {written.declared} ({', '.join(names)}) VALUES ({', '.join(values)})"
        if self.chance.is_for("mysql", "sqlite") and self.chance.is_drawn(0.15):
            return written, f"REPLACE {head}", True
        return written, f"INSERT {head}{self._conflict(written, assigned, key)}", True

    def _conflict(self, written: _Written, assigned: _Assigned, key: str) -> str:
        """What is done where there is such a row."""
        is_mysql = self.chance.is_for("mysql")
        choice = self.chance.random.random()
        if choice < 0.15 or not (written.target.plain or written.target.masked):
            return "" if is_mysql else f" ON CONFLICT ({key}) DO NOTHING"
        offered = "VALUES({})" if is_mysql else "excluded.{}"
        again = self._assigned(written.target, Scope(sources=(written.source,), depth=0))
        pairs = assigned.pairs if choice < 0.6 else again.pairs
        listed = []
        for column, term in pairs:
            name = self.chance.column(column.name)
            listed.append(f"{name} = {offered.format(name) if choice < 0.6 else term}")
        word = " ON DUPLICATE KEY UPDATE" if is_mysql else f" ON CONFLICT ({key}) DO UPDATE SET"
        return f"{word} {', '.join(listed)}"

    def _returning(self, written: _Written, *, is_storing: bool) -> str:
        """Nothing where the engine or the form of the statement has no such clause."""
        kinds: tuple[Kind, ...] | None = None
        scope = self._seen(written, is_storing=is_storing)
        if is_storing or self.chance.is_for("duckdb"):  # whose RETURNING calls other unnamed terms as it has bound them
            kinds = tuple(self.scalars.kind(scope) for _ in range(2))
        return f" RETURNING {', '.join(item.text for item in self.items.drawn(scope, kinds))}"

    def _seen(self, written: _Written, *, is_storing: bool) -> Scope:
        """What RETURNING may speak of."""
        if not is_storing:
            return Scope(sources=(written.source,), depth=1)
        shown = {written.target.number, *(column.name for column in written.target.plain)}
        left = tuple(column for column in written.source.columns if column.name in shown)
        return Scope(sources=(replace(written.source, columns=left),))
