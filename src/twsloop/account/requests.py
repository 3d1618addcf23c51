"""What goes out about accounts: each question returns a Future of a list.

Positions and account updates are streams of IB's with an image first. They stay open once asked
for: closing them would also close them for a raw user of the same session, and IB answers a further
request from its memory. A question is answered by a new image, except for account updates that are
open already: their live table is the answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from twsloop.connection.core import Core
from twsloop.event_loop import Future

from .processor import AccountProcessor
from .state import (
    AccountTable,
    AccountValue,
    PortfolioItem,
    Position,
    PositionTable,
    SummaryRow,
)

__all__ = ["DEFAULT_TAGS", "AccountRequests"]

#: IB refuses more summaries at a time (322).
SUMMARIES = 2

#: What people look at first (IB's tags).
DEFAULT_TAGS = (
    "AccountType",
    "NetLiquidation",
    "TotalCashValue",
    "BuyingPower",
    "EquityWithLoanValue",
    "GrossPositionValue",
    "InitMarginReq",
    "MaintMarginReq",
    "AvailableFunds",
    "ExcessLiquidity",
    "Cushion",
)


class AccountRequests:
    """The account slice.

    Args:
        core: The connection.
        label: Writes a contract for people.
    """

    def __init__(self, core: Core, *, label: Callable[[Any], str]) -> None:
        self._core = core
        self._positions = PositionTable(label)
        self._table = AccountTable(label)
        self._processor = AccountProcessor(core, self._positions, self._table)
        self._subscribed: str | None = None
        self._summaries = asyncio.Semaphore(SUMMARIES)
        core.add_slice(self._processor)
        core.on_down(self._down)

    def positions(self) -> Future[list[Position]]:
        """The positions of all accounts that are not flat; from any thread."""
        return self._core.event_loop.submit(self._ask_positions)

    def account_summary(
        self, tags: Iterable[str] = DEFAULT_TAGS, group: str = "All"
    ) -> Future[list[SummaryRow]]:
        """The named values of all accounts; from any thread."""
        wanted = tags if isinstance(tags, str) else ",".join(tags)
        return self._core.event_loop.submit(self._ask_summary, group, wanted)

    def account_values(self, account: str = "") -> Future[list[AccountValue]]:
        """All values of one account, live from then on; from any thread."""
        return self._core.event_loop.submit(self._ask_values, account)

    def portfolio(self, account: str = "") -> Future[list[PortfolioItem]]:
        """The positions of one account with their market values; from any thread."""
        return self._core.event_loop.submit(self._ask_portfolio, account)

    # ---- on the loop thread --------------------------------------------------------------

    async def _ask_positions(self) -> list[Position]:
        core = self._core
        rows: list[Position] = await core.ask(
            lambda _id: core.reqPositions(), request="positions", key="positions"
        )
        latest = {(row.account, row.contract.conId): row for row in rows}
        return [row for row in latest.values() if row.quantity]

    async def _ask_summary(self, group: str, tags: str) -> list[SummaryRow]:
        async with self._summaries:
            return await self._ask_one_summary(group, tags)

    async def _ask_one_summary(self, group: str, tags: str) -> list[SummaryRow]:
        core = self._core
        asked: list[int] = []

        def send(req_id: int) -> None:
            asked.append(req_id)
            core.reqAccountSummary(req_id, group, tags)

        try:
            rows: list[SummaryRow] = await core.ask(send, request="account summary")
        finally:
            # IB allows two at a time and goes on sending: one that was answered has to be closed.
            for req_id in asked if core.connected else ():
                core.cancelAccountSummary(req_id)
        latest = {(row.account, row.tag, row.currency): row for row in rows}
        return list(latest.values())

    async def _ask_values(self, account: str) -> list[AccountValue]:
        name = await self._updates_of(account)
        return self._table.values(name)

    async def _ask_portfolio(self, account: str) -> list[PortfolioItem]:
        name = await self._updates_of(account)
        return self._table.portfolio(name)

    async def _updates_of(self, account: str) -> str:
        """See that the updates of an account are open; its name."""
        core = self._core
        name = account or core.config.orders.account or next(iter(core.accounts), "")
        if self._subscribed == name and name in self._processor.downloaded:
            return name
        await core.ask(
            lambda _id: core.reqAccountUpdates(True, name),
            request=f"account updates of {name[:2]}...",
            key="account_updates",
        )
        self._subscribed = name
        return name

    def _down(self) -> None:
        self._subscribed = None
        self._summaries = asyncio.Semaphore(SUMMARIES)  # the next one may have another loop
        self._processor.downloaded.clear()
        self._table.forget()
