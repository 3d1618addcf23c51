"""`MarketControl`: what a test lets happen in a paper gateway's market, and to its orders.

Every call returns when it has happened, and when every client has been written to: books have
moved, orders were worked, fills were booked. Calls come from any thread but the gateway's own.

An instrument whose price was set stands still from then on (also in a synthetic market): nothing
but the test moves it, until `MarketControl.release`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar

from twsloop.clock import ManualClock
from twsloop.errors import PaperError

from .catalogue.instruments import Instrument
from .clock.market_clock import MarketClock
from .exchange.interventions import BROKER, Rejection
from .feeds.steering import SteeredFeed
from .market.by_hand import SIGNED, Size, check_sides, check_trade, price_of, size_of
from .market.vocabulary import Event, Halt, QuoteChange, TopOfBook, Trade
from .requests.depth import reset
from .requests.news import GENERAL, post_bulletin, post_headline
from .tape.wording import close_to

if TYPE_CHECKING:
    from .server import PaperGateway

__all__ = ["MarketControl"]

T = TypeVar("T")

#: IB's values of a halt.
GENERAL_HALT, VOLATILITY_HALT = 1, 2
#: Indices follow their fund, options their underlying (`derived`).
FOLLOWERS = frozenset({"IND", "OPT", "FOP"})
#: The venues of quotes and trades that are made by hand.
BID_VENUE, ASK_VENUE, TRADE_VENUE = "P", "Q", "Q"


class MarketControl:
    """A test's hand on the market of a `PaperGateway`: ``gateway.market``.

    Symbols are those that people type: ``AAPL``, ``EUR.USD``, a future's or an option's local
    symbol; or a contract id.

    Args:
        gateway: The gateway, which has to run.
    """

    def __init__(self, gateway: PaperGateway) -> None:
        self._gateway = gateway

    # ---- prices ----------------------------------------------------------------------------

    def set_price(
        self,
        symbol: str | int,
        price: float | None = None,
        *,
        bid: float | None = None,
        ask: float | None = None,
        last: float | None = None,
        size: Size = 100,
    ) -> None:
        """Set bid, offer and last, whichever are given; the others stay.

        Args:
            symbol: What of.
            price: All that is not given: the last price, and bid and offer a tick around it.
            bid: The best bid.
            ask: The best offer.
            last: The price of a trade that happens now, of ``size``.
            size: Of each side, and of the trade.

        Raises:
            PaperError: There is no such symbol, it has no price of its own, nothing is given, what
                is given cannot be, or the bid would be above the offer.
        """
        instrument = self._priced(symbol)
        if price is None and bid is None and ask is None and last is None:
            msg = (
                f"{symbol}: there is no price to set: give one, or bid=, ask= or last=; "
                "quote() with None takes a side away"
            )
            raise PaperError(msg)
        price, bid = price_of(instrument, price), price_of(instrument, bid)
        ask, last = price_of(instrument, ask), price_of(instrument, last)
        shown = size_of(instrument, size)
        if price is not None:
            tick = float(instrument.min_tick)
            digits = instrument.price_digits
            bid = round(price - tick, digits) if bid is None else bid
            ask = round(price + tick, digits) if ask is None else ask
            last = price if last is None and not instrument.quote_driven else last
            if bid <= 0 and instrument.sec_type not in SIGNED:
                msg = f"{symbol}: no bid is a tick below {price:g}: give bid= and ask="
                raise PaperError(msg)
        if last is not None:
            check_trade(instrument, shown)

        def work() -> None:
            if bid is not None or ask is not None:
                quote = self._quote(instrument, bid, ask, shown)
                self._hold(instrument).inject([quote])
            if last is not None:
                self._print(instrument, last, shown)

        self._do(work)

    def quote(
        self,
        symbol: str | int,
        bid: float | None,
        ask: float | None,
        *,
        bid_size: Size = 100,
        ask_size: Size = 100,
    ) -> None:
        """Set both sides of the quote; a side that is None has nobody.

        Raises:
            PaperError: There is no such symbol, it has no price of its own, what is given cannot
                be, or the bid is above the offer.
        """
        instrument = self._priced(symbol)
        bid, ask = price_of(instrument, bid), price_of(instrument, ask)
        check_sides(instrument, bid, ask)
        shown = size_of(instrument, bid_size), size_of(instrument, ask_size)

        def work() -> None:
            event = QuoteChange(
                instrument.con_id,
                self._now_ns(instrument),
                bid,
                None if bid is None else shown[0],
                ask,
                None if ask is None else shown[1],
                "" if bid is None or instrument.quote_driven else BID_VENUE,
                "" if ask is None or instrument.quote_driven else ASK_VENUE,
            )
            self._hold(instrument).inject([event])

        self._do(work)

    def trade(self, symbol: str | int, price: float, size: Size = 100) -> None:
        """Print a trade; the quote stays as it is.

        Raises:
            PaperError: There is no such symbol, it has no price of its own, or no trades (a
                currency pair), or what is given cannot be.
        """
        instrument = self._priced(symbol)
        at, traded = price_of(instrument, price), size_of(instrument, size)
        check_trade(instrument, traded)
        if at is None:
            msg = f"{symbol}: a trade has a price: give one"
            raise PaperError(msg)
        self._do(lambda: self._print(instrument, at, traded))

    def halt(self, symbol: str | int, *, volatility: bool = False) -> None:
        """Halt trading; tick 49 says so, and depth ends with 316.

        Orders that work go on waiting, and can be changed and cancelled; nothing is filled until
        `resume`. New ones are refused with error 154. What follows it, such as its options, is
        halted with it.

        Args:
            symbol: What.
            volatility: A volatility pause (2) instead of a general halt (1).
        """
        self._halt(symbol, VOLATILITY_HALT if volatility else GENERAL_HALT)

    def resume(self, symbol: str | int) -> None:
        """Trading goes on."""
        self._halt(symbol, 0)

    def freeze(self) -> None:
        """Let the whole market stand still, but for what the test lets happen."""
        self._do(lambda: setattr(self._feed, "frozen", True))

    def thaw(self) -> None:
        """Let the market go on after `freeze`; what was held stays held."""
        self._do(lambda: setattr(self._feed, "frozen", False))

    def release(self, symbol: str | int | None = None) -> None:
        """Let an instrument, or all, move by themselves again."""
        instrument = None if symbol is None else self._instrument(symbol)

        def work() -> None:
            if instrument is None:
                self._feed.held.clear()
            else:
                self._feed.held.discard(instrument.con_id)

        self._do(work)

    def book(self, symbol: str | int) -> TopOfBook:
        """The quote, the last trade and the day of an instrument; live, so read it at once."""
        instrument = self._instrument(symbol)
        found: TopOfBook = self._do(lambda: self._gateway.hub.feed.book(instrument.con_id))
        return found

    # ---- orders and messages ---------------------------------------------------------------

    def reject_next_order(
        self, reason: str, code: int = BROKER, *, symbol: str | None = None
    ) -> None:
        """Refuse the next order; called twice, the next two.

        Args:
            reason: IB's text. Of code 201 it stands behind "Order rejected - reason:".
            code: 201: the broker rejects it: Inactive, with that error. Any other: it is refused
                before it is taken, with that error and no status.
            symbol: Only an order for this symbol.
        """
        rejection = Rejection(reason, code, symbol)
        self._do(lambda: self._gateway.engine.interventions.rejections.append(rejection))

    def bulletin(self, text: str, *, kind: int = GENERAL, exchange: str = "") -> None:
        """Post a news bulletin to all who asked for them.

        Args:
            text: The message.
            kind: 1 a message, 2 an exchange that is not available, 3 one that is again.
            exchange: Where it comes from.
        """
        self._do(lambda: post_bulletin(self._gateway.hub, text, kind, exchange))

    def headline(self, symbol: str | int, text: str, body: str = "") -> str:
        """Let news of an instrument come now; returns the article's id.

        Lines with the generic tick 292 are told, and it is among the historical news.

        Args:
            symbol: What it is about.
            text: The headline.
            body: The article; the headline again unless given.
        """
        con_id = self._instrument(symbol).con_id

        def work() -> str:
            return post_headline(self._gateway.hub, con_id, text, body).article

        article: str = self._do(work)
        return article

    def reset_depth(self, symbol: str | int | None = None) -> None:
        """Tell 317 and all rows anew to whoever watches depth, of one instrument or of all."""
        con_id = None if symbol is None else self._instrument(symbol).con_id
        self._do(lambda: reset(self._gateway.hub, con_id))

    def notice(self, code: int, text: str) -> None:
        """Tell every client a notice, such as 1100: the link to IB's servers is lost."""

        def work() -> None:
            hub = self._gateway.hub
            for client in tuple(hub.clients.values()):
                hub.error(client, -1, code, text)

        self._do(work)

    def drop_clients(self) -> None:
        """Cut all connections, as a network that fails; the gateway goes on listening."""
        self._gateway.drop_clients()

    # ---- time ------------------------------------------------------------------------------

    @property
    def time(self) -> datetime:
        """The market's date and time."""
        return self._gateway.market_time

    def advance(self, seconds: float) -> None:
        """Let time pass: timers fire, sessions begin and end.

        Raises:
            PaperError: The gateway's clock runs by itself: make it with ``clock=ManualClock()``.
        """
        clock = self._gateway.clock
        if not isinstance(clock, ManualClock):
            msg = "time passes by itself: make the gateway with clock=ManualClock() to move it"
            raise PaperError(msg)
        hub = self._gateway.hub
        speed = hub.clock.speed if isinstance(hub.clock, MarketClock) else 1.0
        clock.advance(seconds / (speed or 1.0))
        self._do(lambda: None)

    def open_session(self, symbol: str | int = "SPY") -> None:
        """Advance to the next opening of the regular session, unless it is open now.

        Raises:
            PaperError: The gateway's clock runs by itself, or keeps no hours.
        """
        instrument = self._instrument(symbol)
        self._check_hours()
        if not instrument.is_open(self.time):
            self._advance_to(instrument.hours.next_open(self.time))

    def close_session(self, symbol: str | int = "SPY") -> None:
        """Advance to the end of the session, the one after hours included, if it is open now.

        Raises:
            PaperError: The gateway's clock runs by itself, or keeps no hours.
        """
        instrument = self._instrument(symbol)
        self._check_hours()
        while instrument.is_open(self.time, liquid=False):
            self._advance_to(instrument.hours.next_change(self.time))

    def _advance_to(self, when: datetime) -> None:
        self.advance(max((when - self.time) / timedelta(seconds=1), 0.0))

    def _check_hours(self) -> None:
        if not self._gateway.engine.keeps_hours:
            msg = "the market never closes: make the gateway with keeps_hours=True"
            raise PaperError(msg)

    # ---- inside ----------------------------------------------------------------------------

    @property
    def _feed(self) -> SteeredFeed:
        return self._gateway.steered

    def _do(self, work: Callable[[], T]) -> T:
        """Do something on the gateway's loop, and let every client be written to."""

        def settled() -> T:
            result = work()
            self._gateway.hub.settle()
            return result

        result: T = self._gateway.on_loop(settled)
        # Some transports write at the end of the loop's turn: this comes in the next one.
        self._gateway.on_loop(_nothing)
        return result

    def _instrument(self, symbol: str | int) -> Instrument:
        catalogue = self._gateway.hub.feed.instruments
        if isinstance(symbol, int):
            found = catalogue.by_con_id(symbol)
            hint = ""
        else:
            found = catalogue.by_symbol(symbol)
            names = (one.local_symbol for one in catalogue.all())
            hint = "" if found is not None else close_to(symbol, names)
        if found is None:
            msg = f"the market has no {symbol!r}{hint}"
            raise PaperError(msg)
        return found

    def _priced(self, symbol: str | int) -> Instrument:
        """An instrument whose price does not follow from another's."""
        instrument = self._instrument(symbol)
        if instrument.sec_type in FOLLOWERS:
            msg = f"the price of {symbol} follows from its underlying's: set that one"
            raise PaperError(msg)
        return instrument

    def _hold(self, instrument: Instrument) -> SteeredFeed:
        feed = self._feed
        feed.held.add(instrument.con_id)
        return feed

    def _now_ns(self, instrument: Instrument) -> int:
        hub = self._gateway.hub
        now = int(hub.now().timestamp() * 1e6) * 1000
        return max(now, hub.feed.book(instrument.con_id).time_ns)

    def _quote(
        self, instrument: Instrument, bid: float | None, ask: float | None, size: Decimal
    ) -> Event:
        """The quote with one or both sides moved."""
        book = self._gateway.hub.feed.book(instrument.con_id)
        bid_size = size if bid is not None else book.bid_size
        ask_size = size if ask is not None else book.ask_size
        bid = book.bid if bid is None else bid
        ask = book.ask if ask is None else ask
        check_sides(instrument, bid, ask)
        quiet = instrument.quote_driven
        return QuoteChange(
            instrument.con_id,
            self._now_ns(instrument),
            bid,
            bid_size,
            ask,
            ask_size,
            "" if bid is None or quiet else BID_VENUE,
            "" if ask is None or quiet else ASK_VENUE,
        )

    def _print(self, instrument: Instrument, price: float, size: Decimal) -> None:
        event = Trade(instrument.con_id, self._now_ns(instrument), price, size, TRADE_VENUE)
        self._hold(instrument).inject([event])

    def _halt(self, symbol: str | int, value: int) -> None:
        instrument = self._instrument(symbol)

        def work() -> None:
            self._feed.inject([Halt(instrument.con_id, self._now_ns(instrument), value)])

        self._do(work)


def _nothing() -> Any:
    return None
