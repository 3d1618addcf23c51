"""The circuit breaker: when it opens, how long it stays so, and that tighter is never laxer."""

from __future__ import annotations

import itertools

from hypothesis import example, given
from hypothesis import strategies as st

from tests.risk.test_properties import RANGES
from twsloop.config.sections import RiskParams
from twsloop.risk.breaker import Breaker, Trouble

#: What went wrong, and how many seconds after the last.
TROUBLES = st.lists(
    st.tuples(st.sampled_from(["reject", "error"]), st.sampled_from([0, 1, 2, 5, 20, 70])),
    max_size=12,
)
LIMITS = st.fixed_dictionaries(
    {}, optional={name: st.sampled_from(RANGES[name]) for name in RANGES if "breaker" in name}
)


def replayed(params: RiskParams, troubles: list[tuple[Trouble, int]]) -> tuple[Breaker, list[str]]:
    breaker, at, told = Breaker(), 0.0, []
    for kind, seconds in troubles:
        at += seconds
        told.append(breaker.note(kind, at, params))
    return breaker, told


@given(LIMITS, TROUBLES, st.integers(0, 100))
@example({"breaker_pause": 3.0}, [("reject", 0), ("reject", 2)], 2)
def test_a_tighter_breaker_is_open_whenever_a_laxer_one_is(
    limits: dict[str, object], troubles: list[tuple[Trouble, int]], later: int
) -> None:
    now = sum(seconds for _, seconds in troubles) + later
    for name in (name for name in RANGES if "breaker" in name):
        open_now = []
        for value in RANGES[name]:
            params = RiskParams(**(limits | {name: value}))  # type: ignore[arg-type]
            breaker, _ = replayed(params, troubles)
            open_now.append(bool(breaker.is_open(now, params)))
        assert all(tight >= loose for tight, loose in itertools.pairwise(open_now)), name


def test_trouble_keeps_it_open() -> None:
    params = RiskParams(breaker_rejects=2, breaker_window=10, breaker_pause=5)
    breaker = Breaker()
    told = [bool(breaker.note("reject", at, params)) for at in (0.0, 1.0, 4.0)]
    assert told == [False, True, False]  # it is told once
    assert breaker.is_open(8.9, params) == "3 rejects within 10 s"
    assert not breaker.is_open(9.0, params)
    assert breaker.note("reject", 9.5, params)  # the earlier ones are within the window still


def test_somebody_who_closes_it_lets_it_count_anew() -> None:
    params = RiskParams(breaker_errors=2, breaker_pause=0)
    breaker = Breaker()
    assert [bool(breaker.note("error", 0.0, params)) for _ in range(2)] == [False, True]
    assert breaker.is_open(1e6, params)
    breaker.close()
    assert not breaker.is_open(1.0, params)
    assert not breaker.note("error", 1.0, params)
    assert breaker.note("error", 2.0, params)
