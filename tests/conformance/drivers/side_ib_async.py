"""ib_async in the side-by-side: ``IB().connect``, events, and its own loop."""

from __future__ import annotations

import asyncio
import sys
import threading
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import side  # type: ignore[import-not-found]
from ib_async import IB, LimitOrder, MarketOrder, Stock  # type: ignore[import-not-found]


class Program(side.Driver):
    """The program."""

    def __init__(self) -> None:
        super().__init__()
        self.ib = IB()
        self.share = Stock(side.SYMBOL, "SMART", "USD")
        self.ib.errorEvent += lambda req_id, code, text, _contract: side.tell(
            "error", id=req_id, code=code, text=text
        )
        self.ib.disconnectedEvent += lambda: side.tell("closed")
        self.ib.pendingTickersEvent += self._ticks
        self.ib.orderStatusEvent += self._status
        self.ib.execDetailsEvent += lambda _trade, fill: self.fills.append(fill.execution.execId)

    def _ticks(self, tickers: Any) -> None:
        for ticker in tickers:
            self.bid = ticker.bid

    def _status(self, trade: Any) -> None:
        self.statuses[trade.order.orderId] = trade.orderStatus.status

    def _bars(self, bars: Any, _new: bool) -> None:
        self.close = bars[-1].close

    def connected(self) -> bool:
        """What the client says."""
        return bool(self.ib.isConnected())

    def buy(self) -> None:
        """At the market."""
        order = MarketOrder("BUY", side.QUANTITY, tif="DAY")
        self.ib.placeOrder(self.share, order)

    async def run(self, port: int, bars: bool) -> None:
        """Connect, watch, rest an order."""
        side.tell("connecting")
        try:
            await self.ib.connectAsync("127.0.0.1", port, clientId=1)
        except Exception as error:
            side.tell("failed", text=repr(error))
            return
        await self.ib.qualifyContractsAsync(self.share)
        self.ib.reqMktData(self.share)
        await self._until(lambda: self.bid > 0)
        if bars:
            kept = await self.ib.reqHistoricalDataAsync(
                self.share, "", "1 D", "1 min", "TRADES", True, keepUpToDate=True
            )
            kept.updateEvent += self._bars
        self.ib.placeOrder(self.share, LimitOrder("BUY", side.QUANTITY, side.REST_PRICE, tif="DAY"))
        await self._until(lambda: "Submitted" in self.statuses.values())
        side.tell("ready")

    async def _until(self, condition: Any) -> None:
        async with asyncio.timeout(side.PATIENCE_S):
            while not condition():
                await asyncio.sleep(0.02)


def main() -> None:
    """Run the loop here, and read the commands in a thread."""
    plan = side.arguments()
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    program = Program()
    reader = threading.Thread(
        target=side.serve, args=(program, loop.call_soon_threadsafe), daemon=True
    )
    task = loop.create_task(program.run(plan.port, plan.bars))
    reader.start()
    loop.run_until_complete(task)
    loop.run_forever()


if __name__ == "__main__":
    main()
