"""Facts as JSON text: the same as the general encoder makes of their records."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from enum import IntEnum
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.facts import facts
from twsloop.events import Ends, Fact, OrderStep, to_record
from twsloop.events.encoding import time_text, to_json

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


class Few(IntEnum):
    """Numbers with names."""

    ONE = 1


class Word(str):
    """A text that is not quite one."""

    __slots__ = ()


@attrs.frozen
class Nothing:
    """An object without fields."""


@attrs.frozen
class Pair:
    """An object within a fact that is no fact."""

    right: Any
    left: Any


def generally(record: Any) -> str:
    return json.dumps(record, sort_keys=True, separators=(",", ":"), allow_nan=False)


def step(value: Any) -> OrderStep:
    return OrderStep(time=NOON, order_id=1, client_id=0, changes={"it": value})


leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters())
    | st.decimals()
    | st.datetimes(timezones=st.timezones() | st.just(UTC))
    | st.sampled_from([Ends.ORDER, Few.ONE, Word("é"), Nothing()])
)
values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text() | st.integers(), inner, max_size=3)
        | st.builds(Pair, inner, inner)
    ),
    max_leaves=8,
)


@given(fact=facts())
def test_every_fact_is_written_as_its_record_is(fact: Fact) -> None:
    assert to_json(fact) == generally(to_record(fact))


@given(value=values)
def test_whatever_stands_in_one_is_written_as_in_its_record(value: Any) -> None:
    assert to_json(step(value)) == generally(to_record(step(value)))


@pytest.mark.parametrize("value", [object(), {1, 2}, float("inf"), float("nan")])
def test_what_json_has_no_form_for_is_refused(value: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        to_json(step(value))


def test_a_decimal_is_written_in_its_digits() -> None:
    amounts = [Decimal(text) for text in ("1E+3", "-0.00", "1e-9", "NaN", "189.50", "Infinity")]
    assert json.loads(to_json(step(amounts)))["changes"]["it"] == [
        *("1000", "-0.00", "0.000000001", "NaN", "189.50", "Infinity")
    ]


def test_equal_times_of_two_zones_are_two_texts() -> None:
    east = NOON.astimezone(timezone(timedelta(hours=2)))
    assert (east, hash(east)) == (NOON, hash(NOON))
    assert time_text(NOON) == "2026-01-05T12:00:00.000000+00:00"
    assert time_text(east) == "2026-01-05T14:00:00.000000+02:00"
