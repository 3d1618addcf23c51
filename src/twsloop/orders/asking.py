"""What users ask about orders: what is known here, and what the gateway lists; from any thread."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Collection
from datetime import datetime

from ibapi.execution import ExecutionFilter

from twsloop.connection.core import Core
from twsloop.errors import OrderError
from twsloop.event_loop import Future
from twsloop.events import Difference, GapReport
from twsloop.wire.times import utc_text

from .executions import BookedFill
from .requests import Orders
from .state import OrderRecord, OrderStatus
from .trade import Trade
from .views import CompletedOrder

__all__ = ["OrderQuestions"]

#: The client that manual orders can be bound to.
BINDER = 0


class OrderQuestions:
    """The half of ``gw.orders`` that sends no order.

    Args:
        core: The connection.
        orders: The slice's inside.
    """

    def __init__(self, core: Core, orders: Orders) -> None:
        self._core = core
        self._orders = orders

    # ---- what is known -------------------------------------------------------------------

    def trades(
        self,
        *,
        symbol: str = "",
        tag: str | None = None,
        status: OrderStatus | None = None,
        active: bool | None = None,
    ) -> tuple[Trade, ...]:
        """The orders of our client id that this object knows, by order id.

        Of those that are over the newest ``[orders] keep_settled`` are known; the ones before are
        forgotten. A `Trade` that the program holds stays as it is.

        Args:
            symbol: Only those of this contract, as `Trade.symbol` writes it, or of its symbol.
            tag: Only those with this tag.
            status: Only those that are there.
            active: Only those that are (or are not) live.
        """
        return tuple(
            trade
            for trade in self._orders.trades()
            if (not symbol or symbol in {trade.symbol, trade.contract.symbol})
            and (tag is None or trade.tag == tag)
            and (status is None or trade.status is status)
            and (active is None or trade.active is active)
        )

    def open(self) -> tuple[Trade, ...]:
        """Our live orders, as they are known here; see `all_open` to ask the gateway."""
        return self.trades(active=True)

    def find(
        self, *, perm_id: int | None = None, order_id: int | None = None, token: str = ""
    ) -> Trade | None:
        """An order that is known here, of whatever client; None if there is none.

        Args:
            perm_id: IB's permanent id.
            order_id: Or its id within our client id.
            token: Or our token in its ``orderRef``.
        """

        def wanted(record: OrderRecord) -> bool:
            return (
                (perm_id is not None and record.perm_id == perm_id)
                or (order_id is not None and record.own and record.order_id == order_id)
                or bool(token and record.token == token)
            )

        # One that was placed a moment ago has its handle, and is on its way to the book.
        for trade in self._orders.board.trades():
            if wanted(trade.record):
                return trade
        record = next((one for one in self._orders.book if wanted(one)), None)
        return None if record is None else self._orders.board.of(record)

    # ---- questions -----------------------------------------------------------------------

    def all_open(self, *, timeout: float | None = None) -> Future[list[Trade]]:
        """The open orders of all clients, and those placed by hand, as the gateway lists them.

        Orders that are not ours are read-only Trades, and live as long as the gateway reports them
        to us (IB: to the master client, and by hand to client 0).
        """
        return self._listed(self._orders.sync.open_records, timeout)

    def reconcile(self) -> Future[GapReport]:
        """Compare what is known here with what the gateway lists, now; it is done after each gap.

        Returns:
            A Future of the report. It fails with NotConnected or ConnectionLost; a list that could
            not be had is in ``report.unknown``.
        """
        return self._core.event_loop.submit(self._orders.repair.reconcile)

    @property
    def questions(self) -> tuple[Difference, ...]:
        """The differences that new orders wait for, see ``[reconcile]``; accept them, to go on."""
        return tuple(self._orders.repair.accepting.questions)

    def accept(
        self, differences: Collection[Difference] | None = None, *, reason: str = ""
    ) -> Future[tuple[Difference, ...]]:
        """Let new orders go on, after somebody has looked at the differences; it is journaled.

        Args:
            differences: Some of `questions`; all of them unless given.
            reason: Why, in words.

        Returns:
            A Future of what was open and is accepted.
        """
        return self._core.event_loop.submit(
            self._orders.repair.accepting.accept, differences, reason
        )

    @property
    def gap_reports(self) -> tuple[GapReport, ...]:
        """What was missed in the last gaps, the oldest first.

        The newest hundred of them are kept, or fewer if these have more than 10,000 rows that tell
        of something new; the newest one always.
        """
        return tuple(self._orders.repair.reports)

    def bind_manual(
        self, *, automatic: bool = False, timeout: float | None = None
    ) -> Future[list[Trade]]:
        """Make orders that were placed by hand ours; only for client 0.

        Args:
            automatic: Also those that will be placed by hand from now on.
            timeout: Seconds for the answer.

        Returns:
            A Future of our open orders, those that were bound among them: they can be changed and
            cancelled like any other.

        Raises:
            OrderError: This is not client 0.
        """
        if self._core.client_id != BINDER:
            msg = (
                "only client 0 can bind orders that were placed by hand; this is client "
                f"{self._core.client_id} ([connection] client_id)"
            )
            raise OrderError(msg)
        if automatic:
            self._core.event_loop.post(self._core.reqAutoOpenOrders, True)
        return self._listed(self._orders.sync.bound, timeout)

    def completed(
        self, *, api_only: bool = False, timeout: float | None = None
    ) -> Future[list[CompletedOrder]]:
        """The orders of today that nothing can change any more.

        Args:
            api_only: Leave out those that were placed by hand.
            timeout: Seconds for the answer.
        """
        work = functools.partial(self._orders.sync.completed, api_only=api_only, limit=timeout)
        return self._core.event_loop.submit(work)

    def executions(
        self,
        *,
        symbol: str = "",
        account: str = "",
        since: datetime | None = None,
        side: str = "",
        client_id: int | None = None,
        wanted: ExecutionFilter | None = None,
        timeout: float | None = None,
    ) -> Future[list[BookedFill]]:
        """The executions of today, each with its commission; corrections replace what they correct.

        Args:
            symbol: Only of this symbol (IB's, without the exchange).
            account: Only of this account.
            since: Only from this time on; with its time zone.
            side: ``BUY`` or ``SELL``.
            client_id: Only of this client.
            wanted: IB's own filter instead of all these.
            timeout: Seconds for each part of the answer.

        Raises:
            ValueError: A time without a zone.
            OrderError: A side that is neither.
        """
        asked = wanted or _filter(symbol, account, since, side, client_id)
        return self._core.event_loop.submit(self._orders.sync.executions, asked, timeout)

    # ---- inside --------------------------------------------------------------------------

    def _listed(
        self, ask: Callable[[float | None], Awaitable[list[OrderRecord]]], timeout: float | None
    ) -> Future[list[Trade]]:
        async def work() -> list[Trade]:
            return [self._orders.board.of(record) for record in await ask(timeout)]

        return self._core.event_loop.submit(work)


def _filter(
    symbol: str, account: str, since: datetime | None, side: str, client_id: int | None
) -> ExecutionFilter:
    if side.upper() not in {"", "BUY", "SELL"}:
        msg = f"side={side!r}: executions are asked for by BUY or SELL"
        raise OrderError(msg)
    made = ExecutionFilter()
    made.symbol, made.acctCode, made.side = symbol, account, side.upper()
    made.time = "" if since is None else utc_text(since)
    made.clientId = client_id or 0
    return made
