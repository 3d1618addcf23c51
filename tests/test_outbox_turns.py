"""The Outbox: what is cancelled before it left, what waits for a turn of its own, and why."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.test_transport import Desk
from twsloop.errors import SendQueueFull
from twsloop.session.pacing import Wait
from twsloop.transport import Fate, Lane, Outgoing
from twsloop.transport.outbox import MANY_CANCELS

HISTORICAL, CANCEL_HISTORICAL = 20, 25
QUOTES, CANCEL_QUOTES = 1, 2


class Gate:
    """A turn that comes at a time, and says so."""

    def __init__(self, opens: float) -> None:
        self.opens = opens
        self.left: list[float] = []

    def wait(self, now: float) -> Wait | None:
        return Wait(self.opens - now, "the gate is shut") if now < self.opens else None

    def leave(self, now: float) -> None:
        self.left.append(now)


def message(
    desk: Desk,
    number: int,
    req_id: int,
    turn: Gate | None = None,
    *,
    lane: Lane = Lane.HISTORY,
    label: str = "",
) -> Outgoing:
    name = {HISTORICAL: "history", QUOTES: "quotes"}.get(number, "cancel")
    data = f"LEN:{label or name} {req_id} ".encode()
    return Outgoing(
        data, lane, number=number, turn=turn, cancels=number in {CANCEL_HISTORICAL, CANCEL_QUOTES},
        on_fate=lambda fate: desk.fates.append((data[4:].strip(), fate)),
    )  # fmt: skip


def put(desk: Desk, *args: object, **how: object) -> Outgoing:
    one = message(desk, *args, **how)  # type: ignore[arg-type]
    desk.outbox.put(one)
    return one


def left(desk: Desk) -> str:
    return desk.stream.decode().replace("LEN:", "").strip()


# ---- a cancel of what waits --------------------------------------------------------------------


def test_a_request_and_its_cancel_that_nothing_holds_up_both_leave() -> None:
    """As with IB's client: what was not looked at yet does not wait for anything."""
    desk = Desk()
    put(desk, HISTORICAL, 5)
    put(desk, CANCEL_HISTORICAL, 5)
    desk.outbox.drain()
    assert left(desk) == "history 5 cancel 5"
    assert desk.outbox.withdrawn == 0


def test_a_cancel_takes_a_request_that_waits_out_of_the_queue_and_neither_leaves() -> None:
    desk = Desk()
    desk.outbox.pause()
    put(desk, HISTORICAL, 5)
    put(desk, HISTORICAL, 6)
    desk.outbox.drain()
    put(desk, CANCEL_HISTORICAL, 5)
    assert desk.outbox.waiting(Lane.HISTORY) == 1
    desk.outbox.resume()
    assert left(desk) == "history 6"
    assert desk.fates[:2] == [(b"history 5", Fate.NOT_SENT), (b"cancel 5", Fate.NOT_SENT)]
    assert desk.outbox.withdrawn == 1


async def test_what_the_rate_holds_up_waits_and_what_came_after_it_does_not_yet() -> None:
    desk = Desk(rate=1, limit=10)
    put(desk, HISTORICAL, 1)
    put(desk, HISTORICAL, 2)
    desk.outbox.drain()
    put(desk, HISTORICAL, 3)
    put(desk, CANCEL_HISTORICAL, 2)
    put(desk, CANCEL_HISTORICAL, 3)
    assert desk.outbox.withdrawn == 1
    desk.clock.advance(10)
    assert left(desk) == "history 1 history 3 cancel 3"


async def test_a_cancel_that_comes_to_a_request_held_by_a_rule_withdraws_it() -> None:
    """Both were put before anything was looked at; the rule is what makes the request wait."""
    desk = Desk(limit=10)
    put(desk, HISTORICAL, 1, Gate(3.0))
    put(desk, HISTORICAL, 1, label="second")
    put(desk, CANCEL_HISTORICAL, 1)
    put(desk, HISTORICAL, 2)
    desk.outbox.drain()
    assert left(desk) == "history 2"
    assert desk.outbox.waiting() == 0
    assert desk.fates == [
        (b"history 2", Fate.SENT),
        (b"history 1", Fate.NOT_SENT), (b"second 1", Fate.NOT_SENT), (b"cancel 1", Fate.NOT_SENT),
    ]  # fmt: skip
    desk.clock.advance(10)
    assert left(desk) == "history 2"
    assert desk.clock.pending() == 0


def test_the_cancel_of_an_id_that_has_left_before_leaves_as_well() -> None:
    desk = Desk()
    put(desk, QUOTES, 5, lane=Lane.REQUEST)
    desk.outbox.drain()
    desk.outbox.pause()
    put(desk, QUOTES, 5, lane=Lane.REQUEST, label="twin")
    desk.outbox.drain()
    put(desk, CANCEL_QUOTES, 5, lane=Lane.REQUEST)
    desk.outbox.resume()
    assert left(desk) == "quotes 5 cancel 5"


def test_a_cancel_of_another_kind_with_the_same_id_takes_nothing_out() -> None:
    desk = Desk()
    desk.outbox.pause()
    put(desk, HISTORICAL, 5)
    desk.outbox.drain()
    put(desk, CANCEL_QUOTES, 5, lane=Lane.REQUEST)
    desk.outbox.resume()
    assert left(desk) == "cancel 5 history 5"


def test_ten_thousand_queued_and_cancelled_leave_nothing_behind() -> None:
    desk = Desk(limit=10_000)
    desk.outbox.pause()
    for req_id in range(10_000):
        put(desk, HISTORICAL, req_id)
    desk.outbox.drain()
    for req_id in range(10_000):
        put(desk, CANCEL_HISTORICAL, req_id)
    assert desk.outbox.waiting() == 0
    assert sum(len(lane) for lane in desk.outbox._lanes._lanes) <= 1001
    desk.outbox.resume()
    assert left(desk) == ""
    assert len(desk.fates) == 20_000


def test_what_was_taken_out_does_not_fill_its_lane() -> None:
    desk = Desk(limit=2, live=True)
    desk.outbox.pause()
    for req_id in range(20):
        put(desk, HISTORICAL, req_id)
        put(desk, CANCEL_HISTORICAL, req_id)
    put(desk, HISTORICAL, 100)
    desk.outbox.resume()
    assert left(desk) == "history 100"


def test_a_global_cancel_leaves_the_questions_of_a_session_in_the_lane_of_orders() -> None:
    desk = Desk()
    put(desk, 3, 1, lane=Lane.ORDER, label="order")
    put(desk, 16, 0, lane=Lane.ORDER, label="open")
    assert desk.outbox.withdraw_orders() == 1
    assert desk.outbox.waiting() == 1
    desk.outbox.drain()
    assert left(desk) == "open 0"


# ---- turns -------------------------------------------------------------------------------------


async def test_what_waits_for_its_turn_lets_the_others_go_and_leaves_when_it_comes() -> None:
    desk = Desk(limit=10, live=True)
    gate = Gate(3.0)
    put(desk, HISTORICAL, 1, gate)
    put(desk, HISTORICAL, 2)
    assert left(desk) == "history 2"
    (row,) = desk.outbox.queued()
    assert (row.message.key, row.wait) == ((HISTORICAL, 1), Wait(3.0, "the gate is shut"))
    desk.clock.advance(2.999)
    assert left(desk) == "history 2"
    desk.clock.advance(0.001)
    assert left(desk) == "history 2 history 1"
    assert gate.left == [3.0]
    assert desk.clock.pending() == 0


async def test_the_same_id_waits_behind_one_that_waits_for_its_turn() -> None:
    desk = Desk(limit=10, live=True)
    put(desk, HISTORICAL, 1, Gate(3.0), label="first")
    put(desk, HISTORICAL, 1, label="second")
    put(desk, HISTORICAL, 2)
    assert left(desk) == "history 2"
    assert [row.wait.reason for row in desk.outbox.queued()] == [
        "the gate is shut",
        "another message of its id is before it",
    ]
    assert desk.outbox.waiting() == 2
    desk.clock.advance(3.0)
    assert left(desk) == "history 2 first 1 second 1"


async def test_one_that_waits_for_its_turn_can_be_dropped_and_its_follower_goes_on() -> None:
    desk = Desk(limit=10, live=True)
    first = put(desk, HISTORICAL, 1, Gate(3.0), label="first")
    put(desk, HISTORICAL, 1, label="second")
    assert desk.outbox.drop(first)
    assert not desk.outbox.drop(first)
    desk.outbox.drain()
    assert left(desk) == "second 1"
    assert desk.outbox.waiting() == 0


async def test_the_end_of_the_session_drops_what_waits_for_its_turn() -> None:
    desk = Desk(limit=10, live=True)
    put(desk, HISTORICAL, 1, Gate(3.0), label="first")
    put(desk, HISTORICAL, 1, label="second")
    assert len(desk.outbox.close()) == 2
    assert desk.fates == [(b"first 1", Fate.NOT_SENT), (b"second 1", Fate.NOT_SENT)]
    desk.clock.advance(10)
    assert left(desk) == ""
    assert desk.outbox.waiting() == 0


async def test_a_lane_counts_what_waits_for_its_turn() -> None:
    desk = Desk(limit=2, live=True)
    put(desk, HISTORICAL, 1, Gate(3.0))
    put(desk, HISTORICAL, 2, Gate(3.0))
    refused = message(desk, HISTORICAL, 3)
    with pytest.raises(SendQueueFull, match="2 requests wait"):
        desk.outbox.put(refused)
    assert desk.outbox.refused == 1
    put(desk, CANCEL_HISTORICAL, 1)
    assert desk.outbox.waiting() == 1


async def test_why_something_waits() -> None:
    desk = Desk(rate=10, reserve=2, limit=100, live=True)
    for req_id in range(40):
        put(desk, HISTORICAL, req_id)
    rows = desk.outbox.queued()
    assert [row.ahead for row in rows] == list(range(36))
    assert rows[0].wait.reason == "message rate: 8 a second for history"
    assert 0 < rows[0].wait.seconds < rows[35].wait.seconds < 6
    desk.outbox.complained("Max rate ... :max=10", refused=True)
    assert "too fast (100)" in desk.outbox.queued()[0].wait.reason
    desk.clock.advance(1.2)
    assert "because the gateway complained" in desk.outbox.queued()[0].wait.reason
    desk.outbox.pause()
    assert "does not read" in desk.outbox.queued()[0].wait.reason


storm = st.lists(
    st.tuples(
        st.sampled_from(["request", "history", "order", "cancel order", "withdraw", "probe"]),
        st.integers(1, 6),  # id
        st.floats(0, 2),  # opens so much later
        st.floats(0, 0.4),  # seconds until the next
    ),
    max_size=80,
)


@given(storm, st.integers(2, 12))
async def test_no_two_messages_of_one_id_change_places_and_none_is_lost(
    plan: list[tuple[str, int, float, float]], rate: int
) -> None:
    """Whatever waits for what: per id first in, first out; each leaves, or was taken out."""
    desk = Desk(rate=rate, reserve=2, limit=1000, live=True)
    put_in: list[Outgoing] = []
    for n, (what, req_id, later, pause) in enumerate(plan):
        label = f"n{n}"
        gate = Gate(desk.clock.monotonic() + later)
        if what == "request":
            put_in.append(put(desk, QUOTES, req_id, gate, lane=Lane.REQUEST, label=label))
        elif what == "history":
            put_in.append(put(desk, HISTORICAL, req_id, gate, label=label))
        elif what == "withdraw":
            put_in.append(put(desk, CANCEL_HISTORICAL, req_id, label=label))
        else:
            lane = {"order": Lane.ORDER, "cancel order": Lane.CANCEL, "probe": Lane.SESSION}[what]
            put_in.append(put(desk, 0, req_id, lane=lane, label=label))
        desk.clock.advance(pause)
    desk.clock.advance(120)
    assert desk.outbox.waiting() == 0
    assert all(one.fate is not Fate.QUEUED for one in put_in)
    sent = [one for one in put_in if one.fate is Fate.SENT]
    frames = [f"LEN:{part}".encode() for part in desk.stream.decode().split("LEN:")[1:]]
    assert sorted(frames) == sorted(one.data for one in sent), "each once"
    for key in {one.key for one in sent if one.key is not None}:
        mine = [one.data for one in sent if one.key == key]
        assert [data for data in frames if data in mine] == mine


def test_very_many_cancels_are_taken_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    desk = Desk(limit=5)
    desk.outbox.pause()
    for order_id in range(MANY_CANCELS + 5):
        put(desk, 4, order_id, lane=Lane.CANCEL)
    assert desk.outbox.waiting(Lane.CANCEL) == MANY_CANCELS + 5
    (record,) = caplog.records
    assert record.getMessage().startswith("1000 cancels wait to be sent")
    desk.outbox.close()
    desk.outbox.open(desk.written.append)
    assert not desk.outbox.warned
