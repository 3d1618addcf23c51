"""The callbacks that feeds hear, and those that nobody needs any more."""

from __future__ import annotations

from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from twsloop.connection.feed import StreamPlan
from twsloop.connection.listening import Listening

NAMES = ("tickPrice", "tickSize", "error")


class Heard:
    """Which callbacks its slice hears, as a connection keeps it."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def add_slice(self, _listener: object, names: tuple[str, ...]) -> None:
        self.names.extend(names)

    def remove_slice(self, _listener: object, names: tuple[str, ...]) -> None:
        for name in names:
            self.names.remove(name)


class Open:
    """A feed, as far as its callbacks go."""

    def __init__(self, listener: object, *callbacks: str) -> None:
        self.plan = StreamPlan(
            request="it",
            send=lambda _req_id: None,
            cancel=None,
            listener=listener,
            callbacks=callbacks,
        )


@given(
    st.lists(st.sets(st.sampled_from(NAMES), min_size=1), min_size=1, max_size=5),
    st.lists(st.tuples(st.integers(0, 4), st.booleans()), max_size=30),
)
def test_what_any_feed_needs_is_heard_once_and_nothing_else(
    needs: list[set[str]], steps: list[tuple[int, bool]]
) -> None:
    heard, listener = Heard(), object()
    listening = Listening(cast("Any", heard))
    feeds = [Open(listener, *sorted(names)) for names in needs]
    opened: set[int] = set()
    for number, begin in steps:
        place = number % len(feeds)
        feed = cast("Any", feeds[place])
        if begin:
            listening.begin(feed)
            opened.add(place)
        else:
            listening.end(feed)
            opened.discard(place)
        assert sorted(heard.names) == sorted({name for one in opened for name in needs[one]})
