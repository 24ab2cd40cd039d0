"""Until a view shows something."""

import time
from collections.abc import Callable

from grants.live import LiveView
from masking import Principal
from tests.grants.conftest import seen


def eventually(condition: Callable[[], bool], *, within: float = 5) -> float:
    """How many seconds it took until `condition` held."""
    start = time.monotonic()
    while not condition():
        assert time.monotonic() - start < within, "it never came to hold"
        time.sleep(0.001)
    return time.monotonic() - start


def is_warm(view: LiveView, name: str = "ana") -> bool:
    """Whether the view answers without Redis."""
    view.access(Principal(name), frozenset())
    return view.peek(Principal(name), frozenset()) is not None


def shows(view: LiveView, expected: set[str]) -> bool:
    """Whether the view answers so, without Redis."""
    return is_warm(view) and seen(view) == expected
