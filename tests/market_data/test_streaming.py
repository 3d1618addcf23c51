"""Ticks by tick: every form makes the same rows of them, and tells them to the same people."""

from __future__ import annotations

import contextlib
import gc
import sys
import tracemalloc
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ibapi.common import TickAttribBidAsk, TickAttribLast
from ibapi.const import UNSET_DECIMAL, UNSET_DOUBLE

from twsloop.clock import Arrival, ManualClock
from twsloop.connection.feed import Feed, StreamPlan
from twsloop.connection.life import StreamStatus
from twsloop.connection.stream import Stream
from twsloop.market_data.event_processor import TICKS
from twsloop.market_data.streaming import Streaming
from twsloop.market_data.tick_rows import BidAskTick, TradeTick
from twsloop.processors import CallbackQueue, Registry
from twsloop.processors.delivery import Delivery
from twsloop.wire.values import decimal_or_none

FORMS: list[Any] = [pytest.param(Streaming, id="python")]
with contextlib.suppress(ImportError):
    from twsloop.market_data._ticking import Streaming as Compiled

    FORMS.append(pytest.param(Compiled, id="native"))


@attrs.define(eq=False)
class Keeper:
    """Those who keep the feeds, as far as an item needs them."""

    clock: ManualClock = attrs.field(factory=ManualClock)
    arrival: Arrival = attrs.field(factory=Arrival)
    said: list[str] = attrs.field(factory=list)

    def live(self, feed: Feed[Any]) -> None:
        feed.life.status = StreamStatus.LIVE
        self.said.append("live")

    def expect(self, _feed: Feed[Any]) -> None:
        self.said.append("expected")

    def waiter(self) -> Any:
        return self  # the image's future: nobody waits for it

    def set_result(self, _result: object) -> None:
        self.said.append("image")


class Rig:
    """A stream of trades (id 1), one of quotes (id 2), and what their holders are told."""

    def __init__(self, form: type[Any], holders: int = 1) -> None:
        keeper: Any = Keeper()
        self.keeper = keeper
        self.told: list[tuple[int, Any]] = []
        self.reports: list[str] = []
        self.feeds: dict[int, Feed[Any]] = {}
        registry = Registry(lambda name, _error: self.reports.append(name))
        for req_id in (1, 2, 3):
            plan = StreamPlan(
                request=f"ticks {req_id}",
                send=id,
                cancel=None,
                listener=self,
                callbacks=("realtimeBar",) if req_id == 3 else TICKS,
            )
            feed: Feed[Any] = Feed(plan, keeper)
            for holder in range(holders):
                stream: Stream[Any] = Stream(keeper, keeper, feed)
                stream.listen(
                    Delivery(
                        lambda item, holder=holder: self.told.append((holder, item)),
                        registry=registry,
                        spawn=id,
                        report=lambda name, _error: self.reports.append(name),
                        count=id,
                    )
                )
                feed.handles[stream] = None
            feed.held()
            self.feeds[req_id] = feed
        clock = self.keeper.clock
        self.streaming = form(self.feeds, self.keeper.arrival, clock.monotonic)

    def trade(self, req_id: int, *values: Any) -> None:
        time, price, size, flags, exchange, codes = values
        attrib = TickAttribLast()
        attrib.pastLimit, attrib.unreported = flags
        self.streaming.tickByTickAllLast(req_id, 1, time, price, size, attrib, exchange, codes)

    def quote(self, req_id: int, *values: Any) -> None:
        *numbers, flags = values
        attrib = TickAttribBidAsk()
        attrib.bidPastLow, attrib.askPastHigh = flags
        self.streaming.tickByTickBidAsk(req_id, *numbers, attrib)


def time_of(seconds: int) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, ValueError):
        return None


TIMES = st.one_of(st.sampled_from((0, 1_790_600_000, 1_790_600_001, -1, 10**15)), st.integers())
PRICES = st.one_of(st.sampled_from((0.0, -1.0, 9.5, UNSET_DOUBLE)), st.floats(allow_nan=False))
SIZES = st.one_of(
    st.sampled_from((UNSET_DECIMAL, Decimal("NaN"), Decimal("sNaN"), Decimal("Infinity"))),
    st.sampled_from((Decimal(2**31 - 1), Decimal(2**63 - 1), Decimal(-(2**63)), Decimal(0))),
    st.decimals(allow_nan=False),
    st.none(),
)
FLAGS = st.tuples(st.booleans(), st.sampled_from((False, True, 0, 1)))
WORDS = st.sampled_from(("", "NYSE", None))
TRADES = st.tuples(TIMES, PRICES, SIZES, FLAGS, WORDS, WORDS)
QUOTES = st.tuples(TIMES, PRICES, PRICES, SIZES, SIZES, FLAGS)


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=150)
@given(
    steps=st.lists(
        st.one_of(st.tuples(st.just("trade"), TRADES), st.tuples(st.just("quote"), QUOTES)),
        max_size=8,
    ),
    holders=st.integers(0, 2),
)
def test_what_comes_is_told_as_a_row(
    form: type[Any], steps: list[tuple[str, tuple[Any, ...]]], holders: int
) -> None:
    rig = Rig(form, holders)
    expected: list[tuple[int, Any]] = []
    for at, (kind, values) in enumerate(steps):
        rig.keeper.arrival.at = float(at)
        time = time_of(values[0])
        row: TradeTick | BidAskTick | None = None
        if kind == "trade":
            rig.trade(1, *values)
            rig.trade(3, *values)  # a stream of another kind has that id
            rig.trade(9, *values)  # nobody has it
            _, price, size, (past, unreported), exchange, codes = values
            if time is not None:
                words = exchange or "", codes or ""
                flags = bool(past), bool(unreported)
                row = TradeTick(time, price, decimal_or_none(size), *words, *flags)
        else:
            rig.quote(2, *values)
            rig.quote(3, *values)
            _, bid, ask, bid_size, ask_size, (low, high) = values
            if time is not None:
                sizes = decimal_or_none(bid_size), decimal_or_none(ask_size)
                row = BidAskTick(time, bid, ask, *sizes, bool(low), bool(high))
        if row is not None:
            expected += [(holder, row) for holder in range(holders)]
            feed = rig.feeds[1 if kind == "trade" else 2]
            assert feed.latest == row
            assert feed.received == float(at)
            assert feed.whole
            assert feed.life.status is StreamStatus.LIVE
    assert rig.told == expected
    for (_, mine), (_, wanted) in zip(rig.told, expected, strict=True):
        assert repr(attrs.astuple(mine)) == repr(attrs.astuple(wanted))
        assert type(mine) is type(wanted)
    assert rig.reports == []
    assert rig.feeds[3].latest is None


@pytest.mark.parametrize("form", FORMS)
def test_one_that_did_not_come_over_the_wire_is_stamped_by_the_clock(form: type[Any]) -> None:
    rig = Rig(form)
    rig.keeper.clock.advance(7.5)
    rig.trade(1, 1_790_600_000, 9.5, Decimal(1), (False, False), "NYSE", "")
    assert rig.feeds[1].received == 7.5
    assert rig.keeper.said == ["live", "expected", "image"]
    rig.trade(1, 1_790_600_000, 9.5, Decimal(1), (False, False), "NYSE", "")
    assert rig.keeper.said == ["live", "expected", "image"]


@pytest.mark.parametrize("form", FORMS)
def test_one_that_raises_or_leaves_does_not_hurt_the_others(form: type[Any]) -> None:
    rig = Rig(form)
    (stream,) = rig.feeds[2].handles
    registry = Registry(lambda *_: None)

    def broken(_item: object) -> None:
        raise KeyError("x")

    stream.listen(
        Delivery(
            broken, registry=registry, spawn=id, count=id,
            report=lambda name, _error: rig.reports.append(name),
        )
    )  # fmt: skip
    for _ in range(2):
        rig.quote(2, 1_790_600_000, 9.5, 9.6, Decimal(1), Decimal(2), (False, True))
    assert len(rig.told) == 2
    assert ["broken" in name for name in rig.reports] == [True, True]
    assert [count.delivered for count in stream.callbacks] == [2, 2]
    stream.mute()
    rig.quote(2, 1_790_600_000, 9.5, 9.6, Decimal(1), Decimal(2), (False, True))
    assert len(rig.told) == 2


@pytest.mark.parametrize("form", FORMS)
def test_who_iterates_over_the_items_gets_them_too(form: type[Any]) -> None:
    rig = Rig(form)
    (stream,) = rig.feeds[2].handles
    stream.gather()
    rig.quote(2, 1_790_600_000, 9.5, 9.6, Decimal(1), Decimal(2), (False, True))
    items = stream.items()
    assert next(items) is rig.told[0][1]


@pytest.mark.parametrize("form", FORMS)
def test_many_rows_leave_nothing_behind(form: type[Any]) -> None:
    rig = Rig(form, holders=0)
    sizes = [Decimal(number) for number in range(1, 50)]

    def flood(rounds: int) -> None:
        for number in range(rounds):
            rig.keeper.arrival.at = float(number)
            size, time = sizes[number % 49], 1_790_600_000 + number % 7
            rig.trade(1, time, number + 0.5, size, (True, False), "NYSE", None)
            rig.quote(2, time, number + 0.5, number + 0.75, size, UNSET_DECIMAL, (False, True))

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
    now = [sys.getrefcount(size) for size in sizes]
    assert max(abs(one - other) for one, other in zip(now, counts, strict=True)) < 3


@pytest.mark.parametrize("form", FORMS)
def test_where_only_the_newest_matters_one_item_waits(form: type[Any]) -> None:
    rig = Rig(form)
    (stream,) = rig.feeds[2].handles
    registry = Registry(lambda *_: None)
    registry.queue = CallbackQueue(100)
    seen: list[Any] = []
    stream.listen(
        Delivery(
            seen.append, registry=registry, spawn=id, count=id, latest=True,
            report=lambda name, _error: rig.reports.append(name),
        )
    )  # fmt: skip
    for bid in (9.5, 9.6, 9.7):
        rig.quote(2, 1_790_600_000, bid, 9.8, Decimal(1), Decimal(2), (False, False))
    assert (stream.callbacks[1].waiting, stream.callbacks[1].replaced) == (1, 2)
    entry = registry.queue.get()
    assert entry is not None
    entry.functions[0]()
    assert [item.bid for item in seen] == [9.7]
