"""Everything else a client may ask: the time, small lists, and what this gateway does not have.

`REFUSALS` lists what gets the error that a real gateway sends to a login without that product or
permission; `twsloop.paper.requests.answers` lists the answers of all requests.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import attrs
from ibapi.protobuf.CurrentTime_pb2 import CurrentTime
from ibapi.protobuf.CurrentTimeInMillis_pb2 import CurrentTimeInMillis
from ibapi.protobuf.FamilyCode_pb2 import FamilyCode
from ibapi.protobuf.FamilyCodes_pb2 import FamilyCodes
from ibapi.protobuf.SoftDollarTiers_pb2 import SoftDollarTiers
from ibapi.protobuf.UserInfo_pb2 import UserInfo

from twsloop.paper.clients.client import Client
from twsloop.paper.clients.hub import Hub
from twsloop.paper.orders.validation import VALIDATING

from .handling import Handler, ident_of, processing, validating

__all__ = ["HANDLERS", "REFUSALS", "Refused"]

LOG_LEVELS = range(1, 6)


def req_current_time(hub: Hub, client: Client, _request: Any) -> None:
    """The time in seconds."""
    client.send("currentTime", CurrentTime(currentTime=int(hub.now().timestamp())))


def req_current_time_in_millis(hub: Hub, client: Client, _request: Any) -> None:
    """The time in milliseconds."""
    millis = int(hub.now().timestamp() * 1000)
    client.send("currentTimeInMillis", CurrentTimeInMillis(currentTimeInMillis=millis))


def set_server_log_level(hub: Hub, client: Client, request: Any) -> None:
    """Taken note of; there is no answer to a valid one."""
    if request.logLevel not in LOG_LEVELS:
        validating(hub, client, -1, "bP", f"Invalid log level: {request.logLevel}")


def start_api_again(hub: Hub, client: Client, _request: Any) -> None:
    """A second startApi changes nothing."""
    validating(hub, client, -1, "bJ", "The API has been started already")


def req_family_codes(hub: Hub, client: Client, _request: Any) -> None:
    """Every account, with an empty family code."""
    codes = [FamilyCode(accountId=name, familyCode="") for name in hub.accounts]
    client.send("familyCodes", FamilyCodes(familyCodes=codes))


def req_soft_dollar_tiers(_hub: Hub, client: Client, request: Any) -> None:
    """An empty list: there are no soft dollar tiers."""
    client.send("softDollarTiers", SoftDollarTiers(reqId=request.reqId))


def req_user_info(_hub: Hub, client: Client, request: Any) -> None:
    """An empty white branding id."""
    client.send("userInfo", UserInfo(reqId=request.reqId, whiteBrandingId=""))


def cancel_fundamental_data(hub: Hub, client: Client, request: Any) -> None:
    """No query of fundamentals is ever live."""
    cause = f"No fundamental data query found for ticker id:{request.reqId}"
    processing(hub, client, request.reqId, "bM", cause)


@attrs.frozen
class Refused:
    """A handler that answers with one error.

    Attributes:
        code: IB's code.
        text: IB's text.
    """

    code: int
    text: str

    def __call__(self, hub: Hub, client: Client, request: Any) -> None:
        """Tell the error under the request's id, -1 where it has none."""
        hub.error(client, ident_of(request), self.code, self.text)


def _invalid(cause: str) -> Refused:
    return Refused(321, VALIDATING.format(mark="bN", cause=cause))


_NO_VERIFY = _invalid(
    "Intent to authenticate needs to be expressed during initial connect request."
)
_NO_FUNDAMENTALS = Refused(
    430, "We are sorry, but fundamentals data for the security specified is not available."
)
_NO_WSH = Refused(10276, "News feed is not allowed")

#: What a login without the product or the permission is told.
REFUSALS: Mapping[int, Refused] = MappingProxyType(
    {
        52: _NO_FUNDAMENTALS,
        65: _NO_VERIFY,
        66: _NO_VERIFY,
        72: _NO_VERIFY,
        73: _NO_VERIFY,
        100: _NO_WSH,
        101: Refused(10280, "Failed cancel WSH metadata"),
        102: _NO_WSH,
        103: Refused(10284, "Fail cancel WSH event data"),
    }
)

HANDLERS: Mapping[int, Handler] = MappingProxyType(
    {
        14: set_server_log_level,
        49: req_current_time,
        53: cancel_fundamental_data,
        71: start_api_again,
        79: req_soft_dollar_tiers,
        80: req_family_codes,
        104: req_user_info,
        105: req_current_time_in_millis,
    }
)
