"""Symbols as typed: each form reads to the contract it means, and writes back to itself."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ibapi.contract import Contract

from twsloop.contracts import combo, crypto, forex, future, index, option, stock
from twsloop.contracts.symbols import (
    CURRENCIES,
    holding_name,
    parse_symbol,
    symbol_of,
    to_contract,
)
from twsloop.errors import ContractError, SymbolError


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("AAPL", stock("AAPL")),
        (" aapl ", stock("AAPL")),
        ("BRK.B", stock("BRK B")),
        ("brk b", stock("BRK B")),
        ("SAP@IBIS/EUR", stock("SAP", "IBIS", "EUR")),
        ("AAPL@ARCA", stock("AAPL", "ARCA")),
        ("7203@TSEJ/JPY", stock("7203", "TSEJ", "JPY")),
        ("EUR.USD", forex("EUR.USD")),
        ("usd/jpy", forex("USD.JPY")),
        ("ES 202612 CME", future("ES", "202612", "CME")),
        ("es 20261218 cme", future("ES", "20261218", "CME")),
        ("FDAX 202612 EUREX EUR", future("FDAX", "202612", "EUREX", currency="EUR")),
        ("AAPL 20261218 200 C", option("AAPL", "20261218", 200, "C")),
        ("AAPL 20261218 P 182.5", option("AAPL", "20261218", "182.5", "P")),
        ("AAPL  261218C00200000", option("AAPL", "20261218", 200, "C")),
        ("SPXW 261218P05512500", option("SPXW", "20261218", "5512.5", "P")),
        ("SPX 20261218 5500 C CBOE", option("SPX", "20261218", 5500, "C", "CBOE")),
        ("SPX IND CBOE", index("SPX", "CBOE")),
        ("DAX IND EUREX EUR", index("DAX", "EUREX", "EUR")),
        ("BTC CRYPTO", crypto("BTC")),
        ("ETH CRYPTO ZEROHASH", crypto("ETH", "ZEROHASH")),
    ],
)
def test_forms(typed: str, meant: Contract) -> None:
    assert vars(parse_symbol(typed)) == vars(meant)


def test_contract_id() -> None:
    made = parse_symbol("#265598@ARCA")
    assert (made.conId, made.exchange, made.symbol) == (265598, "ARCA", "")
    assert symbol_of(made) == "#265598@ARCA"
    assert symbol_of(parse_symbol("#265598")) == "#265598"


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "   ",
        "AA PL",
        "ES 202612",
        "ES 202613 CME",
        "AAPL 20261318 200 C",
        "AAPL 20261218 200 X",
        "AAPL 20261218 200 200",
        "AAPL 261232C00200000",
        "EUR.USD.X Y",
        "$TICK",
        "AAPL@",
        "#",
        "SPX IND",
    ],
)
def test_what_cannot_be_read_says_what_can(typed: str) -> None:
    with pytest.raises(SymbolError, match=r"accepted are .*EUR\.USD.*ES 202612 CME") as caught:
        parse_symbol(typed)
    assert repr(typed) in str(caught.value)


def test_to_contract() -> None:
    mine = stock("IBM")
    read = to_contract(mine)
    mine.symbol = "MSFT"
    assert (read.symbol, read.exchange) == ("IBM", "SMART"), "what was asked for stays what it was"
    assert to_contract("IBM").symbol == "IBM"
    with pytest.raises(SymbolError, match="neither a symbol nor an ibapi Contract"):
        to_contract(7)


def test_to_contract_copies_legs_too() -> None:
    mine = combo("SPY", [(1, 1, "BUY"), (2, 2, "SELL")])
    read = to_contract(mine)
    mine.comboLegs[0].ratio = 9
    mine.comboLegs.pop()
    assert [(leg.conId, leg.ratio) for leg in read.comboLegs] == [(1, 1), (2, 2)]


letters = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=1, max_size=5) | st.sampled_from(
    sorted(CURRENCIES)  # a share may be called like a currency
)
exchanges = st.sampled_from(["SMART", "ARCA", "IBIS", "CME", "PAXOS"])
currencies = st.sampled_from(sorted(CURRENCIES))
days = st.dates().filter(lambda day: day.year >= 1000)
contracts = st.one_of(
    st.builds(stock, letters, exchanges, currencies),
    st.tuples(currencies, currencies)
    .filter(lambda pair: pair[0] != pair[1])
    .map(lambda pair: forex(".".join(pair))),
    st.builds(future, letters, days, exchanges, currency=currencies),
    st.builds(
        option,
        letters,
        days,
        st.decimals("0.001", "99999", places=3),
        st.sampled_from("CP"),
        exchanges,
        currency=currencies,
    ),
    st.builds(index, letters, exchanges, currencies),
    st.builds(crypto, letters, exchanges, currencies),
)


@given(contracts)
def test_what_is_written_reads_back_to_the_same_contract(contract: Contract) -> None:
    assert vars(parse_symbol(symbol_of(contract))) == vars(contract)


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        contract = parse_symbol(text)
    except SymbolError:
        return
    assert contract.secType or contract.conId


def test_contracts_that_no_form_covers_are_named_in_words() -> None:
    bond = Contract()
    bond.symbol, bond.secType = "US-T", "BOND"
    assert symbol_of(bond) == "US-T BOND"
    bond.localSymbol = "T 4 05/15/26"
    assert symbol_of(bond) == "T 4 05/15/26"


def test_a_holding_is_named_without_its_venue() -> None:
    assert holding_name(stock("AAPL", "NASDAQ")) == "AAPL"
    assert holding_name(stock("SAP", "IBIS", "EUR")) == "SAP/EUR"
    assert holding_name(option("AAPL", "20261218", 200, "C", "AMEX")) == "AAPL 20261218 200 C"
    assert holding_name(forex("EUR.USD")) == "EUR.USD"
    assert holding_name(crypto("BTC", "ZEROHASH")) == "BTC CRYPTO"
    assert holding_name(future("ES", "202612", "CME")) == "ES 202612 CME"
    listed = stock("AAPL", "NASDAQ")
    holding_name(listed)
    assert listed.exchange == "NASDAQ"


def test_a_contract_that_names_nothing_is_told() -> None:
    with pytest.raises(ContractError, match="the contract names nothing: set its conId"):
        to_contract(Contract())
