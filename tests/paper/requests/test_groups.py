"""Display groups link clients through the gateway."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.support.manual_feed import ManualFeed
from tests.support.wireclient import WireClient, error_of
from twsloop.clock import ManualClock
from twsloop.paper import PaperGateway
from twsloop.paper.requests.groups import GroupDesk
from twsloop.paper.requests.handling import desk

VERSIONS = [151, 157, 173, 176, 177, 178, 187, 193, 200, 213, 225]


@pytest.fixture
async def gateway() -> AsyncIterator[PaperGateway]:
    async with PaperGateway(feed=ManualFeed(), clock=ManualClock()) as it:
        yield it


def connect(gateway: PaperGateway, version: int = 225, client_id: int = 1) -> WireClient:
    return WireClient(gateway.host, gateway.port, version=version, client_id=client_id)


async def heard(client: WireClient) -> list[Any]:
    """All that came before the answer to a question asked now."""
    client.send("reqCurrentTime")
    return (await client.until("currentTime"))[:-1]


@pytest.mark.parametrize("version", VERSIONS)
async def test_all_members_of_a_group_hear_its_changes(gateway: PaperGateway, version: int) -> None:
    async with connect(gateway, version, 1) as one, connect(gateway, version, 2) as two:
        await one.ready()
        await two.ready()
        one.send("queryDisplayGroups", reqId=4)
        (call,) = await heard(one)
        assert (call.name, call.args) == ("displayGroupList", (4, "1|2|3|4|5|6|7"))
        for client, req_id, group in ((one, 5, 2), (one, 6, 3), (two, 5, 2)):
            client.send("subscribeToGroupEvents", reqId=req_id, groupId=group)
            (call,) = await heard(client)
            assert (call.name, call.args) == ("displayGroupUpdated", (req_id, "none"))
        two.send("updateDisplayGroup", reqId=5, contractInfo="265598@SMART")
        assert [call.args for call in await heard(two)] == [(5, "265598@SMART")]
        assert [call.args for call in await heard(one)] == [(5, "265598@SMART")]
        one.send("subscribeToGroupEvents", reqId=8, groupId=2)
        assert [call.args for call in await heard(one)] == [(8, "265598@SMART")]
        one.send("unsubscribeFromGroupEvents", reqId=5)
        assert await heard(one) == []
        two.send("updateDisplayGroup", reqId=5, contractInfo="none")
        await heard(two)
        assert [call.args for call in await heard(one)] == [(8, "none")]


@pytest.mark.parametrize("version", [157, 225])
async def test_refusals(gateway: PaperGateway, version: int) -> None:
    async with connect(gateway, version) as client:
        await client.ready()
        client.send("subscribeToGroupEvents", reqId=5, groupId=1)
        await heard(client)
        for name, fields, code in (
            ("subscribeToGroupEvents", {"reqId": 6, "groupId": 0}, 321),
            ("subscribeToGroupEvents", {"reqId": 6, "groupId": 8}, 321),
            ("updateDisplayGroup", {"reqId": 6, "contractInfo": "none"}, 322),
            ("updateDisplayGroup", {"reqId": 5, "contractInfo": ""}, 321),
            ("updateDisplayGroup", {"reqId": 5, "contractInfo": "12@SMART"}, 321),
            ("updateDisplayGroup", {"reqId": 5, "contractInfo": "265598@MOON"}, 321),
            ("updateDisplayGroup", {"reqId": 5, "contractInfo": "²@SMART"}, 321),
            ("unsubscribeFromGroupEvents", {"reqId": 6}, 322),
        ):
            client.send(name, **fields)
            (call,) = await heard(client)
            assert error_of(call)[:2] == (fields["reqId"], code), (name, fields)


async def test_who_leaves_is_no_member_any_more(gateway: PaperGateway) -> None:
    async with connect(gateway, client_id=2) as other:
        await other.ready()
        async with connect(gateway) as client:
            await client.ready()
            client.send("subscribeToGroupEvents", reqId=5, groupId=1)
            await heard(client)
        while gateway.clients != (2,):
            await heard(other)
        assert desk(gateway.hub, GroupDesk).members == {}
