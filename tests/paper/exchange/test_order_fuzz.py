"""Any field of an order may say anything: nothing raises."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest
from google.protobuf.descriptor import FieldDescriptor
from ibapi.protobuf.Contract_pb2 import Contract
from ibapi.protobuf.Order_pb2 import Order
from ibapi.protobuf.PlaceOrderRequest_pb2 import PlaceOrderRequest

from tests.support.exchange import Exchange
from twsloop.paper.orders.order_types import KNOWN_TYPES, TYPES

FIELDS = tuple(Order.DESCRIPTOR.fields)
WORDS: dict[str, list[str]] = {
    "action": ["BUY", "SELL", "buy", "HOLD", ""],
    "orderType": [*TYPES, *TYPES, *sorted(KNOWN_TYPES), "MOO", ""],
    "tif": ["DAY", "GTC", "IOC", "GTD", "OPG", "GTT", "FOK", "AUC", "", "NMIN", "DTC", "SOON"],
    "totalQuantity": ["1", "250", "0", "-1", "1e3", "0.5", "1E+400", "1e-400", "NaN", "9" * 30, ""],
    "account": ["", "DU1234567", "DU9"],
    "goodTillDate": ["20260105-15:00:00", "20260105 10:00:00 US/Eastern", "00000000", "1:1", "²"],
    "goodAfterTime": ["20260105-15:00:00", "99991231 23:59:59 EST", "x"],
    "algoStrategy": ["Adaptive", "Twap", "x"],
    "ocaGroup": ["", "g", "h" * 80],
}
NUMBERS = [270.0, 270.01, 0.01, 0.0, -1.0, 1e308, 1.7976931348623157e308, 5e-324, math.nan]
NUMBERS += [math.inf, -math.inf, 1e15, 123456789.123]
COUNTS = [0, 1, 2, 3, 5, 7, 8, -1, 60, 2147483647, -2147483648]
SETTINGS: tuple[dict[str, Any], ...] = (
    {},
    {"keeps_hours": True},
    {"accept_delay": 0.5, "cancel_delay": 0.5},
    {"fractional_stocks": True, "price_band": None, "direct_routing": "discard"},
)


def some_order(chance: random.Random) -> Order:
    """An order that could be right, with a few fields that say anything."""
    order = Order(
        action=chance.choice(["BUY", "SELL"]),
        totalQuantity="100",
        orderType=chance.choice([*TYPES]),
        tif="DAY",
        transmit=True,
        lmtPrice=chance.choice([269.0, 270.05, 271.0]),
        auxPrice=chance.choice([0.5, 265.0, 275.0]),
        parentId=chance.choice([0, 0, 0, chance.randint(1, 20)]),
    )
    for field in chance.sample(FIELDS, chance.choice([0, 1, 2, 3, 6])):
        if field.name == "conditions":
            some_condition(chance, order)
        elif field.name == "algoParams":
            order.algoParams[chance.choice(["adaptivePriority", "x"])] = "Normal"
        elif field.type == FieldDescriptor.TYPE_STRING:
            setattr(order, field.name, chance.choice(WORDS.get(field.name, ["", "None", "é"])))
        elif field.type == FieldDescriptor.TYPE_DOUBLE:
            setattr(order, field.name, chance.choice(NUMBERS))
        elif field.type == FieldDescriptor.TYPE_BOOL:
            setattr(order, field.name, chance.random() < 0.5)
        elif field.type in {FieldDescriptor.TYPE_INT32, FieldDescriptor.TYPE_INT64}:
            setattr(order, field.name, chance.choice(COUNTS))
    return order


def some_condition(chance: random.Random, order: Order) -> None:
    order.conditions.add(
        type=chance.choice([1, 2, 3, 4, 5, 6, 7]),
        conId=chance.choice([265598, 272093, 0, 5]),
        exchange="SMART",
        isMore=chance.random() < 0.5,
        price=chance.choice(NUMBERS),
        changePercent=chance.choice(NUMBERS),
        volume=chance.choice(COUNTS),
        percent=chance.choice(COUNTS),
        time=chance.choice(["20260105-15:00:00", "x", ""]),
        symbol="MSFT",
        isConjunctionConnection=chance.random() < 0.5,
        triggerMethod=chance.choice([0, 1, 2, 8, 5]),
    )


def some_contract(chance: random.Random, market: Exchange) -> Contract:
    bag = Contract(symbol="A", secType="BAG", exchange="SMART", currency="USD")
    for con_id, action in ((265598, "BUY"), (272093, "SELL")):
        ratio, price = chance.choice([1, 2, 0]), chance.choice([0.0, 269.0, math.nan])
        bag.comboLegs.add(
            conId=con_id, ratio=ratio, action=action, exchange="SMART", perLegPrice=price
        )
    share = market.contract("AAPL")
    others = [bag, market.contract("EUR.USD"), market.contract("IBM"), Contract()]
    return chance.choice([share, share, share, share, *others])


@pytest.mark.parametrize("seed", range(60))
def test_nothing_raises(seed: int) -> None:
    chance = random.Random(seed)
    market = Exchange(**SETTINGS[seed % len(SETTINGS)])
    market.quote("AAPL", 270.0, 270.05)
    market.trade("AAPL", 270.02)
    market.quote("MSFT", 420.0, 420.1)
    for _ in range(50):
        turn = chance.random()
        if turn < 0.6:
            order_id, contract = chance.randint(-2, 30), some_contract(chance, market)
            request = PlaceOrderRequest(
                orderId=order_id, contract=contract, order=some_order(chance)
            )
            market.engine.place(7, request, market.now)
        elif turn < 0.68:
            market.engine.cancel(7, chance.randint(0, 31), market.now)
        elif turn < 0.7:
            market.engine.cancel_all(7, market.now)
        elif turn < 0.8:
            bid = round(chance.uniform(268, 272), 2)
            market.quote("AAPL", bid, round(bid + 0.02, 2), chance.randint(1, 300))
            market.quote("MSFT", 420.0, 422.0, chance.randint(1, 300))
        elif turn < 0.9:
            market.trade("AAPL", round(chance.uniform(268, 272), 2))
        elif turn < 0.93:
            market.quote("AAPL", None, None)
        elif turn < 0.94:
            market.halt("AAPL", chance.choice([0, 1]))
        else:
            market.pass_time(chance.choice([0.3, 1, 3600, 30000]))
        for _, message in market.raw():
            assert message.SerializeToString()
    for order in market.engine.book:
        assert order.filled + order.remaining == order.total
