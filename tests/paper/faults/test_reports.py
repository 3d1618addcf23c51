"""Reports go wrong on their way, and single orders are told otherwise; the truth can be asked."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

from tests.support.faults import LIMIT, asked, codes, errors, heard, stories, trading_gateway
from tests.support.official import Call
from tests.support.paper_server import AAPL, ORDER, connect
from tests.support.wireclient import WireClient
from twsloop.clock import ManualClock
from twsloop.errors import FaultError
from twsloop.paper import PaperGateway
from twsloop.paper.faults.reports import ENDS, KINDS, NAMES
from twsloop.wire.messages import INBOUND_BY_NAME

VERSIONS = [200, 225]
FILL = [
    "exec -1 BOT 100 @270.1",
    "open 1 Filled",
    "status 1 Filled 100/0 @270.1",
    "open 1 Filled 1.0003",
    "status 1 Filled 100/0 @270.1",
    "report 1.0003",
]


@pytest.fixture
async def gateway(clock: ManualClock) -> AsyncIterator[PaperGateway]:
    async with trading_gateway(clock) as it:
        yield it


async def buy(client: WireClient, order_id: int = 1) -> list[str]:
    """Buy 100 at the market, and hear what is told from the fill on."""
    client.send("placeOrder", orderId=order_id, contract=AAPL, order=ORDER)
    told = stories(await heard(client))
    accepted = [f"open {order_id} Submitted", f"status {order_id} Submitted 0/100 @0.0"]
    while told[:2] == accepted:
        told = told[2:]
    return told


def names(calls: list[Call]) -> list[str]:
    return [call.name for call in calls]


async def test_without_a_fault_a_fill_has_its_script(gateway: PaperGateway) -> None:
    async with connect(gateway) as client:
        await client.ready()
        assert await buy(client) == FILL


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_report_comes_late_and_can_be_asked_for_before(
    gateway: PaperGateway, clock: ManualClock, version: int
) -> None:
    async with connect(gateway, version) as client:
        await client.ready()
        late = gateway.faults.late_reports(kind="execDetails", seconds=5, reports=1)
        assert await buy(client) == FILL[1:]
        found = await asked(client, "reqExecutions", "execDetailsEnd", reqId=9)
        assert names(found) == ["execDetails", "commissionAndFeesReport"]
        clock.advance(5)
        assert stories(await heard(client)) == FILL[:1]
        assert not late.on
        assert len(await buy(client, 2)) == len(FILL)


async def test_late_reports_come_at_once_when_the_fault_ends(gateway: PaperGateway) -> None:
    async with connect(gateway) as client:
        await client.ready()
        with gateway.faults.late_reports(kind="commissionAndFeesReport", seconds=500):
            assert await buy(client) == FILL[:-1]
        assert stories(await heard(client)) == FILL[-1:]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("what", "left"),
    [
        ({"kind": "execDetails"}, FILL[1:]),
        ({"kind": "commissionAndFeesReport"}, FILL[:-1]),
        ({"kind": "orderStatus", "status": "Filled"}, [FILL[0], FILL[1], FILL[3], FILL[5]]),
        ({"kind": "openOrder", "status": "Filled", "reports": 1}, [FILL[0], *FILL[2:]]),
    ],
)
async def test_a_report_never_comes(
    gateway: PaperGateway, version: int, what: dict[str, Any], left: list[str]
) -> None:
    async with connect(gateway, version) as client, connect(gateway, version, 2) as other:
        await client.ready()
        await other.ready()
        gateway.faults.missing_reports(1, **what)
        assert await buy(client) == left
        assert await buy(other) == FILL  # it is of client 1 only
        found = await asked(client, "reqExecutions", "execDetailsEnd", reqId=9)
        assert names(found).count("execDetails") == 2


async def test_the_end_of_a_cancelled_order_is_not_told(gateway: PaperGateway) -> None:
    async with connect(gateway) as client:
        await client.ready()
        client.send("placeOrder", orderId=1, contract=AAPL, order=LIMIT)
        await heard(client)
        gateway.faults.missing_reports(kind="cancelled")
        client.send("cancelOrder", orderId=1)
        assert stories(await heard(client)) == ["status 1 Cancelled 0/100 @0.0"]


async def test_reports_come_more_than_once(gateway: PaperGateway, clock: ManualClock) -> None:
    async with connect(gateway) as client:
        await client.ready()
        with gateway.faults.duplicate_reports(times=2):
            assert await buy(client) == [FILL[0]] * 2 + FILL
        gateway.faults.duplicate_reports(kind="commissionAndFeesReport", seconds=3, reports=1)
        assert len(await buy(client, 2)) == len(FILL)
        clock.advance(3)
        assert names(await heard(client)) == ["commissionAndFeesReport"]
        found = await asked(client, "reqPositions", "positionEnd")
        assert [call.args[2] for call in found] == [Decimal(200)]


@pytest.mark.parametrize(
    ("kind", "after", "told"),
    [
        ("execDetails", "commissionAndFeesReport", [*FILL[1:], FILL[0]]),
        ("execDetails", "orderStatus", [FILL[1], FILL[2], FILL[0], *FILL[3:]]),
        ("openOrder", "orderStatus", [FILL[0], FILL[2], FILL[1], FILL[4], FILL[3], FILL[5]]),
    ],
)
async def test_reports_come_in_another_order(
    gateway: PaperGateway, kind: str, after: str, told: list[str]
) -> None:
    async with connect(gateway) as client:
        await client.ready()
        gateway.faults.reordered_reports(kind=kind, after=after)
        assert (await buy(client))[-len(told) :] == told


async def test_shuffled_reports_are_the_same_in_any_order_and_seeded() -> None:
    seen = []
    for seed in (3, 3, 4):
        async with PaperGateway(feed="manual", clock=ManualClock(), seed=seed) as gateway:
            gateway.market.quote("AAPL", 270.0, 270.1, ask_size=1000)
            gateway.faults.shuffled_reports()
            async with connect(gateway) as client:
                await client.ready()
                client.send("placeOrder", orderId=1, contract=AAPL, order=ORDER)
                seen.append(stories(await heard(client)))
    assert seen[0] == seen[1] != seen[2]
    assert sorted(seen[0]) == sorted(seen[2])
    assert sorted(FILL) == sorted(one for one in seen[0] if "Submitted" not in one)


@pytest.mark.parametrize("version", VERSIONS)
async def test_an_answer_never_comes_or_late(
    gateway: PaperGateway, clock: ManualClock, version: int
) -> None:
    async with connect(gateway, version) as client:
        await client.ready()
        gateway.faults.missing_answers(answer="openOrderEnd", answers=1)
        client.send("reqAllOpenOrders")
        assert await heard(client) == []
        clock.advance(0)
        client.send("reqAllOpenOrders")
        assert names(await heard(client)) == ["openOrderEnd"]
        gateway.faults.late_answers(answer="execDetailsEnd", seconds=2)
        client.send("reqExecutions", reqId=9)
        assert await heard(client) == []
        clock.advance(2)
        assert names(await heard(client)) == ["execDetailsEnd"]


async def test_a_session_without_its_first_messages(gateway: PaperGateway) -> None:
    with gateway.faults.missing_answers(answer="nextValidId"):
        async with connect(gateway) as client:
            assert "nextValidId" not in names(await client.ready())


@pytest.mark.parametrize("code", [399, 404, 2109, 2161, 10349])
async def test_a_warning_about_a_live_order(gateway: PaperGateway, code: int) -> None:
    async with connect(gateway) as client:
        await client.ready()
        client.send("placeOrder", orderId=1, contract=AAPL, order=LIMIT)
        client.send("placeOrder", orderId=2, contract=AAPL, order=LIMIT)
        await heard(client)
        gateway.faults.order_warning(code=code, order_id=1)
        ((ident, told, text),) = errors(await heard(client))
        assert (ident, told) == (1, code)
        assert text
        gateway.faults.order_warning(code=code, text="our own")
        assert errors(await heard(client)) == [(2, code, "our own")]


@pytest.mark.parametrize("version", VERSIONS)
async def test_an_order_is_told_dead_and_lives(
    gateway: PaperGateway, clock: ManualClock, version: int
) -> None:
    async with connect(gateway, version) as client:
        await client.ready()
        client.send("placeOrder", orderId=1, contract=AAPL, order=LIMIT)
        alive = stories(await heard(client))[:2]
        dead = ["open 1 Inactive", "status 1 Inactive 0/100 @0.0"]
        gateway.faults.rejected_then_alive()
        assert stories(await heard(client)) == [*dead, "error 1 201", *dead, *alive]
        gateway.faults.inactive_then_alive(seconds=2)
        assert stories(await heard(client)) == dead
        clock.advance(2)
        assert stories(await heard(client)) == alive
        gateway.faults.bare_status(times=2)
        assert stories(await heard(client)) == [alive[1]] * 2
        gateway.faults.order_unresolved()
        assert codes(await heard(client)) == [10328]
        gateway.faults.cancelled_but_alive()
        told = stories(await heard(client))
        assert told == ["status 1 Cancelled 0/100 @0.0", "error 1 202"]
        gateway.market.quote("AAPL", 268.0, 268.5, ask_size=1000)
        told = stories(await heard(client))
        assert (told[0], told[-1][:6]) == ("exec -1 BOT 100 @268.5", "report")


@pytest.mark.parametrize("version", VERSIONS)
async def test_an_execution_is_corrected_in_all_books(gateway: PaperGateway, version: int) -> None:
    async with connect(gateway, version) as client:
        await client.ready()
        await buy(client)
        client.send("placeOrder", orderId=2, contract=AAPL, order={**ORDER, "action": "SELL"})
        before = await heard(client)
        account = gateway.hub.accounts[gateway.account]
        cash = account.cash["USD"]
        gateway.faults.execution_corrected(order_id=1, change=-0.1)  # bought for less
        told = await heard(client)
        (fill,) = [call.args[2] for call in told if call.name == "execDetails"]
        assert (fill["execId"][-3:], fill["price"]) == (".02", 270.0)
        assert account.cash["USD"] == cash + 10
        gateway.faults.execution_corrected(change=0.5)  # the last one: sold for more
        told = await heard(client)
        (sold,) = [call.args[2] for call in told if call.name == "execDetails"]
        assert sold["price"] == 270.5
        was = [call.args[0] for call in before if call.name == "commissionAndFeesReport"][-1]
        now = [call.args[0] for call in told if call.name == "commissionAndFeesReport"][-1]
        change = float(now["realizedPNL"]) - float(was["realizedPNL"])
        assert change == pytest.approx(50)
        assert account.cash["USD"] == cash + 60
        assert set(account.balance().values()) <= {account.start, Decimal(0)}
        found = await asked(client, "reqExecutions", "execDetailsEnd", reqId=9)
        prices = [call.args[2]["price"] for call in found if call.name == "execDetails"]
        assert prices == [270.0, 270.5]


def test_what_makes_no_sense_is_refused_in_words() -> None:
    with PaperGateway(feed="manual") as gateway:
        with pytest.raises(FaultError, match="has no usual text"):
            gateway.faults.order_warning(code=1234)
        with pytest.raises(FaultError, match=r"usfram.*no such farm.*usfuture"):
            gateway.faults.server_lost(farms=("usfram",))
        with pytest.raises(FaultError, match="execDetails"):
            gateway.faults.late_reports(kind="execDetail")


async def test_a_correction_without_an_execution_is_nothing(gateway: PaperGateway) -> None:
    async with connect(gateway) as client:
        await client.ready()
        gateway.faults.execution_corrected()
        gateway.faults.order_warning()
        assert await heard(client) == []


def test_all_that_can_be_named_is_a_message() -> None:
    assert {NAMES.get(kind, kind) for kind in KINDS} | set(ENDS) <= set(INBOUND_BY_NAME)
