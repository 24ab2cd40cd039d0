"""Where a demo takes place: which database, which Redis, under which settings; and the shop in it, hooked.

An own Redis and database unless others are named. What an earlier demo chose for the same Redis is kept, so that its
records stay readable.
"""

import secrets
import shlex
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import URL, Engine, create_engine, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from grants.cli import demo_shop
from grants.cli.demo_folder import PEOPLE, DemoFolder, known_settings, policy_rules
from grants.cli.demo_screen import Screen
from grants.cli.demo_story import Stage
from grants.cli.demo_terminal import opened_terminal
from grants.cli.exits import CommandError, ExitCode
from grants.client import AUDIT_CHECKPOINTS, AUDIT_KEY, Grants
from masking import Policy
from rewriter import install

_LONGEST_FOLDER = 80  # characters of a path in which a socket's name still has room
_EMBEDDED = "embedded:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the demo takes place. `settings`: the environment variables of commands. `farewell`: what undoes it."""

    url: URL
    settings: dict[str, str]
    farewell: tuple[str, ...]


def chosen_place(folder: DemoFolder, *, database: str, redis: str) -> Place:
    """The place for a demo that leaves its things in `folder`; `database` and `redis` are empty for ones of its own.

    Raises:
        CommandError: the URL of the database cannot be read.
        GrantError: the demo does not run on that engine.
    """
    known = known_settings(folder)
    redis = redis or _own_redis(folder, known)
    url = _url(database or f"sqlite:///{folder.database.resolve()}")
    is_known = known.get("UNMASK_REDIS_URL") == redis
    fresh = "demo" if redis.startswith(_EMBEDDED) else f"demo-{secrets.token_hex(3)}"
    settings = {
        "UNMASK_DATABASE_URL": url.render_as_string(hide_password=False),
        "UNMASK_REDIS_URL": redis,
        "UNMASK_POLICY": str(folder.policy.resolve()),
        "UNMASK_ENVIRONMENT": known.get("UNMASK_ENVIRONMENT", fresh) if is_known else fresh,
        AUDIT_KEY: known.get(AUDIT_KEY) or secrets.token_urlsafe(24),
        AUDIT_CHECKPOINTS: str(folder.heads.resolve()),
    }
    return Place(url=url, settings=settings, farewell=tuple(_farewell(url, settings, is_own_database=not database)))


def _own_redis(folder: DemoFolder, known: dict[str, str]) -> str:
    path = folder.redis.resolve()
    if len(str(path)) <= _LONGEST_FOLDER:
        return f"{_EMBEDDED}{path}"
    earlier = known.get("UNMASK_REDIS_URL", "")
    # A path too long for a socket: the server gets a folder of its own elsewhere, which nobody else can have made.
    return earlier if earlier.startswith(_EMBEDDED) else _EMBEDDED + tempfile.mkdtemp(prefix="unmask-demo-")


def _url(text: str) -> URL:
    try:
        return demo_shop.at_home(make_url(text))
    except ArgumentError as exc:
        raise CommandError(
            ExitCode.USAGE, "the database URL cannot be read: expected such as postgresql+psycopg://host/shop"
        ) from exc


def _farewell(url: URL, settings: dict[str, str], *, is_own_database: bool) -> Iterator[str]:
    redis = settings["UNMASK_REDIS_URL"]
    if redis.startswith(_EMBEDDED):
        place = Path(redis.removeprefix(_EMBEDDED))
        yield f'kill "$(cat {shlex.quote(_short(place / "redis.pid"))})"        # the Redis of the demo'
    if not is_own_database and url.get_backend_name() == "postgresql":
        yield f'psql … -c "DROP SCHEMA {demo_shop.SCHEMA} CASCADE"'


def _short(path: Path) -> str:
    """`path` from here, where it is below."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def _engine(url: URL) -> Engine:
    try:
        return create_engine(url)
    except NoSuchModuleError as exc:
        raise CommandError(ExitCode.USAGE, f"no driver is known for {url.drivername}: is the URL right?") from exc
    except ModuleNotFoundError as exc:
        extra = "postgresql" if url.get_backend_name() == "postgresql" else "mysql"
        raise CommandError(
            ExitCode.UNREACHABLE, f"the driver {exc.name} is not installed: pip install 'unmask[{extra}]'"
        ) from exc


def _grants(place: Place) -> Grants:
    settings = place.settings
    return Grants.connect(
        settings["UNMASK_REDIS_URL"], key=settings[AUDIT_KEY], checkpoints=settings[AUDIT_CHECKPOINTS]
    )


@contextmanager
def staged(folder: DemoFolder, place: Place, screen: Screen) -> Iterator[Stage]:
    """The shop is filled, the engine hooked, and everything is given back in the end.

    Raises:
        GrantError: Redis or the database is not to be had, or holds other things.
    """
    policy = Policy.load(folder.policy)
    environment = place.settings["UNMASK_ENVIRONMENT"]
    with closing(_grants(place)) as grants:
        office = grants.office(policy=policy, environment=environment)
        office.dockets()  # the first word with Redis: a fault shows before the database is touched
        engine = _engine(place.url)
        try:
            counts = demo_shop.build(engine)
            _introduce(screen, folder, place=place, counts=counts)
            with opened_terminal() as terminal:
                yield Stage(
                    screen=screen,
                    terminal=terminal,
                    engine=engine,
                    installed=install(engine, policy=policy, grants=grants, environment=environment),
                    office=office,
                    settings=place.settings,
                    keys={name: str(folder.key(name)) for name in PEOPLE},
                )
        finally:
            engine.dispose()


def _introduce(screen: Screen, folder: DemoFolder, *, place: Place, counts: dict[str, int]) -> None:
    backend = place.url.get_backend_name()
    where = str(folder.database) if backend == "sqlite" else place.url.set(query={}).render_as_string()
    rows = ", ".join(f"{count:,} {name}" for name, count in counts.items())
    redis = place.settings["UNMASK_REDIS_URL"]
    own = f"one of its own, in {_short(Path(redis.removeprefix(_EMBEDDED)))}"
    screen.facts(
        {
            demo_shop.ENGINES[backend]: where,
            "Shop": rows,
            "Redis": own if redis.startswith(_EMBEDDED) else make_url(redis).render_as_string(),
            "Policy": str(folder.policy),
            "People": "ana and cleo (support), bo and dan (privacy), each with a key of their own",
        }
    )
    screen.say("")
    screen.document(policy_rules(folder), language="yaml")
