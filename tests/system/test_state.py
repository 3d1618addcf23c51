"""The gateway's answers about itself as rows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twsloop.system.state import (
    SoftDollarTier,
    group_text,
    read_clock,
    read_group,
    read_groups,
    read_tiers,
    read_user,
)

ASKED = datetime(2026, 1, 5, 14, tzinfo=UTC)


@given(
    skew=st.integers(-3_600_000, 3_600_000),
    there=st.integers(0, 400),
    back=st.integers(0, 400),
    millis=st.booleans(),
)
def test_the_true_skew_lies_within_the_uncertainty(
    skew: int, there: int, back: int, millis: bool
) -> None:
    at_server = ASKED + timedelta(milliseconds=there + skew)
    told = int(at_server.timestamp() * 1000) if millis else int(at_server.timestamp())
    answered = ASKED + timedelta(milliseconds=there + back)
    reading = read_clock(told, millis=millis, asked=ASKED, answered=answered)
    assert reading.server.tzinfo is UTC
    assert abs(reading.skew - skew / 1000) <= reading.uncertainty + 1e-6


def test_texts_of_ibs_are_read() -> None:
    assert read_groups("1|2| 7 |x|") == (1, 2, 7)
    assert read_user(" ").white_branding_id is None
    assert read_user("ACME").white_branding_id == "ACME"
    row = SimpleNamespace(name="a", val="b", displayName="c")
    assert read_tiers([row]) == [SoftDollarTier("a", "b", "c")]


@pytest.mark.parametrize(
    ("text", "con_id", "exchange", "empty"),
    [
        ("265598@SMART", 265598, "SMART", False),
        ("265598", 265598, "", False),
        ("none", None, "", True),
        ("", None, "", True),
        ("combo", None, "", False),
    ],
)
def test_what_a_group_shows_is_read(
    text: str, con_id: int | None, exchange: str, empty: bool
) -> None:
    view = read_group(text)
    assert (view.con_id, view.exchange, view.empty, view.raw) == (con_id, exchange, empty, text)


@given(st.none() | st.integers(1, 2**31 - 1), st.sampled_from(["", "SMART"]))
def test_what_a_group_shall_show_is_written_as_it_is_read(con_id: int | None, at: str) -> None:
    view = read_group(group_text(con_id, at))
    assert (view.con_id, view.exchange) == (con_id, at if con_id is not None else "")


def test_an_id_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="no contract id"):
        group_text(0)
