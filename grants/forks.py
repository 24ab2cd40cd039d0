"""What a forked child must do anew: locks, threads and chains of its parent are not its own."""

import os
from collections.abc import Callable
from weakref import WeakMethod


def renewed_after_fork(renew: Callable[[], None]) -> None:
    """Calls the bound method `renew` in every child forked from now on, for as long as its object lives."""
    reference = WeakMethod(renew)

    def in_child() -> None:
        living = reference()
        if living is not None:
            living()

    os.register_at_fork(after_in_child=in_child)
