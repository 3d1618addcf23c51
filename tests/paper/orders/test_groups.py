"""Brackets and one-cancels-all groups: who shares whose fate, in which order it is told."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.exchange import Exchange, codes
from twsloop.paper.orders.order import PaperOrder, Status

APART = {"orderType": "LMT", "lmtPrice": 260.0}


@pytest.fixture
def market() -> Exchange:
    it = Exchange()
    it.quote("AAPL", 270.00, 270.05)
    it.trade("AAPL", 270.02)
    return it


def bracket(market: Exchange, **parent: Any) -> list[str]:
    """A purchase with a profit taker and a stop, as ib_insync's bracketOrder makes it."""
    market.place(1, **{"orderType": "LMT", "lmtPrice": 269.0, **parent, "transmit": False})
    child: dict[str, Any] = {"action": "SELL", "parentId": 1}
    market.place(2, orderType="LMT", lmtPrice=275.0, transmit=False, **child)
    return market.place(3, orderType="STP", auxPrice=265.0, **child)


def states(market: Exchange, *order_ids: int) -> list[str]:
    return [market.order(n).status.value for n in order_ids]


# ---- brackets ----------------------------------------------------------------------------------


def test_nothing_is_told_until_a_member_is_sent(market: Exchange) -> None:
    told = bracket(market)
    assert [line.split()[:2] for line in told] == [
        *[part for n in "123" for part in [["open", n], ["status", n]] * 2],
    ]
    assert market.order(2).request.ocaGroup == str(market.order(1).perm_id)
    assert market.order(2).request.ocaType == 3
    assert market.order(3).why_held == "child,trigger"


def test_a_bracket_that_is_never_sent_stays_unseen(market: Exchange) -> None:
    market.place(1, transmit=False)
    market.place(2, transmit=False, action="SELL", parentId=1, **APART)
    market.quote("AAPL", 250.0, 250.1)
    market.pass_time(7 * 86400)
    assert market.told() == []
    assert market.engine.book.open_orders() == ()
    assert market.engine.next_order_id(7) == 3


def test_cancelling_what_was_never_sent(market: Exchange) -> None:
    bracket_parent = market.place(1, transmit=False)
    assert bracket_parent == []
    told = market.cancel(1)
    assert told == ["status 1 Cancelled 0/100 @0", "error 1 202 Order Canceled - reason:"]
    assert codes(market.place(2, action="SELL", parentId=1, **APART)) == [321]


def test_a_bad_member_is_refused_at_once_and_the_rest_can_be_sent(market: Exchange) -> None:
    market.place(1, transmit=False)
    told = market.place(2, transmit=False, action="SELL", parentId=1, orderType="STP")
    assert codes(told) == [321]
    told = market.place(3, action="SELL", parentId=1, orderType="STP", auxPrice=260.0)
    assert codes(told) == []
    assert states(market, 1, 3) == ["Filled", "PreSubmitted"]


def test_a_child_before_its_parent(market: Exchange) -> None:
    told = market.place(2, action="SELL", parentId=1, **APART)
    assert told[0].endswith("cause - Can't find order with id =1")


def test_a_child_may_be_attached_to_a_working_parent(market: Exchange) -> None:
    market.place(1, **APART)
    told = market.place(2, action="SELL", orderType="LMT", lmtPrice=280.0, parentId=1)
    assert told == ["open 2 PreSubmitted", "status 2 PreSubmitted 0/100 @0 child"] * 2


def test_the_stop_fills_and_the_profit_taker_ends(market: Exchange) -> None:
    bracket(market)
    market.quote("AAPL", 268.90, 268.95)
    assert states(market, 1, 2, 3) == ["Filled", "Submitted", "PreSubmitted"]
    market.told()
    market.quote("AAPL", 264.90, 264.95)
    market.trade("AAPL", 264.95)
    told = market.told()
    assert told[-2:] == ["status 2 Cancelled 0/100 @0", "error 2 202 Order Canceled - reason:"]
    assert states(market, 1, 2, 3) == ["Filled", "Cancelled", "Filled"]
    assert market.account.quantity(265598) == 0
    assert market.cancel(2) == [
        "error 2 10148 OrderId 2 that needs to be cancelled cannot be cancelled, state: Cancelled."
    ]


def test_the_parent_ends_and_so_do_the_children_parent_first(market: Exchange) -> None:
    bracket(market)
    told = market.cancel(1)
    assert [line.split()[1:3] for line in told] == [
        [n, word] for n in "123" for word in ("Cancelled", "202")
    ]


def test_a_child_that_ends_takes_its_sibling_along_and_not_the_parent(market: Exchange) -> None:
    bracket(market)
    market.cancel(3)
    assert states(market, 1, 2, 3) == ["Submitted", "Cancelled", "Cancelled"]


def test_a_child_may_take_its_parent_along(market: Exchange) -> None:
    market.place(1, transmit=False, **APART)
    child: dict[str, Any] = {"action": "SELL", "orderType": "LMT", "parentId": 1}
    market.place(2, lmtPrice=280.0, autoCancelParent=True, **child)
    market.cancel(2)
    assert states(market, 1, 2) == ["Cancelled", "Cancelled"]


def test_three_generations_are_sent_together(market: Exchange) -> None:
    market.place(1, transmit=False, **APART)
    market.place(2, transmit=False, action="SELL", orderType="LMT", lmtPrice=275.0, parentId=1)
    market.place(3, transmit=False, action="SELL", orderType="STP", auxPrice=250.0, parentId=1)
    told = market.place(4, orderType="LMT", lmtPrice=255.0, parentId=2)
    assert [line.split()[1] for line in told[::4]] == ["1", "2", "4", "3"]
    market.quote("AAPL", 259.0, 259.5)
    assert states(market, 1, 2, 3, 4) == ["Filled", "Submitted", "PreSubmitted", "PreSubmitted"]
    market.cancel(2)
    assert states(market, 2, 3, 4) == ["Cancelled"] * 3


def test_what_was_never_sent_is_lost_at_a_restart(market: Exchange) -> None:
    market.place(1, **APART)
    market.place(2, transmit=False, action="SELL", orderType="LMT", lmtPrice=275.0, parentId=1)
    market.engine.use_market(market.feed.instruments, market.feed.book)
    assert market.order(2) is None
    assert codes(market.cancel(2)) == [10147]
    assert market.order(1).children == []
    assert market.engine.next_order_id(7) == 3


def test_a_trailing_child_needs_a_limit_parent(market: Exchange) -> None:
    market.place(1, transmit=False)
    trail: dict[str, Any] = {"action": "SELL", "orderType": "TRAIL", "trailingPercent": 2.0}
    told = market.place(2, parentId=1, **trail)
    assert codes(told) == [328]
    assert market.place(3, action="SELL", parentId=1, orderType="STP", auxPrice=260.0) != []
    market.place(4, transmit=False, orderType="LMT", lmtPrice=269.0)
    assert codes(market.place(5, parentId=4, **trail)) == []


def test_a_trailing_child_follows_from_its_parents_fill_on(market: Exchange) -> None:
    market.place(1, orderType="LMT", lmtPrice=269.0, transmit=False)
    market.place(2, action="SELL", orderType="TRAIL", auxPrice=1.0, parentId=1)
    market.trade("AAPL", 280.0)
    market.trade("AAPL", 270.0)
    market.quote("AAPL", 268.90, 269.00)
    assert market.order(2).status is Status.PRE_SUBMITTED
    assert market.order(2).stop_price == 269
    market.trade("AAPL", 271.5)
    assert market.order(2).stop_price == Decimal("270.5")


def test_a_bracket_with_all_that_users_set(market: Exchange) -> None:
    """GTC and outsideRth on all three, as many examples have it."""
    both: dict[str, Any] = {"tif": "GTC", "outsideRth": True}
    market.place(1, orderType="LMT", lmtPrice=269.0, transmit=False, **both)
    child: dict[str, Any] = {"action": "SELL", "parentId": 1, **both}
    market.place(2, orderType="LMT", lmtPrice=275.0, transmit=False, **child)
    told = market.place(3, orderType="STP", auxPrice=265.0, **child)
    assert codes(told) == [2109]
    place = told.index("open 3 PreSubmitted")
    assert told[place - 1].startswith("error 3 2109")
    assert [market.order(n).request.outsideRth for n in (1, 2, 3)] == [True, True, False]


# ---- one cancels all ---------------------------------------------------------------------------


def test_a_cancelled_member_takes_the_others_along(market: Exchange) -> None:
    for order_id in (1, 2, 3):
        market.place(order_id, ocaGroup="g", ocaType=1, **APART)
    told = market.cancel(2)
    assert [line.split()[1] for line in told] == ["2", "2", "1", "1", "3", "3"]


def test_a_child_is_in_its_parents_account() -> None:
    market = Exchange("DU1", "DU2")
    market.quote("AAPL", 270.00, 270.05)
    market.place(1, account="DU2", **APART)
    child = {"action": "SELL", "orderType": "LMT", "lmtPrice": 300.0, "parentId": 1}
    assert codes(market.place(2, account="DU1", **child)) == [321]
    assert codes(market.place(3, account="DU2", **child)) == []


def test_groups_are_of_one_account() -> None:
    market = Exchange("DU1", "DU2")
    market.quote("AAPL", 270.00, 270.05)
    market.place(1, account="DU1", ocaGroup="g", **APART)
    market.place(2, account="DU2", ocaGroup="g", **APART)
    market.cancel(1)
    assert states(market, 1, 2) == ["Cancelled", "Submitted"]


@pytest.mark.parametrize("oca_type", [1, 2, 3])
def test_who_comes_after_the_fill_ends(market: Exchange, oca_type: int) -> None:
    """A one-cancels-all pair whose first member fills at once must not leave the second."""
    market.place(1, ocaGroup="g", ocaType=oca_type)
    assert states(market, 1) == ["Filled"]
    told = market.place(2, ocaGroup="g", ocaType=oca_type, **APART)
    assert told == ["status 2 Cancelled 0/100 @0", "error 2 202 Order Canceled - reason:"]
    market.place(3, ocaGroup="h", ocaType=oca_type, **APART)
    assert states(market, 3) == ["Submitted"]


def test_who_comes_after_a_part_ends_if_a_fill_cancels_it(market: Exchange) -> None:
    market.place(1, ocaGroup="g", totalQuantity="250")
    assert states(market, 1) == ["Submitted"]
    market.place(2, ocaGroup="g", ocaType=3, **APART)
    market.place(3, ocaGroup="g", ocaType=1, **APART)
    assert states(market, 1, 2, 3) == ["Submitted", "Submitted", "Cancelled"]


def test_a_name_may_be_used_again_without_a_fill(market: Exchange) -> None:
    market.place(1, ocaGroup="g", ocaType=1, **APART)
    market.cancel(1)
    market.place(2, ocaGroup="g", ocaType=1, **APART)
    assert states(market, 1, 2) == ["Cancelled", "Submitted"]


@settings(max_examples=60, deadline=None)
@given(
    oca_type=st.sampled_from([1, 2, 3]),
    sizes=st.lists(st.integers(1, 300), min_size=2, max_size=4),
    shown=st.lists(st.integers(1, 200), min_size=1, max_size=8),
)
def test_a_group_never_trades_more_than_its_largest(
    oca_type: int, sizes: list[int], shown: list[int]
) -> None:
    market = Exchange()
    market.quote("AAPL", 270.00, 270.05)
    for order_id, size in enumerate(sizes, 1):
        market.place(
            order_id,
            orderType="LMT",
            lmtPrice=269.0,
            totalQuantity=str(size),
            ocaGroup="g",
            ocaType=oca_type,
        )
    for turn, size in enumerate(shown):
        market.quote("AAPL", 268.0, 268.0 + turn / 100 + 0.01, size)
    orders = [market.order(n) for n in range(1, len(sizes) + 1)]
    assert sum(order.filled for order in orders) <= max(sizes)
    if any(order.status is Status.FILLED for order in orders):
        assert all(order.is_terminal for order in orders if oca_type == 1)


# ---- many, and those that were not sent --------------------------------------------------------

MANY = 1100


def small(market: Exchange, order_id: int, **fields: Any) -> None:
    market.send(order_id, **{**APART, "lmtPrice": 200.0, "totalQuantity": "1", **fields})


def live(market: Exchange) -> int:
    return len(market.engine.book.open_orders())


def test_a_large_group_ends_together(market: Exchange) -> None:
    for n in range(1, MANY + 1):
        small(market, n, ocaGroup="g", ocaType=1)
    market.told()
    told = market.cancel(1)
    assert live(market) == 0
    assert [int(line.split()[1]) for line in told[::2]] == list(range(1, MANY + 1))


def test_a_large_bracket_ends_with_its_parent(market: Exchange) -> None:
    small(market, 1)
    for n in range(2, MANY + 1):
        small(market, n, action="SELL", lmtPrice=300.0, parentId=1)
    market.told()
    told = market.cancel(1)
    assert live(market) == 0
    assert [int(line.split()[1]) for line in told[::2]] == list(range(1, MANY + 1))


def test_a_family_is_told_parents_first() -> None:
    def one(order_id: int) -> PaperOrder:
        return PaperOrder(
            client_id=1,
            order_id=order_id,
            perm_id=order_id,
            account="DU1",
            instrument=None,
            contract=None,
            request=None,
            charges=None,  # type: ignore[arg-type]
            total=Decimal(1),
            order_type="LMT",
        )

    root = last = one(0)
    for n in range(2, 2 * MANY, 2):
        last.children += [one(n - 1), following := one(n)]
        last = following
    assert [member.order_id for member in root.family()] == list(range(2 * MANY - 1))


def test_cancelling_what_was_not_sent_leaves_its_group(market: Exchange) -> None:
    small(market, 1, ocaGroup="g", ocaType=1)
    small(market, 2, ocaGroup="g", ocaType=1, transmit=False)
    market.told()
    market.cancel(2)
    assert states(market, 1, 2) == ["Submitted", "Cancelled"]


def test_what_was_never_sent_is_no_failed_cancel(market: Exchange) -> None:
    small(market, 1, transmit=False)
    market.cancel(1)
    market.engine.cancel_all(7, market.now)
    assert codes(market.told()) == []
