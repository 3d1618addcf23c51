"""Combinations: several legs that trade as one, at the net of their quotes.

Pure. A BAG contract names its legs by contract id, with a ratio and a side. Buying it once buys (or
sells) each leg so many times; its price is the sum of the legs' prices, those that are sold counted
off. It has no market of its own: it can be bought where its bought legs are offered and its sold
ones are bid for, as often as the smallest of these quotes allows.

A fill is told as the combination's own execution, then one for each leg (with an id of five
segments); the legs make the positions and pay the commissions (reference ``domain.md`` c).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import ROUND_FLOOR, Decimal
from typing import Any

import attrs

from twsloop.paper.catalogue.instruments import Catalogue, Instrument, generated_con_id

from .matching import Liquidity
from .reading import number
from .refusals import Refusal, validating

__all__ = ["ComboLeg", "ComboLiquidity", "check_leg_prices", "missing_legs", "resolve"]

ZERO = Decimal(0)
FEWEST = 2
ORDER_TYPES = "COND,DAY,GTC,GTD,IOC,LMT,MKT,OCA,WHATIF"
BAD_DETAILS = Refusal(312, "The combo details are invalid.")
BAD_LEG = "The combo details for leg '{leg}' are invalid."


@attrs.frozen
class ComboLeg:
    """One leg.

    Attributes:
        instrument: What it trades.
        ratio: How much of it one combination has.
        is_buy: Whether buying the combination buys it.
        limit: Its own limit price, None where it has none.
    """

    instrument: Instrument
    ratio: Decimal
    is_buy: bool
    limit: Decimal | None = None

    @property
    def sign(self) -> int:
        """1 where buying the combination buys it, else -1."""
        return 1 if self.is_buy else -1


def resolve(
    contract: Any, catalogue: Catalogue
) -> tuple[Instrument, tuple[ComboLeg, ...]] | Refusal:
    """The combination that a BAG contract describes, and its legs.

    Args:
        contract: An ``ibapi.protobuf.Contract`` with security type BAG.
        catalogue: Where the legs are found.
    """
    legs: list[ComboLeg] = []
    for one in contract.comboLegs:
        instrument = catalogue.by_con_id(one.conId)
        if instrument is None or one.action.upper() not in {"BUY", "SELL"} or one.ratio < 1:
            return Refusal(313, BAD_LEG.format(leg=one.conId))
        if instrument.sec_type == "STK" and one.exchange not in {"", "SMART"}:
            return Refusal(315, "Stock combo legs are restricted to SMART order routing.")
        limit = number(one, "perLegPrice")
        legs.append(ComboLeg(instrument, Decimal(one.ratio), one.action.upper() == "BUY", limit))
    if len({leg.instrument.con_id for leg in legs}) != len(legs) or len(legs) < FEWEST:
        return BAD_DETAILS
    first = legs[0].instrument
    if any(leg.instrument.currency != first.currency for leg in legs):
        return Refusal(10000, "Cross currency combo error.")
    if any(leg.instrument.sec_type in {"IND", "CASH"} for leg in legs):
        return BAD_DETAILS
    name = ",".join(f"{leg.instrument.con_id}|{leg.sign * leg.ratio}" for leg in legs)
    return (
        Instrument(
            con_id=generated_con_id(f"BAG {name}"),
            symbol=contract.symbol or first.symbol,
            sec_type="BAG",
            currency=first.currency,
            local_symbol=contract.symbol or first.symbol,
            trading_class="COMB",
            min_tick=min(leg.instrument.min_tick for leg in legs),
            order_types=ORDER_TYPES,
            market_rule=0,
            hours=first.hours,
            multiplier=first.multiplier,
        ),
        tuple(legs),
    )


def check_leg_prices(legs: Sequence[ComboLeg]) -> Refusal | None:
    """10058: prices for each leg are for two legs, and for both of them."""
    priced = [leg for leg in legs if leg.limit is not None]
    if not priced or len(priced) == len(legs) == FEWEST:
        return None
    return Refusal(
        10058, "Prices of single legs can be set only for non-guaranteed SMART combos of two legs."
    )


def missing_legs(contract: Any) -> Refusal | None:
    """The 321 of a BAG without legs."""
    if contract.secType == "BAG" and not contract.comboLegs:
        return validating("Security type 'BAG' requires combo leg details.")
    return None


@attrs.frozen
class ComboLiquidity:
    """What is left of the legs' displayed sizes, as the combination sees it.

    Attributes:
        legs: The legs.
        sides: What is left of each leg's quote.
    """

    legs: tuple[ComboLeg, ...]
    sides: tuple[Liquidity, ...]

    @classmethod
    def of(cls, legs: tuple[ComboLeg, ...], fresh: Callable[[int], Liquidity]) -> ComboLiquidity:
        """Look at the legs' books now."""
        return cls(legs, tuple(fresh(leg.instrument.con_id) for leg in legs))

    def opposite(self, is_buy: bool) -> tuple[Decimal | None, Decimal]:
        """Net price, and how often it can be had, for who buys (or sells) the combination."""
        net, often = ZERO, None
        for leg, side in zip(self.legs, self.sides, strict=True):
            buys = leg.is_buy == is_buy
            price, left = side.opposite(buys)
            if price is None or not _within(leg, buys, price):
                return None, ZERO
            net += leg.sign * leg.ratio * price
            here = (left / leg.ratio).to_integral_value(ROUND_FLOOR)
            often = here if often is None else min(often, here)
        return net, often or ZERO

    def prices(self, is_buy: bool) -> tuple[Decimal, ...]:
        """The price that each leg fills at; `opposite` has a price."""
        found = []
        for leg, side in zip(self.legs, self.sides, strict=True):
            price, _ = side.opposite(leg.is_buy == is_buy)
            assert price is not None
            found.append(price)
        return tuple(found)

    def take(self, is_buy: bool, quantity: Decimal) -> None:
        """Remove what a fill took."""
        for leg, side in zip(self.legs, self.sides, strict=True):
            side.take(leg.is_buy == is_buy, quantity * leg.ratio)


def _within(leg: ComboLeg, buys: bool, price: Decimal) -> bool:
    if leg.limit is None:
        return True
    return price <= leg.limit if buys else price >= leg.limit
