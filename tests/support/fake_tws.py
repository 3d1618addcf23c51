"""A TWS that says exactly what a test tells it to, message by message, at server version 225.

It answers the start-up, the three questions before READY and the one for positions behind it by
itself; everything else waits in `inbox` for the test, which answers with `say`.
"""

from __future__ import annotations

import asyncio
import queue
from collections.abc import Callable
from typing import Any, Self

from tests.support.scripted import Peer, ScriptedServer
from twsloop.wire.messages import INBOUND_BY_NAME, OUTBOUND, message_class

__all__ = ["FakeTws", "message"]

VERSION = 225
OFFSET = 200


def message(name: str, **fields: Any) -> bytes:
    """A message of the gateway, by its name in `twsloop.wire.messages`."""
    row = INBOUND_BY_NAME[name]
    assert row.proto is not None
    made = message_class(row.proto)()
    for field, value in fields.items():
        if isinstance(value, dict):
            getattr(made, field).CopyFrom(type(getattr(made, field))(**value))
        elif isinstance(value, list):
            for one in value:
                getattr(made, field).add(**one)
        else:
            setattr(made, field, value)
    body: bytes = made.SerializeToString()
    return (row.number + OFFSET).to_bytes(4, "big") + body


class FakeTws:
    """One gateway after the other, on one port.

    Args:
        silent: Names of questions it does not answer (``reqAllOpenOrders``...).
        refuse: A function that may answer a request itself; true if it did.
    """

    def __init__(
        self,
        *,
        silent: tuple[str, ...] = (),
        refuse: Callable[[FakeTws, str, Any], bool] | None = None,
        next_id: int = 1,
    ) -> None:
        self.inbox: queue.Queue[tuple[str, Any]] = queue.Queue()
        self.silent = silent
        self.refuse = refuse
        self.next_id = next_id
        self.accounts = "DU1234567"
        self.open_orders: list[bytes] = []
        self.executions: list[bytes] = []
        self.positions: list[bytes] = []
        self._told_positions = False
        self._server = ScriptedServer(self._serve)
        self._peer: Peer | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._server.port

    def __enter__(self) -> Self:
        self._server.__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.__exit__(*exc)

    # ---- for the test, in its thread -----------------------------------------------------

    def say(self, *bodies: bytes) -> None:
        """Send messages, in one piece."""
        peer, loop = self._peer, self._loop
        assert peer is not None
        assert loop is not None
        asyncio.run_coroutine_threadsafe(peer.send(*bodies), loop).result(10)

    def hang_up(self) -> None:
        """Break the link."""
        peer, loop = self._peer, self._loop
        assert peer is not None
        assert loop is not None
        loop.call_soon_threadsafe(peer.reset)

    def next(self, *names: str) -> Any:
        """The next request of these names; others in between are skipped."""
        while True:
            name, request = self.inbox.get(timeout=10)
            if name in names:
                return request

    # ---- on the server's loop ------------------------------------------------------------

    async def _serve(self, peer: Peer) -> None:
        self._peer, self._loop = peer, asyncio.get_running_loop()
        self._told_positions = False
        await peer.greet(VERSION)
        while True:
            body = await peer.read_frame()
            row = OUTBOUND[int.from_bytes(body[:4], "big") - OFFSET]
            assert row.proto is not None
            request = message_class(row.proto).FromString(body[4:])
            if self.refuse is not None and self.refuse(self, row.name, request):
                continue
            if row.name in self.silent:
                self.inbox.put((row.name, request))
                continue
            answer = self._answer(row.name, request)
            if answer is None:
                self.inbox.put((row.name, request))
            else:
                await peer.send(*answer)

    def _answer(self, name: str, request: Any) -> list[bytes] | None:
        if name == "startApi":
            return [
                message("managedAccounts", accountsList=self.accounts),
                message("nextValidId", orderId=self.next_id),
            ]
        if name == "reqAllOpenOrders":
            return [*self.open_orders, message("openOrderEnd")]
        if name == "reqCompletedOrders":
            return [message("completedOrdersEnd")]
        if name == "reqExecutions":
            return [*self.executions, message("execDetailsEnd", reqId=request.reqId)]
        if name == "reqPositions" and not self._told_positions:
            self._told_positions = True
            return [*self.positions, message("positionEnd")]
        return None


def order_status(order_id: int, status: str, *, filled: int = 0, remaining: int = 10) -> bytes:
    """An orderStatus of client 1."""
    return message(
        "orderStatus",
        orderId=order_id,
        status=status,
        filled=str(filled),
        remaining=str(remaining),
        avgFillPrice=0.0,
        permId=900 + order_id,
        clientId=1,
    )


def error(req_id: int, code: int, text: str) -> bytes:
    """An error."""
    return message("errMsg", id=req_id, errorCode=code, errorMsg=text, errorTime=1_767_623_400_000)


def open_order(order_id: int, status: str, **order: Any) -> bytes:
    """An openOrder of client 1: BUY 10 AAPL LMT 100, unless told otherwise."""
    fields = {
        "clientId": 1,
        "orderId": order_id,
        "permId": 900 + order_id,
        "action": "BUY",
        "totalQuantity": "10",
        "orderType": "LMT",
        "lmtPrice": 100.0,
        "tif": "DAY",
    }
    contract = {"conId": 265598, "symbol": "AAPL", "secType": "STK", "exchange": "SMART"}
    return message(
        "openOrder",
        orderId=order_id,
        contract=contract,
        order={**fields, **order},
        orderState={"status": status},
    )
