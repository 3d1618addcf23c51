"""What an order that fills must look like, by the reference."""

from __future__ import annotations

import re

import pytest

from tests.conformance.cases import ACCOUNT, Case
from tests.conformance.transcript import Event, of, word

__all__ = ["average", "fee", "judge_fill"]

#: ``matching_engine.md`` 3: place, partial fills, full fill; the pair may be told twice.
OFFICIAL_FILL = r"(Os){1,2}(EOsR)*EFfCfR"
#: The same through ib_async and ib_insync: openOrder says no status, equal statuses are silent.
IB_FILL = r"Os?(Os?)?(EOsR)*EOfOR"


def fee(side: str, price: float, quantity: float) -> float:
    """Commission and fees of a US share, from the tariff (``matching_engine.md`` 4)."""
    commission = min(max(1.0, 0.005 * quantity), 0.01 * price * quantity)
    total = commission + 0.000003 * quantity
    if side == "SELL":
        total += 0.0000206 * price * quantity + 0.000195 * quantity
    return total


def average(executions: list[Event]) -> float:
    """The average price of executions."""
    shares = sum(one["shares"] for one in executions)
    return float(sum(one["price"] * one["shares"] for one in executions) / shares)


def judge_fill(
    case: Case, heard: list[Event], wanted: tuple[str, float], first: str = ""
) -> list[Event]:
    """Judge the life of one market order; returns its executions.

    Args:
        case: The client.
        heard: All events of the step.
        wanted: Side and quantity.
        first: What comes before it is accepted, as a `word`.
    """
    side, quantity = wanted
    events = [one for one in heard if one["event"] != "currentTime"]
    pattern = OFFICIAL_FILL if case.official else IB_FILL
    assert re.fullmatch(first + pattern, word(events)), word(events)
    executions = of(events, "execDetails")
    (order_id,) = {one["orderId"] for one in executions}
    (perm_id,) = {one["permId"] for one in executions}
    assert perm_id > 0
    for number, one in enumerate(executions, 1):
        assert one["side"] == {"BUY": "BOT", "SELL": "SLD"}[side]
        assert (one["account"], one["clientId"]) == (ACCOUNT, 7)
        assert one["cumQty"] == sum(each["shares"] for each in executions[:number])
        assert one["avgPrice"] == pytest.approx(average(executions[:number]))
        assert re.fullmatch(r"[0-9a-f]{8}\.[0-9a-f]{8}\.01\.01", one["execId"])
        assert one["lastLiquidity"] == 2
        if case.official:
            assert one["reqId"] == -1
            assert re.fullmatch(r"\d{8} \d\d:\d\d:\d\d US/Eastern", one["time"])
    assert len({one["execId"] for one in executions}) == len(executions)
    assert executions[-1]["cumQty"] == quantity
    _judge_statuses(executions, of(events, "orderStatus"), quantity)
    reports = of(events, "commission")
    assert [one["execId"] for one in reports] == [one["execId"] for one in executions]
    assert {one["currency"] for one in reports} == {"USD"}
    _judge_orders(case, of(events, "openOrder"), (order_id, side, quantity))
    if case.official:
        told = of(events, "openOrder")[-1]["commission"]
        assert told == pytest.approx(sum(one["commission"] for one in reports), abs=1e-6)
    return executions


def _judge_statuses(executions: list[Event], statuses: list[Event], quantity: float) -> None:
    """Filled and remaining add up at every step, and grow with the executions."""
    steps = {0, *(one["cumQty"] for one in executions)}
    for one in statuses:
        if one["permId"]:  # ib_async's own guess after 10349 knows nothing yet
            assert one["filled"] + one["remaining"] == quantity
            assert one["filled"] in steps
            assert one["permId"] == executions[0]["permId"]
    fills = [one["filled"] for one in statuses]
    assert fills == sorted(fills)
    last = statuses[-1]
    assert (last["status"], last["remaining"], last["clientId"]) == ("Filled", 0, 7)
    assert last["orderId"] == executions[0]["orderId"]
    assert last["avgFillPrice"] == pytest.approx(average(executions))
    assert last["lastFillPrice"] == executions[-1]["price"]


def _judge_orders(case: Case, orders: list[Event], wanted: tuple[int, str, float]) -> None:
    """The echo of the order says what was ordered, every time."""
    assert {
        (one["orderId"], one["action"], one["totalQuantity"], one["orderType"]) for one in orders
    } == {(*wanted, "MKT")}
    if case.official:
        assert {(one["tif"], one["account"], one["orderRef"]) for one in orders} == {
            ("DAY", ACCOUNT, "conformance")
        }
