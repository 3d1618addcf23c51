"""What the risk gate has to know of accounts, followed as far as the limits in force need it.

A limit on positions needs every position, one on money the values and exchange rates of accounts,
one on a day's loss their profit. Each is a stream that is opened before the orders of a session are
let go, and held for as long as a limit needs it. What is not whole and live is not known: the limit
that needs it refuses orders, and says so.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

from twsloop.account.requests import AccountRequests
from twsloop.account.rows import Position
from twsloop.connection.core import Core
from twsloop.connection.streams import Stream
from twsloop.errors import TwsLoopError
from twsloop.risk.limits import Limits
from twsloop.session.state import State

__all__ = ["RiskFeeds", "needs"]

logger = logging.getLogger(__name__)

#: Limits on positions, and those that an order which only closes one passes.
_ON_POSITIONS = (
    *("max_position", "max_position_value", "max_gross_exposure", "max_concentration"),
    *("max_buying_power", "max_daily_loss", "max_drawdown", "before_restart"),
)
#: Limits in money, or in parts of what an account is worth.
_ON_MONEY = (
    *("max_notional", "max_position_value", "max_gross_exposure", "max_concentration"),
    *("max_buying_power", "max_daily_loss", "max_drawdown"),
)
_ON_PROFIT = ("max_daily_loss", "max_drawdown")

#: How often it is looked whether a stream is whole, seconds.
_LOOK = 0.01

POSITIONS, VALUES, PROFIT = "positions", "values", "profit"
DAY_TRADES = "day trades left"
#: IB's tag for these in an account summary, and its key in account updates, which have it for some
#: kinds of accounts only.
_DAY_TRADES_LEFT = "DayTradesRemaining"


def needs(limits: Limits) -> frozenset[str]:
    """What has to be followed for some limits."""
    params = limits.params
    breaks = params.breaker_rejects is not None or params.breaker_errors is not None
    counts = params.day_trading == "broker"
    wanted = {
        POSITIONS: breaks or bool(limits.classic) or counts or any(map(limits.sets, _ON_POSITIONS)),
        VALUES: bool(limits.classic) or any(map(limits.sets, _ON_MONEY)),
        DAY_TRADES: counts,
        PROFIT: any(map(limits.sets, _ON_PROFIT)),
    }
    return frozenset(name for name, needed in wanted.items() if needed)


class RiskFeeds:
    """The streams, and what they say now; loop thread.

    Args:
        core: The connection.
        account: Accounts.
        limits: The limits in force.
        moved: Told of an account whose positions, or their values, may be others.
        earned: Told of an account whose profit may be another one.
    """

    def __init__(
        self,
        core: Core,
        *,
        account: Callable[[], AccountRequests],
        limits: Callable[[], Limits],
        moved: Callable[[str], object],
        earned: Callable[[str], object],
    ) -> None:
        self._core = core
        self._account = account
        self._limits = limits
        self._moved, self._earned = moved, earned
        self._open: dict[tuple[str, str], Stream[Any]] = {}
        self._bases: dict[str, str] = {}
        core.on_session(self._session)

    # ---- following -----------------------------------------------------------------------

    def follow(self) -> None:
        """Open what is needed now, and let go of the rest."""
        wanted = dict(self._wanted())
        for place in [place for place in self._open if place not in wanted]:
            self._open.pop(place).cancel()
        for place, open_it in wanted.items():
            known = self._open.get(place)
            if known is not None and known.active:
                continue
            try:
                self._open[place] = open_it()
            except TwsLoopError as error:
                self._open.pop(place, None)
                logger.warning("a limit needs the %s of an account: %s", place[0], error)

    def _session(self, state: State, _reason: str) -> None:
        # Accounts are known, and streams are about to be asked for; after IB's own start they are
        # known only once it is READY.
        if state in {State.SYNCING, State.READY}:
            self.follow()

    async def ready(self) -> None:
        """Wait until what is followed is there, for as long as an answer may take."""
        clock = self._core.clock
        await clock.sleep(0)  # what was opened is on its way to the loop
        for stream in self._open.values():
            self._core.streams.request_early(stream)
        until = clock.monotonic() + self._core.config.connection.request_timeout
        # Streams that go on in another session tell of their first row, and of no last one.
        while self._waits() and clock.monotonic() < until:
            await clock.sleep(_LOOK)

    def _waits(self) -> bool:
        """Whether anything may still become whole."""
        return any(one.active and not _is_whole(one) for one in self._open.values())

    def _wanted(self) -> Iterable[tuple[tuple[str, str], Callable[[], Stream[Any]]]]:
        core, account = self._core, self._account()
        if not core.role.sends_orders:
            return
        needed = needs(self._limits())
        if POSITIONS in needed:
            yield (POSITIONS, ""), lambda: account.watch_positions(self._position)
        if DAY_TRADES in needed:
            yield (DAY_TRADES, ""), lambda: account.watch_summary(_DAY_TRADES_LEFT)
        for name in core.accounts:
            if VALUES in needed:
                yield (VALUES, name), lambda name=name: self._follow_values(name)  # type: ignore[misc]
            if PROFIT in needed:
                yield (
                    (PROFIT, name),
                    lambda name=name: account.watch_pnl(  # type: ignore[misc]
                        name, on_update=lambda _row: self._earned(name)
                    ),
                )

    def _follow_values(self, name: str) -> Stream[Any]:
        """The updates of the one account, which value its positions; of several, those for many."""
        if len(self._core.accounts) == 1:
            return self._account().watch_values(name, on_update=lambda _row: self._moved(name))
        return self._account().watch_model_values(name)

    def _position(self, row: Position) -> None:
        self._moved(row.account)

    # ---- what is known now ---------------------------------------------------------------

    def positions(self, account: str) -> list[Position] | None:
        """See `Sources.positions`."""
        table = self._live(POSITIONS)
        return None if table is None else table.rows(account)

    def mark(self, account: str, contract: Any) -> Decimal | None:
        """See `Sources.mark`."""
        table = self._live(VALUES, account)
        find = getattr(table, "item", None)
        item = None if find is None else find(account, contract.conId)
        price: Decimal | None = None if item is None else item.market_price
        return price

    def account_value(self, account: str, key: str) -> Decimal | None:
        """See `Sources.account_value`."""
        table = self._live(VALUES, account)
        for currency in (self.base_currency(account), "") if table is not None else ():
            row = table.value(account, key, currency)
            if row is not None:
                amount: Decimal | None = row.amount
                return amount
        return self._day_trades_left(account) if key == _DAY_TRADES_LEFT else None

    def _day_trades_left(self, account: str) -> Decimal | None:
        """The same by the account summary."""
        table = self._live(DAY_TRADES)
        row = None if table is None else table.get(_DAY_TRADES_LEFT, account)
        amount: Decimal | None = None if row is None else row.amount
        return amount

    def base_currency(self, account: str) -> str:
        """See `Sources.base_currency`."""
        known = self._bases.get(account)
        table = None if known else self._live(VALUES, account)
        if table is not None:
            rows = (row.currency for row in table.values(account) if row.key == "NetLiquidation")
            known = next(filter(None, rows), "")
            if known:
                self._bases[account] = known
        return known or ""

    def rate(self, account: str, currency: str, into: str) -> Decimal | None:
        """See `Sources.rate`."""
        table = self._live(VALUES, account)
        if table is None:
            return None
        rates = [table.value(account, "ExchangeRate", each) for each in (currency, into)]
        amounts = [None if rate is None else rate.amount for rate in rates]
        one, other = amounts
        if one is None or not other:
            return None
        found: Decimal = one / other
        return found

    def day_profit(self, account: str) -> Decimal | None:
        """See `Sources.day_profit`."""
        stream = self._open.get((PROFIT, account))
        if stream is None or not _is_whole(stream) or stream.latest is None:
            return None
        daily: Decimal | None = stream.latest.daily
        return daily

    def _live(self, what: str, account: str = "") -> Any:
        """The table of a stream that is whole and live; None of any other."""
        stream = self._open.get((what, account))
        return None if stream is None or not _is_whole(stream) else stream.state


def _is_whole(stream: Stream[Any]) -> bool:
    """Whether all of it is known, as it is now."""
    return not stream.stale and bool(stream.feed.whole)
