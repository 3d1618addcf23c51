"""Real-time bars: one of five seconds at each full five seconds."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import attrs
from ibapi.protobuf.RealTimeBarTick_pb2 import RealTimeBarTick

from twsloop.paper.clients.client import Client
from twsloop.paper.clients.hub import Hub
from twsloop.paper.clients.kinds import REAL_TIME_BARS
from twsloop.paper.history.bars import BAR_SIZES, Show
from twsloop.paper.history.chronicle import Chronicle
from twsloop.paper.history.format import volume_and_average

from .handling import Handler, processing, validating
from .history import find_with_history
from .history_beat import BEAT_S, beat_of, history_of

__all__ = ["HANDLERS"]

FIVE_SECONDS = BAR_SIZES["5 secs"]
#: What they can show; unlike those of historical bars, the names must be spelt exactly.
SHOWS = {
    "TRADES": Show.TRADES,
    "MIDPOINT": Show.MIDPOINT,
    "BID": Show.BID,
    "ASK": Show.ASK,
    "AGGTRADES": Show.TRADES,
}
INVALID = "Invalid Real-time Query:{reason}"


@attrs.frozen
class _Subscription:
    """Real-time bars of one client."""

    hub: Hub
    client: Client
    req_id: int
    chronicle: Chronicle
    show: Show
    regular: bool

    def begin(self) -> None:
        """Tell bars from now on."""
        self.client.subscribe((REAL_TIME_BARS, self.req_id), self.end, self.chronicle.instrument)
        self.hub.feed.subscribe(self.chronicle.instrument.con_id)
        beat_of(self.hub).listen(self.beat)

    def end(self) -> None:
        """Tell no more."""
        beat_of(self.hub).unlisten(self.beat)
        self.hub.feed.unsubscribe(self.chronicle.instrument.con_id)

    def beat(self, second: int) -> None:
        """Tell the bar that ended."""
        regular = self.regular
        if regular and self.chronicle.days.always_open:
            # A market that never closes is followed at any hour.
            regular = self.chronicle.days.in_regular_hours(second - 1)
        span = second - BEAT_S, second
        for bar in self.chronicle.bars(self.show, FIVE_SECONDS, span, regular=regular):
            volume, average, count = volume_and_average(bar, self.show, self.chronicle.instrument)
            message = RealTimeBarTick(
                reqId=self.req_id,
                time=second - BEAT_S,
                open=bar.open,
                high=bar.high,
                low=bar.low,
                close=bar.close,
                volume=volume,
                WAP=average,
                count=count,
            )
            self.client.send("realtimeBar", message)


def req_real_time_bars(hub: Hub, client: Client, request: Any) -> None:
    """Subscribe; whatever barSize says, as a gateway does."""
    req_id = request.reqId
    if (REAL_TIME_BARS, req_id) in client.subscriptions or req_id in client.lines:
        processing(hub, client, req_id, "bQ", "Duplicate ticker id")
        return
    show = SHOWS.get(request.whatToShow)
    if show is None:
        validating(hub, client, req_id, "bQ", "What to show field is missing or incorrect.")
        return
    if request.contract.secType == "BAG":
        reason = "Real-time bars are not supported for combos"
        hub.error(client, req_id, 420, INVALID.format(reason=reason))
        return
    instrument = find_with_history(hub, client, request)
    if instrument is None:
        return
    if instrument.quote_driven and show is Show.TRADES:
        reason = f"No historical market data for {instrument.symbol}/CASH@FXSUBPIP Last 5"
        hub.error(client, req_id, 420, INVALID.format(reason=reason))
        return
    if instrument.sec_type == "IND" and show is not Show.TRADES:
        hub.error(client, req_id, 420, INVALID.format(reason="An index has no quotes"))
        return
    chronicle = history_of(hub).of(instrument)
    _Subscription(hub, client, req_id, chronicle, show, request.useRTH).begin()


def cancel_real_time_bars(_hub: Hub, client: Client, request: Any) -> None:
    """Unsubscribe; there is no acknowledgement."""
    client.end_subscription(REAL_TIME_BARS, request.reqId)


HANDLERS: Mapping[int, Handler] = MappingProxyType(
    {50: req_real_time_bars, 51: cancel_real_time_bars}
)
