"""What was probably meant by a symbol, or a contract, that is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ibapi.contract import Contract

from twsloop.contracts.meant import hint_of, respelt
from twsloop.contracts.symbols import CURRENCIES, parse_symbol, to_contract
from twsloop.errors import SymbolError


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("SPX INDX CBOE", "SPX IND CBOE"),
        ("SPX INDEX CBOE", "SPX IND CBOE"),
        ("BTC CRIPTO", "BTC CRYPTO"),
        ("AAPL STK", "AAPL"),
        ("AAPL STK SMART", "AAPL"),
        ("SAP STK IBIS", "SAP@IBIS"),
        ("EUR CASH", "EUR.USD"),
        ("ES FUT 202612 CME", "ES 202612 CME"),
        ("ES 2026-12 CME", "ES 202612 CME"),
        ("ES DEC26 CME", "ES 202612 CME"),
        ("AAPL 2026-12-18 200 C", "AAPL 20261218 200 C"),
        ("$AAPL", "AAPL"),
    ],
)
def test_a_symbol_that_cannot_be_read_is_answered_with_one_that_can(typed: str, meant: str) -> None:
    with pytest.raises(SymbolError) as refused:
        parse_symbol(typed)
    assert f"(did you mean {meant!r}?)" in str(refused.value)
    assert parse_symbol(meant)


@pytest.mark.parametrize("typed", ["A B C D E F", "", "???", "AAPL,MSFT"])
def test_nobody_guesses_where_nothing_is_like_it(typed: str) -> None:
    with pytest.raises(SymbolError) as refused:
        parse_symbol(typed)
    assert "did you mean" not in str(refused.value)


@given(st.text("AB $^-.0123 FUTSTKINDCASH", max_size=20))
def test_a_guess_can_always_be_read(text: str) -> None:
    read: list[str] = []

    def is_readable(one: str) -> bool:
        read.append(one)
        return len(one) > 5

    guess = respelt(text, is_readable)
    assert guess is None or (guess in read and len(guess) > 5 and guess != text.upper())


@pytest.mark.parametrize(
    ("symbol", "hint"),
    [
        ("EURUSD", "a currency pair is written EUR.USD"),
        ("EUR-USD", "a currency pair is written EUR.USD"),
        ("USD.EURO", "a currency pair is written USD.EUR"),
        ("AAPL@SMRAT", "is the exchange SMRAT meant to be SMART?"),
        ("SPX IND CBOEX", "is the exchange CBOEX meant to be CBOE?"),
        ("AAPLL", ""),
        ("BRK.B", ""),
        ("USDUSD", ""),
        ("AAPL@SMART", ""),
        ("AAPL@QQQQQQ", ""),
        ("ES 202401 CME", "if it has expired, set contract.includeExpired = True"),
    ],
)
def test_why_a_contract_may_be_unknown(symbol: str, hint: str) -> None:
    assert hint_of(to_contract(symbol), CURRENCIES) == hint


def test_an_empty_contract_has_no_hint() -> None:
    assert hint_of(Contract(), CURRENCIES) == ""
