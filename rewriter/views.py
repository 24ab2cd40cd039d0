"""What a view reads, and its masked definition.

The database's own dependency catalog decides which views reach a protected relation; where it has none, the
view's definition is read with the same rules as a statement.
"""

from dataclasses import replace

from rewriter.binding import Binding, Protected, quoted
from rewriter.calls import check_calls
from rewriter.conversions import check_conversions
from rewriter.errors import Reason, StatementRefused
from rewriter.functions.sqlite import AUXILIARY
from rewriter.judged import judged_functions
from rewriter.resolution import Resolver
from rewriter.scans import scans
from rewriter.schema import Relation, RelationKind
from rewriter.statement import read_statement


def reaches_protected(relation: Relation, binding: Binding) -> bool:
    """Whether a view, materialized view or virtual table reads or stores, at any depth, what a masked relation holds.

    Raises:
        StatementRefused: its definition cannot be read.
    """
    if relation.kind is RelationKind.TABLE and relation.shadow_of is None:
        return False
    is_stored = relation.kind is RelationKind.VIRTUAL or relation.shadow_of is not None
    key = ("reaches", relation.key)
    known = binding.memo.get(key)
    if known is None:
        binding.memo[key] = False  # a view cannot read itself; recursion through it ends here
        known = (not is_stored or relation.key not in binding.protected) and any(
            binding.masked(target) or reaches_protected(binding.catalog.relations[target], binding)
            for target in (_stored(relation, binding) if is_stored else _direct(relation, binding))
        )
        binding.memo[key] = known
    return bool(known)


def _direct(relation: Relation, binding: Binding) -> frozenset[tuple[str, str]]:
    """The relations that a view reads directly."""
    if relation.depends_on is not None:
        known = binding.catalog.relations.keys() | binding.catalogs.keys()
        return frozenset(relation.depends_on & known)
    statement = read_statement(_definition(relation), binding.dialect)
    return frozenset(scan.relation.key for scan in scans(statement, within(relation, binding).resolver))


def check_definition(relation: Relation, binding: Binding) -> None:
    """What a view calls and which of the engine's catalogs it reads, at any depth, a statement may call and read.

    A dependency catalog does not tell what a function reads, so this holds for views that seem to reach nothing.

    Raises:
        StatementRefused: it is not known to be harmless, or the definition cannot be read.
    """
    is_closed = relation.kind is RelationKind.MATERIALIZED_VIEW and relation.key in binding.protected
    key = ("checked", relation.key)
    if relation.kind not in (RelationKind.VIEW, RelationKind.MATERIALIZED_VIEW) or is_closed or key in binding.memo:
        return
    binding.memo[key] = True  # a view cannot read itself; recursion through it ends here
    try:
        statement = read_statement(_definition(relation), binding.dialect)
        judged = judged_functions(statement, binding)
        check_calls(statement, within(relation, binding), also=stored_row_functions(binding), judged=judged)
        check_conversions(statement, binding)
        for scan in scans(statement, within(relation, binding).resolver):
            check_definition(scan.relation, binding)
    except StatementRefused:
        del binding.memo[key]
        raise


def stored_row_functions(binding: Binding) -> frozenset[str]:
    """SQLite's functions that read the stored row of a virtual table, where no such table is sensitive."""
    if binding.dialect != "sqlite":
        return frozenset()
    known = binding.memo.get("stored row functions")
    if known is None:
        virtual = [r for r in binding.catalog.relations.values() if r.kind is RelationKind.VIRTUAL]
        is_open = not any(r.key in binding.protected or reaches_protected(r, binding) for r in virtual)
        known = binding.memo["stored row functions"] = frozenset(AUXILIARY) if is_open else frozenset()
    assert isinstance(known, frozenset)
    return known


def _stored(relation: Relation, binding: Binding) -> frozenset[tuple[str, str]]:
    """Whose values a table of SQLite's full-text and other modules holds.

    Those of the table that it belongs to, or of any that the module's arguments may name (`content='docs'`,
    `fts5vocab(docs, …)`).
    """
    if relation.shadow_of is not None:
        return frozenset({relation.shadow_of} & binding.catalog.relations.keys())
    text = (relation.definition or "").lower()
    return frozenset(
        other.key
        for other in binding.catalog.relations.values()
        if other.key != relation.key and other.shadow_of is None and other.name.lower() in text
    )


def within(view: Relation, binding: Binding) -> Binding:
    """`binding` as names in a view's definition are looked up: SQLite and DuckDB begin in the view's own schema.

    MySQL and MariaDB find no temporary table there.
    """
    if binding.dialect == "mysql":
        return _without_temporary(binding)
    path = binding.catalog.search_path
    if binding.dialect not in ("sqlite", "duckdb") or view.is_temporary or path[:1] == (view.schema,):
        return binding
    key = ("within", view.schema)
    known = binding.memo.get(key)
    if known is None:
        others = path if binding.dialect == "duckdb" else ()
        catalog = replace(binding.catalog, search_path=(view.schema, *others))
        known = binding.memo[key] = replace(binding, resolver=Resolver(catalog))
    assert isinstance(known, Binding)
    return known


def _without_temporary(binding: Binding) -> Binding:
    known = binding.memo.get("without temporary")
    if known is None:
        lasting = {key: relation for key, relation in binding.catalog.relations.items() if not relation.is_temporary}
        is_same = len(lasting) == len(binding.catalog.relations)
        resolver = binding.resolver if is_same else Resolver(replace(binding.catalog, relations=lasting))
        known = binding.memo["without temporary"] = binding if is_same else replace(binding, resolver=resolver)
    assert isinstance(known, Binding)
    return known


def _definition(relation: Relation) -> str:
    if relation.definition is None:
        raise StatementRefused(
            Reason.VIEW, f"The definition of {relation.name} cannot be read; query the tables under it."
        )
    return relation.definition.strip().rstrip(";")


def sensitive_words(binding: Binding) -> frozenset[str]:
    """Names, in lower case, of every relation whose scan may need masking."""
    known = binding.memo.get("words")
    if known is None:
        known = binding.memo["words"] = frozenset(
            relation.name.lower()
            for relation in binding.catalog.relations.values()
            if relation.key in binding.protected or _may_reach(relation, binding)
        ).union(name for _, name in binding.catalogs)
    assert isinstance(known, frozenset)
    return known


def namesakes(binding: Binding) -> dict[str, list[Protected]]:
    """Name in lower case → relations with masks of their own that have it, where they are several."""
    known = binding.memo.get("namesakes")
    if known is None:
        by_name: dict[str, list[Protected]] = {}
        for (_, name), protected in binding.protected.items():
            by_name.setdefault(name.lower(), []).append(protected)
        known = binding.memo["namesakes"] = {name: some for name, some in by_name.items() if len(some) > 1}
    assert isinstance(known, dict)
    return known


def _may_reach(relation: Relation, binding: Binding) -> bool:
    try:
        return reaches_protected(relation, binding)
    except StatementRefused:
        return True  # Fail closed: what cannot be read may read anything.


def is_expanded(relation: Relation) -> bool:
    """Whether a view is read by its definition even where it reads nothing sensitive.

    Its redefinition a moment ago can then show nothing. Its owner's rights cannot be had that way.
    """
    return relation.kind is RelationKind.VIEW and not relation.needs_owner


def definition(relation: Relation, binding: Binding, *, is_sensitive: bool) -> str:
    """The SELECT that a view stands for, under the view's own column names. `is_sensitive`: it is to be masked.

    Raises:
        StatementRefused: the view's definition cannot be read, or cannot stand in place of its rows: they are stored,
            or read under its owner's rights.
    """
    if is_sensitive:
        _check_replaceable(relation)
    text = _definition(relation)
    if not relation.view_columns:
        return text
    names = ", ".join(quoted(name, binding.dialect) for name in relation.view_columns)
    return f"WITH unmask_view({names}) AS ({text}) SELECT {names} FROM unmask_view"


def _check_replaceable(relation: Relation) -> None:
    if relation.kind not in (RelationKind.VIEW, RelationKind.MATERIALIZED_VIEW):
        raise StatementRefused(
            Reason.VIEW, f"{relation.name} stores what sensitive columns hold; give its columns masks of their own."
        )
    if relation.kind is RelationKind.MATERIALIZED_VIEW:
        raise StatementRefused(
            Reason.VIEW,
            f"{relation.name} stores values of sensitive columns; list it under `tables:` in the policy with the"
            " columns that are clear.",
        )
    if relation.needs_owner:
        raise StatementRefused(
            Reason.VIEW,
            f"{relation.name} reads sensitive columns under its owner's rights, which a masked definition cannot have;"
            " query the tables under it.",
        )
