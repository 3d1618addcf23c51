"""The facts: frozen, timed in UTC, and writable as plain JSON."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import attrs
import pytest

from twsloop import events
from twsloop.events import (
    CommissionReported,
    Ends,
    Fact,
    Fill,
    GapEnded,
    GapStarted,
    Notice,
    OrderEvent,
    OrderPartiallyFilled,
    PositionClosed,
    SessionChanged,
    StreamClosed,
    StreamStarted,
    order_story,
    request_story,
    session_story,
    to_record,
)

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


def all_facts() -> list[type[Fact]]:
    kinds = [getattr(events, name) for name in events.__all__]
    return [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Fact)]


def an_example(kind: type[Fact]) -> Fact:
    """A fact with something in every field that it must have."""
    made: dict[str, Any] = {}
    for field in attrs.fields(kind):
        if field.default is not attrs.NOTHING:
            continue
        made[field.name] = {
            "str": "x",
            "int": 7,
            "int | None": 7,
            "float": 1.5,
            "Decimal": Decimal("1.50"),
            "datetime": NOON,
            "bool": True,
            "tuple[int, ...]": (7, 8),
            "tuple[str, ...]": ("x",),
            "tuple[Difference, ...]": (
                events.Difference(kind=events.DifferenceKind.EXTRA, about="order", order_id=7),
            ),
            "tuple[PositionHeld, ...]": (
                events.PositionHeld(account="x", con_id=7, quantity=Decimal("1.50")),
            ),
            "Mapping[str, Any]": {"a": 1},
            "Mapping[str, str]": {"a": "1"},
            "Literal['place', 'modify', 'exercise']": "place",
            "RiskCheck": events.RiskCheck(name="x", passed=True),
        }[str(field.type)]
    return kind(**made)


@pytest.mark.parametrize("kind", all_facts(), ids=lambda kind: kind.__name__)
def test_every_fact_is_frozen_timed_and_writable(kind: type[Fact]) -> None:
    fact = an_example(kind)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        fact.correlation_id = "other"  # type: ignore[misc]
    record = json.loads(json.dumps(to_record(fact)))
    assert record["event"] == kind.__name__
    assert record["time"] == "2026-01-05T12:00:00+00:00"
    assert set(record) == {"event", *(field.name for field in attrs.fields(kind))}
    assert fact == an_example(kind)
    assert hash(fact) == hash(an_example(kind))


@pytest.mark.parametrize("kind", all_facts(), ids=lambda kind: kind.__name__)
def test_every_field_is_documented(kind: type[Fact]) -> None:
    documented = "".join(base.__doc__ or "" for base in kind.__mro__)
    for field in attrs.fields(kind):
        assert f"    {field.name}: " in documented, field.name


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match=r"SessionChanged\.time needs a time zone"):
        SessionChanged(time=datetime(2026, 1, 5), old="A", new="B")  # noqa: DTZ001


def test_a_time_of_another_zone_becomes_utc() -> None:
    there = datetime(2026, 1, 5, 7, tzinfo=timezone(timedelta(hours=-5)))
    fact = SessionChanged(time=there, old="A", new="B")
    assert fact.time == NOON
    assert fact.time.tzinfo is UTC


def test_decimals_keep_their_digits_and_unset_stays_unset() -> None:
    record = to_record(
        CommissionReported(time=NOON, exec_id="e", commission=Decimal("1E+1"), currency="USD")
    )
    assert record["commission"] == "10"
    assert record["realized_pnl"] is None
    fill = Fill(
        time=NOON, exec_id="e", order_id=1, side="BOT", shares=Decimal("0.10"), price=Decimal(5)
    )
    assert to_record(fill)["shares"] == "0.10"


def test_an_execution_in_one_line() -> None:
    said = {"time": NOON, "exec_id": "e.01", "order_id": 7, "symbol": "AAPL", "side": "BOT"}
    fill = Fill(**said, shares=Decimal(100), price=Decimal("189.5"))  # type: ignore[arg-type]
    assert repr(fill) == "<Fill e.01: BOT 100 AAPL at 189.5 (order 7)>"
    assert repr(attrs.evolve(fill, tag="mine")).endswith("(order 7, mine)>")


def test_a_notice_in_one_line() -> None:
    notice = Notice(time=NOON, code=2104, text="OK", severity="info")
    assert str(notice) == "info 2104: OK"
    assert str(attrs.evolve(notice, req_id=5)) == "info 2104 (id 5): OK"
    assert str(attrs.evolve(notice, code=None)) == "info: OK"
    assert to_record(notice)["ends"] == Ends.NOTHING.value == "nothing"


def test_a_gap_knows_how_long_it_was() -> None:
    gap = GapEnded(time=NOON, stream="AAPL", started=NOON - timedelta(seconds=3))
    assert gap.duration == timedelta(seconds=3)


def test_what_becomes_of_a_stream_in_one_line() -> None:
    begun = GapStarted(time=NOON, stream="quotes of AAPL", reason="the session ended")
    assert str(begun) == "quotes of AAPL: a gap began: the session ended"
    ended = GapEnded(time=NOON, stream="quotes of AAPL", started=NOON - timedelta(seconds=3))
    assert str(ended) == "quotes of AAPL: a gap of 3.0 s ended"
    assert str(StreamStarted(time=NOON, stream="news")) == "news: its first data came"
    assert (
        str(StreamClosed(time=NOON, stream="news", reason="cancelled")) == "news: closed: cancelled"
    )


def test_families() -> None:
    assert issubclass(OrderPartiallyFilled, OrderEvent)
    closed = PositionClosed(time=NOON, account="DU1", con_id=1, quantity=Decimal(0))
    assert closed.average_cost is None


def test_stories_have_one_spelling() -> None:
    assert order_story(1, 7) == "order-1-7"
    assert request_story(7) == "request-7"
    assert session_story(1, 2) == "session-1-2"
