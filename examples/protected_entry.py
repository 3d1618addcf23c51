"""Buy with a bracket, wait for what becomes of it, and leave nothing behind.

twsloop paper                   # in another terminal; or IB Gateway in paper mode
python examples/protected_entry.py
"""

from __future__ import annotations

import sys
from decimal import Decimal

from twsloop import Config, IBGateway, bracket

SYMBOL, SHARES = "AAPL", 10
#: How far from the price the profit is taken, and the loss.
DISTANCE = Decimal("0.05")
#: How long one of the two may take, seconds; then the position is closed at the market.
PATIENCE = 20.0


def main() -> int:
    """Run once; the exit code."""
    with IBGateway(Config.load(overrides={"connection.client_id": 13})) as gw:
        offer = gw.quote(SYMBOL).result(timeout=10).ask
        if offer is None:
            print(f"nobody offers {SYMBOL}")
            return 1
        price = Decimal(str(offer))
        orders = bracket(
            "BUY",
            SHARES,
            entry=price + Decimal("0.01"),
            take_profit=price + DISTANCE,
            stop_loss=price - DISTANCE,
        )
        entry, profit, loss = gw.orders.bracket(SYMBOL, orders, tag="example")
        if entry.done.result(timeout=PATIENCE) != "Filled":
            print(f"the entry ended {entry.status}: {entry.reason}")
            return 1
        print(f"bought {entry.filled} at {entry.average_price}")
        try:
            profit.done.result(timeout=PATIENCE)
            loss.done.result(timeout=PATIENCE)
        except TimeoutError:
            print("neither was reached: closing at the market")
            closing = gw.orders.close_position(SYMBOL, cancel_open=True).result(timeout=PATIENCE)
            closing.done.result(timeout=PATIENCE)
        for name, trade in (("profit", profit), ("loss", loss)):
            print(f"{name}: {trade.status} {trade.average_price or ''}".rstrip())
    return 0


if __name__ == "__main__":
    sys.exit(main())
