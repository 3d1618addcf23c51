"""What the gateway says of the message rate is learned, and what it refused is asked again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.asking import POSITION_END, Wire, opened, position, session, value
from tests.support.clients import PATIENCE
from tests.support.scripted import ScriptedServer, text_body
from twsloop.errors import RequestTimeout, SendQueueFull
from twsloop.session.pacing import SPAN

TOO_FAST = "Max rate of messages per second has been exceeded:max=50 rec=51 (1)"


@pytest.fixture
def wire() -> Iterator[Wire]:
    with ScriptedServer(session) as server:
        yield from opened(Wire(server))


def complain(wire: Wire, code: int = 100, text: str = TOO_FAST) -> None:
    before = len(wire.heard.of("error"))
    wire.reply(text_body(4, 2, -1, code, text, ""))
    wire.heard.wait("error", before + 1)
    wire.settle()


def test_a_request_that_may_have_been_refused_is_asked_again(wire: Wire) -> None:
    future = wire.summary(cancel=wire.core.cancelAccountSummary)
    (first,) = wire.await_request()
    complain(wire)
    assert not future.done()
    wire.clock.advance(2 * SPAN)
    cancel, again = wire.await_request(3)[1:]
    assert (cancel[0], cancel[2]) == ("63", first[2])
    assert (again[0], again[3:]) == (first[0], first[3:])
    assert again[2] != first[2], "under another id: the first may have been slow, not refused"
    wire.reply(value(again[2], "1"), text_body(64, 1, again[2]))
    assert future.result(PATIENCE) == [("NetLiquidation", "1")]
    assert wire.core.asks.repeated == 1


def test_one_that_is_answered_meanwhile_is_not(wire: Wire) -> None:
    future = wire.summary()
    (first,) = wire.await_request()
    complain(wire)
    wire.reply(value(first[2], "1"), text_body(64, 1, first[2]))
    assert future.result(PATIENCE)
    wire.clock.advance(10)
    wire.settle()
    assert len(wire.requests) == 1


def test_one_that_left_long_before_is_not(wire: Wire) -> None:
    wire.summary()
    wire.await_request()
    wire.clock.advance(SPAN + 0.1)
    complain(wire)
    wire.clock.advance(3 * SPAN)
    wire.settle()
    assert len(wire.requests) == 1


def test_a_request_without_an_id_is_asked_again_in_its_place(wire: Wire) -> None:
    first, second = wire.positions(), wire.positions()
    wire.await_request()
    complain(wire)
    wire.clock.advance(2 * SPAN)
    wire.await_request(2)
    (waiting,) = [row for row in wire.core.pacing.waiting() if row.lane == "turn"]
    assert (waiting.request, waiting.position) == ("positions", 1)
    assert waiting.seconds == pytest.approx(2 * SPAN)
    assert "positions is under way" in waiting.reason
    for count, future in ((2, first), (3, second)):
        wire.await_request(count)
        wire.reply(position("AAPL"), POSITION_END)
        assert future.result(PATIENCE) == ["AAPL"]


def test_it_is_asked_again_twice_at_most(wire: Wire) -> None:
    future = wire.summary(timeout=4)
    for count in (1, 2, 3):
        wire.await_request(count)
        complain(wire)
        wire.clock.advance(2 * SPAN)
        wire.settle()
    assert wire.core.health.stats().counters["requests_repeated"] == 2
    wire.clock.advance(4)
    assert isinstance(future.exception(PATIENCE), RequestTimeout)
    assert len(wire.requests) == 3


def test_the_rate_is_smaller_for_a_while_and_the_limit_named_is_kept(wire: Wire) -> None:
    rates = wire.core.outbox.pacer.rates
    assert rates.limit(wire.clock.monotonic()) == 45
    complain(wire, text=TOO_FAST.replace("max=50", "max=30"))
    assert rates.limit(wire.clock.monotonic()) == 13
    assert rates.ceiling == 27
    complain(wire, 0, "Approaching max rate of 30 messages per second")
    assert rates.complaints == 2
    wire.clock.advance(120)
    assert rates.limit(wire.clock.monotonic()) == 27


def test_more_of_a_kind_than_may_wait_are_refused_by_name() -> None:
    with ScriptedServer(session) as server:
        wire = Wire(server, pacing__queue_limit=10)
        for _ in opened(wire):
            futures = [wire.positions() for _ in range(12)]
            wire.settle()
            assert isinstance(futures[-1].exception(PATIENCE), SendQueueFull)
            assert "10 of its kind wait" in str(futures[-1].exception())
            assert not any(future.done() for future in futures[:11])
            assert wire.core.health.stats().drops["turns"] == 1


def test_where_pacing_is_off_a_complaint_turns_it_not_on() -> None:
    with ScriptedServer(session) as server:
        for wire in opened(Wire(server, pacing__enabled=False)):
            complain(wire)
            for _ in range(60):
                wire.summary()
            wire.await_request(60)
            assert wire.core.pacing.waiting() == ()
