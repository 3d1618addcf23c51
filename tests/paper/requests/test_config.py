"""The gateway's configuration over the API."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from ibapi.protobuf.ConfigResponse_pb2 import ConfigResponse
from ibapi.protobuf.UpdateConfigResponse_pb2 import UpdateConfigResponse

from tests.support.manual_feed import ManualFeed
from tests.support.wireclient import WireClient
from twsloop.clock import ManualClock
from twsloop.paper import PaperGateway
from twsloop.paper.clients.visibility import Access


@pytest.fixture
async def client() -> AsyncIterator[WireClient]:
    async with (
        PaperGateway(
            feed=ManualFeed(), clock=ManualClock(), access=Access(master_client_id=4)
        ) as gateway,
        WireClient(gateway.host, gateway.port) as it,
    ):
        await it.ready()
        yield it


async def config(client: WireClient) -> Any:
    client.send("reqConfig", reqId=5)
    body = await client.body()
    assert int.from_bytes(body[:4], "big") == 310
    return ConfigResponse.FromString(body[4:])


async def update(client: WireClient, **groups: Any) -> Any:
    client.send("updateConfig", reqId=6, **groups)
    body = await client.body()
    assert int.from_bytes(body[:4], "big") == 311
    return UpdateConfigResponse.FromString(body[4:])


async def test_what_is_told_is_true(client: WireClient) -> None:
    told = await config(client)
    assert told.reqId == 5
    assert told.api.settings.readOnlyApi is False
    assert told.api.settings.maintainConnectionOnIncorrectFields is True
    assert not told.HasField("lockAndExit")
    assert told.api.settings.masterClientId == 4
    assert told.api.settings.downloadOpenOrdersOnConnection is True


async def test_what_has_no_effect_can_be_changed(client: WireClient) -> None:
    settings = {"createApiMessageLogFile": True, "loggingLevel": "detail"}
    answer = await update(client, api={"settings": settings})
    assert (answer.reqId, answer.status, answer.message) == (6, "success", "Configuration updated")
    assert list(answer.changedFields) == [
        "configuration.api.settings.createApiMessageLogFile",
        "configuration.api.settings.loggingLevel",
    ]
    told = await config(client)
    assert told.api.settings.loggingLevel == "detail"
    answer = await update(client, api={"settings": settings})
    assert (answer.status, list(answer.changedFields)) == ("success", [])
    answer = await update(client, api={"precautions": {"bypassBondWarning": False}})
    assert list(answer.changedFields) == ["configuration.api.precautions.bypassBondWarning"]


@pytest.mark.parametrize(
    ("groups", "errors"),
    [
        (
            {"lockAndExit": {"autoLogoffTime": "12:07"}},
            ["configuration.lockAndExit.autoLogoffTime"],
        ),
        (
            {"api": {"settings": {"readOnlyApi": True, "loggingLevel": "detail"}}},
            ["configuration.api.settings.readOnlyApi"],
        ),
        ({"messages": [{"id": 3, "enabled": True}]}, ["configuration.messages"]),
        ({"resetAPIOrderSequence": True}, ["configuration.resetAPIOrderSequence"]),
        (
            {"orders": {"smartRouting": {"seekPriceImprovement": True}}},
            ["configuration.orders.smartRouting.seekPriceImprovement"],
        ),
    ],
)
async def test_what_cannot_be_changed_changes_nothing(
    client: WireClient, groups: dict[str, Any], errors: list[str]
) -> None:
    before = await config(client)
    answer = await update(client, **groups)
    assert (answer.status, list(answer.errors)) == ("error", errors)
    assert answer.message == "Validating configuration update request has failed"
    assert await config(client) == before
