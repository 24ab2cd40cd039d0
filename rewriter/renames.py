"""Masked columns that were given another name, or whose table was, while the engine is hooked: their masks go along.

The policy speaks of names, so what it means is what bears them when the schema is first read. PostgreSQL numbers tables
and columns, and tells a renamed one for certain. Elsewhere a column counts as renamed where its table is as wide as it
was, and at its place stands one of the same type under another name.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from rewriter.binding import Binding
from rewriter.column_rules import Rules
from rewriter.schema import Catalog, Relation, RelationKind

Key = tuple[str, str]


@dataclass(slots=True)
class Renames:
    """What is remembered of schemas that the policy was bound to.

    `numbered`: table and column number → its rule when it was first seen, None for a clear one. `placed`: tables with
    masked columns as they were first seen in their present width.
    """

    numbered: dict[tuple[int, int], Rules] = field(default_factory=dict)
    placed: dict[Key, tuple[Relation, Rules]] = field(default_factory=dict)

    def carried(self, catalog: Catalog) -> Mapping[Key, Rules]:
        """The rules of columns that were masked under another name, by relation and the name that they have now."""
        found = self._numbered(catalog) if catalog.dialect == "postgresql" else self._placed(catalog)
        return {key: rules for key, rules in found if rules}

    def saw(self, binding: Binding) -> None:
        """Remember what the policy means in a schema."""
        for relation in binding.catalog.relations.values():
            if relation.kind is not RelationKind.TABLE:
                continue
            rules = _rules(binding, relation)
            for column, number in zip(relation.columns, relation.numbers, strict=False):
                own = {column.name: rules[column.name]} if column.name in rules else {}
                self.numbered.setdefault((relation.numbers[-1], number), own)
            before = self.placed.get(relation.key)
            if rules and (before is None or not _is_alike(before[0], relation)):
                self.placed[relation.key] = (relation, rules)

    def _numbered(self, catalog: Catalog) -> Iterator[tuple[Key, Rules]]:
        for relation in catalog.relations.values():
            numbers = zip(relation.columns, relation.numbers, strict=False)
            found = ((c.name, self.numbered.get((relation.numbers[-1], number))) for c, number in numbers)
            yield relation.key, {name: next(iter(rules.values())) for name, rules in found if rules}

    def _placed(self, catalog: Catalog) -> Iterator[tuple[Key, Rules]]:
        for key, (before, rules) in self.placed.items():
            now = catalog.relations.get(key)
            if now is not None and _is_alike(before, now):
                names = {column.name for column in before.columns}
                pairs = [(old.name, new.name) for old, new in zip(before.columns, now.columns, strict=True)]
                # MySQL can also move a column: only a name that is new there tells.
                is_told = catalog.dialect != "mysql"
                yield (
                    key,
                    {
                        new: rules[old]
                        for old, new in pairs
                        if old in rules and new != old and (is_told or new not in names)
                    },
                )


def _rules(binding: Binding, relation: Relation) -> Rules:
    protected = binding.protected.get(relation.key)
    columns = zip(relation.columns, protected.columns, strict=True) if protected is not None else ()
    return {
        column.name: (bound.name, bound.form)
        for column, bound in columns
        if bound.name is not None and bound.form is not None
    }


def _is_alike(before: Relation, now: Relation) -> bool:
    """Whether a table has as many columns as it had, of the same types in the same order."""
    return [column.type for column in before.columns] == [column.type for column in now.columns]
