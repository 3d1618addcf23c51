"""What a refusal says of a subscription."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

import pytest

from twsloop.clock import ManualClock
from twsloop.connection.life import Life
from twsloop.connection.refusals import Standstill, may_pass, standstill_of
from twsloop.error_handler import ErrorHandler
from twsloop.errors import ConnectionLost, RequestError, RequestTimeout
from twsloop.events import Notice
from twsloop.session.farms import Dependence, FarmKind

NOW = datetime(2026, 11, 20, 15, tzinfo=UTC)
ERRORS = ErrorHandler(ManualClock())


def life(*, begun: bool, kind: FarmKind = FarmKind.MARKET_DATA) -> Life:
    return Life(
        "it", cast("Any", None), depends=(Dependence(kind, "it"),), started=NOW if begun else None
    )


def said(code: int, text: str = "no") -> Notice:
    return ERRORS.handle(7, code, text, scope_hint="subscription")


@pytest.mark.parametrize(
    ("code", "begun", "meant"),
    [
        (10197, False, Standstill.WITHHELD),
        (10197, True, Standstill.WITHHELD),
        (10182, False, Standstill.ENDED),
        (10225, True, Standstill.ENDED),
        (354, False, None),
        (354, True, None),
        (200, True, None),
        (2104, True, None),
    ],
)
def test_which_codes_end_a_subscription(code: int, begun: bool, meant: Standstill | None) -> None:
    why = standstill_of(life(begun=begun), said(code), competed=False, lacks=False)
    assert why is meant


def test_data_that_is_refused_is_withheld_while_another_session_has_it() -> None:
    refused = said(354, "Requested market data is not subscribed")
    assert standstill_of(life(begun=True), refused, competed=True, lacks=False) is (
        Standstill.WITHHELD
    )
    assert standstill_of(life(begun=False), refused, competed=True, lacks=False) is None
    bars = life(begun=True, kind=FarmKind.HISTORICAL)
    assert standstill_of(bars, refused, competed=True, lacks=False) is None


def test_what_lacks_something_was_answered_once_and_will_be_again() -> None:
    assert standstill_of(life(begun=True), said(200), competed=False, lacks=True) is (
        Standstill.PASSING
    )
    assert standstill_of(life(begun=False), said(200), competed=False, lacks=True) is None


def test_what_never_left_or_was_not_answered_may_pass_and_what_is_refused_may_not() -> None:
    assert may_pass(ConnectionLost("gone"), ERRORS)
    assert may_pass(RequestTimeout("late", req_id=7, request="it"), ERRORS)
    assert not may_pass(ValueError("wrong"), ERRORS)
    refusals = {
        code: RequestError("no", code=code, req_id=7, request="it", category="")
        for code in (10197, 10182, 200)
    }
    assert {code: may_pass(error, ERRORS) for code, error in refusals.items()} == {
        10197: True,
        10182: True,
        200: False,
    }
