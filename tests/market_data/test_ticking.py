"""The short way of an ordinary tick does what the long way does, for all that can come."""

from __future__ import annotations

import concurrent.futures
import contextlib
import gc
import importlib
import operator
import sys
import threading
import tracemalloc
from collections.abc import Callable
from decimal import Decimal
from importlib.util import find_spec
from random import Random
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ibapi.common import TickAttrib
from ibapi.const import UNSET_DECIMAL, UNSET_DOUBLE

from twsloop.clock import Arrival, ManualClock
from twsloop.connection.life import Life, StreamStatus
from twsloop.contracts import future, stock
from twsloop.market_data import forms
from twsloop.market_data.lines import Line
from twsloop.market_data.state import Ticker
from twsloop.market_data.ticking import Ticking
from twsloop.market_data.ticks import PAIRED, TICKS
from twsloop.processors import CallbackQueue, Registry
from twsloop.processors.delivery import PROBATION, Delivery
from twsloop.wire.hot import IMPLEMENTATION

IMPLEMENTATIONS: list[Any] = [pytest.param(Ticking, id="python")]
with contextlib.suppress(ImportError):
    from twsloop.market_data._ticking import Ticking as Compiled

    IMPLEMENTATIONS.append(pytest.param(Compiled, id="native"))


def test_what_was_compiled_is_used() -> None:
    """It gives way in silence where it is missing, and only there."""
    if find_spec("twsloop.market_data._ticking") is None:
        pytest.skip("the compiled form was not built: no compiler, or no headers of Python's")
    compiled = importlib.import_module("twsloop.market_data._ticking")
    if IMPLEMENTATION == "native":
        assert forms.Ticking is compiled.Ticking
        assert forms.Streaming is compiled.Streaming
    else:
        assert forms.Ticking is Ticking


class LongWay:
    """The four callbacks, each by the ticker's own rules alone."""

    def __init__(
        self,
        lines: dict[int, Line],
        arrival: Arrival,
        _now: object,
        heard: Callable[[Life], object],
    ) -> None:
        self.lines = lines
        self.arrival = arrival
        self.heard = heard
        self.half: Line | None = None

    @property
    def arrived(self) -> float:
        assert self.arrival.at is not None
        return self.arrival.at

    def tickPrice(self, req_id: int, tick_type: int, price: float, _attrib: object) -> None:
        if (line := self.lines.get(req_id)) is None:
            return
        line.ticker.apply_price(tick_type, price, self.arrived)
        if tick_type in PAIRED:
            self.half = line
        else:
            self.tell(line)

    def tickSize(self, req_id: int, tick_type: int, size: Decimal) -> None:
        if (line := self.lines.get(req_id)) is None:
            return
        ticker = line.ticker
        before = ticker.changed if self.half is line else ()
        self.half = None
        ticker.apply_size(tick_type, size, self.arrived)
        if before:
            ticker.changed = tuple(dict.fromkeys((*before, *ticker.changed)))
        self.tell(line)

    def tickGeneric(self, req_id: int, tick_type: int, value: float) -> None:
        if (line := self.lines.get(req_id)) is not None:
            line.ticker.apply_number(tick_type, value, self.arrived)
            self.tell(line)

    def tickString(self, req_id: int, tick_type: int, value: str) -> None:
        if (line := self.lines.get(req_id)) is not None:
            line.ticker.apply_text(tick_type, value, self.arrived)
            self.tell(line)

    def tell(self, line: Line) -> None:
        assert line.life is not None
        if line.life.status is not StreamStatus.LIVE:
            self.heard(line.life)
        if line.tell is not None:
            line.tell(line.ticker)


class Rig:
    """Three lines, the third without anybody to tell; and all that was told."""

    def __init__(self, form: type[Any]) -> None:
        self.arrival = Arrival()
        self.lines: dict[int, Line] = {}
        self.told: list[tuple[str, object]] = []
        for number, contract in enumerate(
            (stock("AAPL"), future("CL", "202612", "NYMEX"), stock("C"))
        ):
            line = Line(number, Ticker(contract, str(number), ManualClock()))
            line.life = Life(str(number), None)  # type: ignore[arg-type]  # nobody asks for it
            line.tell = None if number == 2 else self.tell
            self.lines[number] = line
        self.ticking = form(self.lines, self.arrival, lambda: -1.0, self.heard)

    def tell(self, ticker: Ticker) -> None:
        self.told.append((ticker.symbol, ticker.changed))

    def heard(self, life: Life) -> None:
        life.status = StreamStatus.LIVE
        self.told.append(("heard", life.name))

    def do(self, name: str, req_id: int, args: tuple[Any, ...]) -> None:
        if name.startswith("tick"):
            getattr(self.ticking, name)(req_id, *args)
        elif name == "lost":
            life = self.lines[req_id].life
            assert life is not None
            life.status = StreamStatus.INTERRUPTED
        else:
            getattr(self.lines[req_id].ticker, name)(*args)


class _Last(list[Any]):
    """The newest twenty of many."""

    def append(self, item: Any) -> None:
        del self[:-19]
        super().append(item)


FIELDS = operator.attrgetter(
    *(one.name for one in attrs.fields(Ticker) if one.name not in {"contract", "_clock"})
)


def shown(ticker: Ticker) -> str:
    """All that it holds, as text: NaN is equal to itself there."""
    return repr(FIELDS(ticker))


#: The common types, every other one that is named, and some that are not.
TYPES = st.one_of(st.sampled_from((0, 1, 2, 3, 4, 5, 8)), st.sampled_from((*TICKS, -1, 150)))
NUMBERS = st.one_of(
    st.sampled_from((0.0, -0.0, -1.0, 1.0, 189.5, UNSET_DOUBLE, float("nan"), float("inf"), 7)),
    st.floats(),
)
SIZES = st.one_of(
    st.sampled_from(("0", "-1", "100", "0.5", "NaN", "-0", "Infinity")).map(Decimal),
    st.just(UNSET_DECIMAL),
    st.just(Decimal(str(UNSET_DECIMAL))),
    st.decimals(allow_nan=False),
)
TEXTS = st.one_of(st.sampled_from(("", "0", "1759000000", "KPTU", "2.5", "x")), st.text(max_size=5))
ATTRIB = TickAttrib()
STEP = st.one_of(
    st.tuples(st.just("tickPrice"), st.tuples(TYPES, NUMBERS, st.just(ATTRIB))),
    st.tuples(st.just("tickSize"), st.tuples(TYPES, SIZES)),
    st.tuples(st.just("tickGeneric"), st.tuples(TYPES, NUMBERS)),
    st.tuples(st.just("tickString"), st.tuples(TYPES, TEXTS)),
    st.tuples(
        st.sampled_from(("lost", "renew", "doubt", "resume", "forget", "interrupt", "apply_type")),
        st.just(()),
    ),
)
ARGUMENTS: dict[str, tuple[Any, ...]] = {"interrupt": ("gone",), "apply_type": (3,)}


#: What matters to one another: prices and sizes that belong together, values that are none, and
#: what happens to a line.
WALK: list[tuple[str, tuple[Any, ...]]] = [
    *(("tickPrice", (of, price, ATTRIB)) for of in (1, 2, 4, 66, 6) for price in (0.0, -1.0, 9.5)),
    *(("tickSize", (of, Decimal(size))) for of in (0, 3, 5, 69, 8) for size in (0, 7)),
    *(("tickSize", (of, UNSET_DECIMAL)) for of in (0, 8)),
    *(("tickGeneric", (of, value)) for of in (49, 54) for value in (-1.0, 0.0, UNSET_DOUBLE)),
    *(("tickString", (of, text)) for of in (45, 32) for text in ("0", "1759000000")),
    *((name, ()) for name in ("lost", "renew", "doubt", "resume", "forget", "interrupt")),
    ("apply_type", (1,)),
    ("apply_type", (3,)),
]  # fmt: skip


@pytest.mark.parametrize("form", IMPLEMENTATIONS)
def test_a_long_walk_among_all_that_can_happen_to_a_line(form: type[Any]) -> None:
    chance = Random(9)
    short, long = Rig(form), Rig(LongWay)
    for rig in (short, long):
        rig.told = _Last()
    for at in range(20_000):
        req_id = int(chance.random() < 0.2)
        name, args = chance.choice(WALK)
        for rig in (short, long):
            rig.arrival.at = float(at)
            rig.do(name, req_id, args or ARGUMENTS.get(name, ()))
        mine, theirs = short.lines[req_id].ticker, long.lines[req_id].ticker
        assert FIELDS(mine) == FIELDS(theirs), (at, name, args)
        assert short.told == long.told


@pytest.mark.parametrize("form", IMPLEMENTATIONS)
@settings(max_examples=150)
@given(steps=st.lists(st.tuples(st.integers(0, 3), STEP), max_size=30))
def test_the_short_way_does_what_the_long_way_does(
    form: type[Any], steps: list[tuple[int, tuple[str, tuple[Any, ...]]]]
) -> None:
    short, long = Rig(form), Rig(LongWay)
    for at, (req_id, (name, args)) in enumerate(steps):
        if not name.startswith("tick") and req_id == 3:
            continue  # no line has that id
        for rig in (short, long):
            rig.arrival.at = float(at)
            rig.do(name, req_id, ARGUMENTS.get(name, args))
        assert short.told == long.told
        for mine, theirs in zip(short.lines.values(), long.lines.values(), strict=True):
            assert shown(mine.ticker) == shown(theirs.ticker)


@pytest.mark.parametrize("form", IMPLEMENTATIONS)
@pytest.mark.parametrize("way", ["tickPrice", "tickSize"])
def test_what_the_short_way_takes_of_each_type(form: type[Any], way: str) -> None:
    """Every type once on a quiet line, and once more after it was told that there is none."""
    short, long = Rig(form), Rig(LongWay)
    values = {
        "tickPrice": (189.5, -1.0, 190.5),
        "tickSize": (Decimal(7), UNSET_DECIMAL, Decimal(8)),
    }
    for rig in (short, long):
        rig.arrival.at = 1.0
        for tick_type in TICKS:
            for value in values[way]:
                tail = (ATTRIB,) if way == "tickPrice" else ()
                rig.do(way, 0, (tick_type, value, *tail))
    assert short.told == long.told
    assert shown(short.lines[0].ticker) == shown(long.lines[0].ticker)


@pytest.mark.parametrize("form", IMPLEMENTATIONS)
def test_a_tick_that_did_not_come_over_the_wire_is_stamped_by_the_clock(form: type[Any]) -> None:
    rig = Rig(form)
    for number, (name, args) in enumerate(
        (
            ("tickPrice", (6, 189.5, ATTRIB)),
            ("tickSize", (8, Decimal(7))),
            ("tickGeneric", (49, 0.0)),
            ("tickString", (32, "K")),
        )
    ):
        rig.lines[0].ticker.received = float(number)
        rig.do(name, 0, args)
        assert rig.lines[0].ticker.received == -1.0
        rig.arrival.at = 5.0
        rig.do(name, 0, args)
        assert rig.lines[0].ticker.received == 5.0
        rig.arrival.at = None


class Told:
    """A line whose only listener is a program's callback, as a subscription makes it."""

    def __init__(self, form: type[Any], callback: Callable[[Ticker], object], **where: Any) -> None:
        self.rig = Rig(form)
        self.rig.arrival.at = 1.0
        self.reports: list[str] = []
        self.slow: list[str] = []
        self.registry = Registry(lambda name, _error: self.reports.append(name))
        self.delivery = Delivery(
            callback,
            registry=self.registry,
            spawn=id,
            report=lambda name, _error: self.reports.append(name),
            count=self.slow.append,
            latest=True,
            **where,
        )
        for line in self.rig.lines.values():
            line.tell_all([self.delivery.one])

    def tick(self, req_id: int, bid: float) -> None:
        self.rig.do("tickPrice", req_id, (1, bid, ATTRIB))
        self.rig.do("tickSize", req_id, (0, Decimal(7)))


@pytest.mark.parametrize("form", IMPLEMENTATIONS)
def test_a_callback_may_raise_leave_and_come_to_wait_for_run(form: type[Any]) -> None:
    seen: list[float | None] = []

    def show(ticker: Ticker) -> None:
        seen.append(ticker.bid)
        if ticker.bid == 666.0:
            raise KeyError("x")
        if ticker.bid == 999.0:
            told.delivery.close()

    told = Told(form, show)
    prices = [float(number) for number in range(1, PROBATION + 20)] + [666.0, 5.0]
    for price in prices:
        told.tick(0, price)
    told.rig.do("tickGeneric", 0, (54, 3.0))
    assert seen == [*prices, 5.0]
    assert ["show" in name for name in told.reports] == [True]
    assert told.delivery.counts.delivered == len(seen)
    told.registry.queue = queue = CallbackQueue(10)
    told.registry.rebuild()
    told.tick(0, 7.0)
    told.tick(1, 8.0)
    assert len(seen) == len(prices) + 1
    assert told.delivery.counts.waiting == 2
    entry = queue.get()
    assert entry is not None
    entry.functions[0]()
    assert seen[-2:] == [7.0, 8.0]
    told.registry.queue = None
    told.registry.rebuild()
    told.tick(0, 999.0)
    told.tick(0, 9.0)
    assert seen[-1] == 999.0


@pytest.mark.parametrize("form", IMPLEMENTATIONS)
def test_two_callbacks_of_a_line_are_both_told(form: type[Any]) -> None:
    seen: list[object] = []
    told = Told(form, seen.append)
    line = told.rig.lines[0]
    line.tell_all([told.delivery.one, seen.append])
    told.tick(0, 5.0)
    assert seen == [line.ticker] * 2
    line.tell_all([])
    told.tick(0, 6.0)
    assert len(seen) == 2


@pytest.mark.parametrize("form", IMPLEMENTATIONS)
def test_a_slow_callback_is_named(form: type[Any]) -> None:
    pause = threading.Event()
    told = Told(form, lambda _ticker: pause.wait(0.02), patience=0.01)
    told.tick(0, 5.0)
    assert told.slow == ["callbacks_slow"]


@pytest.mark.parametrize("form", IMPLEMENTATIONS)
def test_in_a_flood_a_slow_callback_elsewhere_sees_the_newest_and_nothing_grows(
    form: type[Any],
) -> None:
    gate, begun = threading.Event(), threading.Event()
    seen: list[tuple[str, float | None]] = []

    def show(ticker: Ticker) -> None:
        begun.set()
        gate.wait(10)
        seen.append((ticker.symbol, ticker.bid))

    with concurrent.futures.ThreadPoolExecutor(1) as executor:
        told = Told(form, show, where=executor)
        told.tick(0, 1.0)
        assert begun.wait(10)
        for number in range(5000):
            for req_id in range(3):
                told.tick(req_id, 2.0 + number)
            assert told.delivery.counts.waiting <= 3
        gate.set()
    assert told.delivery.counts.replaced == 3 * 4999
    assert told.delivery.counts.dropped == 0
    # The one that was under way reads the ticker when it is let go, and sees the newest, too.
    assert seen == [("0", 5001.0), *((str(req_id), 5001.0) for req_id in range(3))]


@pytest.mark.parametrize("form", IMPLEMENTATIONS)
def test_many_ticks_leave_nothing_behind(form: type[Any]) -> None:
    """A short form: what a tick leaves is seen in thousands of them as well."""
    told = Told(form, lambda _ticker: None)
    sizes = [Decimal(number) for number in range(1, 50)]

    def flood(rounds: int) -> None:
        for number in range(rounds):
            told.rig.arrival.at = float(number)
            told.rig.do("tickPrice", number % 3, (number % 3 + 1, number + 0.5, ATTRIB))
            told.rig.do("tickSize", number % 3, (number % 6, sizes[number % 49]))
            told.rig.do("tickString", number % 3, (45, str(1_790_600_000 + number % 7)))
            told.rig.do("tickString", number % 3, (32, f"K{number % 9}"))
            told.rig.do("tickGeneric", number % 3, (54, number + 0.25))

    flood(1000)
    counts = [sys.getrefcount(size) for size in sizes]
    gc.collect()
    tracemalloc.start()
    flood(500)
    before, _ = tracemalloc.get_traced_memory()
    flood(4000)
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert after - before < 2000
    assert (
        max(abs(sys.getrefcount(size) - count) for size, count in zip(sizes, counts, strict=True))
        < 7
    )
