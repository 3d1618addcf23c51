"""Groups and aliases of an advisor."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from tests.support.manual_feed import ManualFeed
from tests.support.wireclient import WireClient, error_of
from twsloop.clock import ManualClock
from twsloop.paper import PaperGateway

GROUP = """<?xml version="1.0" encoding="UTF-8"?>
<ListOfGroups><Group><name>Mine</name><ListOfAccts varName="list">
<Account><acct>{account}</acct></Account></ListOfAccts></Group></ListOfGroups>"""


@pytest.fixture
async def gateway() -> AsyncIterator[PaperGateway]:
    accounts = ("DF1", "DU2", "DU3")
    async with PaperGateway(feed=ManualFeed(), clock=ManualClock(), accounts=accounts) as it:
        yield it


async def heard(client: WireClient) -> list[Any]:
    """All that came before the answer to a question asked now."""
    client.send("reqCurrentTime")
    return (await client.until("currentTime"))[:-1]


@pytest.mark.parametrize("version", [151, 157, 178, 200, 225])
async def test_groups_can_be_read_and_replaced(gateway: PaperGateway, version: int) -> None:
    async with WireClient(gateway.host, gateway.port, version=version) as client:
        await client.ready()
        client.send("requestFA", faDataType=1)
        (call,) = await heard(client)
        assert (call.name, call.args[0]) == ("receiveFA", 1)
        accounts = [one.text for one in ET.fromstring(call.args[1]).iterfind(".//acct")]
        assert accounts == ["DU2", "DU3"]
        xml = GROUP.format(account="DU3")
        client.send("replaceFA", reqId=7, faDataType=1, xml=xml)
        told = [(call.name, call.args) for call in await heard(client)]
        assert told == ([("replaceFAEnd", (7, "success"))] if version >= 157 else [])
        client.send("requestFA", faDataType=1)
        (call,) = await heard(client)
        assert call.args == (1, xml)
        client.send("requestFA", faDataType=3)
        (call,) = await heard(client)
        aliases = [one.text for one in ET.fromstring(call.args[1]).iterfind(".//alias")]
        assert aliases == ["DF1", "DU2", "DU3"]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"faDataType": 2, "xml": ""}, 585),
        ({"faDataType": 3, "xml": ""}, 321),
        ({"faDataType": 1, "xml": ""}, 321),
        ({"faDataType": 1, "xml": "<ListOfGroups>"}, 321),
        ({"faDataType": 1, "xml": "<Other/>"}, 321),
        ({"faDataType": 1, "xml": '<!DOCTYPE a [<!ENTITY b "c">]><ListOfGroups/>'}, 321),
        ({"faDataType": 1, "xml": GROUP.format(account="DU9")}, 10231),
    ],
)
async def test_refusals(gateway: PaperGateway, fields: dict[str, Any], code: int) -> None:
    async with WireClient(gateway.host, gateway.port) as client:
        await client.ready()
        client.send("replaceFA", reqId=7, **fields)
        (call,) = await heard(client)
        assert error_of(call)[:2] == (7, code)
        for data_type, expected in ((2, 585), (0, 321)):
            client.send("requestFA", faDataType=data_type)
            (call,) = await heard(client)
            assert error_of(call)[:2] == (-1, expected)


async def test_who_is_no_advisor_is_told_so() -> None:
    async with (
        PaperGateway(feed=ManualFeed(), clock=ManualClock()) as gateway,
        WireClient(gateway.host, gateway.port) as client,
    ):
        await client.ready()
        client.send("requestFA", faDataType=1)
        (call,) = await heard(client)
        ident, code, text = error_of(call)
        assert (ident, code) == (-1, 321)
        assert text.endswith("FA data operations ignored for non FA customers")
        client.send("replaceFA", reqId=4, faDataType=1, xml="<x/>")
        (call,) = await heard(client)
        assert error_of(call)[:2] == (4, 321)
