"""How fast the paper gateway tells many clients, and what a client costs.

Two questions, each with clients of the official protocol in a process of their own (`sinks`):

- **blast**: so many tick messages a second in total to 8 sinks when nobody waits. The market's
  events are made beforehand; the gateway applies each to its book, tells its history, packs and
  sends it: everything but making it up.
- **steady**: the load of one core with 32 clients of 100 lines each, every line with 4 updates a
  second, on the wall clock, the market made up as it goes.

::

    python bench/fanout.py                  both, three rounds, medians; a table and a JSON file
    python bench/fanout.py --only blast --version 178

The server is this process; its CPU seconds are counted, so the figures are little disturbed by
what else the machine does (the load average is printed).
"""

from __future__ import annotations

import argparse
import asyncio
import concurrent.futures
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import attrs
from sinks import SinkProcess, cpu_seconds, memory_mb

from twsloop.clock import ManualClock
from twsloop.event_loop import default_loop_factory
from twsloop.paper import PaperGateway
from twsloop.paper.catalogue.instruments import Catalogue, Instrument
from twsloop.paper.clock.market_clock import MarketClock
from twsloop.paper.feeds.feed_base import FeedBase
from twsloop.paper.feeds.synthetic import SyntheticFeed
from twsloop.paper.market.vocabulary import Event

START = datetime(2026, 9, 28, 14, 0, tzinfo=UTC)
#: The goals: messages a second in total, and the share of a core.
GOAL_BLAST, GOAL_STEADY = 1_500_000, 0.40
#: Events handed over in a turn of the loop.
BATCH = 256


def shares(count: int) -> list[Instrument]:
    """Made-up shares."""
    model = Catalogue.standard(START.date()).by_symbol("AAPL")
    assert model is not None
    return [
        attrs.evolve(
            model,
            con_id=800_000_000 + n,
            symbol=f"S{n:03d}",
            local_symbol=f"S{n:03d}",
            reference_price=20.0 + 5 * n,
        )
        for n in range(count)
    ]


def contracts(instruments: Sequence[Instrument]) -> list[dict[str, Any]]:
    """How a client asks for them."""
    return [{"conId": one.con_id, "exchange": "SMART"} for one in instruments]


def market(instruments: Sequence[Instrument], rate: float) -> SyntheticFeed:
    """A made-up market of just these."""
    catalogue = Catalogue([]).with_instruments(instruments)
    return SyntheticFeed(catalogue, seed=1, rate=rate)


def made_beforehand(instruments: Sequence[Instrument], count: int) -> list[Event]:
    """The first events of a made-up market."""

    async def make() -> list[Event]:
        events: list[Event] = []
        clock = MarketClock(ManualClock(), start=START, speed=None)
        feed = market(instruments, 4.0)
        feed.start(events.extend, clock)
        clock.begin()
        while len(events) < count:  # noqa: ASYNC110  (the clock needs turns of the loop)
            await asyncio.sleep(0)
        feed.stop()
        return events[:count]

    return asyncio.run(make())


class Recorded(FeedBase):
    """Hands over events that are there already, as fast as they are taken."""

    always_open = True

    def __init__(self, instruments: Catalogue, events: Sequence[Event], lines: int) -> None:
        super().__init__(instruments)
        self._events = events
        self._place = 0
        self._lines = lines
        self.began = self.ended = 0.0
        self.cpu = 0.0

    def subscribe(self, con_id: int) -> None:
        """The last line wanted begins it, a moment later."""
        super().subscribe(con_id)
        if self.subscribers.total() == self._lines:
            self._loop.call_later(0.2, self._go)

    def _go(self) -> None:
        self.began, self.cpu = time.monotonic(), cpu_seconds()
        self._pump_soon()

    def _begin(self) -> None:
        """It waits for its lines."""

    def _resumed(self) -> None:
        self._pump_soon()

    def _end(self) -> None:
        """Nothing to let go of."""

    def _pump(self) -> None:
        if self.paused or not self._running():
            return
        batch = self._events[self._place : self._place + BATCH]
        self._place += len(batch)
        if batch:
            self._sink(batch)
        if self._place < len(self._events):
            if not self.paused:
                self._pump_soon()
        else:
            self.ended, self.cpu = time.monotonic(), cpu_seconds() - self.cpu
            self._finish()


def blast(options: argparse.Namespace, version: int) -> dict[str, Any]:
    """One round of the blast."""
    instruments = shares(options.symbols)
    events = made_beforehand(instruments, options.events)
    feed = Recorded(
        Catalogue([]).with_instruments(instruments), events, options.sinks * options.symbols
    )
    before = memory_mb()
    with PaperGateway(
        feed=feed, wait_for_readers=True, max_version=version, loop_factory=default_loop_factory()
    ) as paper:
        sinks = SinkProcess(
            paper.host, paper.port, range(1, options.sinks + 1), contracts=contracts(instruments)
        )
        feed.finished.result(300)
        stats = paper.stats["clients"]
        sent = {client_id: one["ticks"] + one["messages"] for client_id, one in stats.items()}
        counted = sinks.ask()
        until = time.monotonic() + 30
        while counted["frames"] != sent and time.monotonic() < until:
            time.sleep(0.05)
            counted = sinks.ask()
        counted = sinks.end()
    if counted["frames"] != sent:
        msg = f"sent {sent}, but {counted['ticks']} came"
        raise SystemExit(msg)
    seconds = feed.ended - feed.began
    total = sum(one["ticks"] for one in stats.values())
    return {
        "messages": total,
        "a_second": total / seconds,
        "events_a_second": len(events) / seconds,
        "server_cpu": feed.cpu / seconds,
        "cpu_us_a_message": feed.cpu / total * 1e6,
        "writes": sum(one["writes"] for one in stats.values()),
        "mb_a_second": counted["bytes"] / seconds / 1e6,
        "memory_mb_a_client": (memory_mb() - before) / options.sinks,
    }


def steady(options: argparse.Namespace, version: int) -> dict[str, Any]:
    """One round of the steady load."""
    instruments = shares(options.lines)
    feed = market(instruments, options.updates)
    before = memory_mb()
    with PaperGateway(
        feed=feed,
        max_version=version,
        max_clients=options.clients,
        loop_factory=default_loop_factory(),
    ) as paper:
        sinks = SinkProcess(
            paper.host, paper.port, range(1, options.clients + 1), contracts=contracts(instruments)
        )
        wanted = options.clients * options.lines
        until = time.monotonic() + 60
        while paper.feed.subscribers.total() < wanted and time.monotonic() < until:
            time.sleep(0.05)
        after_joining = memory_mb()
        time.sleep(1)
        start, cpu = time.monotonic(), cpu_seconds()
        ticks = sum(one["ticks"] for one in paper.stats["clients"].values())
        events = paper.stats["events"]
        time.sleep(options.seconds)
        spent, used = time.monotonic() - start, cpu_seconds() - cpu
        ticks = sum(one["ticks"] for one in paper.stats["clients"].values()) - ticks
        events = paper.stats["events"] - events
        writes = sum(one["writes"] for one in paper.stats["clients"].values())
        sinks.end()
    return {
        "core": used / spent,
        "core_a_client": used / spent / options.clients,
        "a_second": ticks / spent,
        "events_a_second": events / spent,
        "updates_a_line": events / spent / options.lines,
        "writes": writes,
        "memory_mb_a_client": (after_joining - before) / options.clients,
    }


def medians(rounds: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The median of each figure, and the lowest and highest of the rate."""
    found = {name: statistics.median(one[name] for one in rounds) for name in rounds[0]}
    key = "core" if "core" in found else "a_second"
    found["lowest"], found["highest"] = (pick(one[key] for one in rounds) for pick in (min, max))
    return found


def in_process(work: Any, *args: Any) -> dict[str, Any]:
    """Each round in a fresh process: no round's memory is another's."""
    import multiprocessing  # noqa: PLC0415

    with concurrent.futures.ProcessPoolExecutor(
        1, mp_context=multiprocessing.get_context("spawn")
    ) as pool:
        found: dict[str, Any] = pool.submit(work, *args).result()
        return found


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description="fan-out of the paper gateway")
    parser.add_argument("--only", choices=["blast", "steady"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--version", type=int, action="append", help="default: 225 and 178")
    parser.add_argument("--sinks", type=int, default=8)
    parser.add_argument("--symbols", type=int, default=100)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--lines", type=int, default=100)
    parser.add_argument("--updates", type=float, default=4.0)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--json", type=Path, default=Path(__file__).parent / "fanout.json")
    options = parser.parse_args()
    versions = options.version or [225, 178]
    found: dict[str, Any] = {"blast": {}, "steady": {}}
    rounds: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for _ in range(options.rounds):  # interleaved, so that a disturbance meets all of them
        for version in versions:
            for name, work in (("blast", blast), ("steady", steady)):
                if options.only in {None, name}:
                    one = in_process(work, options, version)
                    rounds.setdefault((name, version), []).append(one)
    for (name, version), measured in rounds.items():
        found[name][version] = medians(measured)
    found["machine"] = {
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "load": os.getloadavg(),
    }
    show(options, found)
    options.json.write_text(json.dumps(found, indent=2) + "\n")


def show(options: argparse.Namespace, found: dict[str, Any]) -> None:
    """The tables."""
    load = ", ".join(f"{one:.1f}" for one in found["machine"]["load"])
    print(f"{found['machine']['cores']} cores, load {load}; medians of {options.rounds} rounds")
    if found["blast"]:
        print(f"\nblast: {options.sinks} sinks x {options.symbols} lines, all told everything")
        print(
            "version  M msg/s (lowest..highest)  x goal  us CPU/msg  core  core/client  MB/client"
        )
        for version, one in found["blast"].items():
            print(
                f"{version:>7}  {one['a_second'] / 1e6:>7.2f} ({one['lowest'] / 1e6:.2f}.."
                f"{one['highest'] / 1e6:.2f})         {one['a_second'] / GOAL_BLAST:>6.2f}"
                f"  {one['cpu_us_a_message']:>10.2f}  {one['server_cpu']:>4.0%}"
                f"  {one['server_cpu'] / options.sinks:>11.1%}  {one['memory_mb_a_client']:>9.2f}"
            )
    if found["steady"]:
        print(
            f"\nsteady: {options.clients} clients x {options.lines} lines,"
            f" {options.updates:g} updates/s each"
        )
        print(
            "version  core (lowest..highest)  x goal  msg/s   updates/line  core/client  MB/client"
        )
        for version, one in found["steady"].items():
            print(
                f"{version:>7}  {one['core']:>4.0%} ({one['lowest']:.0%}..{one['highest']:.0%})"
                f"            {one['core'] / GOAL_STEADY:>6.2f}  {one['a_second']:>6.0f}"
                f"  {one['updates_a_line']:>11.2f}  {one['core_a_client']:>11.2%}"
                f"  {one['memory_mb_a_client']:>9.2f}"
            )


if __name__ == "__main__":
    main()
