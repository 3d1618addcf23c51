"""Who may see what: the market data permissions of a gateway's login (pure).

A setting of the gateway gives each instrument a level: ``live``, ``delayed`` (15 minutes old), or
``none``. What a client is then told depends on the type it has chosen with reqMarketDataType:

=========  ============================================  =======================================
level      type 1 or 2 (live, frozen)                    type 3 or 4 (delayed, delayed frozen)
=========  ============================================  =======================================
live       live data                                     live data
delayed    error 10089, and nothing                      10167, then delayed data
none       error 354, and nothing                        error 10168, and nothing
=========  ============================================  =======================================
"""

from __future__ import annotations

import enum
from collections.abc import Mapping

import attrs

from twsloop.paper.catalogue.instruments import Instrument

__all__ = [
    "DELAYED_TYPES",
    "FROZEN_TYPES",
    "NOT_SUBSCRIBED",
    "Level",
    "Permissions",
    "denial",
    "levels_of",
]

FROZEN_TYPES = frozenset({2, 4})
DELAYED_TYPES = frozenset({3, 4})
NOT_SUBSCRIBED = (
    "Requested market data is not subscribed. Check API status by selecting the Account menu then "
    "under Management choose Market Data Subscription Manager and/or availability of delayed data."
)
NEEDS_API = (
    "Requested market data requires additional subscription for API. See link in 'Market Data "
    "Connections' dialog for more details.Delayed market data is available."
)
NOT_ENABLED = "Requested market data is not subscribed. Delayed market data is not enabled."


class Level(enum.Enum):
    """What of an instrument's market data a login may see."""

    LIVE = "live"
    DELAYED = "delayed"
    NONE = "none"


def _levels(given: str | Mapping[str, str]) -> dict[str, Level]:
    named = {"": given} if isinstance(given, str) else dict(given)
    try:
        return {key.upper(): Level(value.lower()) for key, value in named.items()}
    except (ValueError, AttributeError) as error:
        msg = f"market data {given!r}: each level is live, delayed or none"
        raise ValueError(msg) from error


def levels_of(text: str) -> dict[str, str]:
    """Levels as settings write them: ``live, OPT=delayed``; the first is that of all others."""
    rest, *exceptions = (part.strip() for part in text.split(","))
    found = {"": rest}
    for one in exceptions:
        name, _, level = one.partition("=")
        found[name.strip()] = level.strip()
    return found


@attrs.frozen
class Permissions:
    """The levels of a login.

    Attributes:
        levels: By symbol, exchange or security type; "" stands for all others. A symbol goes
            before an exchange, and that before a security type.

    Raises:
        ValueError: A level is none of the three.
    """

    levels: Mapping[str, Level] = attrs.field(default="live", converter=_levels)

    def level(self, instrument: Instrument) -> Level:
        """The level of an instrument."""
        if instrument.sec_type == "BOND":
            return Level.NONE  # its prices are not simulated
        for key in (
            instrument.symbol,
            instrument.primary_exchange or instrument.exchange,
            instrument.sec_type,
        ):
            found = self.levels.get(key)
            if found is not None:
                return found
        return self.levels.get("", Level.LIVE)

    @property
    def has_delayed(self) -> bool:
        """Whether there is any delayed data."""
        return Level.DELAYED in self.levels.values()


def denial(instrument: Instrument, level: Level, data_type: int) -> tuple[int, str] | None:
    """The error of a request that gets nothing, None: it gets something."""
    if level is Level.NONE:
        return (10168, NOT_ENABLED) if data_type in DELAYED_TYPES else (354, NOT_SUBSCRIBED)
    if level is Level.DELAYED and data_type not in DELAYED_TYPES:
        venue = instrument.primary_exchange or instrument.exchange
        place = f"{venue}.{instrument.trading_class}" if instrument.primary_exchange else venue
        return 10089, f"{NEEDS_API}{instrument.symbol} {place}/TOP/ALL"
    return None
