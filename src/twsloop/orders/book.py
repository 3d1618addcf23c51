"""The book: every order we know of, and what each of IB's reports makes of it. Pure.

Each ``apply_*`` takes one report and the time, changes the record it concerns, and returns a
`Change` that says whether anything is different now, and which facts that makes. Reports repeat,
and come in any order (see `state`): a report that says nothing new changes nothing.

How an order is found is in `register`, what an echo says of its terms in `echoes`; executions are
kept in `executions`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

import attrs

from twsloop.events import Ends, Fact, Fill, Notice, OrderCreated
from twsloop.wire.values import decimal_or_none

from .echoes import completion_of, is_completed_as, take_last_terms, take_terms
from .executions import Booked, Executions, Forgot, nobody_counts
from .folding import Pool
from .identities import Identities
from .keeping import KEEP_SETTLED, Keeping, Memory, is_quiet
from .reading import size
from .reference import origin_of, split_reference
from .register import Register
from .state import (
    FINAL,
    OrderInput,
    OrderRecord,
    OrderStatus,
    word_of,
)
from .steps import (
    CANCELLED,
    Change,
    Closed,
    describe_record,
    ending,
    fact_of,
    move,
    nobody_knows,
    partly_filled,
    visible,
)

__all__ = ["Change", "OrderBook"]

#: What says that an order is over.
_ENDS = frozenset(
    {
        OrderStatus.CANCELLED,
        OrderStatus.API_CANCELLED,
        OrderStatus.EXPIRED,
        OrderInput.KILLED,
        OrderInput.CANCEL_NOTICE,
    }
)


class OrderBook:
    """All orders and executions of this process's sessions.

    Args:
        label: Writes a contract for people.
        closed: Whether trading in a contract is closed at a time, for orders that end with the day.
        keep: How many orders that are over are kept (see `keeping`), and how many executions of
            orders that nobody tells of.
        forgot: Told of executions that are being forgotten.
    """

    def __init__(
        self,
        label: Callable[[Any], str],
        closed: Closed = nobody_knows,
        *,
        keep: int = KEEP_SETTLED,
        forgot: Forgot = nobody_counts,
    ) -> None:
        self.label = label
        self._closed = closed
        self._register = Register()
        #: How many words that an order is over have been heard: a time, for what came before what.
        self.ends_heard = 0
        self._contracts = Pool()
        self.identities = Identities()
        self._keep = keep
        self._keeping = Keeping(keep)
        self._memory = Memory()
        self.executions = Executions(label, self._memory, keep=keep, forgot=forgot)

    # ---- finding -------------------------------------------------------------------------

    def find(self, client_id: int, order_id: int, perm_id: int = 0) -> OrderRecord | None:
        """An order by its permanent id, or by its id within its client (see `Register`)."""
        return self._register.find(client_id, order_id, perm_id)

    def __iter__(self) -> Iterator[OrderRecord]:
        return iter(self._register)

    def live(self) -> list[OrderRecord]:
        """The orders that are not final."""
        return [record for record in self if not record.final]

    # ---- our own doing -------------------------------------------------------------------

    def create(self, record: OrderRecord, now: datetime) -> None:
        """Take in an order of ours, before anything is sent; `created` tells of it."""
        record.symbol = record.symbol or self.label(record.contract)
        self._register.add(record)
        self.identities.meant(record)
        record.sized(record.order)
        record.note(now, "created", describe_record(record))

    def created(self, record: OrderRecord, now: datetime) -> Change:
        """What there is to tell of a new order that came in at a time."""
        fact = fact_of(OrderCreated, record, now, reason=record.purpose)
        return Change(record, (fact,), changed=True)

    def restore(self, record: OrderRecord, fills: Iterable[Fill]) -> None:
        """Take in an order of an earlier process, with what was traded then (`restoring`)."""
        self._register.add(record)
        self.identities.meant(record)
        for fill in fills:
            self.executions.join(self.executions.restore(fill, record.contract), record)

    def bind(self, record: OrderRecord, client_id: int, order_id: int, *, own: bool) -> None:
        """An order that was placed by hand has got an id: it is a client's from now on."""
        record.client_id, record.order_id, record.own = client_id, order_id, own
        record.told = None  # its story goes on under another name: it is told whole
        self._register.place(record)

    def replace(self, record: OrderRecord, order: Any, now: datetime) -> Change:
        """A modification is about to be sent; `apply_refused_change` takes it back."""
        if record.before_change is None:
            record.before_change, record.before_sent = record.order, record.sent
        record.pending.append(order)
        record.order = order
        record.sized(order)
        record.note(now, "modify", describe_record(record))
        return Change(record, changed=True)

    def apply_input(
        self, record: OrderRecord, event: OrderInput, now: datetime, reason: str = ""
    ) -> Change:
        """Something on our own side happened to an order."""
        if reason and not record.final:  # an end keeps its reason
            record.reason = reason
        if event is OrderInput.ABANDONED or (
            event is OrderInput.MISSING and record.status not in FINAL
        ):
            record.abandoned = record.status not in FINAL
        return self._move(record, event, now, str(event), reason)

    # ---- what the gateway reports --------------------------------------------------------

    def apply_status(  # noqa: PLR0913  (IB's callback has eleven parameters)
        self,
        client_id: int,
        order_id: int,
        status: str,
        *,
        filled: Any,
        remaining: Any,
        average: float,
        perm_id: int,
        parent_id: int = 0,
        last_price: float = 0.0,
        why_held: str = "",
        cap_price: float = 0.0,
        now: datetime,
    ) -> Change:
        """An orderStatus; one for an order that nobody has described is not kept."""
        record = self.find(client_id, order_id, perm_id)
        if record is None:
            return Change(None)
        before = visible(record)
        self._identify(record, perm_id, now)
        was_filled = record.filled
        record.status_filled = max(record.status_filled, size(filled))
        record.status_remaining = size(remaining)
        record.status_average = decimal_or_none(average) or record.status_average
        record.last_fill_price = decimal_or_none(last_price) or record.last_fill_price
        record.cap_price = decimal_or_none(cap_price) or None
        record.parent_id = parent_id or record.parent_id
        record.why_held = why_held
        return self._report(record, status, (before, was_filled), now, "orderStatus")

    def apply_open_order(
        self,
        client_id: int,
        order_id: int,
        contract: Any,
        order: Any,
        state: Any,
        *,
        own: bool,
        now: datetime,
    ) -> Change:
        """An openOrder: the gateway's own view of an order, known to us or not."""
        record = self.find(client_id, order_id, order.permId)
        if record is None and self._memory.tells_nothing_new(order.permId, state.status):
            return Change(None)
        if record is None:
            record = OrderRecord(order_id, client_id, contract, order, self.label(contract))
            record.own = own
            record.tag, record.token = split_reference(order.orderRef)
            record.origin = origin_of(order_id, client_id, own=own)
            self.identities.appeared(record, order.permId, state.status, now)
            if order_id:
                self._register.place(record)
        before = visible(record)
        if order_id and not record.order_id:
            self.bind(record, client_id, order_id, own=own)
        self._identify(record, order.permId, now)
        adopted = self._adopt(record, now)
        record.contract, record.state = contract, state
        record.symbol = record.symbol or self.label(contract)
        record.status_filled = max(record.status_filled, size(order.filledQuantity))
        take_terms(record, order, state.status)
        if not state.status:  # not transmitted: it is nowhere yet
            return Change(record, adopted, changed=before != visible(record))
        change = self._report(record, state.status, (before, record.filled), now, "openOrder")
        return attrs.evolve(change, facts=(*adopted, *change.facts)) if adopted else change

    def apply_word(self, record: OrderRecord, word: str, now: datetime, source: str) -> Change:
        """A status word that came by itself (10148: "cannot be cancelled, state: Filled")."""
        return self._report(record, word, (visible(record), record.filled), now, source)

    def apply_completed(self, contract: Any, order: Any, state: Any, now: datetime) -> Change:
        """A completedOrder: how an order of today ended; one that we do not know is not kept."""
        record = self.find(order.clientId, order.orderId, order.permId)
        # One of ours may have ended before its permanent id was told.
        record = record or self._register.by_token(split_reference(order.orderRef)[1])
        told = completion_of(order, state)
        if record is not None and is_completed_as(record, told, state.status):
            self._over(record)
            return Change(record, known=True)
        if record is None or not order.permId or record.perm_id not in {0, order.permId}:
            return Change(None)
        before = visible(record)
        was_filled = record.filled
        record.completed_as = told
        self._identify(record, order.permId, now)
        record.status_filled = max(record.status_filled, size(order.filledQuantity))
        take_last_terms(record, order)
        change = self._report(record, state.status, (before, was_filled), now, "completedOrder")
        if record.status is not OrderStatus.INACTIVE:
            return change
        # It is listed among those that nothing can change any more: it was rejected.
        why = state.completedStatus or record.reason or "it is completed, and Inactive"
        killed = self._move(record, OrderInput.KILLED, now, "completedOrder", why)
        record.reason = record.reason or why
        return attrs.evolve(killed, facts=(*change.facts, *killed.facts), changed=True)

    def apply_execution(self, contract: Any, execution: Any, now: datetime) -> Change:
        """An execDetails: new, repeated, or the correction of an earlier one."""
        known = self.executions.is_known(execution.execId)
        kept = self.executions.find(execution.execId) if known else None
        if kept is not None and kept.record is not None:
            return Change(kept.record, known=True)
        record = self.find(execution.clientId, execution.orderId, execution.permId)
        if known:
            if kept is not None and record is not None:
                return self._join(kept, record, now)  # the order has turned up meanwhile
            return Change(record, known=True)
        booked = self.executions.take(contract, execution, now)
        told = self.executions.was_told(booked.fill)
        facts = () if told else (booked.fill,)
        if record is None:
            self.executions.await_order(booked)
            return Change(None, facts, changed=True, known=told)
        return self._join(booked, record, now, facts)

    def apply_commission(self, report: Any, realized: Decimal | None, now: datetime) -> Change:
        """A commission report, before or after its execution; ``realized`` None if it opened."""
        return self.executions.apply_commission(report, realized, now)

    def apply_error(self, record: OrderRecord, notice: Notice, now: datetime) -> Change:
        """An error with the order's id; what it ends is `steps.ending`'s to say."""
        ends = ending(record, notice)
        code, text = notice.code, notice.text
        record.note(now, "error", f"{code}: {text}" if code is not None else text)
        if notice.advanced_reject:
            record.advanced_reject = notice.advanced_reject
            record.note(now, "advanced reject", notice.advanced_reject)
        if ends is Ends.CHANGE:
            if record.before_change is not None and (code, text) in record.refused_changes:
                # Said again of the last one, or of this one: then its own words may still come.
                record.overtaken += 1
            record.refused_changes |= {(code, text)}
            if record.before_change is None and record.overtaken:
                record.overtaken -= 1
        if ends is not Ends.ORDER or record.status is OrderStatus.FILLED:
            return Change(record, changed=True)
        record.reason, record.error_code = text, code
        event = OrderInput.CANCEL_NOTICE if code == CANCELLED else OrderInput.KILLED
        change = self._move(record, event, now, "error", text)
        return attrs.evolve(change, changed=True)

    def apply_refused_change(
        self, record: OrderRecord, now: datetime, *, reason: str = "", every: bool = False
    ) -> Change:
        """A modification was refused: the order is what it was.

        Args:
            record: The order.
            now: The time.
            reason: Why.
            every: None of those that are under way will be answered. Else the oldest is meant.
        """
        if record.before_change is None:
            return Change(record)
        why = f": {reason}" if reason else ""
        record.pending[: len(record.pending) if every else 1] = []
        if every:
            record.overtaken = 0
        if record.pending:
            record.note(now, "modify", f"an earlier change was refused{why}")
            return Change(record)
        record.order, record.before_change = record.before_change, None
        record.sent = record.before_sent
        record.note(now, "modify", f"refused{why}; still {describe_record(record)}")
        return Change(record, changed=True)

    def reconcile(
        self,
        records: Iterable[OrderRecord],
        open_now: Collection[OrderRecord],
        now: datetime,
        reason: str,
    ) -> list[Change]:
        """An order that nothing tells of any more is UNCERTAIN for good.

        Args:
            records: The orders to be judged, none of them final.
            open_now: The orders that reqAllOpenOrders has just listed. Executions and completed
                orders have been applied before.
            now: The time.
            reason: Why, for those that are missed.
        """
        return [
            self.apply_input(record, OrderInput.MISSING, now, reason)
            for record in records
            if record not in open_now
            # What has not left yet (it may wait for just this) the gateway cannot list.
            and record.status is not OrderStatus.CREATED
        ]

    def revive(self, record: OrderRecord, now: datetime) -> Change:
        """An order whose end is contradicted (see `echoes`) is where the list shows it."""
        why = f"{record.ib_status} in a list that was asked for after its end was told"
        record.reason, record.error_code, record.completed_as = "", None, None
        self._move(record, OrderInput.LISTED, now, "openOrder", why)
        change = self._move(record, word_of(record.ib_status), now, "openOrder")
        return attrs.evolve(change, changed=True)

    def settle(self, record: OrderRecord) -> list[OrderRecord]:
        """To be called after each change that everybody has been told of.

        An order of which nothing is awaited gets small, and the oldest of those that are over are
        forgotten if they are too many, with their executions.

        Returns:
            These.
        """
        if is_quiet(record):
            record.lighten(self._contracts.one_of)
            for base in record.fills:
                booked = self.executions.of(base)
                booked.contract = self._contracts.one_of(booked.contract)
        forgotten = self._keeping.saw(record)
        for gone in forgotten:
            self._forget(gone)
        return forgotten

    def leave(self) -> list[OrderRecord]:
        """Another login answers, whose orders may have the same ids: every order is forgotten.

        Returns:
            These.
        """
        gone = list(self)
        for record in gone:
            self._forget(record)
        self.executions.leave()
        self._keeping = Keeping(self._keep)
        return gone

    # ---- inside --------------------------------------------------------------------------

    def _over(self, record: OrderRecord) -> None:
        """The gateway says that an order is over, for the first time or again."""
        self.ends_heard += 1
        record.ended_at = self.ends_heard

    def _identify(self, record: OrderRecord, perm_id: int, now: datetime) -> None:
        if perm_id and record.perm_id != perm_id:
            self.identities.named(record, perm_id, now)
            self._register.name(record, perm_id)

    def _forget(self, record: OrderRecord) -> None:
        self._memory.add(record)
        self.identities.forget(record)
        self._register.drop(record)
        for base in record.fills:
            self.executions.forget(base)

    def _adopt(self, record: OrderRecord, now: datetime) -> tuple[Fact, ...]:
        """Give an order the executions that came before anybody told of it."""
        facts: list[Fact] = []
        for booked in self.executions.orphans_of(record):
            facts.extend(self._join(booked, record, now).facts)
        return tuple(facts)

    def _join(
        self, booked: Booked, record: OrderRecord, now: datetime, facts: tuple[Fact, ...] = ()
    ) -> Change:
        """An execution and its order have met."""
        fill = booked.fill
        was_filled = record.filled
        self._identify(record, fill.perm_id or 0, now)
        self.executions.join(booked, record)
        record.acknowledged = True
        record.note(
            now, "execDetails", f"{fill.exec_id}: {fill.side} {fill.shares} at {fill.price}"
        )
        if record.total is not None and record.executed >= max(record.largest, record.total):
            change = self._move(record, OrderInput.ALL_FILLED, now, "execDetails")
            more = change.facts
        else:
            more = partly_filled(record, was_filled, now)
        return Change(record, (*facts, *more), changed=True)

    def _report(
        self,
        record: OrderRecord,
        word: str,
        was: tuple[tuple[Any, ...], Decimal],
        now: datetime,
        source: str,
    ) -> Change:
        """The gateway's word about an order; ``was`` is what was visible, and filled, before.

        One that says what is known already is not written into the order's log.
        """
        before, was_filled = was
        news, record.acknowledged = not record.acknowledged, True
        record.abandoned = False
        if record.status is OrderStatus.UNCERTAIN:
            record.reason = ""  # why nobody knew
        record.ib_status = word
        held = f", held: {record.why_held}" if record.why_held else ""
        text = f"{word}, {record.filled} filled, {record.remaining} open{held}"
        if news or before != visible(record):
            record.note(now, source, text)
        change = self._move(record, word_of(word), now, source)
        facts = change.facts
        if record.status not in FINAL:
            facts = (*facts, *partly_filled(record, was_filled, now))
        return Change(record, facts, changed=before != visible(record))

    def _move(
        self,
        record: OrderRecord,
        event: OrderStatus | OrderInput,
        now: datetime,
        source: str,
        reason: str = "",
    ) -> Change:
        if event in _ENDS:
            self._over(record)
        return move(record, event, now, source, reason, closed=self._closed)
