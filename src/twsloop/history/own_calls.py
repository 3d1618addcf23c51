"""A program's own calls of ``reqHistoricalData`` and its like: they count for IB's pacing, too.

They go past the slice, as IB wrote them, and IB judges them. Here they are only counted, so that
our own requests keep a distance from them. What has its own id is never identical to ours, as far
as is known here; so only the rate counts.
"""

from __future__ import annotations

import contextlib
from typing import Any

from ibapi.decoder_utils import decodeContract

from twsloop.connection.core import Core
from twsloop.connection.dispatch import PROTOBUF_OFFSET, split_id
from twsloop.errors import HistoryError, LoopNotRunning, ParseError
from twsloop.wire.codec import decode
from twsloop.wire.identity import contract_key
from twsloop.wire.messages import OUTBOUND, Direction

from .pacing import HistoryPacer, Paced
from .words import bar_size_of

__all__ = ["OwnCalls"]

#: EClient's requests that the rules for small bars hold for (domain.md b).
_NAMES = frozenset({"reqHistoricalData", "reqHeadTimeStamp", "reqRealTimeBars"})
_BY_NUMBER = {kind.number: kind.name for kind in OUTBOUND.values() if kind.name in _NAMES}


class OwnCalls:
    """Counts them.

    Args:
        core: The connection.
        pacer: Where they count.
    """

    def __init__(self, core: Core, pacer: HistoryPacer) -> None:
        self._core = core
        self._pacer = pacer
        core.on_own_call(self._sent)

    def _sent(self, body: bytes, queued: bool) -> None:
        """A message leaves, or could not; in the thread of the call."""
        version = self._core.server_version
        number, _ = split_id(body, version)
        number -= PROTOBUF_OFFSET if number > PROTOBUF_OFFSET else 0
        name = _BY_NUMBER.get(number)
        if name is None or not queued:
            return
        try:
            message: Any = decode(Direction.OUTBOUND, body, version).message
        except ParseError:  # IB will say so
            return
        if name == "reqHistoricalData" and not _is_small(message.barSizeSetting):
            return
        what = contract_key(decodeContract(message.contract))
        show = message.whatToShow.upper()
        paced = Paced(
            ("own call", name, message.reqId), (what, show), 2 if show == "BID_ASK" else 1
        )
        with contextlib.suppress(LoopNotRunning):  # then nothing of ours has to keep a distance
            self._core.event_loop.post(self._count, paced)

    def _count(self, paced: Paced) -> None:
        self._pacer.heard(self._core.clock.monotonic(), paced)


def _is_small(text: str) -> bool:
    try:
        return bar_size_of(text).small
    except HistoryError:  # IB will say so
        return False
