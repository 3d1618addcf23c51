"""The four ticks that come by the thousand, applied to their line's Ticker and told.

Nearly every tick is an ordinary one: a price above 0, a size above 0, a text or a number for a
field that is known, on a line where nothing is in doubt. Such a tick is written straight into its
field here; what is unusual in any way goes the long way, through `Ticker.apply_price` and its like,
which alone know all the rules. A test compares the two for all there is.

This is the form in Python. ``_ticking`` is the same, compiled; which one is used, see `processor`.
"""

# ruff: noqa: SLF001  (the short way reads and writes what the Ticker keeps for itself)

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from ibapi.const import UNSET_DECIMAL, UNSET_DOUBLE

from twsloop.clock import Arrival
from twsloop.connection.life import Life, StreamStatus

from .lines import Line
from .ticks import DELAYED, HALTED, PAIRED, TICKS, Kind, time_of

__all__ = ["PLAIN", "TIMES", "Ticking", "both"]

#: Looked up once: a member of an enumeration costs each tick 50 ns more (Python 3.11).
_LIVE = StreamStatus.LIVE


def _plain(*kinds: Kind) -> dict[int, tuple[str, tuple[str]]]:
    return {
        number: (name, (name,))
        for number, (name, kind) in TICKS.items()
        if kind in kinds and number not in DELAYED
    }


#: The tick types of each callback that may be ordinary -> their field, alone and as it is told.
PLAIN: dict[str, dict[int, tuple[str, tuple[str]]]] = {
    "tickPrice": _plain(Kind.PRICE),
    "tickSize": _plain(Kind.SIZE),
    "tickString": _plain(Kind.TEXT),
    "tickGeneric": _plain(Kind.NUMBER),
}
#: The tick types of tickString whose texts are times.
TIMES = _plain(Kind.TIME)

_PRICES, _SIZES = PLAIN["tickPrice"], PLAIN["tickSize"]
_TEXTS, _NUMBERS = PLAIN["tickString"], PLAIN["tickGeneric"]
_BID, _ASK, _LAST = _PRICES[1][1], _PRICES[2][1], _PRICES[4][1]
_BID_SIZE, _ASK_SIZE = _SIZES[0][1], _SIZES[3][1]
_LAST_SIZE, _VOLUME = _SIZES[5][1], _SIZES[8][1]
_BIDS, _ASKS, _LASTS = _BID + _BID_SIZE, _ASK + _ASK_SIZE, _LAST + _LAST_SIZE


def both(before: tuple[str, ...], after: tuple[str, ...]) -> tuple[str, ...]:
    """What a price and the size that came with it have set."""
    return tuple(dict.fromkeys((*before, *after))) if before else after


class Ticking:
    """tickPrice, tickSize, tickString and tickGeneric.

    Args:
        lines: The lines by their request ids, as the ledger keeps them.
        arrival: When what is being handed over came.
        now: The time, for a tick that did not come over the wire.
        heard: Told of a tick on a line whose life is not live: the first, or the first after a gap.
    """

    def __init__(
        self,
        lines: Mapping[int, Line],
        arrival: Arrival,
        now: Callable[[], float],
        heard: Callable[[Life], object],
    ) -> None:
        self._find = lines.get
        self._arrival = arrival
        self._monotonic = now
        self._heard = heard
        #: The line whose price came last, and whose size is to follow.
        self._half: Line | None = None

    def tickPrice(self, reqId: int, tickType: int, price: float, attrib: Any) -> None:
        """A price; its size follows for the types in `PAIRED`."""
        del attrib
        line = self._find(reqId)
        if line is None:
            return
        now = self._arrival.at
        if now is None:
            now = self._monotonic()
        ticker = line.ticker
        if (
            not 0.0 < price < UNSET_DOUBLE
            or ticker._old is not None
            or (plain := _PRICES.get(tickType)) is None
        ):
            ticker.apply_price(tickType, price, now)
            if tickType in PAIRED:
                self._half = line
            else:
                self.tell(line)
            return
        name, ticker.changed = plain
        ticker.received = now
        ticker.stale = False
        if ticker._nothing:
            ticker._nothing.discard(name)
        if tickType == 1:
            ticker.bid = price
        elif tickType == 2:
            ticker.ask = price
        elif tickType == 4:
            ticker.last = price
        else:
            setattr(ticker, name, price)
            self.tell(line)
            return
        self._half = line

    def tickSize(  # noqa: PLR0912  (a call for each branch costs as much as all of them)
        self, reqId: int, tickType: int, size: Decimal
    ) -> None:
        """A size, by itself or with the price that came just before."""
        line = self._find(reqId)
        if line is None:
            return
        now = self._arrival.at
        if now is None:
            now = self._monotonic()
        ticker = line.ticker
        before = ticker.changed if self._half is line else ()
        self._half = None
        if (
            not size
            or ticker._unsure is not None
            or ticker._old is not None
            or (plain := _SIZES.get(tickType)) is None
            or size == UNSET_DECIMAL
        ):
            ticker.apply_size(tickType, size, now)
            if before:
                ticker.changed = both(before, ticker.changed)
        else:
            name, changed = plain
            ticker.received = now
            ticker.stale = False
            if ticker._nothing:
                ticker._nothing.discard(name)
            if tickType == 0:
                ticker.bid_size = size
                ticker.changed = _BIDS if before is _BID else both(before, changed)
            elif tickType == 3:
                ticker.ask_size = size
                ticker.changed = _ASKS if before is _ASK else both(before, changed)
            elif tickType == 5:
                ticker.last_size = size
                ticker.changed = _LASTS if before is _LAST else both(before, changed)
            else:
                setattr(ticker, name, size)
                ticker.changed = both(before, changed)
        life = line.life
        if life is not None and life.status is not _LIVE:
            self._heard(life)
        sole = line.sole
        if sole is not None and (quick := sole.quick) is not None and sole.registry.at_once:
            sole.delivered += 1
            try:
                quick(ticker)
            except BaseException as error:  # noqa: BLE001  (judged there)
                sole.failed(error)
        elif (tell := line.tell) is not None:
            tell(ticker)

    def tickGeneric(self, reqId: int, tickType: int, value: float) -> None:
        """A number."""
        line = self._find(reqId)
        if line is None:
            return
        now = self._arrival.at
        if now is None:
            now = self._monotonic()
        ticker = line.ticker
        if (
            ticker._old is not None
            or (plain := _NUMBERS.get(tickType)) is None
            or value == UNSET_DOUBLE
            or (value == -1 and tickType in HALTED)
        ):
            ticker.apply_number(tickType, value, now)
        else:
            name, ticker.changed = plain
            setattr(ticker, name, value)
            if ticker._nothing:
                ticker._nothing.discard(name)
            ticker.received = now
            ticker.stale = False
        self.tell(line)

    def tickString(self, reqId: int, tickType: int, value: str) -> None:
        """A text, a time, or a trade."""
        line = self._find(reqId)
        if line is None:
            return
        now = self._arrival.at
        if now is None:
            now = self._monotonic()
        ticker = line.ticker
        new: Any = value
        if (plain := _TEXTS.get(tickType)) is None and (plain := TIMES.get(tickType)) is not None:
            new = time_of(value)
        if ticker._old is not None or plain is None or new is None:
            ticker.apply_text(tickType, value, now)
        else:
            name, ticker.changed = plain
            setattr(ticker, name, new)
            if ticker._nothing:
                ticker._nothing.discard(name)
            ticker.received = now
            ticker.stale = False
        self.tell(line)

    def now(self) -> float:
        """When the tick that is being handed over came, in the clock's monotonic seconds."""
        at = self._arrival.at
        return self._monotonic() if at is None else at

    def tell(self, line: Line) -> None:
        """Tell everyone of a tick of a line."""
        life = line.life
        if life is not None and life.status is not _LIVE:
            self._heard(life)
        sole = line.sole
        if sole is not None and (quick := sole.quick) is not None and sole.registry.at_once:
            # `Delivery.one`, without the call of it.
            sole.delivered += 1
            try:
                quick(line.ticker)
            except BaseException as error:  # noqa: BLE001  (judged there)
                sole.failed(error)
        elif (tell := line.tell) is not None:
            tell(line.ticker)
