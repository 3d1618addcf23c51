"""Corporate events: what is asked, and what the JSON of the answers says."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twsloop.news.events import WshEventType, WshMeta, event_query, read_events

EARNINGS = {
    "event_type": "wshe_ed",
    "index_date": "20260302T040000+0000",
    "conids": ["265598"],
    "event_key": "11662135",
    "source": "WSHE",
    "data": {"time_of_day": "AFTER MARKET", "earnings_date": "20260302"},
}


def test_the_types_of_events_are_named() -> None:
    told = {"meta_data": {"event_types": [{"tag": "wshe_ed", "name": "Earnings Date"}, "wshe_div"]}}
    meta = WshMeta.read(json.dumps(told))
    assert meta.event_types == (
        WshEventType("wshe_ed", "Earnings Date"),
        WshEventType("wshe_div", "wshe_div"),
    )
    assert meta.data["meta_data"] == told["meta_data"]


@pytest.mark.parametrize("text", ["[]", "no json", ""])
def test_metadata_that_is_no_object_is_refused_in_words(text: str) -> None:
    with pytest.raises(ValueError, match="Wall Street Horizon"):
        WshMeta.read(text)


@pytest.mark.parametrize(
    "shape", [[EARNINGS], {"events": [EARNINGS]}, EARNINGS, {"a": {"b": [EARNINGS]}}]
)
def test_events_are_found_in_whatever_holds_them(shape: Any) -> None:
    (event,) = read_events(json.dumps(shape))
    assert (event.tag, event.day, event.con_ids) == ("wshe_ed", date(2026, 3, 2), (265598,))
    assert (event.key, event.source) == ("11662135", "WSHE")
    assert event.data["time_of_day"] == "AFTER MARKET"


def test_what_an_event_does_not_say_is_none() -> None:
    (event,) = read_events('[{"event_type": "wshe_ipo", "conids": ["x"], "data": 5}]')
    assert (event.day, event.con_ids, event.key, event.data) == (None, (), None, {})


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=8), inner),
        max_leaves=12,
    )
)
def test_any_json_is_read(data: Any) -> None:
    assert isinstance(read_events(json.dumps(data)), list)


def test_a_query_names_the_contract_or_filters_by_type() -> None:
    plain = event_query(265598, start=date(2026, 1, 1), end=date(2026, 2, 1), limit=10)
    assert (plain.conId, plain.filter, plain.totalLimit) == (265598, "", 10)
    assert (plain.startDate, plain.endDate) == ("20260101", "20260201")
    assert {plain.fillWatchlist, plain.fillPortfolio, plain.fillCompetitors} == {False}
    typed = event_query(265598, tag="wshe_ed")
    assert typed.conId == 2**31 - 1  # IB's unset: the filter names the contract
    assert json.loads(typed.filter) == {
        "country": "All",
        "watchlist": ["265598"],
        "wshe_ed": "true",
    }


def test_a_query_may_ask_for_others_besides() -> None:
    query = event_query(265598, also=["competitors", "watchlist"])
    assert (query.fillCompetitors, query.fillPortfolio, query.fillWatchlist) == (True, False, True)
    assert event_query(265598, also="portfolio").fillPortfolio
    with pytest.raises(ValueError, match="'friends' is none of competitors"):
        event_query(265598, also=["friends"])


def test_a_query_that_ib_would_refuse_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match="1 to 100"):
        event_query(1, limit=101)
    with pytest.raises(ValueError, match="after the last day"):
        event_query(1, start=date(2026, 2, 1), end=date(2026, 1, 1))
