"""The gateway itself as older gateways answer: seconds, and no word for a replacement."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from tests.support.asking import CURRENT, Wire, opened, session
from tests.support.clients import PATIENCE
from tests.support.scripted import Peer, ScriptedServer, text_body
from twsloop.contracts import to_contract
from twsloop.errors import NotConnected, RequestError, RequestTimeout
from twsloop.system.advisor import FaGroup, FaMember
from twsloop.system.requests import System

GROUPS = [FaGroup("all", "Equal", (FaMember("DU1"),))]


@pytest.fixture
def wire() -> Iterator[Wire]:
    with ScriptedServer(session) as server:
        yield from opened(Wire(server))


@pytest.fixture
def system(wire: Wire) -> System:
    return System(wire.core, to_contract=to_contract)


async def older(peer: Peer) -> None:
    """Text 151, as `session` else."""
    await peer.open_session(151)
    while True:
        body = await peer.read_frame()
        CURRENT[0].requests.append(body.decode().split("\0")[:-1])


def test_before_197_the_clock_is_told_in_seconds(wire: Wire, system: System) -> None:
    reading = system.clock()
    assert wire.await_request()[0][0] == "49"
    asked = wire.clock.now()
    wire.clock.advance(1.0)
    wire.reply(text_body(49, 1, int(asked.timestamp()) + 60))
    told = reading.result(PATIENCE)
    assert (told.resolution, told.round_trip) == (1.0, 1.0)
    assert told.local == asked + timedelta(seconds=0.5)
    assert abs(told.skew - 60) <= told.uncertainty


def test_from_157_on_a_replacement_is_confirmed(wire: Wire, system: System) -> None:
    replaced = system.replace_fa_groups(GROUPS)
    ((number, _version, kind, xml, req_id),) = wire.await_request()
    assert (number, kind) == ("19", "1")
    assert "<acct>DU1</acct>" in xml
    wire.reply(text_body(103, req_id, "done"))
    assert replaced.result(PATIENCE) == "done"


def test_before_157_nobody_says_that_it_was_replaced() -> None:
    with ScriptedServer(older) as server:
        for wire in opened(Wire(server)):
            replaced = System(wire.core, to_contract=to_contract).replace_fa_groups(GROUPS)
            assert wire.await_request()[0][0] == "19"
            assert replaced.result(PATIENCE) == ""


def test_groups_that_cannot_be_read_are_the_requests_error(wire: Wire, system: System) -> None:
    groups = system.fa_groups()
    wire.await_request()
    wire.reply(text_body(16, 1, 1, "no xml"))
    with pytest.raises(RequestError, match="advisor's groups: the advisor's data: this is no XML"):
        groups.result(PATIENCE)


def test_a_change_without_an_answer_is_late_and_the_group_goes_on(
    wire: Wire, system: System
) -> None:
    group = system.display_group(1)
    ((number, _version, req_id, _group),) = wire.await_request()
    assert number == "68"
    wire.reply(text_body(68, 1, req_id, "none"))
    first = next(group.items(PATIENCE))
    assert first.empty
    contract = to_contract("AAPL")
    contract.conId = 265598
    change = system.show(group, contract, timeout=5)
    assert wire.await_request(2)[1] == ["69", "1", req_id, "265598@SMART"]
    wire.settle()
    wire.clock.advance(5.1)
    with pytest.raises(RequestTimeout, match="change of display group 1: no answer within 5 s"):
        change.result(PATIENCE)
    # TWS may name another exchange, or the contract that somebody else chose; it is no answer then.
    again = system.show(group, contract)
    wire.await_request(3)
    wire.reply(text_body(68, 1, req_id, "8314@SMART"), text_body(68, 1, req_id, "265598@SMART"))
    assert again.result(PATIENCE).con_id == 265598
    group.cancel()
    assert wire.await_request(4)[3][:3] == ["70", "1", req_id]
    with pytest.raises(NotConnected):
        system.show(group, None).result(PATIENCE)
