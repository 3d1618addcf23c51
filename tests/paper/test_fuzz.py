"""Requests with anything in their fields: no handler fails, and every answer can be encoded."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.manual_feed import ManualFeed
from twsloop.clock import ManualClock
from twsloop.paper import PaperGateway
from twsloop.paper.clients.client import Client
from twsloop.paper.requests.table import HANDLERS
from twsloop.wire.messages import OUTBOUND, message_class

INT, FLOAT, BOOL, MESSAGE, TEXT = "int", "float", "bool", "message", "text"
CPP = {1: INT, 2: INT, 3: INT, 4: INT, 5: FLOAT, 6: FLOAT, 7: BOOL, 9: TEXT, 10: MESSAGE}
WORDS = st.sampled_from(
    [
        *("", "AAPL", "EUR", "USD", "STK", "CASH", "SMART", "BUY", "SELL", "MKT", "LMT", "STP"),
        *("STP LMT", "DAY", "GTC", "IOC", "100", "1E+3", "-1", "NaN", "Infinity", "1e400", "DU1"),
        *("Last", "BidAsk", "TRADES", "1 D", "5 mins", "STK.US", "MOST_ACTIVE", "BRFG+DJNL", "292"),
        *("All", "$LEDGER:ALL", "20260105 09:30:00 US/Eastern", "20260105 09:30:00 US/", "x/y"),
    ]
)
TEXTS = WORDS | st.text(max_size=8)
INTS = st.sampled_from([0, 1, 2, 26, 265598, -1, 2**31 - 1, -(2**31)]) | st.integers(1, 5)
FLOATS = st.sampled_from(
    [0.0, 270.0, 270.05, 270.001, -5.0, 1e300, -1e300, 1.7976931348623157e308]
) | st.floats(width=64)


class Nowhere:
    """An outlet that forgets."""

    def write(self, data: bytes) -> None:
        """Gone."""

    def buffered(self) -> int:
        return 0

    def close(self, reason: str) -> None:
        """Nothing to end."""

    def abort(self, reason: str) -> None:
        """Nothing to end."""


def value(data: st.DataObject, field: Any) -> Any:
    kind = CPP[field.cpp_type]
    if kind is MESSAGE:
        return filled(data, field.message_type._concrete_class, depth=2)
    return data.draw({INT: INTS, FLOAT: FLOATS, BOOL: st.booleans(), TEXT: TEXTS}[kind])


def filled(data: st.DataObject, kind: Any, *, depth: int = 0) -> Any:
    """A message with any of its fields set to anything."""
    message = kind()
    fields = list(kind.DESCRIPTOR.fields)
    chosen = data.draw(st.lists(st.sampled_from(fields), max_size=6)) if fields else []
    # What orders and contracts need to come past the first checks is set more often than not.
    usual = {"contract", "order", "action", "totalQuantity", "orderType", "exchange", "symbol"}
    chosen += [field for field in fields if field.name in usual and data.draw(st.booleans())]
    for field in chosen:
        if field.is_repeated:
            continue
        given_value = value(data, field)
        if CPP[field.cpp_type] is MESSAGE:
            getattr(message, field.name).CopyFrom(given_value)
        else:
            setattr(message, field.name, given_value)
    return message


def order_request(data: st.DataObject) -> Any:
    """An order that would be taken, with a few of its fields set to anything."""
    request = message_class("PlaceOrderRequest")(
        orderId=data.draw(INTS),
        contract={"symbol": "AAPL", "secType": "STK", "exchange": "SMART", "currency": "USD"},
        order={
            "action": data.draw(st.sampled_from(["BUY", "SELL"])),
            "totalQuantity": data.draw(st.sampled_from(["1", "100", "250", "999999999"])),
            "orderType": data.draw(st.sampled_from(["MKT", "LMT", "STP", "STP LMT"])),
            "lmtPrice": data.draw(FLOATS),
            "auxPrice": data.draw(FLOATS),
            "tif": data.draw(st.sampled_from(["DAY", "GTC", "IOC", "FOK", ""])),
            "transmit": data.draw(st.booleans()),
            "parentId": data.draw(st.sampled_from([0, 0, 1, 2])),
            "ocaGroup": data.draw(st.sampled_from(["", "", "g"])),
        },
    )
    order: Any = request.order
    for field in data.draw(st.lists(st.sampled_from(list(order.DESCRIPTOR.fields)), max_size=2)):
        if not field.is_repeated and CPP[field.cpp_type] is not MESSAGE:
            setattr(order, field.name, value(data, field))
    return request


def gateway() -> PaperGateway:
    """A whole one: handlers find what they keep in a hub that was started."""
    feed = ManualFeed()
    feed.send([feed.quote("AAPL", 270.0, 270.05), feed.trade("AAPL", 270.02)])
    return PaperGateway(feed=feed, clock=ManualClock(), accounts=("DU1",))


@settings(max_examples=60)
@given(data=st.data())
def test_no_handler_fails(data: st.DataObject) -> None:
    async def session() -> None:
        async with gateway() as paper:
            hub, feed = paper.hub, paper.feed
            assert isinstance(feed, ManualFeed)
            version = data.draw(st.sampled_from([157, 200, 225]))
            client = Client(1, version, Nowhere())
            assert hub.join(client)
            kinds = [kind for kind in OUTBOUND.values() if kind.proto is not None]
            for _ in range(data.draw(st.integers(1, 12))):
                # Orders make up half, because they leave the most behind.
                if data.draw(st.booleans()):
                    HANDLERS[3](hub, client, order_request(data))
                else:
                    kind = data.draw(st.sampled_from(kinds))
                    assert kind.proto is not None
                    HANDLERS[kind.number](hub, client, filled(data, message_class(kind.proto)))
                hub.settle()
            feed.send([feed.quote("AAPL", 269.0, 269.05), feed.trade("AAPL", 269.02)])
            hub.leave(client)

    asyncio.run(session())


async def test_nothing_is_logged_as_untellable(caplog: pytest.LogCaptureFixture) -> None:
    """Empty requests of every kind: all answers exist at every version that can ask."""
    with caplog.at_level(logging.WARNING):
        async with gateway() as paper:
            hub = paper.hub
            for version in (157, 200, 225):
                client = Client(version, version, Nowhere())
                assert hub.join(client)
                for kind in OUTBOUND.values():
                    if kind.proto is not None and kind.since <= version:
                        HANDLERS[kind.number](hub, client, message_class(kind.proto)())
                        hub.settle()
    assert caplog.text == ""
