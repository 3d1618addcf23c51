"""The calendar: IB's windows on IB's clocks, over each change of summer time."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twsloop.session.calendar import Calendar, Region, Restart

NEW_YORK = ZoneInfo("America/New_York")
START = datetime(2020, 1, 1, tzinfo=UTC)
ANY_TIME = st.integers(0, 15 * 365 * 86400).map(lambda s: START + timedelta(seconds=s))


def at(text: str, zone: str = "America/New_York") -> datetime:
    """A wall time of a place."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


@pytest.mark.parametrize(
    ("region", "inside", "outside", "zone"),
    [
        ("america", ["2026-11-18 00:15", "2026-11-18 01:44"], ["2026-11-18 01:45"], None),
        ("america", ["2026-07-15 00:15"], ["2026-07-15 00:14"], None),
        ("america", ["2026-11-22 00:30"], [], None),
        ("europe", ["2026-11-18 06:25", "2026-07-15 07:44"], ["2026-07-15 07:45"], "Europe/Zurich"),
        (
            "asia",
            ["2026-11-18 04:45", "2026-11-18 06:04", "2026-11-18 20:15", "2026-11-18 21:14"],
            ["2026-11-18 06:05", "2026-11-18 21:15", "2026-11-18 04:44"],
            "Asia/Hong_Kong",
        ),
    ],
)
def test_ibs_daily_resets(
    region: Region, inside: list[str], outside: list[str], zone: str | None
) -> None:
    calendar = Calendar(region)
    for text in inside:
        window = calendar.window(at(text, zone or "America/New_York"))
        assert window is not None, text
        assert window.kind == "reset"
        assert region in window.name.lower()
    for text in outside:
        assert calendar.window(at(text, zone or "America/New_York")) is None, text


@pytest.mark.parametrize("region", ["america", "europe", "asia"])
def test_the_weekend_is_everywhere_and_ends_the_latest(region: Region) -> None:
    calendar = Calendar(region)
    assert calendar.window(at("2026-11-20 22:59")) is None
    for text in ("2026-11-20 23:00", "2026-11-21 02:59"):
        window = calendar.window(at(text))
        assert window is not None
        assert (window.kind, window.until) == ("weekend", at("2026-11-21 03:00").astimezone(UTC))
    assert calendar.window(at("2026-11-21 03:00")) is None
    assert Calendar("none").window(at("2026-11-21 01:00")) is None


def test_a_restart_is_at_the_same_wall_time_before_and_after_the_clocks_change() -> None:
    calendar = Calendar("none", Restart(time(23, 45), NEW_YORK))
    for day, utc in (("2026-10-31", "03:45"), ("2026-11-01", "04:45")):
        window = calendar.window(at(f"{day} 23:44"))
        assert window is not None
        assert window.since == at(f"{day} 23:44").astimezone(UTC)
        assert window.until - window.since == timedelta(minutes=6)
        assert f"{window.since + timedelta(minutes=1):%H:%M}" == utc
        assert window.refuses_orders
        assert "restart, until" in str(window)
        assert calendar.window(at(f"{day} 23:43")) is None


def test_a_restart_at_a_time_that_is_skipped_or_comes_twice() -> None:
    skipped = Calendar("none", Restart(time(2, 30), NEW_YORK, timedelta()))
    assert skipped.window(datetime(2026, 3, 8, 7, 29, tzinfo=UTC)) is None
    window = skipped.window(datetime(2026, 3, 8, 7, 30, tzinfo=UTC))  # 03:30, an hour later
    assert window is not None
    twice = Calendar("none", Restart(time(1, 30), NEW_YORK, timedelta()))
    first, second = (datetime(2026, 11, 1, hour, 30, tzinfo=UTC) for hour in (5, 6))
    assert twice.window(first) is not None
    assert twice.window(second) is None, "it restarts once"


@pytest.mark.parametrize(
    ("refuses", "reset", "restart"),
    [("none", False, False), ("restart", False, True), ("resets", True, True)],
)
def test_which_windows_refuse_orders(refuses: str, reset: bool, restart: bool) -> None:
    calendar = Calendar("america", Restart(time(23, 45), NEW_YORK), refuses)  # type: ignore[arg-type]
    in_reset, in_restart = (
        calendar.window(at("2026-11-18 00:20")),
        calendar.window(at("2026-11-18 23:46")),
    )
    assert in_reset is not None
    assert in_restart is not None
    assert (in_reset.refuses_orders, in_restart.refuses_orders) == (reset, restart)


def test_a_window_that_refuses_goes_before_one_that_lasts_longer() -> None:
    calendar = Calendar("america", Restart(time(23, 45), NEW_YORK))
    window = calendar.window(at("2026-11-20 23:46"))  # a Friday: the weekend's reset is on, too
    assert window is not None
    assert window.kind == "restart"
    after = calendar.window(at("2026-11-20 23:51"))
    assert after is not None
    assert after.kind == "weekend"


def test_the_next_window() -> None:
    calendar = Calendar("america")
    coming = calendar.next_window(at("2026-11-18 12:00"))
    assert coming is not None
    assert coming.since == at("2026-11-19 00:15").astimezone(UTC)
    saturday = calendar.next_window(at("2026-11-21 03:00"))
    assert saturday is not None
    assert saturday.since == at("2026-11-22 00:15").astimezone(UTC)
    assert Calendar("none").next_window(at("2026-11-18 12:00")) is None


@pytest.mark.parametrize(
    ("since", "now", "ended"),
    [
        ("2026-11-21 23:45", "2026-11-22 00:59", None),
        ("2026-11-21 23:45", "2026-11-22 01:00", "2026-11-22 01:00"),
        ("2026-11-20 23:45", "2026-11-25 12:00", "2026-11-22 01:00"),
        ("2026-11-22 01:00", "2026-11-25 12:00", None),
        ("2026-11-01 00:30", "2026-11-01 02:00", "2026-11-01 01:00"),
        ("2026-11-14 00:30", "2026-11-22 00:30", "2026-11-15 01:00"),
    ],
)
def test_the_weekly_login(since: str, now: str, ended: str | None) -> None:
    expected = None if ended is None else at(ended).astimezone(UTC)
    assert Calendar.login_ended(at(since), at(now)) == expected


@given(
    ANY_TIME,
    st.sampled_from(["america", "europe", "asia"]),
    st.times(),
    st.sampled_from(["America/New_York", "Europe/Zurich", "Australia/Lord_Howe", "UTC"]),
)
def test_a_window_covers_the_time_it_was_asked_for_and_the_next_one_does_not(
    now: datetime, region: Region, restart: time, zone: str
) -> None:
    calendar = Calendar(region, Restart(restart, ZoneInfo(zone)))
    window, coming = calendar.window(now), calendar.next_window(now)
    if window is not None:
        assert window.since <= now < window.until
        last = window.until - timedelta(microseconds=1)
        found = calendar.window(last)
        assert found is not None, "a window lasts until its end"
    assert coming is not None
    assert now < coming.since <= now + timedelta(days=8)
    assert calendar.window(coming.since) is not None
    for at_utc in (now.astimezone(ZoneInfo("Asia/Tokyo")), now):
        assert calendar.window(at_utc) == window, "the zone of the question changes nothing"
