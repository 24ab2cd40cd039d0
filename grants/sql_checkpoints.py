"""Checkpoints in tables of a database."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime

from pydantic import ValidationError
from sqlalchemy import Connection, Engine, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from grants.checkpoints import Head
from grants.sql_tables import HEADS, REVOKED, USES, Database


class SqlCheckpoints:
    """Checkpoints in the tables `unmask_heads`, `unmask_revoked` and `unmask_uses`."""

    def __init__(self, address: str | Engine) -> None:
        """`address`: an SQLAlchemy URL, or an engine that is not hooked. The tables are made where they are missing."""
        self._database = Database(address, HEADS, REVOKED, USES)

    def keep(self, head: Head) -> None:
        """Keep `head` in place of an earlier one of its writer.

        Raises:
            StoreError: the database did not confirm it.
        """
        text = head.canonical().decode()
        place = (HEADS.c.environment == head.environment, HEADS.c.writer == head.writer)

        def kept(connection: Connection) -> None:
            if not connection.execute(update(HEADS).where(*place).values(head=text)).rowcount:
                values = {"environment": head.environment, "writer": head.writer, "head": text}
                connection.execute(insert(HEADS).values(values))

        self._database.run(kept)

    def heads(self, environment: str) -> Iterator[Head]:
        """The last head of each writer of `environment`.

        Raises:
            StoreError: the database could not tell.
        """
        query = select(HEADS.c.head).where(HEADS.c.environment == environment)
        for text in self._database.run(lambda connection: connection.scalars(query).all()):
            try:
                yield Head.model_validate_json(text)
            except ValidationError:
                continue

    def forget(self, environment: str, writers: frozenset[str]) -> None:
        """Forget the heads of `writers`.

        Raises:
            StoreError: the database did not confirm it.
        """

        def forgotten(connection: Connection) -> None:
            for writer in writers:
                connection.execute(delete(HEADS).where(HEADS.c.environment == environment, HEADS.c.writer == writer))

        self._database.run(forgotten)

    def revoke(self, environment: str, request: str, *, at: datetime) -> None:
        """Remember that `request` was revoked.

        Raises:
            StoreError: the database did not confirm it.
        """
        values = {"environment": environment, "request": request, "at": at}
        with suppress(IntegrityError):  # known already
            self._database.run(lambda connection: connection.execute(insert(REVOKED).values(values)))

    def revoked(self, environment: str) -> frozenset[str]:
        """The requests of `environment` that were revoked.

        Raises:
            StoreError: the database could not tell.
        """
        query = select(REVOKED.c.request).where(REVOKED.c.environment == environment)
        return frozenset(self._database.run(lambda connection: connection.scalars(query).all()))

    def take(self, environment: str, digest: str, *, most: int) -> bool:
        """Whether one more use of the grant of the request with `digest` is counted; False where it had `most`.

        Raises:
            StoreError: the database did not confirm it.
        """
        place = (USES.c.environment == environment, USES.c.digest == digest)

        def taken(connection: Connection) -> bool:
            # One statement, so that two who take the last one wait for each other.
            one_more = update(USES).where(*place, USES.c.taken < most).values(taken=USES.c.taken + 1)
            if connection.execute(one_more).rowcount:
                return True
            if most < 1 or connection.scalar(select(USES.c.taken).where(*place)) is not None:
                return False
            connection.execute(insert(USES).values(environment=environment, digest=digest, taken=1))
            return True

        try:
            return self._database.run(taken)
        except IntegrityError:  # another process took the first one meanwhile
            return self._database.run(taken)

    def close(self) -> None:
        """Close its connections."""
        self._database.close()
