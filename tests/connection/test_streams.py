"""Requests that go on: sharing, sessions that end and begin, errors, iteration."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from tests.support.asking import Wire
from tests.support.clients import PATIENCE, await_condition
from tests.support.desk import Heard
from tests.support.scripted import text_body
from twsloop.connection.streams import Feed, Stream, StreamPlan, StreamStatus
from twsloop.errors import LoopNotRunning, RequestError, RequestTimeout
from twsloop.events import GapEnded, GapStarted
from twsloop.session.state import State

REQ_PNL, CANCEL_PNL = "92", "93"


class Profit:
    """A slice in small: profit and loss of an account."""

    def __init__(self, wire: Wire) -> None:
        self.core = wire.core
        self.wire = wire
        self.refuses: Exception | None = None
        self.taken = 0

    def pnl(self, reqId: int, daily: float, unrealized: float, realized: float) -> None:
        """EWrapper's."""
        feed = self.core.streams.feed(reqId)
        if feed is not None:
            feed.put(daily)

    def admit(self, _feed: Feed[float]) -> None:
        if self.refuses is not None:
            raise self.refuses
        self.taken += 1

    def release(self, _feed: Feed[float]) -> None:
        self.taken -= 1

    def open(self, account: str = "DU1", on_update: Any = None, **more: Any) -> Stream[float]:
        core, where = self.core, more.pop("where", None)
        plan = StreamPlan(
            request=f"profit of {account}",
            send=lambda req_id: core.reqPnL(req_id, account, ""),
            cancel=core.cancelPnL,
            listener=self,
            callbacks=("pnl",),
            key=("pnl", account),
            admit=self.admit,
            release=self.release,
            **more,
        )
        return core.streams.open(plan, on_update, where)


def say(req_id: str, value: float) -> bytes:
    return text_body(94, req_id, value, 0.0, 0.0)


@pytest.fixture
def profit(wire: Wire) -> Profit:
    return Profit(wire)


def test_items_reach_callbacks_and_the_last_holder_cancels(wire: Wire, profit: Profit) -> None:
    heard, other = Heard(), Heard()
    first = profit.open(on_update=heard)
    second = profit.open(on_update=other)
    assert (first.status, first.latest, first.age) == (StreamStatus.OPENING, None, None)
    [[number, req_id, account, _model]] = wire.await_request()
    assert (number, account) == (REQ_PNL, "DU1")
    wire.reply(say(req_id, 1.5))
    assert (heard.next(), other.next()) == (1.5, 1.5)
    assert (first.status, first.stale, first.latest, first.age) == ("live", False, 1.5, 0.0)
    wire.clock.advance(3)
    assert first.age == 3
    assert first.received_time is not None
    assert (wire.clock.now() - first.received_time).total_seconds() == 3
    first.cancel()
    wire.settle()
    assert (len(wire.requests), profit.taken) == (1, 1)
    assert (first.active, first.status, first.done.result(0)) == (False, "over", 1.5)
    second.cancel()
    assert wire.await_request(2)[1] == [CANCEL_PNL, req_id]
    assert (profit.taken, len(wire.core.streams)) == (0, 0)
    second.cancel()
    wire.reply(say(req_id, 2.5))
    wire.settle()
    assert heard.rest() == []


def test_a_refusal_is_raised_where_the_call_was_made(wire: Wire, profit: Profit) -> None:
    profit.refuses = RuntimeError("no slot")
    with pytest.raises(RuntimeError, match="no slot"):
        profit.open()
    assert len(wire.core.streams) == 0
    wire.settle()
    assert wire.requests == []


def test_what_cannot_be_called_leaves_nothing_open(wire: Wire, profit: Profit) -> None:
    with pytest.raises(TypeError, match="no place to call a callback"):
        profit.open(on_update=Heard(), where="over there")
    assert (profit.taken, len(wire.core.streams)) == (0, 0)
    wire.settle()
    assert wire.requests == []


def test_an_error_of_the_gateway_ends_it_and_a_notice_does_not(wire: Wire, profit: Profit) -> None:
    said: list[Any] = []
    stream = profit.open()
    stream.on_status(lambda status, reason: said.append((status, reason)))
    req_id = wire.await_request()[0][1]
    wire.reply(text_body(4, 2, req_id, 2150, "Invalid position trade derived value", ""))
    await_condition(lambda: stream.notice is not None)
    assert stream.active
    wire.reply(text_body(4, 2, req_id, 321, "Error validating request", ""))
    assert stream.done.result(PATIENCE) is None
    assert isinstance(stream.error, RequestError)
    assert (stream.error.code, stream.error.request) == (321, "profit of DU1")
    assert (stream.status, said[-1][0], profit.taken) == ("over", "over", 0)
    wire.settle()
    assert len(wire.requests) == 1, "IB has ended it: there is nothing to cancel"


def test_no_first_item_within_its_deadline(wire: Wire, profit: Profit) -> None:
    stream = profit.open(deadline=10.0)
    req_id = wire.await_request()[0][1]
    wire.settle()
    wire.clock.advance(10)
    stream.done.result(PATIENCE)
    assert isinstance(stream.error, RequestTimeout)
    assert wire.await_request(2)[1] == [CANCEL_PNL, req_id]


def test_a_later_session_may_take_longer_than_the_first_answer(wire: Wire, profit: Profit) -> None:
    """After a reset IB has nothing to say for a while; a question does not wait for so long."""
    heard = Heard()
    stream = profit.open(deadline=10.0, on_update=heard)
    wire.reply(say(wire.await_request()[0][1], 1.0))
    heard.next()
    wire.reply(text_body(4, 2, -1, 1101, "restored, data lost", ""))
    again = wire.await_request(2)[1][1]
    plan = stream.feed.plan
    asked = wire.core.event_loop.submit(lambda: wire.core.streams.first(plan))
    wire.settle()
    wire.clock.advance(10)
    assert isinstance(asked.exception(PATIENCE), RequestTimeout)
    wire.settle()
    assert (stream.active, stream.status, len(wire.requests)) == (True, "interrupted", 2)
    wire.reply(say(again, 2.0))
    assert heard.next() == 2.0
    assert stream.status == "live"


def test_a_question_amid_a_gap_is_not_answered_with_what_was_before(
    wire: Wire, profit: Profit
) -> None:
    stream = profit.open(deadline=10.0)
    req_id = wire.await_request()[0][1]
    wire.reply(say(req_id, 1.0), text_body(4, 2, -1, 1100, "Connectivity lost", ""))
    await_condition(lambda: stream.status == "interrupted")
    plan = stream.feed.plan

    def ask() -> Any:
        asked = wire.core.event_loop.submit(lambda: wire.core.streams.first(plan))
        wire.settle()
        return asked

    late, asked = ask(), None
    assert not late.done()
    wire.clock.advance(10)
    assert isinstance(late.exception(PATIENCE), RequestTimeout)
    asked = ask()
    wire.reply(say(req_id, 2.0))
    assert asked.result(PATIENCE) == 2.0
    wire.clock.advance(20)
    wire.settle()
    assert stream.active


def test_a_new_start_has_a_new_id_and_the_same_handles(wire: Wire, profit: Profit) -> None:
    heard, gaps = Heard(), Heard()
    wire.core.on_fact(lambda fact: gaps(fact) if "Gap" in type(fact).__name__ else None)
    stream = profit.open(on_update=heard)
    first = wire.await_request()[0][1]
    wire.reply(say(first, 1.0))
    heard.next()
    wire.core.event_loop.call(stream.feed.restart, "it has to be read anew")
    assert wire.await_request(2)[1] == [CANCEL_PNL, first]
    second = wire.await_request(3)[2][1]
    assert second != first
    assert (stream.status, stream.stale) == ("interrupted", True)
    wire.reply(say(first, 9.0), say(second, 2.0))
    assert heard.next() == 2.0
    assert stream.status == "live"
    started, ended = gaps.next(), gaps.next()
    assert isinstance(started, GapStarted)
    assert isinstance(ended, GapEnded)
    assert (started.stream, started.time) == ("profit of DU1", ended.started)


def test_lost_servers_and_their_return(wire: Wire, profit: Profit) -> None:
    stream = profit.open()
    first = wire.await_request()[0][1]
    wire.reply(say(first, 1.0), text_body(4, 2, -1, 1100, "Connectivity lost", ""))
    await_condition(lambda: stream.status == "interrupted")
    wire.reply(text_body(4, 2, -1, 1102, "restored, data maintained", ""), say(first, 2.0))
    await_condition(lambda: stream.status == "live")
    wire.reply(text_body(4, 2, -1, 1101, "restored, data lost", ""))
    second = wire.await_request(2)[1][1]
    assert second != first
    assert stream.status == "interrupted"


def test_it_is_asked_for_again_in_the_next_session(wire: Wire, profit: Profit) -> None:
    heard, states = Heard(), Heard()
    wire.core.on_session(lambda state, _reason: states(state))
    stream = profit.open(on_update=heard)
    wire.reply(say(wire.await_request()[0][1], 1.0))
    heard.next()
    wire.client.stop()
    assert (stream.active, stream.status) == (True, "interrupted")
    wire.client.start()
    states.until(lambda state: state is State.READY)
    wire.reply(say(wire.await_request(2)[1][1], 2.0))
    assert heard.next() == 2.0
    assert stream.status == "live"


def test_a_latecomer_is_given_the_state_where_only_the_newest_counts(
    wire: Wire, profit: Profit
) -> None:
    first, second, third = Heard(), Heard(), Heard()
    profit.open(on_update=first, keep_latest=True)
    wire.reply(say(wire.await_request()[0][1], 1.0))
    assert first.next() == 1.0
    stream = profit.open(on_update=second, keep_latest=True)
    assert second.next() == 1.0
    stream.on_update(third)
    assert third.next() == 1.0


def test_iterating_in_a_thread_and_in_a_loop(wire: Wire, profit: Profit) -> None:
    stream = profit.open()
    req_id = wire.await_request()[0][1]
    items = stream.items(PATIENCE)

    async def gather() -> list[float]:
        return [item async for item in stream]

    result: list[float] = []
    started = threading.Event()

    def run() -> None:
        async def main() -> None:
            task = asyncio.ensure_future(gather())
            await asyncio.to_thread(await_condition, lambda: len(stream._inboxes) == 2)
            started.set()
            result.extend(await task)

        asyncio.run(main())

    thread = threading.Thread(target=run)
    thread.start()
    assert started.wait(PATIENCE)
    wire.reply(say(req_id, 1.0), say(req_id, 2.0))
    assert [next(items), next(items)] == [1.0, 2.0]
    stream.cancel()
    thread.join(PATIENCE)
    assert not thread.is_alive()
    assert result == [1.0, 2.0]


def test_the_first_iteration_begins_with_the_first_item(wire: Wire, profit: Profit) -> None:
    stream = profit.open()
    req_id = wire.await_request()[0][1]
    wire.reply(say(req_id, 1.0), say(req_id, 2.0))
    await_condition(lambda: stream.latest == 2.0)
    items = stream.items(PATIENCE)
    assert [next(items), next(items)] == [1.0, 2.0]
    later = stream.items(PATIENCE)
    wire.reply(say(req_id, 3.0))
    assert (next(later), next(items), stream.dropped) == (3.0, 3.0, 0)


def test_an_iteration_begins_with_the_state_where_only_the_newest_counts(
    wire: Wire, profit: Profit
) -> None:
    heard = Heard()
    stream = profit.open(on_update=heard, keep_latest=True)
    wire.reply(say(wire.await_request()[0][1], 1.0))
    heard.next()
    assert next(stream.items(PATIENCE)) == 1.0


def test_an_iteration_that_was_left_keeps_nothing(wire: Wire, profit: Profit) -> None:
    stream = profit.open()
    req_id = wire.await_request()[0][1]
    for number in range(20):
        wire.reply(say(req_id, float(number)))
        await_condition(lambda number=number: stream.latest == number)  # type: ignore[misc]
        assert stream.items(PATIENCE) is not None
    with pytest.raises(TimeoutError):
        next(stream.items(0))
    assert stream._open_inboxes() == []


def test_what_came_before_a_stop_is_there_for_an_iteration_after_it(
    wire: Wire, profit: Profit
) -> None:
    stream = profit.open()
    wire.reply(say(wire.await_request()[0][1], 1.0))
    await_condition(lambda: stream.latest == 1.0)
    wire.client.stop()
    wire.client.start()
    req_id = wire.await_request(2)[1][1]
    wire.reply(say(req_id, 2.0))
    items = stream.items(PATIENCE)
    assert [next(items), next(items)] == [1.0, 2.0]
    wire.reply(say(req_id, 3.0))
    assert next(items) == 3.0


def test_an_iteration_ends_with_the_loop(wire: Wire, profit: Profit) -> None:
    stream = profit.open()
    got: list[float] = []
    thread = threading.Thread(target=lambda: got.extend(stream.items()))
    thread.start()
    await_condition(lambda: not stream._early)
    wire.reply(say(wire.await_request()[0][1], 1.0))
    await_condition(lambda: stream.latest == 1.0)
    wire.client.stop()
    thread.join(PATIENCE)
    assert not thread.is_alive()
    assert (got, stream.active) == ([1.0], True)


def test_before_the_start_there_is_no_loop_to_serve_it(wire: Wire, profit: Profit) -> None:
    wire.client.stop()
    with pytest.raises(LoopNotRunning, match="profit of DU1 needs a running loop"):
        profit.open()
