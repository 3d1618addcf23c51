"""An order of every kind over a socket: the gateway takes it, or says why it does not."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.capabilities.conftest import PATIENCE
from tests.support.order_examples import EXAMPLES
from twsloop import IBGateway, OrderStatus, Trade, limit_order, stop_order
from twsloop.errors import InvalidOrder
from twsloop.orders.attached import adjust_stop
from twsloop.orders.checks import find_problems

#: What a paper account does not trade, and its code: types and attributes that its instruments do
#: not list (387, 10256...), venues it has no instruments of (200), and what our own paper gateway
#: does not work (321: scales, hedges, presets).
REFUSED = {
    "LMT of half a share": 10243,
    "LMT block": 10266,
    "LMT at least": 10256,
    "AUC": 201,
    "short sale": 321,
    "scale": 321,
    "presets": 321,
    **dict.fromkeys(("MKT PRT", "STP PRT", "PASSV REL", "PEG MKT", "RPI"), 387),
    **dict.fromkeys(("PEG STK", "PEG BENCH", "VOL"), 387),
    **dict.fromkeys(("delta hedge", "beta hedge", "fx hedge", "pair hedge"), 321),
    **dict.fromkeys(("BOX TOP", "PEG MID at IBKRATS"), 200),
    **dict.fromkeys(("PEG BEST", "PEG BEST to the middle"), 200),
}

#: These come back with their limit and with its offset, and may be sent with one of them only.
BOTH_LIMITS = {"TRAIL LIMIT", "TRAIL LIT"}


def placed(gw: IBGateway) -> dict[str, Trade]:
    """Every example that its server version knows, placed and taken back."""
    trades = {}
    for name, (contract, order) in EXAMPLES.items():
        if contract.secType == "BAG":  # its legs are made up
            continue
        if find_problems(order, contract, server_version=gw.serverVersion()):
            with pytest.raises(InvalidOrder, match="server version") as refused:
                gw.place_order(contract, order)
            assert refused.value.code == 503
            continue
        trades[name] = gw.place_order(contract, order)
        trades[name].cancel()
    return trades


def test_every_kind_is_taken_or_refused_with_its_code(gw: IBGateway, is_live: bool) -> None:
    if is_live:
        pytest.skip("an order of every kind would trade")
    trades = placed(gw)
    told = {name: (trade.done.result(PATIENCE), trade) for name, trade in trades.items()}
    refused = {
        name: trade.error_code
        for name, (status, trade) in told.items()
        if status is OrderStatus.REJECTED
    }
    assert refused == {name: code for name, code in REFUSED.items() if name in trades}
    ends = {status for name, (status, _) in told.items() if name not in REFUSED}
    assert ends <= {OrderStatus.FILLED, OrderStatus.CANCELLED}
    for name, (_, trade) in told.items():
        if name not in REFUSED and trade.order.orderType not in BOTH_LIMITS:
            # What came back from the gateway may be changed, and sent again.
            assert find_problems(trade.order, trade.contract) == [], name


def test_a_family_of_three_waits_for_its_parent(gw: IBGateway) -> None:
    entry = limit_order("BUY", 1, "1.00", tif="GTC")
    stop = adjust_stop(
        stop_order("SELL", 1, "0.50", tif="GTC"), trigger_price=2, stop_price=1, trail_amount=1
    )
    target = limit_order("SELL", 1, "900.00", tif="GTC")
    parent, *children = gw.orders.family([("AAPL", entry), ("AAPL", stop), ("AAPL", target)])
    try:
        assert {child.order.parentId for child in children} == {parent.order_id}
        assert [trade.order.transmit for trade in (parent, *children)] == [False, False, True]
    finally:
        parent.cancel()  # and the children with it
    ends = [trade.done.result(PATIENCE) for trade in (parent, *children)]
    assert ends == [OrderStatus.CANCELLED] * 3


def test_a_preview_says_what_an_order_would_cost(gw: IBGateway) -> None:
    preview = gw.orders.what_if("AAPL", limit_order("BUY", 1, "1.00")).result(PATIENCE)
    initial = preview.margins.initial
    assert initial.before is not None
    assert initial.change is not None
    assert initial.after is not None
    # Each of the three is rounded to a cent by itself.
    assert abs(initial.before + initial.change - initial.after) <= Decimal("0.01")
    assert preview.contract.symbol == "AAPL"
    assert preview.order.whatIf
