"""What the settings make of the calendar, and how a wrong restart is refused."""

from __future__ import annotations

from datetime import UTC, datetime, time

import pytest

from twsloop.config import CalendarParams, Config, ConnectionParams
from twsloop.connection.windows import calendar_of
from twsloop.errors import ConfigError


def config(mode: str = "paper", **calendar: object) -> Config:
    return Config(
        connection=ConnectionParams(mode=mode),  # type: ignore[arg-type]
        calendar=CalendarParams(**calendar),  # type: ignore[arg-type]
    )


def test_a_restart_is_read_with_its_zone() -> None:
    params = CalendarParams(restart="6:05 Europe/Zurich", restart_lead=2, restart_length=3)
    found = params.restart_at()
    assert found is not None
    assert (found[0], found[1].key) == (time(6, 5), "Europe/Zurich")
    window = calendar_of(Config(calendar=params)).window(datetime(2026, 7, 1, 4, 3, tzinfo=UTC))
    assert window is not None
    assert window.refuses_orders
    assert window.until == datetime(2026, 7, 1, 4, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("25:00 America/New_York", "no time of a day"),
        ("23:60 America/New_York", "no time of a day"),
        ("23:45", "no time of a day and a time zone"),
        ("midnight UTC", "no time of a day"),
        ("23:45 America/NewYork", "no time zone 'America/NewYork'"),
        ("23:45 ../../etc/passwd", "no time zone"),
    ],
)
def test_a_restart_that_cannot_be_is_refused_by_name(text: str, words: str) -> None:
    with pytest.raises(ConfigError, match="allowed") as caught:
        CalendarParams(restart=text)
    assert words in str(caught.value)
    assert "[calendar] restart" in str(caught.value)


def test_paper_accounts_keep_the_hours_of_america_and_live_ones_their_own() -> None:
    new_york, zurich = (datetime(2026, 11, 18, 5, m, tzinfo=UTC) for m in (20, 25))
    paper, live = (calendar_of(config(mode, region="europe")) for mode in ("paper", "live"))
    assert paper.window(new_york) is not None, "00:20 in New York"
    assert live.window(new_york) is None
    window = live.window(zurich)
    assert window is not None, "06:25 in Zurich"
    assert "Europe" in window.name
    assert calendar_of(config("paper", region="none")).window(new_york) is None
