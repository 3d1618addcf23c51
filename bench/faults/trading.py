"""A client that trades and listens without pause, and remembers what it was told."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Collection
from datetime import timedelta
from pathlib import Path
from typing import Any

from twsloop import Config, IBGateway, Trade, bracket, limit_order, market_order, stock
from twsloop.errors import TwsLoopError
from twsloop.events import Fill

__all__ = ["SILENCE", "SYMBOLS", "Trader"]

SYMBOLS = ("AAPL", "MSFT", "NVDA", "SPY")
#: Seconds between two actions of one trader.
PACE = 0.05
#: Noticed soon, tried again soon: a run of hundreds of faults has no minutes for each.
SETTINGS: dict[str, Any] = {
    "heartbeat.silence": 0.5,
    "heartbeat.deadline": 0.5,
    "connection.connect_timeout": 2.0,
    "connection.handshake_timeout": 1.0,
    "connection.ready_timeout": 5.0,
    "connection.request_timeout": 5.0,
    "reconnect.first_delay": 0.05,
    "reconnect.quick_delay": 0.02,
    "reconnect.cap": 0.5,
    "reconnect.wedge_delay": 1.0,
    "reconnect.id_delay": 0.2,
    # A client keeps what is over up to a number; a long run shall come to it soon.
    "orders.keep_settled": 100,
    "market_data.silent_after": 2.0,
    "market_data.competing_retry": 5.0,
}
#: How long each subscription may be silent, seconds: then it is told, and asked for anew. Bars that
#: are kept up to date come every five.
SILENCE = {"quotes": 5.0, "depth": 5.0, "tick by tick": 5.0, "bars": 10.0}
#: How many of its newest orders a trader changes and cancels.
TOUCHED = 50
#: Orders that work in the market's neighbourhood: how far from it, in dollars.
NEAR = 0.05


class Trader:
    """One client: orders of all kinds in a thread of its own, and a handful of subscriptions.

    Args:
        port: The gateway's.
        client_id: Its own.
        seed: Of what it does.
        streams: What it listens to beside the quotes, of `SILENCE`.
        journal: Its order journal; none is written unless given.
    """

    def __init__(
        self,
        port: int,
        client_id: int,
        seed: int,
        *,
        streams: Collection[str] = tuple(SILENCE),
        journal: Path | None = None,
    ) -> None:
        overrides = {
            "connection.port": port,
            "connection.client_id": client_id,
            "journal.enabled": journal is not None,
            **SETTINGS,
        }
        if journal is not None:
            overrides["journal.file"] = journal
        self.client_id = client_id
        self.app = IBGateway(Config.load(environ={}, overrides=overrides))
        #: How often each execution was told.
        self.fills: Counter[str] = Counter()
        #: How many orders of each id came to the gateway by our own doing: one, and its changes.
        self.placed: Counter[int] = Counter()
        #: Those that may still be touched; what is over is the client's to keep or to forget.
        self._trades: deque[Trade] = deque(maxlen=TOUCHED)
        #: When each subscription was last heard, on the monotonic clock; 0 for not yet.
        self.heard: dict[str, float] = dict.fromkeys((*SYMBOLS, *streams), 0.0)
        self.heard.pop("quotes", None)  # which is each of the symbols
        self.refused: Counter[str] = Counter()
        self._chance = random.Random(f"{seed}:{client_id}")
        self._pause = threading.Event()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._trade, name=f"trader-{client_id}")
        self.streams: dict[str, Any] = {}

    def start(self) -> None:
        """Connect, subscribe, and begin to trade."""
        self.app.observe(Fill, self._filled)
        self.app.start()
        market = self.app.market_data
        openers: dict[str, Callable[[Callable[..., None]], Any]] = {
            "depth": lambda ears: market.depth("SPY", 5, on_update=ears),
            "tick by tick": lambda ears: market.ticks("MSFT", "BidAsk", on_update=ears),
            "bars": lambda ears: self.app.history.live_bars(
                "AAPL", duration=timedelta(minutes=30), bar_size="1 min", on_update=ears
            ),
        }
        self.streams = {"quotes": self.app.subscribe(SYMBOLS, on_tick=self._ticked)}
        for what, opener in openers.items():
            if what in self.heard:
                self.streams[what] = opener(self._ears(what))
        for what, stream in self.streams.items():
            stream.max_silence = SILENCE[what]
        self._thread.start()

    def rest(self) -> None:
        """Place nothing more until `go_on`."""
        self._pause.set()

    def clear(self) -> None:
        """Cancel what works: a run of any length has a few orders open, not thousands."""
        for trade in self.app.trades():
            if trade.active:
                trade.cancel()

    def go_on(self) -> None:
        """Trade again."""
        self._pause.clear()

    def stop(self) -> None:
        """End it all."""
        self._over.set()
        self._thread.join()
        for stream in self.streams.values():
            stream.cancel()
        self.app.stop()

    def stream(self, what: str) -> str:
        """How a subscription stands."""
        handle = self.streams.get(what, self.streams["quotes"])
        return f"{handle} {[str(gap) for gap in handle.gaps][-3:]}"

    # ---- listening -----------------------------------------------------------------------

    def _ears(self, what: str) -> Callable[..., None]:
        return lambda *_: self._hear(what)

    def _ticked(self, ticker: Any) -> None:
        self._hear(ticker.symbol)

    def _hear(self, what: str) -> None:
        self.heard[what] = time.monotonic()

    def _filled(self, fill: Fill) -> None:
        if fill.client_id == self.client_id:
            self.fills[fill.exec_id] += 1

    # ---- trading -------------------------------------------------------------------------

    def _trade(self) -> None:
        while not self._over.wait(PACE):
            if self._pause.is_set():
                continue
            try:
                self._act()
            except TwsLoopError as error:
                self.refused[type(error).__name__] += 1

    def _act(self) -> None:
        chance = self._chance
        what = chance.choice(
            ("market", "market", "market", "near", "far", "bracket", "change", "cancel")
        )
        symbol = chance.choice(SYMBOLS)
        side = chance.choice(("BUY", "SELL"))
        if what == "market":
            self._place(symbol, market_order(side, 1))
        elif what in {"near", "far"}:
            price = self._price(symbol, side, near=what == "near")
            if price is not None:
                self._place(symbol, limit_order(side, 2, price))
        elif what == "bracket":
            self._bracket(symbol)
        else:
            self._touch(what)

    def _place(self, symbol: str, order: Any) -> None:
        self._remember(self.app.place_order(stock(symbol), order))

    def _remember(self, *trades: Trade) -> None:
        self.placed.update(trade.order_id for trade in trades)
        self._trades.extend(trades)

    def _bracket(self, symbol: str) -> None:
        price = self._price(symbol, "BUY", near=True)
        if price is not None:
            legs = bracket("BUY", 1, entry=price, take_profit=price + 2, stop_loss=price - 2)
            self._remember(*self.app.place_orders(stock(symbol), legs))

    def _touch(self, what: str) -> None:
        """Change or cancel an order that works, as far as we know."""
        working = [trade for trade in self._trades if trade.active]
        if not working:
            return
        trade = self._chance.choice(working)
        if what == "cancel":
            trade.cancel()
        elif trade.order.orderType == "LMT":
            self.placed[trade.order_id] += 1
            with contextlib.suppress(ValueError):
                trade.modify(limit_price=round(trade.order.lmtPrice - 0.01, 2))

    def _price(self, symbol: str, side: str, *, near: bool) -> float | None:
        for ticker in self.streams["quotes"]:
            if str(ticker.symbol) == symbol and ticker.bid and ticker.ask:
                middle: float = (ticker.bid + ticker.ask) / 2
                away = NEAR if near else middle / 4
                return round(middle - away if side == "BUY" else middle + away, 2)
        return None
