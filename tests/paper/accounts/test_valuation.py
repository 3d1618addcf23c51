"""Prices, rates, days, charges and the broker's refusal."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from ibapi.protobuf.OrderState_pb2 import OrderState

from tests.support.manual_feed import ManualFeed
from twsloop.paper.accounts.account import Account, Booking
from twsloop.paper.accounts.commissions import OrderCharges, Rates
from twsloop.paper.accounts.valuation import Valuation
from twsloop.paper.catalogue.instruments import Catalogue
from twsloop.paper.feeds.shelf import Shelf

D = Decimal
#: A Monday, ten o'clock in New York.
MONDAY = datetime(2026, 1, 5, 15, tzinfo=UTC)


@pytest.fixture
def feed() -> ManualFeed:
    it = ManualFeed()
    it.send([it.quote("AAPL", 270.0, 270.2), it.trade("AAPL", 270.1)])
    it.send([it.quote("EUR.USD", 1.10, 1.1002), it.quote("USD.JPY", 150.0, 150.02)])
    return it


@pytest.fixture
def valuation(feed: ManualFeed) -> Valuation:
    return Valuation(feed.instruments, feed.book)


def charge(valuation: Valuation, account: Account, instrument: Any, count: int, price: str) -> Any:
    charges = OrderCharges(Rates(), instrument.sec_type, False, instrument.symbol)
    return valuation.charge(account, instrument, charges, D(count), D(price))


def test_rates_cross_over_the_dollar(valuation: Valuation) -> None:
    assert valuation.rate("EUR") == D("1.1001")
    assert valuation.rate("USD", "EUR") == (1 / D("1.1001")).quantize(D("1e-7"))
    assert valuation.rate("JPY") == (1 / D("150.01")).quantize(D("1e-7"))
    assert valuation.rate("JPY", "EUR") == pytest.approx(
        D(1) / D("150.01") / D("1.1001"), abs=D("1e-6")
    )
    assert valuation.rate("EUR", "EUR") == valuation.rate("XYZ") == 1


def test_a_market_without_currencies_has_usual_rates(feed: ManualFeed) -> None:
    shares = Catalogue([feed.instrument("AAPL")])
    valuation = Valuation(shares, feed.book)
    assert D("0.9") < valuation.rate("EUR") < D("1.5")
    assert valuation.rate("USD", "EUR") == (1 / valuation.rate("EUR")).quantize(D("1e-7"))
    assert valuation.rate("JPY") < D("0.02")
    assert valuation.rate("XYZ") == 1


def test_charges_are_in_the_currency_of_the_trade(feed: ManualFeed, valuation: Valuation) -> None:
    home, away = Account("DU1"), Account("DU2", "EUR")
    aapl, pair = feed.instrument("AAPL"), feed.instrument("USD.JPY")
    for account in (home, away):
        fee = charge(valuation, account, aapl, 100, "270")
        assert (fee.total, fee.currency, fee.rate) == (D("1.0003"), "USD", 1)
    fee = charge(valuation, home, pair, 20_000, "150")
    assert (fee.total, fee.currency) == (2, "USD")
    assert fee.rate == valuation.rate("JPY", "USD")
    fee = charge(valuation, away, pair, 20_000, "150")  # the minimum is two dollars
    assert fee.currency == "EUR"
    assert fee.total == (2 * valuation.rate("USD", "EUR")).quantize(D("1e-6"))


def book(account: Account, valuation: Valuation, feed: ManualFeed, count: int, price: str) -> None:
    number = len(account._booked)
    booking = Booking(f"e{number}", feed.instrument("AAPL"), D(count), D(price), D(1))
    valuation.book(account, booking, MONDAY)


def test_a_new_day_begins_with_the_close_before(feed: ManualFeed, valuation: Valuation) -> None:
    account = Account("DU1")
    book(account, valuation, feed, 100, "268.1")
    position = account.positions[265598]
    marks = valuation.marks_of(account)
    valuation.roll(account, MONDAY + timedelta(hours=8))
    assert account.daily(position, marks) == 199  # the same session
    later = MONDAY + timedelta(days=1)
    # Nothing has happened in the new session: the last price is the close.
    valuation.roll(account, later)
    assert account.daily(position, marks) == 0
    assert account.previous_equity == 1_000_199
    feed.send([feed.trade("AAPL", 270.2)])
    assert account.daily(position, marks) == 10
    valuation.roll(account, later)
    assert account.daily(position, marks) == 10


def test_a_book_that_moved_on_knows_its_close(feed: ManualFeed, valuation: Valuation) -> None:
    account = Account("DU1")
    book(account, valuation, feed, 100, "268.1")
    feed.time_ns += 24 * 3600 * 10**9
    feed.send([feed.quote("AAPL", 275.0, 275.2), feed.trade("AAPL", 275.1)])
    feed.book(265598).close = 270.5
    valuation.roll(account, MONDAY + timedelta(days=1))
    marks = valuation.marks_of(account)
    assert account.daily(account.positions[265598], marks) == 460
    assert account.previous_equity == 1_000_000 + 240 - 1


def test_what_is_opened_today_counts_from_its_price(feed: ManualFeed, valuation: Valuation) -> None:
    account = Account("DU1")
    feed.book(265598).close = 200.0
    book(account, valuation, feed, 100, "270.0")
    valuation.roll(account, MONDAY)
    assert account.daily(account.positions[265598], valuation.marks_of(account)) == 9


def test_no_price_and_no_book(feed: ManualFeed) -> None:
    valuation = Valuation(feed.instruments, Shelf(feed.book))
    assert valuation.price(42) is None
    assert Valuation(feed.instruments, feed.book).price(42) is None
    shelf = Shelf(feed.book)
    assert shelf(265598) is feed.book(265598)
    assert shelf(42) is shelf(42)
    assert shelf(42).bid is None


def test_an_order_that_the_equity_cannot_carry(feed: ManualFeed, valuation: Valuation) -> None:
    account = Account("DU1", start=D(10_000))
    aapl = feed.instrument("AAPL")
    assert valuation.margin_refusal(account, aapl, D(148)) is None  # 9993.70 of 10000
    reason = valuation.margin_refusal(account, aapl, D(149))
    assert reason is not None
    assert "EQUITY WITH LOAN VALUE [10000.00 USD]" in reason
    assert "INITIAL MARGIN [10061.22 USD]" in reason
    # An account in trouble may still reduce what it has, and not add to it.
    book(account, valuation, feed, 200, "268.0")
    assert valuation.margin_refusal(account, aapl, D(-50)) is None
    assert valuation.margin_refusal(account, aapl, D(1)) is not None


def test_buying_power_can_be_used_up(feed: ManualFeed, valuation: Valuation) -> None:
    account = Account("DU1", start=D(1_000_000))
    aapl = feed.instrument("AAPL")
    count = D(4_000_000) // D("270.1")
    assert valuation.margin_refusal(account, aapl, count) is None
    assert valuation.margin_refusal(account, aapl, count + 1) is not None


def test_a_preview_of_legs(feed: ManualFeed, valuation: Valuation) -> None:
    state = OrderState()
    account = Account("DU1", "EUR")
    aapl = feed.instrument("AAPL")
    fee = charge(valuation, account, aapl, 100, "270")
    valuation.preview_of(account, ((aapl, D(100)),), fee, state)
    rate = valuation.rate("USD", "EUR")
    assert state.initMarginBefore == 0
    assert state.initMarginAfter == float(round(D("6752.5") * rate, 2))
    assert state.maintMarginAfter == float(round(D("6077.25") * rate, 2))
    assert state.equityWithLoanBefore == 1_000_000
    assert state.equityWithLoanAfter == float(round(1_000_000 - D("1.0003") * rate, 2))
    assert (state.commissionAndFees, state.commissionAndFeesCurrency) == (1.0003, "USD")
    assert state.marginCurrency == "EUR"
