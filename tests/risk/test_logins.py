"""Where another login answers, what the gate remembers of orders is not of it."""

from __future__ import annotations

from decimal import Decimal

from tests.orders.test_sessions import connected, until, working
from tests.risk.support import Kept, Row, World, aapl
from tests.support.desk import PATIENCE, Heard
from tests.support.fake_tws import FakeTws
from twsloop.orders.builders import limit_order
from twsloop.orders.state import OrderStatus
from twsloop.risk.identity import ident_of
from twsloop.session.state import State


def test_an_order_of_another_login_does_not_count_when_the_first_one_is_back() -> None:
    """Nobody would ever tell of it again: what is open there is listed as it begins."""
    tws, states = FakeTws(), Heard()
    with connected(tws, risk__max_open_orders=1) as gateway:
        first, before = tws.accounts, working(tws, gateway)
        gateway.on_session(lambda state, _reason: states(state))
        for accounts in ("DU7777777", first):
            tws.accounts = accounts
            tws.hang_up()
            states.until(lambda state: state is State.WAITING)
            states.until(lambda state: state is State.READY)
            assert before.done.result(PATIENCE) is OrderStatus.UNCERTAIN
            trade = gateway.place_order("AAPL", limit_order("BUY", 10, 100))
            until(trade, OrderStatus.PENDING_SUBMIT)
            assert tws.next("placeOrder").orderId == trade.order_id


def test_an_order_with_the_id_of_another_logins_begins_unfilled() -> None:
    world = World(held=[Row(aapl(), Decimal(0))])
    gate = world.gate(max_position=100)
    order = limit_order("BUY", 100, "100")
    for size in (100, 10):
        if size == 10:
            gate.leave()
        order = limit_order("BUY", size, "100")
        assert gate.review(world.propose(order=order, order_id=7)).allowed
        kept = Kept(7, aapl(), order, status="Filled", final=True, filled=Decimal(size))
        gate.note(kept, world.at)
    # The position is reported a moment later: what is filled counts until then.
    working = gate.memory.working
    reported = Decimal(0)
    found = working.ahead.range("DU1234567", ident_of(aapl()), reported, world.at)
    assert found == (reported, Decimal(10))


def test_an_order_with_the_id_of_one_that_was_refused_elsewhere_is_none() -> None:
    world = World()
    gate = world.gate(max_quantity=10)
    parent = world.propose(order=limit_order("BUY", 100, "100"))
    assert not gate.review(parent).allowed
    child = limit_order("SELL", 5, "110")
    child.parentId = parent.order_id
    assert not gate.review(world.propose(order=child)).allowed
    gate.leave()
    assert gate.review(world.propose(order=child)).allowed


def test_what_counts_for_an_account_or_for_the_program_stays() -> None:
    world = World()
    gate = world.gate(orders_per_day=1)
    assert gate.review(world.propose()).allowed
    gate.memory.days.latch("DU1234567", "max_daily_loss", gate.today(world.now))
    gate.leave()
    assert not gate.review(world.propose()).allowed
    assert gate.memory.days.names(gate.today(world.now)) == [("DU1234567", "max_daily_loss")]
