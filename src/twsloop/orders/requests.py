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
import functools
import itertools
import logging
import re
import threading
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from ibapi.client import EClient
from ibapi.contract import Contract
from ibapi.order import Order
from ibapi.order_cancel import OrderCancel

from twsloop.config.sections.orders import Validation
from twsloop.connection.core import Core
from twsloop.connection.proof import LinkProof
from twsloop.errors import (
    LoopNotRunning,
    NotConnected,
    OrderError,
    RequestError,
    TwsLoopError,
)
from twsloop.event_loop import Future
from twsloop.events import Ends, Notice
from twsloop.ids import FIRST_REQUEST_ID
from twsloop.processors import Where
from twsloop.session.state import State
from twsloop.wire.handshake import MAX_CLIENT_VERSION

from .board import Board
from .book import OrderBook
from .changing import as_it_stands, changed_order
from .checks import describe, tidy
from .copying import copied
from .earlier import Earlier
from .executions import Forgot, nobody_counts
from .exercise import ExerciseRequest, exercise_order, is_exercise
from .intent import Intent
from .leaving import Guards
from .previews import Previews, preview_key
from .processor import OrderProcessor
from .raw import CANCEL_UNKNOWN, RawCalls
from .reference import make_token, split_reference, with_token
from .repair import Repair
from .state import (
    WORDS,
    OrderInput,
    OrderRecord,
    OrderStatus,
    may_be_working,
    next_status,
)
from .steps import Closed, ending, is_working, nobody_knows
from .sync import Sync
from .trade import OnFill, OnUpdate, Trade
from .validation import NOTHING, Knowledge, Validator
from .watch import Watch
from .way_out import Send, WayOut
from .whatif import preview_order

__all__ = ["Orders"]

logger = logging.getLogger(__name__)

#: Categories of notices that speak of data even if their id is an order's too.
_NOT_ABOUT_ORDERS = frozenset({"historical", "market_data", "market_data_farm"})
#: The order that a cancel named is over.
CANCEL_OVER = 10148
_STATE = re.compile(r"state:\s*([A-Za-z]+)")


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
        self._began = round(core.clock.now().timestamp() * 1000)
        self._groups = itertools.count(1)
        self._validator = Validator(core, known, learn)
        self.book = OrderBook(label, closed, keep=core.config.orders.keep_settled, forgot=forgot)
        self.board = Board(core, self.book, self, guards)
        self._clean_up_set = False
        #: Taking an id and handing the order to the loop are one step: the gateway refuses an id
        #: below the highest it has seen, so orders have to leave in the order of their ids.
        self._door = threading.Lock()
        self.sync = Sync(core, self.book, self.board.announce)
        core.order_known = self._order_known
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
        self._raw = RawCalls(core, self.way_out)
        if core.role.hears_orders:
            core.add_slice(self._processor)
        Previews(core)
        core.on_notice(self._notice)
        core.on_ready(self._ready)
        core.on_end(self.way_out.drained)
        core.on_down(self._down)
        core.on_session(self._session)

    # ---- doors: what users call ----------------------------------------------------------

    def place_order(self, contract: Contract, order: Order, intent: Intent) -> Trade:
        """Place one order; see `OrderDesk.place`."""
        return self.place_orders([(contract, order)], intent)[0]

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
        with self._door:
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
        trade = self.board.new(record, (intent.on_update, intent.on_fill, intent.where))
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
        with self._door:
            made.orderId, made.clientId = core.order_ids.take(), core.client_id
            return core.ask(
                lambda _id: self.way_out.call("placeOrder", (made.orderId, what, made)),
                request=f"preview of {describe(made)} {self.book.label(contract)}",
                key=preview_key(made.orderId),
                timeout=timeout,
            )

    def exercise(self, wanted: ExerciseRequest, intent: Intent) -> Trade:
        """Exercise an option, or let it lapse; it is followed as the order that IB makes of it."""
        core = self._core
        called = core.clock.monotonic()
        wanted.check_version(core.server_version or MAX_CLIENT_VERSION)
        order = exercise_order(wanted.action, wanted.quantity, wanted.account)
        with self._door:
            record = self._record(core.order_ids.take(), wanted.contract, order, intent.tag)
            record.origin, record.purpose = intent.origin, intent.reason
            arguments = wanted.arguments(record.order_id)
            send = functools.partial(self.way_out.call, "exerciseOptions", arguments)
            return self._place(record, intent, "off", called=called, send=send)

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
        return f"tw-{make_token(self._began, self._core.client_id, next(self._groups))}"

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
            with self._door:
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

    def _begin(self, trade: Trade, mode: Validation, send: Send | None) -> None:
        record = trade.record
        early = self.way_out.too_early(record.order_id)
        if early and not record.final:
            # It may be the id of an order that works: nobody is told of another one with it.
            record.status = next_status(record.status, OrderInput.REFUSED)
            record.reason = early
            trade.resolve()
        if early:
            logger.warning("order %d: %s", record.order_id, early)
            self.board.forget([record])
            return
        self.board.created(record, self._core.clock.now())
        if record.final:  # given up while it was on its way here, and its waiters were told so
            self.board.catch_up(record)
            return
        if mode == "strict":
            self.way_out.hold_for_check(record)
            self._core.event_loop.spawn(self._check_first(record), name="details for an order")
        else:
            self.way_out.submit(record, send)
        self.way_out.tell_unless_leaving(record)

    async def _check_first(self, record: OrderRecord) -> None:
        """Ask what is needed to check the order; then it leaves, or is refused."""
        problem = "the check was given up"
        try:
            problem = await self._validator.ask(record.contract, record.order)
        except TwsLoopError as error:
            problem = f"its contract could not be asked for: {error}"
        finally:
            if problem and not record.final:
                self.way_out.refuse(record, problem)
            self.way_out.checked(record)

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

    # ---- the loop thread: what comes back ------------------------------------------------

    def _order_known(self, order_id: int) -> tuple[bool, bool]:
        """For the ErrorHandler: is this id an order of ours, and is it known to be working?"""
        record = self.book.find(self._core.client_id, order_id)
        if record is None or order_id >= FIRST_REQUEST_ID:
            return False, False
        return True, is_working(record)

    def _notice(self, notice: Notice) -> None:
        # Users hear of it next, and whatever they call then has to pass the gate by itself.
        self.way_out.shut()
        self.sync.heed(notice)
        previewed = preview_key(notice.req_id)
        if previewed in self._core.asks and notice.ends is not Ends.NOTHING:
            self._core.asks.refused(previewed, notice)
            return
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
        ends = ending(record, notice)
        self.board.announce(self.book.apply_error(record, notice, now))
        if ends is Ends.CHANGE:
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


def _error(notice: Notice) -> RequestError:
    return RequestError(
        notice.text,
        code=notice.code,
        req_id=notice.req_id,
        request=f"order {notice.req_id}",
        category=notice.category,
    )
