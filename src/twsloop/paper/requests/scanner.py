"""Market scanners: reqScannerParameters, reqScannerSubscription, cancelScannerSubscription.

A subscription tells all its rows at once, and again every `REFRESH_S` seconds. No rows are notice
165 and an empty answer. As from a real gateway a cancel is confirmed with 162.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any

import attrs
from ibapi.protobuf.ScannerData_pb2 import ScannerData
from ibapi.protobuf.ScannerParameters_pb2 import ScannerParameters

from twsloop.clock import Timer
from twsloop.paper.clients.client import Client
from twsloop.paper.clients.hub import Hub
from twsloop.paper.market.scanner import ScanError, Scanner, Seen, scanner_of
from twsloop.paper.market.scanner_parameters import scanner_parameters
from twsloop.paper.market.statistics import USUAL_TRADE
from twsloop.paper.market.vocabulary import Change, Event, Field, Trade

from .handling import Handler, desk, processing

__all__ = ["HANDLERS", "REFRESH_S", "ScannerDesk"]

#: How often a scan is told anew, seconds.
REFRESH_S = 30.0
#: What has scans.
COUNTED_TYPES = frozenset({"STK", "FUT"})
#: IB runs so many scans of a login at a time.
MOST_SCANS = 10

SERVICE = "Historical Market Data Service error message:{cause}"
NOTHING = "Historical Market Data Service query message:no items retrieved"
DUPLICATE = "Duplicate ticker ID for API scanner subscription."
TOO_MANY = "Max number ({most}) of API scanner subscriptions has been reached"
UNKNOWN = "No scanner subscription found for ticker id:{req_id}"
CANCELLED = "API scanner subscription cancelled: {req_id}"


@attrs.define
class ScannerDesk:
    """The scans of a running gateway.

    Attributes:
        most: How many there may be, all clients together.
        open: How many there are.
        trades: Trades of each instrument in this session: those before the first scan are taken
            from the volume, as for the generic tick 293; from then on they are counted.
    """

    most: int = MOST_SCANS
    open: int = 0
    trades: Counter[int] | None = None

    def count_trades(self, hub: Hub) -> Counter[int]:
        """Begin to count trades, at the first call."""
        if self.trades is None:
            counted: Counter[int] = Counter()
            self.trades = counted
            for one in hub.engine.catalogue.all():
                if one.sec_type in COUNTED_TYPES:
                    volume = hub.feed.book(one.con_id).volume
                    counted[one.con_id] = int(volume / (one.lot * USUAL_TRADE))

            def witness(event: Event, changed: Sequence[Change], _now: datetime) -> None:
                # A new session tells its close and its volume before all else.
                if any(one.field is Field.VOLUME and not one.size for one in changed[:2]):
                    counted[event.con_id] = 0
                if isinstance(event, Trade):
                    counted[event.con_id] += 1

            hub.witnesses.append(witness)
        return self.trades


@attrs.define(eq=False)
class Subscription:
    """One scan of one client."""

    hub: Hub
    client: Client
    req_id: int
    scanner: Scanner
    timer: Timer | None = None

    def tell(self) -> None:
        """Tell all rows, and do so again in a while."""
        hub = self.hub
        trades = desk(hub, ScannerDesk).count_trades(hub)
        rows = self.scanner.run(
            Seen(one, hub.feed.book(one.con_id), trades[one.con_id])
            for one in hub.engine.catalogue.all()
            if self.scanner.covers(one)
        )
        if not rows:
            hub.error(self.client, self.req_id, 165, NOTHING)
        message = ScannerData(reqId=self.req_id, scannerDataElement=rows)
        self.client.send("scannerData", message)
        self.timer = hub.clock.call_later(REFRESH_S, self._again)

    def _again(self) -> None:
        self.tell()
        self.client.flush()

    def end(self) -> None:
        """Tell no more."""
        desk(self.hub, ScannerDesk).open -= 1
        if self.timer is not None:
            self.timer.cancel()


def req_scanner_parameters(_hub: Hub, client: Client, _request: Any) -> None:
    """What can be scanned, where, by what, as XML."""
    client.send("scannerParameters", ScannerParameters(xml=scanner_parameters()))


def req_scanner_subscription(hub: Hub, client: Client, request: Any) -> None:
    """The rows of a scan of the live market, now and every 30 seconds; 165 when there are none."""
    req_id = request.reqId
    scans = desk(hub, ScannerDesk)
    if ("scanner", req_id) in client.subscriptions:
        processing(hub, client, req_id, "bM", DUPLICATE)
        return
    try:
        scanner = scanner_of(request.scannerSubscription)
    except ScanError as error:
        hub.error(client, req_id, 162, SERVICE.format(cause=error.cause))
        return
    if scans.open >= scans.most:
        hub.error(client, req_id, 162, SERVICE.format(cause=TOO_MANY.format(most=scans.most)))
        return
    subscription = Subscription(hub, client, req_id, scanner)
    scans.open += 1
    client.subscriptions["scanner", req_id] = subscription.end
    subscription.tell()


def cancel_scanner_subscription(hub: Hub, client: Client, request: Any) -> None:
    """End a scan; 162 confirms it."""
    req_id = request.reqId
    if client.end_subscription("scanner", req_id):
        cause = CANCELLED.format(req_id=req_id)
        hub.error(client, req_id, 162, SERVICE.format(cause=cause))
    else:
        hub.error(client, req_id, 365, UNKNOWN.format(req_id=req_id))


HANDLERS: Mapping[int, Handler] = MappingProxyType(
    {
        22: req_scanner_subscription,
        23: cancel_scanner_subscription,
        24: req_scanner_parameters,
    }
)
