"""An order leaves when its intent is durable: reviewed, in order, and not if it was taken back."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.journals import Steps
from twsloop.clock import ManualClock
from twsloop.contracts import stock
from twsloop.events import RiskCheck, RiskVerdict
from twsloop.orders.builders import limit_order
from twsloop.orders.leaving import Departure, Guards, Leaving
from twsloop.orders.state import OrderRecord


class Room:
    """A way out, and what came of it."""

    def __init__(self, journal: Steps, **guards: Any) -> None:
        self.done: list[tuple[str, int]] = []
        self.told: list[Any] = []
        core: Any = SimpleNamespace(clock=ManualClock(), epoch=3, tell=self.told.append)
        self.heard: list[OrderRecord] = []
        self.leaving = Leaving(core, Guards(journal=journal, **guards), self.heard.append)

    def take(self, record: OrderRecord) -> OrderRecord:
        number = record.order_id
        self.leaving.take(
            Departure(
                record,
                record.order,
                lambda: self.done.append(("left", number)),
                lambda why: self.done.append((why, number)),
            )
        )
        return record


def record(order_id: int) -> OrderRecord:
    made = OrderRecord(order_id, 0, stock("AAPL"), limit_order("BUY", 100, "189.50"))
    made.token, made.tag, made.purpose = f"t{order_id}", "mean", "crossed"
    return made


def verdict(*, allowed: bool) -> RiskVerdict:
    check = RiskCheck(name="max_quantity", passed=allowed, text="100 is above 50")
    return RiskVerdict(time=ManualClock().now(), allowed=allowed, checks=(check,))


def test_nothing_leaves_before_its_intent_is_durable() -> None:
    journal = Steps(at_once=False)
    room = Room(journal)
    for number in (1, 2):
        room.take(record(number))
    assert room.done == []
    assert len(room.leaving) == 2
    journal.sync()
    assert room.done == [("left", 1), ("left", 2)]
    assert len(room.leaving) == 0


def test_the_intent_says_what_was_meant() -> None:
    journal = Steps()
    passed = verdict(allowed=True)
    room = Room(journal, review=lambda *_: passed)
    one = room.take(record(7))
    one.before_change = one.order
    room.take(one)
    first, second = journal.intents
    assert (first.order_id, first.kind, first.revision, first.epoch) == (7, "place", 0, 3)
    assert (first.token, first.tag, first.purpose, first.config) == (
        "t7",
        "mean",
        "crossed",
        "digest",
    )
    assert first.order["lmtPrice"] == 189.5
    assert first.contract["symbol"] == "AAPL"
    assert first.verdict is passed
    assert (second.kind, second.revision) == ("modify", 1)


def test_what_risk_refuses_is_not_meant() -> None:
    journal = Steps()
    refused = verdict(allowed=False)
    room = Room(journal, review=lambda *_: refused)
    room.take(record(1))
    assert room.done == [("max_quantity: 100 is above 50", 1)]
    assert room.told == [refused]
    assert [one.order_id for one in room.heard] == [1]  # the order is told of before its verdict
    assert journal.written == []


def test_a_journal_in_trouble_refuses() -> None:
    journal = Steps()
    journal.refuses = "the disk is full"
    room = Room(journal)
    room.take(record(1))
    assert room.done == [("the disk is full", 1)]


def test_an_intent_that_cannot_be_written_refuses_its_order() -> None:
    journal = Steps(at_once=False)
    room = Room(journal)
    room.take(record(1))
    journal.sync("the disk is full")
    assert room.done == [("the disk is full", 1)]


@pytest.mark.parametrize("how", ["withdraw", "forget"])
def test_what_was_taken_back_does_not_leave(how: str) -> None:
    journal = Steps(at_once=False)
    room = Room(journal)
    first, second = room.take(record(1)), room.take(record(2))
    assert room.leaving.records() == [first, second]
    if how == "withdraw":
        assert room.leaving.withdraw(first)
        assert not room.leaving.withdraw(first)
    else:
        room.leaving.forget("the session ended")
    journal.sync()
    assert room.done == ([("left", 2)] if how == "withdraw" else [])


def test_it_leaves_as_it_was_meant() -> None:
    """A change that comes while the intent is written is an intent of its own."""
    journal = Steps(at_once=False)
    room = Room(journal)
    one = room.take(record(1))
    one.order = limit_order("BUY", 100, "190.00")
    one.before_change = one.order
    room.take(one)
    assert [intent.order["lmtPrice"] for intent in journal.intents] == [189.5, 190.0]
    journal.sync()
    assert room.done == [("left", 1), ("left", 1)]


@pytest.mark.parametrize("end", ["left", "withdrawn", "forgotten"])
async def test_who_waits_for_the_last_one_goes_on_however_it_went(end: str) -> None:
    journal = Steps(at_once=False)
    room = Room(journal)
    one = room.take(record(1))
    drained = asyncio.ensure_future(room.leaving.drained())
    await asyncio.sleep(0)
    assert not drained.done()
    if end == "left":
        journal.sync()
    elif end == "withdrawn":
        room.leaving.withdraw(one)
    else:
        room.leaving.forget("the session ended")
    for _ in range(4):  # turns of the loop; no time passes
        await asyncio.sleep(0)
    assert drained.done()
