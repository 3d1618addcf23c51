"""A market that a test moves by hand."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from twsloop.clock import Clock
from twsloop.paper.catalogue.instruments import Catalogue, Instrument
from twsloop.paper.market.vocabulary import Event, QuoteChange, Sink, TopOfBook, Trade

#: A Monday with the New York market open, as ManualClock starts.
TODAY = date(2026, 1, 5)
START_NS = 1_767_623_400 * 10**9


class ManualFeed:
    """A Feed whose events come from the test; every book exists, empty."""

    def __init__(self, catalogue: Catalogue | None = None) -> None:
        self.instruments = catalogue or Catalogue.standard(TODAY)
        self.always_open = True
        self.finished: concurrent.futures.Future[None] = concurrent.futures.Future()
        self.sink: Sink | None = None
        self.clock: Clock | None = None
        self.watched: list[int] = []
        self.paused = False
        self.pauses = 0
        self.time_ns = START_NS
        self._books = {
            one.con_id: TopOfBook(one.con_id, quote_driven=one.quote_driven)
            for one in self.instruments.all()
        }

    def start(self, sink: Sink, clock: Clock) -> None:
        self.sink = sink
        self.clock = clock

    def stop(self) -> None:
        self.sink = None

    def book(self, con_id: int) -> TopOfBook:
        return self._books[con_id]

    def subscribe(self, con_id: int) -> None:
        self.watched.append(con_id)

    def unsubscribe(self, con_id: int) -> None:
        self.watched.remove(con_id)

    def pause(self) -> None:
        self.paused = True
        self.pauses += 1

    def resume(self) -> None:
        self.paused = False

    def send(self, events: Sequence[Event]) -> None:
        """Publish, or (before `start`) just apply."""
        if self.sink is not None:
            self.sink(events)
        else:
            for event in events:
                self.book(event.con_id).apply(event)

    def instrument(self, symbol: str) -> Instrument:
        found = self.instruments.by_symbol(symbol)
        assert found is not None
        return found

    def quote(
        self, symbol: str, bid: float | None, ask: float | None, size: int = 100
    ) -> QuoteChange:
        """The event of a new quote, ``size`` on both sides."""
        self.time_ns += 10**6
        return QuoteChange(
            con_id=self.instrument(symbol).con_id,
            time_ns=self.time_ns,
            bid=bid,
            bid_size=None if bid is None else Decimal(size),
            ask=ask,
            ask_size=None if ask is None else Decimal(size),
            bid_exchange="" if bid is None else "P",
            ask_exchange="" if ask is None else "Q",
        )

    def trade(self, symbol: str, price: float, size: int = 100) -> Trade:
        """The event of a trade."""
        self.time_ns += 10**6
        con_id = self.instrument(symbol).con_id
        return Trade(con_id, self.time_ns, price, Decimal(size), "Q")
