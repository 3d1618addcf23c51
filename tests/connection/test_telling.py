"""What the log says of a session that is lost, and of the attempts to make it again."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twsloop.clock import ManualClock
from twsloop.connection.telling import AGAIN, KEPT, SessionLog
from twsloop.session.state import State
from twsloop.session.status import SessionStatus

NOW = datetime(2026, 11, 20, 15, tzinfo=UTC)
REFUSED = "127.0.0.1:4002: connection refused: nothing listens there. Start TWS"


class Book(logging.Handler):
    """A session's log, and what stands in it."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[tuple[str, str]] = []
        self.clock = ManualClock()
        logger = logging.Logger("book", logging.DEBUG)  # noqa: LOG001  (nobody else's)
        logger.addHandler(self)
        self.log = SessionLog(logger, self.clock)
        self.number = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append((record.levelname, record.getMessage().removeprefix("session ")))

    def tell(self, state: State, reason: str, level: int = logging.INFO, **about: Any) -> None:
        status = SessionStatus(state=state, reason=reason, since=NOW, epoch=1, attempt=self.number)
        status = attrs.evolve(status, **about)
        self.log.tell(status, level)

    def lose(self, reason: str = "the gateway closed the link", wait: str = "0.1") -> None:
        self.number = 0
        self.tell(State.DISCONNECTED, reason, logging.WARNING)
        self.number = 1
        self.tell(State.WAITING, f"{reason}; next attempt in {wait} s")

    def attempt(self, reason: str = REFUSED, wait: float = 0.8, **about: Any) -> None:
        self.tell(State.CONNECTING, f"connecting to 127.0.0.1:4002, attempt {self.number}")
        self.tell(State.DISCONNECTED, reason)
        self.number += 1
        self.tell(State.WAITING, f"{reason}; next attempt in {wait} s", **about)
        self.clock.advance(wait)

    def back(self) -> None:
        self.number = 0
        self.tell(State.READY, "everything may be asked", logging.WARNING)

    @property
    def seen(self) -> list[tuple[str, str]]:
        """What a log at level info shows."""
        return [line for line in self.lines if line[0] != "DEBUG"]


def test_the_first_refusal_is_told_whole_and_the_others_in_one_line_a_minute() -> None:
    book = Book()
    book.lose()
    for _ in range(125):
        book.attempt(wait=1.0)
    assert book.seen == [
        ("WARNING", "DISCONNECTED: the gateway closed the link"),
        ("INFO", "WAITING: next attempt in 0.1 s"),
        ("INFO", "CONNECTING: connecting to 127.0.0.1:4002, attempt 1"),
        ("INFO", f"DISCONNECTED: {REFUSED}"),
        ("INFO", "WAITING: next attempt in 1.0 s"),
        ("INFO", f"WAITING: no session for 60 s, 61 attempts: {REFUSED}; next attempt in 1.0 s"),
        ("INFO", f"WAITING: no session for 120 s, 121 attempts: {REFUSED}; next attempt in 1.0 s"),
    ]
    assert len(book.lines) == 2 + 3 * 125, "nothing is lost at level debug"


def test_another_reason_is_told_whole_and_an_outage_after_this_one_too() -> None:
    book = Book()
    book.lose()
    for reason in ("refused", "refused", "timed out", "refused", "timed out"):
        book.attempt(reason)
    told = [text for _, text in book.seen if text.startswith("DISCONNECTED")]
    assert told[1:] == ["DISCONNECTED: refused", "DISCONNECTED: timed out"]
    book.back()
    book.lose()
    book.attempt("refused")
    assert book.seen[-5:] == [
        ("WARNING", "DISCONNECTED: the gateway closed the link"),
        ("INFO", "WAITING: next attempt in 0.1 s"),
        ("INFO", "CONNECTING: connecting to 127.0.0.1:4002, attempt 1"),
        ("INFO", "DISCONNECTED: refused"),
        ("INFO", "WAITING: next attempt in 0.8 s"),
    ]


@pytest.mark.parametrize("number", [0, 7])
def test_what_ends_it_is_told_though_it_was_the_reason_before(number: int) -> None:
    book = Book()
    book.lose()
    for _ in range(number):
        book.attempt()
    book.number = 0
    book.tell(State.DISCONNECTED, REFUSED)
    assert book.seen[-1] == ("INFO", f"DISCONNECTED: {REFUSED}")


def test_a_taken_id_and_a_wedge_are_told_in_their_own_words() -> None:
    book = Book()
    book.lose()
    for _ in range(3):
        book.attempt("taken", 5.0, id_taken=True)
    for _ in range(3):
        book.attempt("mute", 120.0, wedged=True)
    told = [line for line in book.seen if line[1].startswith("WAITING")]
    assert told == [
        ("INFO", "WAITING: next attempt in 0.1 s"),
        ("WARNING", "WAITING: taken; next attempt in 5.0 s"),
        ("INFO", "WAITING: mute; next attempt in 120.0 s"),
        ("INFO", "WAITING: no session for 135 s, 5 attempts: mute; next attempt in 120.0 s"),
        ("INFO", "WAITING: no session for 255 s, 6 attempts: mute; next attempt in 120.0 s"),
    ]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from([0.1, 0.8, 5.0, 90.0]))))
def test_whatever_goes_wrong_each_reason_is_told_once_and_silence_ends(
    failures: list[tuple[str, float]],
) -> None:
    book = Book()
    book.lose()
    for reason, wait in failures:
        before = book.clock.monotonic(), len(book.seen)
        book.attempt(reason, wait)
        quiet = before[0] - book.log._newest
        assert quiet < AGAIN or len(book.seen) > before[1]
    told = [text for _, text in book.seen if text.startswith("DISCONNECTED")][1:]
    assert told == [f"DISCONNECTED: {reason}" for reason in dict.fromkeys(r for r, _ in failures)]


def test_reasons_that_are_all_different_are_told_and_do_not_pile_up() -> None:
    book = Book()
    book.lose()
    for number in range(3 * KEPT):
        book.attempt(f"no answer from {number}")
    assert len([1 for _, text in book.seen if text.startswith("DISCONNECTED")]) == 1 + 3 * KEPT
    assert len(book.log._said) <= KEPT
