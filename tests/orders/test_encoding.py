"""Whatever is built reaches the gateway whole: IB's own encoder writes it, in both protocols."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from ibapi.order import Order

from tests.support import official
from tests.support.order_examples import EXAMPLES
from twsloop.orders.words import Word
from twsloop.wire.codec import decode
from twsloop.wire.messages import Direction

#: Text up to server version 200 has no place for these, and IB's client leaves them out without a
#: word.
ONLY_PROTOBUF = {
    "postOnly",
    "hedgeMaxSize",
    "slOrderId",
    "slOrderType",
    "ptOrderId",
    "ptOrderType",
}


def sent(name: str, version: int) -> Any:
    contract, order = EXAMPLES[name]
    (body,) = official.requests(lambda client: client.placeOrder(12, contract, order), version)
    decoded = decode(Direction.OUTBOUND, body, version)
    assert decoded.leftover == 0
    return decoded.message


def chosen(order: Order) -> dict[str, Any]:
    """The fields that differ from an order that nobody touched."""
    blank = vars(Order())
    mine = {name: value for name, value in vars(order).items() if name != "softDollarTier"}
    return {name: value for name, value in mine.items() if value != blank[name]}


def arrived(message: Any, name: str) -> Any:
    """What the request says of a field of IB's Order."""
    if name.startswith(("slOrder", "ptOrder")):
        return getattr(message.attachedOrders, name)
    if name == "orderComboLegs":
        return [leg.perLegPrice for leg in message.contract.comboLegs]
    if name == "conditions":
        return [said(condition) for condition in message.order.conditions]
    value = getattr(message.order, name)
    return dict(value) if name in {"algoParams", "smartComboRoutingParams"} else value


def meant(name: str, value: Any) -> Any:
    if name == "totalQuantity":
        return f"{Decimal(value):f}"
    if name == "orderComboLegs":
        return [leg.price for leg in value]
    if name in {"algoParams", "smartComboRoutingParams"}:
        return {tag.tag: tag.value for tag in value}
    if name == "conditions":
        return [{"type": one.condType, **vars(one)} for one in value]
    return value


def said(condition: Any) -> dict[str, Any]:
    fields = {field.name: value for field, value in condition.ListFields()}
    fields["condType"] = condition.type
    fields.setdefault("isConjunctionConnection", False)
    if condition.type != 5:
        fields.setdefault("isMore", False)
    return fields


@pytest.mark.parametrize("version", [225, 200])
@pytest.mark.parametrize("name", EXAMPLES)
def test_every_field_arrives(name: str, version: int) -> None:
    message = sent(name, version)
    order = EXAMPLES[name][1]
    expected = {
        field: meant(field, value)
        for field, value in chosen(order).items()
        if version > 200 or field not in ONLY_PROTOBUF
    }
    expected.setdefault("transmit", True)
    assert {field: arrived(message, field) for field in expected} == expected


@pytest.mark.parametrize("name", EXAMPLES)
def test_ibs_class_holds_plain_values(name: str) -> None:
    for field, value in chosen(EXAMPLES[name][1]).items():
        assert not isinstance(value, Word), field
        assert type(value) in {str, int, float, bool, Decimal, list}, field


def test_every_type_of_order_is_among_the_examples() -> None:
    from twsloop.orders.words import OrderType  # noqa: PLC0415

    built = {order.orderType for _, order in EXAMPLES.values()}
    assert set(OrderType) - built == {"FUNARI", "QUOTE"}
    assert all(OrderType(word).known for word in built)
