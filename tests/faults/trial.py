"""One client on one gateway that something happens to: what the tests of the fault table share.

The gateway is the paper gateway on a real socket, the client a real `IBGateway`. The client's clock
stands still until the test moves it, so that no deadline passes because this machine is busy.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Self, TypeVar

import attrs
from ibapi.order import Order

from tests.conftest import LoopFactory
from tests.support.clients import PATIENCE, await_condition, settings
from twsloop import IBGateway, PaperGateway, Ticker, Trade, limit_order, market_order
from twsloop.clock import ManualClock
from twsloop.connection.stream import Stream
from twsloop.events import Fact, Fill, SessionChanged
from twsloop.history.live_state import BarUpdate
from twsloop.market_data.depth import Depth
from twsloop.session.state import State

__all__ = ["BID", "SYMBOL", "Setting", "Trial", "with_past"]

F = TypeVar("F", bound=Fact)

SYMBOL = "AAPL"
#: Where the market rests.
BID, ASK = 99.0, 101.0
#: A Monday in the regular session.
OPEN = datetime(2026, 9, 28, 15, 0, tzinfo=UTC)
#: How often a bar that is kept up to date is told, seconds.
BAR_UPDATE = 5.0
#: How far time is moved while a session is made, seconds: no deadline of its stages is near that.
MOMENT = 0.05
#: Turns of the loop within which what has come is dealt with.
TURNS = 8
#: The client's settings: nothing paced, nothing in files, waits without chance.
QUIET: dict[str, object] = {
    "contracts__cache": False,
    "pacing__enabled": False,
    "reconnect__jitter": 0,
    "heartbeat__enabled": False,
    "loop__lag_interval": 0,
    "pacing__queue_timeout": 3600,
}


def with_past() -> dict[str, object]:
    """A gateway whose market has a history, and whose time the test moves: a synthetic one."""
    return {"feed": None, "clock": ManualClock()}


@attrs.frozen
class Setting:
    """A protocol, and the event loop that speaks it.

    Attributes:
        version: The server version.
        loop_factory: Makes the client's loop.
    """

    version: int
    loop_factory: LoopFactory


class Trial:
    """A gateway, a client on a clock of its own, and what the client was told.

    Args:
        setting: The protocol and the loop.
        gateway: Options of the `PaperGateway`.
        client: Settings of the client, ``section__key=value``.
    """

    def __init__(
        self, setting: Setting, gateway: dict[str, Any] | None = None, **client: object
    ) -> None:
        self.paper = PaperGateway(
            **{"feed": "manual", "start": OPEN, "max_version": setting.version, **(gateway or {})}
        )
        self.paper.start()
        self.market = self.paper.market
        self.faults = self.paper.faults
        self.market.set_price(SYMBOL, bid=BID, ask=ASK)
        self.clock = ManualClock(self.paper.market_time)
        self.gw = IBGateway(
            settings(self.paper.port, **{**QUIET, **client}),
            clock=self.clock,
            loop_factory=setting.loop_factory,
        )
        self._told: list[Fact] = []
        self._news = threading.Condition()
        self.gw.observe(Fact, self._note)

    def _note(self, fact: Fact) -> None:
        with self._news:
            self._told.append(fact)
            self._news.notify_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.gw.stop()
        self.faults.clear()
        self.paper.stop()

    def start(self) -> Self:
        """Connect, until READY and nothing is on its way any more."""
        self.gw.start()
        self.gw.system.time().result(PATIENCE)
        self.settle()
        return self

    # ---- what the client was told ----------------------------------------------------------

    def facts(self, kind: type[F]) -> list[F]:
        """The facts of a kind, oldest first."""
        return [one for one in list(self._told) if isinstance(one, kind)]

    def wait_fact(
        self, kind: type[F], like: Callable[[F], bool] = lambda _fact: True, count: int = 1
    ) -> F:
        """Wait for the ``count``-th fact of a kind."""

        def found() -> list[F]:
            return [one for one in self.facts(kind) if like(one)]

        with self._news:
            assert self._news.wait_for(lambda: len(found()) >= count, PATIENCE), (
                f"{kind.__name__} was not told {count} times: {self._told[-12:]}"
            )
        return found()[count - 1]

    @property
    def states(self) -> list[str]:
        """The names of the session's states, in order."""
        return [one.new for one in self.facts(SessionChanged)]

    @property
    def read_ahead(self) -> int:
        """How many bytes the client has of a message that is not whole."""
        link = self.gw._driver.life._transport
        return 0 if link is None else link.pending

    @property
    def lost(self) -> bool:
        """Whether the session has ended since it was made."""
        return State.DISCONNECTED.name in self.states

    def wait_state(self, state: State, count: int = 1) -> SessionChanged:
        """Wait until the session came to a state for the ``count``-th time."""
        return self.wait_fact(SessionChanged, lambda fact: fact.new == state.name, count)

    @property
    def fills(self) -> list[str]:
        """The execution ids of the fills that were told, in order."""
        return [one.exec_id for one in self.facts(Fill)]

    # ---- time ------------------------------------------------------------------------------

    def until(self, condition: Callable[[], bool], within: float = 60.0, step: float = 0.5) -> None:
        """Let the client's time pass in steps until something is so; at most so many seconds.

        Not with a heartbeat: it would judge a gateway that had no real time to answer.
        """
        end = self.clock.monotonic() + within

        def so() -> bool:
            if condition():
                return True
            if self.clock.monotonic() < end:
                self.clock.advance(step)
            self.settle()
            return condition()

        await_condition(so, f"not within {within} s: {self._told[-12:]}")

    def settle(self) -> None:
        """Let the client's loop do what it has to do now."""
        loop = self.gw.event_loop
        for _ in range(TURNS):
            if loop.running:
                loop.call(lambda: None)

    def wait_out(self, state: State, count: int = 1) -> None:
        """Let the deadline of a state's ``count``-th time pass; for what nobody answers."""
        self.wait_state(state, count)
        self.settle()
        place = [number for number, name in enumerate(self.states) if name == state.name][count - 1]

        def left() -> bool:
            if len(self.states) == place + 1 and self.gw.session_state is state:
                self.clock.advance(1.0)
                self.settle()
            return len(self.states) > place + 1

        await_condition(left, f"still {state.name}")

    def recover(self, count: int = 2) -> SessionChanged:
        """Let waits between attempts pass until the session is READY again."""
        attempts = self.gw._tws.metrics.counter("reconnect_attempts")
        skipped = 0

        def ready() -> bool:
            nonlocal skipped
            state, until = self.gw.session_state, self.clock.until_next()
            if state is State.WAITING and attempts.value > skipped and until is not None:
                # Once for each attempt: it is still WAITING for a moment after its time has come.
                skipped = attempts.value
                self.clock.advance(until)
            elif state is State.SYNCING:
                self.clock.advance(MOMENT)  # what it asks may wait for its turn
                self.settle()
            return self.states.count(State.READY.name) >= count

        await_condition(ready, f"not READY again: {self.states}")
        return self.wait_state(State.READY, count)

    # ---- data ------------------------------------------------------------------------------

    def watch(self, symbol: str = SYMBOL) -> Ticker:
        """A line that has its quote."""
        ticker = self.gw.subscribe(symbol)[symbol]
        await_condition(lambda: ticker.bid is not None, f"no quote of {symbol}")
        return ticker

    def hears(self, ticker: Ticker, bid: float, within: float = 60.0, symbol: str = SYMBOL) -> None:
        """Move the market; the line has to tell it within so many seconds."""
        self.market.set_price(symbol, bid=bid, ask=bid + 1)
        self.until(lambda: ticker.bid == bid, within)

    def kept_bars(self) -> Stream[BarUpdate]:
        """Bars that are kept up to date, and are there."""
        bars = self.gw.history.live_bars(SYMBOL)
        await_condition(lambda: len(bars.state.bars) > 0)
        return bars

    def bars_move(self, bars: Stream[BarUpdate], price: float) -> None:
        """Print a trade; the bars that are kept up to date have to show it."""

        def shown() -> bool:
            self.market.trade(SYMBOL, price)
            self.market.advance(BAR_UPDATE)
            return bool(bars.state.bars[-1].close == price)

        self.until(shown, within=300, step=BAR_UPDATE)

    def book(self, told: Callable[[Depth], object] | None = None) -> Stream[Depth]:
        """A book that has its rows."""
        book = self.gw.market_data.depth(SYMBOL, 5, on_update=told)
        await_condition(lambda: book.latest is not None and len(book.latest.bids) > 0)
        return book

    def book_moves(self, book: Stream[Depth], bid: float) -> None:
        """Move the market; the book has to show it."""
        self.market.set_price(SYMBOL, bid=bid, ask=bid + 1)
        self.until(lambda: book.latest is not None and book.latest.bids[0].price == bid)

    # ---- orders ----------------------------------------------------------------------------

    def limit(self, price: float, quantity: int = 10) -> Order:
        """A limit order to buy."""
        return limit_order("BUY", quantity, str(price))

    def rest(self, quantity: int = 10, price: str = "90") -> Trade:
        """A limit order that the gateway has acknowledged, and that rests."""
        trade = self.gw.place_order(SYMBOL, limit_order("BUY", quantity, price))
        await_condition(lambda: trade.status == "Submitted", f"it does not rest: {trade}")
        return trade

    def buy(self, quantity: int = 10) -> Trade:
        """A market order that is filled."""
        trade = self.gw.place_order(SYMBOL, market_order("BUY", quantity))
        assert trade.done.result(PATIENCE) == "Filled", trade
        return trade
