"""Option chains as tables: which expiries and strikes are listed, and what one picks of them.

Pure. IB tells of each exchange and trading class the expiries and the strikes there are, not which
strike exists for which expiry: a chain's `OptionChain.contracts` are what may exist, and the
gateway has the last word (``gw.contracts.options`` asks it).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from itertools import product
from typing import Any, Generic, TypeVar

import attrs
from ibapi.contract import Contract

from twsloop.errors import ContractError
from twsloop.wire.showing import short_row
from twsloop.wire.times import read_day

from .builders import option
from .rules import Number, exact

__all__ = ["Between", "Expiries", "Nearest", "OptionChain", "Rights", "Strikes", "Within", "narrow"]

T = TypeVar("T")
_MONTH_DIGITS = 6
_RIGHTS = {"C": "C", "CALL": "C", "P": "P", "PUT": "P"}
#: So many neighbours of what is not listed are named.
_NEIGHBOURS = 3


@attrs.frozen
class Between(Generic[T]):
    """From one to another, both included; None for no end on that side.

    Attributes:
        low: A date for expiries, a price for strikes.
        high: Likewise.
    """

    low: T | None = None
    high: T | None = None


@attrs.frozen
class Nearest:
    """So many of the nearest.

    Attributes:
        count: How many: of expiries the first that are listed, of strikes those closest to a price
            (of two as close the lower).
        price: For strikes: closest to what.
    """

    count: int
    price: Number | None = None


@attrs.frozen
class Within:
    """Strikes within a part of a price: ``Within("0.05", 200)`` is from 190 to 210.

    Attributes:
        part: 0.05 is 5 % to each side.
        price: Usually the underlying's.
    """

    part: Number
    price: Number


Day = date | str
#: Which expiries: a day (or its text, or a month ``202612``), several, `Between`, or `Nearest`.
Expiries = Day | Iterable[Day] | Between[Day] | Nearest | None
#: Which strikes: one, several, `Between`, `Nearest` with a price, or `Within`.
Strikes = Number | Iterable[Number] | Between[Number] | Nearest | Within | None
#: ``C``, ``P``, ``CALL``, ``PUT``, or several; None for both.
Rights = str | Iterable[str] | None


@attrs.frozen
class OptionChain:
    """The options of one trading class on one exchange.

    Attributes:
        symbol: The underlying's symbol.
        under_con_id: The underlying's contract id.
        exchange: Where they are routed.
        trading_class: IB's trading class (``SPX``, ``SPXW``).
        multiplier: Units of the underlying per contract, as IB writes it.
        expiries: The last trading days, the first one first.
        strikes: The strike prices, the lowest first.
        currency: What prices are in.
        sec_type: ``OPT``, or ``FOP`` for options on futures.
        rights: ``C``, ``P`` or both.
    """

    symbol: str
    under_con_id: int
    exchange: str
    trading_class: str
    multiplier: str
    expiries: tuple[date, ...]
    strikes: tuple[Decimal, ...]
    currency: str = "USD"
    sec_type: str = "OPT"
    rights: tuple[str, ...] = ("C", "P")

    __repr__ = short_row

    def __len__(self) -> int:
        return len(self.expiries) * len(self.strikes) * len(self.rights)

    def contracts(self) -> Iterator[Contract]:
        """Every combination of expiry, strike and right, as IB Contracts without an id."""
        for expiry, strike, right in product(self.expiries, self.strikes, self.rights):
            contract = option(
                self.symbol,
                expiry,
                strike,
                right,
                self.exchange,
                currency=self.currency,
                multiplier=self.multiplier,
                trading_class=self.trading_class,
            )
            contract.secType = self.sec_type
            yield contract


def narrow(
    chains: Sequence[OptionChain],
    *,
    expiries: Expiries = None,
    strikes: Strikes = None,
    rights: Rights = None,
) -> list[OptionChain]:
    """What is picked of each chain; one of which nothing is left is left out.

    Args:
        chains: As the gateway told them.
        expiries: Which expiries.
        strikes: Which strikes.
        rights: Which rights.

    Raises:
        ContractError: A filter that means nothing; or an expiry or a strike that was named, and
            that none of the chains has.
    """
    days = _expiry_filter(expiries)
    prices = _strike_filter(strikes)
    letters = _read_rights(rights)
    if chains:
        _require_listed(days.named, [set(c.expiries) for c in chains], "expiry", _same_day)
        _require_listed(prices.named, [set(c.strikes) for c in chains], "strike", _same)
    narrowed = [
        attrs.evolve(
            chain,
            expiries=tuple(days.pick(chain.expiries)),
            strikes=tuple(prices.pick(chain.strikes)),
            rights=letters,
        )
        for chain in chains
    ]
    return [chain for chain in narrowed if len(chain)]


@attrs.frozen
class _Filter(Generic[T]):
    """A filter that was read: how it picks, and what it names."""

    pick: Callable[[Sequence[T]], Iterable[T]]
    named: tuple[Any, ...] = ()


def _expiry_filter(wanted: Expiries) -> _Filter[date]:
    if wanted is None:
        return _Filter(lambda days: days)
    if isinstance(wanted, Nearest):
        count = _count(wanted)
        return _Filter(lambda days: days[:count])
    if isinstance(wanted, Between):
        low = None if wanted.low is None else _first_day(wanted.low)
        high = None if wanted.high is None else _read_day(wanted.high)
        return _Filter(
            lambda days: [
                day
                for day in days
                if (low is None or day >= low) and (high is None or _up_to(day, high))
            ]
        )
    given = [wanted] if isinstance(wanted, (date, str)) else _several(wanted, "expiries")
    named = tuple(_read_day(day) for day in given)
    return _Filter(lambda days: [d for d in days if any(_same_day(d, n) for n in named)], named)


def _strike_filter(wanted: Strikes) -> _Filter[Decimal]:
    if wanted is None:
        return _Filter(lambda strikes: strikes)
    if isinstance(wanted, Nearest):
        count = _count(wanted)
        if wanted.price is None:
            msg = f"the {count} nearest strikes to what? write Nearest({count}, price)"
            raise ContractError(msg)
        middle = exact(wanted.price, "the price")
        return _Filter(
            lambda strikes: sorted(sorted(strikes, key=lambda k: (abs(k - middle), k))[:count])
        )
    if isinstance(wanted, Within):
        part, middle = exact(wanted.part, "the part"), exact(wanted.price, "the price")
        if part < 0:
            msg = f"Within({wanted.part}, ...): a part of the price is 0 or more"
            raise ContractError(msg)
        reach = abs(middle) * part
        return _Filter(lambda strikes: [k for k in strikes if abs(k - middle) <= reach])
    if isinstance(wanted, Between):
        low = None if wanted.low is None else exact(wanted.low, "the strike")
        high = None if wanted.high is None else exact(wanted.high, "the strike")
        return _Filter(
            lambda strikes: [
                k for k in strikes if (low is None or k >= low) and (high is None or k <= high)
            ]
        )
    one = isinstance(wanted, (Decimal, float, int, str))
    given: list[Any] = [wanted] if one else _several(wanted, "strikes")
    named = tuple(exact(strike, "the strike") for strike in given)
    return _Filter(lambda strikes: [k for k in strikes if k in named], named)


def _read_rights(rights: Rights) -> tuple[str, ...]:
    if rights is None:
        return ("C", "P")
    given = [rights] if isinstance(rights, str) else _several(rights, "rights")
    try:
        letters = {_RIGHTS[right.upper()] for right in given}
    except (KeyError, AttributeError):
        msg = f"rights {rights!r}: each is C, P, CALL or PUT"
        raise ContractError(msg) from None
    return tuple(sorted(letters))


def _require_listed(
    named: tuple[Any, ...], listed: list[set[Any]], what: str, fits: Callable[[Any, Any], bool]
) -> None:
    """Refuse what was named, and is in none of the chains."""
    everything = sorted(set().union(*listed))
    for one in named:
        if any(fits(other, one) for other in everything):
            continue
        if isinstance(one, str):  # a month
            close = everything[:_NEIGHBOURS]
        else:
            close = sorted(sorted(everything, key=lambda k: abs(k - one))[:_NEIGHBOURS])
        near = ", ".join(str(other) for other in close)
        msg = f"{what} {one} is not listed; near it are {near}" if near else f"no {what} is listed"
        raise ContractError(msg)


def _several(wanted: Any, what: str) -> list[Any]:
    """The values of a list that somebody gave."""
    try:
        return list(wanted)
    except TypeError:
        msg = f"{what}={wanted!r}: give one, a list, or one of Between, Nearest, Within"
        raise ContractError(msg) from None


def _count(wanted: Nearest) -> int:
    if wanted.count < 1:
        msg = f"Nearest({wanted.count}): at least one"
        raise ContractError(msg)
    return wanted.count


def _same(one: object, other: object) -> bool:
    return one == other


def _same_day(day: date, named: date | str) -> bool:
    """Whether a day is the one that was named, or in the month that was."""
    return f"{day:%Y%m}" == named if isinstance(named, str) else day == named


def _up_to(day: date, end: date | str) -> bool:
    return f"{day:%Y%m}" <= end if isinstance(end, str) else day <= end


def _first_day(low: Day) -> date:
    start = _read_day(low)
    return date(int(start[:4]), int(start[4:]), 1) if isinstance(start, str) else start


def _read_day(given: Day) -> date | str:
    """A day; or a month, which stays a text of six digits."""
    if isinstance(given, datetime):
        return given.date()
    if isinstance(given, date):
        return given
    if isinstance(given, str):
        text = given.strip()
        if len(text) == _MONTH_DIGITS and text.isdecimal() and "01" <= text[4:] <= "12":
            return text
        day = read_day(text)
        if day is not None:
            return day
    msg = f"expiry {given!r} is neither a day (a date, or 20261218) nor a month (202612)"
    raise ContractError(msg)
