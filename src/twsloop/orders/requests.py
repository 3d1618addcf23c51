"""What goes out about orders. Every order-bearing request passes here, and nothing else sends one.

Theory of operation. `IBGateway` overrides each of EClient's order-bearing requests
(`raw.GUARDED`), and all of them enter this module, from any thread: ``place_order`` and the raw
calls alike. The work is done on the loop thread, in the order of the calls: the order gets its
record in the book, the gate is asked (`gate`), and only then EClient's own method is called
(`Orders.call`). EClient calls its own ProtoBuf twin by name, which is overridden too: that one call
is expected and goes straight on, so that the gate is asked once. What reaches the socket any other
way is refused (`Orders.may_leave`).

Refusals come back the way the call came in: a `Trade` that is REFUSED or SIMULATED for
``place_order``, IB's ``error(orderId, time, code, text)`` for a raw call.

While the open orders are being fetched (before READY), orders wait here and are judged anew when
that is over. At the end of a session an order that is still waiting, or queued in the Outbox, is
NOT_SENT; only one that was handed to the socket and not answered is UNCERTAIN, and the next session
tells what became of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import functools
import re
import threading
from collections.abc import Awaitable, Callable
from typing import Any

from ibapi.client import EClient
from ibapi.contract import Contract
from ibapi.errors import FAIL_SEND_ORDER
from ibapi.order import Order
from ibapi.order_cancel import OrderCancel

from twsloop.connection.core import Core
from twsloop.errors import (
    InvalidOrder,
    LoopNotRunning,
    NotConnected,
    OrderError,
    OrdersRefused,
    RequestError,
)
from twsloop.event_loop import Future
from twsloop.events import Ends, Notice
from twsloop.ids import FIRST_REQUEST_ID
from twsloop.processors import Where
from twsloop.session.state import State
from twsloop.transport import Fate, Lane

from .board import Board, Callbacks
from .book import OrderBook
from .builders import to_price, to_quantity
from .checks import check_order, tidy
from .copying import copied
from .gate import Answer, Situation, Verdict, judge
from .processor import OrderProcessor
from .raw import CANCEL_UNKNOWN, RawCalls
from .simulate import Quote, simulate
from .state import WORDS, OrderInput, OrderRecord, OrderStatus, next_status
from .sync import Sync
from .trade import OnFill, OnUpdate, Trade

__all__ = ["Orders"]

#: Categories of notices that speak of data even if their id is an order's too.
_NOT_ABOUT_ORDERS = frozenset({"historical", "market_data", "market_data_farm"})
#: The order that a cancel named is over.
CANCEL_OVER = 10148
_STATE = re.compile(r"state:\s*([A-Za-z]+)")
#: Friendly names of what is usually modified.
_CHANGES: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "quantity": ("totalQuantity", to_quantity),
    "limit_price": ("lmtPrice", functools.partial(to_price, what="limit price")),
    "stop_price": ("auxPrice", functools.partial(to_price, what="stop price")),
}
_CONNECTED = frozenset({State.STARTING, State.SYNCING, State.READY, State.DEGRADED})

Send = Callable[[], object]


class Orders:
    """The orders slice.

    Args:
        core: The connection.
        label: Writes a contract for people.
        quote: Finds the quote of a contract, for orders that are simulated.
        wanted: Whether a session stands, or is to be made again.
    """

    def __init__(
        self,
        core: Core,
        *,
        label: Callable[[Any], str],
        quote: Callable[[Any], Awaitable[Quote | None]],
        wanted: Callable[[], bool],
    ) -> None:
        self._core = core
        self._quote = quote
        self._wanted = wanted
        self.book = OrderBook(label)
        self.board = Board(core, self.book, self)
        self._held: dict[OrderRecord, tuple[Send, bool]] = {}
        self._to_cancel: dict[OrderRecord, None] = {}
        #: Disabled orders whose quote is being looked up.
        self._simulating: set[OrderRecord] = set()
        #: The twin that EClient is about to call by itself, and whether one message may leave.
        self._expected: str | None = None
        self._sendable = False
        self._clean_up_set = False
        #: Taking an id and handing the order to the loop are one step: the gateway refuses an id
        #: below the highest it has seen, so orders have to leave in the order of their ids.
        self._door = threading.Lock()
        self._raw = RawCalls(core, self)
        self.sync = Sync(core, self.book, self.board.announce)
        core.order_known = self._order_known
        self._processor = OrderProcessor(core, self.book, self.board.announce)
        core.add_slice(self._processor)
        core.on_notice(self._notice)
        core.on_ready(self._ready)
        core.on_down(self._down)
        core.on_session(self._session)

    # ---- doors: what users call ----------------------------------------------------------

    def place_order(
        self,
        contract: Contract,
        order: Order,
        *,
        on_update: OnUpdate | None = None,
        on_fill: OnFill | None = None,
        where: Where = None,
    ) -> Trade:
        """Place one order; see `IBGateway.place_order`."""
        made = tidy(copied(order))
        check_order(contract, made)
        with self._door:
            order_id = self._core.order_ids.take()
            return self._place(order_id, contract, made, (on_update, on_fill, where))

    def place_orders(
        self,
        contract: Contract,
        orders: tuple[Order, ...],
        *,
        linked: bool,
        on_update: OnUpdate | None = None,
        on_fill: OnFill | None = None,
        where: Where = None,
    ) -> tuple[Trade, ...]:
        """Place several orders, ``linked`` as parent and children; see `IBGateway`."""
        group = [tidy(copied(order)) for order in orders]
        for made in group:
            check_order(contract, made)
        trades = []
        with self._door:
            first = self._core.order_ids.take(len(group))
            for offset, made in enumerate(group):
                if linked and offset:
                    made.parentId = first
                callbacks = on_update, on_fill, where
                trades.append(self._place(first + offset, contract, made, callbacks))
        return tuple(trades)

    def _place(
        self,
        order_id: int,
        contract: Contract,
        order: Order,
        callbacks: Callbacks,
    ) -> Trade:
        core = self._core
        order.orderId, order.clientId = order_id, core.client_id
        order.account = order.account or core.config.orders.account
        record = OrderRecord(order_id, core.client_id, copy.copy(contract), order)
        trade = self.board.new(record, callbacks)
        try:
            core.event_loop.post(self._begin, trade)
        except LoopNotRunning:
            record.status = next_status(record.status, OrderInput.REFUSED)
            record.reason = "not connected (the gateway object is not started)"
            trade.resolve()
        return trade

    def cancel(self, trade: Trade) -> None:
        """See `Trade.cancel`."""
        if trade.record.final:
            return
        self._refuse_foreign(trade.record)
        with contextlib.suppress(LoopNotRunning):  # then it is over, or never began
            self._core.event_loop.post(self._cancel, trade.record, OrderCancel())

    def modify(self, trade: Trade, changes: dict[str, Any]) -> Future[OrderStatus]:
        """See `Trade.modify`."""
        record = trade.record
        if record.final:
            msg = f"order {record.order_id} is {record.status}: there is nothing to modify"
            raise OrderError(msg)
        self._refuse_foreign(record)
        order = copied(record.sent or record.order)
        for name, value in changes.items():
            field, read = _CHANGES.get(name, (name, lambda given: given))
            if not hasattr(order, field):
                msg = f"IB's Order has no field {name!r}"
                raise InvalidOrder(msg)
            setattr(order, field, read(value))
        check_order(record.contract, tidy(order))
        future: Future[OrderStatus] = Future(self._core.event_loop)
        self._core.event_loop.post(self._modify, trade, order, future)
        return future

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
        """Every order of ours that this object knows, by order id; from any thread."""
        return self.board.trades()

    # ---- doors: raw calls ----------------------------------------------------------------

    def raw(self, name: str, args: tuple[Any, ...]) -> None:
        """One of `GUARDED`, called IB's way; from any thread.

        What the caller handed over is copied before this returns: programs reuse their objects.
        """
        loop = self._core.event_loop
        if name == self._expected and loop.in_loop():
            self._expected = None
            getattr(EClient, name)(self._core.owner, *args)  # EClient's own call of its twin
            return
        taken = tuple(copied(arg) for arg in args)
        try:
            with self._door:
                fresh = name.startswith("placeOrder") and self._take_id(args)
                loop.post(self._raw.take, name, taken, fresh)
        except LoopNotRunning:
            self.call(name, args)  # IB's client says 504

    def _take_id(self, args: tuple[Any, ...]) -> bool:
        """A raw placeOrder uses this id: whether it is a new one, which is then ours no more."""
        order_id = args[0] if len(args) > 1 else args[0].orderId
        fresh = bool(self._core.order_ids.floor <= order_id < FIRST_REQUEST_ID)
        if fresh:
            self._core.order_ids.seen(order_id)
        return fresh

    def must_be_known(self, order_id: int) -> bool:
        """Whether an order of this id, if there were one, would be in the book.

        After IB's own start nobody has asked for the orders of an earlier process: such a program
        may modify one, and what it says of an id below nextValidId is the gateway's to judge.
        """
        return self._core.supervised or self.sync.known or order_id >= self._processor.first_id

    def may_leave(self) -> bool:
        """Whether an order-bearing message may be sent by this thread now; once for each call."""
        allowed = self._sendable and self._core.event_loop.in_loop()
        if allowed:
            self._sendable = False
        return allowed

    def say(self, order_id: int, code: int, text: str) -> None:
        """Answer a raw call the way IB does."""
        core = self._core
        core.registry.fanout.error(order_id, core.millis(), code, text, "")

    # ---- the loop thread: the way out ----------------------------------------------------

    def call(self, name: str, args: tuple[Any, ...]) -> None:
        """EClient's own method, for one order-bearing message; its only call anywhere.

        What is allowed is used up by the message itself, so that a callback which runs meanwhile
        (the order's own, or one about an error that EClient raises) finds the gate closed.
        """
        before = self._expected, self._sendable
        in_loop = self._core.event_loop.in_loop()
        self._expected = f"{name}ProtoBuf" if in_loop and not name.endswith("ProtoBuf") else None
        self._sendable = in_loop
        try:
            getattr(EClient, name)(self._core.owner, *args)
        finally:
            self._expected, self._sendable = before

    def _begin(self, trade: Trade) -> None:
        record = trade.record
        self.board.announce(self.book.create(record, self._core.clock.now()))
        if record.final:
            return  # given up while it was on its way here, and its waiters were told so
        self.submit(record, functools.partial(self._send_record, record))

    def _send_record(self, record: OrderRecord) -> None:
        self.call("placeOrder", (record.order_id, record.contract, record.order))

    def judge(self, account: str) -> Verdict:
        """Ask the gate, as things stand now."""
        core, sync = self._core, self.sync
        situation = Situation(
            connected=core.connected and core.state in _CONNECTED,
            session=core.state.name,
            fetching=core.supervised and not sync.decided,
            orders_known=sync.known or not core.supervised,
            reason=sync.reason,
            accounts=core.accounts,
            named=self._processor.named,
            queued=core.outbox.waiting(Lane.ORDER),
        )
        return judge(core.config, situation, account)

    def submit(self, record: OrderRecord, send: Send, *, raw: bool = False) -> None:
        """Ask the gate, and do what it says."""
        verdict = self.judge(record.order.account)
        if verdict.answer is Answer.SEND:
            self._send(record, send, raw=raw)
        elif verdict.answer is Answer.HOLD:
            self._held[record] = send, raw
        elif verdict.answer is Answer.REFUSE or record.before_change is not None:
            self._refuse(record, verdict.reason, raw=raw)
        else:
            self._simulating.add(record)
            work = self._simulate(record, raw=raw)
            self._core.event_loop.spawn(work, name="simulated order")

    def _send(self, record: OrderRecord, send: Send, *, raw: bool) -> None:
        on_fate = functools.partial(self._fate, record)
        record.sent = record.order
        try:
            with self._core.sending(record.order_id, on_fate) as sending:
                send()
        except Exception as error:  # noqa: BLE001  (IB's encoders raise anything for odd fields)
            # They raise before anything is queued, outside of EClient's own try.
            reason = f"it could not be encoded: {error!r}"
            self.board.apply(record, OrderInput.DROPPED, reason)
            self.board.change_failed(record, InvalidOrder(reason))
            if raw:
                self.say(
                    record.order_id, FAIL_SEND_ORDER.code(), f"{FAIL_SEND_ORDER.msg()}{error!r}"
                )
            return
        if not sending.messages and record.status is OrderStatus.CREATED:
            self.board.apply(record, OrderInput.DROPPED, "IB's client sent nothing")

    def _fate(self, record: OrderRecord, fate: Fate) -> None:
        """The Outbox has handed the order to the socket, or dropped it."""
        if fate is Fate.SENT:
            self.board.apply(record, OrderInput.SENT)
        else:
            reason = "it was still queued, and never left"
            self.board.apply(record, OrderInput.DROPPED, reason)
            if record.before_change is not None:
                self.board.change_failed(
                    record, OrdersRefused(f"the change did not leave: {reason}")
                )

    def _refuse(self, record: OrderRecord, reason: str, *, raw: bool) -> None:
        if record.before_change is not None:
            self.board.change_failed(record, OrdersRefused(reason))
        else:
            self.board.apply(record, OrderInput.REFUSED, reason)
        if not raw:
            return
        if self._core.connected:
            self.say(record.order_id, 201, f"Order rejected - reason: {reason}")
        else:
            self.say(record.order_id, 504, "Not connected")

    async def _simulate(self, record: OrderRecord, *, raw: bool) -> None:
        quote: Quote | None = None
        try:
            if self._core.connected:
                with contextlib.suppress(RequestError):
                    quote = await self._quote(record.contract)
        finally:
            self._simulating.discard(record)
        if record.final:
            return  # cancelled meanwhile, or the session ended
        record.simulated_price, text = simulate(record.order, quote)
        self.board.apply(record, OrderInput.SIMULATED, text)
        if raw:
            self.say(record.order_id, 201, f"Order rejected - reason: {text}")

    def _modify(self, trade: Trade, order: Order, future: Future[OrderStatus]) -> None:
        record = trade.record
        if trade.change is not None:
            trade.change.set_exception(OrderError("another change of this order has followed"))
        trade.change = future
        if record.final:
            trade.resolve()
            return
        self.board.announce(self.book.replace(record, order, self._core.clock.now()))
        if record not in self._held:
            order.transmit = True  # a bracket's parent was held back for its children; it works now
        else:
            record.before_change = None  # nothing has left: what leaves is then the changed one
            trade.resolve()
        self.submit(record, functools.partial(self._send_record, record))

    def _cancel(self, record: OrderRecord, order_cancel: OrderCancel) -> None:
        if record.final or self.take_back(record):
            return
        if self._core.connected and self._core.state is not State.STARTING:
            record.note(self._core.clock.now(), "cancel", "asked for")
            self.call("cancelOrder", (record.order_id, order_cancel))
        else:
            self._to_cancel[record] = None

    def take_back(self, record: OrderRecord) -> bool:
        """An order that did not leave yet never will. False if it has left."""
        if self._held.pop(record, None) is not None:
            if record.before_change is None:
                self.board.apply(record, OrderInput.DROPPED, "cancelled before it was sent")
                return True
            self.board.change_failed(record, OrderError("the order was cancelled instead"))
            return False
        if record.status is not OrderStatus.CREATED:
            return False
        if record in self._simulating:
            self.board.apply(record, OrderInput.DROPPED, "cancelled before it was simulated")
            return True
        return self._core.outbox.withdraw(record.order_id)

    def take_back_all(self) -> None:
        """No order that has not left yet ever will."""
        for record in tuple(self._held):
            self.take_back(record)
        self._core.outbox.withdraw_orders()

    # ---- the loop thread: what comes back ------------------------------------------------

    def _order_known(self, order_id: int) -> tuple[bool, bool]:
        """For the ErrorHandler: is this id an order of ours, and is it known to be working?

        An order that is Inactive is not: an error says that it will stay so.
        """
        record = self.book.find(self._core.client_id, order_id)
        if record is None or order_id >= FIRST_REQUEST_ID:
            return False, False
        working = record.acknowledged and record.status is not OrderStatus.INACTIVE
        return True, working

    def _notice(self, notice: Notice) -> None:
        # Users hear of it next, and whatever they call then has to pass the gate by itself.
        self._expected, self._sendable = None, False
        if notice.req_id < 0 or notice.category in _NOT_ABOUT_ORDERS:
            return
        record = self.book.find(self._core.client_id, notice.req_id)
        if record is None or notice.req_id >= FIRST_REQUEST_ID:
            return
        now = self._core.clock.now()
        never_left = record.status is OrderStatus.CREATED and record.sent is not None
        if notice.local and notice.severity in {"error", "fatal"}:
            if never_left:
                self.board.apply(record, OrderInput.DROPPED, notice.text)
            else:
                self.board.change_failed(record, _error(notice))
            return
        kills = notice.ends is Ends.ORDER
        self.board.announce(
            self.book.apply_error(record, notice.code, notice.text, kills=kills, now=now)
        )
        if notice.ends is Ends.CHANGE:
            self.board.change_failed(record, _error(notice))
        if notice.code == CANCEL_OVER:
            found = _STATE.search(notice.text)
            if found and found.group(1) in WORDS:
                self.board.announce(
                    self.book.apply_word(record, found.group(1), now, f"error {notice.code}")
                )
        elif notice.code == CANCEL_UNKNOWN and not record.final:
            work = self.sync.look_again(record)
            self._core.event_loop.spawn(work, name="orders after 10147")

    # ---- the loop thread: the session ----------------------------------------------------

    async def _ready(self) -> None:
        """Before READY: know the orders, then let go what waited for that."""
        await self.sync.fetch()
        self._let_go()

    def _let_go(self) -> None:
        """Judge anew what waited for the session."""
        held, self._held = self._held, {}
        for record, (send, raw) in held.items():
            if not record.final:  # whoever waits for it was told its end: it must not leave now
                self.submit(record, send, raw=raw)
        to_cancel, self._to_cancel = self._to_cancel, {}
        for record in to_cancel:
            self._cancel(record, OrderCancel())

    def _down(self) -> None:
        reason = "the session ended"
        self.sync.forget(reason)
        self._processor.named = False
        self._held.clear()
        for record in self.book.live():
            if record.own:
                lost = NotConnected("the session ended before the change was confirmed")
                if record.before_change is not None:
                    self.board.change_failed(record, lost)
                self.board.apply(record, OrderInput.LINK_LOST, reason)

    def _session(self, state: State, _reason: str) -> None:
        if state is State.CONNECTING and not self._clean_up_set:
            self._clean_up_set = True
            self._core.event_loop.at_stop(self._stopped)
        elif state is State.READY:
            self._let_go()  # after IB's own start nothing was fetched before
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
            msg = f"order {record.order_id} belongs to client {record.client_id}, not to us"
            raise OrderError(msg)


def _error(notice: Notice) -> RequestError:
    return RequestError(
        notice.text,
        code=notice.code,
        req_id=notice.req_id,
        request=f"order {notice.req_id}",
        category=notice.category,
    )
