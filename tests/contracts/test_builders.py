"""Builders give IB's own Contract with the right fields, and refuse what cannot be one."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from ibapi.const import UNSET_DOUBLE
from ibapi.contract import Contract

from twsloop.contracts import combo, crypto, forex, future, index, option, stock
from twsloop.errors import ContractError


def fields(contract: Contract) -> dict[str, object]:
    """What differs from a contract that nobody touched."""
    blank = vars(Contract())
    return {name: value for name, value in vars(contract).items() if value != blank[name]}


def test_stock() -> None:
    assert type(stock("AAPL")) is Contract
    assert fields(stock("AAPL")) == {
        "symbol": "AAPL",
        "secType": "STK",
        "exchange": "SMART",
        "currency": "USD",
    }
    assert stock("SAP", "IBIS", "EUR", primary_exchange="IBIS").primaryExchange == "IBIS"
    assert stock("AAPL").strike == UNSET_DOUBLE


@pytest.mark.parametrize("pair", ["EUR.USD", "EUR/USD", "EURUSD", " eur.usd "])
def test_forex_forms(pair: str) -> None:
    assert fields(forex(pair)) == {
        "symbol": "EUR",
        "secType": "CASH",
        "exchange": "IDEALPRO",
        "currency": "USD",
    }


@pytest.mark.parametrize("pair", ["EUR", "EUR.US", "EUR-USD", "EUR.EUR", ""])
def test_forex_refuses(pair: str) -> None:
    with pytest.raises(ContractError):
        forex(pair)


@pytest.mark.parametrize(
    ("given", "kept"),
    [("202612", "202612"), ("20261218", "20261218"), (date(2026, 12, 18), "20261218")],
)
def test_future_expiry(given: str | date, kept: str) -> None:
    made = future("ES", given, "CME", multiplier=50)
    assert made.lastTradeDateOrContractMonth == kept
    assert (made.secType, made.exchange, made.multiplier) == ("FUT", "CME", "50")


@pytest.mark.parametrize("expiry", ["2026", "202613", "20260230", "DEC26", "2026-12-18"])
def test_future_refuses_expiry(expiry: str) -> None:
    with pytest.raises(ContractError, match="expiry"):
        future("ES", expiry, "CME")


def test_future_needs_an_exchange() -> None:
    with pytest.raises(ContractError, match="exchange is empty"):
        future("ES", "202612", "")


@pytest.mark.parametrize("strike", ["182.5", Decimal("182.5"), 182.5])
@pytest.mark.parametrize("right", ["C", "call", "CALL"])
def test_option(strike: str | Decimal | float, right: str) -> None:
    made = option("AAPL", "20261218", strike, right)
    assert fields(made) == {
        "symbol": "AAPL",
        "secType": "OPT",
        "lastTradeDateOrContractMonth": "20261218",
        "strike": 182.5,
        "right": "C",
        "multiplier": "100",
        "exchange": "SMART",
        "currency": "USD",
    }


@pytest.mark.parametrize(
    ("strike", "right"), [(0, "C"), (-1, "C"), ("x", "C"), (float("nan"), "P"), (100, "X")]
)
def test_option_refuses(strike: object, right: str) -> None:
    with pytest.raises(ContractError):
        option("AAPL", "20261218", strike, right)  # type: ignore[arg-type]


def test_index_and_crypto() -> None:
    assert index("SPX", "CBOE").secType == "IND"
    made = crypto("BTC")
    assert (made.secType, made.exchange, made.currency) == ("CRYPTO", "PAXOS", "USD")


def test_combo() -> None:
    made = combo("AAPL", [(265598, 1, "BUY"), (8314, 2, "sell", "NYSE")])
    assert made.secType == "BAG"
    first, second = made.comboLegs
    assert (first.conId, first.ratio, first.action, first.exchange) == (265598, 1, "BUY", "SMART")
    assert (second.conId, second.ratio, second.action, second.exchange) == (8314, 2, "SELL", "NYSE")


@pytest.mark.parametrize(
    "legs",
    [
        [],
        [(265598, 1, "BUY")],
        [(265598, 1, "BUY"), (0, 1, "SELL")],
        [(265598, 1, "BUY"), (8314, 0, "SELL")],
        [(265598, 1, "BUY"), (8314, 1, "HOLD")],
        [(265598, 1, "BUY"), (8314, 1)],
    ],
)
def test_combo_refuses(legs: list[tuple[int, int, str]]) -> None:
    with pytest.raises(ContractError):
        combo("AAPL", legs)


@pytest.mark.parametrize("symbol", ["", "  "])
def test_an_empty_symbol_is_refused(symbol: str) -> None:
    with pytest.raises(ContractError, match="symbol is empty"):
        stock(symbol)
