"""Ask many things at once: the most active shares, and the last hours of each.

All questions leave together, no faster than IB allows, and the answers are waited for together.

    twsloop paper                   # in another terminal; or IB Gateway in paper mode
    python examples/scan_and_bars.py
"""

from __future__ import annotations

import asyncio
import sys

from twsloop import Config, IBGateway


async def main() -> int:
    """Ask, print a line for each share; the exit code."""
    config = Config.load(overrides={"connection.client_id": 12})
    async with IBGateway(config) as gw:
        rows = (await gw.scanner.scan("MOST_ACTIVE"))[:5]
        answers = await asyncio.gather(
            *(
                gw.history.bars(row.contract, duration="5 D", bar_size="1 hour", what="TRADES")
                for row in rows
            ),
            return_exceptions=True,  # one share without bars is no reason to lose the others
        )
        for row, bars in zip(rows, answers, strict=True):
            if isinstance(bars, BaseException):
                print(f"{row.contract.symbol:6} {bars}")
                continue
            first, last = bars[0], bars[-1]
            change = (last.close / first.open - 1) * 100
            print(f"{row.contract.symbol:6} {len(bars):3} bars  {last.close:>9}  {change:+.2f} %")
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
