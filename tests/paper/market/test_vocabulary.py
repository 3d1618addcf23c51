"""The book's rules, and that nothing gets lost between events, changes and ticks."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twsloop.paper.market import ticks
from twsloop.paper.market.vocabulary import (
    Change,
    Event,
    Field,
    Halt,
    QuoteChange,
    TopOfBook,
    Trade,
)

SECOND = 1_000_000_000
DAY = 86_400 * SECOND


def day_end(time_ns: int) -> int:
    return (time_ns // DAY + 1) * DAY


def quote(bid: float | None, bid_size: int, ask: float | None, ask_size: int, at: int = 0) -> Event:
    return QuoteChange(
        1,
        at,
        bid,
        None if bid is None else Decimal(bid_size),
        ask,
        None if ask is None else Decimal(ask_size),
    )


def fields(changes: tuple[Change, ...]) -> list[Field]:
    return [change.field for change in changes]


def test_a_quote_changes_price_and_size_of_each_side() -> None:
    book = TopOfBook(1)
    assert fields(book.apply(quote(10.0, 100, 10.1, 200))) == [Field.BID, Field.ASK]
    assert (book.bid, book.ask) == (10.0, 10.1)
    assert (book.bid_size, book.ask_size) == (Decimal(100), Decimal(200))
    assert fields(book.apply(quote(10.0, 300, 10.2, 200))) == [Field.BID_SIZE, Field.ASK]


def test_repeats_emit_nothing() -> None:
    book = TopOfBook(1)
    book.apply(quote(10.0, 100, 10.1, 200))
    assert book.apply(quote(10.0, 100, 10.1, 200, at=SECOND)) == ()
    assert book.time_ns == SECOND


def test_a_venue_alone_is_a_repeat_and_comes_with_the_next_change() -> None:
    book = TopOfBook(1)
    book.apply(QuoteChange(1, 0, 10.0, Decimal(1), None, None, "N"))
    assert book.apply(QuoteChange(1, 0, 10.0, Decimal(1), None, None, "P")) == ()
    changes = book.apply(QuoteChange(1, 0, 10.0, Decimal(2), None, None, "P"))
    assert fields(changes) == [Field.BID_SIZE, Field.BID_EXCHANGE]


def test_a_side_may_go_away() -> None:
    book = TopOfBook(1)
    book.apply(quote(10.0, 100, 10.1, 200))
    (change,) = book.apply(quote(None, 0, 10.1, 200))
    assert change == Change(Field.BID)
    assert (book.bid, book.bid_size) == (None, None)


def test_the_first_trade_opens_the_session() -> None:
    book = TopOfBook(1)
    changes = book.apply(Trade(1, 5 * SECOND, 10.05, Decimal(100), "N"))
    assert fields(changes) == [
        Field.LAST_TIME,
        Field.LAST,
        Field.VOLUME,
        Field.HIGH,
        Field.LOW,
        Field.OPEN,
    ]
    assert (book.open, book.high, book.low, book.last_time) == (10.05, 10.05, 10.05, 5)


def test_an_equal_trade_is_still_a_trade() -> None:
    book = TopOfBook(1)
    book.apply(Trade(1, 0, 10.05, Decimal(100)))
    (change,) = book.apply(Trade(1, 1, 10.05, Decimal(100)))
    assert change == Change(Field.VOLUME, size=Decimal(200), before=Decimal(100))


def test_a_sampled_trade_moves_the_range_by_all_it_stands_for() -> None:
    book = TopOfBook(1)
    book.apply(Trade(1, 0, 10.0, Decimal(5), volume=Decimal(30), first=10.2, high=10.5, low=9.5))
    assert (book.open, book.high, book.low, book.last) == (10.2, 10.5, 9.5, 10.0)
    assert (book.volume, book.last_size) == (Decimal(30), Decimal(5))


def test_a_new_session_closes_the_one_before() -> None:
    book = TopOfBook(1, day_end)
    book.apply(Trade(1, 1, 10.0, Decimal(5)))
    book.apply(Trade(1, 2, 11.0, Decimal(5)))
    changes = book.apply(quote(10.9, 1, 11.1, 1, at=DAY))
    assert changes[:2] == (
        Change(Field.CLOSE, price=11.0),
        Change(Field.VOLUME, size=Decimal(0), before=Decimal(10)),
    )
    assert (book.open, book.high, book.low, book.close, book.last) == (None, None, None, 11.0, 11.0)
    opening = book.apply(Trade(1, DAY + 1, 11.0, Decimal(5)))
    assert {Field.OPEN, Field.HIGH, Field.LOW} <= set(fields(opening))


def test_a_quote_driven_book_has_its_range_from_the_bid() -> None:
    book = TopOfBook(1, day_end, quote_driven=True)
    book.apply(quote(1.10, 1, 1.11, 1))
    book.apply(quote(1.20, 1, 1.21, 1))
    book.apply(quote(1.15, 1, 1.16, 1))
    assert (book.open, book.high, book.low, book.last) == (1.10, 1.20, 1.10, None)
    changes = book.apply(quote(1.15, 2, 1.16, 1, at=DAY))
    assert changes[0] == Change(Field.CLOSE, price=1.15)


def test_a_halt_is_told_once() -> None:
    book = TopOfBook(1)
    assert fields(book.apply(Halt(1, 0, 2))) == [Field.HALTED]
    assert book.apply(Halt(1, 1, 2)) == ()


def test_an_event_of_another_instrument_is_refused() -> None:
    with pytest.raises(ValueError, match="instrument 2"):
        TopOfBook(1).apply(Halt(2, 0, 1))


# -- whatever happens ------------------------------------------------------------------------

prices = st.integers(1, 40).map(lambda n: n * 0.25)
sizes = st.integers(1, 5).map(lambda n: Decimal(n * 50))
sides = st.none() | st.tuples(prices, sizes)
steps = st.integers(0, DAY // 3)


@st.composite
def histories(draw: st.DrawFn) -> list[Event]:
    now = 0
    events: list[Event] = []
    for _ in range(draw(st.integers(0, 40))):
        now += draw(steps)
        kind = draw(st.sampled_from("QQTTTH"))
        if kind == "Q":
            bid, ask = draw(sides) or (None, None), draw(sides) or (None, None)
            venues = draw(st.sampled_from(["", "N", "P"])), draw(st.sampled_from(["", "Q"]))
            events.append(QuoteChange(1, now, bid[0], bid[1], ask[0], ask[1], *venues))
        elif kind == "T":
            events.append(Trade(1, now, draw(prices), draw(sizes), "N"))
        else:
            events.append(Halt(1, now, draw(st.integers(0, 2))))
    return events


@given(histories(), st.booleans())
def test_invariants_hold_after_every_event(events: list[Event], quote_driven: bool) -> None:
    book = TopOfBook(1, day_end, quote_driven=quote_driven)
    volume, session = Decimal(0), 0
    for event in events:
        book.apply(event)
        if event.time_ns // DAY != session:
            session, volume = event.time_ns // DAY, Decimal(0)
        if isinstance(event, Trade):
            volume += event.size
        assert book.volume == volume
        assert (book.open is None) == (book.high is None) == (book.low is None)
        if book.high is not None and book.low is not None and book.open is not None:
            assert book.low <= book.open <= book.high
            current = book.bid if quote_driven else book.last
            if isinstance(event, Trade):
                assert current is None or quote_driven or book.low <= current <= book.high
        assert (book.bid is None) == (book.bid_size is None)
        assert (book.ask is None) == (book.ask_size is None)


class Rebuilt:
    """A client's table: what the ticks alone tell, by tick type."""

    def __init__(self) -> None:
        self.values: dict[int, object] = {}

    def take(self, told: list[ticks.Tick]) -> None:
        for name, message in told:
            kind = message.tickType if name.startswith("tick") else -1
            if name == "tickPrice":
                self.values[kind] = None if message.price == -1 else message.price
                if kind in {1, 2, 4}:
                    size = None if message.price == -1 else Decimal(message.size)
                    self.values[{1: 0, 2: 3, 4: 5}[kind]] = size
            elif name == "tickSize":
                if kind == 8 and message.size == "0":  # a new session
                    for gone in (6, 7, 14):
                        self.values.pop(gone, None)
                price = self.values.get({0: 1, 3: 2}.get(kind, -1))
                side_gone = kind in {0, 3} and price is None
                self.values[kind] = None if side_gone else Decimal(message.size)
            elif name in {"tickString", "tickGeneric"}:
                self.values[kind] = message.value

    def table(self) -> dict[int, object]:
        return {kind: value for kind, value in self.values.items() if value not in (None, "")}


def known(book: TopOfBook) -> dict[int, object]:
    table = {
        0: book.bid_size,
        1: book.bid,
        2: book.ask,
        3: book.ask_size,
        4: book.last,
        5: book.last_size,
        6: book.high,
        7: book.low,
        8: book.volume,
        9: book.close,
        14: book.open,
        32: book.bid_exchange,
        33: book.ask_exchange,
        45: None if book.last_time is None else str(book.last_time),
        49: float(book.halted),
    }
    return {kind: value for kind, value in table.items() if value not in (None, "")}


@given(histories())
def test_the_ticks_rebuild_the_book(events: list[Event]) -> None:
    book, client = TopOfBook(1, day_end), Rebuilt()
    client.values |= {8: Decimal(0), 49: 0.0}
    for event in events:
        client.take(ticks.changes(book.apply(event)))
        assert client.table() == known(book)


@given(histories())
def test_every_change_of_the_book_is_a_change_told(events: list[Event]) -> None:
    book = TopOfBook(1, day_end)
    for event in events:
        before = known(book)
        told = book.apply(event)
        if not told:
            assert known(book) == before
