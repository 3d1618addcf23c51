"""Exercises are typed, checked where they are written, and encoded by IB's own client."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.support import official
from twsloop.contracts import option, stock
from twsloop.errors import InvalidOrder
from twsloop.orders.exercise import ExerciseRequest
from twsloop.orders.words import ExerciseAction
from twsloop.wire.codec import decode
from twsloop.wire.messages import Direction

OPTION = option("AAPL", "20261218", "190", "C")


def request(**fields: Any) -> ExerciseRequest:
    usual: dict[str, Any] = {"contract": OPTION, "quantity": 2, "account": "DU1"}
    return ExerciseRequest(**usual | fields)


@pytest.mark.parametrize("version", [225, 200])
def test_it_arrives(version: int) -> None:
    made = request(
        action=ExerciseAction.LAPSE,
        override=True,
        manual_order_time=datetime(2026, 11, 23, 15, 30, tzinfo=UTC),
        customer_account="C1",
        professional_customer=True,
    )
    made.check_version(version)
    (body,) = official.requests(lambda c: c.exerciseOptions(*made.arguments(12)), version)
    said = decode(Direction.OUTBOUND, body, version).message
    assert (said.orderId, said.exerciseAction, said.exerciseQuantity) == (12, 2, 2)
    assert (said.account, said.override) == ("DU1", True)
    assert said.manualOrderTime == "20261123-15:30:00"
    assert (said.customerAccount, said.professionalCustomer) == ("C1", True)
    assert said.contract.strike == 190.0


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"contract": stock("AAPL")}, "STK is not exercised"),
        ({"quantity": 0}, "quantity"),
        ({"quantity": "1.5"}, "whole"),
        ({"account": ""}, "account"),
        ({"action": 3}, "lapse"),
        ({"manual_order_time": datetime(2026, 1, 1)}, "manual order time"),  # noqa: DTZ001
    ],
)
def test_what_cannot_be_exercised(fields: dict[str, Any], problem: str) -> None:
    with pytest.raises(InvalidOrder, match=problem):
        request(**fields)


def test_an_unresolved_option() -> None:
    nowhere = option("AAPL", "20261218", "190", "C")
    nowhere.exchange = ""
    with pytest.raises(InvalidOrder, match="exchange"):
        request(contract=nowhere)


def test_what_a_server_does_not_know() -> None:
    request().check_version(100)
    for field, since in (("customer_account", 183), ("manual_order_time", 180)):
        made = request(**{field: "x"})
        made.check_version(since)
        with pytest.raises(InvalidOrder, match=str(since)) as raised:
            made.check_version(since - 1)
        assert raised.value.code == 503
