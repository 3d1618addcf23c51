"""IB's own client: EWrapper and EClient in one, ``run()`` in a thread, as its manual shows it."""

# ruff: noqa: D102  (what IB's callbacks are is in its manual)
from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from common import CLOCK, MARK, Bench
from ibapi.client import EClient
from ibapi.contract import Contract
from ibapi.wrapper import EWrapper


class App(EWrapper, EClient):
    """Counts."""

    def __init__(self, bench: Bench) -> None:
        EWrapper.__init__(self)
        EClient.__init__(self, self)
        self.bench = bench
        self.ready = threading.Event()

    def nextValidId(self, orderId: int) -> None:
        self.ready.set()

    def tickPrice(self, reqId: int, tickType: int, price: float, attrib: Any) -> None:
        self.bench.count += 1

    def tickSize(self, reqId: int, tickType: int, size: Any) -> None:
        self.bench.count += 1

    def tickString(self, reqId: int, tickType: int, value: str) -> None:
        self.bench.count += 1

    def tickGeneric(self, reqId: int, tickType: int, value: float) -> None:
        self.bench.count += 1
        if tickType == MARK:
            self.bench.mark(value)

    def tickByTickAllLast(self, *what: Any) -> None:
        self.bench.count += 1

    def tickByTickBidAsk(self, *what: Any) -> None:
        self.bench.count += 1


class Late(App):
    """Notes how late each bid is."""

    def tickPrice(self, reqId: int, tickType: int, price: float, attrib: Any) -> None:
        self.bench.late.append(CLOCK() - price)


def share(number: int) -> Contract:
    """One of the made-up shares."""
    made = Contract()
    made.conId, made.symbol, made.secType = 800_000_000 + number, f"S{number:03d}", "STK"
    made.exchange, made.currency = "SMART", "USD"
    return made


def subscribe(app: Any, plan: dict[str, Any]) -> None:
    """All lines, then all streams: trades first."""
    lines, streams = plan["lines"], plan["streams"]
    for number in range(lines):
        app.reqMktData(1 + number, share(number), "", False, False, [])
    for number in range(streams):
        kind = "AllLast" if number < streams // 2 else "BidAsk"
        app.reqTickByTickData(1001 + number, share(lines + number), kind, 0, False)


def connects(bench: Bench) -> None:
    """How long a connection takes until nextValidId."""
    taken = []
    for _ in range(bench.plan["times"]):
        bench.call()
        app = App(bench)
        began = CLOCK()
        app.connect("127.0.0.1", bench.port, 1)
        thread = threading.Thread(target=app.run, daemon=True)
        thread.start()
        app.ready.wait(10)
        taken.append((CLOCK() - began) * 1e3)
        app.disconnect()
        bench.hang_up()
        thread.join(5)
        time.sleep(0.02)
    bench.show(connect_ms=taken, ready_ms=taken)


def main() -> None:
    """Connect, subscribe, count."""
    bench = Bench()
    if bench.plan["mode"] == "idle":
        connects(bench)
        return
    bench.call()
    app = (Late if bench.plan["mode"] == "latency" else App)(bench)
    app.connect("127.0.0.1", bench.port, 1)
    threading.Thread(target=app.run, daemon=True).start()
    app.ready.wait(10)
    subscribe(app, bench.plan)
    bench.begin()
    bench.plan["more"] = {"version": app.serverVersion()}
    bench.finish()
    os._exit(0)  # its reader thread would take another second


if __name__ == "__main__":
    main()
