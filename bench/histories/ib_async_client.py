"""ib_async as its documentation has it: a coroutine that returns the list of bars."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

from ib_async import IB, Contract  # type: ignore[import-not-found]

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from bench.histories.measured import BAR_SIZE, END_TEXT, PATIENCE, Beat, pin, report, turns


async def connected() -> IB:
    """A client that has connected."""
    ib = IB()
    await ib.connectAsync("127.0.0.1", int(sys.argv[1]), int(sys.argv[2]), timeout=PATIENCE)
    return ib


def main() -> None:
    """Take turns."""
    pin()
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    ib = loop.run_until_complete(connected())
    contract = Contract(
        secType="STK", conId=265598, symbol="AAPL", exchange="SMART", currency="USD"
    )
    beat = Beat(loop)

    async def bars(days: int) -> Any:
        beat.start()
        found = await ib.reqHistoricalDataAsync(
            contract,
            endDateTime=END_TEXT,
            durationStr=f"{days} D",
            barSizeSetting=BAR_SIZE,
            whatToShow="TRADES",
            useRTH=False,
            formatDate=2,
            timeout=PATIENCE,
        )
        beat.stop()
        return found

    for days in turns():

        def ask(days: int = days) -> tuple[int, Any]:
            found = loop.run_until_complete(bars(days))
            return len(found), found

        report(ask, beat)
    ib.disconnect()


if __name__ == "__main__":
    main()
