"""SQLAlchemy's own dialect suite, and one case that shows that the hook stands in the way."""

from sqlalchemy import Column, Connection, Integer, MetaData, String, Table, select
from sqlalchemy.testing import fixtures
from sqlalchemy.testing.suite import *  # noqa: F403 - the suite is meant to be taken over whole


class HookTest(fixtures.TablesTest):
    """What the policy of `hooking` names is masked."""

    __backend__ = True

    @classmethod
    def define_tables(cls, metadata: MetaData) -> None:
        """The one table that the policy names."""
        Table("unmask_control", metadata, Column("id", Integer, primary_key=True), Column("secret", String(20)))

    def test_hook_stands_in_the_way(self, connection: Connection) -> None:
        """A value that was written comes back masked."""
        assert self.tables is not None
        table = self.tables["unmask_control"]
        connection.execute(table.insert(), {"id": 1, "secret": "open"})
        assert connection.scalar(select(table.c.secret)) == "[redacted]"
