"""The portfolio as it stands this second: positions joined with what IB says of their profit.

IB tells a position, its value and its profit by three different requests. Here one stream of
positions and one of profit for each position that is not flat are followed, and joined row by row.
Unlike the portfolio of the account updates (every three minutes, one account at a time) this knows
all accounts, and is about a second old.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, Self

import attrs

from twsloop.connection.core import Core
from twsloop.connection.streams import Stream
from twsloop.errors import RequestCancelled
from twsloop.event_loop import Future
from twsloop.processors import Where
from twsloop.processors.delivery import delivery_for
from twsloop.wire.values import decimal_or_none

from .plans import Plans
from .rows import PortfolioRow, Position, PositionProfit

__all__ = ["OnRow", "Portfolio", "joined"]

OnRow = Callable[[PortfolioRow], object]
_Key = tuple[str, int]


def joined(position: Position, profit: PositionProfit | None) -> PortfolioRow:
    """A position and its profit as one row."""
    row = PortfolioRow(
        position.account,
        position.contract,
        position.symbol,
        position.quantity,
        position.average_cost,
    )
    if profit is None or profit.quantity != position.quantity:
        return row  # its value is that of another quantity: the next one comes within a second
    units = position.quantity * (decimal_or_none(position.contract.multiplier) or Decimal(1))
    price = profit.value / units if profit.value is not None and units else None
    return attrs.evolve(
        row,
        market_price=price,
        market_value=profit.value,
        unrealized=profit.unrealized,
        realized=profit.realized,
        daily=profit.daily,
        time=profit.time,
    )


class Portfolio:
    """A live portfolio; iterate over it for its rows. From any thread.

    Use it as a context manager to cancel it at the end of a block.

    Args:
        core: The connection.
        plans: How the streams are asked for.
        account: Whose; all accounts' if empty.
        on_update: Called with each row that changed; a row of a closed position has quantity 0.
        where: Where that runs.
    """

    def __init__(
        self, core: Core, plans: Plans, account: str, on_update: OnRow | None, where: Where
    ) -> None:
        self._core = core
        self._plans = plans
        self._account = account
        self._rows: dict[_Key, PortfolioRow] = {}
        self._held: dict[_Key, Position] = {}
        self._profits: dict[_Key, Stream[PositionProfit]] = {}
        self._delivery = delivery_for(core, on_update, where) if on_update is not None else None
        self._whole: Future[Any] = core.streams.waiter()
        self._over = self._imaged = False
        self._positions = core.streams.open(plans.positions(), self._position)
        self._positions.image.add_done_callback(self._begin)
        self._positions.done.add_done_callback(self._end)

    # ---- reading -------------------------------------------------------------------------

    @property
    def rows(self) -> list[PortfolioRow]:
        """The positions that are not flat, in the order they came."""
        return [row for row in tuple(self._rows.values()) if row.quantity]

    def __iter__(self) -> Iterator[PortfolioRow]:
        return iter(self.rows)

    def __len__(self) -> int:
        """How many positions are not flat."""
        return len(self.rows)

    @property
    def whole(self) -> Future[list[PortfolioRow]]:
        """Resolves with the rows once every position has its value for the first time.

        It fails with what ended the portfolio before that.
        """
        return self._whole.view()

    @property
    def error(self) -> Exception | None:
        """What ended the stream of positions, or None."""
        return self._positions.error

    def cancel(self) -> None:
        """Follow it no more; from any thread. Twice does nothing more."""
        self._over = True
        if self._delivery is not None:
            self._delivery.close()
        self._positions.cancel()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        """Cancel."""
        self.cancel()

    # ---- loop thread ---------------------------------------------------------------------

    def _begin(self, image: Future[Any]) -> None:
        if image.exception(0) is not None:
            return  # it is over
        self._imaged = True
        for position in image.result(0).rows(self._account):
            self._position(position)
        self._look()

    def _end(self, _done: Future[Any]) -> None:
        """There are no positions any more, and no profits without them; in any thread."""
        self._over = True
        for stream in tuple(self._profits.values()):
            stream.cancel()
        why = RequestCancelled("it ended before each position had a value", request="portfolio")
        self._whole.set_exception(self._positions.error or why)

    def _position(self, position: Position) -> None:
        if self._over or self._account not in {"", position.account}:
            return
        key = position.account, position.contract.conId
        self._held[key] = position
        stream = self._profits.get(key)
        if position.quantity and stream is None:
            plan = self._plans.position_profit(position.account, "", position.contract.conId)
            self._profits[key] = self._core.streams.open(plan, lambda row: self._profit(key, row))
            self._profits[key].done.add_done_callback(lambda _done: self._look())
            if self._over:  # it ended meanwhile, in another thread, which did not see this one
                self._profits[key].cancel()
        elif not position.quantity and stream is not None:
            del self._profits[key]
            stream.cancel()
        known = self._profits.get(key)
        self._tell(key, known.latest if known is not None else None)

    def _profit(self, key: _Key, profit: PositionProfit) -> None:
        self._tell(key, profit)
        self._look()

    def _tell(self, key: _Key, profit: PositionProfit | None) -> None:
        row = joined(self._held[key], profit)
        before = self._rows.get(key)
        if before is not None and row.time is None and before.quantity == row.quantity:
            return
        self._rows[key] = row
        if self._delivery is not None and not self._over and row != before:
            self._delivery((row,), key)

    def _look(self) -> None:
        """Whether every position has its value now, or will have none."""
        if not self._imaged or self._over:
            return
        for key, stream in self._profits.items():
            row = self._rows.get(key)
            if (row is None or row.time is None) and stream.active:
                return
        self._whole.set_result(self.rows)
