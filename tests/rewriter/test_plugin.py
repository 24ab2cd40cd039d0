"""The second door: `create_engine(url, plugins=["unmask"])`."""

from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.dialects import plugins

from rewriter import RewriteError
from rewriter.plugin import UnmaskPlugin
from tests.rewriter.hooked import POLICY, Ledger, fill

READ = text("SELECT email FROM customers WHERE id = 1")


@pytest.fixture(autouse=True)
def _registered() -> None:
    """The plugin, as the distribution's entry point registers it."""
    plugins.impls.setdefault("unmask", lambda: UnmaskPlugin)


def test_keyword_arguments_hook_the_engine(sqlite_database: str) -> None:
    """A policy and grants given to create_engine come into force, and naming the plugin twice does no harm."""
    fill(sqlite_database)
    for names in (["unmask"], ["unmask", "unmask"]):
        ledger = Ledger()
        engine = create_engine(sqlite_database, plugins=names, unmask_policy=POLICY, unmask_grants=ledger)
        with engine.connect() as connection:
            assert connection.scalar(READ) == "[redacted]"
        engine.dispose()


def test_the_url_hooks_the_engine(sqlite_database: str, tmp_path: Path) -> None:
    """The path of a policy may stand in the URL, and does not reach the driver."""
    fill(sqlite_database)
    policy = tmp_path / "masking.yaml"
    policy.write_text("columns: {customers.email: redact}")
    engine = create_engine(f"{sqlite_database}?plugin=unmask&unmask_policy={policy}&unmask_environment=prod")
    with engine.connect() as connection:
        assert connection.scalar(READ) == "[redacted]"
    assert "unmask" not in str(engine.url)
    engine.dispose()


def test_no_policy_no_engine(sqlite_database: str) -> None:
    """An engine that was meant to be hooked is not made without a policy."""
    with pytest.raises(RewriteError, match="unmask_policy"):
        create_engine(sqlite_database, plugins=["unmask"])
