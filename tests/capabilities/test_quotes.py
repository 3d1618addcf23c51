"""Quotes and lines, on any gateway: a paper one of ours in each protocol, or a real one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from ibapi.contract import Contract

from tests.capabilities.conftest import PATIENCE
from tests.support.desk import Heard
from twsloop import IBGateway
from twsloop.contracts import option, stock
from twsloop.errors import RequestError
from twsloop.market_data.generic import FILLS, GenericTick
from twsloop.market_data.quotes import Quote
from twsloop.market_data.slots import Pool
from twsloop.market_data.state import Ticker
from twsloop.market_data.ticks import MarketDataType


@contextmanager
def hearing(gw: IBGateway, processor: object) -> Iterator[None]:
    """Let an object hear IB's callbacks for a while."""
    gw.add_message_processor(processor)
    try:
        yield
    finally:
        gw.remove_message_processor(processor)


def until(
    gw: IBGateway, symbol: str | Contract, wanted: Callable[[Ticker], Any], **more: Any
) -> Ticker:
    """Watch something until something is known of it."""
    heard = Heard()
    with gw.market_data.subscribe(symbol, heard, **more):
        ticker: Ticker = heard.until(wanted)
    return ticker


def near_option(gw: IBGateway, quote: Quote) -> Contract:
    """A call of SPY that lists now, near the money."""
    price = quote.last or quote.close or quote.bid
    chains = gw.contracts.option_chain("SPY").result(PATIENCE)
    chain = max(chains, key=len)
    expiry = chain.expiries[min(2, len(chain.expiries) - 1)]
    strike = min(chain.strikes, key=lambda one: abs(float(one) - float(price or 0)))
    return option("SPY", expiry, strike, "C", trading_class=chain.trading_class)


def test_a_quote_and_where_it_comes_from(gw: IBGateway, is_live: bool) -> None:
    quote = gw.market_data.quote("SPY").result(PATIENCE)
    assert quote.source == "snapshot"
    assert quote.time is not None
    assert quote.market_data_type is not None
    if not is_live:
        assert quote.bid is not None
        assert quote.ask is not None
        assert quote.bid < quote.ask
        assert quote.not_live_because == ""
    with gw.market_data.subscribe("SPY") as watch:
        while watch.age is None or not (watch["SPY"].last and watch["SPY"].bid):
            gw.account.positions().result(PATIENCE)
        assert gw.market_data.quote("SPY").result(PATIENCE).source == "line"


def test_quotes_of_many_and_an_error_by_its_name(gw: IBGateway) -> None:
    wanted = ["SPY", "AAPL", "EUR.USD", "NOSUCHSYMBOL"]
    quotes = gw.market_data.quotes(wanted).result(PATIENCE)
    assert list(quotes) == wanted
    assert [quotes[name].error for name in wanted[:3]] == [None] * 3
    error = quotes["NOSUCHSYMBOL"].error
    assert isinstance(error, RequestError)
    assert error.code == 200


def test_a_line_tells_what_it_is(gw: IBGateway) -> None:
    ticker = until(gw, "SPY", lambda t: t.bid and t.min_tick and t.market_data_type)
    assert ticker.min_tick == 0.01
    assert ticker.bbo_exchange
    assert ticker.snapshot_permissions is not None
    assert ticker.age is not None
    assert ticker.received_time is not None
    assert ticker.received_time.tzinfo is not None


#: What any stock with options has; the others depend on the instrument, or need an auction.
OF_A_STOCK = (
    GenericTick.OPTION_VOLUME,
    GenericTick.OPTION_OPEN_INTEREST,
    GenericTick.HISTORICAL_VOLATILITY,
    GenericTick.IMPLIED_VOLATILITY,
    GenericTick.MISC_STATS,
    GenericTick.MARK_PRICE,
    GenericTick.SHORTABLE,
    GenericTick.DIVIDENDS,
)


def test_generic_ticks_fill_their_fields(gw: IBGateway) -> None:
    names = [name for tick in OF_A_STOCK for name in FILLS[tick]]
    ticker = until(
        gw,
        "AAPL",
        lambda t: all(getattr(t, name) is not None for name in names),
        generic_ticks=OF_A_STOCK,
    )
    assert ticker.other == {}


def test_trades_as_they_happen(gw: IBGateway, is_live: bool) -> None:
    if is_live:
        pytest.skip("nobody says that a real market trades now")
    ticker = until(gw, "AAPL", lambda t: t.rt_volume and t.trade_count, generic_ticks="233,293")
    assert ticker.rt_volume is not None
    assert ticker.rt_volume.time is not None
    assert ticker.rt_volume.time.tzinfo is not None


def test_odd_lots_from_version_225_on(gw: IBGateway, is_live: bool) -> None:
    if (gw.serverVersion() or 0) < 225:
        heard = Heard()
        with gw.market_data.subscribe("AAPL", on_error=heard, generic_ticks=[GenericTick.ODD_LOTS]):
            _, error = heard.next()
        assert error.code == 321
    elif not is_live:
        ticker = until(gw, "AAPL", lambda t: t.odd_lot_bid, generic_ticks=[GenericTick.ODD_LOTS])
        assert ticker.odd_lot_bid_size is not None


def test_options_come_with_greeks_and_can_be_computed(gw: IBGateway) -> None:
    spot = gw.market_data.quote("SPY").result(PATIENCE)
    contract = near_option(gw, spot)
    ticker = until(gw, contract, lambda t: t.model_greeks and t.model_greeks.delta)
    greeks = ticker.model_greeks
    assert greeks is not None
    assert greeks.implied_volatility is not None
    assert greeks.price is not None
    assert greeks.underlying_price is not None
    price, under = greeks.price, greeks.underlying_price
    data = gw.market_data
    implied = data.calculate_implied_volatility(
        contract, option_price=price, underlying_price=under
    ).result(PATIENCE)
    assert implied.implied_volatility == pytest.approx(greeks.implied_volatility, rel=0.2)
    computed = data.calculate_option_price(
        contract, volatility=implied.implied_volatility or 0.0, underlying_price=under
    ).result(PATIENCE)
    assert computed.price == pytest.approx(price, rel=0.2)
    assert gw.market_data.quote(contract).result(PATIENCE).greeks is not None


@pytest.mark.parametrize("wrong", [0, -1.0, float("nan")])
def test_a_price_that_is_none_is_refused_before_it_is_sent(gw: IBGateway, wrong: float) -> None:
    contract = option("SPY", "20261218", 500, "C")
    with pytest.raises(ValueError, match="option_price has to be above 0"):
        gw.market_data.calculate_implied_volatility(
            contract, option_price=wrong, underlying_price=500
        )
    with pytest.raises(ValueError, match="underlying_price has to be above 0"):
        gw.market_data.calculate_option_price(contract, volatility=0.2, underlying_price=wrong)


def test_a_calculation_for_what_is_no_option_fails_with_ibs_error(gw: IBGateway) -> None:
    asked = gw.market_data.calculate_option_price(
        stock("SPY"), volatility=0.2, underlying_price=500
    )
    with pytest.raises(RequestError) as caught:
        asked.result(PATIENCE)
    assert caught.value.code is not None
    assert caught.value.request == "option price of SPY"


def test_the_exchanges_behind_a_quote(gw: IBGateway) -> None:
    ticker = until(gw, "SPY", lambda t: t.bid_exchange and t.bbo_exchange)
    venues = gw.market_data.exchanges(ticker).result(PATIENCE)
    assert len(venues.bid) == len(ticker.bid_exchange or "")
    assert all(len(name) > 1 for name in venues.bid)


def test_the_kind_of_data_can_be_changed(gw: IBGateway) -> None:
    data = gw.market_data
    data.set_data_type("delayed")
    try:
        quote = data.quote("SPY").result(PATIENCE)
        assert quote.market_data_type in {MarketDataType.LIVE, MarketDataType.DELAYED}
        assert quote.delayed is bool(quote.not_live_because)
    finally:
        data.set_data_type(MarketDataType.LIVE)


def test_a_regulatory_snapshot(gw: IBGateway, is_live: bool) -> None:
    if is_live:
        pytest.skip("it costs money")
    quote = gw.market_data.regulatory_snapshot("AAPL", accept_cost=True).result(PATIENCE)
    assert quote.source == "regulatory"
    assert quote.bid is not None


def test_the_ledger_says_who_holds_what(gw: IBGateway) -> None:
    with gw.market_data.subscribe(["SPY", "AAPL"]):
        gw.account.positions().result(PATIENCE)
        usage = gw.market_data.slots.usage(Pool.LINES)
        held = {slot.symbol: slot for slot in usage.slots}
        assert {"SPY", "AAPL"} <= set(held)
        assert held["SPY"].holder == "quotes of SPY"
        assert usage.free == usage.limit - usage.used


class Listener:
    """A user's own processor, in IB's names."""

    def __init__(self) -> None:
        self.heard = Heard()

    def tickPrice(self, reqId: int, tickType: int, price: float, attrib: Any) -> None:
        self.heard(("price", reqId))

    def tickReqParams(
        self, tickerId: int, minTick: float, bboExchange: str, snapshotPermissions: int
    ) -> None:
        self.heard(("params", tickerId))

    def marketDataType(self, reqId: int, marketDataType: int) -> None:
        self.heard(("type", reqId))

    def tickSnapshotEnd(self, reqId: int) -> None:
        self.heard(("end", reqId))

    def tickOptionComputation(self, reqId: int, *values: Any) -> None:
        self.heard(("greeks", reqId))


def test_raw_requests_beside_the_slice_hear_their_own_ids_only(gw: IBGateway) -> None:
    listener = Listener()
    with hearing(gw, listener), gw.market_data.subscribe("SPY"):
        gw.reqMktData(11, stock("SPY"), "", False, False, [])
        for kind in ("params", "price"):
            listener.heard.until(lambda item, kind=kind: item == (kind, 11))
        gw.cancelMktData(11)
        gw.reqMktData(12, stock("AAPL"), "", True, False, [])
        listener.heard.until(lambda item: item == ("end", 12))
        assert {req_id for _, req_id in listener.heard.all} == {11, 12}


def test_raw_calculations_and_the_kind_of_data(gw: IBGateway) -> None:
    listener = Listener()
    contract = near_option(gw, gw.market_data.quote("SPY").result(PATIENCE))
    with hearing(gw, listener):
        gw.reqMarketDataType(3)
        gw.calculateImpliedVolatility(13, contract, 5.0, 500.0, [])
        listener.heard.until(lambda item: item == ("greeks", 13))
        gw.cancelCalculateImpliedVolatility(13)
        gw.calculateOptionPrice(14, contract, 0.2, 500.0, [])
        listener.heard.until(lambda item: item == ("greeks", 14))
        gw.cancelCalculateOptionPrice(14)
        gw.reqMarketDataType(1)
