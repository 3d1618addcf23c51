"""The gateway's answers about itself as rows (pure)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Any

import attrs

from twsloop.wire.values import text_or_none

__all__ = [
    "ClockReading",
    "GroupView",
    "LogLevel",
    "SoftDollarTier",
    "UserInfo",
    "group_text",
    "read_clock",
    "read_group",
    "read_groups",
    "read_tiers",
]

#: What a display group shows that shows nothing.
_NOTHING = "none"


class LogLevel(IntEnum):
    """How much the gateway writes into its log about API clients."""

    SYSTEM = 1
    ERROR = 2
    WARNING = 3
    INFORMATION = 4
    DETAIL = 5


@attrs.frozen
class ClockReading:
    """The gateway's clock beside ours.

    Attributes:
        server: What the gateway's clock showed, UTC.
        local: What ours showed half way between question and answer, UTC.
        round_trip: Seconds from question to answer.
        resolution: The unit of the gateway's clock as it told it, seconds.
    """

    server: datetime
    local: datetime
    round_trip: float
    resolution: float

    @property
    def skew(self) -> float:
        """Seconds by which the gateway's clock is ahead of ours; see `uncertainty`."""
        return (self.server - self.local).total_seconds()

    @property
    def uncertainty(self) -> float:
        """By how many seconds `skew` may be wrong either way."""
        return (self.round_trip + self.resolution) / 2


@attrs.frozen
class UserInfo:
    """About the login.

    Attributes:
        white_branding_id: The brand that it was opened with; None for IB's own.
    """

    white_branding_id: str | None


@attrs.frozen
class SoftDollarTier:
    """A tier of soft dollars that an order may name.

    Attributes:
        name: Its name.
        value: IB's value of it.
        display_name: What people call it.
    """

    name: str
    value: str
    display_name: str


@attrs.frozen
class GroupView:
    """What a display group of TWS shows.

    Attributes:
        con_id: The contract's id; None for nothing, and for a combination.
        exchange: The exchange; empty where IB names none.
        raw: IB's text.
    """

    con_id: int | None
    exchange: str
    raw: str

    @property
    def empty(self) -> bool:
        """Whether it shows nothing."""
        return self.raw.strip().lower() in {"", _NOTHING}


def read_clock(number: int, *, millis: bool, asked: datetime, answered: datetime) -> ClockReading:
    """The gateway's clock beside ours.

    Args:
        number: The gateway's time since 1970: in seconds, or in milliseconds.
        millis: Whether it is in milliseconds.
        asked: When the question left, UTC.
        answered: When the answer came, UTC.
    """
    resolution = 0.001 if millis else 1.0
    whole, rest = divmod(number, 1000) if millis else (number, 0)
    # A clock that tells whole units is, on average, half a unit further than it says.
    told = datetime.fromtimestamp(whole, asked.tzinfo) + timedelta(milliseconds=rest)
    trip = answered - asked
    return ClockReading(
        server=told + timedelta(seconds=resolution / 2),
        local=asked + trip / 2,
        round_trip=trip.total_seconds(),
        resolution=resolution,
    )


def read_tiers(rows: Iterable[Any]) -> list[SoftDollarTier]:
    """The tiers of IB's list."""
    return [SoftDollarTier(row.name, row.val, row.displayName) for row in rows]


def read_user(white_branding_id: str) -> UserInfo:
    """The login as IB says it."""
    return UserInfo(text_or_none(white_branding_id))


def read_groups(text: str) -> tuple[int, ...]:
    """The numbers of the display groups (``1|2|7``), the most used first."""
    return tuple(
        int(part) for part in text.split("|") if part.strip().isascii() and part.strip().isdecimal()
    )


def read_group(text: str) -> GroupView:
    """What a group shows: ``none``, ``265598@SMART``, or IB's word for a combination."""
    con_id, _, exchange = text.strip().partition("@")
    known = con_id.isascii() and con_id.isdecimal()
    return GroupView(int(con_id) if known else None, exchange if known else "", text)


def group_text(con_id: int | None, exchange: str = "") -> str:
    """What IB is told that a group shall show.

    Raises:
        ValueError: An id that is none.
    """
    if con_id is None:
        return _NOTHING
    if con_id <= 0:
        msg = f"{con_id} is no contract id: a display group shows a contract by its id"
        raise ValueError(msg)
    return f"{con_id}@{exchange}" if exchange else str(con_id)
