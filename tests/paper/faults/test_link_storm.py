"""Any faults of the wire, in any order: the gateway serves on afterwards, and leaves nothing."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable
from typing import Any

import attrs
import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.wireclient import Closed, WireClient
from twsloop.clock import ManualClock
from twsloop.errors import FaultError
from twsloop.paper import PaperGateway
from twsloop.paper.faults import Fault
from twsloop.paper.faults.fault import params_of
from twsloop.paper.faults.hand import FaultHandle
from twsloop.paper.faults.wire import WIRE_FAULTS
from twsloop.wire import handshake

KINDS = [kind for table in WIRE_FAULTS for kind in table.values()]
STEPS = st.lists(
    st.tuples(st.sampled_from(["begin", "end", "connect", "ask", "leave", "wait"]), st.integers(0)),
    max_size=25,
)


def value_of(param: Any, luck: random.Random) -> Any:
    """Some value that a parameter accepts; small ones, mostly."""
    if param.kind == "choice":
        return luck.choice(param.choices)
    if param.kind == "text":
        return luck.choice(["openOrderEnd", "reqCurrentTime", "nextValidId"])
    if param.kind == "many":
        return [luck.randint(1, 30) for _ in range(luck.randint(0, 3))]
    low, high = max(param.low, -100), min(param.high, param.low + luck.choice([3, 300]))
    return (
        luck.randint(int(low) + 1, int(high)) if param.kind == "count" else luck.uniform(low, high)
    )


def fault_of(luck: random.Random) -> Fault:
    kind = luck.choice(KINDS)
    params = {name: value_of(param, luck) for name, param in params_of(kind).items()}
    try:
        return kind(**params)
    except FaultError:
        return kind()


@attrs.define
class Storm:
    """One gateway, whoever connects to it, and the faults that are on."""

    gateway: PaperGateway
    clock: ManualClock
    clients: list[WireClient] = attrs.Factory(list)
    handles: list[FaultHandle] = attrs.Factory(list)

    async def step(self, what: str, luck: random.Random) -> None:
        if what == "begin":
            fault = fault_of(luck)
            lasting = None if fault.instant else luck.choice([None, 0.5, 5.0])
            whom = luck.choice([None, [1, 2]]) if fault.of_clients else None
            self.handles.append(self.gateway.faults.begin(fault, whom, lasting=lasting))
        elif what == "end" and self.handles:
            self.handles.pop(luck.randrange(len(self.handles))).end()
        elif what == "connect":
            await self.connect(luck)
        elif what == "ask" and self.clients:
            self.gateway.market.notice(2123, "said to all")
            with contextlib.suppress(OSError, RuntimeError):
                luck.choice(self.clients).send("reqCurrentTime")
        elif what == "leave" and self.clients:
            await self.clients.pop(luck.randrange(len(self.clients))).close()
        elif what == "wait":
            self.clock.advance(luck.choice([0.01, 1.0, 30.0]))
        for _ in range(luck.randint(0, 8)):
            await asyncio.sleep(0)

    async def connect(self, luck: random.Random) -> None:
        client = WireClient(self.gateway.host, self.gateway.port)
        client.version = luck.choice([200, 225])
        try:
            await client.open()
            client.write(handshake.client_hello(100, client.version))
            for _ in range(luck.randint(0, 8)):
                await asyncio.sleep(0)
            client.send("startApi", clientId=luck.randint(1, 3))
        except (OSError, RuntimeError):  # uvloop says so of a transport that was ended
            await client.close()
        else:
            self.clients.append(client)

    async def healthy(self) -> None:
        """A client that comes afterwards is served as if nothing had been."""
        async with asyncio.timeout(20):
            while True:
                client = WireClient(self.gateway.host, self.gateway.port, client_id=99)
                # A door that was shut and opened again takes some turns of the loop to do so.
                with contextlib.suppress(OSError, Closed):
                    await client.connect()
                    break
                await client.close()
        heard = await client.ready()
        assert [call.name for call in heard[:2]] == ["managedAccounts", "nextValidId"]
        assert [call.name for call in heard[2:]] == ["error"] * 3
        client.send("reqCurrentTime")
        await client.until("currentTime")
        await client.close()


async def storm(steps: list[tuple[str, int]]) -> None:
    clock = ManualClock()
    failed: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, told: failed.append(told))
    async with PaperGateway(feed="manual", clock=clock) as gateway:
        it = Storm(gateway, clock)
        for what, number in steps:
            await it.step(what, random.Random(number))
        gateway.faults.clear()
        assert gateway.faults.active == ()
        await it.healthy()
        for client in it.clients:
            await client.close()
    assert not gateway.connections
    assert gateway.clients == ()
    assert clock.pending() == 0
    assert failed == [], failed


@pytest.mark.parametrize("factory", [asyncio.new_event_loop, uvloop.new_event_loop])
@settings(max_examples=40)
@given(steps=STEPS)
def test_a_storm_of_faults_leaves_a_healthy_gateway(
    factory: Callable[[], asyncio.AbstractEventLoop], steps: list[tuple[str, int]]
) -> None:
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(storm(steps))
