"""What a scripted gateway answers by itself: the questions of a start, and heartbeats.

A transcript is about one thing. But ib_async asks seven questions before its ``connect`` returns,
and twsloop three before READY, and a script should not have to begin with them. So what a client
asks of an account that has nothing is answered by "nothing" (an end marker), unless the script has
that question itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from twsloop.wire.messages import INBOUND_BY_NAME, MessageType

from .script import new_message

__all__ = ["REFLEXES", "Answer", "reflex"]

#: A message of the gateway.
Answer = tuple[MessageType, Any]


def _make(name: str, **fields: Any) -> Answer:
    kind = INBOUND_BY_NAME[name]
    message = new_message(kind)
    for field, value in fields.items():
        setattr(message, field, value)
    return kind, message


def _end(name: str) -> Callable[[Any, int], list[Answer]]:
    return lambda _request, _seconds: [_make(name)]


def _end_of_request(name: str) -> Callable[[Any, int], list[Answer]]:
    return lambda request, _seconds: [_make(name, reqId=request.reqId)]


def _nothing(_request: Any, _seconds: int) -> list[Answer]:
    return []


def _account_updates(request: Any, _seconds: int) -> list[Answer]:
    return [_make("accountDownloadEnd", accountName=request.acctCode)] if request.subscribe else []


#: By the request's name: the request and the time in, answers out.
REFLEXES: Mapping[str, Callable[[Any, int], list[Answer]]] = MappingProxyType(
    {
        "reqCurrentTime": lambda _request, seconds: [_make("currentTime", currentTime=seconds)],
        "reqCurrentTimeInMillis": lambda _request, seconds: [
            _make("currentTimeInMillis", currentTimeInMillis=seconds * 1000)
        ],
        "reqPositions": _end("positionEnd"),
        "reqOpenOrders": _end("openOrderEnd"),
        "reqAllOpenOrders": _end("openOrderEnd"),
        "reqCompletedOrders": _end("completedOrdersEnd"),
        "reqExecutions": _end_of_request("execDetailsEnd"),
        "reqAccountUpdates": _account_updates,
        "reqAccountUpdatesMulti": _end_of_request("accountUpdateMultiEnd"),
        "reqAccountSummary": _end_of_request("accountSummaryEnd"),
        "reqPositionsMulti": _end_of_request("positionMultiEnd"),
        # These are told, and nothing is to be answered.
        "reqAutoOpenOrders": _nothing,
        "reqMarketDataType": _nothing,
        "setServerLogLevel": _nothing,
        "reqNewsBulletins": _nothing,
        "cancelNewsBulletins": _nothing,
        "cancelPositions": _nothing,
        "cancelAccountSummary": _nothing,
        "cancelAccountUpdatesMulti": _nothing,
        "cancelPositionsMulti": _nothing,
        "cancelMktData": _nothing,
    }
)


def reflex(name: str, request: Any, seconds: int) -> list[Answer] | None:
    """What is answered without a script; None if that is for the script to say.

    Args:
        name: The request's name.
        request: Its protobuf form.
        seconds: The time now, in whole seconds since 1970.
    """
    answer = REFLEXES.get(name)
    return None if answer is None else answer(request, seconds)
