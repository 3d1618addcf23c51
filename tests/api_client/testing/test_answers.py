"""What the reference server answers, asked without HTTP."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from api_client.testing import ServerOptions
from api_client.testing.answers import Answers, Refused
from api_client.testing.contract import operations
from tests.support.flow import NOW

OPERATIONS = operations()
OPTIONS = ServerOptions(tickers=("SLV", "SPY"), trades_per_day=30, now=lambda: NOW)
DAY = {"start_date": "2026-11-17", "end_date": "2026-11-17"}


@pytest.fixture(scope="module")
def answers() -> Answers:
    return Answers(OPTIONS)


def test_every_path_has_its_answer(answers: Answers) -> None:
    assert set(answers.handlers) == set(OPERATIONS)


@pytest.mark.parametrize(
    ("path", "query", "code"),
    [
        ("/trades", {}, 400),
        ("/trades", {"ticker": "SLV", "limit": "0"}, 400),
        ("/trades", {"ticker": "NOPE"}, 404),
        ("/trades", {"ticker": "SLV", "start_date": "2026-11-18", "end_date": "2026-11-17"}, 400),
        ("/data-range", {"ticker": "SLV"}, 400),
        ("/status", {"ticker": "SLV"}, 400),
    ],
)
def test_what_is_refused(path: str, query: dict[str, str], code: int, answers: Answers) -> None:
    with pytest.raises(Refused) as raised:
        answers.data(OPERATIONS[path], query)
    assert raised.value.code == code


def test_nothing_comes_from_the_future(answers: Answers) -> None:
    now = NOW.timestamp() * 1000
    for path, name, stamp in (
        ("/trades", "trades", "trade_timestamp"),
        ("/minute-data", "minute_data", "timestamp"),
        ("/divergence", "divergence_data", "timestamp"),
        ("/predictions", "predictions", "timestamp"),
    ):
        query = {"ticker": "SLV", "limit": "5000"}
        rows: list[dict[str, Any]] = answers.data(OPERATIONS[path], query)[name]
        assert rows
        assert max(row[stamp] for row in rows) <= now
    latest = answers.data(OPERATIONS["/prediction/latest"], {"ticker": "SLV"})["prediction"]
    assert latest["timestamp"] <= now


def test_before_the_first_minute_there_is_no_prediction() -> None:
    early = NOW.replace(hour=14, minute=30, second=30)
    answers = Answers(attrs.evolve(OPTIONS, now=lambda: early))
    found = answers.data(OPERATIONS["/prediction/latest"], {"ticker": "SLV"})
    assert found["prediction"] is None


def test_whether_the_last_minute_belongs_is_an_option(answers: Answers) -> None:
    other = Answers(attrs.evolve(OPTIONS, end_inclusive=False))
    query = {"ticker": "SLV", **DAY, "start_time": "10:00", "end_time": "10:04"}
    counts = [one.data(OPERATIONS["/minute-data"], query)["count"] for one in (answers, other)]
    assert counts == [5, 4]


def test_recent_is_newest_first_and_knows_no_dates(answers: Answers) -> None:
    query = {"ticker": "SLV", "recent": "true", "limit": "3", **DAY}
    rows = answers.data(OPERATIONS["/minute-data"], query)["minute_data"]
    assert [row["datetime"][:16] for row in rows] == [
        "2026-11-18T15:00",
        "2026-11-18T14:59",
        "2026-11-18T14:58",
    ]
