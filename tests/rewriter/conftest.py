"""Runs tests of the hooked shop in an event loop where the shop's driver needs one."""

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Whether the test was run here: it was, if its shop has a loop."""
    loop = getattr(pyfuncitem.funcargs.get("shop"), "loop", None)
    if loop is None:
        return None
    names = pyfuncitem._fixtureinfo.argnames  # noqa: SLF001 -- as pytest's own implementation of this hook
    loop.run(pyfuncitem.obj, **{name: pyfuncitem.funcargs[name] for name in names})
    return True
