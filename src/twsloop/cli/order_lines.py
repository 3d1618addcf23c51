"""What commands say about orders: what happens to them, how they ended, and the exit code."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from twsloop.contracts.meant import hint_of
from twsloop.contracts.symbols import CURRENCIES
from twsloop.events import CommissionReported, Fact, Fill, OrderEvent

from .connect import Inbox, Patience, watch_session
from .exits import NOTHING_FITS, Exit
from .facts import sentence
from .fields import decimal, moment, text, whole
from .output import Output, cell
from .session_words import SessionWords
from .shapes import Line, line

if TYPE_CHECKING:
    from twsloop.gateway import IBGateway
    from twsloop.orders.trade import Trade

__all__ = [
    "EXECUTION",
    "EXECUTIONS_SHOWN",
    "FOLLOWED",
    "PATIENCE",
    "OrderWatch",
    "execution_row",
    "price_of",
    "see_through",
    "tell_end",
    "worst",
]

#: How long an order is followed unless --timeout says otherwise, seconds.
PATIENCE = 60.0
#: How long an order may take until it leaves, when it is to be followed no longer, seconds: it is
#: written into the journal first, and the link is proven alive.
LEAVES = 15.0

SESSION = line(
    "session",
    "The session changed.",
    state=text("where it is: READY, DEGRADED, WAITING, CONNECTING..."),
    reason=text("why"),
)
ORDER_END = line(
    "order_end",
    "How an order ended, or where it is when it is followed no longer.",
    order_id=whole("its id within its client id"),
    perm_id=whole("IB's permanent id, once known", null=True),
    status=text("IB's status word, or one of ours: REFUSED, REJECTED, NOT_SENT, SIMULATED..."),
    filled=decimal("how much of it is filled"),
    remaining=decimal("how much of it is open"),
    average_price=decimal("of what is filled", null=True),
    commission=decimal("of all its executions, once reported", null=True),
    reason=text("why, where somebody said so", null=True),
    error_code=whole("IB's code of what ended it", null=True),
)
STILL_OPEN = line(
    "still_open",
    "An order goes on working.",
    order_id=whole("its id, for twsloop cancel"),
)
#: What a command prints that places orders and follows them.
FOLLOWED: tuple[Line | type[Fact], ...] = (
    *(OrderEvent, Fill, CommissionReported),
    *(ORDER_END, STILL_OPEN, SESSION),
)

EXECUTION = line(
    "fill",
    "One execution of today.",
    time=moment("when it was made"),
    order_id=whole("of its order, within its client id; 0 for orders made by hand"),
    client_id=whole("whose order it was"),
    account=text("where it was booked"),
    symbol=text("the contract in short"),
    side=text("BOT or SLD"),
    shares=decimal("how much"),
    price=decimal("at what price"),
    exchange=text("the venue that filled it"),
    exec_id=text("IB's execution id"),
    commission=decimal("what it cost, once reported", null=True),
    commission_currency=text("of the commission and of the profit", null=True),
    realized_pnl=decimal("what it earned, if it closed something", null=True),
    tag=text("your own reference of its order"),
)
EXECUTIONS_SHOWN = (
    *("time", "order_id", "symbol", "side", "shares", "price", "exchange", "commission"),
    *("realized_pnl", "tag"),
)


class OrderWatch:
    """Prints what happens to orders, until they are final and paid for.

    Args:
        gateway: The session.
        out: Where to.
    """

    def __init__(self, gateway: IBGateway, out: Output) -> None:
        self._out = out
        self._inbox: Inbox[Fact | tuple[str, str]] = Inbox()
        self._words = SessionWords()
        for kind in (OrderEvent, Fill, CommissionReported):
            gateway.observe(kind, self._inbox.put)
        watch_session(gateway, self._inbox, lambda state, reason: (state, reason))

    def follow(
        self, trades: Sequence[Trade], patience: Patience, until: Sequence[Trade] | None = None
    ) -> None:
        """Print until orders are settled, or the time is over.

        Args:
            trades: What is told of.
            patience: The time.
            until: What is waited for; all of them unless given.
        """
        ids = {trade.order_id for trade in trades}
        settled = [trade.settled for trade in (trades if until is None else until)]
        while patience.left > 0 and not all(one.done() for one in settled):
            self._print(self._inbox.get(patience), ids)
        for fact in self._inbox.drain():
            self._print(fact, ids)

    def until_left(self, trade: Trade) -> None:
        """Print until an order has left, or never will: a process that ends takes it back."""
        patience = Patience(LEAVES)
        while trade.status == "CREATED" and patience.left > 0:
            self._print(self._inbox.get(patience), {trade.order_id})
        if trade.status == "CREATED":
            trade.cancel().result()  # it has not left, so this is its end

    def _print(self, item: Fact | tuple[str, str] | None, ids: set[int]) -> None:
        if isinstance(item, tuple):
            state, reason = item
            words = self._words.of(state, reason)
            self._out.event(SESSION.event, words, state=state, reason=reason)
        elif item is not None and getattr(item, "order_id", None) in ids:
            self._out.fact(item, sentence(item))


def see_through(
    watch: OrderWatch,
    out: Output,
    trades: Sequence[Trade],
    seconds: float,
    until: Sequence[Trade] | None = None,
) -> Exit:
    """Follow orders to their ends, and say how each ended; Ctrl-C leaves them as they are.

    Args:
        watch: Prints what happens.
        out: Where to.
        trades: The orders.
        seconds: How long they are followed at most.
        until: What is waited for; all of them unless given.

    Returns:
        What the command ends with: how the worst of those ended that were waited for.
    """
    stopped = False
    try:
        watch.follow(trades, Patience(seconds), until)
    except KeyboardInterrupt:
        stopped = True
    for trade in trades:
        watch.until_left(trade)
    ends = {trade.order_id: tell_end(out, trade) for trade in trades}
    for trade in trades:
        if trade.active:
            number = trade.order_id
            out.event(STILL_OPEN.event, f"(twsloop cancel {number} cancels it)", order_id=number)
    if stopped:
        return Exit.DONE  # a stop was asked for, and is no failure
    return worst(ends[trade.order_id] for trade in (trades if until is None else until))


def worst(ends: Iterable[Exit]) -> Exit:
    """What several ends come to: one that failed counts more than one that is open."""
    found = set(ends)
    return next((code for code in (Exit.ORDER, Exit.ORDER_OPEN) if code in found), Exit.DONE)


def tell_end(out: Output, trade: Trade) -> Exit:
    """The last line about an order, and the exit code that says the same."""
    status = str(trade.status)
    if trade.active:
        code, words = Exit.ORDER_OPEN, f"order {trade.order_id} is still open [{status}]"
    elif status in {"Filled", "SIMULATED"}:
        code, words = Exit.DONE, f"order {trade.order_id} is done [{status}]"
    else:
        code, words = Exit.ORDER, f"order {trade.order_id} did not fill [{status}]"
    if trade.reason:
        words += f": {trade.reason}"
    if trade.error_code == NOTHING_FITS:
        hint = hint_of(trade.contract, CURRENCIES)
        words += f"; {hint}" if hint else ""
    if status == "SIMULATED":
        price = cell(trade.simulated_price) or "no price"
        words += f" (orders are disabled; it would have filled at {price})"
    if trade.commission is not None:
        words += f"; commission {cell(trade.commission)}"
    out.event(
        ORDER_END.event,
        words,
        order_id=trade.order_id,
        perm_id=trade.perm_id,
        status=status,
        filled=trade.filled,
        remaining=trade.remaining,
        average_price=trade.average_price,
        commission=trade.commission,
        reason=trade.reason or None,
        error_code=trade.error_code,
    )
    return code


def price_of(price: float) -> Decimal | None:
    """A price of IB's Order; 0 and its unset maximum are none."""
    return None if not price or price > 1e300 else Decimal(str(price)).normalize()


def execution_row(booked: Any) -> dict[str, Any]:
    """A BookedFill as a row."""
    fill, paid = booked.fill, booked.commission
    row = {name: getattr(fill, name, None) for name in EXECUTION.columns}
    return row | {
        "time": fill.executed_at or fill.time,
        "commission": paid.commission if paid else None,
        "commission_currency": paid.currency if paid else None,
        "realized_pnl": paid.realized_pnl if paid else None,
    }
