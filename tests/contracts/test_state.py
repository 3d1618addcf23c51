"""IB's answers as rows: chains on futures, both forms of smart components, what expires when."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from ibapi.common import DepthMktDataDescription, SmartComponent
from ibapi.contract import ContractDescription, ContractDetails
from ibapi.tag_value import TagValue

from twsloop.contracts.state import (
    DepthExchange,
    SmartVenue,
    copied,
    describe,
    expiry_of,
    is_outlived,
    read_chain,
    read_depth_exchange,
    read_future,
    read_match,
    read_venues,
)


def details(**fields: Any) -> ContractDetails:
    made = ContractDetails()
    for name, value in fields.items():
        owner = made.contract if hasattr(made.contract, name) else made
        setattr(owner, name, value)
    return made


def test_a_chain_is_sorted_and_holds_what_can_be_read() -> None:
    future = details(symbol="ES", conId=7, secType="FUT", currency="USD")
    answer = ("CME", "E1A", "50", {"20261218", "20261120", "soon"}, {5000.5, 4990.0})
    chain = read_chain(future, answer)
    assert chain.sec_type == "FOP"
    assert chain.expiries == (date(2026, 11, 20), date(2026, 12, 18))
    assert chain.strikes == (Decimal("4990.0"), Decimal("5000.5"))
    assert next(chain.contracts()).secType == "FOP"
    stock = details(symbol="AAPL", secType="STK", currency="USD")
    assert read_chain(stock, answer).sec_type == "OPT"


def test_smart_components_of_both_protocols() -> None:
    part = SmartComponent()
    part.bitNumber, part.exchange, part.exchangeLetter = 3, "ARCA", "P"
    rows = [SmartVenue(1, "BATS", "Z"), SmartVenue(3, "ARCA", "P")]
    assert read_venues({3: ("ARCA", "P"), 1: ("BATS", "Z")}) == rows
    assert read_venues([part]) == rows[1:]


def test_an_exchange_with_depth() -> None:
    told = DepthMktDataDescription()
    told.exchange, told.secType, told.serviceDataType = "ISLAND", "STK", "Deep2"
    assert read_depth_exchange(told) == DepthExchange("ISLAND", "STK", None, "Deep2", None)
    told.listingExch, told.aggGroup = "NASDAQ", 1
    assert read_depth_exchange(told).listing_exchange == "NASDAQ"
    assert read_depth_exchange(told).agg_group == 1


def test_a_match_without_a_name() -> None:
    told = ContractDescription()
    told.derivativeSecTypes = ["OPT"]
    match = read_match(told)
    assert (match.name, match.derivatives) == (None, ("OPT",))


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"realExpirationDate": "20261218"}, date(2026, 12, 18)),
        ({"lastTradeDateOrContractMonth": "20261217 08:30:00 US/Central"}, date(2026, 12, 17)),
        (
            {"realExpirationDate": "20261218", "lastTradeDateOrContractMonth": "20261217"},
            date(2026, 12, 18),
        ),
        ({"lastTradeDateOrContractMonth": "202612"}, None),
        ({}, None),
    ],
)
def test_when_it_expires(fields: dict[str, str], expected: date | None) -> None:
    assert expiry_of(details(**fields)) == expected


def test_details_are_outlived_when_something_expired_since() -> None:
    one = details(realExpirationDate="20261218")
    day = date(2026, 12, 18)
    assert not is_outlived([one], date(2026, 12, 1), day)
    assert is_outlived([one], date(2026, 12, 1), date(2026, 12, 19))
    assert not is_outlived([one], date(2026, 12, 20), date(2026, 12, 21)), "it was told so"
    assert not is_outlived([details()], date(2026, 12, 1), date(2030, 1, 1))


def test_a_future_knows_when_it_stops_trading() -> None:
    one = details(
        realExpirationDate="20261218",
        lastTradeDateOrContractMonth="20261218",
        lastTradeTime="08:30:00",
        timeZoneId="US/Central",
        contractMonth="202612",
    )
    row = read_future(one)
    assert row is not None
    assert row.last_trade_time == datetime(2026, 12, 18, 14, 30, tzinfo=UTC)
    assert (row.expiry, row.month) == (date(2026, 12, 18), "202612")
    one.timeZoneId = ""
    assert read_future(one).last_trade_time is None  # type: ignore[union-attr]
    assert read_future(details()) is None


def test_a_copy_is_the_callers_own() -> None:
    one = details(symbol="AAPL", secIdList=[TagValue("ISIN", "X")])
    twin = copied(one)
    twin.contract.symbol = "MSFT"
    twin.secIdList.clear()
    twin.contract.comboLegs.append(None)
    assert (one.contract.symbol, len(one.secIdList), one.contract.comboLegs) == ("AAPL", 1, [])


def test_candidates_are_told_apart() -> None:
    one = details(symbol="ES", secType="FUT", tradingClass="ES", exchange="CME", currency="USD")
    one.contract.conId = 7
    assert describe(one.contract, "ES 20261218 CME") == "ES 20261218 CME (FUT ES CME USD #7)"
