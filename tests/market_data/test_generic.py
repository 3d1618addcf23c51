"""The generic ticks: their names, their fields, and how a list of them is written."""

from __future__ import annotations

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twsloop.market_data.generic import FILLS, GenericTick, generic_list
from twsloop.market_data.state import Ticker
from twsloop.market_data.ticks import TICKS


def test_each_fills_fields_that_some_tick_type_sets() -> None:
    fields = {field.name for field in attrs.fields(Ticker)}
    by_tick = {name for name, _ in TICKS.values()}
    assert set(FILLS) == set(GenericTick)
    named = [name for names in FILLS.values() for name in names]
    assert set(named) <= fields & by_tick
    assert len(named) == len(set(named))


@given(st.lists(st.sampled_from(GenericTick) | st.sampled_from(["292:BRFG+DJNL", "mdoff"])))
def test_a_list_is_ibs_text(wanted: list[GenericTick | str]) -> None:
    text = generic_list(wanted)
    assert text == ",".join(one if isinstance(one, str) else str(one.value) for one in wanted)
    assert generic_list(text) == text


def test_spaces_and_empty_parts_do_not_matter() -> None:
    assert generic_list(" 233, 236,,MDOFF ") == "233,236,MDOFF"
    assert generic_list("") == generic_list([]) == ""


@pytest.mark.parametrize("wrong", ["RTVolume", "233;236", "-1", "292:", "2.5", ["233", "x"]])
def test_what_is_none_is_named(wrong: str | list[str]) -> None:
    with pytest.raises(ValueError, match="is no generic tick"):
        generic_list(wrong)


def test_one_number_is_enough() -> None:
    assert generic_list(233) == generic_list(GenericTick.RT_VOLUME) == "233"
