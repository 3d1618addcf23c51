"""The client that is killed: it reconciles, says what it knows, trades, and dies at a step."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import sys
import threading
import time
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

import uvloop

from twsloop import Config, IBGateway, Trade, bracket, limit_order, market_order, stock
from twsloop.events import Fill
from twsloop.orders.state import OrderStatus

from . import deeds
from .plans import CLIENT_ID, Plan
from .points import Trap
from .rights import become_nobody

__all__ = ["PATIENCE", "live"]

#: How long the neighbour waits between two orders, seconds.
PACE = 0.05
#: How long anything may take, seconds.
PATIENCE = 30.0
#: What the working orders bid; a cent more for each, so that no two are the same.
FAR, NEAR = 100.0, 189.0


def live(pipe: Connection, plan: Plan) -> None:
    """The child's whole life; it never returns."""
    # That a session was missed, or that nothing can be written where nothing can, is no news here.
    logging.basicConfig(level=logging.CRITICAL if plan.action == "refused" else logging.ERROR)
    try:
        if plan.before == "read_only_file":
            become_nobody()
        trap = Trap(plan.point, plan.passes)
        trap.lay()
        if not plan.action:
            trap.arm()
        _Child(pipe, plan, trap).live()
    except BaseException:  # noqa: BLE001  (the parent has to know)
        pipe.send(("failed", traceback.format_exc()))
        sys.stderr.flush()
        os._exit(1)


class _Child:
    def __init__(self, pipe: Connection, plan: Plan, trap: Trap) -> None:
        self._pipe, self._plan, self._trap = pipe, plan, trap
        self._chance = random.Random(plan.seed)
        self._made = 0
        overrides = {
            "connection.port": plan.port,
            "connection.client_id": plan.client_id,
            "connection.ready_timeout": PATIENCE,
            "session.lease_file": plan.file.with_name("leases.db"),
            "history.store": False,
            "journal.enabled": True,
            "journal.file": plan.file,
            "journal.sync": plan.sync,
            "journal.deadline": PATIENCE,  # the machine may be busy; no order is refused for it
        }
        self._app = IBGateway(
            Config.load(environ={}, overrides=overrides),
            loop_factory=asyncio.new_event_loop if plan.plain else uvloop.new_event_loop,
        )

    def live(self) -> None:
        """Start, tell, trade."""
        told: list[str] = []
        # Those of another client are listed anew at each start, and its own to know.
        self._app.observe(
            Fill,
            lambda fill: told.append(fill.exec_id) if fill.client_id == CLIENT_ID else None,
        )
        self._app.start()
        if self._plan.action != "refused":  # what cannot be written is never flushed
            self._settle()
        self._trap.arm(armed=False)
        self._pipe.send(
            (
                "ready",
                {
                    trade.order_id: (str(trade.status), trade.filled, trade.perm_id)
                    for trade in self._app.trades()
                    if trade.own
                },
                told,
            )
        )
        if self._pipe.recv() == "end":
            self._app.stop()
            self._pipe.send(("ended",))
            os._exit(0)
        doing = self._plan.action
        if not doing:  # there was nothing yet that could be listed
            self._do("market")
            self._do("rest")
            self._settle()
            self._pipe.send(("lives",))
            self._pipe.recv()
        if doing not in {"any", "stop", "trade", "refused"}:
            for _ in range(self._chance.randrange(3)):
                self._do(
                    self._chance.choice(("market", "rest", "near", "part", "cancel", "modify"))
                )
        changed = self._working() if doing in {"modify", "cancel"} else None
        if doing in deeds.DEEDS:
            self._do("burst", wait=False)  # orders go on meanwhile
        self._pipe.send(("armed",))
        self._trap.arm()
        if doing == "stop":
            self._app.stop()
        elif doing == "refused":
            deeds.be_refused(self._app)
        elif doing == "any":
            while True:
                self._do(self._chance.choice(tuple(self._actions())), wait=False)
        elif doing == "trade":
            while True:
                self._do(self._chance.choice(("market", "rest", "cancel", "modify")))
                time.sleep(PACE)
        elif doing in deeds.DEEDS:
            deeds.DEEDS[doing](self._app, self._chance)
            self._do("burst")
        else:
            self._do(doing, changed)
        if doing not in {"stop", "refused"}:
            self._settle()  # an order may be over before all about it is written
        self._pipe.send(("lives",))
        self._pipe.recv()

    def _settle(self) -> None:
        """Return when what was said so far was heard, and is written."""
        core = self._app._tws  # noqa: SLF001
        journal = self._app._IBGateway__slices.journal  # noqa: SLF001

        async def ask() -> None:
            await core.ask(lambda _id: core.reqPositions(), request="settling", key="positions")
            await journal.flush()

        core.event_loop.submit(ask).result(PATIENCE)

    # ---- what it does --------------------------------------------------------------------

    def _actions(self) -> dict[str, Callable[..., list[Trade]]]:
        return {
            "market": lambda: [self._place(market_order(self._side(), 10))],
            "rest": lambda: [self._place(limit_order("BUY", 10, self._price(FAR)))],
            "near": lambda: [self._place(limit_order("BUY", 10, self._price(NEAR)))],
            # As much as is offered, and no more: it is filled in parts.
            "part": lambda: [self._place(limit_order("BUY", 350, self._price(NEAR)))],
            "raw": self._raw,
            "bracket": self._bracket,
            "burst": lambda: [
                self._place(market_order(self._side(), 1 + step)) for step in range(6)
            ],
            "modify": self._modify,
            "cancel": self._cancel,
        }

    def _do(self, what: str, changed: Trade | None = None, *, wait: bool = True) -> None:
        """Do it, and wait until the gateway has answered."""
        action = self._actions()[what]
        trades = action(changed) if what in {"modify", "cancel"} else action()
        if not wait:
            return
        for trade in trades:
            if trade.order.orderType == "MKT":
                trade.settled.result(PATIENCE)
            else:
                _until_acknowledged(trade)

    def _side(self) -> str:
        return self._chance.choice(("BUY", "SELL"))

    def _price(self, about: float) -> float:
        self._made += 1
        return round(about + (self._plan.number % 40) / 10 * (about == FAR) + self._made / 100, 2)

    def _place(self, order: Any) -> Trade:
        return self._app.place_order(stock(self._chance.choice(("AAPL", "MSFT"))), order)

    def _raw(self) -> list[Trade]:
        order_id = self._app.next_order_id()
        self._app.placeOrder(order_id, stock("AAPL"), limit_order("BUY", 5, self._price(FAR)))
        found: list[Trade] = []
        while not found:  # it is in the book once the loop thread has looked at it
            self._app.event_loop.call(lambda: None)
            found = [trade for trade in self._app.trades() if trade.order_id == order_id]
        return found

    def _bracket(self) -> list[Trade]:
        orders = bracket("BUY", 10, entry=self._price(FAR), take_profit=250, stop_loss=50)
        return list(self._app.place_orders(stock("AAPL"), orders))

    def _working(self) -> Trade:
        """One that can be changed: of this process or of an earlier one."""
        found = [
            trade
            for trade in self._app.trades()
            if trade.own
            and trade.status in {OrderStatus.SUBMITTED, OrderStatus.PRE_SUBMITTED}
            and trade.order.orderType == "LMT"
            and not trade.order.parentId
        ]
        if found and self._chance.random() < 0.7:
            return self._chance.choice(found)
        trade = self._place(limit_order("BUY", 10, self._price(FAR)))
        _until_acknowledged(trade)
        return trade

    def _modify(self, trade: Trade | None = None) -> list[Trade]:
        trade = trade or self._working()
        price = self._price(FAR)
        if price == trade.order.lmtPrice:
            price = self._price(FAR)
        trade.modify(limit_price=str(price)).result(PATIENCE)
        return []

    def _cancel(self, trade: Trade | None = None) -> list[Trade]:
        (trade or self._working()).cancel().result(PATIENCE)
        return []


def _until_acknowledged(trade: Trade) -> None:
    """Wait until the gateway has told of an order."""
    told = threading.Event()
    trade.on_update(lambda _: told.set())
    while trade.status in {OrderStatus.CREATED, OrderStatus.PENDING_SUBMIT}:
        if not told.wait(PATIENCE):
            msg = f"{trade} was not answered"
            raise TimeoutError(msg)
        told.clear()
