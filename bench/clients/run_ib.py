"""ib_async and ib_insync, one of them by the plan: ``pendingTickersEvent``, and its own loop.

The hook looks at each update of each ticker, as their manuals show it.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from common import BEHIND, CLOCK, PATIENCE, Bench


class Program:
    """Counts, or notes how late each bid is."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.made = importlib.import_module(bench.plan["package"])
        self.ib = self.made.IB()
        self.first: Any = None
        self.over = asyncio.Event()

    def share(self, number: int) -> Any:
        """One of the made-up shares."""
        return self.made.Contract(
            conId=800_000_000 + number, symbol=f"S{number:03d}", secType="STK",
            exchange="SMART", currency="USD",
        )  # fmt: skip

    def count(self, tickers: Any) -> None:
        """Each update of each ticker."""
        bench = self.bench
        for ticker in tickers:
            for _tick in ticker.ticks:
                bench.count += 1
            for _tick in ticker.tickByTicks:
                bench.count += 1
        number = self.first.tradeCount
        if number == number and number != self.seen:
            self.seen = number
            bench.mark(number)
            if bench.over:
                self.over.set()

    seen = 0.0

    def note(self, tickers: Any) -> None:
        """Each bid."""
        now, late = CLOCK(), self.bench.late
        for ticker in tickers:
            for tick in ticker.ticks:
                late.append(now - tick.price)

    async def connects(self) -> None:
        """How long a connection takes: until it may be used, and until all is fetched."""
        bench = self.bench
        connected, ready = [], []
        for _ in range(bench.plan["times"]):
            bench.call()
            ib = self.made.IB()
            began = CLOCK()
            first: list[float] = []
            ib.client.apiStart += lambda noted=first: noted.append(CLOCK())
            await ib.connectAsync("127.0.0.1", bench.port, clientId=1)
            ready.append((CLOCK() - began) * 1e3)
            connected.append((first[0] - began) * 1e3)
            ib.disconnect()
            bench.hang_up()
            await asyncio.sleep(0.02)
        bench.show(connect_ms=connected, ready_ms=ready)

    async def run(self) -> None:
        """Connect, subscribe, count."""
        bench, plan = self.bench, self.bench.plan
        if plan["mode"] == "idle":
            await self.connects()
            return
        bench.call()
        await self.ib.connectAsync("127.0.0.1", bench.port, clientId=1)
        lines, streams = plan["lines"], plan["streams"]
        for number in range(lines):
            ticker = self.ib.reqMktData(self.share(number))
            self.first = self.first or ticker
        for number in range(streams):
            kind = "AllLast" if number < streams // 2 else "BidAsk"
            self.ib.reqTickByTickData(self.share(lines + number), kind)
        self.ib.pendingTickersEvent += self.note if plan["mode"] == "latency" else self.count
        await asyncio.get_running_loop().run_in_executor(None, bench.begin)
        plan["more"] = {"version": self.ib.client.serverVersion()}
        if plan["mode"] == "latency":
            said = await asyncio.get_running_loop().run_in_executor(None, bench.heard)
            until = CLOCK() + BEHIND
            # Its hook is not ours to wake anybody.
            while len(bench.late) < said["sent"] and CLOCK() < until:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
            bench.told_latency(said, **plan["more"])
            return
        async with asyncio.timeout(PATIENCE):
            await self.over.wait()
        bench.finish()


def main() -> None:
    """Run it."""
    program = Program(Bench())
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    loop.run_until_complete(program.run())
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
