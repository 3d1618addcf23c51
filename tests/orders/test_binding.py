"""An order that was placed by hand gets an id: whoever's it is, the journal knows it by that."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.support.journals import Steps
from tests.support.orders import echo, filled_contract, order_state, with_fields
from twsloop.contracts import symbol_of
from twsloop.orders.book import Change, OrderBook
from twsloop.orders.builders import limit_order
from twsloop.orders.recording import StepTeller
from twsloop.storage.replay import replay

NOW = datetime(2026, 9, 28, 14, tzinfo=UTC)
BY_HAND, PERM_ID = 0, 900


@pytest.mark.parametrize(("client_id", "own"), [(0, True), (7, False)])
@pytest.mark.parametrize("told_by", ["orderBound", "openOrder"])
def test_the_journal_knows_its_ids(client_id: int, own: bool, told_by: str) -> None:
    book, journal = OrderBook(symbol_of), Steps()
    teller = StepTeller(journal)
    order = echo(limit_order("BUY", 100, "189.50"), order_id=0, perm_id=PERM_ID)

    def told(whose: int, order_id: int, *, own: bool) -> Change:
        named = with_fields(order, orderId=order_id, clientId=whose)
        return book.apply_open_order(
            whose, order_id, filled_contract(), named, order_state("Submitted"), own=own, now=NOW
        )

    record = told(BY_HAND, 0, own=False).record
    assert record is not None
    teller.told(record, NOW, changed=True)
    if told_by == "openOrder":
        change = told(client_id, 12, own=own)
        assert (change.record, change.changed) == (record, True)
    else:
        book.bind(record, client_id, 12, own=own)
    teller.told(record, NOW, changed=True)
    (state,) = replay(journal.written).orders
    assert (state.client_id, state.order_id, state.perm_id) == (client_id, 12, PERM_ID)
    assert state.own is own
    assert book.find(client_id, 12) is record
    said = len(journal.written)
    teller.told(record, NOW, changed=True)
    assert len(journal.written) == said  # nothing is new
