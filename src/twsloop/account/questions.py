"""Questions about accounts, as coroutines of the loop thread; see `requests` for what they answer.

Positions and account updates are streams of IB's with an image first, and without an id. They stay
open once asked for: closing them would also close them for a raw user of the same session, and IB
answers a further request from its memory. A question is answered by a new image, except for account
updates that are open already: their live table is the answer.

IB sends the updates of one account at a time (2100, 2101). A question about another account moves
them there, unless somebody watches the first one; then the values are asked for by
``reqAccountUpdatesMulti``, of which IB keeps any number, and the portfolio is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from twsloop.connection.core import Core
from twsloop.connection.streams import Feed
from twsloop.errors import NotConnected, RequestError
from twsloop.event_loop import Future
from twsloop.events import Notice

from .places import SummaryPlaces
from .plans import Plans
from .processor import AccountProcessor, values_key
from .profit import (
    Carried,
    Comparison,
    Opening,
    OwnFill,
    Rates,
    compare,
    incomplete,
    own_profit,
)
from .rows import (
    AccountProfit,
    AccountValue,
    FamilyCode,
    LedgerRow,
    ModelPosition,
    ModelValue,
    PortfolioItem,
    Position,
    PositionProfit,
    SummaryRow,
)
from .state import AccountTable, PositionTable, ledger_rows

__all__ = ["Questions"]

#: All ledger rows of all currencies, and the one that says the base currency.
_LEDGER_TAG = "$LEDGER:ALL"
_BASE_TAG = "NetLiquidation"
#: Where IB's day begins at midnight; it counts what was realized since.
_IBS_ZONE = ZoneInfo("America/New_York")
#: The updates go to another account now, because somebody asked for that.
_UPDATES_MOVED = 2100


class Questions:
    """Asks, and gathers the answers.

    Args:
        core: The connection.
        label: Writes a contract for people.

    Attributes:
        plans: How the streams are asked for.
        carried: What executions that are forgotten have left.
    """

    def __init__(self, core: Core, label: Callable[[Any], str]) -> None:
        self._core = core
        positions = PositionTable(label)
        self._positions = positions
        self._table = AccountTable(label)
        self._processor = AccountProcessor(core, positions, self._table)
        self._subscribed: str | None = None
        self.carried = Carried()
        self.plans = Plans(
            core,
            self._processor,
            label,
            positions,
            self._table,
            ask_positions=lambda: self._begin("positions", core.reqPositions),
            ask_updates=self._begin_updates,
            freed=lambda: self._places.freed(),  # noqa: PLW0108  (it is made below)
        )
        self._places = SummaryPlaces(core, self.plans)
        core.add_slice(self._processor)
        core.on_down(self._down)
        core.on_notice(self._notice)

    def name(self, account: str) -> str:
        """The account that is meant: the one given, the configured one, or the first."""
        core = self._core
        return account or core.config.orders.account or next(iter(core.accounts), "")

    def meant(self, account: str) -> str:
        """The account that is meant, where it has to be known before anything can be asked.

        Raises:
            NotConnected: None was given, and those of the login are not known yet.
        """
        name = self.name(account)
        if not name:
            msg = (
                "which account is meant is known only once the session is READY: name it "
                "(account=...), or set [orders] account"
            )
            raise NotConnected(msg)
        return name

    async def positions(self, limit: float | None = None) -> list[Position]:
        """The positions that are not flat."""
        core = self._core
        rows: list[Position] = await core.ask(
            lambda _id: core.reqPositions(),
            request="positions",
            key="positions",
            timeout=limit,
            share="positions",
        )
        latest = {(row.account, row.contract.conId): row for row in rows}
        return [row for row in latest.values() if row.quantity]

    def held(self) -> list[Position] | None:
        """The positions as they were last reported; None if they never were."""
        return self._positions.rows() if self._processor.positions_known else None

    async def summary(self, group: str, tags: str, limit: float | None) -> list[SummaryRow]:
        """The newest value of each tag; waits for a place, if other questions hold both.

        Raises:
            RequestError: There is none.
        """
        plan = self.plans.summary(tags, group)
        table = await self._places.image(plan, limit)
        rows = list(table.rows())
        if not rows:  # of a tag that it does not know, the gateway says nothing at all
            msg = (
                f"nothing was told of {tags}: are these tags of IB's (NetLiquidation, Cushion ...)?"
            )
            raise RequestError(msg, request="account summary")
        return rows

    async def values(self, account: str, limit: float | None) -> list[AccountValue]:
        """All values of an account."""
        name = self.name(account)
        if self.watched(name):
            rows = await self.model_values(name, "", False, limit)
            return [AccountValue(r.account, r.key, r.value, r.currency, r.amount) for r in rows]
        await self._updates_of(name, limit)
        return self._table.values(name)

    async def portfolio(self, account: str, limit: float | None) -> list[PortfolioItem]:
        """The portfolio of the account updates."""
        name = self.name(account)
        other = self.watched(name)
        if other:
            raise moved(name, other)
        await self._updates_of(name, limit)
        return self._table.portfolio(name)

    async def model_positions(
        self, account: str, model: str, limit: float | None
    ) -> list[ModelPosition]:
        """The positions of an account and a model."""
        plan = self.plans.model_positions(account, model)
        table = await self._core.streams.image(plan, limit)
        return list(table.positions())

    async def model_values(
        self, account: str, model: str, ledger: bool, limit: float | None
    ) -> list[ModelValue]:
        """The values of an account and a model."""
        plan = self.plans.model_values(account, model, ledger)
        table = await self._core.streams.image(plan, limit)
        return list(table.values())

    async def pnl(self, account: str, model: str, limit: float | None) -> AccountProfit:
        """Profit and loss of an account."""
        plan = self.plans.profit(self.name(account), model)
        profit: AccountProfit = await self._core.streams.first(plan, limit)
        return profit

    async def position_pnl(
        self, con_id: int, account: str, model: str, limit: float | None
    ) -> PositionProfit:
        """Profit and loss of a position."""
        plan = self.plans.position_profit(self.name(account), model, con_id)
        profit: PositionProfit = await self._core.streams.first(plan, limit)
        return profit

    async def ledger(self, account: str, limit: float | None) -> list[LedgerRow]:
        """What is held in each currency."""
        if account and len(self._core.accounts) > 1:
            rows = await self.model_values(account, "", True, limit)
            summary = [SummaryRow(r.account, r.key, r.value, r.currency, r.amount) for r in rows]
        else:
            summary = await self.summary("All", _LEDGER_TAG, limit)
        return ledger_rows([row for row in summary if row.currency])

    async def base_currency(self, account: str, limit: float | None) -> str:
        """An account's own currency."""
        name = self.name(account)
        rows = await self.summary("All", _BASE_TAG, limit)
        for row in rows:
            if row.account == name and row.currency:
                return row.currency
        msg = f"the gateway tells no {_BASE_TAG} of account {name[:2]}...: is it one of this login?"
        raise RequestError(msg, request="base currency")

    async def managed_accounts(self, limit: float | None) -> tuple[str, ...]:
        """The accounts of the login."""
        core = self._core
        [accounts] = await core.ask(
            lambda _id: core.reqManagedAccts(),
            request="managed accounts",
            key="managed_accounts",
            timeout=limit,
            share="managed accounts",
        )
        return tuple(name for name in accounts.split(",") if name)

    async def family_codes(self, limit: float | None) -> list[FamilyCode]:
        """The accounts and their families."""
        core = self._core
        [families] = await core.ask(
            lambda _id: core.reqFamilyCodes(),
            request="family codes",
            key="family_codes",
            timeout=limit,
            share="family codes",
        )
        return [FamilyCode(one.accountID, one.familyCodeStr) for one in families]

    async def compare(
        self,
        account: str,
        fills: list[OwnFill],
        opening: tuple[Opening, ...],
        since: datetime | None,
        limit: float | None,
    ) -> Comparison:
        """Our count of what was realized beside IB's."""
        name = self.name(account)
        begin = since or _midnight(self._core.clock.now())
        # Before anything is waited for: what is forgotten meanwhile would count twice.
        rows = own_profit(
            [fill for fill in fills if fill.account == name],
            by=("account",),
            opening=opening,
            carried=self.carried,
            since=begin,
        )
        forgotten = self.carried.latest(name)
        theirs = await self.pnl(name, "", limit)
        base = await self.base_currency(name, limit)
        rates: Rates = {
            row.currency: row.amounts.get("ExchangeRate") for row in await self.ledger(name, limit)
        }
        rates[base] = Decimal(1)
        counted = compare(rows, theirs, rates, base)
        return counted if forgotten is None or forgotten < begin else incomplete(counted, forgotten)

    # ---- account updates -----------------------------------------------------------------

    async def _updates_of(self, name: str, limit: float | None = None) -> None:
        """See that the updates of an account are open."""
        core = self._core
        if self._subscribed == name and name in self._processor.downloaded:
            return
        await core.ask(
            lambda _id: self._request_updates(name),
            request=f"account updates of {name[:2]}...",
            key="account_updates",
            timeout=limit,
            share=values_key(name),
        )
        self._subscribed = name

    def watched(self, name: str) -> str:
        """Whose updates are followed, if they are not those of this account."""
        followed = [account for account, _ in self._followed()]
        return next((account for account in followed if account != name), "")

    def _followed(self) -> Iterator[tuple[str, Feed[Any]]]:
        """The accounts whose updates are followed, each with its feed."""
        for feed in self._core.streams:
            key = feed.plan.key
            if isinstance(key, tuple) and key[0] == values_key("")[0]:
                yield key[1], feed

    def _begin_updates(self, name: str) -> None:
        self._subscribed = None  # a stream begins with a whole image, so that it knows when
        self._begin("account_updates", lambda: self._request_updates(name), name)

    def _request_updates(self, name: str) -> None:
        # What is closed by now is not in the image that follows.
        self._table.forget(name)
        self._core.reqAccountUpdates(True, name)

    def _begin(self, key: str, send: Callable[[], object], account: str = "") -> None:
        """Ask for the image of a stream without an id; its end, or what fails it, is told to it."""
        core = self._core
        feed_key = values_key(account) if account else (key,)
        answer = core.ask(lambda _id: send(), request=key.replace("_", " "), key=key)

        def told(done: Future[list[Any]]) -> None:
            feed = core.streams.keyed(feed_key)
            if feed is None:
                return
            error = done.exception(0)
            if error is None:
                self._subscribed = account or self._subscribed
                feed.imaged()
            elif core.connected and isinstance(error, Exception):
                feed.refused(error)  # else it is asked for again in the next session

        answer.add_done_callback(told)

    def _notice(self, notice: Notice) -> None:
        if notice.code != _UPDATES_MOVED:
            return
        self._subscribed = None
        for _, feed in self._followed():
            feed.fail(RequestError(notice.text, code=notice.code, request=feed.request))

    def _down(self) -> None:
        self._subscribed = None
        self._places.down()
        self._processor.downloaded.clear()
        self._processor.forget_image()
        self._table.forget()


def _midnight(now: datetime) -> datetime:
    """When IB's day began, unless TWS's settings say otherwise."""
    there = now.astimezone(_IBS_ZONE)
    return there.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)


def moved(name: str, other: str) -> RequestError:
    return RequestError(
        f"IB sends the updates of one account at a time, and those of {other[:2]}... are followed: "
        "cancel that stream, or use model_values() and watch_portfolio(), which know any number",
        code=2101,
        request=f"account updates of {name[:2]}...",
    )
