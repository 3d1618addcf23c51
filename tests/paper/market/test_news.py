"""Headlines: made up, the same at each asking, and found again by their ids."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import islice

import pytest

from twsloop.paper.catalogue.instruments import Catalogue
from twsloop.paper.market.news import (
    MARK,
    PROVIDERS,
    NewsRoom,
    provider_codes,
    read_time,
)

CATALOGUE = Catalogue.standard(date(2026, 1, 5))
APPLE = next(one for one in CATALOGUE if one.con_id == 265598)
assert APPLE is not None
NOW = datetime(2026, 1, 5, 14, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-05 14:30:00.0", NOW),
        ("2026-01-05 14:30:00", NOW),
        ("20260105 14:30:00 UTC", NOW),
        ("20260105-14:30:00", NOW),
        ("20260105 09:30:00 US/Eastern", NOW),
        ("20260105 14:30", NOW),
        ("20260105", datetime(2026, 1, 5, 23, 59, 59, tzinfo=UTC)),
        ("  ", None),
    ],
)
def test_times_of_requests(text: str, expected: datetime | None) -> None:
    assert read_time(text) == expected


@pytest.mark.parametrize(
    "text", ["yesterday", "20261305", "20260105 25:00:00", "20260105 14:30:00 Mars/Base", "0"]
)
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_time(text)


def test_provider_codes() -> None:
    assert provider_codes("BRFG+DJNL+BRFG") == ["BRFG", "DJNL"]
    for wrong in ("", "BRFG+", "CNN"):
        with pytest.raises(ValueError, match=r"^(CNN)?$"):
            provider_codes(wrong)


def test_headlines_are_the_same_whenever_asked_for_and_go_back_a_year() -> None:
    room = NewsRoom(1)
    all_of_them = list(room.latest(APPLE, PROVIDERS, NOW))
    assert 300 < len(all_of_them) < 1500
    times = [one.time for one in all_of_them]
    assert times == sorted(times, reverse=True)
    assert times[0] <= NOW
    assert times[-1] > NOW - timedelta(days=365)
    assert len({one.article for one in all_of_them}) == len(all_of_them)
    assert all(one.text.startswith(MARK) and "APPLE" in one.text for one in all_of_them)
    earlier = NOW - timedelta(days=30)
    again = list(NewsRoom(1).latest(APPLE, PROVIDERS, NOW, earlier))
    assert again == [one for one in all_of_them if one.time > earlier]
    assert list(NewsRoom(2).latest(APPLE, PROVIDERS, NOW)) != all_of_them
    assert {one.provider for one in room.latest(APPLE, ["DJNL"], NOW)} == {"DJNL"}


def test_every_article_is_found_by_its_id() -> None:
    room = NewsRoom(1)
    for one in islice(room.latest(APPLE, PROVIDERS, NOW), 50):
        assert NewsRoom(1).article(one.provider, one.article, CATALOGUE.by_con_id) == one
        assert one.text in one.body
        assert "made up" in one.body


@pytest.mark.parametrize(
    ("provider", "article"),
    [
        ("BRFG", "DJNL$00040d7eb5b211"),
        ("BRFG", "BRFG$00000001b5b211"),
        ("BRFG", "BRFG$00040d7e000000"),
        ("BRFG", "BRFG$00040d7efffff0"),
        ("BRFG", "BRFG"),
        ("", ""),
        ("CNN", "CNN$00040d7eb5b211"),
        ("PAPER", "PAPER$a00040d7e0"),
    ],
)
def test_no_article_of_other_ids(provider: str, article: str) -> None:
    assert NewsRoom(1).article(provider, article, CATALOGUE.by_con_id) is None


def test_the_next_headline_is_the_first_after() -> None:
    room = NewsRoom(1)
    following = room.next_after(APPLE, PROVIDERS, NOW)
    assert following is not None
    later = list(room.latest(APPLE, PROVIDERS, NOW + timedelta(days=8), NOW))
    assert following in later
    assert following.time == later[-1].time


def test_added_headlines_are_among_the_others() -> None:
    room = NewsRoom(1)
    one = room.add(APPLE.con_id, NOW, "Halted", "The share is halted.")
    assert next(room.latest(APPLE, ["PAPER"], NOW)) == one
    assert one not in list(room.latest(APPLE, ["BRFG"], NOW))
    assert room.article("PAPER", one.article, CATALOGUE.by_con_id) == one
    assert room.article("BRFG", one.article, CATALOGUE.by_con_id) is None


def test_no_news_before_there_was_a_gateway() -> None:
    assert list(NewsRoom(1).latest(APPLE, PROVIDERS, datetime(1, 1, 2, tzinfo=UTC))) == []
