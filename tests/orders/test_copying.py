"""What a caller hands over may be used again at once."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st
from ibapi.client_utils import createPlaceOrderRequestProto
from ibapi.tag_value import TagValue

from twsloop.contracts import combo, stock
from twsloop.orders.builders import limit_order
from twsloop.orders.copying import copied, decoded
from twsloop.orders.words import Action


def test_a_copy_stands_alone() -> None:
    order = limit_order("BUY", 1, 100)
    order.algoParams = [TagValue("a", "1")]
    made = copied(order)
    order.lmtPrice = 5.0
    order.algoParams.append(TagValue("b", "2"))
    assert made.lmtPrice == 100.0
    assert [tag.tag for tag in made.algoParams] == ["a"]
    order.algoParams[0].value = "2"
    order.softDollarTier.name = "tier"
    assert (made.algoParams[0].value, made.softDollarTier.name) == ("1", "")
    order.action = Action.SELL
    assert copied(order).action is Action.SELL
    spread = combo("AAPL", [(1, 1, "BUY"), (2, 1, "SELL")])
    copy = copied(spread)
    spread.comboLegs[0].action = "SELL"
    spread.comboLegs.clear()
    assert [leg.action for leg in copy.comboLegs] == ["BUY", "SELL"]


def test_protobuf_and_plain_values() -> None:
    request = createPlaceOrderRequestProto(7, stock("AAPL"), limit_order("BUY", 1, 100))
    made = copied(request)
    request.orderId = 8
    assert made.orderId == 7
    assert copied(5) == 5
    assert copied("DU1") == "DU1"
    assert copied(None) is None


@given(
    st.integers(1, 10**6),
    st.sampled_from(["BUY", "SELL"]),
    st.decimals("0.0001", 10**6, places=4),
    st.decimals(-1000, 1000, places=2),
)
def test_a_raw_protobuf_order_reads_back(
    order_id: int, action: str, size: Decimal, price: Decimal
) -> None:
    order = limit_order(action, size, price, tif="GTC", account="DU1")
    request = createPlaceOrderRequestProto(order_id, stock("AAPL"), order)
    read_id, contract, read = decoded(request)
    assert read_id == order_id
    assert (contract.symbol, contract.secType, contract.exchange) == ("AAPL", "STK", "SMART")
    assert (read.action, read.totalQuantity, read.orderType) == (action, size, "LMT")
    assert (read.lmtPrice, read.tif, read.account) == (float(price), "GTC", "DU1")
