"""The board: the handle of each order, and who is told when its record changes. Loop thread.

What a report changes is told in this order: the facts to observers and the log, the executions and
the change to the order's own callbacks, and last the futures are resolved; so whoever waited for
``done`` finds that the callbacks have been called.

The gateway says that it cancelled an order, and why only in its next word (error 202; domain.md,
"Event order"). So the futures of an order that nobody asked to cancel wait for that, for a moment:
some ends come without it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from twsloop.clock import Timer
from twsloop.connection.core import Core
from twsloop.event_loop import Future
from twsloop.events import Fact, IdentityBroken, OrderCancelled, OrderEvent
from twsloop.log import mask
from twsloop.processors import Where
from twsloop.processors.delivery import delivery_for

from .book import Change, OrderBook
from .leaving import Guards
from .recording import StepTeller
from .state import OrderInput, OrderRecord, OrderStatus
from .steps import CANCELS, describe_record
from .trade import Keeper, OnFill, OnUpdate, Trade

__all__ = ["REASON_WAIT", "Board", "Callbacks"]

logger = logging.getLogger(__name__)

#: So long the end of an order that nobody asked to cancel waits for the word why, seconds. Where it
#: comes, it comes right behind.
REASON_WAIT = 0.5

#: on_update, on_fill, and where they run.
Callbacks = tuple[OnUpdate | None, OnFill | None, Where]


class Board:
    """Every trade, and the way to it from its record.

    Args:
        core: The connection.
        book: Where records change.
        keeper: What trades pass their wishes to.
        guards: The journal, and who else wants to know what is different.

    Attributes:
        uncertain: Told when nobody knows any more what became of an order of ours.
        traded: Told of each order of ours that changed, and of which something is filled.
    """

    def __init__(self, core: Core, book: OrderBook, keeper: Keeper, guards: Guards) -> None:
        self._core = core
        self._book = book
        self._keeper = keeper
        self._steps = StepTeller(guards.journal)
        self._noted, self._left = guards.noted, guards.left
        self._trades: dict[OrderRecord, Trade] = {}
        #: New orders that nobody was told of yet, and since when they are there.
        self._unheard: dict[OrderRecord, datetime] = {}
        #: Orders that were cancelled, nobody knows why, and when that is waited for no more.
        self._unexplained: dict[Trade, Timer] = {}
        self.uncertain: Callable[[], object] = lambda: None
        self.traded: Callable[[OrderRecord], object] = lambda _record: None

    def trades(self) -> tuple[Trade, ...]:
        """All, by order id; from any thread."""
        return tuple(sorted(self._trades.values(), key=lambda trade: trade.order_id))

    def of(self, record: OrderRecord) -> Trade:
        """The handle of an order; made now if nobody has asked for it before (any thread)."""
        known = self._trades.get(record)
        if known is not None:
            return known
        trade = self._trades.setdefault(record, self._make(record))
        trade.resolve()  # it may be over already
        return trade

    def new(self, record: OrderRecord, callbacks: Callbacks = (None, None, None)) -> Trade:
        """Make the handle of an order; from any thread."""
        trade = self._make(record)
        self.listen(trade, callbacks)  # it raises for a place that is none: then there is no order
        return self._trades.setdefault(record, trade)

    def _make(self, record: OrderRecord) -> Trade:
        loop = self._core.event_loop
        return Trade(self._keeper, record, Future(loop), Future(loop))

    def listen(self, trade: Trade, callbacks: Callbacks) -> None:
        """Let callbacks hear of an order; from any thread."""
        on_update, on_fill, where = callbacks
        wanted: list[tuple[Callable[..., Any] | None, list[Any]]] = [
            (on_update, trade.updates),
            (on_fill, trade.fill_listeners),
        ]
        for callback, listeners in wanted:
            if callback is not None:
                listeners.append(delivery_for(self._core, callback, where, keep=True))

    # ---- what changed --------------------------------------------------------------------

    def created(self, record: OrderRecord, now: datetime) -> None:
        """A new order is to leave; it is told of when there is time for that.

        The order leaves first: to tell of it takes as long as all else that it waits for. It is
        told of before anything else about it is (`catch_up`).
        """
        self._book.create(record, now)
        self._noted(record)  # the limits count it at once
        self._unheard[record] = now

    def catch_up(self, record: OrderRecord) -> None:
        """Tell of a new order now, if nobody was told of it yet."""
        if record in self._unheard:
            # The limits have counted it since it was created, and it is what it was.
            change = self._book.created(record, self._unheard.pop(record))
            self._announce(change, written=True, noted=True)

    def announce(self, change: Change, *, written: bool = True) -> None:
        """Tell everyone what a report changed; and the journal, if it shall be ``written``."""
        if change.known:
            return
        if change.record is not None:
            self.catch_up(change.record)
        self._announce(change, written=written)

    def _announce(self, change: Change, *, written: bool, noted: bool = False) -> None:
        for fact in (*change.facts, *self._book.identities.broken()):
            _log(fact, change.record)
            self._core.tell(fact)
        record = change.record
        if record is None:
            return
        if written:
            self._steps.told(record, self._core.clock.now(), changed=change.changed)
        if change.changed and not noted:
            self._noted(record)
        trade = self._trades.get(record)
        if trade is None and record.own:
            trade = self.new(record)
        if trade is not None:
            self._tell(trade, change)
        if record.own and record.status is OrderStatus.UNCERTAIN:
            self.uncertain()
        if record.own and (record.status_filled or record.status is OrderStatus.FILLED):
            self.traded(record)
        self.forget(self._book.settle(record))

    def write(self, record: OrderRecord) -> None:
        """Something about an order is different that concerns the journal alone."""
        self.catch_up(record)
        self._steps.told(record, self._core.clock.now(), changed=True)

    def forget(self, records: Iterable[OrderRecord]) -> None:
        """The book keeps these orders no longer."""
        for gone in records:
            trade = self._trades.pop(gone, None)
            if trade in self._unexplained:
                self._resolve(trade)

    def _tell(self, trade: Trade, change: Change) -> None:
        for fill in change.fills:
            for delivery in tuple(trade.fill_listeners):
                delivery((fill,), fill.exec_id)
        if change.changed:
            for delivery in tuple(trade.updates):
                delivery((trade,))
        if not self._awaits_reason(trade, change):
            self._resolve(trade)

    def _awaits_reason(self, trade: Trade, change: Change) -> bool:
        """Whether the gateway is about to say why it cancelled an order."""
        record = trade.record
        if record.reason or record.cancel_asked or not record.own or record.status not in CANCELS:
            return False
        if trade in self._unexplained:
            return True
        if not any(isinstance(fact, OrderCancelled) for fact in change.facts):
            return False
        clock = self._core.clock
        self._unexplained[trade] = clock.call_later(REASON_WAIT, lambda: self._resolve(trade))
        return True

    def _resolve(self, trade: Trade) -> None:
        timer = self._unexplained.pop(trade, None)
        if timer is not None:
            timer.cancel()
        trade.resolve()

    def apply(self, record: OrderRecord, event: OrderInput, reason: str = "") -> None:
        """Something on our own side happened to an order."""
        self.catch_up(record)
        change = self._book.apply_input(record, event, self._core.clock.now(), reason)
        # That this process hears of it no more is no news about the order: the next process
        # begins with what the gateway said last.
        unheard = event is OrderInput.ABANDONED and record.status is OrderStatus.UNCERTAIN
        self.announce(change, written=not unheard)

    def change_failed(self, record: OrderRecord, error: Exception, *, every: bool = False) -> None:
        """A modification was refused: who waits for it learns why, and the order is as before.

        Args:
            record: The order.
            error: Why.
            every: None of its modifications will be answered; else the oldest one is meant.
        """
        self.catch_up(record)
        trade, change = self._trades.get(record), None
        latest = every or len(record.pending) <= 1
        if trade is not None and latest:
            change, trade.change = trade.change, None
        if record.before_change is not None:
            # Not everybody waits for the Future.
            logger.warning("a change of order %d did not happen: %s", record.order_id, error)
        now = self._core.clock.now()
        self.announce(self._book.apply_refused_change(record, now, reason=str(error), every=every))
        if change is not None:  # last: whoever waited finds the order as it was
            change.set_exception(error)

    def leave(self) -> None:
        """Another login answers: nobody will tell of these orders."""
        self.abandon("another login answered")
        self.forget(self._book.leave())
        self._left()  # last: it was told what became of them

    def abandon(self, why: str = "the session ended") -> None:
        """No session will come that could tell: nobody shall wait for it."""
        # Not by the book: an order that another thread is placing just now is not in it yet.
        for trade in self.trades():
            record = trade.record
            if not record.final:
                reason = f"{why} while the order was {record.status}"
                self.apply(record, OrderInput.ABANDONED, reason)
            self._resolve(trade)
            trade.give_up()


def _log(fact: Fact, record: OrderRecord | None) -> None:
    if isinstance(fact, IdentityBroken):
        perm_ids = " and ".join(map(str, fact.perm_ids))
        logger.error(
            "order %d is live under two permanent ids, %s: what was meant once may work twice; "
            "look at the orders in TWS",
            fact.order_id, perm_ids,
        )  # fmt: skip
    if not isinstance(fact, OrderEvent) or not logger.isEnabledFor(logging.INFO):
        return
    extra = {
        "symbol": fact.symbol,
        "orderId": fact.order_id,
        "permId": fact.perm_id,
        "account": fact.account,
        "correlation_id": fact.correlation_id,
    }
    word = type(fact).__name__.removeprefix("Order").lower()
    which = describe_record(record) if record is not None else fact.symbol
    why = f": {fact.reason}" if fact.reason else ""
    # Masked here, too: the program's own handlers write what comes as it comes.
    text = mask(f"{which}, {fact.filled:f} of {fact.quantity:f} filled{why}")
    logger.info("order %d %s: %s", fact.order_id, word, text, extra=extra)
