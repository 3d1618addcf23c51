"""When a contract trades: IB's strings of hours as sessions, tz-aware.

Pure. ``tradingHours`` and ``liquidHours`` of the details list the days to come, about a week of
them, in the zone that ``timeZoneId`` names::

    20260928:0400-20260928:2000;20260929:0400-20260929:2000;20261003:CLOSED
    20260927:1700-20260928:1600;...         a session that begins the evening before
    20260928:0930-20260928:1130,20260928:1300-20260928:1500   a break at noon
    20180323:0930-1130,1300-1600;20180324:CLOSED     before TWS 970: the day stands there once

What lies outside of the days listed is not known, and None: neither open nor closed. Of an hour
that comes twice when summer ends, a session begins in the first and ends in the second.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

import attrs

from twsloop.errors import ContractError
from twsloop.wire.showing import short_row
from twsloop.wire.times import find_zone

__all__ = ["Session", "TradingHours", "hours_of", "read_hours"]

_SESSION = re.compile(r"(\d{8}):(\d{4})-(?:(\d{8}):)?(\d{4})", re.ASCII)
_HOURS_ALONE = re.compile(r"\d{4}-\d{4}", re.ASCII)
_CLOSED = re.compile(r"(\d{8}):CLOSED", re.ASCII | re.IGNORECASE)
_MIDNIGHT = "2400"
_DAY = timedelta(days=1)


@attrs.frozen(order=True)
class Session:
    """A time in which a contract trades without a break.

    Attributes:
        start: Its first moment, UTC.
        end: Its end, UTC; no part of it.
        day: The trading day it belongs to: the day on which it ends, where it trades.
    """

    start: datetime
    end: datetime
    day: date

    __repr__ = short_row

    def __contains__(self, at: object) -> bool:
        return isinstance(at, datetime) and self.start <= at < self.end

    @property
    def length(self) -> timedelta:
        """How long it is."""
        return self.end - self.start


@attrs.frozen
class TradingHours:
    """The sessions of the days that IB told of.

    Attributes:
        zone: The time zone of the exchange.
        sessions: In their order, none in another.
        known_from: From when on it is known whether it trades, UTC (the first day's midnight, or
            the evening before where it opens then); None if nothing was told.
        known_until: Until when, UTC; None if nothing was told.
    """

    zone: ZoneInfo
    sessions: tuple[Session, ...]
    known_from: datetime | None
    known_until: datetime | None

    __repr__ = short_row

    def __iter__(self) -> Iterator[Session]:
        return iter(self.sessions)

    def __len__(self) -> int:
        return len(self.sessions)

    def knows(self, at: datetime) -> bool:
        """Whether a moment is within the days that were told.

        Raises:
            ContractError: It has no time zone.
        """
        _require_zone(at)
        if self.known_from is None or self.known_until is None:
            return False
        return self.known_from <= at < self.known_until

    def session_at(self, at: datetime) -> Session | None:
        """The session that a moment lies in; None if there is none, or none is known.

        Raises:
            ContractError: It has no time zone.
        """
        _require_zone(at)
        return next((one for one in self.sessions if at in one), None)

    def is_open(self, at: datetime) -> bool | None:
        """Whether it trades at a moment; None if that is not known.

        Raises:
            ContractError: It has no time zone.
        """
        return self.session_at(at) is not None if self.knows(at) else None

    def next_open(self, after: datetime) -> datetime | None:
        """When the next session begins, UTC; None if none is known.

        A session that goes on is no next one.

        Raises:
            ContractError: The moment has no time zone.
        """
        _require_zone(after)
        return next((one.start for one in self._joined() if one.start > after), None)

    def next_close(self, after: datetime) -> datetime | None:
        """When the session under way ends, or else the next one, UTC; None if none is known.

        Raises:
            ContractError: The moment has no time zone.
        """
        _require_zone(after)
        return next((one.end for one in self._joined() if one.end > after), None)

    def of_day(self, day: date) -> tuple[Session, ...]:
        """The sessions of one trading day."""
        return tuple(one for one in self.sessions if one.day == day)

    def _joined(self) -> list[Session]:
        """The sessions, with those that follow each other without a break as one."""
        joined: list[Session] = []
        for one in self.sessions:
            if joined and joined[-1].end == one.start:
                joined[-1] = attrs.evolve(one, start=joined[-1].start)
            else:
                joined.append(one)
        return joined


def read_hours(text: str, zone: ZoneInfo) -> TradingHours:
    """Read one of IB's strings of hours.

    Args:
        text: ``tradingHours`` or ``liquidHours`` of the details; empty where nothing is known.
        zone: What ``timeZoneId`` names.

    Raises:
        ContractError: A part of it that cannot be read.
    """
    sessions: list[Session] = []
    edges: list[datetime] = []
    for part in _parts(text):
        closed = _CLOSED.fullmatch(part)
        try:
            if closed is not None:
                day = _day(closed[1])
                edges += [_place(day, zone, 0), _place(day + _DAY, zone, 1)]
                continue
            session = _session(part, zone)
        except (ValueError, OverflowError):
            msg = f"trading hours {part!r} cannot be read: they are no session of IB's form"
            raise ContractError(msg) from None
        # What trades on a day is told with it, also what begins the evening before.
        edges += [session.start, session.end, _place(session.day, zone, 0)]
        sessions.append(session)
    return TradingHours(zone, _apart(sessions), min(edges, default=None), max(edges, default=None))


def hours_of(details: Any, kind: Literal["trading", "liquid"] = "trading") -> TradingHours:
    """The hours of a contract.

    Args:
        details: IB's ContractDetails.
        kind: ``trading`` for all hours, ``liquid`` for the regular session.

    Raises:
        ContractError: Its time zone is unknown, or its hours cannot be read.
    """
    # Older programs told a short name and what it means: "EST (Eastern Standard Time)".
    name = details.timeZoneId.partition(" (")[0]
    zone = find_zone(name) if name.strip() else None
    if zone is None:
        msg = (
            f"{details.contract.localSymbol or details.contract.symbol}: its time zone "
            f"{details.timeZoneId!r} is unknown, so its hours cannot be placed; read tradingHours "
            "of its details"
        )
        raise ContractError(msg)
    return read_hours(details.tradingHours if kind == "trading" else details.liquidHours, zone)


def _parts(text: str) -> Iterator[str]:
    """The sessions as texts, each with its day."""
    for days in text.split(";"):
        day = days.strip().partition(":")[0]
        for part in filter(None, (one.strip() for one in days.split(","))):
            yield f"{day}:{part}" if _HOURS_ALONE.fullmatch(part) else part


def _session(text: str, zone: ZoneInfo) -> Session:
    found = _SESSION.fullmatch(text)
    if found is None:
        raise ValueError(text)
    first = _day(found[1])
    start = _place_text(first, found[2], zone, 0)
    last = first if found[3] is None else _day(found[3])
    end = _place_text(last, found[4], zone, 1)
    if found[3] is None and end <= start:  # the day stands there once: it ends in the night
        last += _DAY
        end = _place_text(last, found[4], zone, 1)
    if end <= start:
        raise ValueError(text)
    # The day of what ends at midnight is the one that ends then.
    day = (end - timedelta(microseconds=1)).astimezone(zone).date()
    return Session(start, end, day)


def _apart(sessions: list[Session]) -> tuple[Session, ...]:
    """The sessions in their order; two that overlap, or are told twice, are one."""
    apart: list[Session] = []
    for one in sorted(sessions):
        if apart and one.start < apart[-1].end:
            if one.end > apart[-1].end:
                apart[-1] = attrs.evolve(apart[-1], end=one.end, day=one.day)
        else:
            apart.append(one)
    return tuple(apart)


def _day(text: str) -> date:
    return date(int(text[:4]), int(text[4:6]), int(text[6:]))


def _place_text(day: date, clock: str, zone: ZoneInfo, fold: int) -> datetime:
    if clock == _MIDNIGHT:
        return _place(day + _DAY, zone, fold)
    return _place(day, zone, fold, time(int(clock[:2]), int(clock[2:])))


def _place(day: date, zone: ZoneInfo, fold: int, clock: time = time(0)) -> datetime:
    """A moment of a clock there, UTC; of an hour that comes twice, the one that ``fold`` says."""
    return datetime.combine(day, clock, zone).replace(fold=fold).astimezone(UTC)


def _require_zone(at: datetime) -> None:
    if at.tzinfo is None or at.utcoffset() is None:
        msg = f"{at.isoformat()} has no time zone: write datetime(..., tzinfo=UTC)"
        raise ContractError(msg)
