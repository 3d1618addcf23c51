"""The live Ticker: what each tick does to it, and what never becomes a number."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ibapi.const import UNSET_DECIMAL, UNSET_DOUBLE
from ibapi.contract import Contract

from twsloop.clock import ManualClock
from twsloop.contracts import combo, future, stock
from twsloop.errors import RequestError, RequestTimeout
from twsloop.events import Notice
from twsloop.market_data.state import Ticker
from twsloop.market_data.ticks import (
    PAIRED,
    TICKS,
    EfpTick,
    Greeks,
    Kind,
    MarketDataType,
    RtVolume,
)

TYPES: dict[Kind, type] = {
    Kind.PRICE: float,
    Kind.NUMBER: float,
    Kind.SIZE: Decimal,
    Kind.TEXT: str,
    Kind.TIME: datetime,
    Kind.RT_VOLUME: RtVolume,
    Kind.GREEKS: Greeks,
    Kind.EFP: EfpTick,
}


def ticker(contract: Contract | None = None, clock: ManualClock | None = None) -> Ticker:
    return Ticker(contract or stock("AAPL"), "AAPL", clock or ManualClock())


def test_nothing_is_known_at_first() -> None:
    fresh = ticker()
    for name, _ in TICKS.values():
        assert getattr(fresh, name) is None
    assert fresh.age is None
    assert fresh.received_time is None
    assert (fresh.midpoint, fresh.spread) == (None, None)
    assert not fresh.stale


def test_it_is_printed_in_a_line() -> None:
    t = ticker()
    t.apply_price(1, 189.49, 1.0)
    assert repr(t) == "<Ticker AAPL: bid 189.49, ask None, last None>"
    t.stale, t.error = True, ValueError("no")
    assert repr(t).endswith("last None, stale, no>")


def test_a_quote() -> None:
    t = ticker()
    t.apply_price(1, 189.49, 1.0)
    assert t.changed == ("bid",)
    t.apply_size(0, Decimal(300), 1.0)
    t.apply_price(2, 189.51, 1.0)
    t.apply_size(3, Decimal(200), 1.0)
    assert (t.bid, t.bid_size, t.ask, t.ask_size) == (189.49, Decimal(300), 189.51, Decimal(200))
    assert t.midpoint == pytest.approx(189.5)
    assert t.spread == pytest.approx(0.02)
    assert t.changed == ("ask_size",)


def test_age_and_receive_time() -> None:
    clock = ManualClock(datetime(2026, 1, 5, 14, 30, tzinfo=UTC))
    t = ticker(clock=clock)
    clock.advance(10)
    t.apply_price(4, 189.5, clock.monotonic())
    clock.advance(2.5)
    assert t.age == pytest.approx(2.5)
    received = t.received_time
    assert received is not None
    assert abs(received - datetime(2026, 1, 5, 14, 30, 10, tzinfo=UTC)) < timedelta(milliseconds=1)


@pytest.mark.parametrize("price", [-1.0, UNSET_DOUBLE])
def test_no_quote_is_none(price: float) -> None:
    t = ticker()
    t.apply_price(1, 189.49, 1.0)
    t.apply_size(0, Decimal(300), 1.0)
    t.apply_price(1, price, 2.0)
    t.apply_size(0, Decimal(0), 2.0)
    assert t.bid is None
    assert t.bid_size == 0


def test_price_zero_with_size_zero_is_no_quote() -> None:
    t = ticker()
    t.apply_price(2, 189.51, 1.0)
    t.apply_size(3, Decimal(100), 1.0)
    t.apply_price(2, 0.0, 1.0)
    assert t.ask == 189.51  # whether 0 is a price, the size will say: nobody sees it before
    t.apply_size(3, Decimal(0), 1.0)
    assert t.ask is None
    assert t.changed == ("ask_size", "ask")


def test_a_worthless_option_keeps_its_price() -> None:
    t = ticker()
    t.apply_price(1, 0.0, 1.0)
    t.apply_size(0, Decimal(10), 1.0)
    assert t.bid == 0.0


@pytest.mark.parametrize(
    "contract",
    [combo("AAPL", [(1, 1, "BUY"), (2, 1, "SELL")]), future("CL", "202005", "NYMEX")],
    ids=["combo", "oil"],
)
def test_what_may_cost_minus_one(contract: Contract) -> None:
    t = ticker(contract)
    t.apply_price(1, -37.63, 1.0)
    t.apply_size(0, Decimal(5), 1.0)
    assert t.bid == -37.63
    t.apply_price(1, -1.0, 1.0)
    assert t.bid == -37.63
    t.apply_size(0, Decimal(5), 1.0)
    assert t.bid == -1.0
    t.apply_price(1, -1.0, 2.0)
    t.apply_size(0, Decimal(0), 2.0)
    assert t.bid is None


def test_unset_size_is_none() -> None:
    t = ticker()
    t.apply_size(8, UNSET_DECIMAL, 1.0)
    assert t.volume is None


@pytest.mark.parametrize(
    ("value", "halted", "is_halted"), [(-1, None, False), (0, 0, False), (2, 2, True)]
)
def test_halted(value: float, halted: float | None, is_halted: bool) -> None:
    t = ticker()
    t.apply_number(49, value, 1.0)
    assert t.halted == halted
    assert t.is_halted is is_halted


def test_delayed_ticks_fill_the_same_fields_and_say_so() -> None:
    t = ticker()
    t.apply_price(66, 189.0, 1.0)
    t.apply_size(69, Decimal(100), 1.0)
    assert (t.bid, t.bid_size) == (189.0, Decimal(100))
    assert t.market_data_type is MarketDataType.DELAYED
    assert t.delayed
    t.apply_type(1)
    assert not t.delayed
    t.apply_type(99)
    assert t.market_data_type is None


def test_text_ticks() -> None:
    t = ticker()
    t.apply_text(45, "1759000000", 1.0)
    t.apply_text(32, "KPTU", 1.0)
    t.apply_text(55, "12.5", 1.0)
    assert t.last_time == datetime(2025, 9, 27, 19, 6, 40, tzinfo=UTC)
    assert t.bid_exchange == "KPTU"
    assert t.trade_rate == 12.5


def test_a_size_that_comes_as_a_number_is_a_decimal() -> None:
    t = ticker()
    t.apply_number(89, 1234567.0, 1.0)
    assert t.shortable_shares == Decimal("1234567.0")


def test_params_are_no_tick() -> None:
    t = ticker()
    t.apply_params(0.01, "a60001", 3)
    assert (t.min_tick, t.bbo_exchange, t.snapshot_permissions) == (0.01, "a60001", 3)
    assert t.received is None


def test_greeks_and_news() -> None:
    t = ticker()
    greeks = Greeks(0.3, 0.5, 4.2, 0.0, 0.01, 0.2, -0.05, 189.5, return_based=False)
    t.apply_greeks(13, greeks, 1.0)
    t.apply_news("Apple buys a pear", 1.0)
    assert t.model_greeks is greeks
    assert t.news == "Apple buys a pear"


def test_an_unknown_tick_type_is_kept_by_its_number() -> None:
    t = ticker()
    t.apply_price(900, 1.5, 1.0)
    t.apply_text(901, "x", 1.0)
    assert t.other == {900: 1.5, 901: "x"}
    assert t.changed == ("901",)


def test_a_tick_ends_staleness() -> None:
    t = ticker()
    t.stale = True
    t.apply_params(0.01, "", 0)
    assert t.stale
    t.apply_price(1, 1.0, 1.0)
    assert not t.stale


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("price"), st.integers(-1, 120), st.floats(allow_nan=False)),
            st.tuples(st.just("size"), st.integers(-1, 120), st.decimals(0, 10**9)),
            st.tuples(
                st.just("number"),
                st.integers(-1, 120),
                st.floats(allow_nan=False, allow_infinity=False),
            ),
            st.tuples(st.just("text"), st.integers(-1, 120), st.text(max_size=12)),
        ),
        max_size=40,
    )
)
def test_any_ticks_leave_every_field_of_its_type(ticks: list[tuple[str, int, object]]) -> None:
    t = ticker()
    for at, (how, number, value) in enumerate(ticks):
        getattr(t, f"apply_{how}")(number, value, float(at))
        # A bid, ask or last of 0 may be none: its size, which comes with it, tells.
        unsure = how == "price" and number in PAIRED and value == 0
        assert unsure or t.received == float(at)
    for name, kind in TICKS.values():
        value = getattr(t, name)
        assert value is None or isinstance(value, TYPES[kind])
        assert value not in {UNSET_DOUBLE, UNSET_DECIMAL}


def notice(code: int, text: str = "so it is") -> Notice:
    return Notice(time=datetime(2026, 1, 5, tzinfo=UTC), code=code, text=text)


def test_delayed_data_says_why() -> None:
    t = ticker()
    assert t.not_live_because == ""
    t.apply_type(3)
    assert t.not_live_because == "delayed by 15 to 20 minutes"
    t.apply_notice(notice(10167, "Displaying delayed market data"))
    t.apply_notice(notice(2104, "farm is OK"))  # news about something else
    assert t.notice is not None
    assert t.notice.code == 2104
    assert t.not_live_because == "10167: Displaying delayed market data"
    t.apply_type(1)
    assert t.not_live_because == ""


@pytest.mark.parametrize(
    ("kind", "said"),
    [(1, ""), (2, "frozen: "), (3, "delayed by"), (4, "delayed, and frozen"), (9, "")],
)
def test_each_type_of_data_says_what_it_is(kind: int, said: str) -> None:
    t = ticker()
    t.apply_type(kind)
    assert t.not_live_because.startswith(said)
    assert bool(t.not_live_because) is bool(said)


def test_live_data_of_which_a_part_is_missing_says_so() -> None:
    t = ticker()
    t.apply_type(1)
    t.apply_notice(notice(10090, "Part of requested market data is not subscribed"))
    assert t.not_live_because == "10090: Part of requested market data is not subscribed"


def test_an_error_of_ibs_is_the_reason_and_a_deadline_is_none() -> None:
    t = ticker()
    t.error = RequestTimeout("not complete within 10 s", request="snapshot of AAPL")
    assert t.not_live_because == ""
    t.error = RequestError("not subscribed", code=354, request="quotes of AAPL")
    assert t.not_live_because == "quotes of AAPL: error 354: not subscribed"
