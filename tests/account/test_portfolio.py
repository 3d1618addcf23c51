"""Positions joined with their value, and our own count of profit, on a market moved by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from decimal import Decimal

import pytest
import uvloop

from tests.support.desk import PATIENCE, Desk, Heard, open_desk
from twsloop.account.profit import Opening
from twsloop.account.rows import PortfolioRow
from twsloop.errors import RequestCancelled, RequestError
from twsloop.orders.builders import market_order


@pytest.fixture(
    params=[(225, uvloop.new_event_loop), (200, asyncio.new_event_loop)], ids=["protobuf", "text"]
)
def desk(request: pytest.FixtureRequest) -> Iterator[Desk]:
    version, loop_factory = request.param
    with open_desk(version=version, loop_factory=loop_factory) as made:
        yield made


def trade(desk: Desk, action: str, quantity: int, symbol: str = "AAPL") -> None:
    order = market_order(action, quantity)
    desk.gateway.place_order(symbol, order).settled.result(PATIENCE)


def test_positions_open_change_and_close_in_the_portfolio(desk: Desk) -> None:
    desk.quote("AAPL", 189.49, 189.51, 1000)
    desk.quote("MSFT", 419.99, 420.01, 1000)
    trade(desk, "BUY", 100)
    heard = Heard()
    with desk.gateway.account.watch_portfolio(on_update=heard) as portfolio:
        [row] = portfolio.whole.result(PATIENCE)
        assert (row.symbol, row.quantity) == ("AAPL", Decimal(100))
        assert row.market_value == row.market_price * 100  # type: ignore[operator]
        assert None not in {row.unrealized, row.daily, row.time}
        assert row.average_cost is not None
        trade(desk, "SELL", 10, "MSFT")
        short = heard.until(lambda row: row.symbol == "MSFT" and row.time is not None)
        assert (short.quantity, len(portfolio)) == (-10, 2)
        assert short.market_value < 0
        trade(desk, "SELL", 100)
        gone = heard.until(lambda row: row.symbol == "AAPL" and not row.quantity)
        assert isinstance(gone, PortfolioRow)
        assert [row.symbol for row in portfolio] == ["MSFT"]
    assert len(desk.on_loop(lambda: list(desk.gateway._tws.streams))) == 0


def test_our_count_is_ib_s(desk: Desk) -> None:
    account = desk.gateway.account
    desk.quote("AAPL", 189.49, 189.51, 1000)
    trade(desk, "BUY", 100)
    trade(desk, "BUY", 100)
    desk.quote("AAPL", 190.49, 190.51, 1000)
    trade(desk, "SELL", 150)
    [row] = account.own_profit().result(PATIENCE)
    assert (row.symbol, row.gross, row.bought, row.sold) == (
        "AAPL",
        Decimal(147),
        Decimal(200),
        Decimal(150),
    )
    assert row.gross - row.commission < row.realized < row.gross
    both = account.compare_profit().result(PATIENCE)
    assert (both.currency, both.reasons) == ("USD", ())
    assert both.ours is not None
    assert both.difference is not None
    assert abs(both.difference) < Decimal("0.01"), "IB's has two digits"


def test_what_was_held_before_can_be_told(desk: Desk) -> None:
    desk.quote("AAPL", 189.49, 189.51, 1000)
    trade(desk, "SELL", 100)
    unknown = Opening(account="DU1234567", con_id=265598, quantity=Decimal(100))
    both = desk.gateway.account.compare_profit(opening=[unknown]).result(PATIENCE)
    assert (both.ours, both.difference) == (None, None)
    assert both.reasons == ("100 units in USD were opened before at no known cost",)


def test_nobody_waits_for_a_portfolio_that_is_over(desk: Desk) -> None:
    desk.quote("AAPL", 189.49, 189.51, 1000)
    trade(desk, "BUY", 100)
    portfolio = desk.gateway.account.watch_portfolio()
    whole = portfolio.whole
    portfolio.cancel()
    assert isinstance(whole.exception(PATIENCE), RequestCancelled | type(None))
    desk.settle()
    assert len(desk.on_loop(lambda: list(desk.gateway._tws.streams))) == 0


def test_a_portfolio_ends_with_its_positions(desk: Desk) -> None:
    desk.quote("AAPL", 189.49, 189.51, 1000)
    trade(desk, "BUY", 100)
    portfolio = desk.gateway.account.watch_portfolio()
    portfolio.whole.result(PATIENCE)
    [positions] = [one for one in desk.gateway._tws.streams if one.request == "positions"]
    desk.on_loop(lambda: positions.fail(RequestError("no more", request="positions")))
    assert str(portfolio.error).endswith("no more")
    assert len(desk.on_loop(lambda: list(desk.gateway._tws.streams))) == 0
