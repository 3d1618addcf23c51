"""Twenty-four hours of market time at full speed, with two trading clients attached.

25 symbols, day and night, from one seed. The clients are IB's own (ibapi, untouched, in a process
of its own) and twsloop's; both watch all symbols and trade every few market minutes. Each names its
times in a timetable, so that the market waits for them and not the other way round. At the end

- what each client has counted, message by message, must be what the gateway says it has sent;
- the fills of both, the positions and the cash must fit together;
- and a second run (``--twice``) must end with the same digest.

::

    python bench/day.py                     the whole day
    python bench/day.py --hours 1 --twice   a short one, two times

The official client counts in its ``...ProtoBuf`` callbacks: one call a message.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import os
import sys
import threading
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from ibapi.client import EClient
from ibapi.contract import Contract
from ibapi.order import Order
from ibapi.wrapper import EWrapper
from sinks import cpu_seconds, memory_mb

from twsloop import Config, IBGateway
from twsloop.event_loop import default_loop_factory
from twsloop.paper import PaperGateway, Timetable
from twsloop.paper.catalogue.instruments import Catalogue
from twsloop.paper.feeds.synthetic import SyntheticFeed

START = datetime(2026, 9, 28, 4, 0, tzinfo=UTC)
SYMBOLS = 25
DONE = "reqCurrentTimeInMillis"
#: The official client's callbacks of tick messages, and of the messages that open a line.
TICKS = frozenset(
    f"{name}ProtoBuf"
    for name in (
        *("tickPrice", "tickSize", "tickString", "tickGeneric", "tickOptionComputation"),
        *("tickReqParams", "updateMarketDataType"),
    )
)
MESSAGE_CALLBACKS = [name for name in vars(EWrapper) if name.endswith("ProtoBuf")]


def symbols() -> list[str]:
    """The first shares of the standard market."""
    every = Catalogue.standard(START.date())
    return [one.symbol for one in every if one.sec_type == "STK"][:SYMBOLS]


def contract(symbol: str) -> Contract:
    """A US share."""
    made = Contract()
    made.symbol, made.secType, made.exchange, made.currency = symbol, "STK", "SMART", "USD"
    return made


def market_order(step: int, size: int) -> Order:
    """Bought in one round through the symbols, sold in the next."""
    made = Order()
    made.action = "BUY" if (step // SYMBOLS) % 2 == 0 else "SELL"
    made.orderType, made.tif, made.totalQuantity = "MKT", "DAY", Decimal(size)
    return made


class Trader:
    """What both clients do; the class beside it in the bases talks to the gateway."""

    def prepare(self, size: int, steps: int) -> None:
        """Set the counts to nothing."""
        self.size = size
        self.steps = steps
        self.counts: Counter[str] = Counter()
        self.fills: list[str] = []
        self.step = -1
        self.first_id = 0
        self.names = symbols()

    def begin(self: Any, first_id: int) -> None:
        """Watch everything, and say that the first step is done."""
        self.first_id = first_id
        for place, symbol in enumerate(self.names):
            self.reqMktData(1000 + place, contract(symbol), "", False, False, [])
        self.reqCurrentTimeInMillis()

    def currentTimeInMillis(self: Any, timeInMillis: int) -> None:
        """The next time has come: trade; the fill says that this step is done.

        (The order alone would not do: a client may send its requests by more ways than one.)
        """
        self.step += 1
        if self.step == self.steps:
            return  # the answer to the last one's end
        symbol = self.names[self.step % SYMBOLS]
        self.placeOrder(
            self.first_id + self.step, contract(symbol), market_order(self.step, self.size)
        )

    def error(self, *told: Any) -> None:
        """Farm notices are no news; all else is."""
        if not 2100 <= told[2] < 2170:
            print(type(self).__name__, *told, flush=True)

    def execDetails(self: Any, reqId: int, contract: Any, execution: Any) -> None:
        """A fill; times and ids included, for the digest."""
        self.fills.append(
            f"{execution.execId} {execution.time} {contract.symbol} {execution.side} "
            f"{execution.shares} {execution.price}"
        )
        self.reqCurrentTimeInMillis()


def _counting(name: str) -> Any:
    def count(self: Any, *_: Any) -> None:
        self.counts[name] += 1

    return count


COUNTERS = {name: _counting(name) for name in MESSAGE_CALLBACKS}
OfficialTrader: Any = type("OfficialTrader", (Trader, EWrapper, EClient), dict(COUNTERS))
OurTrader: Any = type("OurTrader", (Trader, IBGateway), dict(COUNTERS))


def _answer(pipe: Connection, app: Any) -> None:
    """Tell the parent what has been counted, until it says that this is the end."""
    while pipe.recv() != "end":
        pipe.send((dict(app.counts), list(app.fills), cpu_seconds(), memory_mb()))


def _official(pipe: Connection, port: int, plan: tuple[int, int]) -> None:
    """IB's own client, in its own process."""
    app = OfficialTrader.__new__(OfficialTrader)
    EClient.__init__(app, app)
    app.prepare(*plan)
    app.nextValidId = app.begin

    def answer() -> None:
        _answer(pipe, app)
        app.disconnect()

    pipe.send("ready")
    pipe.recv()
    threading.Thread(target=answer, daemon=True).start()
    app.connect("127.0.0.1", port, 1)
    app.run()


def _ours(pipe: Connection, port: int, plan: tuple[int, int]) -> None:
    """Twsloop's client, in its own process."""
    app = OurTrader.__new__(OurTrader)
    usual = {"connection.port": port, "connection.client_id": 2, "pacing.enabled": False}
    overrides = {**usual, "journal.enabled": False}  # as IB's own client, that has none
    OurTrader.__init__(app, Config.load(environ={}, overrides=overrides))
    app.prepare(*plan)
    with app:
        # What it has asked for its own use up to here is not told to the program.
        pipe.send("ready")
        pipe.recv()
        app.counts.clear()
        app.begin(1)
        _answer(pipe, app)


def ticks_and_others(counts: dict[str, int]) -> tuple[int, int]:
    """Of what a client has counted: ticks, and everything else."""
    ticks = sum(count for name, count in counts.items() if name in TICKS)
    return ticks, sum(counts.values()) - ticks


class Child:
    """A client's process."""

    def __init__(self, target: Any, port: int, plan: tuple[int, int]) -> None:
        spawn = multiprocessing.get_context("spawn")
        self.pipe, theirs = spawn.Pipe()
        self._process = spawn.Process(target=target, args=(theirs, port, plan))
        self._process.start()

    def end(self) -> None:
        """It disconnects and ends."""
        self.pipe.send("end")
        self._process.join(20)


def run(options: argparse.Namespace) -> dict[str, Any]:
    """One day."""
    names = set(symbols())
    everything = list(Catalogue.standard(START.date()))
    catalogue = Catalogue([one for one in everything if one.symbol in names])
    until = START + timedelta(hours=options.hours)
    steps = int(options.hours * 60 / options.every) - 1
    times = tuple(START + timedelta(minutes=options.every * (n + 1)) for n in range(steps))
    with PaperGateway(
        feed=lambda: SyntheticFeed(catalogue, seed=options.seed, rate=options.rate),
        start=START,
        until=until,
        speed="max",
        timetables={client_id: Timetable(times, done=DONE) for client_id in (1, 2)},
        loop_factory=default_loop_factory(),
    ) as paper:
        official = Child(_official, paper.port, (10, steps))
        ours = Child(_ours, paper.port, (7, steps))
        official.pipe.recv()
        official.pipe.send("go")
        ours.pipe.recv()  # READY: the market stands at its start
        before = paper.stats["clients"][2]["messages"]
        ours.pipe.send("go")
        began, cpu = time.monotonic(), cpu_seconds()
        while not paper.feed.finished.done():
            time.sleep(1)
            if options.verbose:
                print(f"{paper.market_time:%d %H:%M} {paper.stats['events']:>10,}", flush=True)
        seconds = time.monotonic() - began
        compared = _compare(paper, {1: official, 2: ours}, {1: 0, 2: before})
        cpu = cpu_seconds() - cpu
        stats = paper.stats
        account = paper.call(_account, paper)
        official.end()
        ours.end()
    digest = hashlib.sha256()
    for line in (*compared["fills"], json.dumps(account, sort_keys=True)):
        digest.update(line.encode())
    return {
        "market_hours": options.hours,
        "seconds": seconds,
        "events": stats["events"],
        "clients": stats["clients"],
        "compared": compared,
        "expected_fills": 2 * steps,
        "account": account,
        "cpu": cpu,
        "memory_mb": memory_mb(),
        "digest": digest.hexdigest(),
    }


def _account(paper: PaperGateway) -> dict[str, Any]:
    account = paper.engine.accounts[paper.account]
    return {
        "cash": {currency: str(amount) for currency, amount in sorted(account.cash.items())},
        "executions": len(paper.engine.executions),
    }


def _compare(paper: PaperGateway, children: Any, before: dict[int, int]) -> dict[str, Any]:
    """Wait until the clients have counted what the gateway has sent, or time is up."""
    until = time.monotonic() + 120
    while True:
        received, costs, fills = {}, {}, []
        for client_id, child in children.items():
            child.pipe.send("count")
            counts, own_fills, cpu, memory = child.pipe.recv()
            received[client_id] = ticks_and_others(counts)
            costs[client_id] = (cpu, memory)
            fills += own_fills
        sent = {
            client_id: (one["ticks"], one["messages"] - before[client_id])
            for client_id, one in paper.stats["clients"].items()
        }
        if received == sent or time.monotonic() > until:
            return {
                "sent": sent,
                "received": received,
                "same": received == sent,
                "fills": fills,
                "costs": costs,
            }
        time.sleep(0.5)


def show(one: dict[str, Any]) -> None:
    """How a day went."""
    compared = one["compared"]
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    print(
        f"{one['market_hours']:g} h of market time, {SYMBOLS} symbols: {one['events']:,} events in "
        f"{one['seconds']:.0f} s ({one['events'] / one['seconds']:,.0f} a second); load {load}"
    )
    for client_id, name in ((1, "ibapi"), (2, "twsloop")):
        ticks, others = compared["sent"][client_id]
        got, got_others = compared["received"][client_id]
        cpu, memory = compared["costs"][client_id]
        print(
            f"{name:>8}: sent {ticks:,} ticks and {others:,} other messages, received {got:,} and "
            f"{got_others:,}; {one['clients'][client_id]['conflated']} conflated; "
            f"its CPU {cpu:.0f} s, {memory:.0f} MB"
        )
    print(
        f" gateway: CPU {one['cpu']:.0f} s, {one['memory_mb']:.0f} MB; fills "
        f"{len(compared['fills'])} of {one['expected_fills']}; account {one['account']}"
    )


def main() -> None:
    """Run it, once or twice, and say how it went."""
    parser = argparse.ArgumentParser(description="a day of the paper market at full speed")
    parser.add_argument("--hours", type=float, default=24.0)
    parser.add_argument("--rate", type=float, default=1.9, help="actions a second and symbol")
    parser.add_argument("--every", type=float, default=5.0, help="minutes between two orders")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--twice", action="store_true")
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--json", type=Path, default=Path(__file__).parent / "day.json")
    options = parser.parse_args()
    found = [run(options) for _ in range(2 if options.twice else 1)]
    for one in found:
        show(one)
    options.json.write_text(json.dumps(found, indent=2) + "\n")
    if not all(one["compared"]["same"] for one in found):
        raise SystemExit("the counts differ")
    if any(len(one["compared"]["fills"]) != one["expected_fills"] for one in found):
        raise SystemExit("an order was not filled")
    if len({one["digest"] for one in found}) > 1:
        raise SystemExit("two runs with one seed differ")
    if options.twice:
        print(f"both runs: {found[0]['digest'][:16]}")


if __name__ == "__main__":
    main()
