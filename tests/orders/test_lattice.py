"""The book against a gateway that is late, repeats itself, forgets, and speaks out of turn.

A model gateway holds the truth of one order and writes IB's own sequences of reports about it
(``matching_engine.md`` 3, ``domain.md`` c). They reach the book in any order, twice, late or never.
Two things have to hold whatever happens: an order that is live at the gateway is never shown dead,
and one that is dead there is not shown live any more after one reconcile. The one exception is a
gateway that tells an end which is not true: then the next list that it is asked for shows the order
alive again. What is told twice changes nothing, and leaves the order's log alone.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from tests.support.journals import Steps
from tests.support.orders import (
    commission,
    echo,
    execution,
    filled_contract,
    order_state,
    with_fields,
)
from twsloop.clock import ManualClock
from twsloop.contracts import stock, symbol_of
from twsloop.error_handler import ErrorHandler
from twsloop.events import (
    CommissionReported,
    Ends,
    Fact,
    Fill,
    Notice,
    OrderCancelled,
    OrderExpired,
    OrderFact,
    OrderFilled,
    OrderIntent,
)
from twsloop.orders.book import Change, OrderBook
from twsloop.orders.builders import limit_order
from twsloop.orders.echoes import is_contradicted
from twsloop.orders.plain import plain_fields
from twsloop.orders.reading import execution_base
from twsloop.orders.recording import StepTeller
from twsloop.orders.restoring import restore
from twsloop.orders.state import FINAL, REVOCABLE, OrderInput, OrderRecord, OrderStatus
from twsloop.orders.steps import ending, is_working, visible
from twsloop.storage.recalling import Recalled
from twsloop.storage.replay import replay

START = datetime(2026, 9, 28, 13, 32, 25, tzinfo=UTC)
PERM = 900
SIZE = 100

Report = Callable[[], None]


class Gateway(RuleBasedStateMachine):
    """One order: what is true at the gateway, what is under way, and what the book shows."""

    def __init__(self) -> None:
        super().__init__()
        self.errors = ErrorHandler(ManualClock())
        self.book = OrderBook(symbol_of)
        self.order = limit_order("BUY", SIZE, "189.50")
        self.record = OrderRecord(1, 0, stock("AAPL"), self.order)
        self.facts: list[Fact] = []
        self.steps = Steps()
        self.teller = StepTeller(self.steps)
        self.now = START
        # The truth.
        self.state = "absent"  # then working, held, filled, cancelled, rejected
        self.size = Decimal(SIZE)
        self.shares: dict[str, tuple[str, Decimal]] = {}
        self.wanted: list[Any] = []
        self.cancelling = False
        self.unheard = False
        #: The gateway has told an end that is not true, and was not asked since.
        self.lied = self.was_false = False
        self.revivals = 0
        #: A list of open orders that is on its way: when it was asked for, and what it says.
        self.listing: tuple[int, Report | None] | None = None
        # What is under way.
        self.reports: list[Report] = []

    # ---- the truth -----------------------------------------------------------------------

    @property
    def filled(self) -> Decimal:
        return sum((shares for _, shares in self.shares.values()), Decimal(0))

    @property
    def live(self) -> bool:
        return self.state in {"working", "held"}

    @property
    def dead(self) -> bool:
        return self.state in {"filled", "cancelled", "rejected"}

    def word(self) -> str:
        words = {"filled": "Filled", "cancelled": "Cancelled", "rejected": "Inactive"}
        words |= {
            "held": "Inactive",
            "working": "PendingCancel" if self.cancelling else "Submitted",
        }
        return words[self.state]

    # ---- what the gateway writes ---------------------------------------------------------

    def open_order(self) -> Report:
        shown = with_fields(
            echo(self.order), totalQuantity=self.size, filledQuantity=self.filled, permId=PERM
        )
        state = order_state(self.word())
        return lambda: self.keep(
            self.book.apply_open_order(
                0, 1, filled_contract(), shown, state, own=True, now=self.now
            )
        )

    def status(self) -> Report:
        word, filled, size = self.word(), self.filled, self.size
        return lambda: self.keep(
            self.book.apply_status(
                0,
                1,
                word,
                filled=filled,
                remaining=size - filled,
                average=189.5 if filled else 0.0,
                perm_id=PERM,
                now=self.now,
            )
        )

    def pair(self) -> None:
        self.reports += [self.open_order(), self.status()]

    def error(self, code: int, text: str) -> None:
        self.reports.append(functools.partial(self.hear_error, code, text))

    def execution(self, base: str) -> Report:
        exec_id, shares = self.shares[base]
        report = execution(exec_id, shares, 189.5, perm_id=PERM)
        return lambda: self.keep(self.book.apply_execution(filled_contract(), report, self.now))

    def commission(self, base: str) -> Report:
        report = commission(self.shares[base][0], 1.0)

        def arrive() -> None:
            known = {execution_base(booked.fill.exec_id) for booked in self.book.executions.fills()}
            self.unheard = base not in known  # whose it is, nobody knows yet
            self.keep(self.book.apply_commission(report, None, self.now))

        return arrive

    def completed(self) -> Report:
        shown = with_fields(
            echo(self.order), totalQuantity=self.size, filledQuantity=self.filled, permId=PERM
        )
        state = order_state(self.word())
        return lambda: self.keep(
            self.book.apply_completed(filled_contract(), shown, state, self.now)
        )

    # ---- what arrives --------------------------------------------------------------------

    def keep(self, change: Change) -> None:
        self.facts += change.facts
        self.steps.written += [fact for fact in change.facts if isinstance(fact, OrderFact)]
        if change.record is not None and not change.known:
            self.teller.told(change.record, self.now, changed=change.changed)
            if self.steps.folded:
                assert self.steps.folded == self.teller.standing(change.record)

    def hear_error(self, code: int, text: str) -> None:
        known = is_working(self.record)
        info = self.errors.classify(code, context="order", order_known=known, text=text)
        notice = Notice(time=self.now, req_id=1, code=code, text=text, ends=info.ends)
        ends = ending(self.record, notice)
        self.keep(self.book.apply_error(self.record, notice, self.now))
        if ends is Ends.CHANGE:
            self.keep(self.book.apply_refused_change(self.record, self.now))

    def mean(self, kind: Literal["place", "modify"]) -> None:
        """Write the intent, as what is about to leave does (`leaving`)."""
        record = self.record
        intent = OrderIntent(
            time=self.now,
            order_id=1,
            client_id=0,
            epoch=1,
            kind=kind,
            revision=record.intents,
            contract=plain_fields(record.contract),
            order=plain_fields(record.order),
        )
        record.intents += 1
        self.steps.intend(intent, lambda _problem: None)

    def start_anew(self) -> None:
        """The process is killed; the next one has the journal, and nothing else."""
        told = replay(self.steps.written)
        known = Recalled(told.orders, told.commissions)
        before = self.teller.standing(self.record)
        was = self.record
        self.book = OrderBook(symbol_of)
        (self.record,) = restore(self.book, known, 0, self.now)
        self.teller = StepTeller(self.steps)
        self.keep(Change(self.record, changed=True))
        after = self.teller.standing(self.record)
        # An order that was to leave, and of which no word came, is uncertain now; what nobody
        # would miss is not written: which change the gateway did not confirm.
        loose = {"status", "abandoned", "changing"}
        assert {n for n in before if before[n] != after[n]} <= loose
        assert self.record.fills == was.fills
        assert self.record.commissions == was.commissions

    @initialize()
    def place(self) -> None:
        self.book.create(self.record, self.now)
        self.keep(self.book.created(self.record, self.now))
        self.mean("place")
        self.record.sent = self.order
        self.keep(self.book.apply_input(self.record, OrderInput.SENT, self.now))

    @precondition(lambda self: self.state == "absent")
    @rule(off_hours=st.booleans(), times=st.integers(1, 3))
    def accept(self, off_hours: bool, times: int) -> None:
        self.state = "working"
        if off_hours:
            self.error(399, "Order Message:\nWarning: your order will not be placed until 09:30")
        for _ in range(times):
            self.pair()

    @precondition(lambda self: self.state == "absent" and not self.wanted)
    @rule(code=st.sampled_from([110, 200, 321, 387, 10243]))
    def refuse(self, code: int) -> None:
        self.state = "rejected"
        self.error(code, "The price does not conform to the minimum price variation")

    @precondition(lambda self: self.state in {"absent", "working"} and not self.filled)
    @rule()
    def reject(self) -> None:
        self.state, self.wanted = "rejected", []
        self.pair()
        self.error(201, "Order rejected - reason:margin")
        self.pair()

    @precondition(lambda self: self.state == "working")
    @rule()
    def hold(self) -> None:
        self.state = "held"
        self.pair()

    @precondition(lambda self: self.state == "held")
    @rule()
    def revive(self) -> None:
        self.state = "working"
        self.pair()

    @precondition(lambda self: self.state == "working")
    @rule(part=st.integers(1, SIZE))
    def fill(self, part: int) -> None:
        shares = min(Decimal(part), self.size - self.filled)
        base = f"0000e0d5.6ab9ea8{len(self.shares)}.01"
        self.shares[base] = (f"{base}.01", shares)
        if self.filled >= self.size:
            self.state = "filled"
        self.reports.append(self.execution(base))
        self.pair()
        self.pair()
        self.reports.append(self.commission(base))

    @precondition(lambda self: self.shares)
    @rule(data=st.data())
    def correct(self, data: st.DataObject) -> None:
        """The same trade under the next version of its id."""
        base = data.draw(st.sampled_from(sorted(self.shares)))
        exec_id, shares = self.shares[base]
        version = int(exec_id[-2:]) + 1
        self.shares[base] = (f"{base}.{version:02}", shares)
        self.reports += [self.execution(base), self.commission(base)]

    @precondition(lambda self: self.state == "working")
    @rule()
    def take_cancel(self) -> None:
        self.cancelling = True
        self.pair()

    @precondition(lambda self: self.live)
    @rule()
    def cancel(self) -> None:
        self.state = "cancelled"
        self.reports.append(self.status())
        self.error(202, "Order Canceled - reason:")

    @precondition(lambda self: self.live)
    @rule(notice=st.booleans())
    def cancel_falsely(self, notice: bool) -> None:
        """It is told to be cancelled, and goes on working."""
        self.lied = self.was_false = True
        was, self.state = self.state, "cancelled"
        self.reports.append(self.status())
        if notice:
            self.error(202, "Order Canceled - reason:")
        self.state = was

    @precondition(lambda self: self.dead)
    @rule()
    def cancel_too_late(self) -> None:
        word = {"filled": "Filled"}.get(self.state, "Cancelled")
        if self.state != "rejected":
            self.error(10148, f"OrderId 1 that needs to be cancelled cannot be, state: {word}.")

    # ---- changes -------------------------------------------------------------------------

    @precondition(lambda self: not self.record.final)
    @rule(size=st.integers(1, 2 * SIZE))
    def modify(self, size: int) -> None:
        order = with_fields(echo(self.order), totalQuantity=Decimal(size), permId=PERM)
        self.keep(self.book.replace(self.record, order, self.now))
        self.mean("modify")
        self.record.sent = order
        self.wanted.append(order)

    @precondition(lambda self: self.wanted and self.live)
    @rule()
    def take_change(self) -> None:
        order = self.wanted.pop(0)
        if order.totalQuantity > self.filled:
            self.size = order.totalQuantity
            self.pair()
        else:
            self.error(110, "The price does not conform to the minimum price variation")

    @precondition(lambda self: self.wanted and self.live)
    @rule(code=st.sampled_from([110, 201, 321, 329, 10241]), why=st.sampled_from(["A", "B"]))
    def refuse_change(self, code: int, why: str) -> None:
        self.wanted.pop(0)
        self.error(code, f"Order rejected - reason: this change {why}")

    # ---- the way -------------------------------------------------------------------------

    @precondition(lambda self: self.reports)
    @rule(data=st.data(), again=st.booleans())
    def deliver(self, data: st.DataObject, again: bool) -> None:
        """Any of what is under way arrives now, and perhaps once more later."""
        at = data.draw(st.integers(0, len(self.reports) - 1))
        report = self.reports[at] if again else self.reports.pop(at)
        self.now += timedelta(seconds=1)
        logged, shown, self.unheard = len(self.record.log), visible(self.record), False
        told = len(self.facts)
        report()
        if len(self.record.log) == logged and not self.unheard:  # then it says nothing new
            assert visible(self.record) == shown
            assert len(self.facts) == told

    @precondition(lambda self: self.reports)
    @rule()
    def deliver_in_order(self) -> None:
        while self.reports:
            self.now += timedelta(milliseconds=1)
            self.reports.pop(0)()

    @precondition(lambda self: self.reports)
    @rule(data=st.data())
    def lose(self, data: st.DataObject) -> None:
        self.reports.pop(data.draw(st.integers(0, len(self.reports) - 1)))

    @rule(arrives=st.booleans(), killed=st.booleans())
    def link_lost(self, arrives: bool, killed: bool) -> None:
        """Everything under way is lost; the next session, or process, asks for everything."""
        if self.state == "absent" and arrives:
            self.state = "working"
        gone = self.state == "absent"
        self.reports.clear()
        self.wanted.clear()
        self.listing = None
        if killed:
            self.start_anew()
        elif not self.record.final:
            self.keep(self.book.apply_refused_change(self.record, self.now, every=True))
            lost = OrderInput.LINK_LOST
            self.keep(self.book.apply_input(self.record, lost, self.now, "link lost"))
        self.reconcile()
        if gone:
            self.state = "rejected"
        assert self.record.final is not self.live
        if not gone and self.state != "rejected":
            assert self.record.filled == self.filled
            assert self.record.executed == self.filled
            assert self.record.settled is not self.live
        if self.state == "rejected":
            ends = {OrderStatus.REJECTED, OrderStatus.UNCERTAIN}
            if self.was_false:  # of two ends that were told, the first one is shown
                ends.add(OrderStatus.CANCELLED)
            assert self.record.status in ends

    @precondition(lambda self: self.state != "absent" and not self.wanted)
    @rule()
    def reconcile_in_session(self) -> None:
        """Asked because an answer did not come: what is under way may arrive later all the same."""
        self.reconcile()
        assert self.record.final is not self.live

    @precondition(lambda self: self.state != "absent" and self.listing is None)
    @rule(waits=st.booleans())
    def ask_for_a_list(self, waits: bool) -> None:
        """The gateway writes it now, and it arrives now or later."""
        self.listing = self.book.ends_heard, self.open_order() if self.live else None
        if not waits:
            self.hear_the_list()

    @precondition(lambda self: self.listing is not None)
    @rule()
    def hear_the_list(self) -> None:
        assert self.listing is not None
        (asked, shown), self.listing = self.listing, None
        if shown is None:
            return
        shown()
        if self.dead and self.state != "filled":
            self.completed()()  # the other list, which was written after this one
        self.believe(asked)

    def believe(self, asked: int) -> None:
        if is_contradicted(self.record, asked):
            assert self.record.status in REVOCABLE
            self.keep(self.book.revive(self.record, self.now))
            assert not self.record.final
            self.revivals += 1

    def reconcile(self) -> None:
        asked = self.book.ends_heard
        if self.live:
            self.open_order()()
        elif self.dead:
            self.completed()()
        for base in self.shares:
            self.execution(base)()
            self.commission(base)()
        if self.live:
            self.believe(asked)
            # What is under way may say once more what is not true.
            self.lied = self.lied and bool(self.reports)
        if self.record.before_change is None:  # else the same echo may answer the next change
            log, shown = list(self.record.log), visible(self.record)
            self.hear_all_again()
            assert self.record.log == log
            assert visible(self.record) == shown
        listed = {self.record} if self.live else set()
        for change in self.book.reconcile(self.book.live(), listed, self.now, "gone"):
            self.keep(change)

    def hear_all_again(self) -> None:
        """The same answers once more: they say nothing new."""
        told = len(self.facts)
        if self.live:
            self.open_order()()
        elif self.dead:
            self.completed()()
        for base in self.shares:
            self.execution(base)()
            self.commission(base)()
        assert len(self.facts) == told

    # ---- what always holds ---------------------------------------------------------------

    @invariant()
    def no_live_order_is_shown_dead(self) -> None:
        if self.live and not self.lied:
            assert self.record.status not in FINAL, self.record.log
            assert not self.record.final, self.record.log

    @invariant()
    def no_share_is_invented(self) -> None:
        assert self.record.executed <= self.filled
        if self.record.status is not OrderStatus.FILLED:
            assert self.record.filled <= self.filled

    @invariant()
    def each_end_and_each_execution_is_told_once(self) -> None:
        fills = [fact.exec_id for fact in self.facts if isinstance(fact, Fill)]
        assert len(fills) == len(set(fills))
        costs = [fact.exec_id for fact in self.facts if isinstance(fact, CommissionReported)]
        assert len(costs) == len(set(costs))
        for kind in (OrderFilled, OrderCancelled, OrderExpired):
            assert sum(type(fact) is kind for fact in self.facts) <= 1 + self.revivals

    @invariant()
    def the_log_is_whole(self) -> None:
        for entry in self.record.log:
            assert entry.time.tzinfo is UTC
            assert entry.source
            assert entry.text


#: Nightly runs make thousands of stories, and each is long.
TestLattice = pytest.mark.timeout(900)(Gateway.TestCase)
TestLattice.settings = settings(
    max_examples=max(250, settings().max_examples), stateful_step_count=40
)
