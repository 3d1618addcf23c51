"""All slices of one connection, and what each is given of the others."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import attrs
from ibapi.contract import Contract

from twsloop.account.profit import OwnFill, read_fills
from twsloop.account.requests import AccountRequests
from twsloop.connection.core import Core
from twsloop.connection.streams import Feed
from twsloop.contracts import holding_name, symbol_of, to_contract
from twsloop.contracts.hours import hours_of
from twsloop.contracts.requests import Contracts
from twsloop.errors import ContractError, StorageError
from twsloop.events import Fact
from twsloop.history.requests import History
from twsloop.market_data.requests import MarketData
from twsloop.market_data.slots import Pool
from twsloop.news.requests import News
from twsloop.orders.desk import OrderDesk
from twsloop.orders.executions import BookedFill
from twsloop.orders.leaving import Guards
from twsloop.orders.requests import Orders
from twsloop.orders.validation import NOTHING, Knowledge
from twsloop.risk.controls import RiskControls
from twsloop.risk.day_clock import OrderHold
from twsloop.risk.desk import RiskDesk
from twsloop.risk.kill_desk import Hands, Ledger
from twsloop.risk.sources import Sources
from twsloop.scanner.requests import Scanner
from twsloop.storage.desk import JournalDesk
from twsloop.storage.journal import Journal
from twsloop.storage.latches import KILL_SWITCH, REACHED, claim, count_intents, decided
from twsloop.storage.recalling import Recalled, recall
from twsloop.storage.traded import traded
from twsloop.system.requests import System

from .day import TradingDay
from .kill_signal import heed_signal
from .ledger import LedgerDesk
from .preview import Previewer
from .risk_feeds import RiskFeeds, needs

__all__ = ["Slices"]

logger = logging.getLogger(__name__)


class Slices:
    """The slices. Siblings do not import each other: they are handed callables here.

    Args:
        core: The connection they hang on.
        wanted: Whether a session stands, or is to be made again.

    Attributes:
        journal: What was meant, sent and heard, on disk.
        journal_desk: What users are given of it.
        contracts: What is listed.
        market_data: Live data.
        history: The past.
        risk: What an order has to pass.
        risk_controls: What users are given of it.
        orders: The inside of the orders slice, which every order passes.
        desk: What users are given of it.
        account: Accounts.
        ledger: Positions by the user's own tags.
        hold: Refuses new orders once a day is ended.
        day: How a day ends.
        previewer: Looks at orders that are not to be placed.
        feeds: What is followed for the limits in force.
        news: News.
        scanner: Market scans.
        system: The gateway itself.
    """

    def __init__(self, core: Core, wanted: Callable[[], bool]) -> None:
        self._core = core
        self.journal = Journal(core)
        self.journal_desk = JournalDesk(core, self.journal)
        self.contracts = Contracts(core, to_contract=to_contract, label=symbol_of)
        core.streams.care.closed = lambda what: self._closed(what, core.clock.now(), True)
        self.market_data = MarketData(
            core,
            to_contract=to_contract,
            label=symbol_of,
            smart_components=self.contracts.smart_components,
            pace=lambda family: self.history.pace(family),  # noqa: PLW0108  (it is made below)
        )
        self.feeds = RiskFeeds(
            core,
            account=lambda: self.account,
            limits=lambda: self.risk.gate.book.limits,
            moved=lambda account: self.risk.position_changed(account),  # noqa: PLW0108
            earned=lambda account: self.risk.profit_changed(account),  # noqa: PLW0108
        )
        self.risk = self._make_risk()
        self.hold = OrderHold(core.clock.now)
        self.orders = self._make_orders(wanted)
        self.account = AccountRequests(
            core,
            label=holding_name,
            fills=lambda: _counted(self.orders.book.executions.fills()),
        )
        self.orders.repair.compare_positions(
            self.account.held, lambda limit: self.account.positions(timeout=limit)
        )
        self.risk_controls = RiskControls(self.risk)
        self.risk.prepare, self.risk.changed = self.feeds.ready, self._limits_changed
        self.risk.wants = lambda: bool(needs(self.risk.gate.book.limits))
        self.risk.prepared = self.orders.way_out.let_go
        self.desk = OrderDesk(
            core,
            self.orders,
            to_contract=to_contract,
            positions=lambda limit: self.account.positions(timeout=limit),
        )
        self.ledger = LedgerDesk(
            core,
            self.journal,
            executions=self.orders.book.executions.fills,
            orders=self.desk.trades,
            positions=self.account.positions,
        )
        self.previewer = Previewer(core, self.orders, self.desk, self.risk)
        self.day = TradingDay(
            core,
            self.desk,
            self.account,
            hold=self.hold,
            backup=self._backup,
            drift=self.ledger.drift_of,
        )
        core.on_session(self.day.session)
        self.risk.kill_switch.arm(
            Hands(take_back=self.orders.way_out.take_back_all, clear=self.day.clear)
        )
        heed_signal(self.risk.kill_switch, core.config.kill_switch.signal_number())
        self.news = News(
            core,
            to_contract=to_contract,
            label=symbol_of,
            details=self._details,
            take_line=self._take_line,
            give_line=self.market_data.slots.give,
        )
        self.scanner = Scanner(core)
        self.system = System(core, to_contract=to_contract)
        self.history = History(
            core, to_contract=to_contract, label=symbol_of, details=self._details
        )

    def _make_risk(self) -> RiskDesk:
        """The risk gate, and what of the other slices it asks."""
        core = self._core
        return RiskDesk(
            core,
            Sources(
                quote=self.market_data.live_ticker,
                details=self.contracts.remembered,
                is_open=self._is_open,
                next_restart=self._next_restart,
                positions=self.feeds.positions,
                mark=self.feeds.mark,
                account_value=self.feeds.account_value,
                base_currency=self.feeds.base_currency,
                rate=self.feeds.rate,
                day_profit=self.feeds.day_profit,
                sec_type=self._sec_type,
            ),
            Ledger(
                active=lambda: self.journal.active,
                read=self._decided,
                reached=self._reached,
                traded=lambda since: self.journal.ask(lambda file: traded(file, since)),
                claim=lambda wanted: asyncio.to_thread(claim, core.config.journal, wanted),
                must=core.config.journal.on_trouble == "refuse",
            ),
        )

    def _make_orders(self, wanted: Callable[[], bool]) -> Orders:
        """The inside of the orders slice, and all that an order passes besides."""
        core = self._core
        return Orders(
            core,
            label=holding_name,
            wanted=wanted,
            closed=self._closed,
            known=lambda contract: Knowledge(self.contracts.remembered(contract)),
            learn=self._learn,
            forgot=lambda booked: self.account.carry(_counted(booked)),
            guards=Guards(
                journal=self.journal,
                stops=lambda record: self.hold.refuses(record.origin),
                awaits=self.risk.awaits,
                review=self.risk.review,
                simulated=self.risk.simulated,
                noted=self.risk.noted,
                left=self.risk.leave,
                seen=self.risk.seen,
                quote=self.market_data.ticker_of,
                recall=self._recall,
            ),
        )

    def _limits_changed(self) -> None:
        """Other limits are in force: other things have to be known, and intents name them."""
        core = self._core
        self.journal.take_config(attrs.evolve(core.config, risk=self.risk.gate.book.params))
        if core.connected:
            self.feeds.follow()

    def _next_restart(self, now: datetime) -> datetime | None:
        """When the next window begins that refuses orders; now, if it is in one."""
        window = self._core.calendar.window(now)
        if window is not None and window.refuses_orders:
            return now
        coming = self._core.calendar.next_refusing(now)
        return None if coming is None else coming.since

    async def _reached(self, since: datetime) -> tuple[tuple[Fact, ...], int]:
        """Which limits were reached, and how many orders left since a time, by the journal."""
        core = self._core
        file, client_id = core.config.journal.file, core.client_id
        found = await asyncio.to_thread(decided, file, 0, REACHED)
        return found.facts, await asyncio.to_thread(count_intents, file, client_id, since)

    def _sec_type(self, exec_id: str) -> str:
        """The kind of contract of an execution; empty if it is not kept."""
        kept = self.orders.book.executions.find(exec_id)
        return "" if kept is None else str(kept.contract.secType)

    async def _decided(self, since: int) -> tuple[int, tuple[Fact, ...]]:
        """What was decided about the kill switch after an entry of the journal."""
        file = self._core.config.journal.file
        found = await asyncio.to_thread(decided, file, since, KILL_SWITCH)
        return found.seq, found.facts

    async def _backup(self) -> Path | None:
        """A copy of the journal; None if none is written."""
        return await self.journal.backup() if self.journal.active else None

    async def _recall(self) -> Recalled | None:
        """What earlier processes of this client did; None if nobody knows."""
        core = self._core
        if not self.journal.active and not core.config.reconcile.dry_run:
            return None
        try:
            return await self.journal.ask(
                lambda file: recall(
                    file,
                    core.client_id,
                    core.accounts,
                    core.clock.now(),
                    writing=self.journal.active,
                )
            )
        except StorageError as error:
            logger.warning("what earlier sessions did cannot be read: %s", error)
            return None

    def _details(self, contract: Contract, limit: float | None) -> Awaitable[Sequence[Any]]:
        """IB's details of all contracts that fit, each part of them within so many seconds."""
        return self.contracts.details(contract, timeout=limit)

    def _take_line(self, feed: Feed[Any]) -> object:
        """Live headlines take a market data line."""
        slots = self.market_data.slots
        return slots.take(feed, Pool.LINES, symbol=feed.request, holder=feed.request)

    async def _learn(self, contract: Contract) -> Knowledge:
        """What an order is checked against: asked of the gateway where it is not in memory."""
        if contract.secType == "BAG":
            return NOTHING  # IB has no details of a combo
        await self.contracts.resolve(contract)
        return Knowledge(
            self.contracts.remembered(contract), await self.contracts.price_rule(contract)
        )

    def _is_open(self, contract: Any, at: datetime, outside_rth: bool) -> bool | None:
        closed = self._closed(contract, at, outside_rth)
        return None if closed is None else not closed

    def _closed(self, contract: Any, at: datetime, outside_rth: bool) -> bool | None:
        """Whether a contract does not trade at a time, as far as memory knows its hours."""
        details = self.contracts.remembered(contract)
        if details is None:
            return None
        try:
            is_open = hours_of(details, "trading" if outside_rth else "liquid").is_open(at)
        except ContractError:
            return None
        return None if is_open is None else not is_open


def _counted(booked: Iterable[BookedFill]) -> list[OwnFill]:
    """Executions as the account slice counts them."""
    return read_fills(booked, lambda fill: fill.tag)
