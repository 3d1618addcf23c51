"""What nobody waits for any more is cancelled at the gateway, by the cancel of its kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from twsloop import Config, IBGateway, stock
from twsloop.event_loop import Future
from twsloop.testing import GatewayDouble

NOON = datetime(2025, 12, 1, 17, tzinfo=UTC)
#: What asks -> IB's request, and its cancel.
QUESTIONS: dict[str, tuple[Callable[[Any, Any], Future[Any]], str, str]] = {
    "ticks": (
        lambda history, contract: history.ticks(
            contract, start=NOON, end=NOON + timedelta(minutes=1)
        ),
        "reqHistoricalTicks",
        "cancelHistoricalTicks",
    ),
    "histogram": (
        lambda history, contract: history.histogram(contract),
        "reqHistogramData",
        "cancelHistogramData",
    ),
    "bars": (
        lambda history, contract: history.bars(contract, start=NOON, end=NOON + timedelta(hours=1)),
        "reqHistoricalData",
        "cancelHistoricalData",
    ),
}


@pytest.fixture
def double() -> Iterator[GatewayDouble[IBGateway]]:
    overrides = {"history.store": False, "heartbeat.enabled": False}
    config = Config.load(environ={}, overrides=overrides)
    with GatewayDouble(lambda: IBGateway(config)) as made:
        yield made


@pytest.mark.parametrize("name", QUESTIONS)
def test_it_is_cancelled_when_its_last_waiter_leaves(
    double: GatewayDouble[IBGateway], name: str
) -> None:
    ask, request, cancel = QUESTIONS[name]
    contract = stock("AAPL")
    contract.conId = 265598
    future = ask(double.app.history, contract)
    asked = [one.reqId for one in double.sent_of(request)]
    assert len(asked) == 1
    future.cancel()
    assert [one.reqId for one in double.sent_of(cancel)] == asked
