"""What other slices have fits what the gate asks for; nothing but this test ties them together."""

from __future__ import annotations

from decimal import Decimal

from tests.risk.support import ACCOUNT, World, aapl
from twsloop.account.rows import Position
from twsloop.clock import ManualClock
from twsloop.market_data.state import Ticker
from twsloop.orders.builders import limit_order
from twsloop.orders.state import FINAL, OrderRecord, OrderStatus
from twsloop.risk.gate import RiskGate
from twsloop.risk.sources import HeldView, OrderView, QuoteView, Sources


def test_records_positions_and_tickers_are_views() -> None:
    order = limit_order("BUY", 100, "100")
    order.account = ACCOUNT
    record: OrderView = OrderRecord(1, 0, aapl(), order)
    held: HeldView = Position(ACCOUNT, aapl(), "AAPL", Decimal(50), None)
    clock = ManualClock()
    ticker = Ticker(aapl(), "AAPL", clock)
    ticker.bid, ticker.ask, ticker.received = 99.9, 100.1, clock.monotonic()
    quote: QuoteView = ticker
    sources = Sources(
        quote=lambda _contract: quote,
        positions=lambda _account: [held],
        base_currency=lambda _account: "USD",
    )
    world = World()
    gate = RiskGate(world.gate(max_position=200, require_quote=True).config, sources)
    gate.note(record, 0.0)  # not reviewed: it does not count
    assert gate.preview(world.propose(order=limit_order("BUY", 150, "100"))).allowed
    proposal = world.propose(order_id=1, order=order)
    assert gate.review(proposal).allowed
    assert not gate.preview(world.propose(order=limit_order("BUY", 51, "100"))).allowed
    gate.note(record, 0.0)
    assert gate.memory.working.count(ACCOUNT) == 1


def test_every_status_that_ends_an_order_makes_room_but_an_unknown_fate() -> None:
    world = World()
    for status in OrderStatus:
        gate = world.gate()
        order = limit_order("BUY", 100, "100")
        order.account = ACCOUNT
        assert gate.review(world.propose(order_id=7, order=order)).allowed
        record = OrderRecord(7, 0, aapl(), order)
        record.status = status
        gate.note(record, world.at)
        assert gate.memory.working.count(ACCOUNT) == (status not in FINAL), status
        record.status, record.abandoned = OrderStatus.UNCERTAIN, True
        if status not in FINAL:
            gate.note(record, world.at)
            assert gate.memory.working.count(ACCOUNT) == 1
