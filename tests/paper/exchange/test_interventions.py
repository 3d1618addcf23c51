"""Orders that a test wants refused: once each, in order, for whom they are meant."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from twsloop.paper.exchange.interventions import Interventions, Rejection
from twsloop.paper.orders.refusals import Refusal


def request(symbol: str) -> Any:
    return SimpleNamespace(contract=SimpleNamespace(symbol=symbol))


def order(symbol: str) -> Any:
    return SimpleNamespace(instrument=SimpleNamespace(symbol=symbol))


def test_nothing_is_refused_unasked() -> None:
    assert Interventions().local(request("AAPL")) is None
    assert Interventions().broker(order("AAPL")) is None


def test_each_is_used_once_where_it_belongs() -> None:
    wanted = Interventions([Rejection("one"), Rejection("two", 110), Rejection("three")])
    assert wanted.local(request("AAPL")) == Refusal(110, "two")
    assert wanted.local(request("AAPL")) is None
    assert wanted.broker(order("AAPL")) == "one"
    assert wanted.broker(order("AAPL")) == "three"
    assert wanted.broker(order("AAPL")) is None


def test_for_one_symbol_only() -> None:
    wanted = Interventions([Rejection("no", symbol="MSFT")])
    assert wanted.broker(order("AAPL")) is None
    assert wanted.broker(order("MSFT")) == "no"
