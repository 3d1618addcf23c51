"""Spans of time against a set of seconds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twsloop.history.spans import Span, Spans, moment

spans = st.tuples(st.integers(0, 60), st.integers(1, 20)).map(lambda p: Span(p[0], p[0] + p[1]))
many = st.lists(spans, max_size=8)


def seconds(some: Spans | list[Span]) -> set[int]:
    return {second for span in some for second in range(span.start, span.end)}


@given(many)
def test_they_hold_the_seconds_they_were_given_and_are_in_order(given_spans: list[Span]) -> None:
    held = Spans(given_spans)
    assert seconds(held) == seconds(given_spans)
    assert held.seconds == len(seconds(held))
    for before, after in zip(list(held), list(held)[1:], strict=False):
        assert before.end < after.start  # neighbours were joined
    assert all((second in held) == (second in seconds(held)) for second in range(90))


@given(many, many)
def test_add_and_without(one: list[Span], other: list[Span]) -> None:
    assert seconds(Spans(one).add(other)) == seconds(one) | seconds(other)
    assert seconds(Spans(one).without(other)) == seconds(one) - seconds(other)
    assert Spans(one).add(other) == Spans(other).add(one)


@given(many, spans)
def test_within(some: list[Span], window: Span) -> None:
    assert seconds(Spans(some).within(window)) == seconds(some) & seconds([window])


@given(many, spans)
def test_what_is_missing_and_what_is_there_make_the_whole(some: list[Span], window: Span) -> None:
    missing = Spans([window]).without(some)
    assert Spans(some).within(window).add(missing) == Spans([window])
    assert missing.seconds + Spans(some).within(window).seconds == window.seconds


@pytest.mark.parametrize("end", [5, 4])
def test_a_span_has_a_second_in_it(end: int) -> None:
    with pytest.raises(ValueError, match="ends after it starts"):
        Span(5, end)


def test_a_span_tells_itself_in_utc() -> None:
    assert str(Span(0, 86_400)) == "1970-01-01 00:00:00 to 1970-01-02 00:00:00 UTC"
    assert moment(0).tzinfo is not None
