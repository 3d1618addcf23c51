from __future__ import annotations

from typing import Any

import pytest

from twsloop.errors import EncodeError, ParseError
from twsloop.wire.codec import REQUIRED, decode, encode
from twsloop.wire.messages import (
    INBOUND,
    INBOUND_BY_NAME,
    OUTBOUND_BY_NAME,
    Direction,
    message_class,
)

PRICE = INBOUND_BY_NAME["tickPrice"]


def tick_price(**fields: object) -> Any:
    return message_class("TickPrice")(**fields)


def test_text_has_a_decimal_number_up_to_200() -> None:
    tick = tick_price(reqId=7, tickType=1, price=101.5, size="100", attrMask=1)
    assert encode(PRICE, tick, 200) == b"1\x006\x007\x001\x00101.5\x00100\x001\x00"


def test_text_has_a_raw_number_above_200() -> None:
    tick = tick_price(reqId=7, tickType=1, price=101.5, size="100", attrMask=1)
    assert encode(PRICE, tick, 203) == b"\0\0\0\x016\x007\x001\x00101.5\x00100\x001\x00"


def test_protobuf_has_number_plus_200_and_the_serialized_message() -> None:
    tick = tick_price(reqId=7, tickType=1, price=101.5, size="100", attrMask=1)
    assert encode(PRICE, tick, 206) == b"\0\0\0\xc9" + tick.SerializeToString()


@pytest.mark.parametrize("version", [100, 151, 178, 200, 201, 205, 206, 213, 225])
def test_each_encoding_reads_back(version: int) -> None:
    tick = tick_price(reqId=7, tickType=1, price=101.5, size="100", attrMask=0)
    decoded = decode(Direction.INBOUND, encode(PRICE, tick, version), version)
    assert decoded.type is PRICE
    assert decoded.message == tick
    assert decoded.leftover == 0


def test_mixed_versions_follow_each_messages_own_gate() -> None:
    order = message_class("PlaceOrderRequest")(orderId=1)
    cancel = message_class("CancelMarketData")(reqId=1)
    assert encode(OUTBOUND_BY_NAME["placeOrder"], order, 203)[:4] == b"\0\0\0\xcb"
    assert encode(OUTBOUND_BY_NAME["cancelMktData"], cancel, 203) == b"\0\0\0\x022\x001\x00"


def test_either_encoding_is_read_above_200_whatever_the_gate() -> None:
    tick = tick_price(reqId=7, tickType=1, price=1.0, size="1", attrMask=0)
    assert decode(Direction.INBOUND, encode(PRICE, tick, 203), 225).message == tick
    assert decode(Direction.INBOUND, encode(PRICE, tick, 225), 203).message == tick


def test_a_message_without_fields_has_an_empty_body() -> None:
    end = message_class("CompletedOrdersEnd")()
    for version in (150, 200, 201, 225):
        body = encode(INBOUND_BY_NAME["completedOrdersEnd"], end, version)
        assert decode(Direction.INBOUND, body, version).message == end


def test_history_carries_its_dates_below_196() -> None:
    history = message_class("HistoricalData")(reqId=4)
    row = INBOUND_BY_NAME["historicalData"]
    dates = ("20261101 00:00:00 UTC", "20261120 00:00:00 UTC")
    old = encode(row, history, 195, dates=dates)
    assert old == b"17\x004\x00" + b"\0".join(map(str.encode, dates)) + b"\x000\x00"
    assert decode(Direction.INBOUND, old, 195).dates == dates
    assert encode(row, history, 196, dates=dates) == b"17\x004\x000\x00"
    assert decode(Direction.INBOUND, b"17\x004\x000\x00", 196).dates is None


def test_what_does_not_exist_yet_is_not_written() -> None:
    with pytest.raises(EncodeError, match="from server version 196"):
        encode(INBOUND_BY_NAME["historicalDataEnd"], message_class("HistoricalDataEnd")(), 195)


def test_a_foreign_message_is_not_written() -> None:
    with pytest.raises(EncodeError, match="is a TickPrice, not a TickSize"):
        encode(PRICE, message_class("TickSize")(), 200)


def test_a_nul_would_end_the_field() -> None:
    order = message_class("ManagedAccounts")(accountsList="DU1")
    order_ref = message_class("PlaceOrderRequest")()
    order_ref.order.orderRef = "a\0b"
    assert encode(INBOUND_BY_NAME["managedAccounts"], order, 100) == b"15\x001\x00DU1\x00"
    with pytest.raises(EncodeError, match="NUL"):
        encode(OUTBOUND_BY_NAME["placeOrder"], order_ref, 178)


def test_a_size_that_is_no_number_is_not_written() -> None:
    with pytest.raises(EncodeError, match="size"):
        encode(PRICE, tick_price(reqId=1, tickType=1, price=1.0, size="many"), 178)


@pytest.mark.parametrize(
    ("body", "version", "message", "field", "value"),
    [
        (b"", 200, None, None, None),
        (b"x\x001\x00", 200, None, None, "x"),
        (b"999\x001\x00", 200, None, "number", "999"),
        (b"\0\0", 225, None, None, "0000"),
        (b"\0\0\x03\xe7", 225, None, "number", "799"),
        (b"\0\0\0\xc9\xff", 225, "tickPrice", None, "ff"),
        (b"\0\0\0\xf7", 225, "tickEFP", None, None),
        (b"1\x006\x007\x001\x00cheap\x00100\x000\x00", 200, "tickPrice", "price", "cheap"),
        (b"1\x006\x007\x001\x001.0\x00ten\x000\x00", 200, "tickPrice", "size", "ten"),
        (b"1\x006\x007\x001\x00", 200, "tickPrice", "price", None),
        (b"1\x006\x007", 200, None, None, b"1\x006\x007".hex()),
        (
            b"1\x006\x0099999999999\x001\x001.0\x001\x000\x00",
            200,
            "tickPrice",
            "reqId",
            "99999999999",
        ),
        (b"85\x009\x00a\x00b\x00", 200, "newsProviders", "newsProviders", "9"),
        (b"85\x00many\x00", 200, "newsProviders", "newsProviders", "many"),
    ],
)
def test_what_cannot_be_read_says_where(
    body: bytes, version: int, message: str | None, field: str | None, value: str | None
) -> None:
    with pytest.raises(ParseError) as caught:
        decode(Direction.INBOUND, body, version)
    assert caught.value.message == message
    assert caught.value.field == field
    assert caught.value.value == value


def test_fields_that_the_layout_does_not_know_are_counted() -> None:
    body = b"9\x001\x00574\x00new\x00newer\x00"
    decoded = decode(Direction.INBOUND, body, 178)
    assert decoded.message.orderId == 574
    assert decoded.leftover == 2


def test_what_ibs_client_would_misread_is_filled_in_and_the_callers_message_stays() -> None:
    tick = tick_price(reqId=7, tickType=1, price=101.5, size="")
    sent = decode(Direction.INBOUND, encode(PRICE, tick, 225), 225).message
    assert (sent.size, sent.attrMask, sent.HasField("attrMask")) == ("0", 0, True)
    assert not tick.HasField("attrMask")
    assert tick.size == ""
    error = message_class("ErrorMessage")(errorCode=2104, errorMsg="ok")
    sent = decode(Direction.INBOUND, encode(INBOUND_BY_NAME["errMsg"], error, 225), 225).message
    assert sent.id == -1


def test_required_names_fields_that_exist() -> None:
    protos = {row.proto for row in INBOUND.values()}
    for proto, fields in REQUIRED.items():
        assert proto in protos
        for path in fields:
            descriptor: Any = message_class(proto).DESCRIPTOR
            for name in path.split("."):
                field = descriptor.fields_by_name[name]
                descriptor = field.message_type
