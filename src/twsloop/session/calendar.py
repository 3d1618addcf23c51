"""When IB, or the gateway's owner, takes things down by plan: resets, restarts, the weekly login.

Pure: the time comes in as an argument, tz-aware. Rules are written in the wall time of a place, as
IB publishes them, so that they move with its summer time; what is handed out is in UTC.

Sources (domain.md a, "Daily and weekly cycle"): IB's page of system status has the daily resets
(Sunday to Friday) of each region and the weekend's; IB's guide to automatic restarts says when the
weekly login ends. Paper accounts use the American servers, wherever their owner lives.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import attrs

__all__ = ["Calendar", "Region", "Restart", "Window", "WindowKind"]

WindowKind = Literal["restart", "reset", "weekend"]
Region = Literal["america", "europe", "asia", "none"]
#: Which windows refuse orders: none; the gateway's own restart; IB's resets, too.
Refuses = Literal["none", "restart", "resets"]

_NEW_YORK = ZoneInfo("America/New_York")
_DAY = timedelta(days=1)

#: Days as `date.weekday` counts them.
_MONDAY, _FRIDAY, _SUNDAY = 0, 4, 6
_SUNDAY_TO_FRIDAY = frozenset({_SUNDAY, *range(_MONDAY, _FRIDAY + 1)})
_EVERY_DAY = frozenset(range(7))

#: When IB ends all logins of the week: a gateway that restarts later asks for credentials.
_LOGIN_ENDS = time(1, 0)


@attrs.frozen
class Window:
    """A time in which IB's servers or the gateway may be away by plan.

    Attributes:
        name: What it is, in words: ``IB's daily reset (America)``.
        kind: ``restart`` (the gateway's own), ``reset`` (of IB's servers, daily), ``weekend``.
        since: When it begins, UTC.
        until: When it is over, UTC.
        refuses_orders: Whether new orders shall not be sent in it, as configured.
    """

    name: str
    kind: WindowKind
    since: datetime
    until: datetime
    refuses_orders: bool

    def __str__(self) -> str:
        """Name it, and its end."""
        return f"{self.name}, until {self.until:%Y-%m-%d %H:%M} UTC"


@attrs.frozen
class Restart:
    """When the gateway restarts by its own plan, each day.

    Attributes:
        at: The wall time that its auto-restart is set to.
        zone: The zone of that time.
        lead: How long before it the window begins.
        length: How long after it the gateway may be away.
    """

    at: time
    zone: ZoneInfo
    lead: timedelta = timedelta(minutes=1)
    length: timedelta = timedelta(minutes=5)


@attrs.frozen
class _Rule:
    """A window that comes again; ``start`` may be a time that a day does not have, or has twice.

    A time that is skipped when summer begins counts as one hour later, and of one that comes twice
    when it ends the first is meant: as Java reads wall times, which IB's programs are written in.
    """

    name: str
    kind: WindowKind
    zone: ZoneInfo
    weekdays: frozenset[int]
    start: time
    length: timedelta
    lead: timedelta = timedelta()

    def on(self, day: date, *, refuses_orders: bool) -> Window | None:
        """The window whose start falls on a day of its zone."""
        if day.weekday() not in self.weekdays:
            return None
        start = datetime.combine(day, self.start, self.zone).astimezone(UTC)
        return Window(self.name, self.kind, start - self.lead, start + self.length, refuses_orders)


def _daily(region: str, zone: str, start: time, minutes: int) -> _Rule:
    name = f"IB's daily reset ({region})"
    length = timedelta(minutes=minutes)
    return _Rule(name, "reset", ZoneInfo(zone), _SUNDAY_TO_FRIDAY, start, length)


_RESETS: dict[Region, tuple[_Rule, ...]] = {
    "america": (_daily("America", "America/New_York", time(0, 15), 90),),
    "europe": (_daily("Europe", "Europe/Zurich", time(6, 25), 80),),
    "asia": (
        _daily("Asia, the first", "Asia/Hong_Kong", time(4, 45), 80),
        _daily("Asia, the second", "Asia/Hong_Kong", time(20, 15), 60),
    ),
    "none": (),
}
_WEEKEND = _Rule(
    "IB's weekend reset",
    "weekend",
    _NEW_YORK,
    frozenset({_FRIDAY}),
    time(23, 0),
    timedelta(hours=4),
)


class Calendar:
    """The windows that are known, by IB's plan and by the owner's.

    Args:
        region: Whose daily resets count; ``none`` leaves out all of IB's, the weekend's, too.
        restart: The gateway's own daily restart, where it is known.
        refuses: Which windows refuse orders.
    """

    def __init__(
        self,
        region: Region = "america",
        restart: Restart | None = None,
        refuses: Refuses = "restart",
    ) -> None:
        rules: list[_Rule] = [*_RESETS[region]]
        if region != "none":
            rules.append(_WEEKEND)
        if restart is not None:
            rules.append(
                _Rule(
                    "the gateway's daily restart",
                    "restart",
                    restart.zone,
                    _EVERY_DAY,
                    restart.at,
                    restart.length,
                    restart.lead,
                )
            )
        self._rules = tuple(rules)
        self._refusing: frozenset[WindowKind] = {
            "none": frozenset[WindowKind](),
            "restart": frozenset[WindowKind]({"restart"}),
            "resets": frozenset[WindowKind]({"restart", "reset", "weekend"}),
        }[refuses]

    def window(self, now: datetime) -> Window | None:
        """The window that it is in now; None in none.

        Of several the one that refuses orders counts, and of those the one that ends last.
        """
        covering = [w for w in self._around(now, 1) if w.since <= now < w.until]
        return max(covering, key=lambda w: (w.refuses_orders, w.until), default=None)

    def next_window(self, now: datetime) -> Window | None:
        """The next window that begins after now; None if none is known."""
        coming = (w for w in self._around(now, 8) if w.since > now)
        return min(coming, key=lambda w: w.since, default=None)

    def next_refusing(self, now: datetime) -> Window | None:
        """The next window after now that refuses orders; None if none is known."""
        coming = (w for w in self._around(now, 8) if w.since > now and w.refuses_orders)
        return min(coming, key=lambda w: w.since, default=None)

    @staticmethod
    def login_ended(since: datetime, now: datetime) -> datetime | None:
        """When IB's weekly login ended between two times, the last if several; None if it did not.

        A gateway that was logged in before, and restarts after it, asks for credentials (and the
        second factor) before it serves anybody.
        """
        day = now.astimezone(_NEW_YORK).date()
        day -= timedelta(days=(day.weekday() - _SUNDAY) % 7)
        for sunday in (day, day - 7 * _DAY):
            ended = datetime.combine(sunday, _LOGIN_ENDS, _NEW_YORK).astimezone(UTC)
            if since < ended <= now:
                return ended
        return None

    def _around(self, now: datetime, days: int) -> Iterator[Window]:
        """Every window that begins from yesterday on, in the rule's zone, for so many days."""
        for rule in self._rules:
            today = now.astimezone(rule.zone).date()
            refuses = rule.kind in self._refusing
            for offset in range(-1, days + 1):
                made = rule.on(today + offset * _DAY, refuses_orders=refuses)
                if made is not None:
                    yield made
