"""Whoever listens, however: by a stream's short way everyone hears what the long way tells."""

from __future__ import annotations

import concurrent.futures
import threading
from collections.abc import Callable, Iterable
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.wire.hot import bodies
from tests.wire.hot.by_hand import MIDPOINT, body_of, text, usual, whole
from tests.wire.hot.implementations import IMPLEMENTATIONS, every_stream
from tests.wire.hot.oracle import frozen, make_body
from tests.wire.hot.streaming import hot
from twsloop.connection.dispatch import Decoder, Dispatcher
from twsloop.ids import FIRST_REQUEST_ID, RequestIds
from twsloop.metrics import Metrics
from twsloop.processors import CallbackQueue, Registry
from twsloop.processors.registry import TIMED_BATCHES
from twsloop.processors.straight import Straight
from twsloop.wire.framing import frame
from twsloop.wire.hot import CALLED, HOT, Route
from twsloop.wire.messages import INBOUND

FEW = max(6, settings().max_examples // 2)
TWINS = tuple(INBOUND[number].callbacks[0] for number in HOT)
#: Ids of the program's, our own, and one that looks like ours, but was not handed out.
IDS = (7, FIRST_REQUEST_ID, FIRST_REQUEST_ID + 900)
Heard = list[tuple[Any, ...]]
#: What follows was reported, or queued.
THEN: tuple[Any, ...] = ("then",)


class AtOnce(concurrent.futures.Executor):
    """Calls where it is handed something."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
        future: concurrent.futures.Future[Any] = concurrent.futures.Future()
        future.set_result(fn(*args, **kwargs))
        return future


def shown(value: Any) -> Any:
    """An argument, so that it can be compared."""
    return value.SerializeToString() if hasattr(value, "ListFields") else frozen(value)


def listener(name: str, heard: Heard, names: Iterable[str], broken: Iterable[str] = ()) -> Any:
    """An object that hears these callbacks; some raise."""
    broken = frozenset(broken)

    def method(called: str) -> Callable[..., None]:
        def hear(_self: object, *args: Any) -> None:
            told = [*map(shown, args)]
            if called == "error":
                del told[1]  # the time of day
            heard.append((name, called, *told))
            if called in broken:
                raise ValueError(name, called)

        hear.__name__ = called
        return hear

    return type(name, (), {called: method(called) for called in names})()


@attrs.frozen
class Plan:
    """Who listens, and how."""

    slices: list[list[str]] = attrs.Factory(list)
    app: list[str] | None = None
    here: list[list[str]] = attrs.Factory(list)
    away: list[list[str]] = attrs.Factory(list)
    broken: list[str] = attrs.Factory(list)
    queued: bool = False
    timed: bool = False
    entry: str | None = None


class House:
    """A registry with its listeners, a dispatcher, and a stream before it or none."""

    def __init__(self, version: int, stream_class: Any = None) -> None:
        self.heard: Heard = []
        self.reports: Heard = []
        self.ids = RequestIds()
        assert self.ids.take() == FIRST_REQUEST_ID
        self.registry = Registry(
            lambda name, error: self.reports.append((name, type(error), str(error))),
            request_ids=self.ids,
        )
        self.dispatcher = Dispatcher(self.registry, Metrics(), lambda: 0)
        self.dispatcher.start(Decoder(self.registry.fanout, version), version)
        self.stream = stream_class and stream_class(
            version, self.registry.straight, self.dispatcher.frame
        )
        if self.stream is not None:
            self.registry.straight.attach(self.stream)

    def furnish(self, plan: Plan) -> None:
        """Let everyone listen."""
        registry, heard = self.registry, self.heard
        if plan.queued:
            registry.queue = CallbackQueue(1000)
        for at, names in enumerate(plan.slices):
            registry.add_slice(listener(f"Slice{at}", heard, names, plan.broken), names)
        if plan.app is not None:
            registry.set_app(listener("App", heard, plan.app, plan.broken))
        for at, names in enumerate(plan.here):
            registry.add(listener(f"Here{at}", heard, names, plan.broken))
        for at, names in enumerate(plan.away):
            registry.add(listener(f"Away{at}", heard, names, plan.broken), AtOnce())
        if plan.entry is not None:
            name = plan.entry

            def entry(*args: Any) -> None:
                heard.append(("entry", name, *map(shown, args)))
                registry.dispatch(name, args)

            registry.intercept(name, entry)
        if plan.timed:
            registry.batch_took(9.0)

    def take(self, body: bytes) -> Heard:
        """Hand a message over: what was heard, queued and reported of it."""
        self.heard.clear()
        self.reports.clear()
        if self.stream is None:
            self.dispatcher.frame(body)
        else:
            assert self.stream.feed(frame(body)) == 1
        found: Heard = [*self.heard, THEN, *self.reports]
        queue = self.registry.queue
        while queue is not None and (entry := queue.get()) is not None:
            owners = [type(function.__self__).__name__ for function in entry.functions]  # type: ignore[attr-defined]
            found.append(("queued", entry.name, owners, *map(shown, entry.args)))
        return found


some = st.lists(st.sampled_from(CALLED + TWINS), min_size=1, max_size=4, unique=True)
few = st.lists(some, max_size=2)
plans = st.builds(
    Plan,
    slices=few,
    app=st.none() | some,
    here=few,
    away=st.lists(some, max_size=1),
    broken=st.lists(st.sampled_from(CALLED), max_size=3),
    queued=st.booleans(),
    timed=st.booleans(),
    entry=st.none() | st.sampled_from(CALLED),
)


def messages(version: int) -> list[bytes]:
    """Each hot message, for each kind of id where it can be said."""
    found = [hot(number, version) for number in HOT]
    if version >= 201:
        ticks = [(1, 1), (1, 9), (2, 0), (45, 49), (46, 45), (99, 1), (99, 3)]
        found += [body_of(n, usual(n, req_id, kind)) for n, kind in ticks for req_id in IDS]
        middle = [whole(1, 7), whole(2, 4), text(5, b"".join(MIDPOINT))]
        found += [body_of(99, middle), body_of(1, b"\x08\x07\x10")]  # the last one is broken
    else:
        for req_id in IDS:
            price = b"1\x006\x00%d\x001\x00189.5\x00100\x001\0" % req_id
            found += [price, b"2\x006\x00%d\x000\x00100\0" % req_id, price[:-4]]
    return found


@every_stream
@settings(max_examples=2 * FEW)
@given(plan=plans, version=st.sampled_from([200, 225]), later=plans)
def test_it_is_heard_as_by_the_long_way(
    stream_class: Any, plan: Plan, version: int, later: Plan
) -> None:
    long, short = House(version), House(version, stream_class)
    for step in (plan, later):
        for house in (long, short):
            house.furnish(step)
        for body in messages(version):
            assert short.take(body) == long.take(body)


@pytest.mark.parametrize("names", [[name] for name in CALLED])
@every_stream
def test_one_alone_is_called_straight_and_nobody_else(stream_class: Any, names: list[str]) -> None:
    house = House(225, stream_class)
    house.furnish(Plan(app=names))
    straight = house.registry.straight
    heard = house.registry.fanout
    for name in CALLED:
        low, high = getattr(straight.low, name), getattr(straight.high, name)
        assert (low is not getattr(heard, name)) == (name in names)
        assert high is getattr(heard, name), "it may be the answer to a request of ours"


# ---- what nobody hears is not decoded


@every_stream
def test_what_nobody_hears_is_skipped_even_if_it_is_broken(stream_class: Any) -> None:
    house = House(225, stream_class)
    broken = body_of(2, b"\x08\x07\x10")
    assert house.take(broken) == [THEN]
    errors: list[Any] = []
    house.registry.intercept("error", lambda *args: errors.append(args))
    assert house.take(broken) == [THEN]
    ear = listener("Ear", house.heard, ["tickSize"])
    house.registry.add(ear)
    house.take(broken)
    assert [args[2] for args in errors] == [508], "heard, it is reported as any broken message"
    house.registry.remove(ear)
    house.take(broken)
    assert len(errors) == 1


@every_stream
def test_a_listener_that_comes_and_goes_within_a_read(stream_class: Any) -> None:
    house = House(225, stream_class)
    heard: list[str] = []

    class Late:
        def tickSize(self, *_args: object) -> None:
            heard.append("late")

    late = Late()

    class First:
        def tickPrice(self, *_args: object) -> None:
            heard.append("price")
            house.registry.remove(late) if heard.count("price") > 1 else house.registry.add(late)

    house.registry.add(First())
    price, size = body_of(1, usual(1, 7, 9)), body_of(2, usual(2))
    house.stream.feed(b"".join(map(frame, [size, price, size, size, price, size])))
    assert heard == ["price", "late", "late", "price"]


@every_stream
def test_a_twin_is_heard_before_its_callback(stream_class: Any) -> None:
    house = House(225, stream_class)
    ear = listener("Ear", house.heard, ["tickPriceProtoBuf", "tickPrice", "tickSize"])
    house.registry.add(ear)
    heard = [entry[1] for entry in house.take(body_of(1, usual(1))) if entry != THEN]
    assert heard == ["tickPriceProtoBuf", "tickPrice", "tickSize"]


def test_a_new_stream_is_routed_as_the_last_one_was() -> None:
    class Routes:
        def __init__(self) -> None:
            self.now: dict[int, Route] = {}

        def route(self, number: int, route: Route) -> None:
            self.now[number] = route

    straight = Straight(lambda _function, _error: None)
    first, second = Routes(), Routes()
    straight.attach(first)  # type: ignore[arg-type]
    assert first.now == dict.fromkeys(HOT, Route.SKIP)
    straight.reroute(lambda names: not {"tickSize", "tickStringProtoBuf"}.isdisjoint(names))
    expected = dict.fromkeys(HOT, Route.SKIP) | {
        1: Route.HOT,
        2: Route.HOT,
        46: Route.OTHER,
    }
    assert first.now == expected
    straight.attach(second)  # type: ignore[arg-type]
    assert second.now == expected
    straight.reroute(lambda _names: False)
    assert second.now == dict.fromkeys(HOT, Route.SKIP)
    assert first.now == expected


def test_who_comes_while_a_stream_is_attached_is_heard() -> None:
    """Another thread's listener is not lost between the routes that are read and those set."""
    straight = Straight(lambda _function, _error: None)
    routes: dict[int, Route] = {}
    threads: list[threading.Thread] = []

    class Slow:
        def route(self, number: int, route: Route) -> None:
            if not threads:
                other = threading.Thread(target=straight.reroute, args=(lambda _names: True,))
                threads.append(other)
                other.start()
                other.join(0.2)  # it waits for us, or would be through by now
            routes[number] = route

    straight.attach(Slow())  # type: ignore[arg-type]
    threads[0].join()
    assert set(routes.values()) == {Route.OTHER}


# ---- exceptions


@every_stream
@pytest.mark.parametrize("version", [200, 225])
def test_an_exception_is_reported_by_its_authors_name(stream_class: Any, version: int) -> None:
    house = House(version, stream_class)
    house.furnish(Plan(app=["tickPrice", "tickSize"], broken=["tickPrice"]))
    found = house.take(hot(1, version))
    assert [entry[:2] for entry in found if entry != THEN] == [
        ("App", "tickPrice"),
        ("App", "tickSize"),
        ("App.tickPrice", ValueError),
    ]


class Mute(Exception):
    """Cannot even say what is wrong."""

    def __str__(self) -> str:
        raise RuntimeError


@every_stream
@pytest.mark.parametrize("version", [200, 225])
def test_an_exception_that_cannot_be_reported_ends_nothing(stream_class: Any, version: int) -> None:
    """And its callback is called once."""
    heard: list[str] = []

    class Ear:
        def tickPrice(self, *_args: object) -> None:
            heard.append("price")
            raise Mute

        def tickSize(self, *_args: object) -> None:
            heard.append("size")

    def report(_name: str, error: BaseException) -> None:
        heard.append(f"{error}")

    registry = Registry(report)
    registry.add(Ear())
    handed_on: list[bytes] = []
    stream = stream_class(version, registry.straight, handed_on.append)
    registry.straight.attach(stream)
    for way in (stream.feed, stream.feed):
        assert way(frame(hot(1, version))) == 1
    assert heard == ["price", "size"] * 2
    assert handed_on == []
    registry.fanout.tickPrice(7, 1, 1.0, None)
    assert heard[4:] == ["price"]


@every_stream
@pytest.mark.parametrize("where", ["straight", "fan-out"])
def test_ctrl_c_in_the_main_thread_goes_through_and_the_rest_is_heard(
    stream_class: Any, where: str
) -> None:
    house = House(225, stream_class)
    armed = [True]

    class Ear:
        def tickPrice(self, *_args: object) -> None:
            house.heard.append(("price",))
            if armed:
                armed.clear()
                raise KeyboardInterrupt

    house.registry.add(Ear())
    if where == "fan-out":
        house.registry.add(listener("Second", [], ["tickPrice"]))
    data = frame(body_of(1, usual(1))) * 3
    with pytest.raises(KeyboardInterrupt):
        house.stream.feed(data)
    assert len(house.heard) == 1
    house.stream.feed(b"")
    assert len(house.heard) == 3
    assert house.reports == []


@every_stream
def test_ctrl_c_in_another_thread_is_reported(stream_class: Any) -> None:
    house = House(225, stream_class)

    class Ear:
        def tickPrice(self, *_args: object) -> None:
            raise KeyboardInterrupt

    house.registry.add(Ear())
    data = frame(body_of(1, usual(1))) * 2
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        assert pool.submit(house.stream.feed, data).result() == 2
    assert [entry[:2] for entry in house.reports] == [("Ear.tickPrice", KeyboardInterrupt)] * 2


# ---- calls that are timed


@every_stream
def test_after_a_slow_batch_calls_are_timed_and_then_straight_again(stream_class: Any) -> None:
    slow: list[str] = []
    registry = Registry(
        lambda *_args: None, slow=lambda name, _seconds: slow.append(name), patience=0.0
    )
    heard: Heard = []
    registry.add(listener("Ear", heard, ["tickPrice"]))
    stream = stream_class(225, registry.straight, lambda _body: None)
    registry.straight.attach(stream)
    data = frame(body_of(1, usual(1)))
    stream.feed(data)
    assert slow == []
    registry.batch_took(1.0)
    stream.feed(data)
    assert slow == ["Ear.tickPrice"]
    for _ in range(TIMED_BATCHES):
        registry.batch_took(0.0)
    stream.feed(data)
    assert (slow, len(heard)) == (["Ear.tickPrice"], 3)


@pytest.mark.parametrize("stream_class", [None, *IMPLEMENTATIONS.values()])
def test_all_of_the_callbacks_are_among_what_is_compared(stream_class: Any) -> None:
    heard = set()
    for version in (200, 225):
        house = House(version, stream_class)
        house.furnish(Plan(app=list(CALLED)))
        heard |= {one[1] for body in messages(version) for one in house.take(body) if one != THEN}
    assert heard == set(CALLED)


# ---- whatever comes


@st.composite
def odd_bodies(draw: st.DrawFn, version: int) -> bytes:
    """A hot message of which bytes were lost, changed or put in, or whose fields are odd."""
    number = draw(st.sampled_from(list(HOT)))
    if version >= 201 and draw(st.booleans()):
        kinds = bodies.protobuf_payloads(number) | bodies.rearranged(number)
        payload = draw(kinds | kinds.flatmap(bodies.damaged))
        return make_body(number, payload, version, protobuf=True)
    kinds = bodies.odd_texts(number)
    payload = draw(kinds | kinds.flatmap(bodies.damaged))
    return make_body(number, payload, version, protobuf=False)


@every_stream
@settings(max_examples=4 * FEW)
@given(data=st.data(), version=st.sampled_from([108, 200, 207, 225]))
def test_whatever_comes_is_heard_and_reported_as_by_the_long_way(
    stream_class: Any, data: Any, version: int
) -> None:
    long, short = House(version), House(version, stream_class)
    for house in (long, short):
        house.furnish(Plan(app=[*CALLED, "error"]))
    for body in data.draw(st.lists(odd_bodies(version), max_size=5)):
        assert short.take(body) == long.take(body)
