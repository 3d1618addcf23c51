"""What the catalogue lists, finds, and tells about it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from ibapi.protobuf.Contract_pb2 import Contract

from twsloop.paper.instruments import MARKET_RULES, Catalogue, generated_con_id

TODAY = date(2026, 11, 21)
NOW = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
STANDARD = Catalogue.standard(TODAY)


def found(**fields: object) -> list[str]:
    return [one.local_symbol for one in STANDARD.find(Contract(**fields))]


def test_it_lists_what_was_promised() -> None:
    stocks = [one for one in STANDARD if one.stock_type == "COMMON"]
    assert len(stocks) >= 20
    assert {"IBM", "BAC"} <= {one.symbol for one in stocks}
    assert {one.symbol for one in STANDARD if one.stock_type == "ETF"} == {"SPY", "QQQ", "IWM"}
    pairs = {one.local_symbol for one in STANDARD if one.sec_type == "CASH"}
    assert pairs == {"EUR.USD", "GBP.USD", "USD.JPY", "AUD.USD"}
    assert len(STANDARD.all()) == len(STANDARD) == len({one.con_id for one in STANDARD})


def test_a_contract_id_decides_alone() -> None:
    assert found(conId=265598, exchange="SMART") == ["AAPL"]
    assert found(conId=265598) == ["AAPL"]
    assert found(conId=265598, exchange="CME") == []
    assert found(conId=999) == []


@pytest.mark.parametrize(
    "fields",
    [
        {"symbol": "AAPL", "secType": "STK", "exchange": "SMART", "currency": "USD"},
        {"symbol": "aapl", "secType": "STK", "exchange": "SMART", "currency": "USD"},
        {"symbol": "AAPL", "secType": "STK", "exchange": "ISLAND"},
        {"symbol": "AAPL", "secType": "STK", "exchange": "SMART", "primaryExch": "NASDAQ"},
        {"symbol": "AAPL", "secType": "STK", "exchange": "SMART", "primaryExch": "NASDAQ.NMS"},
        {"localSymbol": "AAPL", "secType": "STK", "exchange": "SMART"},
    ],
)
def test_a_stock_is_found(fields: dict[str, str]) -> None:
    assert found(**fields) == ["AAPL"]


@pytest.mark.parametrize(
    "fields",
    [
        {"symbol": "NOSUCH", "secType": "STK", "exchange": "SMART", "currency": "USD"},
        {"symbol": "AAPL", "secType": "FUT", "exchange": "SMART"},
        {"symbol": "AAPL", "secType": "STK", "exchange": "SMART", "currency": "EUR"},
        {"symbol": "AAPL", "secType": "STK", "exchange": "SMART", "primaryExch": "NYSE"},
        {"symbol": "AAPL", "secType": "STK", "exchange": "NOWHERE"},
        {"symbol": "AAPL", "secType": "STK", "strike": 100.0},
        {"symbol": "AAPL", "secType": "STK", "right": "C"},
        {"symbol": "ES", "secType": "FUT", "exchange": "CME", "multiplier": 5.0},
        {"symbol": "ES", "secType": "FUT", "lastTradeDateOrContractMonth": "202611"},
        {},
        {"secType": "STK"},
    ],
)
def test_what_does_not_fit_is_not_found(fields: dict[str, object]) -> None:
    assert found(**fields) == []


def test_currencies_are_found() -> None:
    assert found(symbol="EUR", secType="CASH", currency="USD", exchange="IDEALPRO") == ["EUR.USD"]
    assert found(symbol="USD", secType="CASH", currency="JPY") == ["USD.JPY"]
    assert found(symbol="EUR", secType="CASH", currency="USD", exchange="SMART") == []


def test_a_future_without_expiry_is_ambiguous() -> None:
    assert found(symbol="ES", secType="FUT", exchange="CME") == ["ESZ6", "ESH7", "ESM7", "ESU7"]


@pytest.mark.parametrize("expiry", ["202612", "20261218"])
def test_a_future_with_expiry_is_found(expiry: str) -> None:
    wanted = {"symbol": "ES", "secType": "FUT", "exchange": "CME", "multiplier": 50.0}
    assert found(**wanted, lastTradeDateOrContractMonth=expiry) == ["ESZ6"]
    assert found(localSymbol="ESZ6", secType="FUT", exchange="CME") == ["ESZ6"]


@pytest.mark.parametrize(
    ("today", "first"),
    [
        (date(2026, 12, 18), "20261218"),
        (date(2026, 12, 19), "20270319"),
        (date(2026, 1, 5), "20260320"),
        (date(2013, 10, 7), "20131220"),
    ],
)
def test_expiries_follow_from_the_date(today: date, first: str) -> None:
    expiries = [one.last_trade_date for one in Catalogue.standard(today) if one.sec_type == "FUT"]
    assert expiries[0] == first
    assert len(expiries) == 4


def test_generated_ids_never_change() -> None:
    assert generated_con_id("STK HD") == generated_con_id("STK HD") >= 1_500_000_000
    assert generated_con_id("STK HD") < 2**31
    (esz6,) = STANDARD.find(Contract(symbol="ES", lastTradeDateOrContractMonth="202612"))
    later = Catalogue.standard(date(2026, 12, 1))
    assert later.by_con_id(esz6.con_id) == esz6


def test_a_symbol_as_people_type_it() -> None:
    for text in ("AAPL", "EUR.USD", "ESZ6", "BRK B"):
        one = STANDARD.by_symbol(text)
        assert one is not None
        assert one.local_symbol == text
    assert STANDARD.by_symbol("ES") is None
    assert STANDARD.by_symbol("NOSUCH") is None


def test_two_instruments_cannot_share_an_id() -> None:
    one = STANDARD.by_symbol("AAPL")
    assert one is not None
    with pytest.raises(ValueError, match="265598"):
        Catalogue([one, one])
    assert len(STANDARD.with_instruments([one])) == len(STANDARD)


def test_the_contract_tells_all_it_is_known_by() -> None:
    (future,) = STANDARD.find(Contract(symbol="ES", lastTradeDateOrContractMonth="202612"))
    contract = future.contract()
    assert (contract.symbol, contract.secType, contract.exchange) == ("ES", "FUT", "CME")
    assert (contract.lastTradeDateOrContractMonth, contract.multiplier) == ("20261218", 50.0)
    assert (contract.localSymbol, contract.tradingClass) == ("ESZ6", "ES")
    apple = STANDARD.by_symbol("AAPL")
    assert apple is not None
    assert apple.contract("NASDAQ").exchange == "NASDAQ"
    assert apple.contract().primaryExch == "NASDAQ"
    assert not apple.contract().HasField("multiplier")


@pytest.mark.parametrize("what", STANDARD, ids=lambda one: one.local_symbol)
def test_details_are_complete_and_consistent(what: object) -> None:
    instrument = what
    details = instrument.details(NOW)  # type: ignore[attr-defined]
    exchanges = details.validExchanges.split(",")
    rules = [int(rule) for rule in details.marketRuleIds.split(",")]
    assert len(rules) == len(exchanges)
    for rule in rules:
        assert MARKET_RULES[rule][0][1] == Decimal(details.minTick)
    assert instrument.exchange in exchanges  # type: ignore[attr-defined]
    assert {"LMT", "MKT", "STP", "TRAIL", "WHATIF"} <= set(details.orderTypes.split(","))
    for field in ("longName", "timeZoneId", "tradingHours", "liquidHours", "marketName"):
        assert getattr(details, field)
    for field in ("minSize", "sizeIncrement", "suggestedSizeIncrement", "minTick"):
        assert Decimal(getattr(details, field)) > 0
    assert details.tradingHours.count(";") == details.liquidHours.count(";") == 5


def test_every_description_finds_its_own_instrument() -> None:
    for instrument in STANDARD:
        assert STANDARD.find(instrument.contract()) == [instrument]
        description = instrument.contract()
        description.ClearField("conId")
        assert STANDARD.find(description) == [instrument]
