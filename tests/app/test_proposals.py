"""The rules between a prediction and an order; doubts never trade."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api_client import Prediction
from twsloop.app.proposals import (
    Outcome,
    Proposal,
    Rejection,
    SignalRules,
    judge,
    order_for,
    seen_before,
    worth,
)
from twsloop.orders.builders import limit_order

NOW = dt.datetime(2026, 1, 5, 15, 0, tzinfo=dt.UTC)
RULES = SignalRules(min_confidence=0.3, max_age=300, max_ahead=5, quantity=10)

predictions = st.builds(
    Prediction,
    ticker=st.sampled_from([None, "AAPL", "aapl", "MSFT", ""]),
    signal=st.one_of(st.none(), st.sampled_from(["BUY", "sell ", "HOLD"]), st.text(max_size=5)),
    confidence=st.one_of(st.none(), st.floats(), st.floats(0, 1)),
    timestamp=st.one_of(
        st.none(),
        st.datetimes(timezones=st.just(dt.UTC)),
        st.integers(-400, 20).map(lambda ago: NOW + dt.timedelta(seconds=ago)),
    ),
    datetime=st.one_of(st.none(), st.just(NOW)),
    stock_price=st.one_of(st.none(), st.decimals(allow_nan=False), st.decimals(1, 1000)),
)


def good(**changes: Any) -> Prediction:
    made = NOW - dt.timedelta(seconds=10)
    fields = {"ticker": "AAPL", "signal": "BUY", "confidence": 0.5, "timestamp": made}
    return Prediction(**{**fields, "stock_price": Decimal("30.25"), **changes})


def proposal(**changes: Any) -> Proposal:
    found = judge(good(), "AAPL", RULES, NOW)
    assert isinstance(found, Proposal)
    return attrs.evolve(found, **changes)


@given(predictions)
def test_whatever_comes_is_proposed_whole_or_not_at_all(prediction: Prediction) -> None:
    found = judge(prediction, "AAPL", RULES, NOW)
    if isinstance(found, Rejection):
        assert found.reason
        assert len(found.reason) < 200
        return
    assert found.side in {"BUY", "SELL"}
    assert (prediction.signal or "").strip().upper() == found.side
    assert (prediction.ticker or "AAPL").upper() == "AAPL"
    assert found.confidence >= 0.3
    assert -5 <= (NOW - found.made).total_seconds() <= 300
    assert found.expires - found.made == dt.timedelta(seconds=300)
    order = found.order()
    assert (order.action, order.totalQuantity) == (found.side, Decimal(10))


@given(predictions, predictions)
def test_what_was_seen_stays_seen(first: Prediction, second: Prediction) -> None:
    assert not seen_before(first, None)
    if first.confidence == first.confidence:  # NaN equals nothing, not even itself
        assert seen_before(first, first)
    times = [one.timestamp or one.datetime for one in (first, second)]
    if times[0] is not None and times[1] is not None:
        assert seen_before(second, first) == (times[1] <= times[0])


@pytest.mark.parametrize(
    ("age", "outcome"),
    [(-5, None), (-5.1, Outcome.FUTURE), (0, None), (300, None), (300.1, Outcome.STALE)],
)
def test_the_edges_of_time(age: float, outcome: Outcome | None) -> None:
    found = judge(good(timestamp=NOW - dt.timedelta(seconds=age)), "AAPL", RULES, NOW)
    assert (found.outcome if isinstance(found, Rejection) else None) is outcome
    if isinstance(found, Proposal):
        assert found.age == max(age, 0)


def test_the_other_form_of_the_time_does_as_well() -> None:
    found = judge(good(timestamp=None, datetime=NOW), "AAPL", RULES, NOW)
    assert isinstance(found, Proposal)
    assert found.made == NOW


def test_worth_buys_whole_units() -> None:
    assert worth(1000)(good()) == 33
    assert worth("30.24")(good()) == 0
    assert worth(1000)(good(stock_price=None)) == 0
    found = judge(good(), "AAPL", SignalRules(quantity=worth(20)), NOW)
    assert isinstance(found, Rejection)
    assert found.outcome is Outcome.DECLINED


@given(st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.decimals()))
def test_an_answer_is_an_order_a_no_or_an_error(answer: object) -> None:
    try:
        wanted = order_for(proposal(), answer)
    except ValueError:
        assert not isinstance(answer, bool)
        return
    if wanted is None:
        assert answer in (None, False, 0)
        return
    _, order = wanted
    assert order.orderType == "MKT"
    assert order.totalQuantity == (10 if answer is True else Decimal(str(answer)))
    assert order.totalQuantity > 0


@pytest.mark.parametrize("answer", ["yes", "", [], {}, 1j, object(), b"1"])
def test_what_is_no_answer(answer: object) -> None:
    with pytest.raises(TypeError, match="the callback answers with"):
        order_for(proposal(), answer)


def test_an_order_of_the_users_is_not_changed() -> None:
    mine = limit_order("SELL", 3, "31")
    wanted = order_for(proposal(), mine)
    assert wanted is not None
    assert (wanted[1].orderRef, mine.orderRef) == ("flow AAPL 20260105T145950Z", "")
    mine.orderRef = "my own"
    wanted = order_for(proposal(), mine)
    assert wanted is not None
    assert wanted[1].orderRef == "my own"


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"quantity": 0}, "above 0"),
        ({"quantity": "many"}, "not a number"),
        ({"limit_price": -1}, "above 0"),
        ({"limit_price": "nan"}, "above 0"),
        ({"side": "HOLD"}, "side"),
    ],
)
def test_a_change_that_makes_no_order(changes: dict[str, Any], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        proposal(**changes)


def test_a_proposal_of_another_prediction() -> None:
    other = judge(good(confidence=0.9), "AAPL", RULES, NOW)
    with pytest.raises(ValueError, match="another proposal"):
        order_for(proposal(), other)
    later = proposal(expires=NOW + dt.timedelta(days=1))
    with pytest.raises(ValueError, match="another proposal"):
        order_for(proposal(), later)


def test_a_reference_fits_ibs_field() -> None:
    long = attrs.evolve(proposal(), ticker="X" * 60)
    assert len(long.reference) == 40
