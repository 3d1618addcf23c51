"""Any faults of the gateway, in any order: when they have ended, nothing of them is left.

And what is only late or disordered on its way arrives: each execution once, each commission once.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.paper_server import AAPL, ORDER, connect
from twsloop.clock import ManualClock
from twsloop.paper import PaperGateway
from twsloop.paper.clients.client import Client
from twsloop.paper.clients.farms import FarmState
from twsloop.paper.clients.gates import Memory
from twsloop.paper.clients.kinds import LINE
from twsloop.paper.clients.session import Request
from twsloop.paper.faults import FAULTS, FaultHandle
from twsloop.paper.faults.fault import Fault
from twsloop.paper.faults.gateway import GATEWAY_FAULTS
from twsloop.paper.requests import table
from twsloop.wire.messages import OUTBOUND_BY_NAME, message_class

EUR = {"symbol": "EUR", "secType": "CASH", "currency": "USD", "exchange": "IDEALPRO"}
#: Faults that last, and lose nothing for good.
LASTING: list[tuple[str, dict[str, Any]]] = [
    ("server_lost", {}),
    ("server_lost", {"farms": ("usfarm",), "repeat": 3.0}),
    ("farm_down", {"farm": "usfarm"}),
    ("farm_down", {"farm": "ushmds"}),
    ("farm_down", {"farm": "secdefnj"}),
    ("farm_idle", {"farm": "cashfarm", "wakes": 2.0}),
    ("competing_session", {}),
    ("history_refused", {"requests": 1}),
    ("read_only", {}),
    ("late_reports", {"seconds": 4.0}),
    ("late_reports", {"kind": "commissionAndFeesReport", "seconds": 2.0, "reports": 1}),
    ("reordered_reports", {"reports": 2}),
    ("reordered_reports", {"kind": "orderStatus", "after": "openOrder"}),
    ("shuffled_reports", {}),
    ("late_answers", {"seconds": 1.0}),
]


class Ear:
    """An outlet that keeps nothing."""

    def write(self, data: bytes) -> None:
        """Hear it."""

    def buffered(self) -> int:
        """Nothing waits."""
        return 0

    def close(self, reason: str) -> None:
        """It stays."""

    def abort(self, reason: str) -> None:
        """It stays."""


class Listener(Client):
    """A client that counts what it is told."""

    def __init__(self, client_id: int) -> None:
        super().__init__(client_id, 225, Ear())
        self.fills: Counter[str] = Counter()
        self.costs: Counter[str] = Counter()

    def put(self, name: str, message: Any, *, dates: tuple[str, str] | None = None) -> None:
        """Count executions and commissions that nobody asked for."""
        if name == "execDetails" and message.reqId == -1:
            self.fills[message.execution.execId] += 1
        elif name == "commissionReport":
            self.costs[message.execId] += 1
        super().put(name, message, dates=dates)


class House:
    """A gateway with a client that asks for all kinds of things."""

    def __init__(self, gateway: PaperGateway, clock: ManualClock) -> None:
        self.gateway = gateway
        self.clock = clock
        self.client = Listener(1)
        gateway.hub.join(self.client)
        self.orders = 0
        self.price = 270.0
        self.on: list[FaultHandle] = []

    def ask(self, name: str, **fields: Any) -> None:
        kind = OUTBOUND_BY_NAME[name]
        assert kind.proto is not None
        message = message_class(kind.proto)(**fields)
        table.answer(self.gateway.hub, self.client, Request(kind, message))
        self.gateway.hub.settle()

    def watch(self, req_id: int) -> None:
        self.ask("reqMktData", reqId=req_id, contract=AAPL if req_id % 2 else EUR)
        self.ask("reqTickByTickData", reqId=req_id, contract=AAPL, tickType="BidAsk")
        # Without SMART depth it is refused, and there is no subscription.
        self.ask("reqMktDepth", reqId=req_id, contract=AAPL, numRows=2, isSmartDepth=req_id > 2)

    def unwatch(self, req_id: int) -> None:
        self.ask("cancelMktData", reqId=req_id)
        self.ask("cancelTickByTickData", reqId=req_id)

    def buy(self) -> None:
        self.orders += 1
        order = {
            "action": "BUY",
            "totalQuantity": "10",
            "orderType": "MKT",
            "tif": "DAY",
            "transmit": True,
        }
        self.ask("placeOrder", orderId=self.orders, contract=AAPL, order=order)

    def move(self) -> None:
        self.price += 1
        self.gateway.market.quote("AAPL", self.price, self.price + 0.1, ask_size=1000)

    def begin(self, which: int) -> None:
        name, how = LASTING[which]
        fault: Fault = FAULTS[name](**how)
        self.on.append(self.gateway.faults.begin(fault))

    def end(self, which: int) -> None:
        if self.on:
            self.on.pop(which % len(self.on)).end()


STEPS = st.one_of(
    st.tuples(st.just("begin"), st.integers(0, len(LASTING) - 1)),
    st.tuples(st.just("end"), st.integers(0, 20)),
    st.tuples(st.sampled_from(["watch", "unwatch"]), st.integers(1, 4)),
    st.tuples(st.sampled_from(["buy", "move"])),
    st.tuples(st.just("wait"), st.integers(1, 5)),
)


@given(st.lists(STEPS, max_size=25))
def test_when_all_faults_have_ended_nothing_of_them_is_left(steps: list[tuple[Any, ...]]) -> None:
    asyncio.run(storm(steps))


async def storm(steps: list[tuple[Any, ...]]) -> None:
    clock = ManualClock()
    async with PaperGateway(feed="manual", clock=clock) as gateway:
        gateway.market.quote("EUR.USD", 1.1, 1.2)
        house = House(gateway, clock)
        house.move()
        for step, *args in steps:
            if step == "wait":
                clock.advance(args[0])
            else:
                getattr(house, step)(*args)
        gateway.faults.clear()
        clock.advance(10)
        house.buy()
        hub, client = gateway.hub, house.client
        # Who takes note of what is asked stays; nobody else does.
        gates = hub.gates
        assert not [*gates.reports, *gates.positions, *gates.messages, *gates.greeters]
        assert len(gates.requests) <= 2
        assert client.muted == set()
        assert set(hub.farms.states.values()) <= {FarmState.OK}
        memory = hub.memory
        assert (memory.known, memory.push, memory.first) == (None, None, Memory().first)
        followed = {line.req_id for lines in hub.watchers.lines.values() for line in lines}
        assert followed == {key[1] for key, _ in client.streams() if key[0] == LINE}
        assert all(len(set(map(id, one))) == len(one) for one in hub.watchers.lines.values())
        done = [one.exec_id for one in hub.engine.executions]
        assert client.fills == Counter(done)
        assert client.costs == Counter(done)


@pytest.mark.parametrize(("name", "how"), LASTING)
async def test_a_fault_outlives_a_gateway_that_is_opened_again(
    name: str, how: dict[str, Any]
) -> None:
    """It holds for the new gateway too, and can be ended while there is none."""
    async with PaperGateway(feed="manual", clock=ManualClock()) as gateway:
        fault = gateway.faults.begin(FAULTS[name](**how))
        await gateway.go_away()
        await gateway.open()
        hub = gateway.hub
        gates = hub.gates
        lists = (gates.requests, gates.reports, gates.messages)
        assert any(lists)
        await gateway.go_away()
        fault.end()
        await gateway.open()
        assert gateway.hub is not hub
        assert not [*gateway.hub.gates.reports, *gateway.hub.gates.messages]
        assert set(gateway.hub.farms.states.values()) == {FarmState.OK}


@pytest.mark.parametrize("name", [name for table in GATEWAY_FAULTS for name in table])
async def test_each_fault_plays_by_a_script_and_leaves_a_gateway_that_answers(name: str) -> None:
    """With its defaults, to a client of an old protocol that has everything open."""
    clock = ManualClock()
    entry: dict[str, Any] = {"fault": name, "at": 1}
    if not FAULTS[name].instant:
        entry["lasting"] = 2
    async with PaperGateway(feed="manual", clock=clock, faults={"fault": [entry]}) as gateway:
        gateway.market.quote("AAPL", 270.0, 270.1)
        async with connect(gateway, 157) as client:
            await client.ready()
            client.send("reqMktData", reqId=1, contract=AAPL)
            client.send("reqMktDepth", reqId=2, contract=AAPL, numRows=2, isSmartDepth=True)
            client.send("reqRealTimeBars", reqId=3, contract=AAPL, whatToShow="BID")
            order = {**ORDER, "orderType": "LMT", "lmtPrice": 269.0}
            client.send("placeOrder", orderId=1, contract=AAPL, order=ORDER)
            client.send("placeOrder", orderId=2, contract=AAPL, order=order)
            await client.until(lambda call: call.name == "commissionAndFeesReport")
            clock.advance(1.5)
            gateway.market.quote("AAPL", 268.0, 268.5)
            assert [one.fault.name for one in gateway.faults.record][:1] == [name]
        clock.advance(100)
        assert gateway.faults.active == ()
        assert gateway._door is not None
        await gateway._door.settled()
        async with connect(gateway, 157) as client:
            if name == "sunday_restart":  # its login goes on for a while
                await client.until("error")
                clock.advance(100)
            else:
                await client.ready()
            client.send("reqCurrentTime")
            await client.until("currentTime")
            client.send("reqAllOpenOrders")
            await client.until("openOrderEnd")
