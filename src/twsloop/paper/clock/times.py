"""IB's dates and times in requests: reading them, and when they are.

Pure. The forms of Gateway 10.40::

    20260928 15:59:00 US/Eastern    a date, a time, and a zone
    15:59:00 US/Eastern             the current date
    20260928-19:59:00               UTC
    20260928 15:59:00               the gateway's own zone; taken, with the warning 2174
    20260928                        that day: its last second

Zones are names of the tz database, which has ``EST`` and ``US/Eastern`` as well.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import attrs

__all__ = ["ZONE_WARNING", "Moment", "read_moment"]

ZONE_WARNING = (
    "Warning: You submitted request with date-time attributes without explicit time zone. Please "
    "switch to use yyyymmdd-hh:mm:ss in UTC or use instrument time zone, like US/Eastern. Implied "
    "time zone functionality will be removed in the next API release"
)
_FORM = re.compile(
    r"(?:(?P<day>\d{8})(?P<dash>[ -])?)?(?P<clock>\d{1,2}:\d{2}(?::\d{2})?)?(?: (?P<zone>\S+))?"
)
DAY_END = time(23, 59, 59)
FIRST_DAY, LAST_DAY = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)


@attrs.frozen
class Moment:
    """A time as a request has it.

    Attributes:
        day: The date, None where the request had none.
        clock: The time of day.
        zone: The zone, None where the request had none.
    """

    day: date | None
    clock: time
    zone: tzinfo | None

    @property
    def lacks_zone(self) -> bool:
        """Whether it is a time of day without its zone; a date alone needs none."""
        return self.zone is None and self.clock != DAY_END

    def at(self, zone: str, now: datetime) -> datetime:
        """When that is.

        Args:
            zone: The zone that counts where the request named none.
            now: Gives the date where the request had none.
        """
        where = self.zone or ZoneInfo(zone)
        day = self.day or now.astimezone(where).date()
        moment = datetime.combine(day, self.clock, where)
        try:
            return moment.astimezone(UTC)
        except OverflowError:  # the first or the last day that a calendar has
            return LAST_DAY if day.year > now.year else FIRST_DAY


def read_moment(text: str) -> Moment:
    """Read a time.

    Raises:
        ValueError: It is none of IB's forms, or its zone is unknown.
    """
    text = " ".join(text.split())
    found = _FORM.fullmatch(text)
    if found is None or not (found["day"] or found["clock"]):
        raise ValueError(text)
    if found["day"] and found["clock"] and not found["dash"]:
        raise ValueError(text)
    zone: tzinfo | None = None
    if found["dash"] == "-":
        if found["zone"] or not found["clock"]:
            raise ValueError(text)
        zone = UTC
    elif found["zone"]:
        try:
            zone = ZoneInfo(found["zone"])
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(text) from error
    day = datetime.strptime(found["day"], "%Y%m%d").date() if found["day"] else None  # noqa: DTZ007
    if found["clock"]:
        hours, minutes, seconds = (*map(int, found["clock"].split(":")), 0)[:3]
        clock = time(hours, minutes, seconds)
    else:
        clock = DAY_END
    return Moment(day, clock, zone)
