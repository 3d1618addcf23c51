"""IB's 250 ms: one set of changes per interval, and nothing that sums up is lost."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from twsloop.paper.feeds.sampling import IB_INTERVAL_NS, Sampler
from twsloop.paper.market.vocabulary import Event, Halt, QuoteChange, TopOfBook, Trade

MS = 1_000_000


def quote(at: int, bid: float, con_id: int = 1) -> QuoteChange:
    return QuoteChange(con_id, at * MS, bid, Decimal(1), bid + 1, Decimal(1))


def trade(at: int, price: float, size: int, con_id: int = 1) -> Trade:
    return Trade(con_id, at * MS, price, Decimal(size), "N")


def sampled(events: list[Event]) -> list[list[Event]]:
    sampler, sets = Sampler(), []
    for event in events:
        ended = sampler.advance(event.time_ns)
        if ended:
            sets.append(ended)
        sampler.add(event)
    rest = sampler.flush()
    return [*sets, rest] if rest else sets


def test_the_last_quote_of_an_interval_remains() -> None:
    assert sampled([quote(0, 1.0), quote(249, 2.0), quote(250, 3.0)]) == [
        [quote(249, 2.0)],
        [quote(250, 3.0)],
    ]


def test_trades_of_an_interval_sum_up() -> None:
    ((one,),) = sampled([trade(1, 5.0, 10), trade(2, 9.0, 20), trade(3, 2.0, 5), trade(4, 6.0, 7)])
    assert one == Trade(
        1, 4 * MS, 6.0, Decimal(7), "N", volume=Decimal(42), first=5.0, high=9.0, low=2.0
    )


def test_what_happened_last_comes_last_of_all_instruments() -> None:
    (one,) = sampled([trade(1, 5.0, 10), quote(2, 1.0), quote(3, 1.0, con_id=2), trade(4, 5.0, 1)])
    assert [(event.con_id, type(event)) for event in one] == [
        (1, QuoteChange),
        (2, QuoteChange),
        (1, Trade),
    ]


def test_an_event_of_another_instrument_ends_the_interval() -> None:
    sampler = Sampler()
    sampler.advance(0)
    sampler.add(quote(0, 1.0))
    assert sampler.ends_ns == IB_INTERVAL_NS
    assert sampler.advance(249 * MS) == []
    assert sampler.advance(1000 * MS) == [quote(0, 1.0)]
    assert sampler.ends_ns == 5 * IB_INTERVAL_NS


def test_halts_remain() -> None:
    assert sampled([Halt(1, 0, 1), Halt(1, 1, 2)]) == [[Halt(1, 1, 2)]]


@st.composite
def histories(draw: st.DrawFn) -> list[Event]:
    now = 0
    events: list[Event] = []
    for _ in range(draw(st.integers(0, 30))):
        now += draw(st.integers(0, 200))
        con_id, price = draw(st.integers(1, 2)), float(draw(st.integers(1, 9)))
        events.append(
            quote(now, price, con_id)
            if draw(st.booleans())
            else trade(now, price, draw(st.integers(1, 9)), con_id)
        )
    return events


@given(histories())
def test_sampling_ends_where_every_event_ends(events: list[Event]) -> None:
    plain = {1: TopOfBook(1), 2: TopOfBook(2)}
    coarse = {1: TopOfBook(1), 2: TopOfBook(2)}
    for event in events:
        plain[event.con_id].apply(event)
    sets = sampled(events)
    for one in sets:
        kinds = [(event.con_id, type(event)) for event in one]
        assert len(kinds) == len(set(kinds))
        assert len({event.time_ns // IB_INTERVAL_NS for event in one}) == 1
        for event in one:
            coarse[event.con_id].apply(event)
    times = [event.time_ns for one in sets for event in one]
    assert times == sorted(times)
    assert coarse == plain
