"""IB's own client: it counts the bars that its callback gets."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import Any

from ibapi.client import EClient
from ibapi.contract import Contract
from ibapi.wrapper import EWrapper

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from bench.histories.measured import BAR_SIZE, END_TEXT, PATIENCE, pin, report, turns


class App(EWrapper, EClient):  # type: ignore[misc]
    """Counts."""

    def __init__(self) -> None:
        EWrapper.__init__(self)
        EClient.__init__(self, self)
        self.ready, self.over = threading.Event(), threading.Event()
        self.count = 0

    def nextValidId(self, orderId: int) -> None:
        """The session stands."""
        self.ready.set()

    def historicalData(self, reqId: int, bar: Any) -> None:
        """Count."""
        self.count += 1

    def historicalDataEnd(self, reqId: int, start: str, end: str) -> None:
        """All have come."""
        self.over.set()


def main() -> None:
    """Take turns."""
    pin()
    app = App()
    app.connect("127.0.0.1", int(sys.argv[1]), int(sys.argv[2]))
    threading.Thread(target=app.run, daemon=True).start()
    if not app.ready.wait(PATIENCE):
        raise SystemExit("no nextValidId came")
    contract = Contract()
    contract.conId, contract.symbol, contract.secType = 265598, "AAPL", "STK"
    contract.exchange, contract.currency = "SMART", "USD"
    for number, days in enumerate(turns(), start=1):

        def ask(number: int = number, days: int = days) -> tuple[int, None]:
            app.count = 0
            app.over.clear()
            duration = f"{days} D"
            app.reqHistoricalData(
                number, contract, END_TEXT, duration, BAR_SIZE, "TRADES", 0, 2, False, []
            )
            if not app.over.wait(PATIENCE):
                raise SystemExit("no end came")
            return app.count, None

        report(ask)
    app.disconnect()


if __name__ == "__main__":
    main()
