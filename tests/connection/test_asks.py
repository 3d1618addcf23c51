"""Requests and their answers: parts, deadlines, views, and requests without an id."""

from __future__ import annotations

import concurrent.futures
import re
import weakref
from collections.abc import Callable
from typing import Any

import pytest
from ibapi.contract import Contract
from ibapi.order_cancel import OrderCancel

from tests.support.asking import OPEN_ORDER_END, POSITION_END, Wire, opened, position, value
from tests.support.clients import PATIENCE
from tests.support.scripted import ScriptedServer, text_body
from twsloop.errors import NotConnected, RequestError, RequestTimeout, WrongThread
from twsloop.session.pacing import SPAN
from twsloop.transport import Outgoing

# ---- with an id ----------------------------------------------------------------------------------


def test_parts_and_their_end(wire: Wire) -> None:
    future = wire.summary()
    req_id = wire.await_request()[0][2]
    wire.reply(value(req_id, "1"), value(req_id, "2"), text_body(64, 1, req_id))
    assert future.result(PATIENCE) == [("NetLiquidation", "1"), ("NetLiquidation", "2")]
    assert wire.heard.of("accountSummary") == [], "the answer to our own request is ours"


def test_an_answer_that_nobody_gathers_ends_all_the_same(wire: Wire) -> None:
    future = wire.summary(gather=False, timeout=10)
    req_id = wire.await_request()[0][2]
    wire.reply(value(req_id, "1"), value(req_id, "2"))
    wire.slice_heard(2)
    wire.clock.advance(9)
    wire.reply(text_body(64, 1, req_id))
    assert future.result(PATIENCE) == []


def test_each_part_renews_the_deadline_and_silence_fails_it(wire: Wire) -> None:
    future = wire.summary(timeout=10, cancel=wire.core.cancelAccountSummary)
    req_id = wire.await_request()[0][2]
    for part in range(3):
        wire.clock.advance(9)
        wire.reply(value(req_id, str(part)))
        wire.slice_heard(part + 1)
    wire.clock.advance(9.9)
    assert not future.done()
    wire.clock.advance(0.1)
    with pytest.raises(RequestTimeout, match="summary: no further part of the answer within 10 s"):
        future.result(PATIENCE)
    assert wire.await_request(2)[1] == ["63", "1", req_id], "and it is cancelled at the gateway"


def test_the_gateway_s_error_fails_it_with_its_code_and_a_warning_does_not(wire: Wire) -> None:
    future = wire.summary()
    req_id = wire.await_request()[0][2]
    wire.reply(text_body(4, 2, req_id, 2119, "Market data farm is connecting", ""))
    wire.settle()
    wire.reply(text_body(4, 2, req_id, 321, "Error validating request", ""))
    with pytest.raises(RequestError) as caught:
        future.result(PATIENCE)
    assert (caught.value.code, caught.value.req_id) == (321, int(req_id))
    assert caught.value.request == "summary"
    assert len(wire.heard.wait("error", 2)) == 2, "everybody hears errors"


def test_every_waiter_has_its_own_view_and_the_last_one_cancels(wire: Wire) -> None:
    future = wire.summary(cancel=wire.core.cancelAccountSummary)
    second = future.view()
    req_id = wire.await_request()[0][2]
    with pytest.raises(TimeoutError):
        future.result(0.01)
    assert future.cancel()
    wire.settle()
    assert len(wire.requests) == 1, "one is still waiting"
    assert second.cancel()
    assert wire.await_request(2)[1] == ["63", "1", req_id]
    with pytest.raises(concurrent.futures.CancelledError):
        second.result()
    wire.reply(value(req_id, "late"), text_body(64, 1, req_id))
    wire.settle()


def test_equal_requests_under_way_are_one_at_the_gateway(wire: Wire) -> None:
    """Each waiter has a view; the last one to leave cancels; a later one asks anew."""
    more = {"share": ("summary", "All"), "cancel": wire.core.cancelAccountSummary}
    first, second = wire.summary(**more), wire.summary(**more)
    other = wire.summary(share=("summary", "Group"))
    req_id = wire.await_request(2)[0][2]
    wire.settle()
    assert len(wire.requests) == 2
    assert first.cancel()
    wire.reply(value(req_id, "1"), text_body(64, 1, req_id))
    assert second.result(PATIENCE) == [("NetLiquidation", "1")]
    third = wire.summary(**more)
    req_id = wire.await_request(3)[2][2]
    assert third.cancel()
    assert wire.await_request(4)[3] == ["63", "1", req_id]
    fourth = wire.summary(**more)
    wire.await_request(5)
    fourth.cancel()
    other.cancel()


def test_without_a_cancel_of_ib_s_nothing_is_sent(wire: Wire) -> None:
    future = wire.summary()
    wire.await_request()
    future.cancel()
    wire.settle()
    assert len(wire.requests) == 1


def test_a_blocking_result_on_the_loop_thread_raises(wire: Wire) -> None:
    future = wire.summary()
    with pytest.raises(WrongThread):
        wire.core.event_loop.call(future.result)


def test_what_ib_s_client_refuses_fails_at_once(wire: Wire) -> None:
    core = wire.core
    core.server_version = wire.client.serverVersion_ = 150
    future = core.ask(core.reqWshMetaData, request="calendar")
    with pytest.raises(RequestError, match="calendar: error 503") as caught:
        future.result(PATIENCE)
    assert caught.value.code == 503
    broken = core.ask(lambda i: core.reqAccountSummary(i, None, None), request="bad")
    with pytest.raises(RequestError, match="bad: error 5"):
        broken.result(PATIENCE)

    def raises(_id: int) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        core.ask(raises, request="mine").result(PATIENCE)


def test_without_a_session_it_is_not_connected(wire: Wire) -> None:
    wire.client.disconnect()
    for future in (wire.summary(), wire.positions()):
        with pytest.raises(NotConnected):
            future.result(PATIENCE)
    wire.client.stop()
    with pytest.raises(NotConnected):
        wire.summary().result(PATIENCE)


def test_the_deadline_starts_when_it_leaves_and_the_queue_has_its_own(
    server: ScriptedServer,
) -> None:
    wire = Wire(server, pacing__rate=1, pacing__queue_timeout=30)
    for _ in opened(wire):
        futures = [wire.summary(timeout=5) for _ in range(40)]
        wire.settle()
        wire.clock.advance(3)
        wire.settle()
        assert not any(future.done() for future in futures)
        wire.clock.advance(26.9)
        wire.settle()
        early = futures[:20]
        for future in early:
            with pytest.raises(RequestTimeout, match="no answer within 5 s"):
                future.result(PATIENCE)
        assert not futures[-1].done()
        wire.clock.advance(0.2)
        with pytest.raises(RequestTimeout, match="waited 30 s for its turn to leave"):
            futures[-1].result(PATIENCE)
        wire.clock.advance(100)
        wire.settle()
        asked = len([r for r in wire.requests if r[0] == "62"])
        assert asked < 40, "what waited too long never leaves"
        assert wire.core.outbox.waiting() == 0


def test_who_leaves_before_it_left_takes_it_out_of_the_queue(server: ScriptedServer) -> None:
    wire = Wire(server, pacing__rate=2)  # startApi is the first
    for _ in opened(wire):
        wire.summary()
        wire.await_request()
        second = wire.summary(cancel=wire.core.cancelAccountSummary)
        wire.settle()
        assert wire.core.outbox.waiting() == 1
        second.cancel()
        wire.settle()
        assert wire.core.outbox.waiting() == 0
        wire.clock.advance(10)
        wire.settle()
        assert len(wire.requests) == 1, "neither it nor its cancel"


# ---- without one ---------------------------------------------------------------------------------


def test_singletons_queue_and_each_gets_its_own_answer(wire: Wire) -> None:
    futures = [wire.positions() for _ in range(3)]
    for number, symbol in enumerate(("IBM", "BAC", "AAPL"), start=1):
        wire.await_request(number)
        wire.settle()
        assert len(wire.requests) == number, "one at a time"
        wire.reply(position(symbol), POSITION_END)
        assert futures[number - 1].result(PATIENCE) == [symbol]
    wire.settle()
    assert wire.heard.of("position") == []
    assert wire.heard.of("positionEnd") == []


def test_singletons_of_different_end_markers_do_not_wait_for_each_other(wire: Wire) -> None:
    core = wire.core
    wire.positions()
    orders = core.ask(lambda _i: core.reqAllOpenOrders(), request="orders", key="open_orders")
    wire.await_request(2)
    wire.reply(OPEN_ORDER_END)
    assert orders.result(PATIENCE) == []


def test_an_error_without_an_id_fails_the_singleton_and_the_next_has_its_turn(wire: Wire) -> None:
    first, second, other = wire.positions(), wire.positions(), wire.summary()
    wire.await_request(2)
    wire.reply(text_body(4, 2, -1, 321, "Error validating request", ""))
    with pytest.raises(RequestError, match="positions: error 321"):
        first.result(PATIENCE)
    wire.await_request(3)
    wire.reply(POSITION_END)
    assert second.result(PATIENCE) == []
    assert not other.done()


def test_an_error_without_an_id_fails_only_what_its_text_speaks_of(wire: Wire) -> None:
    core = wire.core

    def ask(key: str, send: Callable[[], object]) -> Any:
        return core.ask(lambda _i: send(), request=key, key=key)

    data = ask("fa", lambda: core.requestFA(1))
    orders = ask("open_orders", core.reqAllOpenOrders)
    done = ask("completed_orders", lambda: core.reqCompletedOrders(False))
    wire.await_request(3)
    text = (
        "Error validating request.-'bF' : cause - FA data operations ignored for non FA customers"
    )
    wire.reply(text_body(4, 2, -1, 321, text, ""), OPEN_ORDER_END)
    with pytest.raises(RequestError, match="FA data operations"):
        data.result(PATIENCE)
    assert orders.result(PATIENCE) == []
    assert not done.done()
    # One that speaks of what nobody asked for may mean any of them.
    wire.reply(text_body(4, 2, -1, 321, "Error validating request.-'b' : cause - market rule", ""))
    with pytest.raises(RequestError, match="market rule"):
        done.result(PATIENCE)


def test_a_singleton_whose_waiter_left_keeps_its_answer_from_the_next(wire: Wire) -> None:
    first = wire.positions()
    wire.await_request()
    first.cancel()
    second = wire.positions()
    wire.settle()
    assert len(wire.requests) == 1, "the first answer is still to come"
    wire.reply(position("OLD"), POSITION_END)
    wire.await_request(2)
    wire.reply(position("NEW"), POSITION_END)
    assert second.result(PATIENCE) == ["NEW"]
    assert wire.heard.of("position") == []


def test_a_singleton_without_an_answer_gives_way_after_its_deadline(wire: Wire) -> None:
    first, second = wire.positions(timeout=5), wire.positions(timeout=5)
    wire.await_request()
    wire.settle()
    wire.clock.advance(5)
    with pytest.raises(RequestTimeout):
        first.result(PATIENCE)
    wire.await_request(2)
    wire.reply(POSITION_END)
    assert second.result(PATIENCE) == []


def test_one_who_leaves_while_queued_is_never_sent(wire: Wire) -> None:
    first, second, third = wire.positions(), wire.positions(), wire.positions()
    wire.await_request()
    second.cancel()
    with pytest.raises(concurrent.futures.CancelledError):
        second.result()
    wire.reply(POSITION_END)
    assert first.result(PATIENCE) == []
    wire.await_request(2)
    wire.reply(POSITION_END)
    assert third.result(PATIENCE) == []
    wire.settle()
    assert len(wire.requests) == 2


def test_a_full_lane_refuses_that_request_by_name_and_takes_a_cancel(
    server: ScriptedServer,
) -> None:
    wire = Wire(server, pacing__rate=1, pacing__queue_limit=10)
    for _ in opened(wire):
        futures = [wire.summary() for _ in range(12)]
        wire.settle()
        for future in futures[10:]:
            with pytest.raises(RequestError, match="10 requests wait to be sent already"):
                future.result(PATIENCE)
        assert not any(future.done() for future in futures[:10])
        wire.client.reqMktData(5, Contract(), "", False, False, [])
        (*_, last) = wire.heard.wait("error", 3)
        assert (last[0], last[2]) == (5, 510)
        assert "10 requests wait to be sent already" in last[3]
        wire.client.cancelOrder(3, OrderCancel())
        wire.client.cancelMktData(5)  # else it would go on at the gateway, and nobody knew
        wire.settle()
        assert len(wire.heard.of("error")) == 3
        wire.clock.advance(SPAN)
        assert wire.await_request()[0][0] == "4", "and it is the first to leave"


def test_what_was_sent_is_not_kept(wire: Wire) -> None:
    """A program that sends for weeks, in any thread, and what the framework sends by itself."""
    kept: list[weakref.ref[Outgoing]] = []
    put = wire.core.outbox.put

    def look(message: Outgoing, *, at_once: bool) -> None:
        kept.append(weakref.ref(message))
        put(message, at_once=at_once)

    wire.core.outbox.put = look  # type: ignore[assignment]
    for number in range(5):
        wire.client.cancelPnL(number)
        wire.core.event_loop.call(wire.core.cancelPnL, number)
    wire.await_request(10)
    wire.settle()
    assert len(kept) == 10
    assert [ref() for ref in kept if ref() is not None] == []


def test_an_error_that_is_raised_is_no_warning_in_the_log(
    wire: Wire, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "twsloop.error_handler")
    future = wire.summary()
    req_id = wire.await_request()[0][2]
    wire.reply(text_body(4, 2, req_id, 321, "Error validating request", ""))
    with pytest.raises(RequestError):
        future.result(PATIENCE)
    wire.reply(text_body(4, 2, 7, 321, "a program's own request", ""))
    wire.heard.wait("error", 2)
    levels = {
        int(found[1]): record.levelname
        for record in caplog.records
        if (found := re.search(r"\(id (\d+)\)", record.getMessage()))
    }
    assert levels == {int(req_id): "INFO", 7: "WARNING"}
