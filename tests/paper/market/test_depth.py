"""The deep book: consistent with the quote, deterministic, and told so that any replay is whole."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twsloop.paper.catalogue.instruments import Catalogue, Instrument
from twsloop.paper.market import depth
from twsloop.paper.market.depth import (
    ASKS,
    BIDS,
    DELETE,
    INSERT,
    LEVELS,
    UPDATE,
    DeepBook,
    Level,
    Sides,
)
from twsloop.paper.market.vocabulary import TopOfBook

CATALOGUE = Catalogue.standard(date(2026, 1, 5))


def instrument(symbol: str) -> Instrument:
    found = CATALOGUE.by_symbol(symbol)
    assert found is not None
    return found


def top(bid: float | None, ask: float | None, seconds: int = 1_767_623_400) -> TopOfBook:
    """A quote of 300 by 200."""
    return TopOfBook(
        1,
        bid=bid,
        bid_size=None if bid is None else Decimal(300),
        ask=ask,
        ask_size=None if ask is None else Decimal(200),
        time_ns=seconds * 10**9,
    )


@pytest.mark.parametrize("symbol", ["AAPL", "F", "EUR.USD", "USD.JPY"])
def test_ten_ordered_levels_behind_the_quote(symbol: str) -> None:
    one = instrument(symbol)
    tick = float(one.min_tick)
    bid = round(one.reference_price / tick) * tick
    asks, bids = DeepBook(one, seed=7).sides(top(bid, bid + 2 * tick))
    assert len(asks) == len(bids) == LEVELS
    assert (bids[0].price, bids[0].size) == (bid, Decimal(300))
    assert (asks[0].price, asks[0].size) == (bid + 2 * tick, Decimal(200))
    assert [level.price for level in bids] == sorted({level.price for level in bids}, reverse=True)
    assert [level.price for level in asks] == sorted({level.price for level in asks})
    for level in (*asks[1:], *bids[1:]):
        assert level.size > 0
        assert level.size % one.lot == 0
        assert abs(level.price / tick - round(level.price / tick)) < 1e-6


def test_the_same_seed_price_and_time_give_the_same_book() -> None:
    one = instrument("AAPL")
    quote = top(270.00, 270.05)
    assert DeepBook(one, 1).sides(quote) == DeepBook(one, 1).sides(quote)
    assert DeepBook(one, 1).sides(quote) != DeepBook(one, 2).sides(quote)


def test_prices_stay_when_the_quote_comes_back_and_sizes_change_with_time() -> None:
    book = DeepBook(instrument("AAPL"), 1)
    before = book.sides(top(270.00, 270.05))
    book.sides(top(269.90, 269.97))
    after = book.sides(top(270.00, 270.05, seconds=1_767_623_460))
    assert [level.price for level in before[BIDS]] == [level.price for level in after[BIDS]]
    assert before[BIDS] != after[BIDS]
    changed = sum(
        book.sides(top(270.0, 270.05, seconds=at)) != book.sides(top(270.0, 270.05, seconds=at + 1))
        for at in range(1_767_623_400, 1_767_623_430)
    )
    assert changed > 20  # something changes nearly every second ...
    a, b = book.sides(top(270.0, 270.05)), book.sides(top(270.0, 270.05, seconds=1_767_623_401))
    assert sum(x != y for x, y in zip(a[BIDS], b[BIDS], strict=True)) <= 5  # ... but never all


def test_a_penny_share_has_no_price_below_one_tick() -> None:
    _, bids = DeepBook(instrument("F"), 1).sides(top(0.03, 0.04))
    assert [level.price for level in bids] == [0.03, 0.02, 0.01]


def test_a_quote_between_two_ticks_keeps_its_order() -> None:
    asks, bids = DeepBook(instrument("F"), 1).sides(top(13.2051, 13.2149))
    assert [level.price for level in bids[:3]] == [13.2051, 13.2, 13.19]
    assert [level.price for level in asks[:3]] == [13.2149, 13.22, 13.23]


def test_a_side_without_a_quote_is_empty() -> None:
    asks, bids = DeepBook(instrument("F"), 1).sides(top(None, 13.2))
    assert bids == ()
    assert len(asks) == LEVELS


# ---- operations ------------------------------------------------------------------------------


class Shifting:
    """A client that inserts and deletes rows of a list, as ib_insync and IB's examples do."""

    def __init__(self) -> None:
        self.sides: tuple[list[Level], list[Level]] = ([], [])

    def take(self, row: depth.Row) -> None:
        rows = self.sides[row.side]
        if row.operation == INSERT:
            assert row.position <= len(rows)
            rows.insert(row.position, row.level)
        elif row.operation == UPDATE:
            rows[row.position] = row.level
        else:
            assert row.operation == DELETE
            del rows[row.position]

    def book(self) -> Sides:
        return tuple(self.sides[ASKS]), tuple(self.sides[BIDS])


class Indexing(Shifting):
    """A client that keeps rows by position and shifts nothing, as ib_async does."""

    def __init__(self) -> None:
        self.rows: tuple[dict[int, Level], dict[int, Level]] = ({}, {})

    def take(self, row: depth.Row) -> None:
        if row.operation == DELETE:
            del self.rows[row.side][row.position]
        else:
            self.rows[row.side][row.position] = row.level

    def book(self) -> Sides:
        for rows in self.rows:
            assert list(rows) == list(range(len(rows)))
        return tuple(self.rows[ASKS].values()), tuple(self.rows[BIDS].values())


@st.composite
def books(draw: st.DrawFn) -> Sides:
    """Any uncrossed book with up to five rows a side."""
    prices = sorted(draw(st.sets(st.integers(1, 40), max_size=10)))
    cut = draw(st.integers(0, len(prices)))

    def level(price: int) -> Level:
        size = Decimal(draw(st.integers(1, 3)))
        return Level(float(price), size, draw(st.integers(0, 2)))

    bids = tuple(level(price) for price in reversed(prices[:cut]))
    asks = tuple(level(price) for price in prices[cut:])
    return asks[:5], bids[:5]


def whole(book: Sides) -> bool:
    """Strictly ordered sides that do not cross."""
    asks = [level.price for level in book[ASKS]]
    bids = [level.price for level in book[BIDS]]
    return (
        asks == sorted(set(asks))
        and bids == sorted(set(bids), reverse=True)
        and not (asks and bids and bids[0] >= asks[0])
    )


def replay(clients: tuple[Shifting, ...], rows: Iterator[depth.Row]) -> int:
    count = 0
    for row in rows:
        count += 1
        for client in clients:
            client.take(row)
            assert whole(client.book()), row
    return count


@given(st.lists(books(), min_size=1, max_size=6))
def test_every_replay_is_whole_at_every_step_and_right_at_the_end(steps: list[Sides]) -> None:
    clients: tuple[Any, ...] = (Shifting(), Indexing())
    before = depth.NOTHING
    for after in steps:
        count = replay(clients, depth.operations(before, after))
        for client in clients:
            assert client.book() == after
        if before == after:
            assert count == 0
        before = after
    assert list(depth.operations(before, before)) == []


QUOTES = st.tuples(
    st.integers(1, 40) | st.none(),
    st.integers(1, 4) | st.none(),
    st.integers(0, 30),
    st.sampled_from(["100", "300", "7"]),
)


@given(st.sampled_from(["AAPL", "F", "EUR.USD"]), st.integers(1, 10), st.lists(QUOTES, max_size=8))
def test_real_books_are_replayed_whole_and_begin_with_the_quote(
    symbol: str, rows: int, quotes: list[Any]
) -> None:
    one = instrument(symbol)
    tick, digits = float(one.min_tick), one.price_digits
    book, clients = DeepBook(one, 3), (Shifting(), Indexing())
    before, seconds = depth.NOTHING, 0
    for bid, spread, later, size in quotes:
        seconds += later
        low = None if bid is None else round(bid * tick, digits)
        high = None if spread is None else round(((bid or 40) + spread) * tick, digits)
        quoted = TopOfBook(one.con_id, bid=low, ask=high, time_ns=seconds * 10**9)
        quoted.bid_size = None if low is None else Decimal(size)
        quoted.ask_size = None if high is None else Decimal(size)
        asks, bids = book.sides(quoted)
        after = (asks[:rows], bids[:rows])
        replay(clients, depth.operations(before, after))
        before = after
        assert [level.price for level in asks[:1]] == ([] if high is None else [high])
        assert [level.price for level in bids[:1]] == ([] if low is None else [low])
        assert {level.size for level in (*asks[:1], *bids[:1])} <= {Decimal(size)}
        for client in clients:
            assert client.book() == after
