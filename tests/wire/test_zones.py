"""Which place a zone's name means."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twsloop.wire.zones import _ZONES, find_zone

WINTER, SUMMER = datetime(2026, 1, 15, 12), datetime(2026, 7, 15, 12)  # noqa: DTZ001


@pytest.mark.parametrize(
    ("name", "winter", "summer"),
    [
        ("US/Eastern", -5, -4),
        ("US/Central", -6, -5),
        ("America/New_York", -5, -4),
        ("UTC", 0, 0),
        ("Z", 0, 0),
        ("EST", -5, -4),  # IB's old name of New York; the tz database has no summer time there
        ("EST5EDT", -5, -4),
        ("CST", -6, -5),
        ("MET", 1, 2),
        ("JST", 9, 9),
        ("SGT", 8, 8),
        ("IST", 5.5, 5.5),
        ("British Summer Time", 0, 1),
        ("Greenwich Mean Time", 0, 0),
        ("GMT Standard Time", 0, 1),
        ("China Standard Time", 8, 8),
        ("Central Standard Time", -6, -5),  # seen in July
        ("Central European Standard Time", 1, 2),
        ("central  european summer time", 1, 2),
        ("Romance Standard Time", 1, 2),
    ],
)
def test_a_name_means_a_place(name: str, winter: float, summer: float) -> None:
    zone = find_zone(name)
    assert zone is not None
    assert WINTER.replace(tzinfo=zone).utcoffset() == timedelta(hours=winter)
    assert SUMMER.replace(tzinfo=zone).utcoffset() == timedelta(hours=summer)


def test_every_name_of_the_table_is_a_zone() -> None:
    assert [name for name in _ZONES if find_zone(name) is None] == []


@pytest.mark.parametrize(
    "name",
    ["", "  ", "Middle Earth Time", "Arabian Standard Time", "../../etc/passwd", "/etc/localtime"],
)
def test_other_names_mean_none(name: str) -> None:
    assert find_zone(name) is None


@given(st.text(max_size=40))
def test_no_name_breaks_it(name: str) -> None:
    find_zone(name)
    find_zone(f"America/{name}")
