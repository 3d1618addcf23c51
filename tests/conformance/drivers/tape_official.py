"""One session of IB's own client, every callback printed in order, with its arguments.

The session asks, streams, trades, and ends with a question, so that what was printed up to its
answer depends on the gateway alone. Runs in the client's environment; knows nothing of twsloop.
"""

from __future__ import annotations

import argparse
import enum
import json
import logging
import queue
import sys
import threading
from typing import Any

from ibapi.client import EClient
from ibapi.contract import Contract
from ibapi.order import Order
from ibapi.wrapper import EWrapper

PATIENCE_S = 20.0
#: Callbacks that the client makes by itself, at times of its own.
LOCAL = {"connectAck", "connectionClosed", "winError", "logAnswer"}


def plain(value: Any) -> Any:
    """Anything as JSON has it; objects by their fields."""
    if isinstance(value, (str, int, bool)) or value is None:
        return value
    if isinstance(value, enum.Enum):
        return value.name
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    if hasattr(value, "__dict__") and value.__dict__:
        fields = {name: plain(one) for name, one in vars(value).items()}
        # The client makes this list of a protobuf map, which has another order each time.
        if fields.get("secIdList"):
            fields["secIdList"].sort(key=str)
        return fields
    return str(value)


class App(EWrapper, EClient):
    """Prints what it hears."""

    def __init__(self) -> None:
        EWrapper.__init__(self)
        EClient.__init__(self, self)
        self.heard: queue.Queue[tuple[str, tuple[Any, ...]]] = queue.Queue()

    def __getattribute__(self, name: str) -> Any:
        """Put the printer before every callback of EWrapper."""
        found = super().__getattribute__(name)
        if name.startswith("_") or name in LOCAL or name.endswith("ProtoBuf"):
            return found
        if not callable(found) or not hasattr(EWrapper, name):
            return found

        def told(*args: Any) -> None:
            self.heard.put((name, args))
            sys.stdout.write(json.dumps({"call": name, "args": plain(args)}) + "\n")

        return told

    def until(self, name: str, count: int = 1) -> tuple[Any, ...]:
        """Wait for a callback."""
        args: tuple[Any, ...] = ()
        while count:
            heard, args = self.heard.get(timeout=PATIENCE_S)
            count -= heard == name
        return args


def stock(symbol: str) -> Contract:
    """A US share."""
    contract = Contract()
    contract.symbol, contract.secType = symbol, "STK"
    contract.exchange, contract.currency = "SMART", "USD"
    return contract


def plan(app: App, first: int) -> None:
    """The session; request ids count from ``first``."""
    (order_id,) = app.until("nextValidId")
    app.reqPositions()
    app.until("positionEnd")
    app.reqContractDetails(first, stock("AAPL"))
    app.until("contractDetailsEnd")
    app.reqContractDetails(first + 1, stock("NO SUCH THING"))
    app.until("error")
    for number, symbol in enumerate(("AAPL", "MSFT"), first + 2):
        app.reqMktData(number, stock(symbol), "", False, False, [])
    app.until("tickSize", 40)
    app.cancelMktData(first + 3)
    order = Order()
    order.action, order.orderType, order.totalQuantity = "BUY", "MKT", 10
    order.eTradeOnly = order.firmQuoteOnly = False
    app.placeOrder(order_id, stock("AAPL"), order)
    app.until("commissionAndFeesReport" if hasattr(EWrapper, "commissionAndFeesReport")
              else "commissionReport")  # fmt: skip
    app.reqPositions()
    app.until("positionEnd")
    app.reqCurrentTime()
    app.until("currentTime")


def main() -> None:
    """Connect, follow the plan, leave."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--client-id", type=int, default=7)
    parser.add_argument("--first", type=int, default=1)
    options = parser.parse_args()
    logging.basicConfig(level=logging.CRITICAL)
    app = App()
    app.connect("127.0.0.1", options.port, options.client_id)
    if not app.isConnected():
        sys.exit("not connected")
    reader = threading.Thread(target=app.run, daemon=True)
    reader.start()
    plan(app, options.first)
    sys.stdout.write(json.dumps({"call": "end", "version": app.serverVersion()}) + "\n")
    app.disconnect()
    reader.join(PATIENCE_S)


main()
