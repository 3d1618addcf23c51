"""The projection: which messages a change becomes, and what opens a subscription."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ibapi.decoder import Decoder
from ibapi.wrapper import EWrapper

from twsloop.paper.catalogue.instruments import Catalogue, Instrument
from twsloop.paper.market import ticks
from twsloop.paper.market.options import Greeks
from twsloop.paper.market.vocabulary import (
    Change,
    Field,
    Halt,
    QuoteChange,
    TopOfBook,
    Trade,
    Valued,
)

STANDARD = Catalogue.standard(date(2026, 1, 5))
SECOND = 1_000_000_000


def instrument(symbol: str) -> Instrument:
    found = STANDARD.by_symbol(symbol)
    assert found is not None
    return found


def told(messages: list[ticks.Tick]) -> list[tuple[object, ...]]:
    """Messages as short tuples; the field order is that of the wire."""
    short: list[tuple[object, ...]] = []
    for name, message in messages:
        assert not message.HasField("reqId")
        if name == "tickPrice":
            values: tuple[object, ...] = (message.price, message.size, message.attrMask)
        elif name == "tickSize":
            values = (message.size,)
        elif name in {"tickString", "tickGeneric"}:
            values = (message.value,)
        elif name == "tickReqParams":
            short.append((name, message.minTick, message.bboExchange, message.snapshotPermissions))
            continue
        else:
            short.append((name, message.marketDataType))
            continue
        short.append((name, message.tickType, *values))
    return short


def quote(bid: float | None, bid_size: int, ask: float | None, ask_size: int) -> QuoteChange:
    return QuoteChange(
        1,
        0,
        bid,
        None if bid is None else Decimal(bid_size),
        ask,
        None if ask is None else Decimal(ask_size),
        "" if bid is None else "N",
        "" if ask is None else "PQ",
    )


def test_a_price_change_sends_price_and_size() -> None:
    book = TopOfBook(1)
    assert told(ticks.changes(book.apply(quote(10.0, 300, 10.1, 200)))) == [
        ("tickPrice", 1, 10.0, "300", 1),
        ("tickSize", 0, "300"),
        ("tickString", 32, "N"),
        ("tickPrice", 2, 10.1, "200", 1),
        ("tickSize", 3, "200"),
        ("tickString", 33, "PQ"),
    ]


def test_a_size_change_sends_size_alone() -> None:
    book = TopOfBook(1)
    book.apply(quote(10.0, 300, 10.1, 200))
    changes = book.apply(quote(10.0, 100, 10.1, 500))
    assert told(ticks.changes(changes)) == [("tickSize", 0, "100"), ("tickSize", 3, "500")]


def test_a_side_that_went_away_is_minus_one_of_nothing() -> None:
    book = TopOfBook(1)
    book.apply(quote(10.0, 300, 10.1, 200))
    assert told(ticks.changes(book.apply(quote(10.0, 300, None, 0)))) == [
        ("tickPrice", 2, -1.0, "0", 0),
        ("tickSize", 3, "0"),
        ("tickString", 33, ""),
    ]


def test_trades_in_shares_and_in_lots() -> None:
    book = TopOfBook(1)
    first = book.apply(Trade(1, 5 * SECOND, 10.0, Decimal(150)))
    assert told(ticks.changes(first)) == [
        ("tickString", 45, "5"),
        ("tickPrice", 4, 10.0, "150", 0),
        ("tickSize", 5, "150"),
        ("tickSize", 8, "150"),
        ("tickPrice", 6, 10.0, "0", 0),
        ("tickPrice", 7, 10.0, "0", 0),
        ("tickPrice", 14, 10.0, "0", 0),
    ]
    assert ("tickSize", 8, "1") in told(ticks.changes(first, volume_unit=100))
    second = book.apply(Trade(1, 5 * SECOND + 1, 10.0, Decimal(20)))
    assert told(ticks.changes(second)) == [("tickSize", 5, "20"), ("tickSize", 8, "170")]
    assert told(ticks.changes(second, volume_unit=100)) == [("tickSize", 5, "20")]
    third = book.apply(Trade(1, 5 * SECOND + 2, 10.0, Decimal(20)))
    assert told(ticks.changes(third)) == [("tickSize", 8, "190")]
    assert told(ticks.changes(third, volume_unit=100)) == []
    fourth = book.apply(Trade(1, 5 * SECOND + 3, 10.0, Decimal(20)))
    assert told(ticks.changes(fourth, volume_unit=100)) == [("tickSize", 8, "2")]


def test_halts() -> None:
    changes = TopOfBook(1).apply(Halt(1, 0, 2))
    assert told(ticks.changes(changes)) == [("tickGeneric", 49, 2.0)]


def test_a_new_session_tells_close_and_volume_zero() -> None:
    book = TopOfBook(1, lambda time_ns: (time_ns // SECOND + 1) * SECOND)
    book.apply(Trade(1, 0, 10.0, Decimal(5)))
    changes = book.apply(Trade(1, SECOND, 10.0, Decimal(5)))
    for unit in (1, 100):
        assert told(ticks.changes(changes, volume_unit=unit))[:3] == [
            ("tickPrice", 9, 10.0, "0", 0),
            ("tickSize", 8, "0"),
            ("tickString", 45, "1"),
        ]


def test_the_image_of_a_stock() -> None:
    apple = instrument("AAPL")
    book = TopOfBook(1, close=9.5)
    book.apply(Trade(1, 5 * SECOND, 10.0, Decimal(150)))
    book.apply(Trade(1, 6 * SECOND, 9.9, Decimal(100)))
    book.apply(quote(9.9, 300, 10.1, 200))
    assert told(ticks.image(book, apple, volume_unit=100)) == [
        ("marketDataType", 1),
        ("tickReqParams", "0.01", "9c0001", 3),
        ("tickString", 45, "6"),
        ("tickPrice", 4, 9.9, "100", 0),
        ("tickSize", 5, "100"),
        ("tickSize", 8, "2"),
        ("tickPrice", 6, 10.0, "0", 0),
        ("tickPrice", 7, 9.9, "0", 0),
        ("tickPrice", 9, 9.5, "0", 0),
        ("tickPrice", 14, 10.0, "0", 0),
        ("tickPrice", 1, 9.9, "300", 1),
        ("tickPrice", 2, 10.1, "200", 1),
        ("tickSize", 0, "300"),
        ("tickSize", 3, "200"),
        ("tickString", 32, "N"),
        ("tickString", 33, "PQ"),
    ]


def test_one_who_joins_a_watched_stock_sees_the_quote_first() -> None:
    book = TopOfBook(1)
    book.apply(Trade(1, 5 * SECOND, 10.0, Decimal(150)))
    book.apply(quote(9.9, 300, 10.1, 200))
    image = ticks.image(book, instrument("AAPL"), joins=True)
    kinds = [getattr(message, "tickType", None) for _, message in image]
    assert kinds == [None, None, 1, 0, 2, 3, 45, 4, 5, 8, 6, 7, 14, 32, 33]


def test_an_index_tells_that_it_has_no_quote() -> None:
    book = TopOfBook(1)
    book.apply(Trade(1, 5 * SECOND, 6640.25, Decimal(0)))
    assert told(ticks.image(book, instrument("SPX"))) == [
        ("marketDataType", 1),
        ("tickReqParams", "0.01", "", 0),
        ("tickString", 45, "5"),
        ("tickPrice", 4, 6640.25, "0", 0),
        ("tickSize", 5, "0"),
        ("tickPrice", 6, 6640.25, "0", 0),
        ("tickPrice", 7, 6640.25, "0", 0),
        ("tickPrice", 14, 6640.25, "0", 0),
        ("tickPrice", 1, -1.0, "0", 0),
        ("tickPrice", 2, -1.0, "0", 0),
    ]


def test_what_does_not_exist_is_not_sent() -> None:
    euro = instrument("EUR.USD")
    assert told(ticks.image(TopOfBook(1), euro, market_data_type=3)) == [
        ("marketDataType", 3),
        ("tickReqParams", "0.00005", "", 0),
    ]
    book = TopOfBook(1, quote_driven=True)
    book.apply(quote(1.1, 1_000_000, None, 0))
    assert told(ticks.image(book, euro))[2:] == [
        ("tickPrice", 6, 1.1, "0", 0),
        ("tickPrice", 7, 1.1, "0", 0),
        ("tickPrice", 14, 1.1, "0", 0),
        ("tickPrice", 1, 1.1, "1000000", 1),
        ("tickSize", 0, "1000000"),
        ("tickString", 32, "N"),
    ]


def test_a_halt_stands_in_the_image() -> None:
    book = TopOfBook(1, halted=1)
    assert told(ticks.image(book, instrument("AAPL")))[-1] == ("tickGeneric", 49, 1.0)


@pytest.mark.parametrize(
    ("symbol", "version", "unit"),
    [("AAPL", 219, 100), ("AAPL", 220, 1), ("ESH6", 100, 1), ("EUR.USD", 100, 1)],
)
def test_volume_units(symbol: str, version: int, unit: int) -> None:
    assert ticks.volume_unit(instrument(symbol), version) == unit


@pytest.mark.parametrize(
    ("size", "text"),
    [
        ("100", "100"),
        ("1E+2", "100"),
        ("100.00", "100"),
        ("0.5", "0.5"),
        ("0", "0"),
        ("1E-7", "0.0000001"),
    ],
)
def test_sizes_are_plain_digits(size: str, text: str) -> None:
    assert ticks.size_text(Decimal(size)) == text


@given(st.decimals(min_value=0, max_value=10**12, allow_nan=False, places=4))
def test_size_texts_keep_the_value(size: Decimal) -> None:
    text = ticks.size_text(size)
    assert Decimal(text) == size
    assert "E" not in text
    assert not text.endswith((".", ".0"))


def test_ibs_own_decoder_reads_them() -> None:
    """Every message goes through the official decoder and calls what it should."""
    heard: list[tuple[object, ...]] = []

    class Listener(EWrapper):
        def tickPrice(self, reqId: int, tickType: int, price: float, attrib: Any) -> None:
            heard.append(("tickPrice", tickType, price, attrib.canAutoExecute, attrib.preOpen))

        def tickSize(self, reqId: int, tickType: int, size: Decimal) -> None:
            heard.append(("tickSize", tickType, size))

        def tickString(self, reqId: int, tickType: int, value: str) -> None:
            heard.append(("tickString", tickType, value))

        def tickGeneric(self, reqId: int, tickType: int, value: float) -> None:
            heard.append(("tickGeneric", tickType, value))

        def tickReqParams(self, tickerId: int, minTick: float, bbo: str, permissions: int) -> None:
            heard.append(("tickReqParams", minTick, bbo, permissions))

        def marketDataType(self, reqId: int, marketDataType: int) -> None:
            heard.append(("marketDataType", marketDataType))

    numbers = {
        "tickPrice": 1,
        "tickSize": 2,
        "tickGeneric": 45,
        "tickString": 46,
        "marketDataType": 58,
        "tickReqParams": 81,
    }
    decoder = Decoder(Listener(), 225)
    book = TopOfBook(1, halted=1)
    book.apply(Trade(1, 5 * SECOND, 10.0, Decimal(150)))
    book.apply(quote(9.9, 300, 10.1, 200))
    for name, message in ticks.image(book, instrument("AAPL")):
        message.reqId = 7
        decoder.processProtoBuf(message.SerializeToString(), numbers[name])
    assert heard == [
        ("marketDataType", 1),
        ("tickReqParams", 0.01, "9c0001", 3),
        ("tickString", 45, "5"),
        ("tickPrice", 4, 10.0, False, False),
        ("tickSize", 5, Decimal(150)),
        ("tickSize", 5, Decimal(150)),
        ("tickSize", 8, Decimal(150)),
        ("tickPrice", 6, 10.0, False, False),
        ("tickPrice", 7, 10.0, False, False),
        ("tickPrice", 14, 10.0, False, False),
        ("tickPrice", 1, 9.9, True, False),
        ("tickSize", 0, Decimal(300)),
        ("tickPrice", 2, 10.1, True, False),
        ("tickSize", 3, Decimal(200)),
        ("tickSize", 0, Decimal(300)),
        ("tickSize", 3, Decimal(200)),
        ("tickString", 32, "N"),
        ("tickString", 33, "PQ"),
        ("tickGeneric", 49, 1.0),
    ]


def test_every_field_has_its_messages() -> None:
    for field in Field:
        change = Change(field, price=1.0, size=Decimal(1), text="N", number=1)
        assert ticks.changes([change])


@pytest.mark.parametrize(
    ("name", "missing"),
    [
        ("AAPL", ("bid", "ask", "last", "close", "open")),
        ("EUR.USD", ("bid", "ask", "close")),
        ("SPX", ("last", "close")),
        ("AAPL  260320C00270000", ("bid", "ask", "last", "close")),
    ],
)
def test_what_a_snapshot_waits_for(name: str, missing: tuple[str, ...]) -> None:
    what = STANDARD.by_symbol(name)
    assert what is not None
    book = TopOfBook(1, bid=1.0, ask=1.1, last=1.0, close=1.0, open=1.0)
    book.quote_driven = what.quote_driven
    worth = Greeks(0.2, 1.0, 0.5, 0.0, 0.0, 0.0, 0.0, 270.0)
    book.values = dict.fromkeys((10, 11, 12, 13), worth)
    assert ticks.snapshot_is_complete(book, what)
    for field in ("bid", "ask", "last", "close", "open"):
        before = getattr(book, field)
        setattr(book, field, None)
        assert ticks.snapshot_is_complete(book, what) == (field not in missing), field
        setattr(book, field, before)
    book.values[13] = None
    assert ticks.snapshot_is_complete(book, what) != what.is_option


def test_an_options_worth_is_told() -> None:
    worth = Greeks(None, 1.0, None, None, None, None, 0.1, 270.0)
    tick = ticks.computation(11, worth)
    fields = {field.name for field, _ in tick.message.ListFields()}
    assert fields == {"tickType", "tickAttrib", "optPrice", "pvDividend", "undPrice"}
    book = TopOfBook(1)
    changed = book.apply(Valued(1, 5, ((11, worth), (10, None))))
    assert [(one.field, one.number) for one in changed] == [(Field.VALUED, 11)]
    assert book.apply(Valued(1, 6, ((11, worth),))) == ()
    (gone,) = book.apply(Valued(1, 7, ((11, None),)))
    (tick,) = ticks.changes([gone])
    assert {field.name for field, _ in tick.message.ListFields()} == {"tickType", "tickAttrib"}
