"""The handle of an order: what `IBGateway.place_order` returns at once, from any thread.

A Trade shows its order live: the loop thread changes it, everybody may read it. Its futures never
raise. ``done`` resolves with the final `OrderStatus`, whatever that is; ``settled`` follows when
every execution and every commission is in. Waiting for them with a timeout cancels nothing.

Callbacks: ``on_update(trade)`` after each change that can be seen (equal reports are not told
again), ``on_fill(fill)`` for each execution. They come before the futures resolve.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Protocol

from twsloop.event_loop import Future
from twsloop.events import CommissionReported, Fill
from twsloop.processors import DeliveryCounts, Where

from .checks import describe
from .reading import read_reject
from .state import LogEntry, OrderRecord, OrderStatus

__all__ = ["OnFill", "OnUpdate", "Trade"]

OnUpdate = Callable[["Trade"], object]
OnFill = Callable[[Fill], object]


class Keeper(Protocol):
    """What a trade needs of the slice that made it."""

    def cancel(self, trade: Trade) -> None:
        """Ask the gateway to cancel the order; from any thread."""
        ...

    def modify(self, trade: Trade, changes: dict[str, Any]) -> Future[OrderStatus]:
        """Send the order with changed fields; from any thread."""
        ...

    def look_again(self, trade: Trade) -> Future[OrderStatus]:
        """Ask the gateway where the order is; from any thread."""
        ...

    def listen(
        self,
        trade: Trade,
        on_update: OnUpdate | None,
        on_fill: OnFill | None,
        where: Where,
    ) -> None:
        """Let callbacks hear of the order; from any thread."""
        ...


class Trade:
    """One order, live. Its attributes are those of `OrderRecord`, read from any thread."""

    def __init__(
        self,
        keeper: Keeper,
        record: OrderRecord,
        done: Future[OrderStatus],
        settled: Future[OrderStatus],
    ) -> None:
        self._keeper = keeper
        self._done = done
        self._settled = settled
        self.record = record
        self.updates: list[Any] = []
        self.fill_listeners: list[Any] = []
        self.change: Future[OrderStatus] | None = None

    # ---- what is known -------------------------------------------------------------------

    @property
    def order_id(self) -> int:
        """The id within our client id; set from the start."""
        return self.record.order_id

    @property
    def client_id(self) -> int:
        """Whose order it is."""
        return self.record.client_id

    @property
    def perm_id(self) -> int | None:
        """IB's permanent id; None until the gateway has said it."""
        return self.record.perm_id or None

    @property
    def contract(self) -> Any:
        """What is traded: as sent, then as the gateway reports it."""
        return self.record.contract

    @property
    def order(self) -> Any:
        """The order: as sent, then as the gateway reports it; made anew once it is settled."""
        return self.record.order

    @property
    def symbol(self) -> str:
        """The contract as one would type it."""
        return self.record.symbol

    @property
    def status(self) -> OrderStatus:
        """Where it is."""
        return self.record.status

    @property
    def ib_status(self) -> str:
        """The gateway's last word, as it came."""
        return self.record.ib_status

    @property
    def filled(self) -> Decimal:
        """How much is filled."""
        return self.record.filled

    @property
    def remaining(self) -> Decimal:
        """How much is open, or was not traded."""
        return self.record.remaining

    @property
    def average_price(self) -> Decimal | None:
        """Of what is filled; None while nothing is."""
        return self.record.average_price

    @property
    def fills(self) -> tuple[Fill, ...]:
        """The executions, the latest version of each."""
        return tuple(self.record.fills.values())

    @property
    def commissions(self) -> tuple[CommissionReported, ...]:
        """The commission reports of its executions."""
        return tuple(self.record.commissions.values())

    @property
    def commission(self) -> Decimal | None:
        """What it cost so far; None while no report has come."""
        return self.record.commission

    @property
    def reason(self) -> str:
        """Why it is where it is, where somebody said so."""
        return self.record.reason

    @property
    def error_code(self) -> int | None:
        """IB's code of the error that ended it."""
        return self.record.error_code

    @property
    def why_held(self) -> str:
        """IB's word for what it waits for (``trigger``, ``child``, ``locate``)."""
        return self.record.why_held

    @property
    def simulated_price(self) -> Decimal | None:
        """What a SIMULATED order would have been filled at; None if not at once."""
        return self.record.simulated_price

    @property
    def tag(self) -> str:
        """The user's own reference, without our token; the gateway keeps it."""
        return self.record.tag

    @property
    def origin(self) -> str:
        """What made it: one of our methods, ``placeOrder``, ``client 7``, ``by hand``..."""
        return self.record.origin

    @property
    def placed_because(self) -> str:
        """Why it was placed, where the program said so."""
        return self.record.purpose

    @property
    def own(self) -> bool:
        """Whether it is our client's: only such an order can be changed or cancelled here."""
        return self.record.own

    @property
    def expired(self) -> bool:
        """Whether it ended because its time in force did."""
        return self.record.expired

    @property
    def advanced_reject(self) -> Any:
        """IB's JSON about why it was rejected, parsed; its text where it is no JSON; else None.

        The codes in it can be given in ``Order.advancedErrorOverride`` to place it all the same.
        """
        return read_reject(self.record.advanced_reject)

    @property
    def log(self) -> tuple[LogEntry, ...]:
        """Everything that happened to it: time, source, text."""
        return tuple(self.record.log)

    @property
    def active(self) -> bool:
        """Whether it is not final."""
        return not self.record.final

    # ---- waiting -------------------------------------------------------------------------

    @property
    def done(self) -> Future[OrderStatus]:
        """Resolves with the final status, and never raises. Each caller gets a view of its own.

        Of an order that nobody asked to cancel the gateway tells the end first and `reason` next:
        `done` waits for that word, half a second at most.

        To look without waiting, ask `active`: it makes no view.
        """
        return self._done.view()

    @property
    def settled(self) -> Future[OrderStatus]:
        """Resolves after `done`, when every execution has its commission report."""
        return self._settled.view()

    # ---- doing ---------------------------------------------------------------------------

    def cancel(self) -> Future[OrderStatus]:
        """Ask the gateway to cancel it; an order that is still queued here never leaves.

        It is over only when `done` says so: it may fill before. From any thread; for an order that
        is final it does nothing, unless it is UNCERTAIN: that one may be working. While there is no
        session the wish is kept, and sent with the next one.

        Returns:
            `done`.
        """
        self._keeper.cancel(self)
        return self.done

    def modify(self, **changes: Any) -> Future[OrderStatus]:
        """Send the order again with changed fields.

        Args:
            changes: ``quantity``, ``limit_price``, ``stop_price``, ``tif``, or any field by its IB
                name. IB recommends to change price, size and tif only.

        Returns:
            A Future of the status once the gateway shows the new values. It fails with RequestError
            if the gateway refuses the change: the order is then what it was.

        Raises:
            InvalidOrder: A value that cannot be one.
            OrderError: The order is final, or another client's.
        """
        return self._keeper.modify(self, changes)

    def look_again(self) -> Future[OrderStatus]:
        """Ask the gateway's lists of open, completed and executed orders for it, now.

        For an order that is UNCERTAIN, say. It becomes what the lists say; nothing is sent again.

        Returns:
            A Future of its status then. It fails with RequestError if a list could not be had, or
            with NotConnected or ConnectionLost.
        """
        return self._keeper.look_again(self)

    @property
    def callbacks(self) -> tuple[DeliveryCounts, ...]:
        """What became of each callback's calls: made, waiting, dropped (see `Deliver`)."""
        return tuple(delivery.counts for delivery in (*self.updates, *self.fill_listeners))

    def on_update(self, callback: OnUpdate, where: Where = None) -> OnUpdate:
        """Let another callback hear of each change; usable as a decorator."""
        self._keeper.listen(self, callback, None, where)
        return callback

    def on_fill(self, callback: OnFill, where: Where = None) -> OnFill:
        """Let another callback hear of each execution; usable as a decorator."""
        self._keeper.listen(self, None, callback, where)
        return callback

    def __repr__(self) -> str:
        name = self.symbol or self.contract.symbol  # before it is on its way
        return f"<Trade {self.order_id} {describe(self.order)} {name}: {self.status}>"

    # ---- for the slice, on the loop thread -----------------------------------------------

    def resolve(self) -> None:
        """Resolve what can be resolved."""
        record = self.record
        if record.final:
            self._done.set_result(record.status)
        if record.settled:
            self._settled.set_result(record.status)
        change = self.change
        if change is not None and (record.before_change is None or record.final):
            self.change = None
            change.set_result(record.status)

    def give_up(self) -> None:
        """Nothing will come any more: nobody shall wait for it."""
        for future in (self._done, self._settled):
            future.set_result(self.record.status)
