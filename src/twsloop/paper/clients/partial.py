"""Options whose quotes a login may see, but not their underlying: 10090, and no computations."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import attrs

from twsloop.paper.catalogue.instruments import Instrument
from twsloop.paper.market import ticks
from twsloop.paper.market.vocabulary import Change, Event, Field

from . import fanout
from .client import Line
from .permissions import Level, Permissions

if TYPE_CHECKING:
    from .hub import Hub

__all__ = ["PartialLine", "hidden_underlying"]

PART = (
    "Part of requested market data is not subscribed. "
    "Subscription-independent ticks are still active."
)
AVAILABLE = {Level.DELAYED: "available", Level.NONE: "not available"}
COMPUTATION = "tickOptionComputation"


def hidden_underlying(hub: Hub, instrument: Instrument) -> Instrument | None:
    """The underlying of an option that the login may not see live, None without one."""
    if not instrument.is_option:
        return None
    underlying = hub.engine.catalogue.by_con_id(instrument.under_con_id)
    permissions: Permissions = hub.desks[Permissions]
    if underlying is None or permissions.level(underlying) is Level.LIVE:
        return None
    return underlying


@attrs.define(eq=False)
class PartialLine:
    """A line without what needs the underlying.

    Attributes:
        hub: The gateway.
        line: The line.
        underlying: What it may not see.
    """

    hub: Hub
    line: Line
    underlying: Instrument

    def watch(self) -> None:
        """Tell the notice and the image now, then what changes."""
        hub, line, underlying = self.hub, self.line, self.underlying
        con_id = line.instrument.con_id
        level = hub.desks[Permissions].level(underlying)
        venue = underlying.primary_exchange or underlying.exchange
        text = (
            f"{PART}Delayed market data is {AVAILABLE[level]}.{underlying.symbol} {venue}/TOP/ALL"
        )
        hub.error(line.client, line.req_id, 10090, text)
        line.follows = False
        hub.watchers.watch(line)
        hub.watchers.listen(con_id, self._hear)
        line.at_end.append(lambda: hub.watchers.unlisten(con_id, self._hear))
        book = hub.feed.book(con_id)
        image = ticks.image(book, line.instrument, market_data_type=line.data_type)
        self._tell(tick for tick in image if tick.name != COMPUTATION)

    def _hear(self, _event: Event, changed: Sequence[Change], _now: datetime) -> None:
        seen = [change for change in changed if change.field is not Field.VALUED]
        if seen:
            self._tell(ticks.changes(seen))

    def _tell(self, told: Iterable[ticks.Tick]) -> None:
        client = self.line.client
        pieces = fanout.encode(told, client.server_version)
        frames = fanout.frames(pieces, self.line.mark)
        client.send_ticks(self.line, self.line.once(frames) if self.line.snapshot else frames)
