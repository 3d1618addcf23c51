"""Limits and the kill switch with IB's own start: callbacks in the thread that called run()."""

from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import uvloop

from tests.support.desk import PATIENCE, config_for, open_paper
from twsloop.contracts.builders import stock
from twsloop.events import KillSwitchActed
from twsloop.gateway import IBGateway
from twsloop.orders.builders import limit_order, market_order


class App(IBGateway):
    """A program for ibapi: each callback does the next thing, and all of it blocks.

    It buys, and has another order work; the market falls, and the loss limit engages the kill
    switch, which cancels that one; a further order is refused; the program releases all, sells,
    engages the switch itself, is refused again, and ends. The end of the day is hours away.
    """

    def __init__(self, fall: Any, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.fall = fall
        self.story: list[str] = []
        self.threads: set[int] = set()
        self.first = 0
        self.ends_by_itself = False

    def _goes(self, chapter: str) -> bool:
        """Whether this is the next chapter, and no repetition."""
        self.threads.add(threading.get_ident())
        if chapter in self.story:
            return False
        self.story.append(chapter)
        return True

    def nextValidId(self, orderId: int) -> None:
        self.first = orderId
        self._goes("begun")
        alarm = self._IBGateway__slices.day._alarm
        self.ends_by_itself = alarm.next_at is not None
        self.placeOrder(orderId, stock("AAPL"), market_order("BUY", 100))

    def orderStatus(self, orderId: int, status: str, *_rest: Any) -> None:
        number = orderId - self.first
        if (number, status) == (0, "Filled") and self._goes("bought"):
            self.placeOrder(self.first + 1, stock("AAPL"), limit_order("BUY", 10, "100"))
        elif (number, status) == (1, "Submitted") and self._goes("working"):
            self.fall()
        elif (number, status) == (1, "Cancelled") and self._goes("cancelled"):
            self.placeOrder(self.first + 2, stock("AAPL"), market_order("BUY", 1))
        elif (number, status) == (3, "Filled") and self._goes("sold"):
            assert self.kill_switch.engage("enough")
            self.placeOrder(self.first + 4, stock("AAPL"), market_order("BUY", 1))

    def error(self, reqId: int, _time: int, _code: int, text: str, *_rest: Any) -> None:
        number = reqId - self.first if self.first else -1
        if number == 2 and self._goes("refused"):
            assert "kill_switch: engaged by loss limit: max_daily_loss: " in text
            assert self.risk.latched == ((self.accounts[0], "max_daily_loss"),)
            self.risk.change("max_daily_loss", None, reason="a test")
            assert self.risk.release(self.accounts[0], "max_daily_loss", "a test")
            assert self.kill_switch.release("a test")
            self.placeOrder(self.first + 3, stock("AAPL"), market_order("SELL", 100))
        elif number == 4 and self._goes("refused again"):
            assert "kill_switch: engaged by api: enough" in text
            self.disconnect()

    def connectionClosed(self) -> None:
        self._goes("over")


@pytest.mark.parametrize(
    ("supervised", "version", "loop_factory"),
    [(False, 225, uvloop.new_event_loop), (True, 200, asyncio.new_event_loop)],
    ids=["ib-protobuf", "supervised-text"],
)
def test_a_program_for_ibapi_is_stopped_by_a_loss(
    supervised: bool, version: int, loop_factory: Any, tmp_path: Path
) -> None:
    with open_paper(max_version=version) as (feed, paper):

        def fall() -> None:
            paper.call(feed.send, [feed.quote("AAPL", 170.0, 170.02), feed.trade("AAPL", 170.0)])

        settings = {
            "journal__enabled": True,
            "journal__file": tmp_path / "journal.db",
            "end_of_day__at": f"{datetime.now(UTC) + timedelta(hours=9):%H:%M} UTC",
        }
        config = config_for(paper, risk__max_daily_loss=1000, **settings)
        app = App(fall, config, loop_factory=loop_factory, callbacks="run")
        acted: list[KillSwitchActed] = []
        app.observe(KillSwitchActed, acted.append)
        late = threading.Timer(3 * PATIENCE, app.disconnect)
        late.start()
        try:
            if supervised:
                app.start()
            else:
                app.connect("127.0.0.1", paper.port, 1)
            app.run()
        finally:
            late.cancel()
            app.stop()
        assert app.story == [
            *("begun", "bought", "working", "cancelled", "refused", "sold", "refused again"),
            "over",
        ]
        assert app.threads == {threading.get_ident()}
        assert app.ends_by_itself
        first, second = acted
        assert [order.order_id for order in first.cancelled] == [app.first + 1]
        assert second.cancelled == ()
        with IBGateway(config, loop_factory=loop_factory) as again:
            assert again.kill_switch.reason == "enough"
            assert sum(row.quantity for row in again.positions().result(PATIENCE)) == Decimal(0)
