"""The shop on one driver, and what its own cursors are asked."""

from collections.abc import Callable

import pytest

from rewriter import Reason, StatementRefused
from tests.rewriter.hooked import Shop, open_shop, shop_url

READ = "SELECT id, name, email FROM customers ORDER BY id"
MASKED = [(1, "Ada", "[redacted]"), (2, "Grace", "[redacted]")]


Opened = Callable[[str], Shop]


@pytest.fixture
def opened(request: pytest.FixtureRequest) -> Opened:
    """Open the shop on one driver."""

    def open_on(driver: str) -> Shop:
        shop = open_shop(shop_url(request, driver), driver)
        request.addfinalizer(shop.engine.dispose)
        return shop

    return open_on


def refused(call: Callable[[], object]) -> None:
    """The call is refused as raw access."""
    with pytest.raises(StatementRefused) as raised:
        call()
    assert raised.value.reason is Reason.RAW_ACCESS
