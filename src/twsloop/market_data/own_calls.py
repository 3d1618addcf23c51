"""A program's own calls of ``reqMktData`` and its like: what they take of IB's limited places.

And ``reqMarketDataType``, because what one part of a program asks for, IB sends to all of it.

They go past the slice, as IB wrote them, and IB judges them. They are only counted: each message
that leaves is looked at, so that it does not matter how the program sent it (``reqMktData``, its
protobuf twin, or bytes of its own).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
from ibapi.contract import Contract
from ibapi.decoder_utils import decodeContract

from twsloop.connection.core import Core
from twsloop.connection.dispatch import PROTOBUF_OFFSET, split_id
from twsloop.errors import ParseError
from twsloop.events import Ends, Notice
from twsloop.wire.codec import decode
from twsloop.wire.identity import contract_key
from twsloop.wire.messages import OUTBOUND, Direction

from .slots import Pool, Slots

__all__ = ["OwnCalls"]

#: Answers to a request whose id is in use: what has that id goes on.
_DUPLICATE = "duplicate ticker id"


@attrs.frozen
class _Call:
    """One of EClient's requests that take a place, or give it back."""

    name: str
    pool: Pool
    cancels: bool = False
    #: One instrument is one place, however many requests watch it.
    shared: bool = True

    def token(self, req_id: int) -> tuple[str, str, int]:
        """What such a request holds its place by: IB numbers each kind by itself."""
        return "own call", self.name.removeprefix("cancel").removeprefix("req"), req_id


_CALLS = {
    call.name: call
    for call in (
        _Call("reqMktData", Pool.LINES),
        _Call("cancelMktData", Pool.LINES, cancels=True),
        _Call("reqRealTimeBars", Pool.LINES, shared=False),
        _Call("cancelRealTimeBars", Pool.LINES, cancels=True),
        _Call("reqMktDepth", Pool.DEPTH),
        _Call("cancelMktDepth", Pool.DEPTH, cancels=True),
        _Call("reqTickByTickData", Pool.TICK_BY_TICK, shared=False),
        _Call("cancelTickByTickData", Pool.TICK_BY_TICK, cancels=True),
    )
}
_BY_NUMBER = {kind.number: _CALLS[kind.name] for kind in OUTBOUND.values() if kind.name in _CALLS}
_REQ_TYPE = next(kind.number for kind in OUTBOUND.values() if kind.name == "reqMarketDataType")


class OwnCalls:
    """Counts them in the ledger.

    Args:
        core: The connection.
        slots: The ledger.
        label: Writes a contract as people type it.
        type_asked: Told of the kind of data that a program asks for: it holds for all lines.
    """

    def __init__(
        self,
        core: Core,
        slots: Slots,
        *,
        label: Callable[[Contract], str],
        type_asked: Callable[[int], object],
    ) -> None:
        self._core = core
        self._slots = slots
        self._label = label
        self._type_asked = type_asked
        core.on_own_call(self._sent)
        core.on_notice(self._notice)
        core.on_down(slots.give_own_calls)
        core.add_slice(self, ("tickSnapshotEnd",))

    def tickSnapshotEnd(self, reqId: int) -> None:
        """EWrapper's: a snapshot gave its place back."""
        self._slots.give(_CALLS["reqMktData"].token(reqId))

    def _sent(self, body: bytes, queued: bool) -> None:
        """A message leaves, or could not; in the thread of the call."""
        version = self._core.server_version
        number, _ = split_id(body, version)
        number -= PROTOBUF_OFFSET if number > PROTOBUF_OFFSET else 0
        call = _BY_NUMBER.get(number)
        if call is None and number != _REQ_TYPE:
            return
        try:
            message: Any = decode(Direction.OUTBOUND, body, version).message
        except ParseError:  # IB will say so
            return
        if call is None:
            self._type_asked(message.marketDataType)
            return
        token = call.token(message.reqId)
        if call.cancels or not queued:
            self._slots.give(token)
            return
        contract = decodeContract(message.contract)
        self._slots.take(
            token,
            call.pool,
            symbol=self._label(contract),
            holder=f"your {call.name} {message.reqId}",
            instrument=contract_key(contract) if call.shared else None,
            own_call=True,
        )

    def _notice(self, notice: Notice) -> None:
        """IB refused one: its place is free, and may tell what the limit is."""
        if notice.ends is not Ends.REQUEST or notice.req_id < 0:
            return
        if _DUPLICATE in notice.text.lower():
            return
        for call in _CALLS.values():
            token = call.token(notice.req_id)
            if token in self._slots:
                self._slots.learn(notice.code, notice.text, token)
                self._slots.give(token)
