"""Who holds IB's limited places, and what the next one is told."""

from __future__ import annotations

from collections.abc import Hashable, Mapping

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from twsloop.clock import ManualClock
from twsloop.errors import RequestError, SlotsExhausted
from twsloop.market_data.slots import (
    DEFAULT_LIMITS,
    HASTE,
    LEARNT_FOR,
    REFUSALS,
    Claim,
    Pool,
    Slot,
    Slots,
)


def ledger(clock: ManualClock | None = None, **limits: int) -> Slots:
    given = {Pool(name): limit for name, limit in limits.items()}
    return Slots(clock or ManualClock(), {**DEFAULT_LIMITS, **given})


def take(
    slots: Slots,
    token: Hashable,
    pool: Pool = Pool.LINES,
    *,
    instrument: Hashable = None,
    own_call: bool = False,
    claim: Claim = Claim.FIRM,
) -> Slot:
    return slots.take(
        token,
        pool,
        symbol=str(token),
        holder=f"quotes of {token}",
        instrument=instrument,
        own_call=own_call,
        claim=claim,
    )


def test_a_row_says_who_holds_what_since_when() -> None:
    clock = ManualClock()
    slots = ledger(clock)
    clock.advance(5)
    row = take(slots, "AAPL")
    assert (row.pool, row.symbol, row.holder, row.since) == (
        Pool.LINES,
        "AAPL",
        "quotes of AAPL",
        clock.now(),
    )
    clock.advance(5)
    assert take(slots, "AAPL") is row  # it stays as it is
    assert list(slots) == [row]
    assert "AAPL" in slots
    assert slots.usage("lines").free == 99
    slots.give("AAPL")
    slots.give("AAPL")
    assert list(slots) == []
    assert slots.free(Pool.LINES) == 100


def test_what_is_needed_less_gives_way() -> None:
    gone: list[Hashable] = []
    slots = ledger(lines=3)
    slots.on_displaced = gone.append
    take(slots, "old", claim=Claim.SHORT)
    take(slots, "shared", claim=Claim.SHORT, instrument="X")
    take(slots, "beside", instrument="X")
    take(slots, "new", claim=Claim.SHORT)
    assert not slots.has_room(Pool.LINES, claim=Claim.SHORT)
    assert slots.has_room(Pool.LINES, "X", Claim.SHORT)
    with pytest.raises(SlotsExhausted):
        take(slots, "one more", claim=Claim.SHORT)
    slots.lower("old", Claim.IDLE)
    slots.lower("unknown", Claim.IDLE)
    assert slots.has_room(Pool.LINES, claim=Claim.SHORT)
    take(slots, "one more", claim=Claim.SHORT)
    assert gone == ["old"]
    take(slots, "stays")
    assert gone == ["old", "one more"]  # it has waited least
    take(slots, "stays, too")
    assert gone == ["old", "one more", "new"]
    assert not slots.has_room(Pool.LINES)  # without "shared" its place would still be taken
    with pytest.raises(SlotsExhausted):
        take(slots, "the last")


@pytest.mark.parametrize(("code", "pool"), REFUSALS.items())
def test_one_too_many_is_refused_with_the_names_of_the_others(code: int, pool: Pool) -> None:
    slots = ledger(lines=2, depth=2, tick_by_tick=2)
    take(slots, "A", pool)
    take(slots, "B", pool)
    with pytest.raises(SlotsExhausted, match="held by quotes of A, quotes of B") as caught:
        take(slots, "C", pool)
    error = caught.value
    assert isinstance(error, RequestError)
    assert (error.code, error.request) == (code, "quotes of C")
    assert error.holders == ("quotes of A", "quotes of B")
    assert f"[market_data] {pool} = 2" in str(error)
    assert "C" not in slots
    slots.give("A")
    take(slots, "C", pool)
    others = [other for other in Pool if other is not pool]
    assert all(slots.usage(other).used == 0 for other in others)


def test_an_instrument_counts_once_however_many_watch_it() -> None:
    slots = ledger(lines=1)
    take(slots, "first", instrument="AAPL")
    take(slots, "second", instrument="AAPL")
    assert slots.usage(Pool.LINES).used == 1
    slots.give("first")
    assert slots.free(Pool.LINES) == 0
    with pytest.raises(SlotsExhausted):
        take(slots, "third", instrument="MSFT")
    slots.give("second")
    take(slots, "third", instrument="MSFT")


def test_a_programs_own_calls_count_and_are_not_refused() -> None:
    slots = ledger(lines=1)
    take(slots, "A")
    assert take(slots, ("own", 7), own_call=True).own_call
    assert slots.usage(Pool.LINES).used == 2
    assert slots.free(Pool.LINES) == 0
    slots.give_own_calls()
    assert [row.symbol for row in slots] == ["A"]


def test_what_ib_refuses_below_the_limit_counts_for_a_minute() -> None:
    clock = ManualClock()
    slots = ledger(clock)
    for name in "ABC":
        take(slots, name)
    slots.learn(101, "Max number of tickers has been reached", "C")
    slots.give("C")
    usage = slots.usage(Pool.LINES)
    assert (usage.used, usage.limit, usage.learnt) == (2, 2, True)
    with pytest.raises(SlotsExhausted, match="IB allows this program 2 of the 100 configured"):
        take(slots, "D")
    slots.give("A")
    take(slots, "D")  # there is room again
    clock.advance(LEARNT_FOR)
    assert slots.usage(Pool.LINES).limit == 100


def test_a_number_in_ibs_text_counts_for_good() -> None:
    clock = ManualClock()
    slots = ledger(clock, depth=10)
    take(slots, "A", Pool.DEPTH)
    slots.learn(309, "Max number (4) of market depth requests has been reached")
    clock.advance(10 * LEARNT_FOR)
    assert slots.usage(Pool.DEPTH).limit == 4
    slots.learn(309, "Max number (40) of market depth requests has been reached")
    assert slots.usage(Pool.DEPTH).limit == 10  # never above the setting


def test_other_errors_teach_nothing() -> None:
    slots = ledger()
    take(slots, "A")
    for code in (None, 200, 354):
        slots.learn(code, "No security definition (1)")
    assert [slots.usage(pool).limit for pool in Pool] == [100, 3, 5]


def test_a_hasty_request_teaches_nothing_about_the_limit() -> None:
    clock = ManualClock()
    slots = ledger(clock)
    take(slots, "first", Pool.TICK_BY_TICK, instrument="AAPL")
    slots.give("first")
    clock.advance(HASTE / 2)
    take(slots, "second", Pool.TICK_BY_TICK, instrument="AAPL")
    slots.learn(10190, "Max number of tick-by-tick requests has been reached.", "second")
    assert slots.usage(Pool.TICK_BY_TICK).limit == 5
    clock.advance(HASTE)
    slots.learn(10190, "Max number of tick-by-tick requests has been reached.", "second")
    assert slots.usage(Pool.TICK_BY_TICK).limit == 0


def test_an_unknown_pool_is_an_error() -> None:
    with pytest.raises(ValueError, match="seats"):
        ledger().usage("seats")


class Places(RuleBasedStateMachine):
    """Holders come and go, against the plainest model: token -> instrument."""

    LIMIT = 3

    def __init__(self) -> None:
        super().__init__()
        self.slots = ledger(lines=self.LIMIT)
        self.model: dict[int, tuple[Hashable, bool]] = {}

    def used(self, model: Mapping[int, tuple[Hashable, bool]]) -> int:
        return len(
            {("alone", token) if name is None else name for token, (name, _) in model.items()}
        )

    @rule(
        token=st.integers(0, 8),
        instrument=st.sampled_from([None, "A", "B", "C", "D"]),
        own=st.booleans(),
    )
    def come(self, token: int, instrument: str | None, own: bool) -> None:
        after = {token: (instrument, own), **self.model}  # who is there stays as it is
        more = self.used(after) > self.used(self.model)
        if more and not own and self.used(self.model) >= self.LIMIT:
            with pytest.raises(SlotsExhausted):
                take(self.slots, token, instrument=instrument)
            return
        take(self.slots, token, instrument=instrument, own_call=own)
        self.model = after

    @rule(token=st.integers(0, 8))
    def go(self, token: int) -> None:
        self.slots.give(token)
        self.model.pop(token, None)

    @rule()
    def session_ends(self) -> None:
        self.slots.give_own_calls()
        self.model = {token: row for token, row in self.model.items() if not row[1]}

    @invariant()
    def the_count_is_right(self) -> None:
        usage = self.slots.usage(Pool.LINES)
        assert usage.used == self.used(self.model)
        assert usage.free == max(self.LIMIT - usage.used, 0)
        assert len(self.slots) == len(self.model)


Places.TestCase.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
TestPlaces = Places.TestCase
