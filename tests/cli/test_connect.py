"""What commands share: patience, and the inbox between the loop thread and the main thread."""

from __future__ import annotations

import threading

import pytest

from twsloop.cli.connect import Inbox, Patience
from twsloop.clock import ManualClock
from twsloop.errors import ConnectionLost


def test_patience_runs_out() -> None:
    clock = ManualClock()
    patience = Patience(2, clock)
    clock.advance(1.5)
    assert (patience.spent, patience.left) == (1.5, 0.5)
    clock.advance(5)
    assert patience.left == 0


def test_patience_for_ever() -> None:
    clock = ManualClock()
    patience = Patience(None, clock)
    clock.advance(1e9)
    assert patience.left == float("inf")
    assert patience.spent == 1e9


def test_items_come_in_order_and_from_any_thread() -> None:
    inbox: Inbox[int] = Inbox()

    def fill() -> None:
        for n in range(100):
            inbox.put(n)

    thread = threading.Thread(target=fill)
    thread.start()
    thread.join()
    patience = Patience(None)
    assert [inbox.get(patience) for _ in range(60)] == list(range(60))
    assert list(inbox.drain()) == list(range(60, 100))


def test_nothing_for_a_moment_is_none() -> None:
    inbox: Inbox[int] = Inbox()
    assert inbox.get(Patience(0, ManualClock())) is None


def test_an_error_is_raised_in_its_turn() -> None:
    inbox: Inbox[int] = Inbox()
    inbox.put(1)
    inbox.fail(ConnectionLost("over"))
    patience = Patience(None)
    assert inbox.get(patience) == 1
    with pytest.raises(ConnectionLost):
        inbox.get(patience)
    inbox.fail(ConnectionLost("over"))
    with pytest.raises(ConnectionLost):
        list(inbox.drain())


def test_a_full_inbox_lets_the_giver_wait_and_loses_nothing() -> None:
    inbox: Inbox[int] = Inbox(limit=10)

    def fill() -> None:
        for n in range(1000):
            inbox.put(n)

    thread = threading.Thread(target=fill)
    thread.start()
    patience = Patience(None)
    seen: list[int] = []
    while len(seen) < 1000:
        item = inbox.get(patience)
        if item is not None:
            seen.append(item)
    thread.join(5)
    assert seen == list(range(1000))


def test_nobody_waits_for_a_closed_inbox() -> None:
    inbox: Inbox[int] = Inbox(limit=2)

    def fill() -> None:
        for n in range(10):
            inbox.put(n)

    thread = threading.Thread(target=fill)
    thread.start()
    thread.join(0.1)
    assert thread.is_alive()
    inbox.close()
    thread.join(5)
    assert not thread.is_alive()
    assert list(inbox.drain()) == [0, 1]
