"""twsloop: IB's callbacks on the loop thread (``bare``), in ``run()``'s (``run``), or live tickers.

The plan's ``settings`` are configuration; nothing else differs.
"""

# ruff: noqa: D102  (what IB's callbacks are is in its manual)
from __future__ import annotations

import contextlib
import os
import sys
import threading
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from common import CLOCK, MARK, Bench
from ibapi.contract import Contract

from twsloop import Config, IBGateway, wire

#: What is a matter of the machine, or costs something else than what is measured.
USUAL: dict[str, Any] = {
    "session.lease": False,
    "contracts.cache": False,
    "journal.enabled": False,
    "pacing.rate": 10_000,
    "market_data.lines": 1_000,
    "market_data.tick_by_tick": 1_000,
}


class App(IBGateway):
    """Counts."""

    bench: Bench

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


class Late(IBGateway):
    """Notes how late each bid is."""

    bench: Bench

    def tickPrice(self, reqId: int, tickType: int, price: float, attrib: Any) -> None:
        self.bench.late.append(CLOCK() - price)


def config(bench: Bench) -> Config:
    """The settings of a run."""
    plan = bench.plan
    usual = {
        **USUAL,
        "connection.port": bench.port,
        "connection.max_version": plan.get("max_version", 225),
        "journal.file": str(Path(plan["control"]).with_name(f"{os.getpid()}.db")),
    }
    return Config.load(environ={}, overrides={**usual, **plan.get("settings", {})})


def share(number: int) -> Contract:
    """One of the made-up shares."""
    made = Contract()
    made.conId, made.symbol, made.secType = 800_000_000 + number, f"S{number:03d}", "STK"
    made.exchange, made.currency = "SMART", "USD"
    return made


def raw(gw: IBGateway, bench: Bench) -> None:
    """IB's own requests."""
    lines, streams = bench.plan["lines"], bench.plan["streams"]
    for number in range(lines):
        gw.reqMktData(1 + number, share(number), "", False, False, [])
    for number in range(streams):
        kind = "AllLast" if number < streams // 2 else "BidAsk"
        gw.reqTickByTickData(1001 + number, share(lines + number), kind, 0, False)


def live(gw: IBGateway, bench: Bench) -> None:
    """Live tickers and streams, with a callback for each update."""
    lines, streams = bench.plan["lines"], bench.plan["streams"]

    def count(_what: Any) -> None:
        bench.count += 1

    seen = 0.0

    def first(ticker: Any) -> None:
        nonlocal seen
        bench.count += 1
        if ticker.trade_count != seen:
            seen = ticker.trade_count
            if seen is not None:
                bench.mark(seen)

    def late(ticker: Any) -> None:
        bench.late.append(CLOCK() - ticker.bid)

    timed = bench.plan["mode"] == "latency"
    gw.subscribe([share(0)], late if timed else first)
    gw.subscribe([share(number) for number in range(1, lines)], late if timed else count)
    for number in range(streams):
        kind = "AllLast" if number < streams // 2 else "BidAsk"
        gw.market_data.ticks(share(lines + number), kind, on_update=count)


def connects(bench: Bench) -> None:
    """How long a connection takes until READY: accounts, orders and executions known.

    ``bare`` is IB's own start: until nextValidId.
    """
    taken = []
    for _ in range(bench.plan["times"]):
        bench.call()
        if bench.plan["way"] == "bare":
            taken.append(_plain_connect(bench))
        else:
            gw = IBGateway(config(bench))
            began = CLOCK()
            gw.start()
            taken.append((CLOCK() - began) * 1e3)
            gw.stop()
        bench.hang_up()
    bench.show(connect_ms=taken, ready_ms=taken)


def _plain_connect(bench: Bench) -> float:
    ready = threading.Event()

    class Starting(IBGateway):
        def nextValidId(self, orderId: int) -> None:
            ready.set()

    app = Starting(config(bench))
    began = CLOCK()
    app.connect("127.0.0.1", bench.port, 1)
    thread = threading.Thread(target=app.run)
    thread.start()
    ready.wait(10)
    took = (CLOCK() - began) * 1e3
    app.disconnect()
    thread.join(10)
    return took


def run_way(bench: Bench) -> None:
    """IB's own start: connect, and ``run()`` in this thread, where the callbacks come."""
    made = Late if bench.plan["mode"] == "latency" else App
    app = made(config(bench), callbacks=bench.plan["way"])
    app.bench = bench
    app.connect("127.0.0.1", bench.port, 1)

    def watch() -> None:
        raw(app, bench)
        bench.begin()
        bench.finish()
        os._exit(0)

    threading.Thread(target=watch, daemon=True).start()
    app.run()


def main() -> None:
    """Connect, subscribe, count."""
    bench = Bench()
    way = bench.plan["way"]
    if bench.plan["mode"] == "idle":
        connects(bench)
        return
    wanted = bench.plan.get("wire")
    if wanted is not None:
        runs = getattr(wire, "IMPLEMENTATION", "python")
        if runs != wanted:
            raise SystemExit(f"{wanted} was wanted, {runs} runs")
    bench.call()
    if way == "run":
        run_way(bench)
        return
    with contextlib.ExitStack() as stack:
        if way == "live":
            gw = stack.enter_context(IBGateway(config(bench)))
            live(gw, bench)
        else:
            made = Late if bench.plan["mode"] == "latency" else App
            made.bench = bench
            gw = stack.enter_context(made(config(bench)))
            raw(gw, bench)
        bench.begin()
        bench.plan["more"] = {"version": gw.serverVersion()}
        bench.finish()
        os._exit(0)  # the blaster goes with us


if __name__ == "__main__":
    main()
