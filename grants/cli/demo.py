"""`unmask demo`: sets a stage, has the story told on it, and leaves it to be played with."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from grants.cli.exits import reported

if TYPE_CHECKING:
    from grants.cli.demo_folder import DemoFolder
    from grants.cli.demo_screen import Screen
    from grants.cli.demo_stage import Place


def demo(
    *,
    folder: Annotated[Path, typer.Option("--folder", metavar="FOLDER", help="Where everything is left.")] = Path(
        "demo-data"
    ),
    database: Annotated[
        str,
        typer.Option(
            "--database",
            "--database-url",
            metavar="URL",
            help="A PostgreSQL, MySQL or MariaDB to use in place of a new SQLite file.",
        ),
    ] = "",
    redis: Annotated[
        str,
        typer.Option("--redis", "--redis-url", metavar="URL", help="A Redis to use in place of one of the demo's own."),
    ] = "",
    is_paused: Annotated[bool, typer.Option("--pause", help="Wait for Enter between the scenes.")] = False,
) -> None:
    """Walk through the whole story on invented customers: masked, asked for, approved, revealed, over, on record.

    It writes into its folder; in a database that you name, on PostgreSQL into a schema `unmask_demo` of its own, else
    only where there are no other tables.

    Example: unmask demo --folder demo-data
    """
    # What the demo is made of takes long to import, and no other command needs it.
    from grants.cli.demo_folder import claimed, write_keys_and_policy, write_query, write_settings  # noqa: PLC0415
    from grants.cli.demo_screen import Screen  # noqa: PLC0415
    from grants.cli.demo_stage import chosen_place, staged  # noqa: PLC0415
    from grants.cli.demo_story import tell  # noqa: PLC0415

    with reported(as_json=False):
        screen = Screen(is_paused=is_paused)
        screen.title("unmask demo", "A shop, its customers, and one column that one person may see for some seconds.")
        left = claimed(folder)
        write_keys_and_policy(left)
        place = chosen_place(left, database=database, redis=redis)
        write_settings(left, place.settings)
        write_query(left)
        with staged(left, place, screen) as stage:
            tell(stage)
        _take_leave(left, place, screen)


def _take_leave(left: "DemoFolder", place: "Place", screen: "Screen") -> None:
    """What is left, and commands to go on with."""
    query = f"{Path(sys.executable).name} {left.query} cleo"
    screen.scene(
        "Now you",
        f"Database, policy and keys are in {left.path}. Read the settings into your shell, then try:",
    )
    screen.shell(
        f". {left.settings}",
        query + ' "SELECT id, name, phone, born FROM customers LIMIT 3"',  # noqa: S608 -- printed, not run
        f'UNMASK_KEY={left.key("cleo")} unmask request customers.phone --for 5m --reason "OPS-8 call them back"',
        "unmask requests",
        f"UNMASK_KEY={left.key('bo')} unmask approve ID       # the id that `request` printed; then query again",
        'unmask explain "SELECT number FROM cards WHERE customer_id = 7" --as cleo',
        "unmask check",
        "unmask audit",
    )
    screen.say("", "When you have seen enough:")
    screen.shell(*place.farewell, f"rm -r {left.path}")
