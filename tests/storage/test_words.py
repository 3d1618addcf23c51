"""Facts of the journal as people read them."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given

from tests.support.facts import facts
from twsloop.events import (
    ConfigTaken,
    Difference,
    DifferenceKind,
    DifferencesAccepted,
    DifferencesAsked,
    Fact,
    HeartbeatMissed,
    HeartbeatRestored,
    JournalTrouble,
    KillSwitchChanged,
    OrderCancelled,
    OrderIdsRolledBack,
    OrderIntent,
    OrderStep,
    PositionHeld,
    PositionOpened,
    PositionsHeld,
    RiskBreached,
    RiskCheck,
    RiskLimitChanged,
    RiskVerdict,
    SessionBegan,
    SessionChanged,
)
from twsloop.storage.words import order_words, words_of

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
TERMS = {"action": "BUY", "totalQuantity": "100", "orderType": "LMT", "lmtPrice": 189.5}
REFUSED = RiskVerdict(
    time=NOON, allowed=False, checks=(RiskCheck(name="max_quantity", passed=False, text="big"),)
)


MISSED = Difference(
    kind=DifferenceKind.MISSING, about="order", order_id=7, client_id=1, known="Submitted"
)


def intent(**more: Any) -> OrderIntent:
    return OrderIntent(
        time=NOON, order_id=7, client_id=1, epoch=1, kind="place", contract={}, order=TERMS,
        symbol="AAPL", **more,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("fact", "words"),
    [
        (intent(), "place BUY 100 LMT 189.5 AAPL"),
        (intent(verdict=REFUSED), "place BUY 100 LMT 189.5 AAPL, refused, max_quantity: big"),
        (intent(verdict=RiskVerdict(time=NOON, allowed=True)), "place BUY 100 LMT 189.5 AAPL"),
        (RiskVerdict(time=NOON, allowed=True), "allowed, 0 checks"),
        (
            RiskLimitChanged(time=NOON, limit="max", old="", new="5", loosened=False, by="cli"),
            "max: none -> 5, tightened by cli",
        ),
        (
            RiskLimitChanged(
                time=NOON, limit="max", old="5", new="", loosened=True, reason="expiry"
            ),
            "max: 5 -> none, loosened: expiry",
        ),
        (
            RiskBreached(
                time=NOON,
                check=RiskCheck(name="loss", passed=False, text="-600 of -500"),
                account="DU1",
                latched=True,
            ),
            "loss of DU1: -600 of -500, new orders are refused from now on",
        ),
        (
            KillSwitchChanged(time=NOON, engaged=True, by="file", cancel="all", flatten=True),
            "engaged by file, cancel all, flatten",
        ),
        (
            KillSwitchChanged(time=NOON, engaged=False, by="api", reason="over"),
            "released by api: over",
        ),
        (
            OrderCancelled(time=NOON, order_id=7, status="Cancelled", reason="asked"),
            "Cancelled: asked",
        ),
        (
            OrderStep(
                time=NOON,
                order_id=7,
                client_id=1,
                changes={"status": "Filled", "filled": "100", "reason": ""},
            ),
            "status Filled, filled 100",
        ),
        (OrderStep(time=NOON, order_id=7, client_id=1, changes={"why_held": ""}), "why_held"),
        (
            SessionBegan(
                time=NOON, host="h", port=4002, client_id=1, epoch=2, mode="paper",
                accounts=("DU1", "DU2"), next_id=5, floor=7,
            ),
            "paper, DU1, DU2 at h:4002, client 1, session 2, next order id 5, floor 7",
        ),
        (SessionChanged(time=NOON, old="READY", new="LOST"), "READY -> LOST"),
        (HeartbeatMissed(time=NOON, silence=15.04), "silent for 15.0 s"),
        (HeartbeatRestored(time=NOON, silence=16.0), "heard again after 16.0 s"),
        (ConfigTaken(time=NOON, digest="ab", settings={"a": "1"}), "ab, 1 settings"),
        (
            OrderIdsRolledBack(time=NOON, told=1, known=9),
            "the gateway's next order id is 1; 9 is the lowest unused",
        ),
        (JournalTrouble(time=NOON, over=False, reason="full"), "not written: full"),
        (DifferencesAsked(time=NOON, client_id=1, differences=(MISSED,)), f"{MISSED}"),
        (
            DifferencesAccepted(
                time=NOON, client_id=1, differences=(MISSED, MISSED), reason="looked"
            ),
            f"{MISSED}; {MISSED}: looked",
        ),
        (
            PositionsHeld(
                time=NOON,
                client_id=1,
                positions=(
                    PositionHeld(account="DU1", con_id=7, symbol="AAPL", quantity=Decimal("10.0")),
                    PositionHeld(account="DU1", con_id=8, symbol="MSFT", quantity=Decimal(-5)),
                ),
            ),
            "10 AAPL, -5 MSFT",
        ),
        (PositionsHeld(time=NOON, client_id=1, positions=()), "none"),
        (JournalTrouble(time=NOON, over=True), "written again"),
        (
            PositionOpened(time=NOON, account="DU1", con_id=7, quantity=Decimal(5)),
            "account DU1, con id 7, quantity 5, previous 0",
        ),
    ],
)  # fmt: skip
def test_what_happened_in_words(fact: Fact, words: str) -> None:
    assert words_of(fact) == words


@given(facts())
def test_every_fact_has_words(fact: Fact) -> None:
    assert isinstance(words_of(fact), str)


def test_terms_are_written_as_people_write_them() -> None:
    terms = {"action": "BUY", "totalQuantity": "100", "orderType": "LMT", "lmtPrice": 250.0}
    assert order_words(terms) == "BUY 100 LMT 250"
    assert order_words({**terms, "lmtPrice": 0.0001}) == "BUY 100 LMT 0.0001"
    assert order_words({**terms, "lmtPrice": 20000.0}) == "BUY 100 LMT 20000"
