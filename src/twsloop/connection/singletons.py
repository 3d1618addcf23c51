"""A user's raw calls of requests without an id, in one queue with the framework's own.

``positionEnd`` does not say whose reqPositions it answers. If a raw call left while a slice's own
request is under way, the two answers would mix: the user would hear ours, or we would take the
user's for ours. So these calls of EClient (and their protobuf twins) go through `asks.Asks.raw`:
they leave in their turn, and their answers, and only theirs, reach the user's callbacks.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ibapi.client import EClient

from .asks import Asks
from .core import Core

__all__ = ["EndMarkers", "Executions", "Singletons"]


class EndMarkers:
    """Hears the end markers: a raw call has no slice that ends it.

    Args:
        asks: Joins requests to their answers.
    """

    def __init__(self, asks: Asks) -> None:
        self._asks = asks

    def positionEnd(self) -> None:
        """EWrapper's."""
        self._asks.end_raw("positions")

    def openOrderEnd(self) -> None:
        """EWrapper's."""
        self._asks.end_raw("open_orders")

    def completedOrdersEnd(self) -> None:
        """EWrapper's."""
        self._asks.end_raw("completed_orders")

    def accountDownloadEnd(self, accountName: str) -> None:
        """EWrapper's."""
        del accountName
        self._asks.end_raw("account_updates")

    # These answer in one part, which is the end as well.

    def currentTime(self, time: int) -> None:
        """EWrapper's; the heartbeat asks it, too."""
        self._whole("current_time", time)

    def currentTimeInMillis(self, timeInMillis: int) -> None:
        """EWrapper's."""
        self._whole("current_time_in_millis", timeInMillis)

    def newsProviders(self, newsProviders: list[Any]) -> None:
        """EWrapper's."""
        self._whole("news_providers", newsProviders)

    def mktDepthExchanges(self, depthMktDataDescriptions: list[Any]) -> None:
        """EWrapper's."""
        self._whole("depth_exchanges", depthMktDataDescriptions)

    def familyCodes(self, familyCodes: list[Any]) -> None:
        """EWrapper's."""
        self._whole("family_codes", familyCodes)

    def marketRule(self, marketRuleId: int, priceIncrements: list[Any]) -> None:
        """EWrapper's."""
        self._whole("market_rule", (marketRuleId, priceIncrements))

    def scannerParameters(self, xml: str) -> None:
        """EWrapper's."""
        self._whole("scanner_parameters", xml)

    def receiveFA(self, faData: int, cxml: str) -> None:
        """EWrapper's."""
        self._whole("fa", (faData, cxml))

    def managedAccounts(self, accountsList: str) -> None:
        """EWrapper's; the gateway says it unasked, too, when a session begins."""
        self._whole("managed_accounts", accountsList)

    def nextValidId(self, orderId: int) -> None:
        """EWrapper's; the gateway says it unasked, too, when a session begins."""
        self._whole("valid_id", orderId)

    def _whole(self, key: str, answer: Any) -> None:
        self._asks.part(key, answer)
        self._asks.end(key)


class Executions:
    """Knows which executions were reported in answer to the framework's own request.

    Args:
        core: The connection's inside.
    """

    def __init__(self, core: Core) -> None:
        self._ours = core.request_ids.issued
        self._private = core.registry.private_executions
        core.on_down(self._private.clear)

    def execDetails(self, reqId: int, contract: Any, execution: Any) -> None:
        """EWrapper's: its commission comes in a message of its own, without the request's id."""
        del contract
        if self._ours(reqId):
            self._private.add(execution.execId)
        else:
            self._private.discard(execution.execId)


#: EClient's requests without an id that are answered once, or by an image first -> the key of their
#: answer. One of each key is under way at a time.
ASKED: dict[str, str] = {
    "reqOpenOrders": "open_orders",
    "reqAllOpenOrders": "open_orders",
    "reqCompletedOrders": "completed_orders",
    "reqCurrentTime": "current_time",
    "reqCurrentTimeInMillis": "current_time_in_millis",
    "reqPositions": "positions",
    "reqNewsProviders": "news_providers",
    "reqMktDepthExchanges": "depth_exchanges",
    "reqFamilyCodes": "family_codes",
    "reqMarketRule": "market_rule",
    "reqScannerParameters": "scanner_parameters",
    "requestFA": "fa",
    "reqManagedAccts": "managed_accounts",
    "reqIds": "valid_id",
    # The protobuf twins, where they are not called like the classic one.
    "reqMarketDepthExchangesProtoBuf": "depth_exchanges",
    "reqFAProtoBuf": "fa",
}
#: What ends a subscription without an id: it leaves only if no slice needs it.
LEFT: dict[str, str] = {
    "cancelPositions": "positions",
    "cancelNewsBulletins": "news_bulletins",
}
#: What begins a subscription that has no image, and so no end marker.
HELD: dict[str, str] = {"reqNewsBulletins": "news_bulletins"}


class Singletons(EClient):
    """EClient with these requests taking their turn."""

    _tws: Core

    def reqAccountUpdates(self, subscribe: bool, acctCode: str) -> None:
        """EClient's, in its turn; an end of it leaves only if no slice needs the updates."""
        turn = _in_turn if subscribe else _leave
        turn(self._tws, "account_updates", EClient.reqAccountUpdates, subscribe, acctCode)

    def reqAccountUpdatesProtoBuf(self, accountDataRequestProto: Any) -> None:
        """EClient's, in its turn; an end of it leaves only if no slice needs the updates."""
        turn = _in_turn if accountDataRequestProto.subscribe else _leave
        turn(
            self._tws, "account_updates", EClient.reqAccountUpdatesProtoBuf,
            accountDataRequestProto,
        )  # fmt: skip


def _override(name: str, key: str, turn: Callable[..., None]) -> None:
    """Let a request of EClient's take its turn."""
    own = getattr(EClient, name)

    @functools.wraps(own)
    def request(self: Singletons, *args: Any, **kwargs: Any) -> None:
        turn(self._tws, key, own, *args, **kwargs)

    request.__doc__ = f"EClient's `{name}`, in its turn (see `twsloop.connection.singletons`)."
    setattr(Singletons, name, request)


def _in_turn(core: Core, key: str, request: Callable[..., None], *args: Any, **kwargs: Any) -> None:
    """Make a raw call when nothing else of its key is under way."""
    if core.inside or not core.connected:
        request(core.owner, *args, **kwargs)  # a slice's own, or one that EClient refuses with 504
        return
    own = functools.partial(getattr(core, request.__name__), *args, **kwargs)
    _on_loop(core, lambda: core.asks.raw(key, lambda _id: own(), request.__name__))


def _leave(core: Core, key: str, request: Callable[..., None], *args: Any, **kwargs: Any) -> None:
    """The user needs a subscription no more: cancel it if nobody else needs it."""
    if core.inside or not core.connected:
        request(core.owner, *args, **kwargs)
        return
    own = functools.partial(getattr(core, request.__name__), *args, **kwargs)

    def leave() -> None:
        if core.asks.release(key, Asks.USER):
            own()

    _on_loop(core, leave)


def _hold(core: Core, key: str, request: Callable[..., None], *args: Any, **kwargs: Any) -> None:
    """The user subscribes to what has no end marker: nothing is waited for."""
    if core.inside or not core.connected:
        request(core.owner, *args, **kwargs)
        return
    own = functools.partial(getattr(core, request.__name__), *args, **kwargs)

    def hold() -> None:
        core.asks.hold(key, Asks.USER)
        own()

    _on_loop(core, hold)


def _on_loop(core: Core, work: Callable[[], None]) -> None:
    if core.event_loop.in_loop():
        work()
    else:
        core.event_loop.post(work)


for _names, _turn in ((ASKED, _in_turn), (LEFT, _leave), (HELD, _hold)):
    for _name, _key in _names.items():
        _override(_name, _key, _turn)
        if hasattr(EClient, f"{_name}ProtoBuf"):
            _override(f"{_name}ProtoBuf", _key, _turn)
