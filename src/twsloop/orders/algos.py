"""IB's algorithms, with typed parameters.

An algorithm works a whole order in parts. Its parameters are a class here, checked when it is made,
and given to an order by `with_algo`::

    order = with_algo(
        limit_order("BUY", 10_000, "189.50"), Vwap(max_pct_vol="0.1", no_take_liq=True)
    )

Parts of a volume (``max_pct_vol``...) are parts of 1: ``"0.1"`` is 10 %. Times are a datetime with
its zone, or a text in IB's form; left out, the algorithm works until the market closes. What is
None is left out, so that the gateway's own default holds.

Source: the page "IB Algorithms" of the TWS API, and the refusals of Gateway 10.40 (439, 441, 443).
"""

from __future__ import annotations

import enum
import types
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

import attrs
from ibapi.order import Order
from ibapi.tag_value import TagValue

from twsloop.errors import InvalidOrder

from .attributes import changed
from .inputs import Number, plain, to_number, to_time
from .words import AlgoStrategy

__all__ = [
    "AccumulateDistribute",
    "Adaptive",
    "Algo",
    "ArrivalPrice",
    "BalanceImpactRisk",
    "ClosePrice",
    "CustomAlgo",
    "DarkIce",
    "MinimiseImpact",
    "PercentOfVolume",
    "PriceVariantPercentOfVolume",
    "Priority",
    "RiskAversion",
    "SizeVariantPercentOfVolume",
    "TimeVariantPercentOfVolume",
    "Twap",
    "TwapStrategy",
    "Vwap",
    "with_algo",
]

#: The gateway could not read the value of a parameter.
BAD_PARAMETER = 441
Moment = datetime | str


class Priority(enum.StrEnum):
    """How long `Adaptive` looks for a better price."""

    URGENT = "Urgent"
    NORMAL = "Normal"
    PATIENT = "Patient"
    CRITICAL = "Critical"


class RiskAversion(enum.StrEnum):
    """How fast an order is worked, against how much it moves the market."""

    GET_DONE = "Get Done"
    AGGRESSIVE = "Aggressive"
    NEUTRAL = "Neutral"
    PASSIVE = "Passive"


class TwapStrategy(enum.StrEnum):
    """At which price `Twap` trades."""

    MARKETABLE = "Marketable"
    MATCHING_MIDPOINT = "Matching Midpoint"
    MATCHING_SAME_SIDE = "Matching Same Side"
    MATCHING_LAST = "Matching Last"


def _part(value: Number) -> str:
    part = to_number(value, "part of the volume")
    if not 0 < part <= 1:
        msg = f"{value!r} is no part of a volume: it is above 0, up to 1 (0.1 is 10 %)"
        raise InvalidOrder(msg, code=BAD_PARAMETER)
    return plain(part)


def _count(value: Number) -> str:
    count = to_number(value, "number")
    if count < 0 or count != count.to_integral_value():
        msg = f"{value!r} is not a whole number of at least 0"
        raise InvalidOrder(msg, code=BAD_PARAMETER)
    return plain(count)


def _flag(value: bool) -> str:
    return "1" if value else "0"


def _time(value: Moment) -> str:
    return to_time(value, "algo time")


def _one_of(kind: type[enum.StrEnum]) -> Callable[[str], str]:
    def read(value: str) -> str:
        try:
            return kind(value).value
        except ValueError:
            msg = f"{value!r} is none of {', '.join(kind)}"
            raise InvalidOrder(msg, code=BAD_PARAMETER) from None

    return read


#: How the value of each parameter is written.
_READERS: Mapping[str, Callable[[Any], str]] = types.MappingProxyType(
    {
        "adaptive_priority": _one_of(Priority),
        "risk_aversion": _one_of(RiskAversion),
        "strategy_type": _one_of(TwapStrategy),
        **dict.fromkeys(("start_time", "end_time"), _time),
        **dict.fromkeys(
            (
                "max_pct_vol",
                "pct_vol",
                "delta_pct_vol",
                "min_pct_vol_4_px",
                "max_pct_vol_4_px",
                "start_pct_vol",
                "end_pct_vol",
            ),
            _part,
        ),
        **dict.fromkeys(
            ("component_size", "time_between_orders", "give_up", "display_size"), _count
        ),
        **dict.fromkeys(
            (
                "allow_past_end_time",
                "no_take_liq",
                "speed_up",
                "catch_up",
                "force_completion",
                "wait_for_fill",
                "randomize_time_20",
                "randomize_size_55",
            ),
            _flag,
        ),
    }
)


def _tag(name: str) -> str:
    """IB's name of a parameter: ``max_pct_vol`` is ``maxPctVol``."""
    first, *others = name.split("_")
    return first + "".join(part.capitalize() for part in others)


@attrs.frozen(kw_only=True)
class Algo:
    """An algorithm: `strategy` is IB's name, the fields are its parameters.

    Raises:
        InvalidOrder: A value that its parameter cannot have (441).
    """

    strategy: ClassVar[str] = ""

    def __attrs_post_init__(self) -> None:
        self.parameters()  # what is wrong is said where it is written

    def parameters(self) -> dict[str, str]:
        """The parameters that are set, as IB writes them."""
        values = attrs.asdict(self, recurse=False).items()
        return {_tag(name): _READERS[name](value) for name, value in values if value is not None}


@attrs.frozen(kw_only=True)
class Adaptive(Algo):
    """Looks for better prices within the spread; for market and limit orders."""

    strategy: ClassVar[str] = AlgoStrategy.ADAPTIVE
    adaptive_priority: Priority | str


@attrs.frozen(kw_only=True)
class Vwap(Algo):
    """Towards the volume-weighted average price from now until the close."""

    strategy: ClassVar[str] = AlgoStrategy.VWAP
    max_pct_vol: Number | None = None
    start_time: Moment | None = None
    end_time: Moment | None = None
    allow_past_end_time: bool | None = None
    no_take_liq: bool | None = None
    speed_up: bool | None = None


@attrs.frozen(kw_only=True)
class Twap(Algo):
    """Towards the time-weighted average price."""

    strategy: ClassVar[str] = AlgoStrategy.TWAP
    strategy_type: TwapStrategy | str | None = None
    start_time: Moment | None = None
    end_time: Moment | None = None
    allow_past_end_time: bool | None = None
    catch_up: bool | None = None


@attrs.frozen(kw_only=True)
class ArrivalPrice(Algo):
    """Towards the middle of the quote at the time that the order arrived."""

    strategy: ClassVar[str] = AlgoStrategy.ARRIVAL_PRICE
    max_pct_vol: Number | None = None
    risk_aversion: RiskAversion | str | None = None
    start_time: Moment | None = None
    end_time: Moment | None = None
    force_completion: bool | None = None
    allow_past_end_time: bool | None = None


@attrs.frozen(kw_only=True)
class DarkIce(Algo):
    """Hides the volume: the shown size varies by up to half of ``display_size``."""

    strategy: ClassVar[str] = AlgoStrategy.DARK_ICE
    display_size: int
    start_time: Moment | None = None
    end_time: Moment | None = None
    allow_past_end_time: bool | None = None


@attrs.frozen(kw_only=True)
class PercentOfVolume(Algo):
    """Trades a part of the volume."""

    strategy: ClassVar[str] = AlgoStrategy.PERCENT_OF_VOLUME
    pct_vol: Number
    start_time: Moment | None = None
    end_time: Moment | None = None
    no_take_liq: bool | None = None


@attrs.frozen(kw_only=True)
class PriceVariantPercentOfVolume(Algo):
    """Trades a part of the volume that grows as the price gets better."""

    strategy: ClassVar[str] = AlgoStrategy.PRICE_VARIANT_PERCENT_OF_VOLUME
    pct_vol: Number
    delta_pct_vol: Number
    min_pct_vol_4_px: Number
    max_pct_vol_4_px: Number
    start_time: Moment | None = None
    end_time: Moment | None = None
    no_take_liq: bool | None = None


@attrs.frozen(kw_only=True)
class SizeVariantPercentOfVolume(Algo):
    """Trades a part of the volume that changes with what is left of the order."""

    strategy: ClassVar[str] = AlgoStrategy.SIZE_VARIANT_PERCENT_OF_VOLUME
    start_pct_vol: Number
    end_pct_vol: Number
    start_time: Moment | None = None
    end_time: Moment | None = None
    no_take_liq: bool | None = None


@attrs.frozen(kw_only=True)
class TimeVariantPercentOfVolume(SizeVariantPercentOfVolume):
    """Trades a part of the volume that changes as time passes."""

    strategy: ClassVar[str] = AlgoStrategy.TIME_VARIANT_PERCENT_OF_VOLUME


@attrs.frozen(kw_only=True)
class AccumulateDistribute(Algo):
    """Cuts the order into parts of about one size, sent at about one pace.

    ``time_between_orders`` is in seconds; the two ``randomize`` flags vary the time by up to 20 %
    and the size by up to 55 %; ``give_up`` counts parts that were refused.
    """

    strategy: ClassVar[str] = AlgoStrategy.ACCUMULATE_DISTRIBUTE
    component_size: int
    time_between_orders: int
    randomize_time_20: bool | None = None
    randomize_size_55: bool | None = None
    give_up: int | None = None
    catch_up: bool | None = None
    wait_for_fill: bool | None = None
    start_time: Moment | None = None
    end_time: Moment | None = None


@attrs.frozen(kw_only=True)
class ClosePrice(Algo):
    """Towards the closing price."""

    strategy: ClassVar[str] = AlgoStrategy.CLOSE_PRICE
    max_pct_vol: Number | None = None
    risk_aversion: RiskAversion | str | None = None
    start_time: Moment | None = None
    force_completion: bool | None = None


@attrs.frozen(kw_only=True)
class MinimiseImpact(Algo):
    """Options: moves the market little."""

    strategy: ClassVar[str] = AlgoStrategy.MINIMISE_IMPACT
    max_pct_vol: Number


@attrs.frozen(kw_only=True)
class BalanceImpactRisk(Algo):
    """Options: weighs how much it moves the market against the risk of waiting."""

    strategy: ClassVar[str] = AlgoStrategy.BALANCE_IMPACT_RISK
    max_pct_vol: Number | None = None
    risk_aversion: RiskAversion | str | None = None
    force_completion: bool | None = None


@attrs.frozen
class CustomAlgo:
    """Any other algorithm (of a partner's venue, or newer than this file).

    Attributes:
        strategy: Its name.
        tags: Its parameters by IB's names; numbers, flags and times are written IB's way.
    """

    strategy: str
    tags: Mapping[str, Any] = attrs.field(factory=dict, converter=dict)

    def parameters(self) -> dict[str, str]:
        """The parameters as IB writes them."""
        return {tag: _written(value) for tag, value in self.tags.items()}


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return _flag(value)
    if isinstance(value, datetime):
        return _time(value)
    return plain(value) if isinstance(value, Decimal) else str(value)


def with_algo(order: Order, algo: Algo | CustomAlgo) -> Order:
    """A copy of an order that an algorithm works.

    Raises:
        InvalidOrder: The algorithm has no name.
    """
    if not algo.strategy:
        msg = "an algorithm has a name; see twsloop.orders.algos"
        raise InvalidOrder(msg, code=439)
    tags = [TagValue(tag, value) for tag, value in algo.parameters().items()]
    return changed(order, algoStrategy=str(algo.strategy), algoParams=tags)
