"""A database and its twin behind the hook, and the masked copy without one, on scratch databases.

All three have the user's schema and invented rows; nothing of the user's rows is read.
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from sqlalchemy import URL, Connection, Engine

from masking import Policy
from masking.types import Dialect
from rewriter.binding import Binding, bind
from rewriter.catalog import load_catalog
from rewriter.engine import install
from rewriter.proof.blueprints import Blueprint, blueprint
from rewriter.proof.filling import Filled, build, fill, settle
from rewriter.proof.literals import Value
from rewriter.proof.policies import MASKER, incomparable_views, scratch_policy
from rewriter.proof.scratch import NAMES, opened, scratch
from rewriter.schema import Catalog


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the schema was read: its catalog, how to build it, and what its sessions set."""

    url: URL
    catalog: Catalog
    blueprint: Blueprint
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trio:
    """Connections to all three; `databases`: their names; `binding`: the policy over the scratch schema.

    `values`: what cells hold, raw and masked. `left_out`: what could not be built. `kept`: masked columns whose twin is
    the same, because their masks tell values apart.
    """

    raw: Connection
    copy: Connection
    twin: Connection
    databases: tuple[str, str, str]
    binding: Binding
    reserved: frozenset[str] = frozenset()
    values: tuple[Value, ...] = ()
    left_out: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()

    @property
    def dialect(self) -> Dialect:
        """The engine's SQL."""
        return self.binding.dialect


def read_origin(connection: Connection, dialect: Dialect, url: URL) -> Origin:
    """What must be known of the schema behind `connection`. Only its catalogs are read."""
    cursor = connection.connection.cursor()
    catalog = load_catalog(cursor, dialect)
    settings = {}
    if dialect == "postgresql":
        cursor.execute("SHOW search_path")
        ((path,),) = cursor.fetchall()
        settings["search_path"] = str(path)
    return Origin(url, catalog, blueprint(cursor, catalog), settings)


@contextmanager
def trio(source: Origin, policy: Policy, *, server: URL | None = None) -> Iterator[Trio]:
    """The three databases, gone afterwards; on `server` where they are not files.

    Raises:
        PolicyError: the policy does not fit the schema.
        SQLAlchemyError: no scratch database could be made.
    """
    wanted = bind(policy, source.catalog)
    with ExitStack() as stack:
        urls = stack.enter_context(scratch(server or source.url, source.settings))
        plain, hooked = ({n: _engine(stack, url, source) for n, url in urls.items()} for _ in range(2))
        left_out = build(plain, (*source.blueprint.types, *source.blueprint.tables))
        local = scratch_policy(policy, source.catalog, _catalog(plain["raw"], source.catalog.dialect))
        for engine in hooked.values():
            install(engine, policy=local, environment="proof")
        filled = _filled(plain, hooked, policy=local, source=source)
        apart = incomparable_views(wanted)
        left_out += build(plain, [view for view in source.blueprint.views if view.name not in apart]) + tuple(apart)
        yield Trio(
            raw=stack.enter_context(hooked["raw"].connect()),
            copy=stack.enter_context(plain["copy"].connect()),
            twin=stack.enter_context(hooked["twin"].connect()),
            databases=_databases(urls),
            binding=bind(local, _catalog(plain["raw"], source.catalog.dialect)),
            reserved=frozenset(plain["raw"].dialect.identifier_preparer.reserved_words),
            values=filled.values,
            left_out=left_out,
            kept=filled.kept,
        )


def _filled(plain: Mapping[str, Engine], hooked: Mapping[str, Engine], *, policy: Policy, source: Origin) -> Filled:
    binding = bind(policy, _catalog(plain["raw"], source.catalog.dialect))
    with ExitStack() as stack:
        sides = {name: stack.enter_context(engine.connect()) for name, engine in plain.items()}
        fillings = fill(sides, binding, source.blueprint)
    with ExitStack() as stack:
        trusted = {name: engine.execution_options(principal=MASKER) for name, engine in hooked.items()}
        return settle({n: stack.enter_context(engine.connect()) for n, engine in trusted.items()}, fillings, binding)


def _engine(stack: ExitStack, url: URL, source: Origin) -> Engine:
    engine = opened(url, version=source.catalog.server_version)
    stack.callback(engine.dispose)
    return engine


def _databases(urls: Mapping[str, URL]) -> tuple[str, str, str]:
    raw, copy, twin = (urls[name].database or "" for name in NAMES)
    return raw, copy, twin


def _catalog(engine: Engine, dialect: Dialect) -> Catalog:
    with engine.connect() as connection:
        return load_catalog(connection.connection.cursor(), dialect)
