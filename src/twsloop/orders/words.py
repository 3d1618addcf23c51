"""IB's words as enums, so that an editor completes them and a typo is found where it is made.

Every word is a string and equals IB's text: ``order.orderType = OrderType.LIMIT`` is what IB's own
class wants, and ``OrderType.LIMIT == "LMT"``. A gateway that is newer than this file may say words
that nobody here knows; such a word becomes a member of its own (`Word.known` is False) instead of
an error, with its text kept: ``OrderType("NEW ONE")``. Compare words with ``==``, never with
``is``: an unknown one is a new object each time.

What IB numbers (`TriggerMethod`, `OcaType`...) are `enum.IntEnum` and closed: the gateway refuses
any other number.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from types import MappingProxyType
from typing import Self

__all__ = [
    "Action",
    "AlgoStrategy",
    "ExecutionSide",
    "ExerciseAction",
    "FaMethod",
    "HedgeType",
    "OcaType",
    "OrderType",
    "ReferencePriceType",
    "Right",
    "SecType",
    "StatusWord",
    "TimeInForce",
    "TriggerMethod",
    "VolatilityType",
    "Word",
]


class Word(enum.StrEnum):
    """A word of IB's; unknown ones are kept."""

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        """Other spellings of a known word, then a word that nobody knows yet."""
        if not isinstance(value, str):
            return None
        meant = cls._spellings().get(value.upper())
        if meant is not None:
            return cls(meant)
        made = str.__new__(cls, value)
        made._name_ = value
        made._value_ = value
        return made

    @classmethod
    def _spellings(cls) -> Mapping[str, str]:
        """Other ways to write a word, in capitals, and the word."""
        return {member.value.upper(): member.value for member in cls}

    @property
    def known(self) -> bool:
        """Whether this version of twsloop has the word in its list."""
        return self.value in type(self)._value2member_map_


class Action(Word):
    """The side of an order. The last two are for institutions."""

    BUY = "BUY"
    SELL = "SELL"
    SHORT_SELL = "SSHORT"
    SHORT_SELL_EXEMPT = "SSHORTX"
    LONG_SELL = "SLONG"

    @property
    def buys(self) -> bool:
        """Whether it adds to the position."""
        return self == Action.BUY

    @property
    def opposite(self) -> Action:
        """The side that closes what this one opens."""
        return Action.SELL if self.buys else Action.BUY


class OrderType(Word):
    """The order types that IB documents (Campus "Order Types"; `Order.orderType`)."""

    MARKET = "MKT"
    LIMIT = "LMT"
    STOP = "STP"
    STOP_LIMIT = "STP LMT"
    TRAILING_STOP = "TRAIL"
    TRAILING_STOP_LIMIT = "TRAIL LIMIT"
    MARKET_IF_TOUCHED = "MIT"
    LIMIT_IF_TOUCHED = "LIT"
    TRAILING_MARKET_IF_TOUCHED = "TRAIL MIT"
    TRAILING_LIMIT_IF_TOUCHED = "TRAIL LIT"
    MARKET_ON_CLOSE = "MOC"
    LIMIT_ON_CLOSE = "LOC"
    MARKET_TO_LIMIT = "MTL"
    MARKET_WITH_PROTECTION = "MKT PRT"
    STOP_WITH_PROTECTION = "STP PRT"
    RELATIVE = "REL"
    PASSIVE_RELATIVE = "PASSV REL"
    PEGGED_TO_MARKET = "PEG MKT"
    PEGGED_TO_MIDPOINT = "PEG MID"
    PEGGED_TO_BEST = "PEG BEST"
    PEGGED_TO_STOCK = "PEG STK"
    PEGGED_TO_BENCHMARK = "PEG BENCH"
    MIDPRICE = "MIDPRICE"
    SNAP_TO_MARKET = "SNAP MKT"
    SNAP_TO_MIDPOINT = "SNAP MID"
    SNAP_TO_PRIMARY = "SNAP PRIM"
    VOLATILITY = "VOL"
    BOX_TOP = "BOX TOP"
    RELATIVE_LIMIT_COMBO = "REL + LMT"
    RELATIVE_MARKET_COMBO = "REL + MKT"
    LIMIT_MARKET_COMBO = "LMT + MKT"
    RETAIL_PRICE_IMPROVEMENT = "RPI"
    FUNARI = "FUNARI"
    QUOTE = "QUOTE"

    @classmethod
    def _spellings(cls) -> Mapping[str, str]:
        return _TYPE_SPELLINGS

    @property
    def listed(self) -> str | None:
        """Its word in ``ContractDetails.orderTypes``; None where that is not known for sure.

        Source: the lists of a Gateway 10.40 (reference ``matching_engine.md`` 2).
        """
        return _LISTED.get(self.value)


_TYPE_SPELLINGS: Mapping[str, str] = MappingProxyType(
    {
        **{member.value: member.value for member in OrderType},
        "STPLMT": "STP LMT",
        "TRAILLMT": "TRAIL LIMIT",
        "TRAIL LMT": "TRAIL LIMIT",
        "TRAILLIMIT": "TRAIL LIMIT",
        "TRAILMIT": "TRAIL MIT",
        "TRAILLIT": "TRAIL LIT",
        "PEGMKT": "PEG MKT",
        "PEGMID": "PEG MID",
        "PEGBEST": "PEG BEST",
        "PEGSTK": "PEG STK",
        "PEGBENCH": "PEG BENCH",
        "MIDPX": "MIDPRICE",
        "SNAPMKT": "SNAP MKT",
        "SNAPMID": "SNAP MID",
        "SNAPPRIM": "SNAP PRIM",
        "SNAPREL": "SNAP PRIM",
    }
)
_LISTED: Mapping[str, str] = MappingProxyType(
    {
        "MKT": "MKT",
        "LMT": "LMT",
        "STP": "STP",
        "STP LMT": "STPLMT",
        "TRAIL": "TRAIL",
        "TRAIL LIMIT": "TRAILLMT",
        "TRAIL MIT": "TRAILMIT",
        "TRAIL LIT": "TRAILLIT",
        "MIT": "MIT",
        "LIT": "LIT",
        "MOC": "MOC",
        "LOC": "LOC",
        "MTL": "MTL",
        "REL": "REL",
        "MIDPRICE": "MIDPX",
        "PEG MID": "PEGMID",
        "PEG BENCH": "PEGBENCH",
        "SNAP MKT": "SNAPMKT",
        "SNAP MID": "SNAPMID",
        "SNAP PRIM": "SNAPREL",
        "RPI": "RPI",
    }
)


class TimeInForce(Word):
    """How long an order works (`Order.tif`)."""

    DAY = "DAY"
    GOOD_TILL_CANCELLED = "GTC"
    GOOD_TILL_DATE = "GTD"
    IMMEDIATE_OR_CANCEL = "IOC"
    FILL_OR_KILL = "FOK"
    AT_THE_OPENING = "OPG"
    AT_AUCTION = "AUC"
    DAY_TILL_CANCELLED = "DTC"
    GOOD_TILL_CROSSING = "GTX"
    GOOD_TILL_TIME = "GTT"
    MINUTES = "Minutes"
    MINUTES_ON_THE_WIRE = "NMIN"
    OVERNIGHT = "OVERNIGHT"
    OVERNIGHT_AND_DAY = "OVERNIGHT + DAY"


class StatusWord(Word):
    """The gateway's words for where an order is (``orderStatus``, ``OrderState.status``).

    What twsloop makes of them, with words of its own for what IB has none, is
    `twsloop.OrderStatus`.
    """

    API_PENDING = "ApiPending"
    PENDING_SUBMIT = "PendingSubmit"
    PRE_SUBMITTED = "PreSubmitted"
    SUBMITTED = "Submitted"
    PENDING_CANCEL = "PendingCancel"
    PRE_CANCELLED = "PreCancelled"
    API_CANCELLED = "ApiCancelled"
    CANCELLED = "Cancelled"
    FILLED = "Filled"
    INACTIVE = "Inactive"
    WARN_STATE = "WarnState"
    EXPIRED = "Expired"
    UNKNOWN = "Unknown"

    @property
    def ended(self) -> bool:
        """Whether no fill is to come any more. ``Inactive`` may live again."""
        return self in {
            StatusWord.API_CANCELLED,
            StatusWord.CANCELLED,
            StatusWord.FILLED,
            StatusWord.EXPIRED,
        }


class SecType(Word):
    """Kinds of instruments (`Contract.secType`)."""

    STOCK = "STK"
    OPTION = "OPT"
    FUTURE = "FUT"
    CONTINUOUS_FUTURE = "CONTFUT"
    FUTURE_OPTION = "FOP"
    FOREX = "CASH"
    INDEX = "IND"
    COMBO = "BAG"
    CFD = "CFD"
    BOND = "BOND"
    FUND = "FUND"
    WARRANT = "WAR"
    STRUCTURED_PRODUCT = "IOPT"
    COMMODITY = "CMDTY"
    CRYPTO = "CRYPTO"
    NEWS = "NEWS"
    EVENT_CONTRACT = "EC"
    STOCK_BORROW = "SBL"


class Right(Word):
    """Call or put (`Contract.right`); IB sends ``0`` or ``?`` where there is none."""

    CALL = "C"
    PUT = "P"
    NONE = ""

    @classmethod
    def _spellings(cls) -> Mapping[str, str]:
        return {"C": "C", "CALL": "C", "P": "P", "PUT": "P", "0": "", "?": ""}


class ExecutionSide(Word):
    """The side of an execution (`Execution.side`)."""

    BOUGHT = "BOT"
    SOLD = "SLD"


class HedgeType(Word):
    """What a hedging child order balances (`Order.hedgeType`)."""

    DELTA = "D"
    BETA = "B"
    FX = "F"
    PAIR = "P"


class FaMethod(Word):
    """How an advisor's order is spread over a group's accounts (`Order.faMethod`)."""

    EQUAL = "Equal"
    NET_LIQUIDATION = "NetLiq"
    AVAILABLE_EQUITY = "AvailableEquity"
    PERCENT_CHANGE = "PctChange"
    CONTRACTS_OR_SHARES = "ContractsOrShares"
    RATIO = "Ratio"
    PERCENT = "Percent"
    MONETARY_AMOUNT = "MonetaryAmount"


class AlgoStrategy(Word):
    """IB's algorithms (`Order.algoStrategy`); `twsloop.orders.algos` has their parameters."""

    ADAPTIVE = "Adaptive"
    TWAP = "Twap"
    VWAP = "Vwap"
    ARRIVAL_PRICE = "ArrivalPx"
    DARK_ICE = "DarkIce"
    PERCENT_OF_VOLUME = "PctVol"
    PRICE_VARIANT_PERCENT_OF_VOLUME = "PctVolPx"
    SIZE_VARIANT_PERCENT_OF_VOLUME = "PctVolSz"
    TIME_VARIANT_PERCENT_OF_VOLUME = "PctVolTm"
    ACCUMULATE_DISTRIBUTE = "AD"
    CLOSE_PRICE = "ClosePx"
    MINIMISE_IMPACT = "MinImpact"
    BALANCE_IMPACT_RISK = "BalanceImpactRisk"


class TriggerMethod(enum.IntEnum):
    """Which price elects a stop, or meets a price condition (`Order.triggerMethod`)."""

    DEFAULT = 0
    DOUBLE_BID_ASK = 1
    LAST = 2
    DOUBLE_LAST = 3
    BID_ASK = 4
    LAST_OR_BID_ASK = 7
    MIDPOINT = 8


class OcaType(enum.IntEnum):
    """What a fill does to the others of its group (`Order.ocaType`).

    "With block" lets only one order of the group be routed at a time, so that it cannot overfill.
    """

    CANCEL_WITH_BLOCK = 1
    REDUCE_WITH_BLOCK = 2
    REDUCE_WITHOUT_BLOCK = 3


class VolatilityType(enum.IntEnum):
    """What a VOL order's volatility counts (`Order.volatilityType`)."""

    DAILY = 1
    ANNUAL = 2


class ReferencePriceType(enum.IntEnum):
    """Which price of the underlying a dynamic VOL order follows (`Order.referencePriceType`)."""

    AVERAGE = 1
    BID_OR_ASK = 2


class ExerciseAction(enum.IntEnum):
    """What is to become of an option (``exerciseOptions``)."""

    EXERCISE = 1
    LAPSE = 2
