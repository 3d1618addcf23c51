"""Algorithms: IB's names and values from typed parameters, and the gateway takes each."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twsloop.errors import InvalidOrder
from twsloop.orders import algos
from twsloop.orders.algos import Algo, CustomAlgo, with_algo
from twsloop.orders.builders import limit_order
from twsloop.orders.words import AlgoStrategy
from twsloop.paper.orders.algos import STRATEGIES, check_algo

WHEN = datetime(2026, 11, 23, 15, 30, tzinfo=UTC)
FULL: list[Algo] = [
    algos.Adaptive(adaptive_priority=algos.Priority.PATIENT),
    algos.Vwap(
        max_pct_vol="0.1",
        start_time=WHEN,
        end_time="20261123-16:00:00",
        allow_past_end_time=False,
        no_take_liq=True,
        speed_up=True,
    ),
    algos.Twap(
        strategy_type="Matching Last",
        start_time=WHEN,
        end_time=WHEN,
        allow_past_end_time=True,
        catch_up=True,
    ),
    algos.ArrivalPrice(
        max_pct_vol=0.25,
        risk_aversion=algos.RiskAversion.GET_DONE,
        start_time=WHEN,
        end_time=WHEN,
        force_completion=True,
        allow_past_end_time=True,
    ),
    algos.DarkIce(display_size=100, start_time=WHEN, end_time=WHEN, allow_past_end_time=True),
    algos.PercentOfVolume(pct_vol=Decimal("0.1"), start_time=WHEN, end_time=WHEN, no_take_liq=True),
    algos.PriceVariantPercentOfVolume(
        pct_vol="0.1",
        delta_pct_vol="0.05",
        min_pct_vol_4_px="0.01",
        max_pct_vol_4_px="0.2",
        start_time=WHEN,
        end_time=WHEN,
        no_take_liq=True,
    ),
    algos.SizeVariantPercentOfVolume(
        start_pct_vol="0.2", end_pct_vol="0.4", start_time=WHEN, end_time=WHEN, no_take_liq=True
    ),
    algos.TimeVariantPercentOfVolume(start_pct_vol="0.2", end_pct_vol="0.4"),
    algos.AccumulateDistribute(
        component_size=100,
        time_between_orders=60,
        randomize_time_20=True,
        randomize_size_55=True,
        give_up=1,
        catch_up=True,
        wait_for_fill=True,
        start_time=WHEN,
        end_time=WHEN,
    ),
    algos.ClosePrice(
        max_pct_vol="0.1", risk_aversion="Neutral", start_time=WHEN, force_completion=True
    ),
    algos.MinimiseImpact(max_pct_vol="0.3"),
    algos.BalanceImpactRisk(max_pct_vol="0.1", risk_aversion="Passive", force_completion=True),
]


def test_every_algorithm_is_here() -> None:
    assert {algo.strategy for algo in FULL} == set(AlgoStrategy)
    assert {algo.strategy.lower() for algo in FULL} == set(STRATEGIES)


@pytest.mark.parametrize("algo", FULL, ids=lambda algo: algo.strategy)
def test_the_gateway_takes_it(algo: Algo) -> None:
    @attrs.frozen
    class Instrument:
        sec_type: str = "STK"

    written = algo.parameters()
    assert check_algo(algo.strategy, written, "LMT", Instrument()) is None
    assert len(written) == sum(value is not None for value in attrs.astuple(algo))


def test_values_as_ib_writes_them() -> None:
    assert FULL[1].parameters() == {
        "maxPctVol": "0.1",
        "startTime": "20261123-15:30:00",
        "endTime": "20261123-16:00:00",
        "allowPastEndTime": "0",
        "noTakeLiq": "1",
        "speedUp": "1",
    }
    assert FULL[6].parameters()["minPctVol4Px"] == "0.01"
    assert FULL[9].parameters()["randomizeTime20"] == "1"


@given(st.decimals("0.000001", "1", places=6))
def test_a_part_is_written_without_an_exponent(part: Decimal) -> None:
    (written,) = algos.MinimiseImpact(max_pct_vol=part).parameters().values()
    assert Decimal(written) == part
    assert "E" not in written


@pytest.mark.parametrize(
    "make",
    [
        lambda: algos.Vwap(max_pct_vol=10),
        lambda: algos.Vwap(max_pct_vol=0),
        lambda: algos.Adaptive(adaptive_priority="Soon"),
        lambda: algos.DarkIce(display_size=-1),
        lambda: algos.AccumulateDistribute(component_size=1, time_between_orders="1.5"),  # type: ignore[arg-type]
    ],
)
def test_values_that_cannot_be(make: Callable[[], object]) -> None:
    with pytest.raises(InvalidOrder) as raised:
        make()
    assert raised.value.code == 441


def test_times_need_a_zone() -> None:
    with pytest.raises(InvalidOrder, match="algo time"):
        algos.Vwap(start_time=datetime(2026, 1, 1))  # noqa: DTZ001  (the mistake)


def test_an_order_gets_it() -> None:
    mine = limit_order("BUY", 1, 1)
    made = with_algo(mine, FULL[0])
    assert (mine.algoStrategy, made.algoStrategy) == ("", "Adaptive")
    assert [str(tag) for tag in made.algoParams] == ["adaptivePriority=Patient;"]


def test_any_other_algorithm() -> None:
    tags: dict[str, Any] = {"a": True, "b": Decimal("1E+3"), "c": WHEN, "d": "x", "e": 2}
    made = with_algo(limit_order("BUY", 1, 1), CustomAlgo("QBALGO", tags))
    assert [str(tag) for tag in made.algoParams] == [
        "a=1;",
        "b=1000;",
        "c=20261123-15:30:00;",
        "d=x;",
        "e=2;",
    ]
    with pytest.raises(InvalidOrder, match="name"):
        with_algo(limit_order("BUY", 1, 1), CustomAlgo(""))
