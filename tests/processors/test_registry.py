"""The fan-out: tiers, guard, privacy, where callbacks run, and who is slow."""

from __future__ import annotations

import asyncio
import concurrent.futures
import sys
import threading
import time
from types import SimpleNamespace
from typing import Any

import pytest
from ibapi.wrapper import EWrapper

from twsloop.ids import FIRST_REQUEST_ID, RequestIds
from twsloop.processors import CALLBACKS, SINGLETONS, CallbackQueue, Registry, describe, overrides
from twsloop.processors.registry import _BY_REQUEST, SLOW_CALL, TIMED_BATCHES
from twsloop.wire.messages import INBOUND, message_class

Calls = list[tuple[Any, ...]]


class Ear:
    """Hears a few callbacks, and writes down what."""

    def __init__(self, name: str, calls: Calls) -> None:
        self._name = name
        self._calls = calls

    def tickPrice(self, reqId: int, tickType: int, price: float, attrib: object) -> None:
        self._calls.append((self._name, "tickPrice", reqId, tickType, price))

    def positionEnd(self) -> None:
        self._calls.append((self._name, "positionEnd"))

    def error(self, reqId: int, *rest: Any) -> None:
        self._calls.append((self._name, "error", reqId, *rest))


class Desk:
    """A registry with a report."""

    def __init__(self) -> None:
        self.reports: list[tuple[str, BaseException]] = []
        self.slow: list[str] = []
        self.ids = RequestIds()
        self.calls: Calls = []
        self.registry = Registry(
            lambda name, error: self.reports.append((name, error)),
            request_ids=self.ids,
            slow=lambda name, _seconds: self.slow.append(name),
        )
        self.fanout = self.registry.fanout

    def ear(self, name: str) -> Ear:
        return Ear(name, self.calls)

    def price(self, req_id: int = 1) -> None:
        self.fanout.tickPrice(req_id, 4, 10.0, None)

    def who(self) -> list[str]:
        return [call[0] for call in self.calls]


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_slices_come_first_then_the_app_then_processors_in_their_order(desk: Desk) -> None:
    registry = desk.registry
    registry.add(desk.ear("processor 1"))
    registry.add(desk.ear("processor 2"))
    registry.set_app(desk.ear("app"))
    registry.add_slice(desk.ear("slice"))
    desk.price()
    assert desk.who() == ["slice", "app", "processor 1", "processor 2"]


def test_every_callback_of_ewrapper_is_there(desk: Desk) -> None:
    for name, signature in CALLBACKS.items():
        getattr(desk.fanout, name)(*[None] * (len(signature.parameters) - 1))
    assert desk.calls == []
    with pytest.raises(AttributeError):
        _ = desk.fanout.aTypingError


def test_a_program_s_helpers_in_its_wrapper_are_found_there(desk: Desk) -> None:
    class Wrapper(EWrapper):
        def init_time(self) -> str:
            return "a queue of mine"

    wrapper = Wrapper()
    desk.registry.set_app(wrapper)
    assert desk.fanout.init_time() == "a queue of mine"
    desk.fanout.my_errors = [1]
    assert vars(wrapper)["my_errors"] == [1]
    assert desk.fanout.my_errors == [1]
    desk.registry.set_app(None)
    with pytest.raises(AttributeError):
        _ = desk.fanout.init_time


def test_a_raise_is_reported_by_name_and_suppresses_nobody(desk: Desk) -> None:
    class Broken:
        def tickPrice(self, *_args: Any) -> None:
            raise ZeroDivisionError("mine")

    desk.registry.add_slice(Broken())
    desk.registry.add_slice(desk.ear("slice"))
    desk.registry.set_app(Broken())
    desk.registry.add(Broken())
    desk.registry.add(desk.ear("processor"))
    desk.price()
    assert desk.who() == ["slice", "processor"]
    assert [name for name, _ in desk.reports] == ["Broken.tickPrice"] * 3
    assert all(isinstance(error, ZeroDivisionError) for _, error in desk.reports)


def test_an_exit_in_a_callback_off_the_main_thread_is_a_report(desk: Desk) -> None:
    class Leaving:
        def tickPrice(self, *_args: Any) -> None:
            sys.exit(3)

    desk.registry.add(Leaving())
    desk.registry.add(desk.ear("processor"))
    thread = threading.Thread(target=desk.price)
    thread.start()
    thread.join()
    assert [type(error) for _, error in desk.reports] == [SystemExit]
    assert desk.who() == ["processor"]
    with pytest.raises(SystemExit):  # in the main thread the program means it
        desk.price()


def test_only_overrides_count_as_listeners() -> None:
    class App(EWrapper):
        def tickSize(self, reqId: int, tickType: int, size: Any) -> None:
            """Mine."""

    app = App()
    assert set(overrides(app)) == {"tickSize"}
    app.tickPrice = lambda *_args: None
    assert set(overrides(app)) == {"tickSize", "tickPrice"}
    assert set(overrides(object())) == set()


def test_hears_knows_whether_decoding_is_worth_it(desk: Desk) -> None:
    assert not desk.registry.hears(("tickPriceProtoBuf", "tickPrice", "tickSize"))
    ear = desk.ear("one")
    desk.registry.add(ear)
    assert desk.registry.hears(("tickPriceProtoBuf", "tickPrice", "tickSize"))
    desk.registry.remove(ear)
    assert not desk.registry.hears(("tickPrice",))


def test_a_processor_without_any_callback_is_refused(desk: Desk) -> None:
    with pytest.raises(TypeError, match="SimpleNamespace has no method named after"):
        desk.registry.add(SimpleNamespace(on_tick=print))


def test_adding_twice_hears_once_and_removing_a_stranger_does_nothing(desk: Desk) -> None:
    ear = desk.ear("one")
    desk.registry.add(ear)
    desk.registry.add(ear)
    desk.registry.remove(desk.ear("stranger"))
    desk.price()
    assert desk.who() == ["one"]


def test_a_slice_may_listen_to_some_and_stop(desk: Desk) -> None:
    ear = desk.ear("slice")
    desk.registry.add_slice(ear, ("positionEnd",))
    desk.price()
    assert desk.calls == []
    desk.registry.add_slice(ear, ("tickPrice",))
    desk.price()
    desk.fanout.positionEnd()
    assert len(desk.calls) == 2
    desk.registry.remove_slice(ear, ("tickPrice",))
    desk.price()
    assert len(desk.calls) == 2


def test_removing_itself_inside_its_callback(desk: Desk) -> None:
    class Once(Ear):
        def tickPrice(self, *args: Any) -> None:
            super().tickPrice(*args)
            desk.registry.remove(self)

    desk.registry.add(Once("once", desk.calls))
    desk.registry.add(desk.ear("other"))
    desk.price()
    desk.price()
    assert desk.who() == ["once", "other", "other"]
    assert desk.reports == []


def test_removing_itself_leaves_nothing_of_it_in_the_queue(desk: Desk) -> None:
    class Once(Ear):
        def tickPrice(self, *args: Any) -> None:
            super().tickPrice(*args)
            desk.registry.remove(self)

    queue = desk.registry.queue = CallbackQueue(100)
    desk.registry.add(Once("once", desk.calls))
    desk.registry.add(desk.ear("other"))
    for _ in range(3):
        desk.price()
    while (entry := queue.get()) is not None:
        desk.registry.call(entry.name, entry.functions, entry.args)
    assert desk.who().count("once") == 1
    assert desk.who().count("other") == 3


# ---- whose business is it ----------------------------------------------------------------------


def test_answers_to_our_own_request_ids_reach_slices_only(desk: Desk) -> None:
    desk.registry.add_slice(desk.ear("slice"))
    desk.registry.set_app(desk.ear("app"))
    desk.registry.add(desk.ear("processor"))
    ours = desk.ids.take()
    desk.price(ours)
    assert desk.who() == ["slice"]
    desk.price(ours - 1)
    assert desk.who() == ["slice", "slice", "app", "processor"]
    desk.calls.clear()
    desk.price(FIRST_REQUEST_ID + 50)  # in our range, but never handed out
    assert desk.who() == ["slice", "app", "processor"]


def test_everybody_hears_errors_even_of_our_own_requests(desk: Desk) -> None:
    desk.registry.add_slice(desk.ear("slice"))
    desk.registry.set_app(desk.ear("app"))
    desk.fanout.error(desk.ids.take(), 0, 200, "no definition", "")
    assert desk.who() == ["slice", "app"]


def test_an_answer_without_an_id_is_private_while_its_key_is(desk: Desk) -> None:
    desk.registry.add_slice(desk.ear("slice"))
    desk.registry.set_app(desk.ear("app"))
    desk.registry.private.add("positions")
    desk.fanout.positionEnd()
    assert desk.who() == ["slice"]
    desk.registry.private.clear()
    desk.fanout.positionEnd()
    assert desk.who() == ["slice", "slice", "app"]


@pytest.mark.parametrize(("before", "after"), [(True, False), (False, True)])
def test_an_end_marker_belongs_to_what_it_ends_whatever_the_slice_does_then(
    desk: Desk, before: bool, after: bool
) -> None:
    private = desk.registry.private

    class Slice:
        def positionEnd(self) -> None:
            private.discard("positions")
            if after:
                private.add("positions")

    desk.registry.add_slice(Slice())
    desk.registry.set_app(desk.ear("app"))
    if before:
        private.add("positions")
    desk.fanout.positionEnd()
    assert desk.who() == ([] if before else ["app"])


def test_every_protobuf_twin_is_as_private_as_its_callback(desk: Desk) -> None:
    """Both ways of being private: by the request's id, and by the key of the end marker."""
    heard: list[str] = []
    twins = SimpleNamespace()
    checked = 0
    for kind in INBOUND.values():
        if kind.proto is None or not any(name.endswith("ProtoBuf") for name in kind.callbacks):
            continue
        twin = next(name for name in kind.callbacks if name.endswith("ProtoBuf"))
        setattr(twins, twin, lambda _message, twin=twin: heard.append(twin))
    desk.registry.add(twins)
    ours = desk.ids.take()
    for kind in INBOUND.values():
        if kind.proto is None or not any(name.endswith("ProtoBuf") for name in kind.callbacks):
            continue
        twin = next(name for name in kind.callbacks if name.endswith("ProtoBuf"))
        message = message_class(kind.proto)()
        classic = [name for name in kind.callbacks if not name.endswith("ProtoBuf")]
        if any(name in _BY_REQUEST for name in classic):
            message.reqId = ours
        elif keys := {SINGLETONS[name] for name in classic if name in SINGLETONS}:
            desk.registry.private.clear()
            desk.registry.private |= keys
        else:
            continue
        getattr(desk.fanout, twin)(message)
        assert twin not in heard, twin
        checked += 1
    assert checked > 45


def test_later_sessions_openings_are_muted_for_users(desk: Desk) -> None:
    told: list[str] = []
    desk.registry.add_slice(SimpleNamespace(nextValidId=lambda _i: told.append("slice")))
    desk.registry.add(SimpleNamespace(nextValidId=lambda _i: told.append("user")))
    desk.registry.muted.add("nextValidId")
    desk.fanout.nextValidId(1)
    desk.registry.muted.clear()
    desk.fanout.nextValidId(2)
    assert told == ["slice", "slice", "user"]


# ---- where callbacks run -------------------------------------------------------------------------


def test_user_tiers_are_queued_and_slices_are_not(desk: Desk) -> None:
    queue = desk.registry.queue = CallbackQueue(100)
    desk.registry.add_slice(desk.ear("slice"))
    desk.registry.set_app(desk.ear("app"))
    desk.registry.add(desk.ear("processor"))
    desk.price()
    assert desk.who() == ["slice"]
    entry = queue.get()
    assert entry is not None
    desk.registry.call(entry.name, entry.functions, entry.args)
    assert desk.who() == ["slice", "app", "processor"]


def test_an_executor_is_called_in_its_own_threads(desk: Desk) -> None:
    threads: list[str] = []
    done = threading.Event()

    class Away:
        def tickPrice(self, *_args: Any) -> None:
            threads.append(threading.current_thread().name)
            done.set()

    with concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="mine") as pool:
        desk.registry.add(Away(), pool)
        desk.price()
        assert done.wait(10)
    assert threads == ["mine_0"]


async def test_an_asyncio_loop_is_called_on_it_and_its_raises_are_reported(desk: Desk) -> None:
    here = threading.current_thread()
    done = asyncio.Event()

    class Away:
        def tickPrice(self, *_args: Any) -> None:
            assert threading.current_thread() is here
            done.set()
            raise ZeroDivisionError

    desk.registry.add(Away(), asyncio.get_running_loop())
    sender = threading.Thread(target=desk.price)
    sender.start()
    await asyncio.wait_for(done.wait(), 10)
    sender.join()
    for _ in range(10):
        await asyncio.sleep(0)
    assert [name for name, _ in desk.reports] == ["Away.tickPrice"]


# ---- who is slow ---------------------------------------------------------------------------


def test_a_slow_callback_is_named_only_after_a_batch_overran(desk: Desk) -> None:
    class Slow:
        def tickPrice(self, *_args: Any) -> None:
            deadline = time.perf_counter() + SLOW_CALL * 1.2
            while time.perf_counter() < deadline:
                pass

    desk.registry.add(desk.ear("quick"))
    desk.registry.add(Slow())
    desk.price()
    desk.registry.batch_took(SLOW_CALL / 2)
    assert desk.slow == []
    desk.registry.batch_took(SLOW_CALL * 2)
    desk.price()
    assert desk.slow == ["Slow.tickPrice"]
    for _ in range(TIMED_BATCHES):
        desk.registry.batch_took(0.0)
    desk.price()
    assert desk.slow == ["Slow.tickPrice"], "after quiet batches nothing is timed any more"


def test_describe_says_the_name_the_author_knows() -> None:
    ear = Ear("x", [])
    assert describe(ear.tickPrice) == "Ear.tickPrice"
    assert describe(time.sleep) == "sleep"
    assert describe(lambda: None).endswith("<lambda>")


def test_an_intercepted_callback_goes_through_its_entry(desk: Desk) -> None:
    desk.registry.add(desk.ear("user"))
    desk.registry.intercept("error", lambda *args: desk.registry.dispatch("error", args[:1]))
    desk.fanout.error(7, 0, 100, "text", "")
    assert desk.calls == [("user", "error", 7)]
    assert desk.registry.hears(("error",))
