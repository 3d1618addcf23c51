"""Why a session is away is told once, and then only the waits."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from twsloop.cli.session_words import SessionWords

REFUSED = "127.0.0.1:4002: connection refused: nothing listens there"


def outage(attempts: int) -> list[tuple[str, str]]:
    """The changes while nobody listens."""
    changes = [
        ("DISCONNECTED", "the gateway closed the link"),
        ("WAITING", "the gateway closed the link; next attempt in 0.1 s"),
    ]
    for number in range(1, attempts + 1):
        changes += [
            ("CONNECTING", f"connecting to 127.0.0.1:4002, attempt {number}"),
            ("DISCONNECTED", REFUSED),
            ("WAITING", f"{REFUSED}; next attempt in {number}.0 s; it is IB's reset"),
        ]
    return changes


def test_an_outage() -> None:
    words = SessionWords()
    said = [line for change in outage(3) if (line := words.of(*change)) is not None]
    assert said == [
        "session DISCONNECTED: the gateway closed the link",
        "session WAITING: next attempt in 0.1 s",
        "session CONNECTING: connecting to 127.0.0.1:4002, attempt 1",
        f"session DISCONNECTED: {REFUSED}",
        "session WAITING: next attempt in 1.0 s; it is IB's reset",
        "session WAITING: next attempt in 2.0 s; it is IB's reset",
        "session WAITING: next attempt in 3.0 s; it is IB's reset",
    ]


def test_the_next_outage_is_told_anew() -> None:
    words = SessionWords()
    first = [words.of(*change) for change in outage(2)]
    assert words.of("READY", "all is fetched") == "session READY: all is fetched"
    assert [words.of(*change) for change in outage(2)] == first


def test_a_wait_whose_reason_is_new_says_it() -> None:
    words = SessionWords()
    words.of("DISCONNECTED", REFUSED)
    hangs = f"the gateway hangs ({REFUSED}); next attempt in 60.0 s"
    assert words.of("WAITING", hangs) == f"session WAITING: {hangs}"


@given(st.integers(0, 20))
def test_no_wait_is_left_away_and_no_reason_comes_twice(attempts: int) -> None:
    words = SessionWords()
    said = [line for change in outage(attempts) if (line := words.of(*change)) is not None]
    assert sum("next attempt in" in line for line in said) == attempts + 1
    assert sum(REFUSED in line for line in said) == (attempts > 0)
