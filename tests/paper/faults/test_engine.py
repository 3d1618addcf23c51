"""Faults begin, end, and come by a script; on both loops, over real sockets."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

import attrs
import pytest

from tests.support.manual_feed import ManualFeed
from tests.support.paper_server import connect
from tests.support.wireclient import WireClient
from twsloop.clock import ManualClock
from twsloop.errors import FaultError
from twsloop.paper import PaperGateway
from twsloop.paper.faults import FAULTS, FaultControl
from twsloop.paper.faults.fault import Fault, params_of
from twsloop.paper.faults.table import merged
from twsloop.paper.faults.wire_links import HalfOpen, Reset

VERSIONS = [200, 225]


async def answers(client: WireClient) -> bool:
    """Whether the gateway still answers this client."""
    client.send("reqCurrentTime")
    await client.until("currentTime")
    return True


async def silent(client: WireClient, other: WireClient) -> None:
    """The client is not answered, though one that asked later was."""
    client.send("reqCurrentTime")
    waiting = asyncio.ensure_future(client.until("currentTime"))
    for _ in range(3):
        assert await answers(other)
    assert not waiting.done()
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_half_open_link_says_nothing_and_stays_open(
    gateway: PaperGateway, version: int
) -> None:
    async with connect(gateway, version) as client, connect(gateway, version, 2) as other:
        await client.ready()
        await other.ready()
        dead = gateway.faults.half_open(1)
        await silent(client, other)
        dead.end()
        await client.until("currentTime")


async def test_a_script_lets_a_fault_begin_and_end(feed: ManualFeed, clock: ManualClock) -> None:
    entry = {"fault": "half_open", "at": 30, "lasting": 20, "clients": [1]}
    async with (
        PaperGateway(feed=feed, clock=clock, faults={"fault": [entry]}) as gateway,
        connect(gateway) as client,
        connect(gateway, client_id=2) as other,
    ):
        await client.ready()
        await other.ready()
        clock.advance(29.9)
        assert await answers(client)
        clock.advance(0.2)
        assert [one.what for one in gateway.faults.record] == ["begins"]
        await silent(client, other)
        clock.advance(20)
        await client.until("currentTime")
        assert [one.what for one in gateway.faults.record] == ["begins", "ends"]


async def test_a_fault_that_cannot_begin_is_one_sentence_and_the_others_go_on(
    feed: ManualFeed, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    script = {"fault": [{"fault": "order_warning", "at": 5}, {"fault": "refuse", "at": 5}]}
    async with PaperGateway(feed=feed, clock=clock, faults=script) as gateway:
        await gateway.go_away()
        clock.advance(5)
        await gateway.open()
        happened = [(one.fault.name, one.what) for one in gateway.faults.record]
    assert happened == [
        ("order_warning", "happens"),
        ("order_warning", "fails"),
        ("refuse", "begins"),
    ]
    (line,) = (one for one in caplog.records if one.levelname == "WARNING")
    assert line.getMessage() == (
        "the fault order_warning could not begin: the paper gateway is not running"
    )
    assert line.exc_info is None


def test_every_fault_is_a_method_with_its_parameters() -> None:
    for name, kind in FAULTS.items():
        method = inspect.signature(getattr(FaultControl, name))
        told = {key: one.default for key, one in method.parameters.items()}
        for field in attrs.fields(kind):
            assert told.get(field.name, "missing") == field.default, (name, field.name)
        assert ("lasting" in told) is not kind.instant, name
        assert kind.of_clients or "client" not in told, name
        assert set(told) <= {"self", "client", "lasting"} | set(params_of(kind)), name


def test_a_name_stands_once_in_the_table() -> None:
    with pytest.raises(ValueError, match="twice"):
        merged([{"reset": Reset}, {"reset": Reset}])
    with pytest.raises(ValueError, match="misnamed"):
        merged([{"reset": HalfOpen}])


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"lasting": -1}, "fault half_open, lasting = -1: does not fit (allowed: a number from 0"),
        ({"lasting": "5"}, "lasting = '5': does not fit"),
        ({"lasting": float("nan")}, "lasting = nan: does not fit"),
        ({"client": "1"}, "client = '1': does not fit (allowed: a client id, several, or None for"),
        ({"client": [1, "2"]}, "client = [1, '2']: does not fit"),
        ({"client": 1.5}, "client = 1.5: does not fit"),
        ({"client": True}, "client = True: does not fit"),
    ],
)
async def test_whom_and_how_long_are_checked_as_in_scripts(
    gateway: PaperGateway, options: dict[str, Any], told: str
) -> None:
    with pytest.raises(FaultError) as caught:
        gateway.faults.half_open(**options)
    assert told in str(caught.value)
    assert not gateway.faults.record


def test_a_fault_that_does_not_say_how_it_begins_is_none() -> None:
    @attrs.frozen(kw_only=True)
    class Hiccup(Fault):
        """It says nothing of what it does."""

    with pytest.raises(TypeError, match=r"abstract method '?begin"):
        Hiccup()  # type: ignore[abstract]
