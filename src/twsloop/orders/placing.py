"""Placing orders: from any thread through the door, and their first step on the loop thread.

What the gateway is known to refuse raises in the thread of the call. Taking an id and handing the
order to the loop are one step there, under the door: the gateway refuses an id below the highest
that it has seen, so orders have to leave in the order of their ids.
"""

from __future__ import annotations

import functools
import itertools
import logging
import threading
from collections.abc import Iterable
from typing import Any

from ibapi.contract import Contract
from ibapi.order import Order

from twsloop.config.sections.orders import Validation
from twsloop.connection.core import Core
from twsloop.errors import LoopNotRunning, TwsLoopError
from twsloop.event_loop import Future
from twsloop.wire.handshake import MAX_CLIENT_VERSION

from .board import Board
from .book import OrderBook
from .checks import describe, tidy
from .copying import copied
from .exercise import ExerciseRequest, exercise_order
from .intent import Intent
from .previews import preview_key
from .reference import make_token, split_reference, with_token
from .state import OrderInput, OrderRecord, next_status
from .trade import Trade
from .validation import Validator
from .way_out import Send, WayOut
from .whatif import preview_order

__all__ = ["Placer"]

logger = logging.getLogger(__name__)


class Placer:
    """Takes in what users want placed; from any thread.

    Args:
        core: The connection.
        book: Every order.
        board: The handles of orders.
        way_out: Where orders leave.
        validator: Checks them first.

    Attributes:
        door: Held while an id is taken and its order handed over.
    """

    def __init__(
        self, core: Core, book: OrderBook, *, board: Board, way_out: WayOut, validator: Validator
    ) -> None:
        self._core = core
        self._book = book
        self._board = board
        self._way_out = way_out
        self._validator = validator
        self._began = round(core.clock.now().timestamp() * 1000)
        self._groups = itertools.count(1)
        self.door = threading.Lock()

    def new_group(self) -> str:
        """A name for a one-cancels-all group that was never used; from any thread."""
        return f"tw-{make_token(self._began, self._core.client_id, next(self._groups))}"

    def place_orders(
        self,
        wanted: Iterable[tuple[Contract, Order]],
        intent: Intent,
        *,
        linked: bool = False,
    ) -> tuple[Trade, ...]:
        """Place several orders with consecutive ids; none if one of them is wrong.

        Args:
            wanted: What to place; it is copied.
            intent: How.
            linked: All but the first become children of the first.
        """
        called = self._core.clock.monotonic()
        mode = self._validator.mode(intent.validate)
        group = []
        for contract, order in wanted:
            made = tidy(copied(order))
            self._validator.check(contract, made, mode)
            group.append((contract, made, intent.reference(made)))
        trades = []
        with self.door:
            first = self._core.order_ids.take(len(group))
            for offset, (contract, made, tag) in enumerate(group):
                if linked and offset:
                    made.parentId = first
                record = self._record(first + offset, contract, made, tag)
                record.origin, record.purpose = intent.origin, intent.reason
                trades.append(self._place(record, intent, mode, called=called))
        return tuple(trades)

    def _record(self, order_id: int, contract: Contract, order: Order, tag: str) -> OrderRecord:
        core = self._core
        order.orderId, order.clientId = order_id, core.client_id
        order.account = self._account(order)
        token = make_token(self._began, core.client_id, order_id)
        order.orderRef = with_token(tag, token)
        record = OrderRecord(order_id, core.client_id, copied(contract), order)
        record.asked = record.contract
        record.tag, record.token = tag, split_reference(order.orderRef)[1]
        return record

    def _account(self, order: Order) -> str:
        """Whose order it is; the configured account unless it is spread over a group's."""
        return order.account or ("" if order.faGroup else self._core.config.orders.account)

    def _place(
        self,
        record: OrderRecord,
        intent: Intent,
        mode: Validation,
        *,
        called: float,
        send: Send | None = None,
    ) -> Trade:
        self._core.health.orders.called(record.order_id, called)
        trade = self._board.new(record, (intent.on_update, intent.on_fill, intent.where))
        try:
            self._core.event_loop.post(self._begin, trade, mode, send)
        except LoopNotRunning:
            record.status = next_status(record.status, OrderInput.REFUSED)
            record.reason = "not connected (the gateway object is not started)"
            trade.resolve()
        return trade

    def preview(self, contract: Contract, order: Order, timeout: float | None) -> Future[list[Any]]:
        """Ask what an order would do; the answer is one (contract, order, state) of IB's."""
        core = self._core
        made = tidy(copied(order))
        made.whatIf = False  # set below; an order to be placed must not have it
        self._validator.check(contract, made, self._validator.mode(None))
        made = preview_order(made)
        made.account = self._account(made)
        what = copied(contract)
        with self.door:
            made.orderId, made.clientId = core.order_ids.take(), core.client_id
            return core.ask(
                lambda _id: self._way_out.call("placeOrder", (made.orderId, what, made)),
                request=f"preview of {describe(made)} {self._book.label(contract)}",
                key=preview_key(made.orderId),
                timeout=timeout,
            )

    def exercise(self, wanted: ExerciseRequest, intent: Intent) -> Trade:
        """Exercise an option, or let it lapse; it is followed as the order that IB makes of it."""
        core = self._core
        called = core.clock.monotonic()
        wanted.check_version(core.server_version or MAX_CLIENT_VERSION)
        order = exercise_order(wanted.action, wanted.quantity, wanted.account)
        with self.door:
            record = self._record(core.order_ids.take(), wanted.contract, order, intent.tag)
            record.origin, record.purpose = intent.origin, intent.reason
            arguments = wanted.arguments(record.order_id)
            send = functools.partial(self._way_out.call, "exerciseOptions", arguments)
            return self._place(record, intent, "off", called=called, send=send)

    # ---- the loop thread ------------------------------------------------------------

    def _begin(self, trade: Trade, mode: Validation, send: Send | None) -> None:
        record = trade.record
        early = self._way_out.too_early(record.order_id)
        if early and not record.final:
            # It may be the id of an order that works: nobody is told of another one with it.
            record.status = next_status(record.status, OrderInput.REFUSED)
            record.reason = early
            trade.resolve()
        if early:
            logger.warning("order %d: %s", record.order_id, early)
            self._board.forget([record])
            return
        self._board.created(record, self._core.clock.now())
        if record.final:  # given up while it was on its way here, and its waiters were told so
            self._board.catch_up(record)
            return
        if mode == "strict":
            self._way_out.hold_for_check(record)
            self._core.event_loop.spawn(self._check_first(record), name="details for an order")
        else:
            self._way_out.submit(record, send)
        self._way_out.tell_unless_leaving(record)

    async def _check_first(self, record: OrderRecord) -> None:
        """Ask what is needed to check the order; then it leaves, or is refused."""
        problem = "the check was given up"
        try:
            problem = await self._validator.ask(record.contract, record.order)
        except TwsLoopError as error:
            problem = f"its contract could not be asked for: {error}"
        finally:
            if problem and not record.final:
                self._way_out.refuse(record, problem)
            self._way_out.checked(record)
