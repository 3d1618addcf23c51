"""The pytest plugin, and what else tests of trading programs are made of.

pytest finds it as soon as twsloop is installed. What it gives is imported only when a test asks for
it, so a test suite that does not use it pays nothing.

====================== =======================================================================
``paper_gateway``      a paper gateway that listens on a free port, ended with the test; its
                       ``market`` sets prices, prints trades, halts, refuses the next order; its
                       ``faults`` let links die, gateways restart and farms break
``make_paper_gateway`` makes more of them: ``make_paper_gateway(seed=3, accounts=("DU7",))``
``ib_gateway``         an `IBGateway` that is READY on ``paper_gateway``
``scripted_gateway``   plays a transcript or tape to any client: ``scripted_gateway(text)``; the
                       test fails if the client did not follow it
``gateway_double``     runs a program's own class without sockets, threads or time:
                       ``gateway_double(App)``; the test fails if a callback raised
``manual_clock``       a clock that stands still until the test moves it
====================== =======================================================================

The marker ``paper(**options)`` says how ``paper_gateway`` is made::

    @pytest.mark.paper(feed="manual")
    def test_my_strategy_buys_what_is_cheap(ib_gateway, paper_gateway):
        paper_gateway.market.set_price("AAPL", bid=99.9, ask=100.0)
        trade = ib_gateway.place_order("AAPL", market_order("BUY", 100))
        assert trade.done.result(timeout=10) == "Filled"

    @pytest.mark.paper(faults={"fault": [{"fault": "half_open", "after": "placeOrder"}]})
    def test_my_strategy_does_not_send_it_twice(ib_gateway, paper_gateway):
        ...
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest

from twsloop.clock import ManualClock

if TYPE_CHECKING:
    from twsloop.gateway import IBGateway
    from twsloop.paper.server import PaperGateway as PaperGateway
    from twsloop.paper.tape.player import ScriptedGateway as ScriptedGateway

    from .double import GatewayDouble as GatewayDouble
    from .double import Sent as Sent

__all__ = [
    "GatewayDouble",
    "MakePaperGateway",
    "ManualClock",
    "PaperGateway",
    "ScriptedGateway",
    "Sent",
    "gateway_double",
    "ib_gateway",
    "make_paper_gateway",
    "manual_clock",
    "paper_gateway",
    "scripted_gateway",
]

#: Makes a paper gateway that listens; takes what `PaperGateway` takes.
MakePaperGateway: TypeAlias = "Callable[..., PaperGateway]"

_LAZY = {
    "GatewayDouble": "twsloop.testing.double",
    "PaperGateway": "twsloop.paper.server",
    "ScriptedGateway": "twsloop.paper.tape.player",
    "Sent": "twsloop.testing.double",
}


def __getattr__(name: str) -> Any:
    """Load what tests ask for, and nothing before."""
    module = _LAZY.get(name)
    if module is None:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(module), name)


def pytest_configure(config: pytest.Config) -> None:
    """Make our marker known."""
    config.addinivalue_line(
        "markers", "paper(**options): how the fixture paper_gateway makes its PaperGateway"
    )


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
def paper_gateway(
    make_paper_gateway: MakePaperGateway, request: pytest.FixtureRequest
) -> PaperGateway:
    """A paper gateway that listens on a free port: synthetic market, seed 1, account DU1234567.

    The marker ``paper(**options)`` makes it otherwise, with any option of `PaperGateway`.
    """
    options: dict[str, Any] = {}
    # The nearest marker counts most: a test's over its class's over its module's.
    for marker in reversed(list(request.node.iter_markers("paper"))):
        if marker.args:
            msg = f"the marker paper takes options of PaperGateway by name, not {marker.args}"
            raise pytest.UsageError(msg)
        options.update(marker.kwargs)
    return make_paper_gateway(**options)


@pytest.fixture
def ib_gateway(paper_gateway: PaperGateway) -> Iterator[IBGateway]:
    """An `IBGateway` that is READY on the paper gateway."""
    from twsloop.config import Config, ConnectionParams  # noqa: PLC0415
    from twsloop.gateway import IBGateway  # noqa: PLC0415

    connection = ConnectionParams(host=paper_gateway.host, port=paper_gateway.port)
    with IBGateway(Config(connection=connection)) as gateway:
        yield gateway


@pytest.fixture
def scripted_gateway() -> Iterator[Callable[..., ScriptedGateway]]:
    """Makes gateways that play a transcript or tape; takes what `ScriptedGateway` takes.

    Every client has to have followed its script, or the test fails and says where it did not.
    """
    from twsloop.paper.tape.player import ScriptedGateway  # noqa: PLC0415

    made: list[ScriptedGateway] = []
    with ExitStack() as stack:

        def make(script: Any, **options: Any) -> ScriptedGateway:
            made.append(stack.enter_context(ScriptedGateway(script, **options)))
            return made[-1]

        yield make
    problems = [problem for gateway in made for problem in gateway.problems]
    if problems:
        pytest.fail("\n".join(["a client did not follow the script:", *problems]), pytrace=False)


@pytest.fixture
def gateway_double() -> Iterator[Callable[..., GatewayDouble[Any]]]:
    """Makes doubles of the gateway for programs' own classes; takes what `GatewayDouble` takes.

    At the end of the test every script has to have been followed, and no callback may have raised.
    """
    from .double import GatewayDouble  # noqa: PLC0415

    made: list[GatewayDouble[Any]] = []

    def make(program: Any = None, **options: Any) -> GatewayDouble[Any]:
        made.append(GatewayDouble(*([program] if program is not None else []), **options))
        return made[-1]

    yield make
    for double in made:
        double.stop()
    for double in made:
        try:
            double.check()
        except AssertionError as error:
            pytest.fail(str(error), pytrace=False)
