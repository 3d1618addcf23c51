"""Facts as lines of a log."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given

from tests.support.facts import facts
from twsloop.cli.sayings import saying, style_of
from twsloop.events import (
    Fact,
    FarmChanged,
    GapStarted,
    HeartbeatMissed,
    HeartbeatRestored,
    KillSwitchChanged,
    Notice,
    OrderSubmitted,
    PositionChanged,
    RiskLimitChanged,
    SessionChanged,
    StreamStarted,
)

NOON = datetime(2026, 1, 5, 12, 0, 1, 234567, tzinfo=UTC)
CLOCK = "12:00:01.234"


@given(facts())
def test_every_fact_is_one_line_without_the_names_of_classes(fact: Fact) -> None:
    words = saying(fact)
    if isinstance(fact, StreamStarted):
        assert words is None
        return
    assert words is not None
    assert words.startswith(f"{fact.time:%H:%M:%S}.")
    assert f"{type(fact).__name__}(" not in words, "no repr for people"
    assert style_of(fact) in {"", "green", "yellow", "red", "bold red"}


@pytest.mark.parametrize(
    ("fact", "words", "style"),
    [
        (
            SessionChanged(time=NOON, old="READY", new="WAITING", reason="the link was lost"),
            "session     READY -> WAITING: the link was lost",
            "yellow",
        ),
        (
            SessionChanged(time=NOON, old="SYNCING", new="READY"),
            "session     SYNCING -> READY",
            "green",
        ),
        (
            FarmChanged(time=NOON, farm="usfarm", kind="market_data", state="broken"),
            "farm        usfarm broken",
            "red",
        ),
        (
            PositionChanged(
                time=NOON,
                account="DU1",
                con_id=1,
                symbol="AAPL",
                quantity=Decimal(-5),
                previous=Decimal(100),
            ),
            "position    AAPL 100 -> -5",
            "",
        ),
        (
            Notice(time=NOON, req_id=5, code=202, text="Order Canceled", severity="info"),
            "notice      info 202 (id 5): Order Canceled",
            "",
        ),
        (
            GapStarted(time=NOON, stream="quotes of AAPL", reason="the link was lost"),
            "stream      quotes of AAPL: a gap began: the link was lost",
            "yellow",
        ),
        (
            HeartbeatMissed(time=NOON, silence=5.04),
            "heartbeat   the gateway is silent, 5.0 s",
            "yellow",
        ),
        (
            HeartbeatRestored(time=NOON, silence=7.0),
            "heartbeat   the gateway speaks again, 7.0 s",
            "",
        ),
        (
            KillSwitchChanged(time=NOON, engaged=True, by="cli", reason="the feed is wrong"),
            "kill switch changed: the feed is wrong",
            "bold red",
        ),
        (
            RiskLimitChanged(
                time=NOON, limit="orders", old="5", new="9", loosened=True, by="api", reason="busy"
            ),
            "risk limit changed: busy",
            "",
        ),
    ],
)
def test_what_each_says(fact: Fact, words: str, style: str) -> None:
    assert (saying(fact), style_of(fact)) == (f"{CLOCK}  {words}", style)


def test_orders_are_told_as_everywhere_else() -> None:
    fact = OrderSubmitted(
        time=NOON,
        order_id=3,
        client_id=1,
        symbol="AAPL",
        action="BUY",
        order_type="LMT",
        quantity=Decimal(10),
        limit_price=Decimal(200),
    )
    assert saying(fact) == f"{CLOCK}  submitted   order 3: BUY 10 AAPL LMT limit 200"
