"""Predictions become proposals, and accepted ones orders on the paper gateway."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import attrs
import pytest

from tests.support.signal_room import (
    PATIENCE,
    Room,
)
from twsloop.app.signals import Outcome, Proposal
from twsloop.errors import InvalidOrder
from twsloop.orders.builders import limit_order
from twsloop.orders.trade import Trade


# ------------------------------------------------------------------------------ the whole way
def test_a_prediction_becomes_an_order(room: Room) -> None:
    room.oracle.says("BUY", confidence=0.7)
    with room.source(quantity=3) as source:
        proposal = room.proposals.next()
        report = room.report()
        assert (proposal.ticker, proposal.side, proposal.quantity) == ("AAPL", "BUY", Decimal(3))
        assert (proposal.confidence, proposal.reference_price) == (0.7, Decimal("189.5"))
        assert proposal.age == 1.0
        assert (proposal.expires - proposal.made).total_seconds() == 300
        assert report.outcome is Outcome.ACCEPTED
        assert report.proposal == proposal
        assert report.reason == "order 1: BUY 3 MKT AAPL"
        trade = report.trade
        assert isinstance(trade, Trade)
        assert source.trades == (trade,)
        assert trade.done.result(PATIENCE) == "Filled"
        assert (trade.symbol, trade.filled, trade.order.orderType) == ("AAPL", Decimal(3), "MKT")
        assert trade.tag == "flow AAPL 20260105T142959Z"
        assert source.counts == {Outcome.ACCEPTED: 1}
        assert source.running
    assert not source.running


def test_the_same_prediction_is_proposed_once(room: Room) -> None:
    room.oracle.says("BUY", age=10)
    with room.source() as source:
        room.report()
        for _ in range(3):
            room.clock.next_round()
        room.oracle.says("SELL", age=200)  # older than the one before: a server that lags
        room.clock.next_round()
        room.clock.next_round()
        assert len(room.proposals.rest()) == 1
        room.oracle.says("SELL")
        room.clock.next_round()
        assert room.report().outcome is Outcome.ACCEPTED
        assert [trade.order.action for trade in source.trades] == ["BUY", "SELL"]


def test_computed_again_for_the_same_moment_is_the_same(one_room: Room) -> None:
    room = one_room
    room.oracle.says("BUY", confidence=0.7)
    with room.source():
        room.report()
        room.oracle.word["AAPL"].update(signal="SELL", confidence=0.9)
        room.clock.next_round()
        room.clock.next_round()
        room.clock.rested()
        assert room.reports.rest() == []


# --------------------------------------------------------------------------- what is not traded
@pytest.mark.parametrize(
    ("said", "outcome", "reason"),
    [
        ({"signal": "HOLD"}, Outcome.HOLD, "it says HOLD"),
        ({"signal": "STRONG_BUY"}, Outcome.UNKNOWN, "'STRONG_BUY'"),
        ({"signal": None}, Outcome.UNKNOWN, "None"),
        ({"signal": "BUY\n" * 1000}, Outcome.UNKNOWN, "BUY\\nBUY"),
        ({"signal": "BUY", "age": 301}, Outcome.STALE, "301 s old"),
        ({"signal": "BUY", "age": -600}, Outcome.FUTURE, "600 s in the future"),
        ({"signal": "BUY", "confidence": 0.59}, Outcome.UNSURE, "0.59"),
        ({"signal": "BUY", "confidence": None}, Outcome.INCOMPLETE, "confidence"),
        ({"signal": "BUY", "confidence": 87}, Outcome.INCOMPLETE, "confidence"),
        ({"signal": "BUY", "timestamp": None}, Outcome.INCOMPLETE, "when it was made"),
        ({"signal": "BUY", "ticker_said": "MSFT"}, Outcome.INCOMPLETE, "about 'MSFT'"),
        ({"signal": "BUY", "stock_price": -1}, Outcome.INCOMPLETE, "price"),
    ],
)
def test_reported_and_never_proposed(
    said: dict[str, Any], outcome: Outcome, reason: str, one_room: Room
) -> None:
    room = one_room
    other = said.pop("ticker_said", None)
    room.oracle.says(**said)
    if other:
        room.oracle.word["AAPL"]["ticker"] = other
    with room.source(min_confidence=0.6) as source:
        report = room.report()
        room.clock.next_round()
        room.clock.next_round()
        room.clock.rested()
        assert (report.outcome, report.trade, report.proposal) == (outcome, None, None)
        assert reason in report.reason
        assert report.prediction.signal == said["signal"]
        assert room.proposals.rest() == []
        assert room.reports.rest() == [], "told once"
        assert source.trades == ()
    assert room.gateway.trades() == ()


def test_one_from_the_future_is_proposed_once_it_is_there(one_room: Room) -> None:
    room = one_room
    room.oracle.says("BUY", age=-60)
    with room.source():
        assert room.report().outcome is Outcome.FUTURE
        room.clock.next_round()
        assert room.report().outcome is Outcome.ACCEPTED


def test_nothing_predicted_yet(one_room: Room) -> None:
    room = one_room
    with room.source():
        room.clock.next_round()
        room.oracle.says("SELL", age=0)
        room.clock.next_round()
        assert room.report().outcome is Outcome.ACCEPTED


def test_since_keeps_a_second_run_from_trading_again(one_room: Room) -> None:
    room = one_room
    room.oracle.says("BUY")
    with room.source():
        made = room.proposals.next().made
        room.report()
    with room.source(since=made) as source:
        report = room.report()
        assert (report.outcome, source.trades) == (Outcome.STALE, ())
        assert "since" in report.reason


# ------------------------------------------------------------------------------- the callback
@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (True, ("MKT", "BUY", 2, 0)),
        (5, ("MKT", "BUY", 5, 0)),
        (Decimal(7), ("MKT", "BUY", 7, 0)),
        (lambda p: attrs.evolve(p, limit_price="150.5"), ("LMT", "BUY", 2, 150.5)),
        (lambda p: attrs.evolve(p, side="SELL", quantity=1), ("MKT", "SELL", 1, 0)),
        (limit_order("BUY", 4, "151"), ("LMT", "BUY", 4, 151.0)),
    ],
)
def test_ways_to_accept(answer: Any, expected: tuple[Any, ...], one_room: Room) -> None:
    room = one_room
    room.oracle.says("BUY")
    room.answer = answer
    with room.source(quantity=2):
        trade = room.report().trade
        assert trade is not None
        order = trade.order
        limit = order.lmtPrice if order.orderType == "LMT" else 0
        assert (order.orderType, order.action, order.totalQuantity, limit) == expected
        assert order.orderRef.startswith("flow AAPL")


def test_another_contract(one_room: Room) -> None:
    room = one_room
    room.oracle.says("BUY", ticker="SPX")
    with room.source("SPX", contracts={"SPX": "MSFT"}):
        report = room.report()
        assert report.proposal is not None
        assert report.trade is not None
        assert (report.proposal.contract, report.trade.contract.symbol) == ("MSFT", "MSFT")


@pytest.mark.parametrize("answer", [None, False, 0, Decimal(0)])
def test_ways_to_decline(answer: Any, one_room: Room) -> None:
    room = one_room
    room.oracle.says("BUY")
    room.answer = answer
    with room.source() as source:
        report = room.report()
        assert (report.outcome, report.trade, source.trades) == (Outcome.DECLINED, None, ())
        assert report.proposal is not None


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (KeyError("oops"), KeyError),
        ("yes", TypeError),
        (-5, ValueError),
        (float("nan"), ValueError),
        ([1], TypeError),
    ],
)
def test_a_callback_that_fails_ends_nothing(
    answer: Any, kind: type[Exception], one_room: Room
) -> None:
    room = one_room
    room.oracle.says("BUY")
    room.answer = answer
    with room.source() as source:
        report = room.report()
        assert report.outcome is Outcome.FAILED
        assert isinstance(report.error, kind)
        assert "callback" in {notice.category for notice in room.gateway.errors.recent}
        room.answer = True
        room.oracle.says("SELL", age=0)
        room.clock.next_round()
        assert room.report().outcome in {Outcome.STALE, Outcome.ACCEPTED}
        assert len(source.trades) == 1


def test_a_proposal_kept_from_before_is_no_answer(one_room: Room) -> None:
    room = one_room
    kept: list[Proposal] = []

    def keeps(proposal: Proposal) -> Proposal:
        kept.append(proposal)
        return kept[0]

    room.answer = keeps
    room.oracle.says("BUY")
    with room.source() as source:
        room.report()
        room.oracle.says("SELL", age=0)
        room.clock.next_round()
        report = room.report()
        assert report.outcome is Outcome.FAILED
        assert "another proposal" in report.reason
        assert len(source.trades) == 1


def test_an_order_that_cannot_be_placed(one_room: Room) -> None:
    room = one_room
    order = limit_order("BUY", 1, 100)
    order.orderType = "STP"
    room.answer = order
    room.oracle.says("BUY")
    with room.source() as source:
        report = room.report()
        assert report.outcome is Outcome.REFUSED
        assert isinstance(report.error, InvalidOrder)
        assert source.trades == ()


def test_a_quantity_rule(one_room: Room) -> None:
    room = one_room
    asked: list[Any] = []

    def rule(prediction: Any) -> Any:
        asked.append(prediction)
        if len(asked) == 1:
            raise RuntimeError("no idea")
        return 0 if len(asked) == 2 else 9

    room.oracle.says("BUY", age=0)
    with room.source(quantity=rule):
        assert room.report().outcome is Outcome.FAILED
        for outcome in (Outcome.DECLINED, Outcome.ACCEPTED):
            room.oracle.says("BUY", age=-1)
            room.clock.next_round()
            assert room.report().outcome is outcome
        assert room.proposals.next().quantity == Decimal(9)
