"""The pytest plugin: fixtures for programs that are written with twsloop.

It is found by pytest as soon as twsloop is installed. What it gives is imported only when a test
asks for it, so a test suite that does not use it pays nothing.

===================== ========================================================================
``paper_gateway``     a paper gateway that listens on a free port, ended with the test
``make_paper_gateway`` makes more of them: ``make_paper_gateway(seed=3, accounts=("DU7",))``
``ib_gateway``        an `IBGateway` that is READY on ``paper_gateway``
``manual_clock``      a clock that stands still until the test moves it
===================== ========================================================================

For example::

    def test_my_strategy_buys(ib_gateway):
        trade = ib_gateway.place_order("AAPL", market_order("BUY", 100))
        assert trade.done.result(timeout=10) == "Filled"
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest

from twsloop.clock import ManualClock

if TYPE_CHECKING:
    from twsloop.gateway import IBGateway
    from twsloop.paper.server import PaperGateway

__all__ = [
    "MakePaperGateway",
    "ManualClock",
    "ib_gateway",
    "make_paper_gateway",
    "manual_clock",
    "paper_gateway",
]

#: Makes a paper gateway that listens; takes what `PaperGateway` takes.
MakePaperGateway: TypeAlias = "Callable[..., PaperGateway]"


@pytest.fixture
def manual_clock() -> ManualClock:
    """A clock that stands still until the test moves it."""
    return ManualClock()


@pytest.fixture
def make_paper_gateway() -> Iterator[MakePaperGateway]:
    """Makes paper gateways that listen on free ports; all of them end with the test."""
    # Here, because pytest loads this plugin for every test suite there is.
    from twsloop.paper.server import PaperGateway  # noqa: PLC0415

    with ExitStack() as stack:

        def make(**options: Any) -> PaperGateway:
            return stack.enter_context(PaperGateway(**options))

        yield make


@pytest.fixture
def paper_gateway(make_paper_gateway: MakePaperGateway) -> PaperGateway:
    """A paper gateway that listens on a free port: synthetic market, seed 1, account DU1234567."""
    return make_paper_gateway()


@pytest.fixture
def ib_gateway(paper_gateway: PaperGateway) -> Iterator[IBGateway]:
    """An `IBGateway` that is READY on the paper gateway."""
    from twsloop.config import Config, ConnectionParams  # noqa: PLC0415
    from twsloop.gateway import IBGateway  # noqa: PLC0415

    connection = ConnectionParams(host=paper_gateway.host, port=paper_gateway.port)
    with IBGateway(Config(connection=connection)) as gateway:
        yield gateway
