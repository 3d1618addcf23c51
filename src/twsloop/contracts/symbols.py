"""Symbols as people type them, read into IB's ``Contract`` and written back.

=========================== ==========================================================
``AAPL``                    stock, SMART, USD; ``BRK.B`` or IB's ``BRK B``
``SAP@IBIS/EUR``            stock at an exchange, in a currency; either part may be left out
``EUR.USD``, ``EUR/USD``    currency pair, when both halves are currencies IB trades
``ES 202612 CME``           future: root, month or day, exchange [currency]
``AAPL 20261218 200 C``     option: underlying, day, strike, right [exchange [currency]]
``AAPL  261218C00200000``   option in the OCC's 21 characters (the padding may be one space)
``SPX IND CBOE``            index: symbol, ``IND``, exchange [currency]
``BTC CRYPTO``              crypto currency [exchange [currency]]
``#265598@ARCA``            a contract id, with where to route it (SMART if left out)
=========================== ==========================================================

`symbol_of` writes a contract in the same words, so that what is printed can be typed again.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from decimal import Decimal

from ibapi.const import UNSET_DOUBLE
from ibapi.contract import Contract

from twsloop.errors import ContractError, SymbolError

from .builders import crypto, forex, future, index, option, stock
from .meant import respelt
from .state import request_contract

__all__ = [
    "ACCEPTED",
    "CURRENCIES",
    "holding_name",
    "meant_contract",
    "parse_symbol",
    "symbol_of",
    "to_contract",
]

#: What is accepted, for error texts and for the CLI's help.
ACCEPTED = (
    "AAPL, BRK.B, SAP@IBIS/EUR, EUR.USD, ES 202612 CME, AAPL 20261218 200 C, "
    "AAPL 261218C00200000, SPX IND CBOE, BTC CRYPTO, #265598"
)

#: Currencies that IDEALPRO or FXCONV trade (IBKR's product listing); a dotted pair of two of
#: these is a pair, anything else with a dot is a share class.
CURRENCIES = frozenset(
    [
        "AED",
        "AUD",
        "BGN",
        "BRL",
        "CAD",
        "CHF",
        "CNH",
        "CZK",
        "DKK",
        "EUR",
        "GBP",
        "HKD",
        "HUF",
        "ILS",
        "INR",
        "JPY",
        "KRW",
        "MXN",
        "MYR",
        "NOK",
        "NZD",
        "PLN",
        "RON",
        "RUB",
        "SAR",
        "SEK",
        "SGD",
        "THB",
        "TRY",
        "TWD",
        "USD",
        "ZAR",
    ]
)

_STOCK = re.compile(r"([A-Z0-9][A-Z0-9.\-]*)(?:@([A-Z0-9.]+))?(?:/([A-Z]{3}))?", re.IGNORECASE)
_PAIR = re.compile(r"([A-Z]{3})[./]([A-Z]{3})", re.IGNORECASE)
_OCC = re.compile(r"([A-Z0-9]{1,6}) +(\d{6})([CP])(\d{8})", re.IGNORECASE)
_CON_ID = re.compile(r"#(\d+)(?:@([A-Z0-9.]+))?", re.IGNORECASE)
_NUMBER = re.compile(r"\d+(\.\d+)?")
_DIGITS = re.compile(r"\d{6}(\d{2})?")


def parse_symbol(text: str) -> Contract:
    """Read a symbol as people type it.

    Raises:
        SymbolError: It fits none of the forms; the text says what is accepted.
    """
    typed = text.strip()
    for read in _READERS:
        try:
            contract = read(typed)
        except ContractError as error:
            msg = f"symbol {text!r}: {error}; accepted are {ACCEPTED}"
            raise SymbolError(msg) from None
        if contract is not None:
            return contract
    guess = respelt(text, _is_readable)
    maybe = f" (did you mean {guess!r}?)" if guess else ""
    msg = f"symbol {text!r} cannot be read{maybe}; accepted are {ACCEPTED}"
    raise SymbolError(msg)


def _is_readable(text: str) -> bool:
    try:
        return any(read(text) is not None for read in _READERS)
    except ContractError:
        return False


def to_contract(symbol: str | Contract) -> Contract:
    """A contract from a symbol, or a copy of a contract.

    What was asked for may be sent later, and again after each reconnect: what becomes of the
    caller's own object meanwhile must not change it.

    Raises:
        SymbolError: A text that cannot be read, or an object that is neither.
        ContractError: A contract that names nothing.
    """
    meant = meant_contract(symbol)
    return request_contract(meant) if meant is symbol else meant


def meant_contract(symbol: str | Contract) -> Contract:
    """As `to_contract`, without the copy: for those who only look at it, or copy it themselves."""
    if isinstance(symbol, str):
        return parse_symbol(symbol)
    if isinstance(symbol, Contract):
        named = (symbol.conId, symbol.symbol, symbol.localSymbol, symbol.secId, symbol.issuerId)
        if not any(named) and not symbol.comboLegs:
            msg = "the contract names nothing: set its conId, symbol, localSymbol, or secId"
            raise ContractError(msg)
        return symbol
    msg = f"{symbol!r} is neither a symbol nor an ibapi Contract; symbols are {ACCEPTED}"
    raise SymbolError(msg)


def symbol_of(contract: Contract) -> str:
    """Write a contract as one would type it; what no form covers is written in words."""
    kind, symbol = contract.secType, contract.symbol
    expiry, exchange, currency = (
        contract.lastTradeDateOrContractMonth,
        contract.exchange,
        contract.currency,
    )
    if not kind and contract.conId:
        return f"#{contract.conId}{_at(exchange)}"
    if kind == "STK":
        tail = f"/{currency}" if currency not in {"", "USD"} else ""
        where = _at(exchange)
        if tail and not where and symbol in CURRENCIES:
            where = "@SMART"  # without it a share called HUF, in AED, would read as a pair
        return f"{symbol.replace(' ', '.')}{where}{tail}"
    if kind == "CASH":
        return f"{symbol}.{currency}"
    if kind == "FUT" and expiry:
        return _words(symbol, expiry, exchange, currency)
    if kind == "OPT" and expiry and contract.strike != UNSET_DOUBLE:
        where = "" if exchange == "SMART" and currency in {"", "USD"} else exchange
        strike = f"{Decimal(str(contract.strike)).normalize():f}"
        return _words(symbol, expiry, strike, contract.right[:1], where, currency)
    if kind == "IND":
        return _words(symbol, "IND", exchange, currency)
    if kind == "CRYPTO":
        where = "" if exchange == "PAXOS" and currency in {"", "USD"} else exchange
        return _words(symbol, "CRYPTO", where, currency)
    return contract.localSymbol or " ".join(part for part in (symbol, kind, expiry) if part)


def holding_name(contract: Contract) -> str:
    """Write a contract that is held: where it was traded, or is listed, is no part of its name."""
    if contract.secType not in {"STK", "CASH", "OPT", "CRYPTO"}:
        return symbol_of(contract)
    plain = copy.copy(contract)
    plain.exchange = "PAXOS" if contract.secType == "CRYPTO" else "SMART"
    return symbol_of(plain)


def _at(exchange: str) -> str:
    return f"@{exchange}" if exchange not in {"", "SMART"} else ""


def _words(*parts: str) -> str:
    *head, currency = parts
    shown = [part for part in head if part]
    return " ".join([*shown, currency] if currency not in {"", "USD"} else shown)


def _read_con_id(text: str) -> Contract | None:
    found = _CON_ID.fullmatch(text)
    if found is None:
        return None
    contract = Contract()
    contract.conId = int(found.group(1))
    contract.exchange = (found.group(2) or "SMART").upper()
    return contract


def _read_pair(text: str) -> Contract | None:
    found = _PAIR.fullmatch(text)
    if found is None:
        return None
    base, quote = found.group(1).upper(), found.group(2).upper()
    if base in CURRENCIES and quote in CURRENCIES:
        return forex(f"{base}.{quote}")
    return None


def _read_occ(text: str) -> Contract | None:
    found = _OCC.fullmatch(text)
    if found is None:
        return None
    symbol, day, right, strike = found.groups()
    return option(symbol.upper(), f"20{day}", Decimal(strike) / 1000, right)


def _read_stock(text: str) -> Contract | None:
    found = _STOCK.fullmatch(text)
    if found is None:
        return None
    symbol, exchange, currency = found.groups()
    return stock(
        symbol.upper().replace(".", " ").strip(),
        (exchange or "SMART").upper(),
        (currency or "USD").upper(),
    )


def _read_words(text: str) -> Contract | None:
    words = text.upper().split()
    if len(words) < 2:
        return None
    symbol, second, rest = words[0], words[1], words[2:]
    if not rest and symbol.isalnum() and len(second) == 1 and second.isalpha():
        return stock(f"{symbol} {second}")  # a share class, as IB spells it
    if second == "IND" and len(rest) in {1, 2}:
        return index(symbol, *rest)
    if second == "CRYPTO" and len(rest) <= 2:
        return crypto(symbol, *rest)
    if not _DIGITS.fullmatch(second):
        return None
    if len(rest) in {1, 2} and not any(_NUMBER.fullmatch(word) or word in "CP" for word in rest):
        return future(symbol, second, rest[0], currency=rest[1] if len(rest) == 2 else "USD")
    if len(rest) in {2, 3, 4}:
        numbers = [word for word in rest[:2] if _NUMBER.fullmatch(word)]
        rights = [word for word in rest[:2] if not _NUMBER.fullmatch(word)]
        if len(numbers) == 1 and len(rights) == 1:
            where = rest[2] if len(rest) > 2 else "SMART"
            currency = rest[3] if len(rest) > 3 else "USD"
            return option(symbol, second, numbers[0], rights[0], where, currency=currency)
    return None


#: Tried in this order; the first that recognises the text decides.
_READERS: tuple[Callable[[str], Contract | None], ...] = (
    _read_con_id,
    _read_pair,
    _read_occ,
    _read_stock,
    _read_words,
)
