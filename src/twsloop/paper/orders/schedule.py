"""When an order lives: what waits for an opening, what ends with a session, what is for an auction.

Pure. A stock trades from 4:00 to 20:00 and has its regular session inside; orders trade in the
regular one unless they may trade outside it (``outsideRth`` on a type that takes it).

Auctions are those of the regular session: the closing one for MOC and LOC, the opening one for the
time in force OPG. An order for the closing auction has to come before its cut-off: NYSE ten minutes
before the close, others five.

Where the gateway does not keep hours (a synthetic market that never closes), orders neither wait
nor end with a session; auctions and times that the client named are kept all the same.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from twsloop.paper.clock.times import DAY_END, Moment

__all__ = [
    "WITH_EXTENDED_HOURS",
    "auction",
    "auto_cancel_day",
    "cutoff",
    "is_open",
    "is_outside",
    "opening",
    "plan",
    "zone_of",
]

QUARTER = 3
#: No calendar is looked at further than this.
HORIZON = 14
NYSE_CUTOFF = timedelta(minutes=10)
OTHER_CUTOFF = timedelta(minutes=5)
#: These end with the session they are in (or the next one).
OF_THE_DAY = frozenset({"DAY", "DTC", "IOC", "OVERNIGHT", "OVERNIGHT + DAY"})
GTC_ENDS = time(16)
#: Outside regular hours these trade limit orders only; others (futures) trade all types.
WITH_EXTENDED_HOURS = frozenset({"STK", "OPT"})


def is_outside(order: Any) -> bool:
    """Whether it may trade outside regular hours."""
    takes_it = order.kind.outside_hours or order.instrument.sec_type not in WITH_EXTENDED_HOURS
    return bool(order.request.outsideRth and takes_it)


def is_open(order: Any, now: datetime) -> bool:
    """Whether its market trades now, for this order."""
    return bool(order.instrument.is_open(now, liquid=not is_outside(order)))


def opening(order: Any, now: datetime) -> datetime:
    """The next time that its market opens for it, in the instrument's zone."""
    found: datetime = order.instrument.hours.next_open(now, liquid=not is_outside(order))
    return found


def _session_end(instrument: Any, now: datetime, *, liquid: bool) -> datetime | None:
    """The end of the session under way, or of the next one."""
    today = now.astimezone(ZoneInfo(instrument.time_zone)).date()
    for day in (today + timedelta(days=n) for n in range(HORIZON)):
        session = instrument.hours.session(day, liquid=liquid)
        if session is not None and session[1] > now:
            end: datetime = session[1]
            return end.astimezone(UTC)
    return None


def zone_of(instrument: Any) -> ZoneInfo:
    """The zone that an instrument's hours are in."""
    return ZoneInfo(instrument.time_zone)


def cutoff(instrument: Any, close: datetime) -> datetime:
    """From when on nothing can be sent to that closing auction."""
    return close - (NYSE_CUTOFF if instrument.primary_exchange == "NYSE" else OTHER_CUTOFF)


def auto_cancel_day(today: date) -> date:
    """When a GTC order ends by itself: the last day of the next quarter."""
    first_month = (today.month - 1) // QUARTER * QUARTER + 1
    months = first_month - 1 + 2 * QUARTER
    after = date(today.year + months // 12, months % 12 + 1, 1)
    return after - timedelta(days=1)


def _named_end(order: Any, until: Moment, now: datetime) -> datetime:
    zone = order.instrument.time_zone
    if until.clock == DAY_END and until.day is not None and until.zone is None:
        # A date alone: good until that day's session ends.
        session = order.instrument.hours.session(until.day, liquid=not is_outside(order))
        if session is not None:
            end: datetime = session[1]
            return end.astimezone(UTC)
    return until.at(zone, now)


def _ends_at(order: Any, now: datetime, *, keeps_hours: bool) -> datetime | None:
    """When an order that comes now ends by itself, in UTC; None for never."""
    draft = order.draft
    if draft is not None and draft.duration is not None:
        return now + timedelta(seconds=draft.duration)
    if order.tif in {"GTD", "GTT"} and draft is not None and draft.ends is not None:
        return _named_end(order, draft.ends, now)
    if order.tif == "GTC":
        day = auto_cancel_day(now.date())
        return datetime.combine(day, GTC_ENDS, ZoneInfo("US/Eastern")).astimezone(UTC)
    if keeps_hours and order.tif in OF_THE_DAY and not order.kind.auction:
        return _session_end(order.instrument, now, liquid=not is_outside(order))
    return None


def auction(order: Any, now: datetime) -> datetime | None:
    """The next auction that an order is for, not before it may start; None for no auction."""
    since = now if order.starts is None else max(now, order.starts)
    if order.kind.auction:
        return _session_end(order.instrument, since, liquid=True)
    if order.tif == "OPG":
        opens: datetime = order.instrument.hours.next_open(since)
        return opens.astimezone(UTC)
    return None


def plan(order: Any, now: datetime, *, keeps_hours: bool) -> None:
    """Set the times that an order waits for, as it is accepted (or changed)."""
    draft = order.draft
    zone = order.instrument.time_zone
    if draft is not None:
        starts = draft.starts.at(zone, now) if draft.starts is not None else None
        order.starts = starts if starts is not None and starts > now else None
    order.auction_at = auction(order, now)
    order.ends = None if order.auction_at else _ends_at(order, now, keeps_hours=keeps_hours)
    if draft is None:
        return
    order.condition_times = {
        place: moment.at(zone, now) for place, moment in draft.condition_times.items()
    }
