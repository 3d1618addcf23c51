"""What should have come by now: an acknowledgement, a commission report. Loop thread.

An order that left and is answered by nothing, and an execution whose commission does not come, are
told as facts after a while ([orders] ``ack_timeout``, ``commission_timeout``), and the gateway is
asked for what it knows: open, completed and executed orders. Nothing is ever sent again. An order
that none of the lists shows is UNCERTAIN then; any later word of the gateway takes that back.

Where a status counts more as filled than the executions add up to, an execution was not told, and
after ``commission_timeout`` the executions are asked for: `TRIES` times at most, each wait longer.
"""

from __future__ import annotations

import logging
from decimal import Decimal
from weakref import WeakKeyDictionary

from ibapi.execution import ExecutionFilter

from twsloop.connection.core import Core
from twsloop.errors import RequestError, SessionError
from twsloop.events import (
    AcknowledgementLate,
    CommissionLate,
    Fact,
    Fill,
    order_story,
)
from twsloop.events.execution_ids import is_leg
from twsloop.session.state import State

from .board import Board
from .book import OrderBook
from .state import OrderInput, OrderRecord
from .steps import Change, fact_of
from .sync import Sync

__all__ = ["Watch"]

logger = logging.getLogger(__name__)

#: How often executions are asked for that a status tells of, and by how much longer each wait is.
TRIES, FACTOR = 3, 3


class Watch:
    """Misses what does not come.

    Args:
        core: The connection.
        book: Every order.
        board: Who is told.
        sync: Asks the gateway.
    """

    def __init__(self, core: Core, book: OrderBook, board: Board, sync: Sync) -> None:
        self._core = core
        self._book = book
        self._board = board
        self._sync = sync
        self._missing: dict[OrderRecord, None] = {}
        #: Why executions are asked for: commissions and executions that are late.
        self._wanted: set[str] = set()
        #: Orders that lack executions, and how much of each was filled when that was noticed.
        self._short: WeakKeyDictionary[OrderRecord, Decimal] = WeakKeyDictionary()
        self._asking = False
        core.on_fact(self._heard)
        board.traded = self._traded

    def left(self, record: OrderRecord) -> None:
        """An order was handed to the socket.

        One that is not to be transmitted is answered by nothing until another one of its group is.
        """
        timeout = self._core.config.orders.ack_timeout
        if not timeout or not record.order.transmit:
            return
        for each in (record, *self._group(record)):
            if not each.acknowledged:
                self._core.clock.call_later(timeout, self._unanswered, each, timeout)

    def _group(self, record: OrderRecord) -> list[OrderRecord]:
        """The orders that were held back for this one."""
        parent = record.order.parentId
        if not parent:
            return []
        return [
            other
            for other in self._book.live()
            if other.own
            and parent in {other.order_id, other.order.parentId}
            and other is not record
        ]

    def _unanswered(self, record: OrderRecord, waited: float) -> None:
        core = self._core
        if record.acknowledged or record.final or core.state not in {State.READY, State.DEGRADED}:
            return  # after a loss the next session tells what became of it
        timeout = core.config.orders.ack_timeout
        if waited == timeout:
            now = core.clock.now()
            text = f"the gateway has said nothing of it for {waited:g} s; it is looked for"
            record.note(now, "late", text)
            fact = fact_of(AcknowledgementLate, record, now, waited=waited)
            self._board.announce(Change(record, (fact,), changed=True))
        if core.state is State.DEGRADED:
            # The gateway keeps orders while its own link is down, and lists them later.
            core.clock.call_later(timeout, self._unanswered, record, waited + timeout)
            return
        self._missing[record] = None
        self._look()

    def _heard(self, fact: Fact) -> None:
        timeout = self._core.config.orders.commission_timeout
        if timeout and isinstance(fact, Fill):
            self._core.clock.call_later(timeout, self._unreported, fact, timeout)

    def _unreported(self, fill: Fill, waited: float) -> None:
        record = self._book.find(fill.client_id, fill.order_id, fill.perm_id or 0)
        if record is None or not record.own or not record.unreported:
            return
        known = [kept.exec_id for kept in record.fills.values()]
        if fill.exec_id in record.commissions or fill.exec_id not in known:
            return
        if record.contract.secType == "BAG" and not is_leg(fill.exec_id):
            return  # a combo pays by its legs
        now = self._core.clock.now()
        record.note(now, "late", f"no commission for {fill.exec_id} within {waited:g} s; asked for")
        story = order_story(record.client_id, record.order_id)
        fact = CommissionLate(
            time=now,
            correlation_id=story,
            exec_id=fill.exec_id,
            order_id=record.order_id,
            waited=waited,
        )
        self._board.announce(Change(record, (fact,), changed=True))
        self._wanted.add(fill.exec_id)
        self._look()

    def _traded(self, record: OrderRecord) -> None:
        """Something of an order is filled: are all the executions here?"""
        timeout, filled = self._core.config.orders.commission_timeout, record.filled
        if not timeout or record.executed >= filled or filled <= self._short.get(record, 0):
            return
        self._short[record] = filled
        self._core.clock.call_later(timeout, self._unexecuted, record, filled, 1)

    def _unexecuted(self, record: OrderRecord, filled: Decimal, tried: int) -> None:
        core = self._core
        if self._short.get(record) != filled:
            return  # more of it is filled, and waited for
        if record.executed >= record.filled or not core.connected:
            del self._short[record]  # the next session asks for everything
            return
        lacking = record.filled - record.executed
        text = f"no execution tells of {lacking:f} that are filled; asked for ({tried} of {TRIES})"
        record.note(core.clock.now(), "late", text)
        # What an earlier process ordered may have traded on a day of which nothing is listed.
        level = logging.INFO if record.sent is None else logging.WARNING
        logger.log(level, "order %d: %s", record.order_id, text)
        self._wanted.add(f"order {record.order_id}")
        self._look()
        if tried < TRIES:
            wait = core.config.orders.commission_timeout * FACTOR**tried
            core.clock.call_later(wait, self._unexecuted, record, filled, tried + 1)

    # ---- asking --------------------------------------------------------------------------

    def _look(self) -> None:
        if not self._asking and self._core.connected:
            self._asking = True
            self._core.event_loop.spawn(self._ask(), name="what is late with orders")

    async def _ask(self) -> None:
        """One question for all that is late; what becomes late meanwhile waits for the next."""
        missing: dict[OrderRecord, None] = {}
        try:
            while self._missing or self._wanted:
                missing, self._missing = self._missing, {}
                self._wanted.clear()
                if not missing:
                    await self._sync.ask_executions(ExecutionFilter(), None, gather=False)
                    continue
                listed = await self._sync.ask_all()
                listed.require()
                for record in missing:
                    if not (record in listed or record.acknowledged or record.final):
                        reason = "it was never answered, and is listed neither open nor completed"
                        self._board.apply(record, OrderInput.MISSING, reason)
        except (RequestError, SessionError) as error:
            # The next session asks for everything; in this one it stays as it is.
            for record in missing:
                record.note(self._core.clock.now(), "late", f"it could not be asked for: {error}")
        finally:
            self._asking = False
