"""Three ways to test a strategy; `pytest examples/testing` runs them."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from strategy import BuyCheap

from twsloop import Config, ConnectionParams
from twsloop.testing import GatewayDouble, PaperGateway, ScriptedGateway

SCRIPT = Path(__file__).with_name("rejected.txt")

# ---- 1. the double: no sockets, no threads, no waiting ------------------------------------------


def test_it_buys_what_is_cheap(gateway_double: Callable[..., GatewayDouble[BuyCheap]]) -> None:
    """What the test says comes as from the wire; what the strategy asks can be read."""
    double = gateway_double(BuyCheap)
    double.app.watch()
    double.say("tickPrice", reqId=1, tickType=2, price=100.5, size=300)
    assert double.sent_of("placeOrder") == []
    double.say("tickPrice", reqId=1, tickType=2, price=99.5, size=300)
    assert double.last("placeOrder").order.lmtPrice == 99.5


def test_it_gives_up_when_it_is_rejected(
    gateway_double: Callable[..., GatewayDouble[BuyCheap]],
) -> None:
    """A script says more than one thing, and waits for the strategy's part."""
    double = gateway_double(BuyCheap, script=SCRIPT)
    double.app.watch()
    double.advance(1)
    assert double.app.rejected  # that the stream was ended, the script has seen


# ---- 2. the paper gateway: a real server, a market of one's own ---------------------------------


@pytest.fixture
def strategy(paper_gateway: PaperGateway) -> Iterator[BuyCheap]:
    """The strategy, READY on the paper gateway."""
    connection = ConnectionParams(host=paper_gateway.host, port=paper_gateway.port)
    with BuyCheap(Config(connection=connection)) as app:
        yield app


@pytest.mark.paper(feed="manual")
def test_it_is_filled_at_the_offer(strategy: BuyCheap, paper_gateway: PaperGateway) -> None:
    """A market that stands still until the test moves it."""
    filled: concurrent.futures.Future[float] = concurrent.futures.Future()
    strategy.add_message_processor(Fills(filled))
    strategy.watch()
    paper_gateway.market.set_price("AAPL", bid=101.0, ask=101.1)
    paper_gateway.market.set_price("AAPL", bid=99.4, ask=99.5, size=500)
    assert filled.result(timeout=10) == 99.5


class Fills:
    """Hears of fills."""

    def __init__(self, filled: concurrent.futures.Future[float]) -> None:
        self._filled = filled

    def execDetails(self, _req_id: int, _contract: object, execution: object) -> None:
        """IB's callback."""
        self._filled.set_result(execution.price)  # type: ignore[attr-defined]


# ---- 3. a script, played over a real connection to any client in any language -------------------


def test_the_same_script_over_a_socket(
    scripted_gateway: Callable[..., ScriptedGateway],
) -> None:
    """Whoever connects has to do as the script says, or the test fails."""
    gateway = scripted_gateway(SCRIPT)
    connection = ConnectionParams(host=gateway.host, port=gateway.port)
    with BuyCheap(Config(connection=connection)) as app:
        app.watch()
        gateway.wait_script(timeout=5)
        assert app.rejected
