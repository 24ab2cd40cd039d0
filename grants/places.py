"""Where a trail and its checkpoints are, as a command line or a variable says it: a file's path or a database's URL."""

from collections.abc import Iterator
from contextlib import contextmanager

from grants.checkpoint_file import CheckpointFile
from grants.checkpoints import Checkpoints
from grants.errors import StoreError
from grants.sinks import JsonLinesSink, Kept


def kept_at(place: str) -> Kept:
    """The trail at `place`: `trail.jsonl`, or an SQLAlchemy URL.

    Raises:
        StoreError: it is no such URL.
    """
    if "://" not in place:
        return JsonLinesSink(place)
    from grants.sql_sink import SqlSink  # noqa: PLC0415 -- the command line starts faster without SQLAlchemy

    with _named(place):
        return SqlSink(place)


def checkpoints_at(place: str) -> Checkpoints:
    """The checkpoints at `place`: a file's path, or an SQLAlchemy URL.

    Raises:
        StoreError: it is no such URL.
    """
    if "://" not in place:
        return CheckpointFile(place)
    from grants.sql_checkpoints import SqlCheckpoints  # noqa: PLC0415 -- as above

    with _named(place):
        return SqlCheckpoints(place)


@contextmanager
def _named(place: str) -> Iterator[None]:
    """Errors about a URL, without what stands in it."""
    try:
        yield
    except Exception as exc:  # noqa: BLE001 -- a missing driver, a malformed URL, an unknown dialect
        what = f"the {place.partition(':')[0]} URL of the trail or its checkpoints"
        raise StoreError(f"{what} cannot be used ({type(exc).__name__})") from None
