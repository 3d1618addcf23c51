"""What a gateway 10.40 takes, what it refuses, and in which words."""

from __future__ import annotations

import contextlib
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ibapi.protobuf.HistoricalDataRequest_pb2 import HistoricalDataRequest

from twsloop.paper.history.bars import BAR_SIZES, LEGAL_SIZES, Show
from twsloop.paper.history.query import (
    Duration,
    Refusal,
    parse_bar_query,
    parse_duration,
    parse_moment,
    parse_period,
    too_fine,
)

NOW = datetime(2026, 1, 5, 16, 0, tzinfo=UTC)


def moment(text: str) -> Any:
    return parse_moment(text, "US/Eastern", NOW, "End Date/Time")


def request(**fields: Any) -> HistoricalDataRequest:
    usual = {
        "reqId": 1,
        "duration": "1 D",
        "barSizeSetting": "1 min",
        "whatToShow": "TRADES",
        "formatDate": 1,
        "useRTH": True,
    }
    return HistoricalDataRequest(**{**usual, **fields})


def refusal(**fields: Any) -> tuple[int, str]:
    with pytest.raises(Refusal) as caught:
        parse_bar_query(request(**fields), "US/Eastern", NOW)
    return caught.value.code, caught.value.cause


# ---- times ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected", "implied"),
    [
        ("20230101 10:00:00 US/Eastern", datetime(2023, 1, 1, 15, tzinfo=UTC), False),
        ("20230701 10:00:00 America/New_York", datetime(2023, 7, 1, 14, tzinfo=UTC), False),
        ("20230101-10:00:00", datetime(2023, 1, 1, 10, tzinfo=UTC), False),
        ("20230101-10:00:00Z", datetime(2023, 1, 1, 10, tzinfo=UTC), False),
        ("20230101 10:00:00", datetime(2023, 1, 1, 15, tzinfo=UTC), True),
        ("20230101 10:00:00 GMT", datetime(2023, 1, 1, 10, tzinfo=UTC), False),
        ("20230101 10:00:00 EST", datetime(2023, 1, 1, 15, tzinfo=UTC), False),
        ("20230101  10:00:00  UTC", datetime(2023, 1, 1, 10, tzinfo=UTC), False),
        ("10:00:00 UTC", datetime(2026, 1, 5, 10, tzinfo=UTC), False),
        ("9:05:07", datetime(2026, 1, 5, 14, 5, 7, tzinfo=UTC), True),
    ],
)
def test_times_are_read(text: str, expected: datetime, implied: bool) -> None:
    found = moment(text)
    assert (found.second, found.implied) == (int(expected.timestamp()), implied)


@pytest.mark.parametrize("text", ["", "  "])
def test_no_time_is_now(text: str) -> None:
    assert moment(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "foo",
        "20230101",
        "2023-01-01 10:00:00",
        "20231301 10:00:00",
        "20230231 10:00:00",
        "20230101 25:00:00",
        "20230101 10:00",
        "20230101 10:00:00 Mars/Olympus",
        "20230101 10:00:00 ../../etc/passwd",
        "19770101 10:00:00",
        "20230101 10:00:00 10:00:00",
        "20230101 10:00:00 US/\0",
    ],
)
def test_other_times_are_refused(text: str) -> None:
    with pytest.raises(Refusal) as caught:
        moment(text)
    assert caught.value.code == 10314
    assert caught.value.cause.startswith("End Date/Time: The date, time, or time-zone entered is")
    assert "\nE.g.: 20031126 15:59:00 US/Eastern\n\nNote" in caught.value.cause


@given(
    st.integers(315_532_800, 4_102_444_800),  # 1980 to 2100
    st.sampled_from(["US/Eastern", "UTC", "Asia/Tokyo", "Europe/London"]),
)
def test_a_time_and_its_zone_survive(second: int, zone: str) -> None:
    at = datetime.fromtimestamp(second, ZoneInfo(zone))
    if not at.fold:  # the second time that a clock shows an hour cannot be written
        assert moment(f"{at:%Y%m%d %H:%M:%S} {zone}").second == second
    assert moment(f"{at.astimezone(UTC):%Y%m%d-%H:%M:%S}").second == second


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    for parse in (moment, parse_duration, parse_period):
        with contextlib.suppress(Refusal):
            parse(text)


# ---- durations --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30 S", Duration(30, "S")),
        ("3600", Duration(3600, "S")),
        ("86400 s", Duration(86400, "S")),
        ("365 D", Duration(365, "D")),
        ("1 d", Duration(1, "D")),
        ("52 W", Duration(52, "W")),
        ("12 m", Duration(12, "M")),
        ("68 Y", Duration(68, "Y")),
    ],
)
def test_durations_are_read(text: str, expected: Duration) -> None:
    assert parse_duration(text) == expected


FORMAT = (
    "When specifying a unit, historical data request duration format is "
    "integer{SPACE}unit (S|D|W|M|Y)."
)
INVALID = "Historical data requested duration is invalid."


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("", "Historical data request duration not specified."),
        ("1D", FORMAT),
        ("1  D", FORMAT),
        ("1 day", FORMAT),
        ("-1 D", FORMAT),
        ("1.5 D", FORMAT),
        ("0 D", INVALID),
        ("29 S", INVALID),
        ("29", INVALID),
        ("69 Y", INVALID),
        ("99999999999999999999 D", INVALID),
        ("86401 S", "Historical data request for greater than 86400 seconds rejected."),
        (
            "366 D",
            "Historical data requests for durations longer than 365 days must be made in years.",
        ),
        (
            "53 W",
            "Historical data request for durations longer than 52 weeks must be made in years.",
        ),
        (
            "13 M",
            "Historical data request for durations longer than 12 months must be made in years.",
        ),
    ],
)
def test_other_durations_are_refused(text: str, cause: str) -> None:
    with pytest.raises(Refusal) as caught:
        parse_duration(text)
    assert (caught.value.code, caught.value.cause) == (321, cause)


@pytest.mark.parametrize(
    ("duration", "end", "start"),
    [
        (Duration(1, "W"), date(2026, 1, 5), date(2025, 12, 29)),
        (Duration(1, "M"), date(2026, 3, 31), date(2026, 2, 28)),
        (Duration(12, "M"), date(2024, 2, 29), date(2023, 2, 28)),
        (Duration(20, "Y"), date(2026, 1, 5), date(2006, 1, 5)),
        (Duration(3, "D"), date(2026, 1, 5), date(2026, 1, 2)),
    ],
)
def test_durations_reach_back_by_the_calendar(duration: Duration, end: date, start: date) -> None:
    assert duration.start_day(end) == start


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3 days", Duration(3, "D")),
        ("1 week", Duration(1, "W")),
        ("2 months", Duration(2, "M")),
        ("1 Y", Duration(1, "Y")),
        ("90 secs", Duration(90, "S")),
    ],
)
def test_periods_are_read(text: str, expected: Duration) -> None:
    assert parse_period(text) == expected


@pytest.mark.parametrize(
    "text", ["", "days", "0 days", "x days", "3 fortnights", "3", "9999 years"]
)
def test_other_periods_are_refused(text: str) -> None:
    with pytest.raises(Refusal, match="period is invalid"):
        parse_period(text)


# ---- requests ---------------------------------------------------------------------------------


def test_a_request_is_read() -> None:
    query = parse_bar_query(
        request(
            endDateTime="20260102-17:00:00",
            barSizeSetting="1 HOUR",
            duration="2 w",
            whatToShow="bid_ask",
            formatDate=2,
            useRTH=False,
        ),
        "US/Eastern",
        NOW,
    )
    assert query.end is not None
    assert query.end.second == int(datetime(2026, 1, 2, 17, tzinfo=UTC).timestamp())
    assert (query.size.seconds, query.show, query.duration) == (
        3600,
        Show.BID_ASK,
        Duration(2, "W"),
    )
    assert (query.format_date, query.regular, query.live) == (2, False, False)


@pytest.mark.parametrize("text", sorted(BAR_SIZES))
def test_all_sizes_are_taken_in_any_case(text: str) -> None:
    for spelling in (text, text.upper(), text.title()):
        query = parse_bar_query(request(barSizeSetting=spelling), "US/Eastern", NOW)
        assert query.size == BAR_SIZES[text]


@pytest.mark.parametrize("text", ["1 sec", "1 mins", "1 hours", "7 mins", "1 hr", "", "1  min"])
def test_other_sizes_are_refused(text: str) -> None:
    code, cause = refusal(barSizeSetting=text)
    assert code == 321
    assert cause == f"Historical data bar size setting is invalid. Legal ones are: {LEGAL_SIZES}"


@pytest.mark.parametrize(
    ("fields", "cause"),
    [
        ({"whatToShow": ""}, "What to show value of  rejected."),
        ({"whatToShow": "LAST"}, "What to show value of LAST rejected."),
        ({"formatDate": 7}, "Date formatting selection of 7 rejected."),
        ({"formatDate": 0}, "Date formatting selection of 0 rejected."),
        (
            {"whatToShow": "ADJUSTED_LAST", "endDateTime": "20260102-10:00:00"},
            "End date not supported with adjusted last",
        ),
        (
            {"whatToShow": "ADJUSTED_LAST", "barSizeSetting": "1 week"},
            "Multi day bar size not supported with adjusted last",
        ),
        (
            {"keepUpToDate": True, "endDateTime": "20260102-10:00:00"},
            "End date not supported with live updates",
        ),
        (
            {"keepUpToDate": True, "whatToShow": "BID_ASK"},
            "Source price not supported with live updates",
        ),
        (
            {"keepUpToDate": True, "contract": {"secType": "BAG"}},
            "Live updates for combos are not supported",
        ),
        ({"whatToShow": "SCHEDULE"}, "Only daily resolution supported for Schedule requests"),
    ],
)
def test_requests_that_cannot_be_right(fields: dict[str, Any], cause: str) -> None:
    assert refusal(**fields) == (321, cause)


def test_the_first_fault_is_told() -> None:
    every = {
        "endDateTime": "foo",
        "duration": "",
        "barSizeSetting": "",
        "whatToShow": "",
        "formatDate": 9,
    }
    assert refusal(**every)[0] == 10314
    del every["endDateTime"]
    assert "duration" in refusal(**every)[1]
    del every["duration"]
    assert "bar size" in refusal(**every)[1]
    del every["barSizeSetting"]
    assert "What to show" in refusal(**every)[1]


@pytest.mark.parametrize(
    ("duration", "size", "fine"),
    [
        ("2000 S", "1 secs", False),
        ("2001 S", "1 secs", True),
        ("1 D", "1 secs", True),
        ("1 D", "5 secs", False),
        ("1 W", "5 secs", True),
        ("1 M", "10 secs", True),
        ("1 M", "30 secs", False),
        ("1 Y", "30 secs", True),
        ("1 Y", "1 min", False),
        ("20 Y", "1 day", False),
        ("60 S", "1 day", False),
    ],
)
def test_bars_can_be_too_fine_for_a_duration(duration: str, size: str, fine: bool) -> None:
    query = parse_bar_query(request(duration=duration, barSizeSetting=size), "US/Eastern", NOW)
    assert too_fine(query) is fine
