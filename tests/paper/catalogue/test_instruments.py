"""What the catalogue lists, finds, and tells about it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from ibapi.protobuf.Contract_pb2 import Contract

from twsloop.paper.catalogue.instruments import MARKET_RULES, Catalogue, generated_con_id
from twsloop.paper.catalogue.listings import ISINS

TODAY = date(2026, 11, 21)
NOW = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
STANDARD = Catalogue.standard(TODAY)


def found(**fields: object) -> list[str]:
    return [one.local_symbol for one in STANDARD.find(Contract(**fields))]


def test_it_lists_what_was_promised() -> None:
    stocks = [one for one in STANDARD if one.stock_type == "COMMON"]
    assert len(stocks) >= 20
    assert {"IBM", "BAC"} <= {one.symbol for one in stocks}
    assert {one.symbol for one in STANDARD if one.stock_type == "ETF"} >= {"SPY", "QQQ", "IWM"}
    pairs = {one.local_symbol for one in STANDARD if one.sec_type == "CASH"}
    assert pairs >= {"EUR.USD", "GBP.USD", "USD.JPY", "AUD.USD", "USD.CHF", "EUR.GBP", "NZD.USD"}
    futures = {one.symbol for one in STANDARD if one.sec_type == "FUT"}
    assert futures == {"ES", "NQ", "MES", "MNQ", "RTY", "YM", "CL", "GC", "ZN", "EUR"}
    assert {one.symbol for one in STANDARD.others if one.sec_type == "IND"} == {
        *("SPX", "NDX", "RUT", "INDU", "VIX")
    }
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
    expiries = [one.last_trade_date for one in Catalogue.standard(today) if one.symbol == "ES"]
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


OPTIONS = [
    STANDARD.find(Contract(symbol=symbol, secType="OPT", tradingClass=kind))[-1]
    for symbol, kind in (("SPY", "SPY"), ("AAPL", "AAPL"), ("SPX", "SPX"), ("SPX", "SPXW"))
]


@pytest.mark.parametrize(
    "what", [*STANDARD, *STANDARD.others, *OPTIONS], ids=lambda one: one.local_symbol
)
def test_details_are_complete_and_consistent(what: object) -> None:
    instrument = what
    details = instrument.details(NOW)  # type: ignore[attr-defined]
    exchanges = details.validExchanges.split(",")
    rules = [int(rule) for rule in details.marketRuleIds.split(",")]
    assert len(rules) == len(exchanges)
    assert min(MARKET_RULES[rule][0][1] for rule in rules) == Decimal(details.minTick)
    assert instrument.exchange in exchanges  # type: ignore[attr-defined]
    if instrument.can_be_traded:  # type: ignore[attr-defined]
        assert {"LMT", "MKT", "STP", "TRAIL", "WHATIF"} <= set(details.orderTypes.split(","))
    else:
        assert (instrument.sec_type, details.orderTypes) == ("IND", "")  # type: ignore[attr-defined]
    for field in ("longName", "timeZoneId", "tradingHours", "liquidHours", "marketName"):
        assert getattr(details, field)
    for field in ("minSize", "sizeIncrement", "suggestedSizeIncrement", "minTick"):
        assert Decimal(getattr(details, field)) > 0
    assert details.tradingHours.count(";") == details.liquidHours.count(";") == 5


def test_every_description_finds_its_own_instrument() -> None:
    for instrument in (*STANDARD, *STANDARD.others, *OPTIONS):
        assert STANDARD.find(instrument.contract()) == [instrument]
        description = instrument.contract()
        description.ClearField("conId")
        assert STANDARD.find(description) == [instrument]


def test_isins_are_numbers_that_add_up() -> None:
    for symbol, isin in ISINS.items():
        digits = "".join(str(int(letter, 36)) for letter in isin)
        doubled = "".join(
            str(int(digit) * (2 if place % 2 else 1)) for place, digit in enumerate(digits[::-1])
        )
        assert sum(map(int, doubled)) % 10 == 0, symbol


def test_other_identifiers_find_a_stock() -> None:
    assert found(secIdType="ISIN", secId="US0378331005", exchange="SMART") == ["AAPL"]
    assert found(secIdType="CUSIP", secId="037833100", secType="STK") == ["AAPL"]
    assert found(secIdType="ISIN", secId="US0378331006") == []
    assert found(symbol="IBM", secIdType="ISIN", secId="US0378331005") == []
    details = STANDARD.find(Contract(conId=265598))[0].details(NOW)
    assert details.secIdList["ISIN"] == "US0378331005"


def test_a_bond_is_found_by_who_wants_one() -> None:
    assert found(symbol="IBM") == ["IBM"]
    assert found(symbol="IBM", secType="BOND") == ["IBCID29105564", "IBCID29105568"]
    bond = STANDARD.find(Contract(secIdType="CUSIP", secId="459200AR2"))[0].details(NOW)
    assert (bond.cusip, bond.descAppend) == ("IBCID29105564", "IBM 6.22 08/01/27")


def test_an_index_is_found() -> None:
    assert found(symbol="SPX", secType="IND", exchange="CBOE") == ["SPX"]
    assert found(symbol="spx", secType="ind") == ["SPX"]
    assert found(symbol="SPX", secType="IND", exchange="SMART") == []


def test_a_continuous_future_is_its_lead_contract() -> None:
    (lead,) = STANDARD.find(Contract(symbol="ES", secType="CONTFUT", exchange="CME"))
    (esz6,) = STANDARD.find(Contract(symbol="ES", lastTradeDateOrContractMonth="202612"))
    assert (lead.con_id, lead.sec_type, lead.can_be_traded) == (esz6.con_id, "CONTFUT", False)
    assert STANDARD.find(Contract(conId=esz6.con_id, secType="CONTFUT")) == [lead]
    assert len(STANDARD.find(Contract(symbol="ES", secType="FUT+CONTFUT"))) == 5


def test_expired_futures_are_found_by_who_includes_them() -> None:
    before = STANDARD.find(
        Contract(symbol="ES", secType="FUT", exchange="CME", includeExpired=True)
    )
    names = [one.local_symbol for one in before]
    assert names[-4:] == ["ESZ6", "ESH7", "ESM7", "ESU7"]
    assert names[:8] == ["ESZ4", "ESH5", "ESM5", "ESU5", "ESZ5", "ESH6", "ESM6", "ESU6"]
    assert STANDARD.by_con_id(before[0].con_id) == before[0]
    assert found(symbol="ES", secType="FUT", localSymbol="ESU6") == []
    assert len(STANDARD.others) == len({one.con_id for one in STANDARD.others}) == 7


@pytest.mark.parametrize(
    ("symbol", "last_days"),
    [
        # As the exchanges have them; trading days are New York's.
        ("CL", ["20261221", "20270120"]),
        ("GC", ["20261229", "20270224"]),
        ("EUR", ["20261214", "20270315"]),
        ("ZN", ["20261221", "20270319"]),
    ],
)
def test_other_futures_have_rules_of_their_own(symbol: str, last_days: list[str]) -> None:
    fitting = STANDARD.find(Contract(symbol=symbol, secType="FUT"))
    assert [one.last_trade_date for one in fitting[:2]] == last_days


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"symbol": "MSFT"}, "requested symbol MSFT, in contract AAPL;"),
        ({"secType": "OPT"}, "requested sectype OPT, in contract STK;"),
        ({"currency": "NZD"}, "requested currency NZD, in contract USD;"),
        ({"lastTradeDateOrContractMonth": "202606"}, "requested expiry 202606, in contract ;"),
        ({"strike": 5.0}, "requested strike 5, in contract 0;"),
        ({"right": "C"}, "requested right C, in contract ;"),
        ({"symbol": "aapl", "secType": "STK", "right": "?"}, None),
    ],
)
def test_what_contradicts_a_contract_id(fields: dict[str, object], words: str | None) -> None:
    (apple,) = STANDARD.find(Contract(conId=265598))
    assert apple.conflict(Contract(conId=265598, **fields)) == words
