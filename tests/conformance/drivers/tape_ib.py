"""One session of ib_async or ib_insync: every message it decodes, and what it makes of them.

Runs in the client's environment; knows nothing of twsloop.
"""

from __future__ import annotations

import argparse
import importlib
import json
import logging
import sys
from typing import Any

PATIENCE_S = 20.0
#: waitOnUpdate misses what came just before it: nothing may follow for it to be woken by.
POLL_S = 0.02


def tell(**fields: Any) -> None:
    """Print one JSON line."""
    sys.stdout.write(json.dumps(fields, default=str) + "\n")


def main() -> None:
    """Connect, ask, stream, trade, leave."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--client-id", type=int, default=7)
    parser.add_argument("--module", default="ib_async")
    options = parser.parse_args()
    logging.basicConfig(level=logging.CRITICAL)
    lib = importlib.import_module(options.module)
    ib = lib.IB()
    decode = ib.client.decoder.interpret
    ends: list[str] = []

    def interpret(fields: list[str]) -> None:
        if not ends:
            tell(call=fields[0], args=fields[1:])
        decode(fields)
        if fields[0] == "49":  # currentTime: the last question's answer
            ends.append("over")

    ib.client.decoder.interpret = interpret
    ib.connect("127.0.0.1", options.port, clientId=options.client_id, timeout=PATIENCE_S)
    apple = lib.Stock("AAPL", "SMART", "USD")
    ib.qualifyContracts(apple)
    ticker = ib.reqMktData(apple)
    while ticker.bid != ticker.bid:
        ib.sleep(POLL_S)
    trade = ib.placeOrder(apple, lib.MarketOrder("BUY", 10))
    while not trade.isDone():
        ib.sleep(POLL_S)
    while not trade.fills or not trade.fills[-1].commissionReport.execId:
        ib.sleep(POLL_S)
    ib.reqCurrentTime()
    fills = [(fill.execution.execId, fill.execution.price) for fill in trade.fills]
    tell(call="end", version=ib.client.serverVersion(), status=trade.orderStatus.status, args=fills)
    ib.disconnect()


main()
