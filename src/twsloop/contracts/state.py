"""The rows that questions about contracts are answered with, and how IB's answers become rows.

Pure. Where IB's own object carries more than a row would, it is in the row.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

import attrs
from ibapi.contract import Contract, ContractDetails

from twsloop.errors import TwsLoopError
from twsloop.wire.showing import contract_words
from twsloop.wire.times import find_zone, read_day, read_time
from twsloop.wire.values import decimal_or_none, int_or_none, text_or_none

from .chains import OptionChain

__all__ = [
    "DepthExchange",
    "ListedFuture",
    "Resolution",
    "SmartVenue",
    "SymbolMatch",
    "copied",
    "describe",
    "expiry_of",
    "is_outlived",
    "read_chain",
    "read_depth_exchange",
    "read_future",
    "read_match",
    "read_venues",
    "request_contract",
]


@attrs.frozen
class SymbolMatch:
    """One answer to a search for symbols.

    Attributes:
        contract: What was found: id, symbol, type, primary exchange, currency.
        name: The company's or fund's name; None where the gateway tells none (before server version
            176).
        derivatives: The security types that are listed on it (``OPT``, ``CFD``...).
    """

    contract: Contract = attrs.field(repr=contract_words)
    name: str | None
    derivatives: tuple[str, ...]


@attrs.frozen
class Resolution:
    """What one of several contracts came to.

    Attributes:
        asked: As it was given.
        contract: The one contract that fits, complete; None if there is no such.
        error: Why there is none: AmbiguousContract, UnknownContract, RequestTimeout...
    """

    asked: Contract | str = attrs.field(repr=contract_words)
    contract: Contract | None = attrs.field(default=None, repr=contract_words)
    error: TwsLoopError | None = None


@attrs.frozen
class ListedFuture:
    """One future of a chain.

    Attributes:
        contract: Complete, with its id.
        details: All that IB tells of it.
        expiry: The day it expires.
        last_trade_time: When it stops trading, UTC; None where only the day is known.
        month: The contract month, ``202612``.
    """

    contract: Contract = attrs.field(repr=contract_words)
    details: ContractDetails = attrs.field(repr=False)
    expiry: date
    last_trade_time: datetime | None
    month: str


@attrs.frozen
class SmartVenue:
    """An exchange behind SMART, and the letter that ticks name it with.

    Attributes:
        bit: Its place in the bit masks of ticks.
        exchange: IB's name of it.
        letter: What stands in bidExch, askExch and lastExch.
    """

    bit: int
    exchange: str
    letter: str


@attrs.frozen
class DepthExchange:
    """An exchange whose order book can be asked for.

    Attributes:
        exchange: IB's name of it.
        sec_type: For which security type.
        listing_exchange: For what is listed there; None for everything.
        service: ``Deep`` for rows by price, ``Deep2`` for rows with market makers.
        agg_group: The group that its contracts are aggregated in; None where there is none.
    """

    exchange: str
    sec_type: str
    listing_exchange: str | None
    service: str
    agg_group: int | None


def request_contract(contract: Contract) -> Contract:
    """A copy that what the user does with the original later does not change."""
    twin = copy.copy(contract)
    if contract.comboLegs is not None:
        twin.comboLegs = [copy.copy(leg) for leg in contract.comboLegs]
    if contract.deltaNeutralContract is not None:
        twin.deltaNeutralContract = copy.copy(contract.deltaNeutralContract)
    return twin


def copied(details: ContractDetails) -> ContractDetails:
    """Details of the caller's own: what is remembered must not change with them."""
    twin = copy.copy(details)
    twin.contract = request_contract(details.contract)
    for name in ("secIdList", "ineligibilityReasonList"):
        if getattr(twin, name):
            setattr(twin, name, list(getattr(twin, name)))
    return twin


def describe(contract: Contract, label: str) -> str:
    """A contract among others that are like it: what people call it, its class, place and id."""
    where = contract.primaryExchange or contract.exchange
    facts = [contract.secType, contract.tradingClass, where, contract.currency]
    known = [fact for fact in facts if fact and fact != label]
    return f"{label} ({' '.join(dict.fromkeys(known))} #{contract.conId})"


def expiry_of(details: ContractDetails) -> date | None:
    """The day on which it expires; None for what does not."""
    return read_day(details.realExpirationDate) or read_day(
        details.contract.lastTradeDateOrContractMonth
    )


def is_outlived(details: Iterable[ContractDetails], told: date, today: date) -> bool:
    """Whether something expired since the details were told: they are not what they were.

    A day is let pass: which day it is depends on where one stands.
    """
    return any(expiry is not None and told <= expiry < today for expiry in map(expiry_of, details))


def read_match(description: Any) -> SymbolMatch:
    """A row of IB's ContractDescription."""
    return SymbolMatch(
        description.contract,
        text_or_none(description.contract.description),
        tuple(description.derivativeSecTypes),
    )


def read_chain(underlying: ContractDetails, answer: tuple[Any, ...]) -> OptionChain:
    """A chain of what securityDefinitionOptionParameter told.

    Args:
        underlying: What the options are on.
        answer: Exchange, trading class, multiplier, expirations, strikes.
    """
    exchange, trading_class, multiplier, expirations, strikes = answer
    days = {day for text in expirations if (day := read_day(text)) is not None}
    prices = {price for strike in strikes if (price := decimal_or_none(strike)) is not None}
    contract = underlying.contract
    return OptionChain(
        symbol=contract.symbol,
        under_con_id=contract.conId,
        exchange=exchange,
        trading_class=trading_class,
        multiplier=multiplier,
        expiries=tuple(sorted(days)),
        strikes=tuple(sorted(prices)),
        currency=contract.currency,
        sec_type="FOP" if contract.secType in {"FUT", "CONTFUT"} else "OPT",
    )


def read_future(details: ContractDetails) -> ListedFuture | None:
    """A row of a future's details; None if they name no day of its expiry."""
    expiry = expiry_of(details)
    if expiry is None:
        return None
    day = details.contract.lastTradeDateOrContractMonth
    zone = find_zone(details.timeZoneId) if details.timeZoneId else None
    ends = read_time(f"{day} {details.lastTradeTime}", zone) if details.lastTradeTime else None
    return ListedFuture(details.contract, details, expiry, ends, details.contractMonth)


def read_venues(answer: Any) -> list[SmartVenue]:
    """Rows of IB's smartComponents: a list in the text protocol, a dict in protobuf."""
    if isinstance(answer, Mapping):
        rows = [SmartVenue(bit, exchange, letter) for bit, (exchange, letter) in answer.items()]
    else:
        rows = [SmartVenue(one.bitNumber, one.exchange, one.exchangeLetter) for one in answer]
    return sorted(rows, key=lambda row: row.bit)


def read_depth_exchange(description: Any) -> DepthExchange:
    """A row of IB's DepthMktDataDescription."""
    return DepthExchange(
        description.exchange,
        description.secType,
        text_or_none(description.listingExch),
        description.serviceDataType,
        int_or_none(description.aggGroup),
    )
