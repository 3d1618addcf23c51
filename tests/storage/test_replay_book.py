"""Whatever a gateway reports: the journal, read from its file, tells the orders of the program.

Any sequence of reports goes into the book of the orders slice. What that tells is written into a
journal, as the program does; what the file tells then has to be what the book knows.
"""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.support.journals import Steps
from tests.support.orders import (
    commission,
    echo,
    execution,
    filled_contract,
    order_state,
    with_fields,
)
from tests.support.written import write_journal
from twsloop.contracts import stock, symbol_of
from twsloop.events import Ends, Notice, OrderFact
from twsloop.orders.book import Change, OrderBook
from twsloop.orders.builders import limit_order
from twsloop.orders.recording import StepTeller
from twsloop.orders.state import OrderInput, OrderRecord
from twsloop.storage.queries import Wanted, entries, query_fills, query_orders
from twsloop.storage.reading import reading
from twsloop.storage.replay import Replay

START = datetime(2026, 9, 28, 13, 32, 25, tzinfo=UTC)
WORDS = ("PreSubmitted", "Submitted", "Filled", "Cancelled", "Inactive", "PendingCancel", "odd")
#: (client id, order id, permanent id): three of ours, another client's, two that somebody placed by
#: hand.
ORDERS = ((0, 1, 901), (0, 2, 902), (0, 3, 903), (5, 9, 909), (0, 0, 955), (0, 0, 956))

#: What happens, to which order, and a number that it makes something of.
Act = tuple[str, int, int]
ACTS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                *("create", "sent", "status", "status", "open", "open", "execution", "execution"),
                *("commission", "completed", "error", "lost", "missing", "replace", "refuse"),
                *("bind", "settle"),
            ]
        ),
        st.integers(0, len(ORDERS) - 1),
        st.integers(0, 11),
    ),
    max_size=30,
)


class Program:
    """A book, and what is written of it."""

    def __init__(self) -> None:
        self.book = OrderBook(symbol_of)
        self.journal = Steps()
        self.teller = StepTeller(self.journal)
        self.now = START

    def act(self, what: str, which: int, number: int) -> None:
        self.now += timedelta(seconds=1)
        client, order_id, perm = ORDERS[which]
        record = self.book.find(client, order_id, perm)
        order = limit_order("BUY", 100 + number, "189.50")
        shown = echo(order, order_id=order_id, client_id=client, perm_id=perm)
        word = WORDS[number % len(WORDS)]
        own = client == 0 and order_id > 0
        exec_id = f"{which}{number // 2 % 3}.{number % 2 + 1:02}"  # three of each order, corrected
        if what == "create":
            if own and record is None:
                made = OrderRecord(order_id, client, stock("AAPL"), order, token=f"t.{order_id}")
                self.book.create(made, self.now)
                self.tell(self.book.created(made, self.now))
        elif what == "status":
            done = Decimal(number * 10)
            self.tell(
                self.book.apply_status(
                    client, order_id, word, filled=done, remaining=100 - done, average=189.5,
                    perm_id=perm, now=self.now,
                )
            )  # fmt: skip
        elif what == "open":
            state = order_state(word)
            self.tell(
                self.book.apply_open_order(
                    client, order_id, filled_contract(), shown, state, own=own, now=self.now
                )
            )
        elif what == "execution" and (record is not None or not own):
            report = execution(
                exec_id, 10 + number, 189.5, order_id=order_id, client_id=client,
                perm_id=perm,
            )  # fmt: skip
            self.tell(self.book.apply_execution(filled_contract(), report, self.now))
        elif what == "commission":
            report = commission(exec_id, float(which))
            self.tell(self.book.apply_commission(report, None, self.now))
        elif what == "completed":
            shown = with_fields(shown, filledQuantity=Decimal(100))
            change = self.book.apply_completed(
                filled_contract(), shown, order_state(word), self.now
            )
            self.tell(change)
        elif record is not None:
            self.do(record, what, number)

    def do(self, record: OrderRecord, what: str, number: int) -> None:
        """Something that is about an order that the book has."""
        inputs = {
            "sent": OrderInput.SENT,
            "lost": OrderInput.LINK_LOST,
            "missing": OrderInput.MISSING,
        }
        if what in inputs:
            self.tell(self.book.apply_input(record, inputs[what], self.now, what))
        elif what == "error":
            ends = list(Ends)[number % len(Ends)]
            notice = Notice(time=self.now, req_id=1, code=201, text="margin", ends=ends)
            self.tell(self.book.apply_error(record, notice, self.now))
        elif what == "replace" and not record.final:
            new = limit_order("BUY", 50 + number, "190")
            self.tell(self.book.replace(record, new, self.now))
        elif what == "refuse":
            self.tell(self.book.apply_refused_change(record, self.now))
        elif what == "bind" and not record.order_id:
            self.book.bind(record, 0, 100 + record.perm_id, own=True)
            self.tell(Change(record, changed=True))
        elif what == "settle":
            self.book.settle(record)

    def tell(self, change: Change) -> None:
        """Write what changed, as the board does."""
        if change.known:
            return
        self.journal.written += [fact for fact in change.facts if isinstance(fact, OrderFact)]
        if change.record is not None:
            self.teller.told(change.record, self.now, changed=change.changed)


@example([("create", 0, 0), ("lost", 0, 0), ("settle", 0, 0), ("sent", 0, 0)], [])
@given(ACTS, st.lists(st.integers(1, 29), max_size=3))
@settings(max_examples=25)
def test_the_journal_tells_the_orders_of_the_program(acts: list[Act], cuts: list[int]) -> None:
    program = Program()
    for act in acts:
        program.act(*act)
    written, book = program.journal.written, program.book
    places = [0, *sorted(min(cut, len(written)) for cut in cuts), len(written)]
    batches = [written[a:b] for a, b in itertools.pairwise(places)]
    with TemporaryDirectory() as folder:
        file = write_journal(Path(folder) / "journal.db", *batches)
        with reading(file) as journal:
            told = [(entry.seq, entry.fact()) for entry in entries(journal)]
            listed = query_orders(journal, Wanted())
            executed = query_fills(journal, Wanted())
    made = Replay()
    for seq, fact in told:
        made.apply(fact, seq)
    records = list(book)
    assert len(made.orders) == len(records)
    for record in records:
        state = made.find(record.client_id, record.order_id, record.perm_id)
        assert state is not None
        assert state.told == program.teller.standing(record)
        assert state.fills == record.fills
        assert state.commissions == record.commissions
        assert (state.final, state.executed) == (record.final, record.executed)
        assert (state.filled, state.average_price) == (record.filled, record.average_price)
    assert sorted(map(_name, listed)) == sorted(map(_name, made.orders))
    assert {one.fill for one in executed} == {booked.fill for booked in book.executions.fills()}
    costs = {booked.fill.exec_id: booked.commission for booked in book.executions.fills()}
    assert {one.fill.exec_id: one.commission for one in executed} == costs


def _name(order: Any) -> tuple[int, int, int]:
    return order.client_id, order.order_id, order.perm_id or 0
