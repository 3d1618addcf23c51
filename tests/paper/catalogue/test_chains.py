"""Option chains: what is listed, how it is found, and ids that never change."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ibapi.protobuf.Contract_pb2 import Contract

from twsloop.paper.catalogue.chains import PLACES, option_con_id
from twsloop.paper.catalogue.instruments import Catalogue
from twsloop.paper.catalogue.listings import OPTIONS

TODAY = date(2026, 11, 23)
MARKET = Catalogue.standard(TODAY)


def found(**fields: object) -> list[str]:
    return [one.local_symbol for one in MARKET.find(Contract(secType="OPT", **fields))]


def test_starting_makes_no_option() -> None:
    fresh = Catalogue.standard(TODAY)
    assert fresh.chains is not None
    assert fresh.chains._made == {}


@pytest.mark.parametrize(
    "fields",
    [
        {"lastTradeDateOrContractMonth": "20261218", "strike": 270.0, "right": "C"},
        {"lastTradeDateOrContractMonth": "20261218", "strike": 270.0, "right": "CALL"},
        {"lastTradeDateOrContractMonth": "202612", "strike": 270.0, "right": "c"},
        {
            "lastTradeDateOrContractMonth": "20261218",
            "strike": 270.0,
            "right": "C",
            "multiplier": 100.0,
            "exchange": "CBOE",
            "currency": "USD",
            "tradingClass": "AAPL",
        },
        {"localSymbol": "AAPL  261218C00270000"},
    ],
)
def test_one_option_is_found(fields: dict[str, object]) -> None:
    names = found(symbol="AAPL", **fields)
    assert "AAPL  261218C00270000" in names
    assert len(names) == 1 or fields["lastTradeDateOrContractMonth"] == "202612"
    # The symbol of the underlying, in any case.
    assert found(symbol="aapl", **fields) == names


@pytest.mark.parametrize(
    "fields",
    [
        {"symbol": "HD"},
        {"symbol": "AAPL", "strike": 271.3},
        {"symbol": "AAPL", "strike": -270.0},
        {"symbol": "AAPL", "strike": 1e300},
        {"symbol": "AAPL", "right": "X"},
        {"symbol": "AAPL", "right": "BOTH"},
        {"symbol": "AAPL", "multiplier": 10.0},
        {"symbol": "AAPL", "exchange": "IDEALPRO"},
        {"symbol": "AAPL", "exchange": "NYSE"},
        {"symbol": "AAPL", "currency": "EUR"},
        {"symbol": "AAPL", "tradingClass": "2AAPL"},
        {"symbol": "AAPL", "lastTradeDateOrContractMonth": "20261217"},
        {"symbol": "AAPL", "lastTradeDateOrContractMonth": "2026"},
        {"symbol": "AAPL", "lastTradeDateOrContractMonth": "2026-12-18"},
        {"symbol": "AAPL", "lastTradeDateOrContractMonth": "soon"},
        {"localSymbol": "AAPL 261218C00270000"},
        {"localSymbol": "AAPL261218C00270000"},
        {"localSymbol": "AAPL  261218C00270100"},
        {"localSymbol": "AAPL  261218X00270000"},
        {"symbol": "MSFT", "localSymbol": "AAPL  261218C00270000"},
        {},
    ],
)
def test_what_is_not_listed_is_not_found(fields: dict[str, object]) -> None:
    assert found(**fields) == []


def test_a_partial_description_finds_many() -> None:
    calls = found(symbol="SPY", lastTradeDateOrContractMonth="20261218", right="C")
    both = found(symbol="SPY", lastTradeDateOrContractMonth="20261218")
    assert len(both) == 2 * len(calls) > 200
    strikes = {one[-8:] for one in found(symbol="SPY", strike=660.0, right="P")}
    assert strikes == {"00660000"}
    month = MARKET.find(
        Contract(symbol="SPY", secType="OPT", lastTradeDateOrContractMonth="202612")
    )
    assert len({one.last_trade_date for one in month}) > 4
    assert {one.contract_month for one in month} == {"202612"}


def test_without_a_type_a_symbol_means_the_stock() -> None:
    assert [one.sec_type for one in MARKET.find(Contract(symbol="AAPL"))] == ["STK"]
    (option,) = MARKET.find(Contract(localSymbol="AAPL  261218C00270000"))
    assert option.sec_type == "OPT"
    assert MARKET.by_symbol("AAPL  261218C00270000") is option


def test_an_id_alone_finds_an_option_in_another_process() -> None:
    (option,) = MARKET.find(Contract(localSymbol="TSLA  270115P00400000"))
    other = Catalogue.standard(date(2026, 12, 1))
    assert other.by_con_id(option.con_id) == option
    assert option.con_id in other
    assert other.find(Contract(conId=option.con_id, exchange="BOX")) == [option]
    assert other.find(Contract(conId=option.con_id, exchange="NYSE")) == []
    assert other.find(Contract(conId=option.con_id + 1_000_000)) == []


@given(
    st.sampled_from(OPTIONS),
    st.dates(date(2010, 1, 1), date(2026, 6, 1)),
    st.integers(1, PLACES // 2 - 1),
    st.sampled_from("CP"),
)
def test_ids_fit_into_their_range(line: object, expiry: date, place: int, right: str) -> None:
    con_id = option_con_id(line, expiry, place, right)  # type: ignore[arg-type]
    assert 1_000_000_000 <= con_id < 1_500_000_000


def test_no_two_listed_options_share_an_id() -> None:
    assert MARKET.chains is not None
    ids: set[int] = set()
    count = 0
    for line in OPTIONS:
        chain = MARKET.chains._chain(line)
        assert chain is not None
        for expiry in chain.expiries:
            for place in chain.places:
                ids |= {option_con_id(line, expiry, place, right) for right in "CP"}
                count += 2
    assert len(ids) == count > 50_000
    assert ids.isdisjoint(one.con_id for one in MARKET)


def test_expiries() -> None:
    assert MARKET.chains is not None
    spy = next(one for one in MARKET.options_on(756733))
    assert spy.expiries[:3] == (date(2026, 11, 23), date(2026, 11, 24), date(2026, 11, 25))
    assert date(2026, 11, 26) not in spy.expiries  # Thanksgiving
    assert date(2026, 12, 18) in spy.expiries
    assert date(2029, 1, 19) in spy.expiries
    apple = next(iter(MARKET.options_on(265598)))
    # Fridays, or the days before where those are holidays.
    other = {day for day in apple.expiries if day.weekday() != 4}
    assert other == {date(2026, 12, 24), date(2026, 12, 31), date(2027, 6, 17)}
    classes = {chain.line.trading_class: chain for chain in MARKET.options_on(416904)}
    assert set(classes) == {"SPX", "SPXW"}
    assert classes["SPX"].expiries[0] == date(2026, 12, 17)
    assert MARKET.options_on(12087792) == []


def test_a_later_day_lists_other_expiries() -> None:
    market = Catalogue.standard(TODAY)
    wanted = Contract(symbol="SPY", secType="OPT", strike=660.0, right="C")
    today = market.find(wanted)
    market.move_to(date(2026, 11, 24))
    tomorrow = market.find(wanted)
    assert today[0] not in tomorrow
    assert today[1:10] == tomorrow[:9]
    assert market.by_con_id(today[0].con_id) is today[0]  # a position may be left
    market.move_to(date(2026, 11, 23))  # time does not go back
    assert market.find(wanted) == tomorrow


def test_details_of_a_stock_option() -> None:
    (option,) = MARKET.find(Contract(localSymbol="AAPL  261218C00270000"))
    details = option.details(datetime(2026, 11, 23, 15, tzinfo=UTC))
    assert (details.underConId, details.underSymbol, details.underSecType) == (
        *(265598, "AAPL"),
        "STK",
    )
    assert (details.contractMonth, details.realExpirationDate) == ("202612", "20261218")
    assert (details.minTick, details.longName, details.aggGroup) == ("0.01", "APPLE INC", 2)
    rules = dict(
        zip(details.validExchanges.split(","), details.marketRuleIds.split(","), strict=True)
    )
    assert (rules["SMART"], rules["CBOE"], rules["NASDAQOM"]) == ("32", "109", "32")
    contract = option.detailed_contract()
    assert contract.lastTradeDateOrContractMonth == "20261218 16:00:00 US/Eastern"
    assert contract.lastTradeDate == "20261218"
    assert (contract.right, contract.strike, contract.multiplier) == ("C", 270.0, 100.0)
    assert option.contract().lastTradeDateOrContractMonth == "20261218"


def test_details_of_an_index_option_settled_in_the_morning() -> None:
    (option,) = MARKET.find(Contract(localSymbol="SPX   261218P06600000"))
    assert option.local_symbol == "SPX   261218P06600000"
    assert MARKET.find(Contract(localSymbol="SPX   261217P06600000")) == []
    details = option.details(datetime(2026, 11, 23, 15, tzinfo=UTC))
    assert (option.last_trade_date, details.realExpirationDate) == ("20261217", "20261218")
    assert (option.trading_class, option.american, details.minTick) == ("SPX", False, "0.05")
    assert details.underSecType == "IND"
    assert details.validExchanges == "SMART,CBOE"
    assert (option.market_rule, option.rule_at("CBOE"), option.rule_at("")) == (110, 110, 110)


@pytest.mark.parametrize("today", [TODAY, date(2025, 6, 2), date(2026, 6, 1), date(2026, 3, 20)])
def test_local_symbols_carry_the_day_of_expiration(today: date) -> None:
    chains = Catalogue.standard(today).chains
    assert chains is not None
    for line in chains.lines:
        chain = chains._chain(line)
        if chain is None:
            continue
        for expiry in chain.expiries:
            option = chain.option(expiry, chain.places[0], "C")
            details = option.details(datetime(2026, 11, 23, 15, tzinfo=UTC))
            assert option.local_symbol[6:12] == details.realExpirationDate[2:]
            assert option.last_trade_date == f"{expiry:%Y%m%d}"
            assert chains.find(Contract(localSymbol=option.local_symbol)) == [option]


def test_a_holiday_on_the_thursday_does_not_move_the_expiration() -> None:
    chains = Catalogue.standard(date(2025, 6, 2)).chains
    assert chains is not None
    (option,) = chains.find(Contract(localSymbol="SPX   250620C06600000"))
    assert (option.last_trade_date, option.expires) == ("20250618", "20250620")
