"""Who watches the market: the lines of clients, and what else hears the events of instruments.

A feed makes events only of what is watched; what is watched is counted here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from ibapi.protobuf.TickSnapshotEnd_pb2 import TickSnapshotEnd

from twsloop.clock import Clock
from twsloop.paper.market import ticks
from twsloop.paper.market.vocabulary import Change, Event, Feed

from . import fanout
from .client import Line
from .kinds import LINE

__all__ = ["Listener", "Watchers"]

#: Hears of an event that changed a book, after the book has it: the event, what changed, and the
#: time. It sends with `Client.send`; the hub flushes when the batch of events has been told.
Listener = Callable[[Event, Sequence[Change], datetime], None]

#: How long an incomplete snapshot waits for its missing ticks, seconds.
SNAPSHOT_PATIENCE = 11.0


class Watchers:
    """The watched instruments, and by whom; on the gateway's loop.

    Args:
        feed: The market.
        clock: The market's time.
        opened: Called when a line was opened.

    Attributes:
        lines: The lines that watch each instrument.
        listeners: Who else hears the events of each instrument (bars, depth, tick-by-tick).
    """

    def __init__(self, feed: Feed, clock: Clock, opened: Callable[[], None]) -> None:
        self._feed = feed
        self._clock = clock
        self._opened = opened
        self.lines: dict[int, list[Line]] = {}
        self.listeners: dict[int, list[Listener]] = {}

    def watch(self, line: Line) -> None:
        """Open a market data line: its image now, then what changes."""
        client, con_id = line.client, line.instrument.con_id
        line.mark = fanout.line_mark(line.req_id, client.server_version)
        line.kind = fanout.line_kind(line, client.server_version)
        client.lines[line.req_id] = line
        if line.follows and not client.is_muted(LINE, line.req_id):
            self.follow(line)
        self._feed.subscribe(con_id)
        if line.snapshot:
            timer = self._clock.call_later(SNAPSHOT_PATIENCE, self._is_late, line)
            line.cancel_timer = timer.cancel
            if line.follows and not client.is_muted(LINE, line.req_id):
                self.end_if_complete(line)
        self._opened()

    def follow(self, line: Line) -> None:
        """Tell a line its image, and from now on what changes."""
        con_id, client = line.instrument.con_id, line.client
        told = ticks.image(
            self._feed.book(con_id),
            line.instrument,
            volume_unit=line.volume_unit,
            market_data_type=line.data_type,
            joins=con_id in self.lines,
        )
        frames = fanout.frames(fanout.encode(told, client.server_version), line.mark)
        client.send_ticks(line, line.once(frames) if line.snapshot else frames)
        self.lines.setdefault(con_id, []).append(line)

    def unfollow(self, line: Line) -> None:
        """Tell a line no more what changes; nothing happens if it is not told now."""
        con_id = line.instrument.con_id
        watching = self.lines.get(con_id, [])
        if line in watching:
            watching.remove(line)
            if not watching:
                del self.lines[con_id]

    def unwatch(self, line: Line) -> None:
        """Close a line."""
        con_id = line.instrument.con_id
        del line.client.lines[line.req_id]
        line.client.forget_line(line.req_id)
        self.unfollow(line)
        for end in line.at_end:
            end()
        if line.cancel_timer is not None:
            line.cancel_timer()
        self._feed.unsubscribe(con_id)

    def listen(self, con_id: int, listener: Listener) -> None:
        """Hear the events of an instrument from now on; it is watched as long."""
        self.listeners.setdefault(con_id, []).append(listener)
        self._feed.subscribe(con_id)

    def unlisten(self, con_id: int, listener: Listener) -> None:
        """Hear them no more."""
        listening = self.listeners[con_id]
        listening.remove(listener)
        if not listening:
            del self.listeners[con_id]
        self._feed.unsubscribe(con_id)

    def end_if_complete(self, line: Line) -> None:
        """A snapshot was told something: it is over if nothing is missing."""
        book = self._feed.book(line.instrument.con_id)
        if ticks.snapshot_is_complete(book, line.instrument):
            self._end_snapshot(line)

    def _is_late(self, line: Line) -> None:
        self._end_snapshot(line)
        line.client.flush()

    def _end_snapshot(self, line: Line) -> None:
        line.client.send("tickSnapshotEnd", TickSnapshotEnd(reqId=line.req_id))
        self.unwatch(line)
