"""A busy client for a while: does it grow, does it miss anything, what does it cost?

100 tickers, 3 depth books, 5 tick-by-tick streams, bars that are kept up to date, and an order each
second, for ten minutes, against a paper gateway in a process of its own, in real time. At the end

- what came in must be what the gateway says it has sent, kind by kind;
- what callbacks and handles were told must be what came in;
- every order must be final, and its fills those of the gateway;
- and memory must not have grown in the second half.

A client keeps the newest orders that are over (``[orders] keep_settled``, 5000, about 6 kB each).
Ten minutes do not fill that, so it is set to `KEPT` here, which the first quarter fills; and the
program itself holds no order that is over. Measured is the resident memory (Linux: VmRSS) after a
garbage collection, sixty times in all; compared are the medians of the second and the last quarter.

::

    python bench/soak.py                    ten minutes
    python bench/soak.py --seconds 20       a short one
    python bench/soak.py --no-orders        growth of everything else
"""

from __future__ import annotations

import argparse
import gc
import itertools
import json
import multiprocessing
import os
import statistics
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from sinks import cpu_seconds, memory_mb

from twsloop import Config, IBGateway, Trade, limit_order, market_order, option, stock
from twsloop.event_loop import default_loop_factory
from twsloop.events import Fill
from twsloop.paper import PaperGateway
from twsloop.paper.catalogue.instruments import Catalogue
from twsloop.paper.feeds.synthetic import SyntheticFeed
from twsloop.wire.messages import INBOUND

#: A Monday in the regular session, in real time from there.
START = datetime(2026, 9, 28, 14, 30, tzinfo=UTC)
TICKERS, BOOKS, STREAMS = 100, 3, 5
#: How long everything may take to open, and to come in at the end, seconds.
PATIENCE = 60.0
#: How many orders that are over are kept.
KEPT = 50
#: Messages of market data lines, which the gateway counts together.
TICKS = frozenset(
    {
        *("tickPrice", "tickSize", "tickString", "tickGeneric", "tickOptionComputation"),
        *("tickReqParams", "marketDataType", "tickEFP"),
    }
)
#: Callbacks of whole messages: their protobuf twin, and what the message is called.
MESSAGES = {
    callback: kind.name
    for kind in INBOUND.values()
    for callback in kind.callbacks
    if callback.endswith("ProtoBuf")
}


# ---- the gateway, in its own process ---------------------------------------------------------


def serve(pipe: Connection, seed: int, rate: float) -> None:
    """Run a paper gateway until it is told that this is the end; say what it has counted."""
    catalogue = Catalogue.standard(START.date())
    with PaperGateway(
        feed=lambda: SyntheticFeed(catalogue, seed=seed, rate=rate),
        start=START,
        loop_factory=default_loop_factory(),
    ) as paper:
        pipe.send((paper.port, [f"#{one.con_id}@{one.exchange}" for one in catalogue]))
        while pipe.recv() != "end":
            executions = paper.call(lambda: len(paper.engine.executions))
            pipe.send((paper.stats, executions, cpu_seconds(), memory_mb()))


@contextmanager
def gateway_process(options: argparse.Namespace) -> Iterator[Connection]:
    """The gateway's process, and the way to ask it."""
    spawn = multiprocessing.get_context("spawn")
    pipe, theirs = spawn.Pipe()
    process = spawn.Process(target=serve, args=(theirs, options.seed, options.rate))
    process.start()
    try:
        yield pipe
    finally:
        pipe.send("end")
        process.join(20)


# ---- the client ------------------------------------------------------------------------------


class Ears:
    """Counts every message that comes in, by kind, before anybody else hears it."""

    def __init__(self) -> None:
        self.kinds: Counter[str] = Counter()
        for callback, kind in MESSAGES.items():
            setattr(self, callback, self._count(kind))

    def _count(self, kind: str) -> Callable[[Any], None]:
        def count(_message: Any) -> None:
            self.kinds[kind] += 1

        return count


class Chain(IBGateway):
    """Asks for AAPL's options, as IB's client does."""

    def prepare(self) -> None:
        """Wait for the whole chain."""
        self.whole = threading.Event()
        self.listed: dict[str, list[float]] = {}

    def securityDefinitionOptionParameter(self, *told: Any) -> None:
        """One exchange's chain."""
        _, exchange, _, _, _, expirations, strikes = told
        if exchange == "SMART":
            for day in expirations:
                self.listed[day] = sorted(strikes)

    def securityDefinitionOptionParameterEnd(self, reqId: int) -> None:
        """All of them."""
        self.whole.set()


class Soak:
    """Everything that the client does, and what it was told.

    Args:
        app: The client, READY.
        names: The instruments to watch; options fill them up.
    """

    def __init__(self, app: Chain, names: list[str]) -> None:
        self.app = app
        self.told: Counter[str] = Counter()
        #: Those that are not over.
        self.trades: list[Trade] = []
        self.orders = self.fills = 0
        app.observe(Fill, self._filled)
        self._names = names
        self._handles: list[Any] = []

    def open(self) -> None:
        """Open everything, and return when each has been told something."""
        app, market = self.app, self.app.market_data
        watched = [*self._names, *self._options(TICKERS - len(self._names))]
        quotes = app.subscribe(watched, on_tick=self._hear("quotes"))
        shares = ["AAPL", "MSFT", "NVDA", "SPY", "QQQ"]
        self._handles = [
            quotes,
            *(market.depth(name, 10, on_update=self._hear("books")) for name in shares[:BOOKS]),
            *(
                market.ticks(name, kind, on_update=self._hear("ticks"))
                for name, kind in zip(shares[:STREAMS], itertools.cycle(["Last", "BidAsk"]))
            ),
            app.history.live_bars(
                "AAPL",
                duration=timedelta(minutes=30),
                bar_size="5 secs",
                on_update=self._hear("bars"),
            ),
        ]
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until and not (
            all(ticker.bid is not None for ticker in quotes) and len(self.told) == 4
        ):
            time.sleep(0.1)

    def order(self, number: int) -> None:
        """One order: bought, sold, or far from the market and cancelled."""
        contract = stock(["AAPL", "MSFT", "NVDA", "SPY"][number % 4])
        if number % 3 == 2:
            trade = self.app.place_order(contract, limit_order("BUY", 1, 1))
            trade.cancel()
        else:
            side = ("BUY", "SELL")[number % 3]
            trade = self.app.place_order(contract, market_order(side, 1))
        self.orders += 1
        self.trades = [*(each for each in self.trades if not each.settled.done()), trade]

    def _filled(self, _fill: Fill) -> None:
        self.fills += 1

    def close(self) -> None:
        """Wait for the orders, and cancel everything."""
        for trade in self.trades:
            trade.settled.result(PATIENCE)
        for handle in self._handles:
            handle.cancel()
        self.app.positions().result(PATIENCE)

    def _hear(self, what: str) -> Callable[..., None]:
        def hear(*_: Any) -> None:
            self.told[what] += 1

        return hear

    def _options(self, count: int) -> list[Any]:
        self.app.prepare()
        self.app.reqSecDefOptParams(1, "AAPL", "", "STK", 265598)
        assert self.app.whole.wait(PATIENCE), "no option chain"
        (day, strikes) = sorted(self.app.listed.items())[3]
        middle = len(strikes) // 2
        near = strikes[middle - count // 4 - 1 :]
        made = [option("AAPL", day, strike, right) for strike in near for right in "CP"]
        return made[:count]


# ---- the run ---------------------------------------------------------------------------------


def run(options: argparse.Namespace) -> dict[str, Any]:
    """One soak."""
    with gateway_process(options) as pipe:
        port, names = pipe.recv()
        overrides = {
            "connection.port": port,
            "connection.client_id": 1,
            "orders.keep_settled": KEPT,
            "journal.enabled": False,  # counted is what the client itself keeps
        }
        app = Chain(Config.load(environ={}, overrides=overrides))
        ears = Ears()
        # As twsloop's own parts listen: a program's processors do not hear what these have asked.
        app._tws.registry.add_slice(ears)  # noqa: SLF001
        with app:
            soak = Soak(app, names)
            soak.open()
            samples, cpu, server_cpu = _run_for(options, soak, pipe)
            # Of one moment, on the loop thread: what comes in after a cancel is told to nobody.
            heard = app.event_loop.call(lambda: (Counter(ears.kinds), Counter(soak.told)))
            soak.close()
            found = _compare(pipe, ears, soak)
            found["untold"] = untold(*heard)
            found["left_open"] = len(app._tws.streams)  # noqa: SLF001
        return {
            "seconds": options.seconds,
            "memory_mb": samples,
            "growth_mb": growth(samples),
            "cpu": cpu,
            "server_cpu": server_cpu,
            **found,
        }


def _run_for(
    options: argparse.Namespace, soak: Soak, pipe: Connection
) -> tuple[list[float], float, float]:
    """Place an order each second; memory samples, and the CPU of both while it ran."""
    samples: list[float] = []
    seconds = options.seconds
    every = max(seconds / 60, 1.0)
    began, cpu = time.monotonic(), cpu_seconds()
    pipe.send("count")
    server_cpu = pipe.recv()[2]
    for number in itertools.count():
        now = time.monotonic() - began
        if now >= seconds:
            break
        if options.orders:
            soak.order(number)
        if now >= len(samples) * every:
            gc.collect()
            samples.append(memory_mb())
        time.sleep(max(began + number + 1 - time.monotonic(), 0.0))
    cpu = cpu_seconds() - cpu
    pipe.send("count")
    return samples, cpu, pipe.recv()[2] - server_cpu


def growth(samples: list[float]) -> float:
    """How much more memory there is in the last quarter than in the second one, MB."""
    quarter = max(len(samples) // 4, 1)
    early = samples[quarter : 2 * quarter] or samples[:1]
    return statistics.median(samples[-quarter:]) - statistics.median(early)


def _compare(pipe: Connection, ears: Ears, soak: Soak) -> dict[str, Any]:
    """Wait until all that was sent has come in, or time is up."""
    until = time.monotonic() + PATIENCE
    while True:
        pipe.send("count")
        stats, executions, _, memory = pipe.recv()
        sent: Counter[str] = Counter(stats["clients"][1]["kinds"])
        sent["ticks"] = stats["clients"][1]["ticks"] + sum(sent.pop(kind, 0) for kind in TICKS)
        came: Counter[str] = Counter()
        for kind, count in ears.kinds.items():
            came["ticks" if kind in TICKS else kind] += count
        if sent == came or time.monotonic() > until:
            break
        time.sleep(0.2)
    return {
        "sent": dict(sent),
        "missed": {
            kind: sent[kind] - came[kind] for kind in sent | came if sent[kind] != came[kind]
        },
        "conflated": stats["clients"][1]["conflated"],
        "told": dict(soak.told),
        "orders": soak.orders,
        "orders_kept": len(soak.app.trades()),
        "open_orders": sum(not trade.done.done() for trade in soak.trades),
        "fills": soak.fills,
        "executions": executions,
        "server_memory_mb": memory,
    }


def untold(came: Counter[str], told: Counter[str]) -> dict[str, int]:
    """What came in, and was not told to the callbacks of its stream."""
    wanted = {
        "books": came["updateMktDepth"] + came["updateMktDepthL2"],
        "ticks": came["tickByTick"],
        # Bars are told at each update, and those of the answer one by one before.
        "bars": max(came["historicalDataUpdate"], told["bars"], 1),
        "quotes": max(told["quotes"], 1),
    }
    return {what: count - told[what] for what, count in wanted.items() if count != told[what]}


def problems(found: dict[str, Any], allowed: float) -> list[str]:
    """What is not as it must be."""
    checks = {
        f"messages were missed: {found['missed']}": found["missed"],
        f"not everything was told: {found['untold']}": found["untold"],
        f"{found['open_orders']} orders are not final": found["open_orders"],
        f"{found['fills']} of {found['executions']} fills": found["fills"] != found["executions"],
        f"{found['left_open']} streams are left open": found["left_open"],
        f"{found['orders_kept']} orders are kept": found["orders_kept"] > KEPT,
        f"memory grew by {found['growth_mb']:.1f} MB": found["growth_mb"] > allowed,
    }
    return [text for text, wrong in checks.items() if wrong]


def show(found: dict[str, Any]) -> None:
    """How it went."""
    seconds, sent = found["seconds"], found["sent"]
    ticks = sent["ticks"]
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    told = ", ".join(f"{count:,} {what}" for what, count in sorted(found["told"].items()))
    print(
        f"{seconds:g} s: {TICKERS} tickers, {BOOKS} books, {STREAMS} tick-by-tick streams, live "
        f"bars, {found['orders']} orders; load {load}\n"
        f"came in: {ticks:,} ticks ({ticks / seconds:,.0f} a second), "
        f"{sum(sent.values()) - ticks:,} other messages; {sum(found['missed'].values())} missed, "
        f"{found['conflated']} conflated\n"
        f"told:    {told}, {found['fills']} fills\n"
        f"client:  CPU {100 * found['cpu'] / seconds:.1f} % of a core, "
        f"{found['memory_mb'][-1]:.0f} MB, grown by {found['growth_mb']:+.2f} MB in half the time; "
        f"{found['orders_kept']} orders kept\n"
        f"gateway: CPU {100 * found['server_cpu'] / seconds:.1f} % of a core, "
        f"{found['server_memory_mb']:.0f} MB"
    )


def main() -> None:
    """Run it, and say how it went."""
    parser = argparse.ArgumentParser(description="a busy client for a while")
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--rate", type=float, default=1.9, help="actions a second and instrument")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--no-orders", dest="orders", action="store_false")
    parser.add_argument("--growth", type=float, default=1.0, help="MB to grow by")
    parser.add_argument("--json", type=Path, default=Path(__file__).parent / "soak.json")
    options = parser.parse_args()
    found = run(options)
    show(found)
    options.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    wrong = problems(found, options.growth)
    if wrong:
        raise SystemExit("\n".join(wrong))


if __name__ == "__main__":
    main()
