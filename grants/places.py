"""Where a trail and its checkpoints are, as a command line or a variable says it: a file's path or a database's URL."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from grants.checkpoint_file import CheckpointFile
from grants.checkpoints import Checkpoints
from grants.errors import StoreError
from grants.sinks import JsonLinesSink, Kept


def kept_at(place: str) -> Kept:
    """The trail that is kept at `place`: `trail.jsonl`, or an SQLAlchemy URL. It is read, and not made.

    Raises:
        StoreError: it is no such URL, or the database cannot be reached, or holds no trail.
        FileNotFoundError: there is no such file.
    """
    if "://" not in place:
        return JsonLinesSink(place)
    from sqlalchemy import make_url  # noqa: PLC0415 -- the command line starts faster without SQLAlchemy

    from grants.sql_sink import SqlSink  # noqa: PLC0415 -- as above

    with _named(place):
        url = make_url(place)
        sink = SqlSink(place)
    is_file = url.get_backend_name() == "sqlite" and url.database not in (None, "", ":memory:")
    if is_file and not Path(str(url.database)).exists():
        # Opening it would make an empty one, in which nothing is missing.
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(url.database))
    if not sink.is_there():
        raise StoreError("there is no table unmask_trail in that database: is the URL right?")
    return sink


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
