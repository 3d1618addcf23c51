"""What should have come by now: an acknowledgement, a commission report. Loop thread.

An order that left and is answered by nothing, and an execution whose commission does not come, are
told as facts after a while ([orders] ``ack_timeout``, ``commission_timeout``), and the gateway is
asked for what it knows: open, completed and executed orders. Nothing is ever sent again. An order
that none of the lists shows is UNCERTAIN then; any later word of the gateway takes that back.
"""

from __future__ import annotations

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
from twsloop.session.state import State

from .board import Board
from .book import OrderBook
from .state import OrderInput, OrderRecord, is_leg
from .steps import Change, fact_of
from .sync import Sync

__all__ = ["Watch"]


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
        self._unpaid: dict[str, None] = {}
        self._asking = False
        core.on_fact(self._heard)

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
        self._unpaid[fill.exec_id] = None
        self._look()

    # ---- asking --------------------------------------------------------------------------

    def _look(self) -> None:
        if not self._asking and self._core.connected:
            self._asking = True
            self._core.event_loop.spawn(self._ask(), name="what is late with orders")

    async def _ask(self) -> None:
        """One question for all that is late; what becomes late meanwhile waits for the next."""
        missing: dict[OrderRecord, None] = {}
        try:
            while self._missing or self._unpaid:
                missing, self._missing = self._missing, {}
                self._unpaid.clear()
                if not missing:
                    await self._sync.ask_executions(ExecutionFilter(), None)
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
