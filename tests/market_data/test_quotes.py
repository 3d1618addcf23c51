"""A quote: what a ticker showed at one moment, and when a snapshot has brought enough."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ibapi.contract import Contract

from twsloop.clock import ManualClock
from twsloop.contracts import combo, forex, future, index, option, stock
from twsloop.market_data.quotes import (
    Quote,
    QuoteSource,
    QuoteVenues,
    has_enough,
    quote_of,
    venues_of,
)
from twsloop.market_data.state import Ticker
from twsloop.market_data.ticks import Greeks, MarketDataType

GREEKS = Greeks(0.2, 0.5, 3.0, 0.0, 0.01, 0.1, -0.05, 189.5, return_based=False)


def ticker(contract: Contract | None = None, clock: ManualClock | None = None) -> Ticker:
    return Ticker(contract or stock("AAPL"), "AAPL", clock or ManualClock())


def test_it_shows_what_the_ticker_showed_and_stays() -> None:
    clock = ManualClock(datetime(2026, 1, 5, 14, 30, tzinfo=UTC))
    live = ticker(clock=clock)
    live.apply_type(3)
    live.apply_price(1, 189.49, clock.monotonic())
    live.apply_size(0, Decimal(300), clock.monotonic())
    live.apply_price(2, 189.51, clock.monotonic())
    live.apply_greeks(13, GREEKS, clock.monotonic())
    clock.advance(3)
    quote = quote_of(live, "aapl", source=QuoteSource.LINE)
    live.apply_price(1, 200.0, clock.monotonic())
    assert (quote.symbol, quote.source, quote.complete) == ("aapl", "line", True)
    assert quote.contract is live.contract
    assert (quote.bid, quote.bid_size, quote.ask, quote.last) == (
        189.49,
        Decimal(300),
        189.51,
        None,
    )
    assert quote.midpoint == pytest.approx(189.5)
    assert quote.spread == pytest.approx(0.02)
    assert (quote.time, quote.age) == (datetime(2026, 1, 5, 14, 30, tzinfo=UTC), 3.0)
    assert quote.greeks is GREEKS
    assert quote.delayed
    assert quote.not_live_because == "delayed by 15 to 20 minutes"
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        quote.bid = 1.0  # type: ignore[misc]


def test_nothing_known_is_none_and_not_zero() -> None:
    quote = quote_of(ticker())
    assert (quote.symbol, quote.source) == ("AAPL", QuoteSource.SNAPSHOT)
    assert (quote.time, quote.age, quote.midpoint, quote.spread) == (None, None, None, None)
    assert not quote.delayed
    values = attrs.asdict(quote, filter=lambda field, _: field.default is None, recurse=False)
    assert set(values.values()) == {None}


@given(st.sampled_from(["bid", "ask", "last", "volume", "close", "halted"]), st.floats(0, 1e6))
def test_every_field_is_the_tickers(name: str, value: float) -> None:
    live = ticker()
    setattr(live, name, value)
    quote = quote_of(live)
    assert getattr(quote, name) == value
    others = {field.name for field in attrs.fields(Quote)} - {name}
    assert all(getattr(quote, other) is None for other in others & {"bid", "ask", "last", "open"})


@pytest.mark.parametrize(
    ("contract", "wanted"),
    [
        (stock("AAPL"), ("bid", "ask", "last")),
        (future("ES", "202612", "CME"), ("bid", "ask", "last")),
        (forex("EUR.USD"), ("bid", "ask")),
        (combo("A", [(1, 1, "BUY"), (2, 1, "SELL")]), ("bid", "ask")),
        (index("SPX", "CBOE"), ("last",)),
        (option("AAPL", "20261218", 200, "C"), ("bid", "ask", "model_greeks")),
    ],
)
def test_enough_is_what_people_ask_for(contract: Contract, wanted: tuple[str, ...]) -> None:
    live = ticker(contract)
    for name in wanted:
        assert not has_enough(live)
        setattr(live, name, GREEKS if name == "model_greeks" else 1.0)
    assert has_enough(live)


def test_the_kind_of_data_is_kept() -> None:
    live = ticker()
    live.apply_type(2)
    quote = quote_of(live)
    assert quote.market_data_type is MarketDataType.FROZEN
    assert not quote.delayed


@attrs.frozen
class Venue:
    letter: str
    exchange: str


def test_letters_are_exchanges_and_an_unknown_one_stays() -> None:
    live = ticker()
    live.bid_exchange, live.ask_exchange = "PQ?", ""
    venues = [Venue("P", "ARCA"), Venue("Q", "NASDAQ"), Venue("K", "EDGX")]
    expected = QuoteVenues(("ARCA", "NASDAQ", "?"), (), ())
    assert venues_of(live, venues) == venues_of(quote_of(live), venues) == expected
