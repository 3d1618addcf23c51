"""The end-of-day routine: when it runs, and what it may do."""

from __future__ import annotations

from datetime import time
from typing import ClassVar, Literal
from zoneinfo import ZoneInfo

import attrs

from twsloop.config.options import Section, option
from twsloop.config.wall_time import read_wall_time
from twsloop.errors import ConfigError

__all__ = ["EndOfDayParams"]

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@attrs.frozen
class EndOfDayParams(Section):
    """The end-of-day routine; unless told otherwise it cancels and closes nothing."""

    section: ClassVar[str] = "end_of_day"

    at: str | None = option(
        None,
        "str",
        "When it runs by itself each day, with the zone of that clock: 15:55 America/New_York.",
        unset="only when it is called",
    )
    days: tuple[str, ...] = option(
        ("mon", "tue", "wed", "thu", "fri"), "list", "On which days of the week it runs by itself."
    )
    hold: bool = option(
        True,
        "bool",
        "Refuse new orders from then on, until midnight of that zone (New York's without a time). "
        "Orders that close a position for the routine itself may leave.",
    )
    wait: float = option(
        0.0,
        "float",
        "How long orders that are working may go on before anything is cancelled.",
        unit="seconds",
        low=0,
        high=86400,
    )
    cancel: Literal["none", "entries", "all"] = option(
        "none",
        "str",
        "What is cancelled of our own orders: entries leaves what protects a position, all leaves "
        "nothing, none cancels nothing.",
        choices=("none", "entries", "all"),
    )
    flatten: bool = option(
        False,
        "bool",
        "Close all positions of all accounts at the market. Closing orders of ours that work for "
        "them are cancelled first.",
    )
    exempt: tuple[str, ...] | None = option(
        None,
        "list",
        "Kinds of contracts (IB's secType, as CASH) that are not closed, and need no stop.",
        unset="none",
    )
    timeout: float = option(
        30.0,
        "float",
        "How long a cancelled order, or a closing one, is waited for.",
        unit="seconds",
        low=0.1,
        high=3600,
    )
    backup: bool = option(True, "bool", "Make a copy of the order journal at the end.")

    def __attrs_post_init__(self) -> None:
        """Refuse a time, a zone or a day that does not exist."""
        self.runs_at()
        wrong = [day for day in self.days if day.lower() not in _DAYS]
        if wrong:
            raise ConfigError(
                f"{wrong[0]!r} is no day of the week",
                section=self.section,
                key="days",
                value=", ".join(self.days),
                allowed=", ".join(_DAYS),
            )

    def runs_at(self) -> tuple[time, ZoneInfo] | None:
        """The wall time it runs at, and its zone; None if it does not run by itself."""
        if self.at is None:
            return None
        return read_wall_time(self.at, section=self.section, key="at")

    def weekdays(self) -> frozenset[int]:
        """The days it runs on; 0 is Monday."""
        return frozenset(_DAYS.index(day.lower()) for day in self.days)
