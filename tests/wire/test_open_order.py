"""Our decoder of a protobuf openOrder calls what IB's calls, whatever is in the bytes."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from google.protobuf.descriptor import FieldDescriptor
from hypothesis import given
from hypothesis import strategies as st
from ibapi.decoder import Decoder
from ibapi.object_implem import Object
from ibapi.protobuf.OpenOrder_pb2 import OpenOrder
from ibapi.wrapper import EWrapper

from twsloop.wire import open_order as ours
from twsloop.wire.open_order import open_order

VERSION = 225
#: Of each kind of field: usual values, IB's marks for unset, and what no number is.
TEXTS = ("", "1", "0.5", "AAPL", "None", "é", "1E+2", "170141183460469231731687303715884105727")
VALUES: dict[int, tuple[Any, ...]] = {
    FieldDescriptor.TYPE_STRING: TEXTS,
    FieldDescriptor.TYPE_DOUBLE: (0.0, -1.5, 189.5, 1.7976931348623157e308, math.inf, math.nan),
    FieldDescriptor.TYPE_INT32: (0, 1, -7, 2**31 - 1, -(2**31)),
    FieldDescriptor.TYPE_INT64: (0, 1, 2**31, 2**63 - 1),
    FieldDescriptor.TYPE_BOOL: (True, False),
}


class Ear(EWrapper):
    """Writes down what it is told, twins included."""

    def __init__(self) -> None:
        EWrapper.__init__(self)
        self.told: list[Any] = []

    def openOrderProtoBuf(self, openOrderProto: Any) -> None:
        self.told.append(openOrderProto.SerializeToString(deterministic=True))

    def openOrder(self, orderId: int, contract: Any, order: Any, orderState: Any) -> None:
        self.told.append([frozen(one) for one in (orderId, contract, order, orderState)])


def frozen(value: Any) -> Any:
    """A value with its type, and the attributes of an object in their order."""
    if isinstance(value, (list, tuple)):
        return [type(value).__name__, *map(frozen, value)]
    if isinstance(value, Object) or type(value).__module__.startswith("ibapi."):
        inner = [(name, frozen(held)) for name, held in vars(value).items()]
        return type(value), inner
    if isinstance(value, (float, Decimal)):
        return type(value), str(value)
    return type(value), value


def heard(decode: Callable[[Ear], object]) -> tuple[list[Any], str]:
    """What is told, and the kind of error at which it ends."""
    ear = Ear()
    try:
        decode(ear)
    except Exception as error:
        return ear.told, type(error).__name__
    return ear.told, ""


def agree(data: bytes) -> tuple[list[Any], str]:
    """Both make the same of it."""

    def by_ib(ear: Ear) -> None:
        Decoder(ear, VERSION).processOpenOrderMsgProtoBuf(data)

    found = heard(lambda ear: open_order(data, ear))
    assert found == heard(by_ib)
    return found


def usual() -> Any:
    """An order as a gateway tells of it."""
    return OpenOrder(
        orderId=7,
        contract={"conId": 265598, "symbol": "AAPL", "secType": "STK", "currency": "USD"},
        order={"clientId": 1, "permId": 9, "action": "BUY", "totalQuantity": "100", "tif": "DAY"},
        orderState={"status": "Submitted"},
    )


PARTS = [
    (part, field)
    for part in ("contract", "order", "orderState")
    for field in OpenOrder.DESCRIPTOR.fields_by_name[part].message_type.fields
]


def fill(message: Any, field: Any, pick: Callable[[tuple[Any, ...]], Any]) -> None:
    """Set a field, whatever it is; what it is made of, too."""
    kind = field.message_type
    if kind is None:
        setattr(message, field.name, pick(VALUES[field.type]))
    elif kind.GetOptions().map_entry:
        getattr(message, field.name)[pick(TEXTS)] = pick(TEXTS)
    else:
        held = getattr(message, field.name)
        inner = held.add() if hasattr(held, "add") else held
        inner.SetInParent()
        for one in kind.fields:
            if pick((True, True, False)):
                fill(inner, one, pick)


class Picks:
    """Picks one value wherever it can, and others in turn."""

    def __init__(self, value: Any, first: int) -> None:
        self._value = value
        self._place = first

    def __call__(self, among: tuple[Any, ...]) -> Any:
        """One of these."""
        if self._value is not None and self._value in among:
            return self._value
        self._place += 1
        return among[self._place % len(among)]


@pytest.mark.parametrize(
    ("part", "field"), PARTS, ids=[f"{part}.{field.name}" for part, field in PARTS]
)
def test_each_field_alone(part: str, field: Any) -> None:
    """With each of its values: what we take over, what IB passes over, what is left to IB's."""
    values = VALUES.get(field.type, (None,) * 6)
    for number, value in enumerate(values):
        message = usual()
        fill(getattr(message, part), field, Picks(value, number))
        agree(message.SerializeToString())


def test_a_usual_order_is_read_by_our_own_part(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("decodeContract", "decodeOrder", "decodeOrderState"):
        monkeypatch.delattr(ours, name)
    ear = Ear()
    open_order(usual().SerializeToString(), ear)
    assert len(ear.told) == 2


def test_no_order_shares_what_can_be_changed_with_another() -> None:
    made: list[Any] = []

    class Keeps(Ear):
        def openOrder(self, orderId: int, contract: Any, order: Any, orderState: Any) -> None:
            made.append((contract, order, orderState))

    for _ in range(2):
        open_order(usual().SerializeToString(), Keeps())
    for first, second in zip(*made, strict=True):
        assert first is not second
        for name, value in vars(first).items():
            if isinstance(value, list) or hasattr(value, "__dict__"):
                assert value is not getattr(second, name), name


@pytest.mark.parametrize("missing", ["contract", "order", "orderState", "orderId"])
def test_a_part_that_is_missing(missing: str) -> None:
    message = usual()
    message.ClearField(missing)
    told, _ = agree(message.SerializeToString())
    assert len(told) == (2 if missing == "orderId" else 1)


def test_an_order_id_that_is_ib_s_mark_for_unset() -> None:
    message = usual()
    message.orderId = 2**31 - 1
    agree(message.SerializeToString())


@given(st.data())
def test_any_fields_together(data: st.DataObject) -> None:
    message = usual()
    for part, field in data.draw(st.lists(st.sampled_from(PARTS), max_size=12)):
        fill(getattr(message, part), field, lambda among: data.draw(st.sampled_from(among)))
    agree(message.SerializeToString())


@given(st.data())
def test_bytes_that_are_cut_or_changed(data: st.DataObject) -> None:
    whole = bytearray(usual().SerializeToString())
    for _ in range(data.draw(st.integers(0, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    agree(bytes(whole[: data.draw(st.integers(0, len(whole)))]))


@given(st.binary(max_size=60))
def test_random_bytes(data: bytes) -> None:
    agree(data)
