"""Positions, asked for after a gap and compared with what they were. Loop thread."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from twsloop.connection.core import Core
from twsloop.errors import RequestError, SessionError
from twsloop.events import (
    Fill,
    PositionHeld,
    PositionInGap,
    PositionsHeld,
    positions_story,
)

from .book import OrderBook
from .gaps import Gap, compare_positions
from .holdings import Holdings, HoldingsNow, PositionsOf, holdings_of
from .reconciling import compare_with_held
from .recording import Journal

__all__ = ["Positions"]


class Positions:
    """Knows what is held, and says what no execution explains.

    Args:
        core: The connection.
        book: Every execution.
        journal: Takes down what is held.

    Attributes:
        unread: What the journal says of an earlier process could not be read yet: nothing is
            written that would take its place.
    """

    def __init__(self, core: Core, book: OrderBook, journal: Journal) -> None:
        self._core = core
        self._book = book
        self._journal = journal
        self.unread = False
        #: What the journal says was held, and what was traded since, of an earlier process.
        self._told: PositionsHeld | None = None
        self._traded: Sequence[Fill] = ()
        self._now: HoldingsNow = lambda: None
        self._ask: PositionsOf | None = None

    def use(self, now: HoldingsNow, ask: PositionsOf) -> None:
        """Compare them from now on.

        Args:
            now: The positions as they were last reported; None if nobody has asked for them.
            ask: Asks for all positions.
        """
        self._now, self._ask = now, ask

    @property
    def wanted(self) -> bool:
        """Whether they are compared."""
        return self._ask is not None and self._core.config.orders.compare_positions

    def now(self) -> Holdings | None:
        """As they were last reported; None if nobody has asked for them."""
        rows = self._now()
        return None if rows is None else holdings_of(rows)

    def resume(self, told: PositionsHeld | None, traded: Sequence[Fill]) -> None:
        """What an earlier process was told to hold, and the executions that were written since."""
        self._told, self._traded = told, traded
        self.unread = False

    async def ask(self, limit: float | None = None) -> tuple[Holdings | None, str]:
        """All positions; or None, and why (nothing if they are not wanted).

        Args:
            limit: Seconds for the answer; as configured unless given.
        """
        if self._ask is None or not self.wanted:
            return None, ""
        try:
            rows = await self._ask(limit or self._core.config.connection.request_timeout)
        except (RequestError, SessionError) as error:
            return None, str(error)
        held = holdings_of(rows)
        if not self.unread:
            self._write(held)
        return held, ""

    def _write(self, held: Holdings) -> None:
        core = self._core
        self._journal.record(
            PositionsHeld(
                time=core.clock.now(),
                correlation_id=positions_story(core.client_id),
                client_id=core.client_id,
                positions=tuple(
                    PositionHeld(
                        account=account,
                        con_id=con_id,
                        symbol=holding.symbol,
                        quantity=holding.quantity,
                    )
                    for (account, con_id), holding in held.items()
                ),
            )
        )

    def moved(self, gap: Gap, after: Holdings) -> tuple[PositionInGap, ...] | None:
        """The positions that are not what they were before a gap, or should not be.

        None if nobody knows what they were.
        """
        if gap.cause == "start":
            told, traded = self._told, self._traded
            self._told, self._traded = None, ()
            if told is None:
                return None
            return compare_with_held(told, traded, after, self._fills(), sees_all=self._sees_all())
        if gap.held is None:
            return None
        # Where the link was whole, the position may have been told, and its execution not.
        late: Collection[str] = ()
        if gap.cause == "asked":
            late = {fill.exec_id for fill in gap.executions}
        return compare_positions(
            gap.held, after, self._fills(), gap.began, late=late, sees_all=self._sees_all()
        )

    def _fills(self) -> Iterator[Fill]:
        """The executions that change positions: of a combo, those of its legs."""
        known = self._book.executions.fills()
        return (booked.fill for booked in known if booked.contract.secType != "BAG")

    def _sees_all(self) -> bool:
        """Whether executions of other clients are told to this one, as to the master client."""
        known = self._book.executions.fills()
        return any(booked.fill.client_id != self._core.client_id for booked in known)
