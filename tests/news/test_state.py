"""News as rows: headlines, articles, bulletins, and the pages of a span."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twsloop.news.state import (
    SEEN_KEPT,
    Article,
    BulletinBoard,
    BulletinKind,
    Headline,
    MoreHeadlines,
    NewsPages,
    Seen,
    read_bulletin,
    read_headline,
    split_headline,
)

START = datetime(2026, 1, 5, 14, tzinfo=UTC)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("Plain words", ("Plain words", False, ())),
        ("{A:800015:L:en}Words", ("Words", False, (("A", "800015"), ("L", "en")))),
        (
            "{A:1,2:L:en:K:n/a:C:0.97}!Words: more {of} them",
            (
                "Words: more {of} them",
                True,
                (("A", "1,2"), ("L", "en"), ("K", "n/a"), ("C", "0.97")),
            ),
        ),
        # No marks: left as they stand.
        ("{A:1:L}Words", ("{A:1:L}Words", False, ())),
        ("{NYSE: IBM} falls", ("{NYSE: IBM} falls", False, ())),
        ("{A:1:Lang:en}Words", ("{A:1:Lang:en}Words", False, ())),
        ("", ("", False, ())),
    ],
)
def test_marks_are_taken_off_a_headline(
    raw: str, expected: tuple[str, bool, tuple[tuple[str, str], ...]]
) -> None:
    assert split_headline(raw) == expected


@given(st.text(max_size=60))
def test_no_text_of_a_headline_is_lost(raw: str) -> None:
    text, important, marks = split_headline(raw)
    head = "{" + ":".join(f"{k}:{v}" for k, v in marks) + "}" if marks else ""
    rebuilt = head + ("!" if important else "") + text
    assert "".join(rebuilt.split()) == "".join(raw.split())


@pytest.mark.parametrize(
    "time", ["2026-01-05 14:00:00.0", 1767621600, 1767621600000, "20260105-14:00:00"]
)
def test_every_form_of_a_headlines_time_is_utc(time: str | int) -> None:
    one = read_headline(time, "BRFG", "BRFG$1", "{L:en:C:n/a}Words")
    assert one.time == START
    assert one.time.tzinfo is UTC
    assert (one.mark("L"), one.mark("C"), one.mark("K")) == ("en", None, None)


def test_a_time_that_cannot_be_placed_is_none() -> None:
    assert read_headline("some day", "BRFG", "", "Words").time is None


def test_an_article_can_be_a_file() -> None:
    file = b"%PDF-1.7"
    article = Article.read("BRFG", "1", (1, base64.b64encode(file).decode()))
    assert (article.binary, article.content) == (True, file)
    assert Article.read("BRFG", "1", (0, "Wörter")).content == "Wörter".encode()
    with pytest.raises(ValueError, match="no base64"):
        _ = Article.read("BRFG", "1", (1, "no!")).content


def test_bulletins_are_kept_once_and_unknown_kinds_too() -> None:
    board = BulletinBoard()
    first = read_bulletin(1, 2, "closed", "NYSE")
    assert first.kind is BulletinKind.VENUE_CLOSED
    assert board.post(first)
    assert not board.post(read_bulletin(1, 2, "closed", "NYSE"))
    odd = read_bulletin(2, 9, "new", "")
    assert (odd.kind, odd.kind.name) == (9, "KIND_9")
    assert board.post(odd)
    assert (len(board), board.all()) == (2, [first, odd])


def test_a_headline_is_new_once_and_after_very_many_others_again() -> None:
    seen = Seen()
    first = Headline(START, "BRFG", "BRFG$1", "words")
    assert seen.is_new(first)
    assert not seen.is_new(first)
    assert seen.is_new(Headline(START, "DJNL", "BRFG$1", "words"))
    without_article = Headline(START, "BRFG", "", "words", raw="words")
    assert seen.is_new(without_article)
    assert not seen.is_new(without_article)
    for number in range(SEEN_KEPT):
        seen.is_new(Headline(START, "BRFG", f"other{number}", "words"))
    assert seen.is_new(first)


# ---- pages --------------------------------------------------------------------------------


def answer(
    told: list[Headline], until: datetime | None, wanted: int, *, inclusive: bool
) -> list[Headline | MoreHeadlines]:
    """What IB would answer: the latest of the span, and whether there are more."""
    span = [
        one
        for one in told
        if until is None
        or one.time is None
        or (one.time <= until if inclusive else one.time < until)
    ]
    return [*span[:wanted], MoreHeadlines(len(span) > wanted)]


@given(
    gaps=st.lists(st.integers(0, 3), max_size=40),
    limit=st.none() | st.integers(1, 50),
    inclusive=st.booleans(),
)
def test_the_pages_of_a_span_hold_each_headline_once(
    gaps: list[int], limit: int | None, inclusive: bool
) -> None:
    # At most three in one second, and seven an answer, so that a page always goes on.
    told: list[Headline] = []
    time, here = START, 0
    for number, gap in enumerate(gaps):
        here = here + 1 if gap == 0 and here < 3 else 1
        time -= timedelta(seconds=gap if here == 1 and gap else int(here == 1))
        told.append(Headline(time, "BRFG", f"BRFG${number}", "words"))
    pages = NewsPages(limit, most=7)
    asked = 0
    while not pages.complete:
        asked += 1
        assert asked < 100
        pages.take(answer(told, pages.until, pages.wanted, inclusive=inclusive))
    assert pages.headlines == told[:limit]


def test_a_second_with_more_than_an_answer_holds_does_not_stop_the_rest() -> None:
    crowd = [Headline(START, "BRFG", f"BRFG${n}", "words") for n in range(5)]
    later = Headline(START - timedelta(minutes=1), "BRFG", "BRFG$9", "words")
    pages = NewsPages(None, most=3)
    for _ in range(20):
        if pages.complete:
            break
        pages.take(answer([*crowd, later], pages.until, pages.wanted, inclusive=True))
    assert pages.complete
    assert pages.headlines == [*crowd[:3], later]
