"""Builders for IB's own ``Contract``: the fields one needs, checked, and nothing invented.

What a builder returns is ``ibapi.contract.Contract``; every other field of it can be set
afterwards, as IB's manual says.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from decimal import Decimal, InvalidOperation

from ibapi.contract import ComboLeg, Contract

from twsloop.errors import ContractError

__all__ = ["combo", "crypto", "forex", "future", "index", "option", "stock"]

_EXPIRY = re.compile(r"\d{6}(\d{2})?")
_PAIR = re.compile(r"([A-Za-z]{3})[./]?([A-Za-z]{3})")
_RIGHTS = {"C": "C", "CALL": "C", "P": "P", "PUT": "P"}
_LEG_ACTIONS = frozenset({"BUY", "SELL", "SSHORT"})
#: A leg is (con_id, ratio, action) or (con_id, ratio, action, exchange).
_LEG_LENGTHS = frozenset({3, 4})


def stock(
    symbol: str,
    exchange: str = "SMART",
    currency: str = "USD",
    *,
    primary_exchange: str = "",
) -> Contract:
    """A stock or ETF.

    Args:
        symbol: IB's symbol; share classes are written with a space (``BRK B``).
        exchange: Where to route; ``SMART`` unless told otherwise.
        currency: The currency it trades in.
        primary_exchange: The listing exchange, when the symbol alone is ambiguous.

    Raises:
        ContractError: The symbol is empty.
    """
    contract = _contract("STK", symbol, exchange, currency)
    contract.primaryExchange = primary_exchange
    return contract


def forex(pair: str, exchange: str = "IDEALPRO") -> Contract:
    """A currency pair: ``EUR.USD``, ``EUR/USD`` or ``EURUSD``; the first is what is bought.

    Raises:
        ContractError: ``pair`` does not name two currencies.
    """
    found = _PAIR.fullmatch(pair.strip())
    if found is None:
        msg = f"{pair!r} is not a currency pair; write EUR.USD, EUR/USD or EURUSD"
        raise ContractError(msg)
    base, quote = found.group(1).upper(), found.group(2).upper()
    if base == quote:
        msg = f"{pair!r}: the two currencies of a pair differ"
        raise ContractError(msg)
    return _contract("CASH", base, exchange, quote)


def future(
    symbol: str,
    expiry: str | date,
    exchange: str,
    *,
    currency: str = "USD",
    multiplier: str | int = "",
    trading_class: str = "",
) -> Contract:
    """A future.

    Args:
        symbol: The root (``ES``).
        expiry: The contract month ``YYYYMM`` or the last trading day ``YYYYMMDD`` (or a `date`).
        exchange: The exchange that lists it (``CME``); futures are not routed by SMART.
        currency: The currency it trades in.
        multiplier: Only where one root has contracts of several sizes.
        trading_class: Likewise.

    Raises:
        ContractError: A field is missing, or the expiry is not a month or a day.
    """
    contract = _contract("FUT", symbol, exchange, currency)
    contract.lastTradeDateOrContractMonth = _expiry(expiry)
    contract.multiplier = str(multiplier)
    contract.tradingClass = trading_class
    return contract


def option(
    symbol: str,
    expiry: str | date,
    strike: str | Decimal | float,
    right: str,
    exchange: str = "SMART",
    *,
    currency: str = "USD",
    multiplier: str | int = 100,
    trading_class: str = "",
) -> Contract:
    """An option on a stock, ETF or index.

    Args:
        symbol: The underlying's symbol.
        expiry: The last trading day ``YYYYMMDD`` (or a `date`); a month ``YYYYMM`` asks for all.
        strike: The strike price, above 0.
        right: ``C`` or ``P`` (``CALL``, ``PUT``).
        exchange: Where to route.
        currency: The currency it trades in.
        multiplier: Shares per contract.
        trading_class: When one underlying has several (``SPX``, ``SPXW``).

    Raises:
        ContractError: A field is missing or out of range.
    """
    contract = _contract("OPT", symbol, exchange, currency)
    contract.lastTradeDateOrContractMonth = _expiry(expiry)
    contract.strike = _strike(strike)
    contract.multiplier = str(multiplier)
    contract.tradingClass = trading_class
    try:
        contract.right = _RIGHTS[right.upper()]
    except KeyError:
        msg = f"right {right!r} is neither C nor P"
        raise ContractError(msg) from None
    return contract


def index(symbol: str, exchange: str, currency: str = "USD") -> Contract:
    """An index, which can be watched but not traded: ``index("SPX", "CBOE")``.

    Raises:
        ContractError: A field is empty.
    """
    return _contract("IND", symbol, exchange, currency)


def crypto(symbol: str, exchange: str = "PAXOS", currency: str = "USD") -> Contract:
    """A crypto currency: ``crypto("BTC")``.

    Raises:
        ContractError: A field is empty.
    """
    return _contract("CRYPTO", symbol, exchange, currency)


def combo(
    symbol: str,
    legs: Iterable[tuple[int, int, str] | tuple[int, int, str, str]],
    exchange: str = "SMART",
    currency: str = "USD",
) -> Contract:
    """A combination of several legs that trade as one (``BAG``).

    Args:
        symbol: The underlying's symbol.
        legs: At least two ``(con_id, ratio, "BUY" | "SELL" | "SSHORT")``, with the leg's exchange
            as a fourth where it differs from ``exchange``.
        exchange: Where to route.
        currency: The currency it trades in.

    Raises:
        ContractError: Fewer than two legs, or a leg that cannot be one.
    """
    contract = _contract("BAG", symbol, exchange, currency)
    contract.comboLegs = [_leg(leg, exchange) for leg in legs]
    if len(contract.comboLegs) < 2:
        msg = f"a combo needs at least two legs; {len(contract.comboLegs)} given"
        raise ContractError(msg)
    return contract


def _contract(sec_type: str, symbol: str, exchange: str, currency: str) -> Contract:
    for name, value in (("symbol", symbol), ("exchange", exchange), ("currency", currency)):
        if not value or not value.strip():
            msg = f"{sec_type}: {name} is empty"
            raise ContractError(msg)
    contract = Contract()
    contract.secType = sec_type
    contract.symbol = symbol.strip()
    contract.exchange = exchange.strip()
    contract.currency = currency.strip()
    return contract


def _expiry(expiry: str | date) -> str:
    text = expiry.strftime("%Y%m%d") if isinstance(expiry, date) else expiry.strip()
    if not _EXPIRY.fullmatch(text) or not "01" <= text[4:6] <= "12":
        msg = f"expiry {text!r} is neither a month YYYYMM nor a day YYYYMMDD"
        raise ContractError(msg)
    if len(text) == len("YYYYMMDD"):
        try:
            date(int(text[:4]), int(text[4:6]), int(text[6:]))
        except ValueError:
            msg = f"expiry {text!r} is not a day of the calendar"
            raise ContractError(msg) from None
    return text


def _strike(strike: str | Decimal | float) -> float:
    try:
        exact = Decimal(str(strike))
    except InvalidOperation:
        exact = Decimal(0)
    if not exact.is_finite() or exact <= 0:
        msg = f"strike {strike!r} is not a price above 0"
        raise ContractError(msg)
    return float(exact)


def _leg(leg: tuple[int, int, str] | tuple[int, int, str, str], exchange: str) -> ComboLeg:
    if len(leg) not in _LEG_LENGTHS:
        msg = f"a leg is (con_id, ratio, action[, exchange]), not {leg!r}"
        raise ContractError(msg)
    con_id, ratio, action = leg[0], leg[1], leg[2].upper()
    if con_id <= 0 or ratio <= 0 or action not in _LEG_ACTIONS:
        msg = f"leg {leg!r}: con_id and ratio are above 0, action is BUY, SELL or SSHORT"
        raise ContractError(msg)
    made = ComboLeg()
    made.conId, made.ratio, made.action = con_id, ratio, action
    made.exchange = leg[3] if len(leg) == 4 else exchange
    return made
