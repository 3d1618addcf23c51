"""A user's raw calls of requests without an id, in one queue with the framework's own.

``positionEnd`` does not say whose reqPositions it answers. If a raw call left while a slice's own
request is under way, the two answers would mix: the user would hear ours, or we would take the
user's for ours. So these calls of EClient (and their protobuf twins) go through `asks.Asks.raw`:
they leave in their turn, and their answers, and only theirs, reach the user's callbacks.
"""

from __future__ import annotations

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

    def currentTime(self, time: int) -> None:
        """EWrapper's; this one answers in one part, and the heartbeat asks it, too."""
        self._asks.part("current_time", time)
        self._asks.end("current_time")

    def currentTimeInMillis(self, timeInMillis: int) -> None:
        """EWrapper's; answers in one part."""
        self._asks.part("current_time_in_millis", timeInMillis)
        self._asks.end("current_time_in_millis")


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


class Singletons(EClient):
    """EClient with these requests taking their turn."""

    _tws: Core

    # ---- asked once ----------------------------------------------------------------------

    def reqOpenOrders(self) -> None:
        """EClient's, in its turn."""
        _in_turn(self._tws, "open_orders", EClient.reqOpenOrders)

    def reqOpenOrdersProtoBuf(self, openOrdersRequestProto: Any) -> None:
        """EClient's, in its turn."""
        _in_turn(self._tws, "open_orders", EClient.reqOpenOrdersProtoBuf, openOrdersRequestProto)

    def reqAllOpenOrders(self) -> None:
        """EClient's, in its turn."""
        _in_turn(self._tws, "open_orders", EClient.reqAllOpenOrders)

    def reqAllOpenOrdersProtoBuf(self, allOpenOrdersRequestProto: Any) -> None:
        """EClient's, in its turn."""
        _in_turn(
            self._tws, "open_orders", EClient.reqAllOpenOrdersProtoBuf, allOpenOrdersRequestProto
        )

    def reqCompletedOrders(self, apiOnly: bool) -> None:
        """EClient's, in its turn."""
        _in_turn(self._tws, "completed_orders", EClient.reqCompletedOrders, apiOnly)

    def reqCompletedOrdersProtoBuf(self, completedOrdersRequestProto: Any) -> None:
        """EClient's, in its turn."""
        _in_turn(
            self._tws,
            "completed_orders",
            EClient.reqCompletedOrdersProtoBuf,
            completedOrdersRequestProto,
        )

    def reqCurrentTime(self) -> None:
        """EClient's, in its turn."""
        _in_turn(self._tws, "current_time", EClient.reqCurrentTime)

    def reqCurrentTimeProtoBuf(self, currentTimeRequestProto: Any) -> None:
        """EClient's, in its turn."""
        _in_turn(self._tws, "current_time", EClient.reqCurrentTimeProtoBuf, currentTimeRequestProto)

    def reqCurrentTimeInMillis(self) -> None:
        """EClient's, in its turn."""
        _in_turn(self._tws, "current_time_in_millis", EClient.reqCurrentTimeInMillis)

    def reqCurrentTimeInMillisProtoBuf(self, currentTimeInMillisRequestProto: Any) -> None:
        """EClient's, in its turn."""
        _in_turn(
            self._tws,
            "current_time_in_millis",
            EClient.reqCurrentTimeInMillisProtoBuf,
            currentTimeInMillisRequestProto,
        )

    # ---- subscribed ----------------------------------------------------------------------

    def reqPositions(self) -> None:
        """EClient's, in its turn."""
        _in_turn(self._tws, "positions", EClient.reqPositions)

    def reqPositionsProtoBuf(self, positionsRequestProto: Any) -> None:
        """EClient's, in its turn."""
        _in_turn(self._tws, "positions", EClient.reqPositionsProtoBuf, positionsRequestProto)

    def cancelPositions(self) -> None:
        """EClient's; it leaves only if no slice needs the positions."""
        _leave(self._tws, "positions", EClient.cancelPositions)

    def cancelPositionsProtoBuf(self, cancelPositionsProto: Any) -> None:
        """EClient's; it leaves only if no slice needs the positions."""
        _leave(self._tws, "positions", EClient.cancelPositionsProtoBuf, cancelPositionsProto)

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


def _in_turn(core: Core, key: str, request: Callable[..., None], *args: Any) -> None:
    """Make a raw call when nothing else of its key is under way."""
    if core.inside or not core.connected:
        request(core.owner, *args)  # a slice's own, or one that EClient refuses with 504
        return
    own = getattr(core, request.__name__)
    _on_loop(core, lambda: core.asks.raw(key, lambda _id: own(*args), request.__name__))


def _leave(core: Core, key: str, request: Callable[..., None], *args: Any) -> None:
    """The user needs a subscription no more: cancel it if nobody else needs it."""
    if core.inside or not core.connected:
        request(core.owner, *args)
        return
    own = getattr(core, request.__name__)

    def leave() -> None:
        if core.asks.release(key, Asks.USER):
            own(*args)

    _on_loop(core, leave)


def _on_loop(core: Core, work: Callable[[], None]) -> None:
    if core.event_loop.in_loop():
        work()
    else:
        core.event_loop.post(work)
