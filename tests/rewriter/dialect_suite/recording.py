"""A pytest plugin: runs the tests named in a file, if one is, and notes in another how each part of a test ended.

Both files hold lines of JSON: UNMASK_SUITE_TESTS a test each, UNMASK_SUITE_OUTCOMES a test and its outcome.
"""

import json
import os
from pathlib import Path

import pytest

_OUTCOMES = Path(os.environ["UNMASK_SUITE_OUTCOMES"])
_TESTS = os.environ.get("UNMASK_SUITE_TESTS")


@pytest.hookimpl(trylast=True)  # SQLAlchemy's plugin makes a class of tests for each database first
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is not named."""
    if _TESTS is None:
        return
    named = {json.loads(line) for line in Path(_TESTS).read_text(encoding="utf-8").splitlines()}
    config.hook.pytest_deselected(items=[item for item in items if item.nodeid not in named])
    items[:] = [item for item in items if item.nodeid in named]


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note how a part of a test ended."""
    with _OUTCOMES.open("a", encoding="utf-8") as file:
        file.write(json.dumps([report.nodeid, report.outcome]) + "\n")
