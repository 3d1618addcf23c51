"""twsloop in the side-by-side: a supervised session, as its quickstart shows it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import side  # type: ignore[import-not-found]

from twsloop import Config, IBGateway, limit_order, market_order
from twsloop.events import Fill, Notice, SessionChanged


class Program(side.Driver):
    """The program."""

    def __init__(self, port: int) -> None:
        super().__init__()
        overrides = {"connection.port": port, "contracts.cache": False, "session.lease": False}
        self.gw = IBGateway(Config.load(environ={}, overrides=overrides))
        self.gw.observe(SessionChanged, self._changed)
        self.gw.observe(
            Notice, lambda one: side.tell("error", id=one.req_id, code=one.code, text=one.text)
        )
        self.gw.observe(Fill, lambda fill: self.fills.append(fill.exec_id))
        self.trades: list[Any] = []

    def _changed(self, fact: SessionChanged) -> None:
        if fact.old == "READY":
            side.tell("closed", text=f"{fact.new}: {fact.reason}")

    def _tick(self, ticker: Any, *_: Any) -> None:
        if ticker.bid:
            self.bid = ticker.bid

    def connected(self) -> bool:
        """What the client says."""
        return self.gw.session_state.name == "READY"

    def buy(self) -> None:
        """At the market."""
        trade = self.gw.place_order(side.SYMBOL, market_order("BUY", side.QUANTITY))
        self.trades.append(trade)
        trade.done.add_done_callback(lambda done: self._over(trade, done))

    def _over(self, trade: Any, done: Any) -> None:
        if done.result(0) in {"REFUSED", "NOT_SENT"}:
            side.tell("refused", text=trade.reason)

    def state(self) -> None:
        """Tell what the program knows now."""
        for trade in self.trades:
            self.statuses[trade.order_id] = str(trade.status)
        super().state()

    def start(self, bars: bool) -> None:
        """Connect, watch, rest an order."""
        self.gw.start()
        watch = self.gw.subscribe(side.SYMBOL, on_tick=self._tick)
        watch[side.SYMBOL]
        if bars:
            kept = self.gw.history.live_bars(side.SYMBOL, self._bar)
            del kept
        trade = self.gw.place_order(
            side.SYMBOL, limit_order("BUY", side.QUANTITY, str(side.REST_PRICE))
        )
        self.trades.append(trade)
        self.gw.open_orders().result(side.PATIENCE_S)

    def _bar(self, update: Any) -> None:
        self.close = float(update.bar.close)


def main() -> None:
    """Connect, watch, rest an order, and do what is asked."""
    plan = side.arguments()
    program = Program(plan.port)
    side.tell("connecting")
    try:
        program.start(plan.bars)
    except Exception as error:
        side.tell("failed", text=repr(error))
    else:
        side.tell("ready")
    side.serve(program)


if __name__ == "__main__":
    main()
