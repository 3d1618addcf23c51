"""A connected client as the rest of the gateway sees it: a name, a mailbox, its subscriptions.

Theory of operation. Messages for a client are gathered (`Client.send`, `Client.send_frames`) and
leave in one write per batch (`Client.flush`), because a write per message is what costs most.

A client that reads slowly makes its transport fill up, which is told to `Client.pause` and
`Client.resume`. Then:

- a feed that can wait (a replay) is paused by the hub, so that a reading client misses nothing;
- otherwise, and for a client that does not read at all, ticks **conflate**: of each subscription
  only the latest message of each kind is kept, and sent when the client reads again. What is kept
  is bounded by what the client has subscribed to;
- facts about orders, accounts and answers never conflate and are never dropped. They go to the
  transport's buffer; when that exceeds `Limits.buffer`, or a client has read nothing for
  `Limits.silence`, the client is disconnected with a log line.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Protocol

import attrs
from google.protobuf.message import Message

from twsloop.errors import EncodeError
from twsloop.paper.catalogue.instruments import Instrument
from twsloop.wire import codec, framing
from twsloop.wire.messages import INBOUND_BY_NAME

from .kinds import DEPTH, HISTORY, LINE, REAL_TIME_BARS, TICKS

__all__ = ["Client", "Limits", "Line", "Outlet", "Stats", "TickFrame", "varint"]

logger = logging.getLogger(__name__)

#: The messages of a subscription's own stream, and its kind: what is not sent while it is muted.
STREAMS: Mapping[str, str] = MappingProxyType(
    {
        "tickNews": LINE,
        "updateMktDepth": DEPTH,
        "updateMktDepthL2": DEPTH,
        "tickByTick": TICKS,
        "realtimeBar": REAL_TIME_BARS,
        "historicalDataUpdate": HISTORY,
    }
)


class Outlet(Protocol):
    """Where a client's bytes go: the connection, as far as a Client needs it."""

    def write(self, data: bytes) -> None:
        """Send, or buffer; never blocks."""

    def buffered(self) -> int:
        """How many bytes wait to be sent."""

    def close(self, reason: str) -> None:
        """Send what waits, then end the connection; a log line gives the reason."""

    def abort(self, reason: str) -> None:
        """End the connection at once."""


@attrs.frozen
class Limits:
    """How much patience the gateway has with a slow client.

    Attributes:
        high_water: From so many waiting bytes on a client counts as slow.
        buffer: With more waiting bytes than this it is disconnected.
        patience: So long, in seconds, a pausable feed waits for a client that reads nothing.
        silence: After so many seconds without reading anything it is disconnected.
    """

    high_water: int = 1 << 20
    buffer: int = 64 << 20
    patience: float = 5.0
    silence: float = 60.0


@attrs.define
class Stats:
    """Counts of one client's life; ``kinds`` has the messages by their names, without the ticks."""

    requests: int = 0
    messages: int = 0
    kinds: Counter[str] = attrs.Factory(Counter)
    ticks: int = 0
    conflated: int = 0
    writes: int = 0
    bytes: int = 0


def varint(value: int) -> bytes:
    """A number in protobuf's variable length."""
    out = bytearray()
    value &= (1 << 64) - 1  # negative numbers take ten bytes, as protobuf writes them
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


@attrs.define(eq=False)
class Line:
    """One market data subscription.

    Attributes:
        client: Whose it is.
        req_id: The client's id for it.
        instrument: What it watches.
        volume_unit: How many shares one unit of tick 8 stands for.
        snapshot: Whether it ends with its first complete image.
        mark: The request id as tick messages carry it (protobuf field 1, or text).
        data_type: IB's market data type: 1 live, 2 frozen, 3 delayed, 4 delayed frozen.
        follows: Whether it is told the instrument's changes as they happen. Delayed lines and those
            with ``mdoff`` are told by others.
        told: Of a snapshot, the kinds of tick that were sent: each is sent once.
        at_end: What else ends with it.
        kind: What decides how it is told (see `fanout.line_kind`).
    """

    client: Client
    req_id: int
    instrument: Instrument
    volume_unit: int
    snapshot: bool
    mark: bytes = b""
    cancel_timer: Callable[[], None] | None = None
    data_type: int = 1
    follows: bool = True
    told: set[object] = attrs.Factory(set)
    at_end: list[Callable[[], None]] = attrs.Factory(list)
    kind: tuple[int, int, int] = (0, 1, 0)

    def once(self, frames: Iterable[TickFrame]) -> list[TickFrame]:
        """Of a snapshot's ticks those of kinds that were not sent before."""
        fresh: list[TickFrame] = []
        for key, frame in frames:
            if key not in self.told:
                self.told.add(key)
                fresh.append((key, frame))
        return fresh


#: A tick message of one line: the key it conflates by, and the frame.
TickFrame = tuple[object, bytes]


class Client:
    """One READY client.

    Args:
        client_id: The id it gave in startApi.
        server_version: The negotiated version.
        outlet: Where its bytes go.
        limits: How slow it may be.

    Attributes:
        market_data_type: What it wants (reqMarketDataType): 1 live, 2 frozen, 3 delayed, 4 both.
        lines: Its market data subscriptions by request id.
        subscriptions: Its other subscriptions (bars, depth, tick-by-tick, scanners): the kind and
            the request id, and what ends it.
        instruments: What those of one instrument follow, by the same key.
        muted: Subscriptions (lines are of the kind `LINE`) that are told nothing now.
        gates: Who hears of messages before they are sent (see `gates.Gates.messages`).
        stats: Counts.
        stalled: Its transport is full.
        conflating: Its ticks conflate now.
    """

    def __init__(
        self, client_id: int, server_version: int, outlet: Outlet, limits: Limits | None = None
    ) -> None:
        self.client_id = client_id
        self.server_version = server_version
        self.limits = limits or Limits()
        self.stats = Stats()
        self.stalled = False
        self.conflating = False
        self.closed = False
        self.market_data_type = 1
        self.lines: dict[int, Line] = {}
        self.subscriptions: dict[tuple[str, int], Callable[[], None]] = {}
        self.instruments: dict[tuple[str, int], Instrument] = {}
        self.muted: set[tuple[str, int]] = set()
        self.gates: list[Callable[[Client, str, Any], bool]] = []
        self.watches_positions = False
        self.account_updates: str | None = None
        #: What was told last, by subscription ("updates", or a request id), then by row.
        self.told: dict[object, dict[tuple[str, str, str], str]] = {}
        self.summaries: dict[int, tuple[tuple[str, ...], tuple[str, ...]]] = {}
        self.account_multi: dict[int, tuple[str, str, bool]] = {}
        self.position_multi: dict[int, tuple[str, str]] = {}
        self.pnl: dict[int, str] = {}
        self.pnl_single: dict[int, tuple[str, int]] = {}
        self._outlet = outlet
        self._batch: list[bytes] = []
        self._conflated: dict[tuple[int, object], bytes] = {}

    def __str__(self) -> str:
        return f"client {self.client_id} (server version {self.server_version})"

    def send(self, name: str, message: Message, *, dates: tuple[str, str] | None = None) -> None:
        """Put a message into the batch; one that this version does not have is left out.

        Args:
            name: Its name in `twsloop.wire.messages`.
            message: Its protobuf form.
            dates: First and last date, for the historicalData of versions below 196.
        """
        if self.muted and self._is_muted(name, message):
            return
        for gate in tuple(self.gates):  # one that takes its last message leaves
            if gate(self, name, message):
                return
        self.put(name, message, dates=dates)

    def put(self, name: str, message: Message, *, dates: tuple[str, str] | None = None) -> None:
        """Put a message into the batch, whatever gates there are; otherwise as `send`."""
        kind = INBOUND_BY_NAME[name]
        try:
            body = codec.encode(kind, message, self.server_version, dates=dates)
        except EncodeError as error:
            logger.warning("%s cannot be told: %s", self, error)
            return
        self._batch.append(framing.frame(body))
        self.stats.messages += 1
        self.stats.kinds[name] += 1

    def send_ticks(self, line: Line, frames: Iterable[TickFrame]) -> None:
        """Put ticks of a line into the batch, or into the conflated image while it is stalled."""
        if self.muted and (LINE, line.req_id) in self.muted:
            return
        if not self.conflating:
            before = len(self._batch)
            self._batch += [frame for _, frame in frames]
            self.stats.ticks += len(self._batch) - before
            return
        for key, frame in frames:
            place = (line.req_id, key)
            if self._conflated.pop(place, None) is not None:
                self.stats.conflated += 1
            self._conflated[place] = frame

    def add_ticks(self, data: bytes, count: int) -> None:
        """Put ticks into the batch that are in one piece already; not while it conflates."""
        self._batch.append(data)
        self.stats.ticks += count

    def subscribe(
        self, key: tuple[str, int], end: Callable[[], None], instrument: Instrument
    ) -> None:
        """Take note of a subscription to one instrument, and of what ends it."""
        self.subscriptions[key] = end
        self.instruments[key] = instrument

    def streams(self) -> Iterator[tuple[tuple[str, int], Instrument]]:
        """What it is told of single instruments: kind and request id, and the instrument."""
        for line in tuple(self.lines.values()):
            yield (LINE, line.req_id), line.instrument
        yield from tuple(self.instruments.items())

    def is_muted(self, kind: str, req_id: int) -> bool:
        """Whether a subscription is told nothing now."""
        return (kind, req_id) in self.muted

    def _is_muted(self, name: str, message: Any) -> bool:
        kind = STREAMS.get(name)
        return kind is not None and (kind, message.reqId) in self.muted

    def end_subscription(self, kind: str, req_id: int) -> bool:
        """End one of its subscriptions; False if there is none of that kind and id."""
        key = (kind, req_id)
        end = self.subscriptions.pop(key, None)
        if end is not None:
            self.instruments.pop(key, None)
            self.muted.discard(key)
            end()
        return end is not None

    def end_subscriptions(self) -> None:
        """End all of them: the client left."""
        for key in tuple(self.subscriptions):
            self.end_subscription(*key)

    def forget_line(self, req_id: int) -> None:
        """A subscription ended: nothing of it is sent any more."""
        self.muted.discard((LINE, req_id))
        for place in [place for place in self._conflated if place[0] == req_id]:
            del self._conflated[place]

    def flush(self) -> None:
        """Write the batch, in one write."""
        if not self._batch or self.closed:
            self._batch.clear()
            return
        data = b"".join(self._batch)
        self._batch.clear()
        self.stats.writes += 1
        self.stats.bytes += len(data)
        self._outlet.write(data)
        if self._outlet.buffered() > self.limits.buffer:
            self.drop(f"it does not read: more than {self.limits.buffer} bytes wait for it")

    def buffered(self) -> int:
        """How many bytes wait in its transport."""
        return self._outlet.buffered()

    def pause(self, *, conflate: bool) -> None:
        """Its transport is full."""
        self.stalled = True
        self.conflating = conflate

    def resume(self) -> None:
        """Its transport has room again: tell it what its subscriptions came to meanwhile."""
        self.stalled = False
        self.conflating = False
        if self._conflated:
            self.stats.ticks += len(self._conflated)
            self._batch += self._conflated.values()
            self._conflated.clear()
            self.flush()

    def close(self, reason: str) -> None:
        """Send what waits, and end the connection."""
        self.flush()
        self.closed = True
        self._outlet.close(reason)

    def drop(self, reason: str) -> None:
        """End the connection at once."""
        if not self.closed:
            self.closed = True
            self._outlet.abort(reason)
