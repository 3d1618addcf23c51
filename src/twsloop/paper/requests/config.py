"""The gateway's configuration over the API: reqConfig, updateConfig (server versions 219, 221).

What is told is what is true of this gateway. What a client may change is what has no effect here
and is only remembered: precautions (there are none to bypass) and the logging of a gateway. All
else is refused as IB refuses it: the paths of the fields that cannot be changed, and nothing is
changed at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

import attrs
from ibapi.protobuf.ConfigResponse_pb2 import ConfigResponse
from ibapi.protobuf.UpdateConfigResponse_pb2 import UpdateConfigResponse

from twsloop.paper.clients.client import Client
from twsloop.paper.clients.hub import Hub

from .handling import Handler, desk

__all__ = ["HANDLERS", "ConfigDesk"]

ROOT = "configuration"
UPDATED = "Configuration updated"
REFUSED = "Validating configuration update request has failed"
#: The groups of an update that hold settings.
GROUPS = ("lockAndExit", "api", "orders")
#: What may be changed, by path; a group stands for all of it.
CHANGEABLE = (
    f"{ROOT}.api.precautions.",
    f"{ROOT}.api.settings.createApiMessageLogFile",
    f"{ROOT}.api.settings.includeMarketDataInLogFile",
    f"{ROOT}.api.settings.loggingLevel",
)


def _defaults() -> ConfigResponse:
    config = ConfigResponse()
    for field in config.api.precautions.DESCRIPTOR.fields:
        setattr(config.api.precautions, field.name, True)
    settings = config.api.settings
    settings.readOnlyApi = False
    settings.createApiMessageLogFile = False
    settings.includeMarketDataInLogFile = False
    settings.loggingLevel = "error"
    settings.maintainConnectionOnIncorrectFields = True
    settings.sendMarketDataInLotsForUsStocks = False
    settings.sendInstrumentTimezone = "instrument"
    config.orders.smartRouting.seekPriceImprovement = False
    config.orders.smartRouting.doNotRouteToDarkPools = False
    config.orders.smartRouting.defaultAlgorithm = "SMART"
    return config


@attrs.define
class ConfigDesk:
    """The configuration of a running gateway.

    Attributes:
        config: All settings, without a request id.
    """

    config: ConfigResponse = attrs.Factory(_defaults)


def _settings(message: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    """Path, message and field of every setting that a message sets."""
    for field, value in message.ListFields():
        inner = f"{path}.{field.name}"
        if field.message_type is None:
            yield inner, message, field
        else:
            yield from _settings(value, inner)


def _own(config: ConfigResponse, path: str) -> tuple[Any, str]:
    """The message of the configuration that has a setting, and the setting's name."""
    message: Any = config
    *groups, name = path.split(".")[1:]
    for group in groups:
        message = getattr(message, group)
    return message, name


def _config(hub: Hub) -> ConfigResponse:
    """The settings as they are now."""
    config = desk(hub, ConfigDesk).config
    settings = config.api.settings
    settings.downloadOpenOrdersOnConnection = hub.access.download_open_orders
    settings.letApiAccountRequestsSwitchSubscription = hub.access.take_over_account
    if hub.access.master_client_id is not None:
        settings.masterClientId = hub.access.master_client_id
    return config


def req_config(hub: Hub, client: Client, request: Any) -> None:
    """The settings that this gateway has."""
    message = ConfigResponse(reqId=request.reqId)
    message.MergeFrom(_config(hub))
    client.send("configResponse", message)


def update_config(hub: Hub, client: Client, request: Any) -> None:
    """Change settings, all or none of them."""
    answer = UpdateConfigResponse(reqId=request.reqId)
    config = _config(hub)
    wanted = [
        setting
        for group in GROUPS
        if request.HasField(group)
        for setting in _settings(getattr(request, group), f"{ROOT}.{group}")
    ]
    refused = [path for path, _, _ in wanted if not path.startswith(CHANGEABLE)]
    if request.messages:
        refused.append(f"{ROOT}.messages")
    if request.resetAPIOrderSequence:
        refused.append(f"{ROOT}.resetAPIOrderSequence")
    if refused:
        answer.status, answer.message = "error", REFUSED
        answer.errors.extend(refused)
    else:
        answer.status, answer.message = "success", UPDATED
        for path, message, field in wanted:
            own, name = _own(config, path)
            value = getattr(message, field.name)
            if getattr(own, name) != value:
                setattr(own, name, value)
                answer.changedFields.append(path)
    client.send("updateConfigResponse", answer)


HANDLERS: Mapping[int, Handler] = MappingProxyType({108: req_config, 109: update_config})
