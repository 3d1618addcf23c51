"""What comes in about orders: IB's callbacks, read into the book."""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any, Concatenate, ParamSpec

from ibapi.const import NO_VALID_ID

from twsloop.connection.core import Core
from twsloop.events import Fact
from twsloop.wire.times import read_time
from twsloop.wire.values import decimal_or_none

from .book import Change, OrderBook

__all__ = ["OrderProcessor"]

_P = ParamSpec("_P")


def _in_turn(
    callback: Callable[Concatenate[OrderProcessor, _P], None],
) -> Callable[Concatenate[OrderProcessor, _P], None]:
    """Let a callback wait while reports are held (`OrderProcessor.hold`)."""

    @functools.wraps(callback)
    def heard(self: OrderProcessor, /, *args: _P.args, **more: _P.kwargs) -> None:
        if self.waiting is None:
            callback(self, *args, **more)
        else:
            self.waiting.append(functools.partial(callback, self, *args, **more))

    return heard


class OrderProcessor:
    """EWrapper's callbacks about orders, executions and commissions.

    Args:
        core: The connection; joins answers to our own requests.
        book: Where it all goes.
        announce: Told of each change.

    Attributes:
        first_id: The session's nextValidId: ids below it were used by earlier sessions.
        valid_from: The lowest id that this process may use, of the gateway and the journal; None
            until both have said so.
        named: The gateway has said in this session which accounts it serves.
        ids_rolled_back: The session's nextValidId was below ids that are known to be used.
        heard: Told of each execution and commission that is new, and whether a list told it.
        listed: Told the id and the time of each execution that a list tells, new or not.
        rolled_back: Told the next id as the gateway says, and the lowest unused one.
        waiting: The reports that are held, in their order; None while they are taken at once.
    """

    def __init__(self, core: Core, book: OrderBook, announce: Callable[[Change], object]) -> None:
        self._core = core
        self._book = book
        self._announce = announce
        self.first_id = 1
        self.valid_from: int | None = None
        self.named = False
        self.ids_rolled_back = False
        self.heard: Callable[[Fact, bool], object] = lambda _fact, _listed: None
        self.listed: Callable[[str, datetime | None], object] = lambda _id, _at: None
        self.rolled_back: Callable[[int, int], object] = lambda _told, _known: None
        self.waiting: list[Callable[[], None]] | None = None
        self._opening: str | None = None
        self._epoch = 0

    # ---- what comes too early ------------------------------------------------------------

    def hold(self) -> None:
        """Let reports wait: what earlier processes knew has to be in the book before them.

        A gateway tells a client of its open orders as soon as it connects, before it says which
        accounts it serves. Taken at once they would be news, and the orders strangers.
        """
        self.waiting = []

    def release(self) -> None:
        """Take what waited, in its order; one that fails does not keep the others."""
        waiting, self.waiting = self.waiting, None
        for report in waiting or ():
            try:
                report()
            except Exception as error:  # noqa: BLE001  (as the fan-out does)
                self._core.errors.report_exception("a report about an order", error)

    def drop(self) -> None:
        """The session ended: the next one tells it again."""
        self.waiting = None

    # ---- EWrapper's ----------------------------------------------------------------------

    def managedAccounts(self, accountsList: str) -> None:
        """The accounts of this login (kept by the connection)."""
        del accountsList
        self.named = True
        self._begin_ids()

    def nextValidId(self, orderId: int) -> None:
        """The lowest id that this session may use; further ones (reqIds) only raise it."""
        if self._core.epoch != self._epoch:
            self._epoch = self._core.epoch
            used = (one.order_id for one in self._book if one.own and one.acknowledged)
            known = max(self.first_id, max(used, default=0) + 1)
            self.ids_rolled_back = orderId < known
            if self.ids_rolled_back:
                self.rolled_back(orderId, known)
        self.first_id = orderId
        self._begin_ids()

    def _begin_ids(self) -> None:
        """The next id is known, and the accounts, by which the journal knows what was used."""
        if self.valid_from is None and self.named and self._core.epoch == self._epoch:
            self.valid_from = self._core.order_ids.floor

    def _now(self) -> datetime:
        return self._core.clock.now()

    @_in_turn
    def orderStatus(  # noqa: PLR0913, PLR0917  (IB's signature)
        self,
        orderId: int,
        status: str,
        filled: Decimal,
        remaining: Decimal,
        avgFillPrice: float,
        permId: int,
        parentId: int,
        lastFillPrice: float,
        clientId: int,
        whyHeld: str,
        mktCapPrice: float,
    ) -> None:
        """Where an order is."""
        change = self._book.apply_status(
            clientId,
            orderId,
            status,
            filled=filled,
            remaining=remaining,
            average=avgFillPrice,
            perm_id=permId,
            parent_id=parentId,
            last_price=lastFillPrice,
            why_held=whyHeld,
            cap_price=mktCapPrice,
            now=self._now(),
        )
        self._announce(change)

    @_in_turn
    def openOrder(self, orderId: int, contract: Any, order: Any, orderState: Any) -> None:
        """The gateway's view of an order; the answer to a what-if is none of the book's."""
        if order.whatIf:
            return
        # What was placed by hand is shown to client 0 as its own, with an id that nobody can name.
        own = order.clientId == self._core.client_id and orderId != 0
        change = self._book.apply_open_order(
            order.clientId, orderId, contract, order, orderState, own=own, now=self._now()
        )
        if own:
            self._core.order_ids.seen(orderId)
        self._announce(change)
        if change.record is not None:  # else it was over long ago
            self._core.answer_part("open_orders", change.record)

    @_in_turn
    def orderBound(self, permId: int, clientId: int, orderId: int) -> None:
        """An order that was placed by hand is a client's from now on."""
        record = self._book.find(clientId, 0, permId)
        if record is not None and not record.order_id:
            own = clientId == self._core.client_id
            self._book.bind(record, clientId, orderId, own=own)
            record.note(self._now(), "orderBound", f"it is order {orderId} of client {clientId}")
            self._announce(Change(record, changed=True))

    @_in_turn
    def openOrderEnd(self) -> None:
        """All open orders have been listed."""
        self._core.answer_end("open_orders")

    @_in_turn
    def completedOrder(self, contract: Any, order: Any, orderState: Any) -> None:
        """How an order of today ended."""
        change = self._book.apply_completed(contract, order, orderState, self._now())
        self._announce(change)
        self._core.answer_part("completed_orders", (contract, order, orderState))

    @_in_turn
    def completedOrdersEnd(self) -> None:
        """All completed orders have been listed."""
        self._core.answer_end("completed_orders")

    @_in_turn
    def execDetails(self, reqId: int, contract: Any, execution: Any) -> None:
        """An execution, new or asked for."""
        if execution.clientId == self._core.client_id:
            self._core.order_ids.seen(execution.orderId)
        now = self._now()
        if reqId != NO_VALID_ID:
            self.listed(execution.execId, read_time(execution.time))
        change = self._book.apply_execution(contract, execution, now)
        for fill in change.fills:
            self.heard(fill, reqId != NO_VALID_ID)
        self._announce(change)
        self._core.answer_part(reqId, self._book.executions.listed(contract, execution, now))

    @_in_turn
    def execDetailsEnd(self, reqId: int) -> None:
        """All executions that were asked for have been listed."""
        self._core.answer_end(reqId)

    @_in_turn
    def commissionAndFeesReportProtoBuf(self, commissionAndFeesReportProto: Any) -> None:
        """The twin, which comes first: only it tells an absent result from one of zero.

        IB's decoder makes 0.0 of both, and an execution that opens a position realizes nothing.
        """
        proto = commissionAndFeesReportProto
        self._opening = None if proto.HasField("realizedPNL") else proto.execId

    @_in_turn
    def commissionAndFeesReport(self, commissionAndFeesReport: Any) -> None:
        """What an execution cost."""
        report = commissionAndFeesReport
        realized = None if report.execId == self._opening else decimal_or_none(report.realizedPNL)
        self._opening = None
        change = self._book.apply_commission(report, realized, self._now())
        for fact in change.facts:
            self.heard(fact, False)
        self._announce(change)
