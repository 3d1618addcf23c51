"""What goes out about orders. Every order-bearing request passes here, and nothing else sends one.

Theory of operation. `IBGateway` overrides each of EClient's order-bearing requests
(`raw.GUARDED`), and all of them enter this module, from any thread: ``place_order`` and the raw
calls alike. The work is done on the loop thread, in the order of the calls: the order gets its
record in the book, the gate is asked (`gate`), and only then EClient's own method is called
(`way_out.WayOut.call`). EClient calls its own ProtoBuf twin by name, which is overridden too: that
one call is expected and goes straight on, so that the gate is asked once. What reaches the socket
any other way is refused (`Orders.may_leave`).

Refusals come back the way the call came in: a `Trade` that is REFUSED or SIMULATED for
``place_order``, IB's ``error(orderId, time, code, text)`` for a raw call.

While the open orders are being fetched (before READY), orders wait and are judged anew when that
is over.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from ibapi.client import EClient
from ibapi.contract import Contract
from ibapi.order import Order
from ibapi.order_cancel import OrderCancel

from twsloop.connection.core import Core
from twsloop.connection.proof import LinkProof
from twsloop.errors import (
    LoopNotRunning,
    NotConnected,
    OrderError,
)
from twsloop.event_loop import Future
from twsloop.processors import Where
from twsloop.session.state import State

from .board import Board
from .book import OrderBook
from .changing import as_it_stands, changed_order
from .copying import copied
from .earlier import Earlier
from .executions import Forgot, nobody_counts
from .exercise import ExerciseRequest, is_exercise
from .intent import Intent
from .leaving import Guards
from .notices import OrderNotices
from .placing import Placer
from .previews import Previews
from .processor import OrderProcessor
from .raw import RawCalls
from .repair import Repair
from .state import (
    OrderInput,
    OrderRecord,
    OrderStatus,
    may_be_working,
    next_status,
)
from .steps import Closed, nobody_knows
from .sync import Sync
from .trade import OnFill, OnUpdate, Trade
from .validation import NOTHING, Knowledge, Validator
from .watch import Watch
from .way_out import WayOut

__all__ = ["Orders"]


class Orders:
    """The orders slice.

    Args:
        core: The connection.
        label: Writes a contract for people.
        wanted: Whether a session stands, or is to be made again.
        closed: Whether trading in a contract is closed at a time, with the hours outside of the
            regular session or without; None where nobody knows.
        known: What is in memory about a contract, from any thread (see `Validator`).
        learn: The same, asked of the gateway where it is not in memory.
        forgot: Told of executions that are not kept any more.
        guards: What an order passes besides, on its way out.
    """

    def __init__(
        self,
        core: Core,
        *,
        label: Callable[[Any], str],
        wanted: Callable[[], bool],
        closed: Closed = nobody_knows,
        known: Callable[[Contract], Knowledge] = lambda _contract: NOTHING,
        learn: Callable[[Contract], Awaitable[Knowledge]] | None = None,
        forgot: Forgot = nobody_counts,
        guards: Guards | None = None,
    ) -> None:
        self._core = core
        guards = guards or Guards()
        self._wanted = wanted
        self._validator = Validator(core, known, learn)
        self.book = OrderBook(label, closed, keep=core.config.orders.keep_settled, forgot=forgot)
        self.board = Board(core, self.book, self, guards)
        self._clean_up_set = False
        self.sync = Sync(core, self.book, self.board.announce)
        self._processor = OrderProcessor(core, self.book, self.board.announce)
        self.way_out = WayOut(
            core,
            self.book,
            board=self.board,
            proof=LinkProof(
                core, age=core.config.orders.link_age, deadline=core.config.orders.probe_deadline
            ),
            sync=self.sync,
            processor=self._processor,
            watch=Watch(core, self.book, self.board, self.sync),
            guards=guards,
        )
        self.repair = Repair(
            core,
            self.book,
            board=self.board,
            sync=self.sync,
            processor=self._processor,
            journal=guards.journal,
        )
        self._earlier = Earlier(
            core,
            self.book,
            board=self.board,
            processor=self._processor,
            repair=self.repair,
            journal=guards.journal,
            recall=guards.recall,
        )
        self.way_out.unclear = self._unclear
        self._placer = Placer(
            core,
            self.book,
            board=self.board,
            way_out=self.way_out,
            validator=self._validator,
        )
        self._raw = RawCalls(core, self.way_out)
        if core.role.hears_orders:
            core.add_slice(self._processor)
        Previews(core)
        OrderNotices(core, self.book, board=self.board, sync=self.sync, way_out=self.way_out)
        core.on_ready(self._ready)
        core.on_end(self.way_out.drained)
        core.on_down(self._down)
        core.on_session(self._session)

    # ---- doors: what users call ----------------------------------------------------------

    def place_order(self, contract: Contract, order: Order, intent: Intent) -> Trade:
        """Place one order; see `OrderDesk.place`."""
        return self._placer.place_orders([(contract, order)], intent)[0]

    def place_orders(
        self,
        wanted: Iterable[tuple[Contract, Order]],
        intent: Intent,
        *,
        linked: bool = False,
    ) -> tuple[Trade, ...]:
        """Place several orders with consecutive ids; see `Placer.place_orders`."""
        return self._placer.place_orders(wanted, intent, linked=linked)

    def preview(self, contract: Contract, order: Order, timeout: float | None) -> Future[list[Any]]:
        """Ask what an order would do; see `Placer.preview`."""
        return self._placer.preview(contract, order, timeout)

    def exercise(self, wanted: ExerciseRequest, intent: Intent) -> Trade:
        """Exercise an option, or let it lapse; see `Placer.exercise`."""
        return self._placer.exercise(wanted, intent)

    def cancel(self, trade: Trade) -> None:
        """See `Trade.cancel`."""
        if not may_be_working(trade.record):
            return
        self._refuse_foreign(trade.record)
        with contextlib.suppress(LoopNotRunning):  # then it is over, or never began
            self._core.event_loop.post(self.way_out.cancel, trade.record, OrderCancel())

    def modify(self, trade: Trade, changes: dict[str, Any]) -> Future[OrderStatus]:
        """See `Trade.modify`."""
        record = trade.record
        self.must_be_changeable(record)
        order = changed_order(as_it_stands(record), changes)
        self._validator.check(record.contract, order, self._validator.mode(None))
        future: Future[OrderStatus] = Future(self._core.event_loop)
        self._core.event_loop.post(self._modify, trade, order, future)
        return future

    def look_again(self, trade: Trade) -> Future[OrderStatus]:
        """See `Trade.look_again`."""
        return self._core.event_loop.submit(self.repair.look_at, trade.record)

    def check(self, contract: Contract, order: Order, intent: Intent) -> None:
        """Check an order that is to be placed later.

        Raises:
            InvalidOrder: What the gateway would refuse.
        """
        self._validator.check(contract, order, self._validator.mode(intent.validate))

    def must_be_changeable(self, record: OrderRecord) -> None:
        """Raise unless an order is live, and ours.

        Raises:
            OrderError: The text says which.
        """
        if record.final:
            msg = f"order {record.order_id} is {record.status}: there is nothing to modify"
            raise OrderError(msg)
        if is_exercise(record.sent or record.order):
            msg = f"order {record.order_id} exercises an option: cancel it, it cannot be changed"
            raise OrderError(msg)
        self._refuse_foreign(record)

    def cancel_everything(self) -> None:
        """Cancel all orders of all clients at the gateway, and stop what has not left."""
        self._raw.take("reqGlobalCancel", (OrderCancel(),))

    def new_group(self) -> str:
        """A name for a one-cancels-all group that was never used; from any thread."""
        return self._placer.new_group()

    def listen(
        self,
        trade: Trade,
        on_update: OnUpdate | None,
        on_fill: OnFill | None,
        where: Where,
    ) -> None:
        """See `Trade.on_update` and `Trade.on_fill`."""
        self.board.listen(trade, (on_update, on_fill, where))

    def trades(self) -> tuple[Trade, ...]:
        """Every order of ours that is not forgotten (`keeping`), by order id; from any thread."""
        return tuple(trade for trade in self.board.trades() if trade.own)

    # ---- doors: raw calls ----------------------------------------------------------------

    def raw(self, name: str, args: tuple[Any, ...]) -> None:
        """One of `GUARDED`, called IB's way; from any thread.

        What the caller handed over is copied before this returns: programs reuse their objects.
        """
        loop = self._core.event_loop
        if self.way_out.own_twin(name):
            getattr(EClient, name)(self._core.owner, *args)  # EClient's own call of its twin
            return
        taken = tuple(copied(arg) for arg in args)
        try:
            with self._placer.door:
                fresh = name.startswith("placeOrder") and self._take_id(args)
                loop.post(self._raw.take, name, taken, fresh)
        except LoopNotRunning:
            self.way_out.call(name, args)  # IB's client says 504

    def _take_id(self, args: tuple[Any, ...]) -> bool:
        """A raw placeOrder uses this id: whether it is a new one, which is then ours no more."""
        order_id = args[0] if len(args) > 1 else args[0].orderId
        return self._core.order_ids.claim(order_id)

    def may_leave(self) -> bool:
        """Whether an order-bearing message may be sent by this thread now; once for each call."""
        return self.way_out.may_leave()

    # ---- the loop thread: what was handed over -------------------------------------------

    def _modify(self, trade: Trade, order: Order, future: Future[OrderStatus]) -> None:
        record = trade.record
        if trade.change is not None:
            trade.change.set_exception(OrderError("another change of this order has followed"))
        trade.change = future
        if record.final:
            trade.resolve()
            return
        if self.way_out.change(record, order):
            order.transmit = True  # a bracket's parent was held back for its children; it works now
        else:
            trade.resolve()
        self.way_out.submit(record)

    # ---- the loop thread: the session ----------------------------------------------------

    async def _ready(self) -> None:
        """Before READY: know the orders, then let go what waited for that."""
        try:
            await self._earlier.restore()
        except Exception as error:  # noqa: BLE001  (a journal may hold anything; orders wait here)
            self._core.errors.report_exception("the orders of earlier processes", error)
        finally:
            self._processor.release()
        await self.repair.before_ready()
        self.way_out.let_go()

    def _unclear(self, record: OrderRecord) -> str:
        """Why a new order may not leave although the session is well; empty if it may."""
        return self._earlier.refuses(record) or self.repair.accepting.refuses(record)

    def _down(self) -> None:
        reason = "the session ended"
        self.sync.forget(reason)
        self._processor.named = False
        self._processor.drop()
        self._earlier.down()
        self.way_out.forget_held()
        for record in self.book.live():
            if record.own:
                lost = NotConnected("the session ended before the change was confirmed")
                if record.before_change is not None:
                    self.board.change_failed(record, lost, every=True)
                if next_status(record.status, OrderInput.LINK_LOST) is not record.status:
                    self.board.apply(record, OrderInput.LINK_LOST, reason)

    def _session(self, state: State, _reason: str) -> None:
        self._earlier.session(state)
        if state is State.CONNECTING and not self._clean_up_set:
            self._clean_up_set = True
            self._core.event_loop.at_stop(self._stopped)
        elif state is State.READY:
            self.way_out.let_go()  # after IB's own start nothing was fetched before
        elif state is State.DISCONNECTED:
            asyncio.get_running_loop().call_soon(self._abandon_if_over)

    def _stopped(self) -> None:
        self._clean_up_set = False
        self.board.abandon()

    def _abandon_if_over(self) -> None:
        if self._core.state is State.DISCONNECTED and not self._wanted():
            self.board.abandon()

    def _refuse_foreign(self, record: OrderRecord) -> None:
        if not record.own:
            whose = (
                f"belongs to client {record.client_id}" if record.order_id else "was placed by hand"
            )
            msg = f"order {record.order_id or record.perm_id} {whose}, and is read-only here"
            raise OrderError(msg)
