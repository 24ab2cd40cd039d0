"""Plain DBAPI connections to the databases that the fixtures give, and catalogs read over them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg
import pymysql
from pymysql.cursors import Cursor as MySQLCursor
from sqlalchemy.engine import make_url

from masking.types import Dialect
from rewriter.catalog import load_catalog
from rewriter.catalog.cursors import Cursor
from rewriter.schema import Catalog, Relation


@dataclass
class Counted:
    """A cursor that remembers the statements it ran."""

    cursor: Cursor
    statements: list[str] = field(default_factory=list)

    def execute(self, operation: str, /) -> object:
        """Run one statement, and remember it."""
        self.statements.append(operation)
        return self.cursor.execute(operation)

    def fetchall(self) -> Sequence[Any]:
        """Every row of the last one."""
        return self.cursor.fetchall()


def postgresql(url: str, *, autocommit: bool = True) -> "psycopg.Connection[Any]":
    """A psycopg connection to `url`, which is a SQLAlchemy URL."""
    address = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    return psycopg.connect(address, autocommit=autocommit)


def mysql(url: str) -> "pymysql.connections.Connection[MySQLCursor]":
    """A PyMySQL connection to `url`, which is a SQLAlchemy URL."""
    address = make_url(url)
    return pymysql.connect(
        host=address.host or "127.0.0.1",
        port=address.port or 3306,
        user=address.username,
        password=address.password or "",
        database=address.database,
        autocommit=True,
    )


def loaded(cursor: Cursor, dialect: Dialect, *statements: str) -> Catalog:
    """The catalog after `statements`."""
    for statement in statements:
        cursor.execute(statement)
    return load_catalog(cursor, dialect)


def names(relation: Relation) -> list[str]:
    """The relation's columns, in order."""
    return [column.name for column in relation.columns]
