"""What the checks find: all that is wrong, and nothing else."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twsloop.history.checks import (
    Finding,
    FindingKind,
    check_bars,
    check_sessions,
    compare,
)
from twsloop.history.rows import Bar, Session
from twsloop.history.words import Show, bar_size_of

MINUTE, HOUR, DAY = bar_size_of("1 min"), bar_size_of("1 hour"), bar_size_of("1 day")
FOREVER = datetime(2100, 1, 1, tzinfo=UTC)


def at(*parts: int) -> datetime:
    return datetime(2026, *parts, tzinfo=UTC)  # type: ignore[arg-type,misc]


def bar(time: datetime, **fields: Any) -> Bar:
    values = {name: Decimal(100) for name in ("open", "high", "low", "close")}
    return Bar(time, **{**values, "volume": Decimal(5), **fields})


def session(day: int, first: tuple[int, int], last: tuple[int, int]) -> Session:
    return Session(date(2026, 1, day), at(1, day, *first), at(1, day, *last))


def minutes(one: Session) -> list[Bar]:
    count = (one.end - one.start) // timedelta(minutes=1)
    return [bar(one.start + timedelta(minutes=n)) for n in range(count)]


def kinds(findings: list[Finding]) -> list[str]:
    return [finding.kind.value for finding in findings]


SESSIONS = [session(5, (14, 30), (15, 10)), session(6, (14, 30), (15, 0))]
WHOLE = [one for each in SESSIONS for one in minutes(each)]


def test_a_whole_history_has_no_findings() -> None:
    assert check_sessions(WHOLE, MINUTE, SESSIONS, FOREVER) == []
    assert check_bars(WHOLE, MINUTE, Show.TRADES) == []
    assert check_sessions([], MINUTE, [], FOREVER) == []


@given(st.sets(st.integers(0, len(WHOLE) - 1)))
def test_every_missing_bar_is_counted_once(missing: set[int]) -> None:
    left = [one for place, one in enumerate(WHOLE) if place not in missing]
    found = check_sessions(left, MINUTE, SESSIONS, FOREVER)
    assert set(kinds(found)) <= {"missing"}
    assert sum(finding.count for finding in found) == len(missing)
    gone = [WHOLE[place].time for place in missing]
    assert all(any(one.start <= time < one.end for one in found) for time in gone)


@given(st.sets(st.integers(-600, 2400)))
def test_every_bar_outside_of_the_sessions_is_found(places: set[int]) -> None:
    bars = [bar(at(1, 5, 14, 30) + timedelta(minutes=n)) for n in sorted(places)]
    outside = [
        one.time for one in bars if not any(each.start <= one.time < each.end for each in SESSIONS)
    ]
    found = check_sessions(bars, MINUTE, SESSIONS, FOREVER)
    assert [one.start for one in found if one.kind is FindingKind.OUTSIDE] == outside
    missing = sum(one.count for one in found if one.kind is FindingKind.MISSING)
    assert missing == len(WHOLE) - (len(bars) - len(outside))


def test_bars_by_the_clock_of_a_session_that_is_not() -> None:
    regular = [session(5, (14, 30), (21, 0))]
    hours = [bar(at(1, 5, 14, 30)), *(bar(at(1, 5, hour)) for hour in range(15, 21))]
    assert check_sessions(hours, HOUR, regular, FOREVER) == []
    (hole,) = check_sessions([*hours[:2], *hours[3:]], HOUR, regular, FOREVER)
    assert (hole.count, hole.end) == (1, at(1, 5, 17))
    begun_before = [bar(at(1, 5, 14)), *hours[1:]]
    assert check_sessions(begun_before, HOUR, regular, FOREVER) == []


def test_the_bar_under_way_is_not_missed() -> None:
    so_far = WHOLE[:10]
    assert check_sessions(so_far, MINUTE, SESSIONS[:1], at(1, 5, 14, 40, 59)) == []
    (hole,) = check_sessions(so_far, MINUTE, SESSIONS[:1], at(1, 5, 14, 42, 30))
    assert hole.count == 2
    assert str(hole) == (
        "2026-01-05 14:40:00 UTC: 2 bars of 1 min missing until 2026-01-05 14:42:00"
    )


def test_days() -> None:
    days = [bar(at(1, day), day=date(2026, 1, day)) for day in (5, 7)]
    found = check_sessions(days, DAY, SESSIONS, FOREVER)
    assert [(one.kind.value, one.start) for one in found] == [
        ("missing", SESSIONS[1].start),
        ("outside", at(1, 7)),
    ]
    assert kinds(check_sessions(days, DAY, SESSIONS, at(1, 6, 14, 59))) == ["outside"]


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"high": Decimal(99)}, "high 99 is below 100"),
        ({"low": Decimal(101), "high": Decimal(101)}, "low 101 is above 100"),
        ({"volume": Decimal(-1)}, "volume -1 is negative"),
        ({"average": Decimal(102)}, "average 102 is outside 100..100"),
    ],
)
def test_bars_that_cannot_be(fields: dict[str, Any], text: str) -> None:
    (found,) = check_bars([bar(at(1, 5), **fields)], MINUTE, Show.TRADES)
    assert found.kind is FindingKind.IMPOSSIBLE
    assert text in found.text


@pytest.mark.parametrize(
    "fields",
    [
        {"average": Decimal("100.01")},  # rounded
        {"average": Decimal(0), "volume": Decimal(0)},  # without a trade
        {name: Decimal(-3) for name in ("open", "high", "low", "close")},  # crude oil was there
    ],
)
def test_bars_that_can_be(fields: dict[str, Any]) -> None:
    assert check_bars([bar(at(1, 5), **fields)], MINUTE, Show.TRADES) == []


def test_bid_and_offer() -> None:
    crossed = bar(at(1, 5), open=Decimal(101), high=Decimal(101), volume=None)
    assert kinds(check_bars([crossed], MINUTE, Show.BID_ASK)) == ["impossible"]
    assert check_bars([crossed], MINUTE, Show.MIDPOINT) == []


def test_order() -> None:
    later, earlier = bar(at(1, 6)), bar(at(1, 5))
    found = check_bars([later, later, earlier], MINUTE, Show.TRADES)
    assert kinds(found) == ["double", "disorder"]
    assert found[1].text == "bar of 1 min: it came after 2026-01-06 00:00:00"


def test_what_is_told_differently_now() -> None:
    kept = [bar(at(1, 5)), bar(at(1, 6))]
    told = [attrs.evolve(kept[0], close=Decimal(50), low=Decimal(50)), kept[1], bar(at(1, 7))]
    (found,) = compare(kept, told, MINUTE)
    assert (found.kind, found.start) == (FindingKind.RESTATED, at(1, 5))
    assert found.text == "bar of 1 min: kept as 100/100/100/100, now 100/100/50/50"
