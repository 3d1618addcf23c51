"""The handle of a subscription: many tickers, their errors, and who is told of their ticks.

How often is a callback called? Once for each tick, after the tick is applied whole (a price
together with the size that came with it). It gets the `Ticker`, which is live; what changed stands
in ``ticker.changed``. A callback that runs elsewhere (an executor, another asyncio loop, ``run()``)
and does not keep up is called with the newest state of each ticker instead: nothing grows, and
nothing it shows is old.

A callback may cancel its own subscription, or raise, or be slow: the exception is reported with the
callback's name, and neither the stream nor another callback suffers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Protocol, Self

from twsloop.clock import Clock
from twsloop.connection.life import Gap, Life, LifeFact
from twsloop.connection.stream import check_silence
from twsloop.event_loop import Future
from twsloop.processors import DeliveryCounts, Where

from .freshness import Freshness, FreshnessWatch
from .lines import Line
from .state import Ticker

__all__ = ["OnError", "OnLife", "OnStale", "OnTick", "Subscription"]

OnTick = Callable[[Ticker], object]
#: Told of a line that ended with an error: its symbol, and the error.
OnError = Callable[[str, Exception], object]
#: Told of a ticker that became stale: its symbol, and how fresh it is.
OnStale = Callable[[str, Freshness], object]
#: Told of what happened in the life of a line: its symbol, and the fact.
OnLife = Callable[[str, LifeFact], object]


class Keeper(Protocol):
    """What a subscription needs of the slice that opened it."""

    def cancel(self, subscription: Subscription) -> None:
        """Let its lines go; from any thread."""
        ...

    def listen(self, subscription: Subscription, callback: OnTick, where: Where) -> None:
        """Let another callback hear its ticks; from any thread."""
        ...

    def watch(
        self, subscription: Subscription, callback: OnStale | None = None, where: Where = None
    ) -> None:
        """Look after the age of its tickers; from any thread."""
        ...

    def living(self, subscription: Subscription, callback: OnLife, where: Where) -> None:
        """Let a callback hear of the lives of its lines; from any thread."""
        ...

    def limited(self, subscription: Subscription) -> None:
        """For how long its lines may be silent has changed; from any thread."""
        ...


class Subscription:
    """What `IBGateway.subscribe` returns.

    Use it as a context manager to cancel it at the end of a block. Its tickers may be read from any
    thread.

    Args:
        keeper: The slice that opened it.
        done: Where its end is announced.
        clock: Measures ages.
        snapshot: It ends by itself.
        max_age: From which age on a ticker is stale, seconds; None for no age.
    """

    def __init__(
        self,
        keeper: Keeper,
        done: Future[Mapping[str, Ticker]],
        clock: Clock,
        *,
        snapshot: bool = False,
        max_age: float | None = None,
    ) -> None:
        self._max_silence: float | None = None
        self._keeper = keeper
        self._done = done
        self.snapshot = snapshot
        self.lines: dict[str, Line] = {}
        self.deliveries: list[Any] = []
        self.failures: list[Any] = []
        self.life_deliveries: list[Any] = []
        self.open_symbols: set[str] = set()
        self._tickers: dict[str, Ticker] = {}
        self._errors: dict[str, Exception] = {}
        self.freshness = FreshnessWatch(clock, self._followed, max_age)

    @property
    def tickers(self) -> Mapping[str, Ticker]:
        """The live tickers, by symbol, in the order they were asked for."""
        return MappingProxyType(self._tickers)

    @property
    def errors(self) -> Mapping[str, Exception]:
        """The lines that ended with an error: symbol to error. The others go on."""
        return MappingProxyType(dict(self._errors))

    @property
    def done(self) -> Future[Mapping[str, Ticker]]:
        """Resolves with the tickers when nothing more will come.

        That is: a snapshot is complete, the subscription was cancelled, or every line has failed.
        Each caller gets a view of its own.
        """
        return self._done.view()

    @property
    def active(self) -> bool:
        """Whether ticks may still come."""
        return not self._done.done()

    @property
    def tellers(self) -> tuple[Callable[[Ticker], object], ...]:
        """What tells its callbacks of a tick."""
        return tuple(delivery.one for delivery in self.deliveries)

    # ---- how fresh it is -----------------------------------------------------------------

    @property
    def max_age(self) -> float | None:
        """From which age on a ticker counts as stale, seconds; None for no age. May be set."""
        return self.freshness.max_age

    @max_age.setter
    def max_age(self, seconds: float | None) -> None:
        self.freshness.max_age = seconds
        self._keeper.watch(self)

    @property
    def ages(self) -> Mapping[str, Freshness]:
        """How fresh each ticker is that still follows the market, by symbol."""
        return self.freshness.rows()

    @property
    def age(self) -> float | None:
        """Seconds since the last tick of any of its tickers; None before the first."""
        ages = [ticker.age for ticker in self]
        return min((age for age in ages if age is not None), default=None)

    @property
    def received_time(self) -> datetime | None:
        """When the last tick of any of its tickers came, UTC; None before the first."""
        times = [ticker.received_time for ticker in self]
        return max((time for time in times if time is not None), default=None)

    @property
    def stale(self) -> bool:
        """Whether one of its tickers is not to be relied on: interrupted, or too old."""
        return not self.active or any(row.stale for row in self.ages.values())

    def on_stale(self, callback: OnStale, where: Where = None) -> OnStale:
        """Call ``callback(symbol, freshness)`` when a ticker becomes stale; usable as a decorator.

        It is called again when the ticker became fresh and stale once more.
        """
        self._keeper.watch(self, callback, where)
        return callback

    # ---- how its lines live --------------------------------------------------------------

    @property
    def lives(self) -> Mapping[str, Life]:
        """Where each line is in its life, and why, by symbol; none of a snapshot."""
        lives = {symbol: line.life for symbol, line in tuple(self.lines.items())}
        return {symbol: life for symbol, life in lives.items() if life is not None}

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """In which times ticks may be missing, of all lines (each names its own), in order."""
        lives = dict.fromkeys(self.lives.values())
        return tuple(sorted((g for life in lives for g in life.gaps), key=lambda g: g.started))

    @property
    def max_silence(self) -> float | None:
        """For how long a line may be silent, seconds; None for as long as it likes. May be set.

        After so long it is interrupted (`on_life`, `on_stale`), and asked for anew.
        """
        return self._max_silence

    @max_silence.setter
    def max_silence(self, seconds: float | None) -> None:
        self._max_silence = check_silence(seconds)
        self._keeper.limited(self)

    def on_life(self, callback: OnLife, where: Where = None) -> OnLife:
        """Call ``callback(symbol, fact)`` for what happens in the life of each line.

        The fact is a `StreamStarted`, `GapStarted`, `GapEnded` or `StreamClosed`; who cancels the
        subscription himself is told no more. Usable as a decorator.
        """
        self._keeper.living(self, callback, where)
        return callback

    # ---- following it --------------------------------------------------------------------

    @property
    def callbacks(self) -> tuple[DeliveryCounts, ...]:
        """What became of each callback's calls: made, waiting, dropped (see `Deliver`)."""
        return tuple(delivery.counts for delivery in self._all_deliveries())

    def on_tick(self, callback: OnTick, where: Where = None) -> OnTick:
        """Let another callback hear the ticks too; usable as a decorator.

        Args:
            callback: Called with the ticker; a function or a coroutine function.
            where: None for the loop thread; an executor or a running asyncio loop.
        """
        self._keeper.listen(self, callback, where)
        return callback

    def cancel(self) -> None:
        """Let all lines go; from any thread and any callback. Twice does nothing more.

        It waits for nothing, so that one callback may be under way when it returns; none follows.
        """
        self._keeper.cancel(self)

    def __getitem__(self, symbol: str) -> Ticker:
        """The ticker of a symbol."""
        return self._tickers[symbol]

    def __iter__(self) -> Iterator[Ticker]:
        return iter(tuple(self._tickers.values()))

    def __len__(self) -> int:
        return len(self._tickers)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        """Cancel."""
        self.cancel()

    def __repr__(self) -> str:
        shown = ", ".join(self._tickers)
        return f"<Subscription {shown}{'' if self.active else ' (over)'}>"

    # ---- for the slice, on the loop thread -----------------------------------------------

    def hold(self, symbol: str, line: Line) -> None:
        """A line is held under this symbol."""
        self.lines[symbol] = line
        self._tickers[symbol] = line.ticker
        self.open_symbols.add(symbol)

    def line_over(self, line: Line, error: Exception | None) -> list[str]:
        """A line ended: under which symbols we held it. The last one ends the subscription."""
        symbols = [name for name in self.lines if self.lines[name] is line]
        for symbol in symbols:
            self.open_symbols.discard(symbol)
            if error is not None:
                self._errors[symbol] = error
        if not self.open_symbols:
            self.finish()
        return symbols

    def mute(self) -> None:
        """Call nobody any more."""
        for delivery in self._all_deliveries():
            delivery.close()

    def tell_life(self, line: Line, fact: LifeFact) -> None:
        """Something happened in the life of a line."""
        if self.life_deliveries:
            for symbol in [name for name, one in self.lines.items() if one is line]:
                for delivery in self.life_deliveries:
                    delivery((symbol, fact))

    def _all_deliveries(self) -> tuple[Any, ...]:
        return (*self.deliveries, *self.failures, *self.life_deliveries)

    def _followed(self) -> dict[str, Ticker]:
        open_symbols = frozenset(self.open_symbols)
        return {name: one for name, one in self.tickers.items() if name in open_symbols}

    def finish(self) -> None:
        """Nothing more will come."""
        self._done.set_result(self.tickers)
