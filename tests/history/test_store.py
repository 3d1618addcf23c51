"""The store against a plain model: what is known, and what it says of it."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twsloop.errors import StorageError
from twsloop.history.rows import Bar, MidpointTick, QuoteTick, Tick, TradeTick
from twsloop.history.spans import Span, Spans, moment
from twsloop.history.store import PAGE, SeriesKey, Store

pytestmark = pytest.mark.anyio

KEY = SeriesKey("here", "265598@SMART", "TRADES", "1 min", regular=True)
TICKS = attrs.evolve(KEY, size="tick")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    made = Store(tmp_path / "new" / "history.db")
    await made.open()
    yield made
    await made.close()


def bar(second: int, price: str = "1.50") -> Bar:
    at = Decimal(price)
    return Bar(moment(second), at, at, at, at, Decimal("3.5"), None, 2)


async def test_a_new_store_knows_nothing(store: Store) -> None:
    assert await store.known(KEY) == Spans()
    assert await store.bars(KEY, Span(0, 100), dated=False) == []


async def test_rows_come_back_as_they_were(store: Store) -> None:
    bars = [bar(10, "1.50"), attrs.evolve(bar(20), volume=None, average=Decimal("1.5E-7"))]
    await store.keep_bars(KEY, Span(0, 100), bars)
    told = await store.bars(KEY, Span(0, 100), dated=False)
    assert told == bars
    assert [str(one.open) for one in told] == ["1.50", "1.50"]
    day = attrs.evolve(bar(86_400), day=date(1970, 1, 2))
    await store.keep_bars(attrs.evolve(KEY, size="1 day"), Span(0, 10 * 86_400), [day])
    everything = Span(0, 10 * 86_400)
    assert await store.bars(attrs.evolve(KEY, size="1 day"), everything, dated=True) == [day]


async def test_ticks_come_back_in_their_order(store: Store) -> None:
    ticks: list[Tick] = [
        TradeTick(moment(5), Decimal("1.10"), Decimal(3), "ISLAND", "I", unreported=True),
        TradeTick(moment(5), Decimal("1.10"), None, past_limit=True),
        QuoteTick(moment(6), Decimal(1), None, Decimal(200), None, bid_past_low=True),
        QuoteTick(moment(6), None, Decimal(2), None, Decimal(1), ask_past_high=True),
        MidpointTick(moment(7), Decimal("1.08755")),
    ]
    await store.keep_ticks(TICKS, Span(5, 8), ticks)
    assert await store.ticks(TICKS, Span(0, 100)) == ticks
    assert await store.ticks(TICKS, Span(6, 7)) == ticks[2:4]
    await store.keep_ticks(TICKS, Span(5, 6), ticks[:1])  # told anew
    assert await store.ticks(TICKS, Span(0, 7)) == [ticks[0], *ticks[2:4]]


async def test_more_rows_than_are_read_at_a_time(store: Store) -> None:
    many = 2 * PAGE + 1
    bars = [bar(number) for number in range(many)]
    await store.keep_bars(KEY, Span(0, many), bars)
    assert await store.bars(KEY, Span(0, many), dated=False) == bars
    ticks: list[Tick] = [MidpointTick(moment(number // 3), Decimal(1)) for number in range(many)]
    await store.keep_ticks(TICKS, Span(0, many), ticks)
    assert await store.ticks(TICKS, Span(0, many)) == ticks
    assert await store.ticks(TICKS, Span(1, 3)) == ticks[3:9]


async def test_series_are_kept_apart(store: Store) -> None:
    await store.keep_bars(KEY, Span(0, 100), [bar(10)])
    for other in (
        {"source": "there"},
        {"contract": "265598@ISLAND"},
        {"show": "BID"},
        {"size": "5 mins"},
        {"regular": False},
    ):
        key = attrs.evolve(KEY, **other)
        assert await store.known(key) == Spans()
        assert await store.bars(key, Span(0, 100), dated=False) == []


async def test_what_is_forgotten_is_gone(store: Store) -> None:
    other = attrs.evolve(KEY, show="BID")
    for key in (KEY, other):
        await store.keep_bars(key, Span(0, 100), [bar(10)])
    await store.forget(KEY)
    assert await store.known(KEY) == Spans()
    await store.keep_bars(KEY, Span(50, 100), [])
    assert await store.bars(KEY, Span(0, 100), dated=False) == []
    assert await store.bars(other, Span(0, 100), dated=False) == [bar(10)]


async def test_the_next_program_finds_it(tmp_path: Path) -> None:
    found = []
    for _ in range(2):
        store = Store(tmp_path / "history.db")
        await store.open()
        found.append(await store.known(KEY))
        await store.keep_bars(KEY, Span(0, 100), [bar(10)])
        await store.close()
    assert found == [Spans(), Spans([Span(0, 100)])]


async def test_a_file_of_something_else(tmp_path: Path) -> None:
    file = tmp_path / "history.db"
    file.write_text("a shopping list" * 100)
    with pytest.raises(StorageError, match="move the file away"):
        await Store(file).open()


spans = st.tuples(st.integers(0, 40), st.integers(1, 12)).map(lambda p: Span(p[0], p[0] + p[1]))


@settings(max_examples=25)
@given(st.lists(st.tuples(spans, st.sets(st.integers(0, 52))), max_size=8))
def test_it_knows_what_it_was_told_last(told: list[tuple[Span, set[int]]]) -> None:
    async def run() -> None:
        model: dict[int, Bar] = {}
        known = Spans()
        with tempfile.TemporaryDirectory() as folder:
            store = Store(Path(folder) / "history.db")
            await store.open()
            try:
                for number, (span, seconds) in enumerate(told):
                    bars = [
                        bar(one, str(number)) for one in sorted(seconds) if one in Spans([span])
                    ]
                    await store.keep_bars(KEY, span, bars)
                    model = {at: one for at, one in model.items() if at not in Spans([span])}
                    model |= {one.second: one for one in bars}
                    known = known.add([span])
                assert await store.known(KEY) == known
                everything = await store.bars(KEY, Span(0, 100), dated=False)
                assert everything == [model[at] for at in sorted(model)]
            finally:
                await store.close()

    asyncio.run(run())
