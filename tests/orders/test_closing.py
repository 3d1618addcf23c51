"""A closing order never turns a position round, whatever else is working."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ibapi.contract import Contract

from tests.support.orders import filled_contract, with_fields
from twsloop.contracts import option, stock
from twsloop.errors import OrderError
from twsloop.orders.builders import limit_order
from twsloop.orders.closing import Closing, closing_orders, fits, plan, reserved, route
from twsloop.orders.state import OrderRecord, OrderStatus

AAPL = 265598


def record(
    order_id: int, action: str, size: int, *, con_id: int = AAPL, filled: int = 0, **fields: object
) -> OrderRecord:
    contract = with_fields(filled_contract(), conId=con_id)
    made = OrderRecord(order_id, 1, contract, with_fields(limit_order(action, size, 1), **fields))
    made.status, made.status_filled = OrderStatus.SUBMITTED, Decimal(filled)
    return made


@pytest.mark.parametrize(
    ("held", "wanted", "working", "closing"),
    [
        ("100", None, {}, Closing("SELL", Decimal(100))),
        ("-100", None, {}, Closing("BUY", Decimal(100))),
        ("100", "40", {}, Closing("SELL", Decimal(40))),
        ("100", None, {"stop 7": "30"}, Closing("SELL", Decimal(70))),
        ("0.5", None, {}, Closing("SELL", Decimal("0.5"))),
        ("100", "70", {"stop 7": "30"}, Closing("SELL", Decimal(70))),
    ],
)
def test_what_is_ordered(
    held: str, wanted: str | None, working: dict[str, str], closing: Closing
) -> None:
    sizes = {name: Decimal(size) for name, size in working.items()}
    assert plan(Decimal(held), Decimal(wanted) if wanted else None, sizes) == closing


@pytest.mark.parametrize(
    ("held", "wanted", "working", "text"),
    [
        ("0", None, {}, "flat"),
        ("100", "101", {}, "turn the position round: it is 100; 100 can"),
        ("100", "71", {"order 7": "30"}, r"close 30 \(order 7\); 70 can be closed"),
        ("-100", None, {"order 7": "100"}, r"close all .* \(order 7\).*cancel_open=True"),
        ("100", None, {"order 7": "100", "order 8": "20"}, "order 7, order 8"),
    ],
)
def test_what_is_refused(held: str, wanted: str | None, working: dict[str, str], text: str) -> None:
    sizes = {name: Decimal(size) for name, size in working.items()}
    with pytest.raises(OrderError, match=text):
        plan(Decimal(held), Decimal(wanted) if wanted else None, sizes)


SIZES = st.decimals("0.0001", 10_000, places=4)


@given(st.decimals(-10_000, 10_000, places=4), st.none() | SIZES, st.lists(SIZES, max_size=4))
def test_the_position_is_never_turned_round(
    held: Decimal, wanted: Decimal | None, working: list[Decimal]
) -> None:
    names = {str(n): size for n, size in enumerate(working)}
    try:
        closing = plan(held, wanted, names)
    except OrderError:
        free = abs(held) - sum(working)
        assert free <= 0 or (wanted is not None and wanted > free)
        return
    sign = 1 if closing.action == "BUY" else -1
    everything = held + sign * (closing.quantity + sum(working))
    assert closing.quantity > 0
    assert everything == 0 or (everything > 0) == (held > 0)


def test_only_the_other_side_of_the_same_contract_closes() -> None:
    sell = record(1, "SELL", 100)
    others = [
        record(2, "BUY", 100),
        record(3, "SELL", 100, con_id=1),
        record(4, "SELL", 100, filled=100),
    ]
    assert closing_orders(Decimal(100), filled_contract(), [sell, *others]) == [sell]
    assert closing_orders(Decimal(-100), filled_contract(), [sell, *others]) == [others[0]]


def test_an_order_that_the_gateway_has_not_shown_yet_counts() -> None:
    unseen = record(1, "SELL", 100, con_id=0)
    assert closing_orders(Decimal(100), filled_contract(), [unseen]) == [unseen]
    other = record(2, "SELL", 100, con_id=0)
    other.contract.symbol = "MSFT"
    other.contract.localSymbol = ""
    assert closing_orders(Decimal(100), filled_contract(), [other]) == []


def test_the_children_of_an_unfilled_parent_close_what_it_opens() -> None:
    parent = record(1, "BUY", 100)
    child = record(2, "SELL", 100, parentId=1)
    held = filled_contract()
    assert closing_orders(Decimal(50), held, [parent, child]) == []
    assert closing_orders(Decimal(50), held, [child]) == [child]  # the parent is filled
    parent.status_filled = Decimal(10)
    assert closing_orders(Decimal(60), held, [parent, child]) == [child]


def test_of_orders_that_cancel_each_other_the_largest_counts() -> None:
    orders = [
        record(1, "SELL", 100, ocaGroup="900"),
        record(2, "SELL", 60, ocaGroup="900"),
        record(3, "SELL", 50, filled=20),
    ]
    assert reserved(orders) == 130
    assert reserved([]) == 0


@pytest.mark.parametrize(
    ("action", "size", "kept"),
    [
        ("SELL", "100", True),
        ("SLONG", "1", True),
        ("SELL", "100.0001", False),
        ("BUY", "100", False),
        ("SELL", "0", False),
        ("SELL", None, False),
    ],
)
def test_an_order_that_would_turn_it_round_is_refused(
    action: str, size: str | None, kept: bool
) -> None:
    order = with_fields(limit_order("SELL", 1, 1), action=action, totalQuantity=size)
    if kept:
        Closing("SELL", Decimal(100)).must_be_kept(order)
    else:
        with pytest.raises(OrderError, match=r"has to be SELL 100 \(or less\)"):
            Closing("SELL", Decimal(100)).must_be_kept(order)


def test_what_smart_routes_is_not_sent_where_it_is_listed() -> None:
    share = with_fields(stock("AAPL"), exchange="NASDAQ", primaryExchange="NASDAQ")
    by_id = with_fields(Contract(), conId=AAPL)
    assert route(by_id, share) == "SMART"
    assert route(with_fields(Contract(), exchange="ARCA"), share) == "ARCA"
    assert route(by_id, with_fields(Contract(), secType="FUT", exchange="CME")) == "CME"
    listed = with_fields(Contract(), secType="CASH", primaryExchange="IDEALPRO")
    assert route(by_id, listed) == "IDEALPRO"
    # IB lists the position in a currency pair without any exchange.
    assert route(by_id, with_fields(Contract(), secType="CASH")) == "IDEALPRO"


def test_a_call_is_a_call_however_it_is_written() -> None:
    held = with_fields(option("AAPL", "20261218", 200, "C"), conId=5)
    assert fits(with_fields(option("AAPL", "20261218", 200, "C"), right="CALL"), held)
    assert not fits(option("AAPL", "20261218", 200, "P"), held)
