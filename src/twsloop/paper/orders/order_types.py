"""The order types that the paper gateway works, as a table.

A type is made of few parts: what has to happen before it goes to the exchange (`Trigger`), what its
price follows (`Peg`), whether it has a limit, and whether it waits for an auction. `TYPES` has
them by IB's word, `named` also knows IB's other spellings.

A contract tells which types it takes in ``ContractDetails.orderTypes``, in words of its own
(`OrderType.listed`): one that is missing there is refused with 387 (reference
``matching_engine.md`` 2). Words that IB knows and this gateway does not work (`KNOWN_TYPES`) are
refused with 387 as well, others with 321.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from types import MappingProxyType

import attrs

__all__ = ["BROKER_REFUSED_TYPES", "KNOWN_TYPES", "TYPES", "OrderType", "Peg", "Trigger", "named"]


class Trigger(enum.Enum):
    """What elects an order."""

    NONE = "nothing: it goes to the exchange at once"
    STOP = "the market moves against it: a buy is elected by a rise to its trigger"
    TOUCH = "the market moves its way: a buy is elected by a fall to its trigger"


class Peg(enum.Enum):
    """What an order's price follows."""

    NONE = "nothing"
    OWN = "the own side of the quote, moved towards the other by the offset"
    MIDDLE = "the middle of the quote, moved away from the other side by the offset"
    OTHER = "the other side of the quote, moved away from it by the offset"


@attrs.frozen(kw_only=True)
class OrderType:
    """One type.

    Attributes:
        word: IB's word for it, as it is echoed.
        listed: Its word in a contract's list of order types; "" where the list has none.
        limit: Whether it needs a limit price.
        trigger: What elects it.
        trails: Whether its trigger follows the market.
        peg: What its price follows.
        snaps: Whether that price is taken once, when the order comes.
        auction: Whether it waits for the closing auction.
        held_first: Whether its first report is PreSubmitted even though nothing holds it.
        takes_conditions: Whether conditions may submit it (148).
        outside_hours: Whether it may trade outside regular hours (else 2109).
    """

    word: str
    listed: str
    limit: bool = False
    trigger: Trigger = Trigger.NONE
    trails: bool = False
    peg: Peg = Peg.NONE
    snaps: bool = False
    auction: bool = False
    held_first: bool = False
    takes_conditions: bool = False
    outside_hours: bool = False

    @property
    def shows_trigger(self) -> bool:
        """Whether ``whyHeld`` says "trigger" while it waits: of stops, not of touches."""
        return self.trigger is Trigger.STOP


_ALL = (
    OrderType(word="MKT", listed="MKT", takes_conditions=True),
    OrderType(word="LMT", listed="LMT", limit=True, takes_conditions=True, outside_hours=True),
    OrderType(word="STP", listed="STP", trigger=Trigger.STOP),
    OrderType(
        word="STP LMT", listed="STPLMT", limit=True, trigger=Trigger.STOP, outside_hours=True
    ),
    OrderType(word="TRAIL", listed="TRAIL", trigger=Trigger.STOP, trails=True),
    OrderType(
        word="TRAIL LIMIT",
        listed="TRAILLMT",
        limit=True,
        trigger=Trigger.STOP,
        trails=True,
        outside_hours=True,
    ),
    OrderType(word="MIT", listed="MIT", trigger=Trigger.TOUCH),
    OrderType(word="LIT", listed="LIT", limit=True, trigger=Trigger.TOUCH, outside_hours=True),
    OrderType(word="TRAIL MIT", listed="TRAILMIT", trigger=Trigger.TOUCH, trails=True),
    OrderType(
        word="TRAIL LIT",
        listed="TRAILLIT",
        limit=True,
        trigger=Trigger.TOUCH,
        trails=True,
        outside_hours=True,
    ),
    OrderType(word="MOC", listed="MOC", auction=True),
    OrderType(word="LOC", listed="LOC", limit=True, auction=True),
    OrderType(word="MTL", listed="MTL", held_first=True),
    OrderType(word="REL", listed="REL", peg=Peg.OWN, held_first=True, takes_conditions=True),
    OrderType(word="PEG MID", listed="PEGMID", peg=Peg.MIDDLE),
    OrderType(word="MIDPRICE", listed="MIDPX", peg=Peg.MIDDLE, takes_conditions=True),
    OrderType(word="SNAP MID", listed="SNAPMID", peg=Peg.MIDDLE, snaps=True, takes_conditions=True),
    OrderType(word="SNAP MKT", listed="SNAPMKT", peg=Peg.OTHER, snaps=True, takes_conditions=True),
    OrderType(word="SNAP PRIM", listed="SNAPREL", peg=Peg.OWN, snaps=True, takes_conditions=True),
    OrderType(word="PEG BEST", listed=""),  # only to be rejected by the broker
)
TYPES: Mapping[str, OrderType] = MappingProxyType({one.word: one for one in _ALL})
_SPELLINGS: Mapping[str, str] = MappingProxyType(
    {
        "STPLMT": "STP LMT",
        "TRAILLMT": "TRAIL LIMIT",
        "TRAIL LMT": "TRAIL LIMIT",
        "TRAILMIT": "TRAIL MIT",
        "TRAILLIT": "TRAIL LIT",
        "PEGMID": "PEG MID",
        "PEGBEST": "PEG BEST",
        "MIDPX": "MIDPRICE",
    }
)
#: The broker takes these from the gateway and rejects them (Inactive, 201).
BROKER_REFUSED_TYPES = frozenset({"PEG BEST"})
#: Types that IB knows and this gateway does not work.
# fmt: off
KNOWN_TYPES = frozenset((
    "AUC", "BOX TOP", "FUNARI", "LMT + MKT", "MKT PRT", "PASSV REL", "PEG BENCH", "PEG MKT",
    "PEG STK", "PEGBENCH", "PEGMKT", "REL + LMT", "REL + MKT", "RPI",
    "STP PRT", "VOL",
))
# fmt: on


def named(word: str) -> OrderType | None:
    """The type that a client calls so (upper case), None if it is not worked."""
    return TYPES.get(_SPELLINGS.get(word, word))
