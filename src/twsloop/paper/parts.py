"""What stands behind the sockets of a paper gateway, and how it is made anew at each start.

Orders, accounts and the market's clock live as long as the gateway; the hub, and a feed that a
function makes, as long as it listens. A feed that was given as an object goes on after a restart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import attrs

from twsloop.clock import Clock
from twsloop.errors import PaperError

from .accounts.account import Account
from .accounts.commissions import Rates
from .catalogue.instruments import Catalogue
from .clients.delayed import install_permissions
from .clients.hub import Hub
from .clients.pacing import PacingJudge
from .clients.pacing_judge import PacingRules
from .clients.permissions import Permissions
from .clients.visibility import Access
from .clock.jumping import JumpingClock
from .clock.market_clock import MarketClock
from .clock.timetable import Timetable, Timetables, timetable
from .exchange.engine import Engine
from .feeds.derived import DerivedFeed
from .feeds.lasting import LastingFeed
from .feeds.manual import ManualFeed
from .feeds.replay import ReplayFeed, replay_speed
from .feeds.shelf import Shelf
from .feeds.steering import SteeredFeed
from .feeds.synthetic import SyntheticFeed
from .market.vocabulary import Feed
from .orders.rules import OrderRules
from .requests.depth import DepthDesk
from .requests.tick_by_tick import TickDesk

__all__ = ["Behind", "FeedSource", "Market"]

FeedSource = Feed | Callable[[], Feed] | str

#: What a feed that is needed once more has to be.
_MAKER = "give PaperGateway a function that makes feeds, as in feed=lambda: ReplayFeed(...)"


class Market:
    """A gateway's time, and where its prices come from.

    Args:
        wall: Real time.
        start: Its date and time when it begins; now unless given.
        until: When it ends.
        speed: How many of its seconds pass in a real one, or ``max``.
        held: It stands still until somebody releases it (the first lines are open).
        timetables: The market times at which named clients act, by client id.
        source: The feed, a function that makes one, ``manual``, or None: a made-up one.
        made_up: Options of `SyntheticFeed`.

    Attributes:
        timetables: Who acts when.
        feed: The feed that runs, or did last.
        steered: The hand on it.

    Raises:
        PaperError: It makes no sense.
    """

    def __init__(
        self,
        wall: Clock,
        *,
        start: datetime | None,
        until: datetime | None,
        speed: float | str,
        held: bool,
        timetables: Mapping[int, Timetable | Iterable[datetime]],
        source: FeedSource | None,
        made_up: Mapping[str, Any],
    ) -> None:
        self.timetables: Timetables | None = None
        self.feed: Feed | None = None
        self.steered: SteeredFeed | None = None
        self._wall = wall
        self._calendar = JumpingClock(wall)
        self._until = until
        self._own: MarketClock | None = None
        if start is not None or until is not None or speed != 1 or held or timetables:
            self._own = self._make_clock(start, speed, timetables)
        self._source = source
        self._made_up = made_up
        self._lasting: LastingFeed | None = None

    @property
    def clock(self) -> JumpingClock | MarketClock:
        """What the hub, the feed and the orders live by."""
        return self._own or self._calendar

    @property
    def numbered_from(self) -> datetime:
        """The moment that ids are made of: with timetables the same session has the same ids."""
        if self._own is not None and self.timetables is not None:
            return self._own.start
        return self._wall.now()

    @property
    def waits(self) -> bool:
        """Whether it waits for slow readers unless told otherwise: as fast as they can read."""
        jumps = self._own is not None and self._own.jumps
        return isinstance(self.feed, ReplayFeed) or jumps

    def open(self) -> Feed:
        """The feed of the next start, with a hand on it.

        Raises:
            PaperError: It ended with the gateway, or there is no such feed.
        """
        if self._lasting is not None:
            if self._lasting.ended:
                raise PaperError(f"a feed is used once, and ended with its gateway: {_MAKER}")
            return self._lasting
        source = self._source
        given = source is not None and not isinstance(source, str) and not callable(source)
        self.feed = self._make_feed(source)
        self.steered = SteeredFeed(self.feed)
        if given:
            self._lasting = LastingFeed(self.steered)
        return self._lasting or self.steered

    def begun(self) -> None:
        """It has been started: it ends in its time."""
        if self._own is not None and self._until is not None and self.feed is not None:
            self._own.hold_at(self._own.elapsed_at(self._until), "the end", self.feed.stop)

    def close(self) -> None:
        """The gateway ends, and a feed that would have gone on, too."""
        if self._lasting is not None:
            self._lasting.end()

    def _make_feed(self, source: FeedSource | None) -> Feed:
        if source is None or source == "manual":
            catalogue = Catalogue.standard((self._own or self._wall).now().date())
            if source is not None:
                return ManualFeed(catalogue)
            return SyntheticFeed(catalogue, **self._made_up)
        if isinstance(source, str):
            msg = f"there is no feed {source!r}; a feed, a function that makes one, or 'manual'"
            raise PaperError(msg)
        return source() if callable(source) else source

    def _make_clock(
        self,
        start: datetime | None,
        speed: float | str,
        tables: Mapping[int, Timetable | Iterable[datetime]],
    ) -> MarketClock:
        try:
            clock = MarketClock(self._wall, start=start, speed=replay_speed(speed))
            if self._until is not None and self._until <= clock.start:
                msg = f"the market ends ({self._until}) before it begins ({clock.start})"
                raise ValueError(msg)
            if tables:
                made = {client_id: timetable(given) for client_id, given in tables.items()}
                self.timetables = Timetables(made, clock)
        except (ValueError, TypeError) as error:
            raise PaperError(str(error)) from error
        return clock


@attrs.define(kw_only=True, eq=False)
class Behind:
    """Exchange, accounts and hub, and the rules that they follow.

    Attributes:
        market: Time and prices.
        wall: Real time.
        currencies: The accounts' base currencies, by account number.
        cash: What each account starts with.
        access: Who may see which order.
        rates: Commissions and fees.
        rules: IB's precautions about orders.
        keeps_hours: The exchange's hours count.
        user: Shown as the submitter of orders.
        pacing: How much clients may ask; None: as they like.
        permissions: What of the market the login may see.
        market_delay: How late delayed data is, seconds.
        wait_for_readers: The market waits while a client's buffer is full; None: as usual.
        lines_wanted: The market begins when so many market data lines are open.
        engine: Orders and accounts, from the first start on.
    """

    market: Market
    wall: Clock
    currencies: Mapping[str, str]
    cash: Decimal
    access: Access
    rates: Rates
    rules: OrderRules
    keeps_hours: bool
    user: str
    pacing: PacingRules | None
    permissions: Permissions
    market_delay: float
    wait_for_readers: bool | None
    lines_wanted: int
    engine: Engine | None = None

    def open(self) -> Hub:
        """The hub of the next start; it does not run yet.

        Raises:
            PaperError: Its feed was used up.
        """
        market = self.market
        feed = DerivedFeed(market.open(), held=self._has_live_orders)
        waits = market.waits if self.wait_for_readers is None else self.wait_for_readers
        hub = Hub(
            engine=self._make_engine(feed),
            feed=feed,
            access=self.access,
            clock=market.clock,
            wall=self.wall,
            wait_for_readers=waits,
            lines_wanted=self.lines_wanted,
            timetables=market.timetables,
        )
        if self.pacing is not None:
            hub.pacing = PacingJudge(self.pacing)
            hub.desks[DepthDesk] = DepthDesk(most=self.pacing.depth)
            hub.desks[TickDesk] = TickDesk(most=self.pacing.tick_by_tick)
        install_permissions(hub, self.permissions, self.market_delay)
        return hub

    def _has_live_orders(self, con_id: int) -> bool:
        return self.engine is not None and self.engine.book.has_live(con_id)

    def _make_engine(self, feed: Feed) -> Engine:
        if self.engine is None:
            self.engine = Engine(
                feed.instruments,
                {
                    name: Account(name, one, start=self.cash)
                    for name, one in self.currencies.items()
                },
                Shelf(feed.book),
                rates=self.rates,
                rules=self.rules,
                keeps_hours=self.keeps_hours,
                user=self.user,
            )
            self.engine.floor.number_from(self.market.numbered_from)
        else:
            self.engine.use_market(feed.instruments, Shelf(feed.book))
        return self.engine
