"""Runs tests of the hooked shop in an event loop where the shop's driver needs one."""

import pytest

from tests.rewriter.greenlets import is_run


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Whether the test was run here: it was, if its shop has a loop."""
    return is_run(pyfuncitem, getattr(pyfuncitem.funcargs.get("shop"), "loop", None))
