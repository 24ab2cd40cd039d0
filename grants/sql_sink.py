"""The trail in a table of a database: PostgreSQL, SQLite, or what else SQLAlchemy reaches."""

from collections.abc import Iterator, Sequence
from functools import partial

from sqlalchemy import Connection, Engine, Select, delete, insert, select
from sqlalchemy.exc import IntegrityError

from grants.errors import StoreError
from grants.sealing import Sealed
from grants.sql_tables import TRAIL, Database

_PAGE = 1000


class SqlSink:
    """The table `unmask_trail`: a record counts as kept once its transaction is committed. Processes may share it."""

    is_durable = True
    place = "table"

    def __init__(self, address: str | Engine) -> None:
        """`address`: an SQLAlchemy URL, or an engine that is not hooked. The table is made where it is missing."""
        self._database = Database(address, TRAIL)

    def is_there(self) -> bool:
        """Whether the table is there; it is not made.

        Raises:
            StoreError: the database could not tell.
        """
        return self._database.has(TRAIL)

    def write(self, record: Sealed) -> None:
        """Keep `record`.

        Raises:
            StoreError: the database did not confirm it.
        """
        self.write_all((record,))

    def write_all(self, records: Sequence[Sealed]) -> None:
        """Keep `records`, in one transaction.

        Raises:
            StoreError: the database did not confirm it, or holds another record in the place of one of them.
        """
        rows = [_row(record) for record in records]
        try:
            self._database.run(lambda connection: _insert(connection, rows))
        except IntegrityError:
            # One that was not known to be kept is there already.
            missing = self._database.run(lambda connection: [row for row in rows if not _is_kept(connection, row)])
            self._database.run(lambda connection: _insert(connection, missing))

    def entries(self, environment: str) -> Iterator[str]:
        """The records of `environment`, oldest first.

        Raises:
            StoreError: the database could not tell.
        """
        last = -1
        while True:
            query = select(TRAIL.c.number, TRAIL.c.record).order_by(TRAIL.c.number).limit(_PAGE)
            query = query.where(TRAIL.c.environment == environment, TRAIL.c.number > last)
            rows = self._database.run(partial(_rows, query=query))
            for number, text in rows:
                yield text
                last = number
            if len(rows) < _PAGE:
                return

    def remove(self, environment: str, ids: frozenset[str]) -> None:
        """Remove the records with these ids.

        Raises:
            StoreError: the database did not confirm it.
        """
        places = [one.rpartition("-") for one in sorted(ids)]

        def removed(connection: Connection) -> None:
            for writer, _, sequence in places:
                mine = (TRAIL.c.environment == environment, TRAIL.c.writer == writer)
                connection.execute(delete(TRAIL).where(*mine, TRAIL.c.sequence == int(sequence)))

        self._database.run(removed)

    def close(self) -> None:
        """Close its connections."""
        self._database.close()


def _rows(connection: Connection, *, query: Select[int, str]) -> Sequence[tuple[int, str]]:
    return [(number, text) for number, text in connection.execute(query)]


def _row(record: Sealed) -> dict[str, object]:
    return {
        "environment": record.environment,
        "writer": record.writer,
        "sequence": record.sequence,
        "at": record.at,
        "event": record.event.value,
        "principal": record.principal,
        "record": record.text,
    }


def _insert(connection: Connection, rows: list[dict[str, object]]) -> None:
    if rows:
        connection.execute(insert(TRAIL), rows)


def _is_kept(connection: Connection, row: dict[str, object]) -> bool:
    place = [TRAIL.c[name] == row[name] for name in ("environment", "writer", "sequence")]
    kept = connection.scalar(select(TRAIL.c.record).where(*place))
    if kept is not None and kept != row["record"]:
        # Fail closed: somebody took the record's place, so it is not recorded.
        raise StoreError(f"another record stands in the place of {row['writer']}-{row['sequence']}")
    return kept is not None
