"""Functions and operators that someone made, and of which is known that they read nothing sensitive: by what they run.

A function in SQL is judged as the statement that its body is: it may call what a statement may call, and read tables
without masks. A body that a statement would have to be edited for (of a view, a catalog with measures, a setting) is
left alone, and so is one that keeps values. What was judged holds for as long as the schema is believed.
"""

from collections.abc import Iterable, Mapping
from itertools import pairwise

from sqlglot import exp

from rewriter.attributes import OF_ONE_ARGUMENT
from rewriter.binding import Binding
from rewriter.calls import check_calls
from rewriter.errors import RewriteError
from rewriter.kept_state import keeps_values
from rewriter.kinds import StatementKind
from rewriter.scans import scans
from rewriter.schema import RelationKind
from rewriter.statement import Statement, read_statement


def judged_functions(statement: Statement, binding: Binding) -> frozenset[str]:
    """Those that the statement may call, in lower case, operators as `operator ===`."""
    known = binding.catalog.definitions
    if not known:
        return frozenset()
    named = known.keys() & set(statement.words)
    named |= {name for name in _operators(binding) if name.removeprefix("operator ") in statement.sql}
    return frozenset(name for name in named if _is_judged(name, binding))


def _operators(binding: Binding) -> tuple[str, ...]:
    found = binding.memo.get("judged operators")
    if found is None:
        every = (name for name in binding.catalog.definitions if name.startswith("operator "))
        found = binding.memo["judged operators"] = tuple(every)
    assert isinstance(found, tuple)
    return found


def _is_judged(name: str, binding: Binding) -> bool:
    """Whether all overloads of a name are known to read nothing sensitive. Found out once per name."""
    key = ("judged", name)
    known = binding.memo.get(key)
    if known is None:
        names, statements = {name}, dict[str, Statement]()
        try:
            _collect(name, binding, names=names, statements=statements)
            known = all(_is_harmless(one, binding, frozenset(names)) for one in statements.values())
        except RewriteError:
            known = False  # Fail closed: what cannot be read may read anything
        binding.memo[key] = known
    return bool(known)


def _collect(name: str, binding: Binding, *, names: set[str], statements: dict[str, Statement]) -> None:
    """Whatever may run where a function is called: its own text, and those of all that they may call or convert to.

    Fills `names` with the functions and `statements` with the texts. Each of them is harmless if all are.
    """
    definitions, conversions = binding.catalog.definitions, binding.catalog.conversions
    definition = definitions[name]
    waiting = [*definition.texts, *_converted({"", *definition.types}, conversions)]
    while waiting:
        text = waiting.pop()
        if text in statements:
            continue
        statement = statements[text] = read_statement(text, binding.dialect)
        words = {*statement.words}
        called = words & definitions.keys()
        called |= {one for one in _operators(binding) if one.removeprefix("operator ") in statement.sql}
        names |= called
        waiting += [more for one in called for more in definitions[one].texts]
        types = words.union(*(definitions[one].types for one in called))
        waiting += _converted(types, conversions)


def _converted(types: Iterable[str], conversions: Mapping[str, frozenset[str]]) -> list[str]:
    return [f"SELECT {expression}" for one in types for expression in conversions.get(one, ())]


def _is_harmless(statement: Statement, binding: Binding, judged: frozenset[str]) -> bool:
    """Whether a text reads nothing sensitive, if the functions that are `judged` do not."""
    if statement.tree is None or not _is_plain(statement, binding) or _may_call(statement, binding, judged):
        return False
    check_calls(statement, binding, judged=judged)
    found = scans(statement, binding.resolver)
    sources = [table for table in statement.nodes(exp.Table) if isinstance(table.this, exp.Identifier)]
    return len(found) == len(sources) and all(
        scan.relation.kind is RelationKind.TABLE
        and scan.relation.key in binding.catalog.relations
        and binding.masked(scan.relation.key) is None
        and scan.relation.key not in binding.listed
        for scan in found
    )


def _is_plain(statement: Statement, binding: Binding) -> bool:
    """Whether a statement reads and no more, and runs in a function as it stands."""
    is_read = statement.kind is StatementKind.SELECT and not statement.nodes(exp.Into, exp.Lock)
    names = {word for word, after in pairwise((*statement.words, "")) if after != "("}
    is_still = names.isdisjoint(_guarded(binding)) and not keeps_values(statement)
    return is_read and is_still and "current_setting" not in statement.words


def _may_call(statement: Statement, binding: Binding, judged: frozenset[str]) -> bool:
    """Whether a body may call yet another function in column notation, as in `$1.leak`: its parameters may be rows."""
    others, known = binding.catalog.user_functions - judged, binding.catalog.builtins | {"pg_catalog"}
    return any(
        word in others or (word not in known and OF_ONE_ARGUMENT.match(word) is not None) for word in statement.words
    )


def _guarded(binding: Binding) -> frozenset[str]:
    """Names of what a body may not even mention: whatever has masks, shows other relations, or measures them."""
    known = binding.memo.get("guarded")
    if known is None:
        relations = binding.catalog.relations.values()
        names = {relation.name for relation in relations if relation.kind is not RelationKind.TABLE}
        names.update(name for _, name in (*binding.protected, *binding.listed, *binding.catalogs))
        known = binding.memo["guarded"] = frozenset(name.lower() for name in names)
    assert isinstance(known, frozenset)
    return known
