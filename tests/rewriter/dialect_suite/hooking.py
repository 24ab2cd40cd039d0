"""A pytest plugin: SQLAlchemy's own, with every engine hooked where UNMASK_SUITE_HOOKED is set."""

import os
from typing import Any

import pytest
import sqlalchemy

pytest.register_assert_rewrite("sqlalchemy.testing.assertions")

from sqlalchemy.testing import provision  # noqa: E402
from sqlalchemy.testing.plugin.pytestplugin import *  # noqa: E402, F403 - its hooks are found by their names here

from masking import Policy  # noqa: E402
from rewriter import acting_as, install  # noqa: E402

POLICY = Policy.parse("""
columns:
  unmask_control.secret: {mask: redact, optional: true}
owners: ["service:suite"]
trusted: ["service:cleaning"]
""")
_create_engine = sqlalchemy.create_engine


def _create_hooked_engine(*arguments: Any, **options: Any) -> sqlalchemy.Engine:
    engine = _create_engine(*arguments, **options)
    if isinstance(engine, sqlalchemy.Engine):  # not a mock, which reaches no database
        install(engine, policy=POLICY, principal=lambda: "service:suite")
    return engine


_provide: Any = provision.register.__call__


def _provide_as_cleaner(rule: Any, *arguments: Any, **options: Any) -> Any:
    """Before tables are dropped, PostgreSQL is asked for the texts of other sessions' statements."""
    if rule is not provision.prepare_for_drop_tables:
        return _provide(rule, *arguments, **options)
    with acting_as("service:cleaning"):
        return _provide(rule, *arguments, **options)


if os.environ.get("UNMASK_SUITE_HOOKED"):
    for place in (sqlalchemy, sqlalchemy.engine, sqlalchemy.engine.create):
        vars(place)["create_engine"] = _create_hooked_engine
    provision.register.__call__ = _provide_as_cleaner  # type: ignore[assignment, method-assign] # the suite offers no other place
