"""A program's own calls of ``reqHistoricalData`` and its like keep to IB's pacing, too.

They go past the slice, as IB wrote them. So the rules are kept where they leave: each waits in the
queue of what goes out until IB would take it (`gw.waiting()` says why), in one count with our own
requests, and nothing is refused. What IB says of them is told to the program, as it says it: a
violation all the same, because another program of the login asks, too, makes everything that
follows wait, but the call is not made again.

Identical requests are known by their bytes, whoever sends them.
"""

from __future__ import annotations

import functools
from collections.abc import Hashable
from typing import Any

from ibapi.decoder_utils import decodeContract

from twsloop.connection.core import Core
from twsloop.connection.dispatch import PROTOBUF_OFFSET, split_id
from twsloop.errors import HistoryError
from twsloop.events import Ends, Notice
from twsloop.session.pacing import Wait
from twsloop.wire.identity import contract_key
from twsloop.wire.messages import OUTBOUND_BY_NAME
from twsloop.wire.request_ids import CANCELS, request_id

from .asking import SERVICE_ERROR, VIOLATION
from .pacing import HistoryPacer, Paced
from .words import bar_size_of

__all__ = ["OwnCalls"]

_BARS, _HEAD, _TICKS = "reqHistoricalData", "reqHeadTimeStamp", "reqHistoricalTicks"
_HISTOGRAM, _REAL_TIME = "reqHistogramData", "reqRealTimeBars"
#: What IB counts among the open requests for history.
_OPEN = frozenset({_BARS, _HEAD, _TICKS, _HISTOGRAM})
_NUMBERS = {OUTBOUND_BY_NAME[name].number: name for name in _OPEN}
#: With which code real-time bars are refused as too fast.
REAL_TIME_ERROR = 420


class OwnCalls:
    """Lets them wait for their turn, and counts them while they are open.

    Args:
        core: The connection.
        pacer: Where they count.
    """

    def __init__(self, core: Core, pacer: HistoryPacer) -> None:
        self._core = core
        self._pacer = pacer
        #: The program's own that are open: name and id -> whether it stays open after its answer.
        self._open: dict[tuple[str, int], bool] = {}
        for name in (_BARS, _HEAD, _TICKS, _HISTOGRAM, _REAL_TIME):
            core.pacing.rule(name, functools.partial(self._rule, name))
        core.on_own_call(self._sent)
        core.on_notice(self._notice)
        core.on_down(self._down)
        core.add_slice(self, _CALLBACKS)

    # ---- the rule ------------------------------------------------------------------------

    def _rule(self, name: str, message: Any, own_call: bool) -> _Turn | None:
        """The turn of one message; of our own requests only that it is no other's twin."""
        identity = _identity(name, message)
        if not own_call:
            return _Turn(self._pacer, None, identity) if _is_small(name, message) else None
        what = contract_key(decodeContract(message.contract))
        show = "HISTOGRAM" if name == _HISTOGRAM else message.whatToShow.upper()
        paced = Paced(
            identity,
            (what, show),
            2 if show == "BID_ASK" else 1,
            small=_is_small(name, message),
            counted=name != _TICKS,
        )
        token = (name, message.reqId) if name in _OPEN else None
        stays = name == _BARS and message.keepUpToDate
        return _Turn(self._pacer, paced, identity, self, token, stays=stays)

    def opened(self, token: tuple[str, int], *, stays: bool) -> None:
        """One has left (loop thread)."""
        if token in self._open:
            self._pacer.give()  # IB refuses the second one with the same id
        self._open[token] = stays

    # ---- how they end (loop thread) --------------------------------------------------------

    def historicalDataEnd(self, reqId: int, start: str, end: str) -> None:
        """EWrapper's."""
        del start, end
        self._answered(_BARS, reqId)

    def historicalSchedule(self, reqId: int, *_answer: Any) -> None:
        """EWrapper's."""
        self._answered(_BARS, reqId)

    def headTimestamp(self, reqId: int, headTimestamp: str) -> None:
        """EWrapper's; IB keeps it open until it is cancelled, but nobody waits for anything."""
        del headTimestamp
        self._answered(_HEAD, reqId)

    def histogramData(self, reqId: int, items: Any) -> None:
        """EWrapper's."""
        del items
        self._answered(_HISTOGRAM, reqId)

    def historicalTicks(self, reqId: int, ticks: Any, done: bool) -> None:
        """EWrapper's."""
        del ticks
        if done:
            self._answered(_TICKS, reqId)

    def historicalTicksBidAsk(self, reqId: int, ticks: Any, done: bool) -> None:
        """EWrapper's."""
        self.historicalTicks(reqId, ticks, done)

    def historicalTicksLast(self, reqId: int, ticks: Any, done: bool) -> None:
        """EWrapper's."""
        self.historicalTicks(reqId, ticks, done)

    def _answered(self, name: str, req_id: int) -> None:
        if self._open.get((name, req_id)) is False:
            self._end(name, req_id)

    def _end(self, name: str, req_id: int) -> None:
        if self._open.pop((name, req_id), None) is not None:
            self._pacer.give()

    def _sent(self, body: bytes, queued: bool) -> None:
        """The program cancels one; in the thread of the call."""
        version = self._core.server_version
        number, _ = split_id(body, version)
        number -= PROTOBUF_OFFSET if number > PROTOBUF_OFFSET else 0
        name = _NUMBERS.get(CANCELS.get(number, -1))
        req_id = request_id(body, version) if name is not None and queued else None
        if name is None or req_id is None:
            return
        loop = self._core.event_loop
        if loop.in_loop():
            self._end(name, req_id)
        else:
            loop.post(self._end, name, req_id)

    def _notice(self, notice: Notice) -> None:
        """IB refused one, or broke it off."""
        if notice.req_id < 0 or notice.local:
            return
        mine = [name for name in _OPEN if (name, notice.req_id) in self._open]
        text = notice.text.lower()
        fast = notice.code == SERVICE_ERROR and VIOLATION in text
        # The same code says that there is no permission, which has nothing to do with haste.
        hasty_bars = notice.code == REAL_TIME_ERROR and "permission" not in text
        if hasty_bars or (mine and fast):
            self._pacer.violated(self._core.clock.monotonic())
        if notice.ends is Ends.REQUEST:
            for name in mine:
                self._end(name, notice.req_id)

    def _down(self) -> None:
        for name, req_id in tuple(self._open):
            self._end(name, req_id)


_CALLBACKS = (
    "historicalDataEnd",
    "historicalSchedule",
    "headTimestamp",
    "histogramData",
    "historicalTicks",
    "historicalTicksBidAsk",
    "historicalTicksLast",
)


class _Turn:
    """The turn of one message.

    Args:
        pacer: The rules.
        paced: What they have to know; None for a request of ours, which has waited already.
        identity: Its bytes but for its id.
        calls: Told when it leaves, if it counts as open.
        token: Its name and id, if it does.
        stays: It stays open after its answer.
    """

    def __init__(
        self,
        pacer: HistoryPacer,
        paced: Paced | None,
        identity: Hashable,
        calls: OwnCalls | None = None,
        token: tuple[str, int] | None = None,
        *,
        stays: bool = False,
    ) -> None:
        self._pacer = pacer
        self._paced = paced
        self._identity = identity
        self._calls = calls
        self._token = token
        self._stays = stays

    def wait(self, now: float) -> Wait | None:
        """See `twsloop.transport.Turn`."""
        if self._paced is not None:
            return self._pacer.wait(now, self._paced)
        return self._pacer.repeated(now, self._identity)

    def leave(self, now: float) -> None:
        """See `twsloop.transport.Turn`."""
        pacer, paced = self._pacer, self._paced
        if paced is None:
            pacer.note(now, self._identity)
        elif self._calls is not None and self._token is not None:
            pacer.take(now, paced)
            self._calls.opened(self._token, stays=self._stays)
        else:
            pacer.heard(now, paced)


def _identity(name: str, message: Any) -> Hashable:
    """What makes two messages of a kind the same: everything but their ids."""
    asked = type(message)()
    asked.CopyFrom(message)
    asked.ClearField("reqId")
    return "message", name, asked.SerializeToString(deterministic=True)


def _is_small(name: str, message: Any) -> bool:
    """Whether the rules for small bars hold for it."""
    if name != _BARS:
        return name != _HISTOGRAM
    try:
        return bar_size_of(message.barSizeSetting).small
    except HistoryError:  # IB will say so
        return False
