"""A time of each day in an INI file: ``15:55 America/New_York``."""

from __future__ import annotations

import re
from datetime import time
from zoneinfo import ZoneInfo

from twsloop.errors import ConfigError

__all__ = ["read_wall_time"]

_WALL_TIME = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9]) +(\S+)", re.ASCII)


def read_wall_time(text: str, *, section: str, key: str) -> tuple[time, ZoneInfo]:
    """The wall time and its zone.

    Raises:
        ConfigError: That is no time of a day, or there is no such zone.
    """

    def refused(problem: str, allowed: str) -> ConfigError:
        return ConfigError(problem, section=section, key=key, value=text, allowed=allowed)

    found = _WALL_TIME.fullmatch(text.strip())
    if found is None:
        raise refused(
            "that is no time of a day and a time zone",
            "for example 23:45 America/New_York, or empty",
        )
    try:
        zone = ZoneInfo(found[3])
    except (KeyError, ValueError, OSError):
        raise refused(
            f"there is no time zone {found[3]!r}",
            "a name of the tz database, as America/New_York",
        ) from None
    return time(int(found[1]), int(found[2])), zone
