"""Interactive Brokers' TWS API on an event loop of its own.

Importing this package has no effects: the parts below it are loaded when they are first named.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from twsloop.config import Config as Config
    from twsloop.config import ConnectionParams as ConnectionParams
    from twsloop.connection import IBKRConnection as IBKRConnection
    from twsloop.connection.stream import Stream as Stream
    from twsloop.contracts.builders import combo as combo
    from twsloop.contracts.builders import crypto as crypto
    from twsloop.contracts.builders import forex as forex
    from twsloop.contracts.builders import future as future
    from twsloop.contracts.builders import index as index
    from twsloop.contracts.builders import option as option
    from twsloop.contracts.builders import stock as stock
    from twsloop.errors import TwsLoopError as TwsLoopError
    from twsloop.event_loop import Future as Future
    from twsloop.event_loop import IBKREventLoop as IBKREventLoop
    from twsloop.gateway import IBGateway as IBGateway
    from twsloop.market_data.quotes import Quote as Quote
    from twsloop.market_data.state import Ticker as Ticker
    from twsloop.market_data.subscriptions import Subscription as Subscription
    from twsloop.orders.builders import bracket as bracket
    from twsloop.orders.builders import limit_order as limit_order
    from twsloop.orders.builders import market_order as market_order
    from twsloop.orders.builders import one_cancels_all as one_cancels_all
    from twsloop.orders.builders import stop_limit_order as stop_limit_order
    from twsloop.orders.builders import stop_order as stop_order
    from twsloop.orders.builders import trailing_stop as trailing_stop
    from twsloop.orders.builders import trailing_stop_limit as trailing_stop_limit
    from twsloop.orders.state import OrderStatus as OrderStatus
    from twsloop.orders.trade import Trade as Trade
    from twsloop.paper import PaperGateway as PaperGateway
    from twsloop.processors.policy import Deliver as Deliver
    from twsloop.scanner.builders import market_scan as market_scan

__version__ = "0.1.0"

#: Public name -> module that holds it. This is the public surface; a test pins it.
_EXPORTS: dict[str, str] = {
    "Config": "twsloop.config",
    "ConnectionParams": "twsloop.config",
    "Deliver": "twsloop.processors.policy",
    "Future": "twsloop.event_loop",
    "IBGateway": "twsloop.gateway",
    "IBKRConnection": "twsloop.connection",
    "IBKREventLoop": "twsloop.event_loop",
    "OrderStatus": "twsloop.orders.state",
    "PaperGateway": "twsloop.paper",
    "Quote": "twsloop.market_data.quotes",
    "Stream": "twsloop.connection.stream",
    "Subscription": "twsloop.market_data.subscriptions",
    "Ticker": "twsloop.market_data.state",
    "Trade": "twsloop.orders.trade",
    "TwsLoopError": "twsloop.errors",
    "bracket": "twsloop.orders.builders",
    "combo": "twsloop.contracts.builders",
    "crypto": "twsloop.contracts.builders",
    "forex": "twsloop.contracts.builders",
    "future": "twsloop.contracts.builders",
    "index": "twsloop.contracts.builders",
    "limit_order": "twsloop.orders.builders",
    "market_order": "twsloop.orders.builders",
    "market_scan": "twsloop.scanner.builders",
    "one_cancels_all": "twsloop.orders.builders",
    "option": "twsloop.contracts.builders",
    "stock": "twsloop.contracts.builders",
    "stop_limit_order": "twsloop.orders.builders",
    "stop_order": "twsloop.orders.builders",
    "trailing_stop": "twsloop.orders.builders",
    "trailing_stop_limit": "twsloop.orders.builders",
}

__all__ = [
    "Config",
    "ConnectionParams",
    "Deliver",
    "Future",
    "IBGateway",
    "IBKRConnection",
    "IBKREventLoop",
    "OrderStatus",
    "PaperGateway",
    "Quote",
    "Stream",
    "Subscription",
    "Ticker",
    "Trade",
    "TwsLoopError",
    "__version__",
    "bracket",
    "combo",
    "crypto",
    "forex",
    "future",
    "index",
    "limit_order",
    "market_order",
    "market_scan",
    "one_cancels_all",
    "option",
    "stock",
    "stop_limit_order",
    "stop_order",
    "trailing_stop",
    "trailing_stop_limit",
]


def __getattr__(name: str) -> Any:
    """Load a public name from its module when it is first used."""
    try:
        module = _EXPORTS[name]
    except KeyError:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg) from None
    value = getattr(import_module(module), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return sorted(__all__)
