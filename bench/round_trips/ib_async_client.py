"""ib_async as its documentation has it: one asyncio loop, and an event of the trade."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from typing import Any

from ib_async import IB, LimitOrder, Stock  # type: ignore[import-not-found]

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from bench.round_trips.turns import PATIENCE, pin, report, turns


async def connected() -> IB:
    """A client that has connected."""
    ib = IB()
    ib.client.MaxRequests = 0  # no client waits for a rate in this measurement
    await ib.connectAsync("127.0.0.1", int(sys.argv[1]), int(sys.argv[2]), timeout=PATIENCE)
    return ib


def main() -> None:
    """Take turns."""
    pin()
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    ib = loop.run_until_complete(connected())
    contract = Stock("AAPL", "SMART", "USD")

    async def placed() -> float:
        came: asyncio.Future[int] = loop.create_future()

        def told(trade: Any) -> None:
            if trade.orderStatus.status == "Submitted" and not came.done():
                came.set_result(time.perf_counter_ns())

        began = time.perf_counter_ns()
        trade = ib.placeOrder(contract, LimitOrder("BUY", 1, 50, tif="DAY"))
        trade.statusEvent += told
        return (await asyncio.wait_for(came, PATIENCE) - began) / 1e3

    for orders in turns():
        report(orders, lambda: loop.run_until_complete(placed()))
    ib.disconnect()


if __name__ == "__main__":
    main()
