"""What was probably meant: by a symbol that cannot be read, and by a contract that does not exist.

Pure. A guess is offered only if it can be read, and never taken by itself.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Collection, Iterator

from ibapi.contract import Contract

__all__ = ["hint_of", "respelt"]

#: Words that say what a contract is, and what some write in their place.
_KINDS = ("IND", "CRYPTO")
#: Exchanges that people write, for their typos.
_EXCHANGES = (
    *("SMART", "NYSE", "NASDAQ", "ISLAND", "ARCA", "AMEX", "BATS", "IEX", "CBOE", "CME", "CBOT"),
    *("NYMEX", "COMEX", "ICEUS", "EUREX", "IBIS", "XETRA", "LSE", "SBF", "AEB", "TSE", "TSEJ"),
    *("SEHK", "IDEALPRO", "PAXOS", "ZEROHASH"),
)
_MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
_MONTH = re.compile(rf"({'|'.join(_MONTHS)})(?:20)?(\d\d)")
_DATE = re.compile(r"(\d{4})-(\d\d)(?:-(\d\d))?")
#: How alike two words are that are one and a typo of it (1 is the same).
_ALIKE = 0.65


def respelt(text: str, is_readable: Callable[[str], bool]) -> str | None:
    """How a symbol is probably written that cannot be read; None if nobody knows.

    Args:
        text: As it was typed.
        is_readable: Whether a symbol can be read.
    """
    for guess in _guesses(text):
        if guess and guess != text.upper() and is_readable(guess):
            return guess
    return None


def _guesses(text: str) -> Iterator[str]:
    plain = text.upper().strip().lstrip("$^")
    yield plain
    words = [_MONTH.sub(_year_first, _DATE.sub(r"\1\2\3", word)) for word in plain.split()]
    yield " ".join(words)
    if len(words) < 2:
        return
    name, kind, *rest = words
    if kind in {"STK", "STOCK", "ETF"}:
        yield f"{name}@{rest[0]}" if rest and rest[0] != "SMART" else name
    if kind in {"FUT", "OPT", "FOP", "FUTURE", "OPTION"}:
        yield " ".join((name, *rest))
    if kind in {"CASH", "FX", "FOREX"}:
        yield f"{name}.{rest[-1] if rest else 'USD'}"
    for close in difflib.get_close_matches(kind, _KINDS, n=1, cutoff=_ALIKE):
        yield " ".join((name, close, *rest))


def _year_first(found: re.Match[str]) -> str:
    return f"20{found[2]}{_MONTHS.index(found[1]) + 1:02}"


def hint_of(contract: Contract, currencies: Collection[str]) -> str:
    """What may be the matter with a contract that the gateway does not know; empty: who knows.

    Args:
        contract: What was asked for.
        currencies: Those that there are pairs of.
    """
    if contract.secType == "FUT" and not contract.includeExpired:
        return "if it has expired, set contract.includeExpired = True"
    if contract.secType == "STK":
        pair = _pair(contract.symbol, currencies)
        if pair:
            return f"a currency pair is written {pair}"
    exchange = str(contract.exchange)
    if exchange and exchange not in _EXCHANGES:
        close = difflib.get_close_matches(exchange, _EXCHANGES, n=1, cutoff=_ALIKE)
        return f"is the exchange {exchange} meant to be {close[0]}?" if close else ""
    return ""


def _pair(symbol: str, currencies: Collection[str]) -> str:
    """The currency pair that a share's symbol looks like: ``EURUSD``, ``EUR-USD``, ``USD EURO``."""
    parts = re.split(r"[ ./-]", symbol) if not symbol.isalpha() else [symbol[:3], symbol[3:]]
    if len(parts) != 2 or not any(part in currencies for part in parts):
        return ""
    found = [_currency(part, currencies) for part in parts]
    return ".".join(found) if all(found) and found[0] != found[1] else ""


def _currency(word: str, known: Collection[str]) -> str:
    if word in known:
        return word
    close = difflib.get_close_matches(word, sorted(known), n=1, cutoff=_ALIKE)
    return close[0] if close and len(word) > 2 else ""
