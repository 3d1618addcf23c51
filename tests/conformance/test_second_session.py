"""A bracket left working, and the second session of the same client id that finds it.

What ib_async and ib_insync fetch while they connect is not empty here; all of it must be readable.
"""

from __future__ import annotations

import re

import pytest

from tests.conformance.cases import ACCOUNT, QUANTITY, Case
from tests.conformance.judging import average, fee, judge_fill
from tests.conformance.transcript import Event, Transcript, of, word

BIG = 3000
PAIR = 20_000

pytestmark = [pytest.mark.conformance, pytest.mark.timeout(400)]


def members(run: Transcript) -> list[list[Event]]:
    """The bracket's order events, member by member."""
    events = [one for one in run.step("bracket") if one["event"] != "currentTime"]
    ids = sorted({one["orderId"] for one in events})
    return [[one for one in events if one["orderId"] == order_id] for order_id in ids]


def test_bracket_is_held_together(case: Case, run: Transcript) -> None:
    parent, target, stop = members(run)
    for events in (parent, target, stop):
        pattern = "(Os){1,2}" if case.official else "Os?(Os?)?"
        assert re.fullmatch(pattern, word(events)), word(events)
    first = [of(events, "orderStatus")[0] for events in (parent, target, stop)]
    assert first[0]["status"] in {"Submitted", "PreSubmitted"}
    assert [one["status"] for one in first[1:]] == ["PreSubmitted", "PreSubmitted"]
    assert [one["whyHeld"] for one in first] == ["", "child", "child,trigger"]
    perm_ids = [one["permId"] for one in first]
    assert perm_ids == [perm_ids[0], perm_ids[0] + 1, perm_ids[0] + 2]
    orders = [of(events, "openOrder")[0] for events in (parent, target, stop)]
    assert [one["parentId"] for one in orders] == [0, first[0]["orderId"], first[0]["orderId"]]
    assert [one["orderType"] for one in orders] == ["LMT", "LMT", "STP"]
    assert orders[2]["auxPrice"] > 0
    if case.official:
        # One of the children cancels the other: they are an OCA group of the parent's name.
        assert [one["ocaGroup"] for one in orders] == ["", str(perm_ids[0]), str(perm_ids[0])]


def test_second_session_finds_what_was_left(case: Case, run: Transcript, again: Transcript) -> None:
    assert again.all("trouble") == []
    assert [line for line in again.stderr if not re.match(case.noise, line)] == []
    assert again.code == 0
    assert again.one("started")["seconds"] < 4
    ids = [events[0]["orderId"] for events in members(run)]
    live = of(run.step("buy"), "execDetails") + of(run.step("sell"), "execDetails")
    if not case.official:
        fetched = again.one("fetched")
        assert fetched["open"] == ids
        assert sorted(fetched["done"]) == ["Cancelled", "Filled", "Filled"]
        assert (fetched["fills"], fetched["positions"]) == (len(live), 0)
        return
    assert again.one("nextValidId")["orderId"] == ids[-1] + 1
    left = again.step("left")
    opened = of(left, "openOrder")
    assert [one["orderId"] for one in opened] == ids
    before = [of(events, "openOrder")[-1] for events in members(run)]
    assert opened == before
    assert [one["whyHeld"] for one in of(left, "orderStatus")] == ["", "child", "child,trigger"]
    completed = of(left, "completedOrder")
    assert [one["status"] for one in completed] == ["Filled", "Cancelled", "Filled"]
    assert completed[0]["completedStatus"] == f"Filled Size: {QUANTITY}"
    assert [one["execId"] for one in of(left, "execDetails")] == [one["execId"] for one in live]


def test_what_if_places_nothing(case: Case, again: Transcript) -> None:
    events = again.step("what-if")
    if case.official:
        (shown,) = (one for one in events if one["event"] != "currentTime")
        assert shown["event"] == "openOrder"
        assert shown["whatIf"] is True
    else:
        assert word(events) == ""
        (shown,) = of(events, "whatIf")
    assert shown["status"] == "PreSubmitted"
    assert shown["commission"] == pytest.approx(fee("BUY", 250.0, 100), abs=1e-6)
    assert float(shown["initMarginChange"]) > 1000


def test_cancelled_parent_takes_its_children_along(
    case: Case, run: Transcript, again: Transcript
) -> None:
    ids = [events[0]["orderId"] for events in members(run)]
    events = [one for one in again.step("cancel bracket") if one["event"] != "currentTime"]
    # ib_async and ib_insync say PendingCancel by themselves, of the parent alone.
    assert word(events) == ("x!x!x!" if case.official else "px!x!x!")
    cancelled = [one for one in of(events, "orderStatus") if one["status"] == "Cancelled"]
    assert [one["orderId"] for one in cancelled] == ids
    assert [one["reqId"] for one in of(events, "error")] == ids
    if not case.official:
        assert again.one("cancelled")["statuses"] == ["Cancelled"] * 3


def test_big_order_fills_in_parts(case: Case, again: Transcript) -> None:
    executions = judge_fill(case, again.step("big"), ("BUY", BIG))
    assert len(executions) > 2
    reports = of(again.step("big"), "commission")
    shares = 0.0
    charged = 0.0
    for one, report in zip(executions, reports, strict=True):
        # The commission belongs to the order: its minimum falls on the first execution.
        shares += one["shares"]
        charged += report["commission"]
        assert charged == pytest.approx(fee("BUY", one["price"], shares), abs=1e-5)


def test_currency_pair(case: Case, again: Transcript) -> None:
    (stream,) = of(again.step("pair"), "stream")
    assert stream["problems"] == []
    assert {"bid", "ask"} <= set(stream["kinds"])
    # A pair has no trades.
    assert not {"last", "lastSize", "volume"} & set(stream["kinds"])
    executions = judge_fill(case, again.step("buy pair"), ("BUY", PAIR))
    assert {one["exchange"] for one in executions} == {"IDEALPRO"}
    # 0.2 basis points of the value, 2 USD at least.
    charged = sum(one["commission"] for one in of(again.step("buy pair"), "commission"))
    assert charged == pytest.approx(max(2.0, 0.00002 * PAIR * average(executions)))


def test_positions_of_two_kinds(again: Transcript) -> None:
    found = {one["symbol"]: one for one in of(again.step("positions"), "position")}
    assert {symbol: one["position"] for symbol, one in found.items()} == {"AAPL": BIG, "EUR": PAIR}
    assert {one["account"] for one in found.values()} == {ACCOUNT}
    for symbol, step, quantity in (("AAPL", "big", BIG), ("EUR", "buy pair", PAIR)):
        paid = average(of(again.step(step), "execDetails"))
        paid += sum(one["commission"] for one in of(again.step(step), "commission")) / quantity
        assert found[symbol]["avgCost"] == pytest.approx(paid, abs=1e-6)
