"""`IBGateway`, put together; the package's docstring says what it is."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import TypeVar, Unpack

from ibapi.contract import Contract
from ibapi.execution import ExecutionFilter
from ibapi.order import Order

from twsloop.account.requests import DEFAULT_TAGS, AccountRequests
from twsloop.account.rows import AccountValue, PortfolioItem, Position, SummaryRow
from twsloop.config import EndOfDayParams
from twsloop.connection.core import Core, Shown
from twsloop.connection.health import Stats
from twsloop.contracts.requests import Contracts
from twsloop.contracts.symbols import meant_contract
from twsloop.error_handler import ErrorHandler
from twsloop.event_loop import Future
from twsloop.events import EndOfDayReport, Fact, OrderFact, ProtectionReport
from twsloop.history.requests import History
from twsloop.market_data.quotes import Quote
from twsloop.market_data.requests import MarketData, Symbols
from twsloop.market_data.subscriptions import OnError, OnStale, OnTick, Subscription
from twsloop.news.requests import News
from twsloop.orders.builders import Family, Number
from twsloop.orders.copying import copied
from twsloop.orders.desk import OrderDesk
from twsloop.orders.executions import BookedFill
from twsloop.orders.intent import Intent, Placing
from twsloop.orders.trade import Trade
from twsloop.orders.views import OrderView
from twsloop.processors import Where
from twsloop.processors.delivery import delivery_for
from twsloop.risk.controls import RiskControls
from twsloop.risk.kill_desk import KillDesk
from twsloop.scanner.requests import Scanner
from twsloop.session.waiting import WaitingRequest
from twsloop.storage.desk import JournalDesk
from twsloop.system.requests import System

from .ledger import LedgerDesk
from .order_gate import OrderGate, guard
from .preview import Preview
from .slices import Slices

__all__ = ["IBGateway"]

F = TypeVar("F", bound=Fact)


class IBGateway(OrderGate):
    """A TWS or IB Gateway: connect, watch, trade, ask.

    Two styles, which may be mixed. Subclass it and override IB's callbacks; or register callbacks
    with `subscribe`, `place_order` and `observe`. See `IBKRConnection` for the arguments and for
    the two ways to start.
    """

    # Two underscores: a user's subclass may well have an attribute ``_slices`` of its own.
    __slices: Slices

    def _assemble(self, core: Core) -> None:
        super()._assemble(core)
        self.__slices = slices = Slices(core, wanted=lambda: self._driver.life.wanted)
        core.orders_known = lambda: (slices.orders.sync.known, slices.orders.sync.reason)
        self.lead_through(self, slices.orders)
        core.guard = functools.partial(guard, slices.orders)

    # ---- the slices, each with all of its subject ------------------------------------------

    @Shown
    def contracts(self) -> Contracts:
        """What is listed: details, chains, prices and sizes that are taken, trading hours."""
        return self.__slices.contracts

    @Shown
    def market_data(self) -> MarketData:
        """Quotes, depth, ticks and bars as they come: everything about live data."""
        return self.__slices.market_data

    @Shown
    def history(self) -> History:
        """Bars and ticks of the past, of any span; schedules; bars that are kept up to date."""
        return self.__slices.history

    @Shown
    def orders(self) -> OrderDesk:
        """Everything about orders: place, change, cancel, preview, close, find, ask."""
        return self.__slices.desk

    @Shown
    def account(self) -> AccountRequests:
        """Summaries, values, positions, profit and loss."""
        return self.__slices.account

    @Shown
    def risk(self) -> RiskControls:
        """The limits that every order has to pass, and how they are changed."""
        return self.__slices.risk_controls

    @Shown
    def kill_switch(self) -> KillDesk:
        """Stops all new orders, until it is released with a reason; over restarts, too."""
        return self.__slices.risk.kill_switch

    @Shown
    def journal(self) -> JournalDesk:
        """What was meant, sent and heard, by this process and those before it."""
        return self.__slices.journal_desk

    @Shown
    def ledger(self) -> LedgerDesk:
        """Positions by the user's own tags: entry, stop, target, profit; and the broker's."""
        return self.__slices.ledger

    @Shown
    def news(self) -> News:
        """Headlines, articles, bulletins, corporate events."""
        return self.__slices.news

    @Shown
    def scanner(self) -> Scanner:
        """Market scans: what can be scanned, once, or until it is cancelled."""
        return self.__slices.scanner

    @Shown
    def system(self) -> System:
        """The gateway itself: time, ids, users, advisors, display groups, settings."""
        return self.__slices.system

    # ---- market data ---------------------------------------------------------------------

    def subscribe(
        self,
        symbols: Symbols,
        on_tick: OnTick | None = None,
        *,
        on_error: OnError | None = None,
        on_stale: OnStale | None = None,
        max_age: float | None = None,
        generic_ticks: str | Iterable[int | str] | None = None,
        snapshot: bool = False,
        where: Where = None,
    ) -> Subscription:
        """Watch any number of contracts behind one handle; from any thread.

        A contract that is watched already shares its line, and its ticker. The subscription is
        requested once the session is READY, and again after each reconnect, with the same tickers.

        Args:
            symbols: One or many; as people type them (``AAPL``, ``EUR.USD``, ``ES 202612 CME``) or
                IB Contracts.
            on_tick: Called with the `Ticker` after each tick; see `twsloop.market_data`.
            on_error: Called with symbol and error of a line that ended; the others go on.
            on_stale: Called with symbol and `Freshness` of a ticker that became stale.
            max_age: From which age on a ticker is stale, seconds; None for no age.
            generic_ticks: IB's generic ticks, by number or by name; as configured unless given.
            snapshot: Only the quote as it stands; the subscription's ``done`` says when.
            where: Where the callbacks run: None for the loop thread; an executor; an asyncio loop.

        Raises:
            SymbolError: A text that cannot be read; nothing was subscribed.
            LoopNotRunning: Before `start` or `connect`.
        """
        return self.__slices.market_data.subscribe(
            symbols,
            on_tick,
            on_error=on_error,
            on_stale=on_stale,
            max_age=max_age,
            generic_ticks=generic_ticks,
            snapshot=snapshot,
            where=where,
        )

    def quote(
        self, symbol: str | Contract, *, max_age: float | None = None, timeout: float | None = None
    ) -> Future[Quote]:
        """The quote of one contract as it stands: of a fresh line, or a snapshot.

        See `MarketData.quote`.
        """
        return self.__slices.market_data.quote(symbol, max_age=max_age, timeout=timeout)

    def quotes(
        self, symbols: Symbols, *, max_age: float | None = None, timeout: float | None = None
    ) -> Future[dict[str, Quote]]:
        """The quotes of many contracts as they stand; see `MarketData.quotes`."""
        return self.__slices.market_data.quotes(symbols, max_age=max_age, timeout=timeout)

    # ---- contracts -----------------------------------------------------------------------

    def resolve(
        self, contract: Contract | str, *, timeout: float | None = None
    ) -> Future[Contract]:
        """The one contract that fits a description, whole; see `Contracts.resolve`."""
        return self.__slices.contracts.resolve(contract, timeout=timeout)

    # ---- orders --------------------------------------------------------------------------

    def place_order(self, contract: Contract | str, order: Order, **how: Unpack[Placing]) -> Trade:
        """Place an order; returns at once, from any thread, with ``trade.order_id`` set.

        Args:
            contract: What to trade: IB's Contract, or a symbol as people type it.
            order: IB's Order; it is copied, and may be used again.
            how: ``tag``, ``reason``, ``on_update``, ``on_fill``, ``where``... (see `Placing`).

        Returns:
            The handle; its ``done`` resolves with the final status, REFUSED, NOT_SENT and SIMULATED
            included, and never raises.

        Raises:
            InvalidOrder: The order contradicts itself, or misses something.
            SymbolError: The symbol cannot be read.
        """
        intent = Intent.of("place_order", how)
        return self.__slices.orders.place_order(meant_contract(contract), order, intent)

    def place_orders(
        self,
        contract: Contract | str,
        orders: Family | Iterable[Order],
        **how: Unpack[Placing],
    ) -> tuple[Trade, ...]:
        """Place several orders for one contract, with consecutive ids; ``how`` as `place_order`.

        The orders of a `Family` (of a `Bracket`, too) are linked: the others become children of
        the first.

        Raises:
            InvalidOrder: One of them contradicts itself; none was placed.
            SymbolError: The symbol cannot be read.
        """
        what = meant_contract(contract)
        return self.__slices.orders.place_orders(
            [(what, order) for order in orders],
            Intent.of("place_orders", how),
            linked=isinstance(orders, Family),
        )

    def close_position(
        self, contract: Contract | str, quantity: Number | None = None, **how: Unpack[Placing]
    ) -> Future[Trade]:
        """Order what closes a position, or a part of it; see `OrderDesk.close_position`."""
        return self.__slices.desk.close_position(contract, quantity, **how)

    def preview_order(
        self,
        contract: Contract | str,
        order: Order,
        *,
        what_if: bool = True,
        timeout: float | None = None,
    ) -> Future[Preview]:
        """What would become of an order; none is placed, and nothing is counted.

        It is checked as an order is that is placed; the risk gate judges it; and the gateway is
        asked what it would do to the account. IB asks for restraint with that question: about one
        for ten orders, and one a minute at most.

        Args:
            contract: What to trade: IB's Contract, or a symbol as people type it.
            order: IB's Order; it is copied.
            what_if: Ask the gateway, too.
            timeout: Seconds for its answer; as configured unless given.

        Returns:
            A Future of all that was found; what stands against the order is in it, and raises
            nothing.
        """
        look = self.__slices.previewer.look
        return self._tws.event_loop.submit(look, contract, copied(order), what_if, timeout)

    def next_order_id(self) -> int:
        """An order id that was never used, for a raw `placeOrder`; from any thread.

        Each call gives another one. It is known once the session is READY.
        """
        return self._tws.order_ids.reserve()

    def trades(self) -> tuple[Trade, ...]:
        """Every order of this client id that this object knows, by order id.

        Of those that are over the newest ``[orders] keep_settled`` (5000) are known: see
        `OrderDesk.trades`.
        """
        return self.__slices.orders.trades()

    def open_orders(self) -> Future[list[OrderView]]:
        """All open orders of all clients, as the gateway lists them now."""
        return self._tws.event_loop.submit(self.__slices.orders.sync.open_orders)

    def executions(self, wanted: ExecutionFilter | None = None) -> Future[list[BookedFill]]:
        """The executions of today that fit IB's filter, each with its commission."""
        return self._tws.event_loop.submit(
            self.__slices.orders.sync.executions, wanted or ExecutionFilter()
        )

    @Shown
    def orders_known(self) -> bool:
        """Whether open, completed and executed orders were fetched in this session.

        If not, placing is refused (but after IB's own start, which asks for nothing by itself).
        """
        return self.__slices.orders.sync.known

    @Shown
    def orders_unknown_because(self) -> str:
        """Why `orders_known` is False; empty when it is True."""
        return self.__slices.orders.sync.reason

    def protection(
        self, exempt: Iterable[str] = (), *, timeout: float | None = None
    ) -> Future[ProtectionReport]:
        """How the positions of all accounts are protected by working stops.

        Args:
            exempt: Kinds of contracts (IB's ``secType``) that need no stop.
            timeout: Seconds for each answer of the gateway.
        """
        return self.__slices.day.protection(exempt, timeout=timeout)

    def end_of_day(self, params: EndOfDayParams | None = None) -> Future[EndOfDayReport]:
        """Go through the end-of-day routine now: stop, cancel, flatten, reconcile, report, copy.

        Args:
            params: What it may do; as ``[end_of_day]`` says unless given. By default it sends
                nothing.
        """
        wanted = self._tws.config.end_of_day if params is None else params
        return self.__slices.day.end(wanted, reason="end of day, by hand")

    # ---- accounts ------------------------------------------------------------------------

    @Shown
    def accounts(self) -> tuple[str, ...]:
        """The accounts of the session."""
        return self._tws.accounts

    def positions(self) -> Future[list[Position]]:
        """The positions of all accounts that are not flat."""
        return self.__slices.account.positions()

    def account_summary(
        self, tags: Iterable[str] = DEFAULT_TAGS, group: str = "All"
    ) -> Future[list[SummaryRow]]:
        """The values of IB's tags for all accounts (or of an advisor's group)."""
        return self.__slices.account.summary(tags, group)

    def account_values(self, account: str = "") -> Future[list[AccountValue]]:
        """All values of one account (the first of the login unless named), live from then on."""
        return self.__slices.account.values(account)

    def portfolio(self, account: str = "") -> Future[list[PortfolioItem]]:
        """The positions of one account with market value and profit."""
        return self.__slices.account.portfolio(account)

    # ---- what waits ----------------------------------------------------------------------

    def waiting(self) -> tuple[WaitingRequest, ...]:
        """Everything that waits to be asked, in the order it would leave, and why; any thread.

        What waits for the message rate, for IB's rules about its kind, for another request of its
        kind, or for one of IB's places: each with the reason in words, and how long it will take
        as far as is known. Empty is the normal state of things.
        """
        return self._tws.pacing.waiting()

    # ---- facts ---------------------------------------------------------------------------

    @Shown
    def errors(self) -> ErrorHandler:
        """What the gateway said, sorted and counted."""
        return self._tws.errors

    def stats(self) -> Stats:
        """What was counted and timed so far, as one immutable tree; from any thread.

        Where the time of orders and requests went, bytes, gaps, drops, slow callbacks, how late the
        loop thread is. ``as_dict()`` of it has the same in plain types.
        """
        return self._tws.health.stats()

    def observe(
        self, kind: type[F], callback: Callable[[F], object], where: Where = None
    ) -> Callable[[], None]:
        """Call ``callback(fact)`` for each fact of a class of `twsloop.events` (or a base of it).

        Args:
            kind: For example `OrderFilled`, `Fill`, `SessionChanged`, `Notice`; `Fact` for all.
            callback: A function or a coroutine function.
            where: Where it runs: None for the loop thread; an executor; an asyncio loop.

        Returns:
            A function that ends it.

        Raises:
            TypeError: ``kind`` is no class of facts, or the callback cannot be called.
        """
        given: object = kind
        if not (isinstance(given, type) and issubclass(given, Fact)):
            msg = f"{kind!r} is no class of twsloop.events: give Fill, Notice, Fact ..."
            raise TypeError(msg)
        about_orders = issubclass(kind, OrderFact) or issubclass(OrderFact, kind)
        delivery = delivery_for(self._tws, callback, where, keep=about_orders)

        def tell(fact: Fact) -> None:
            if isinstance(fact, kind):
                # Of orders none takes the place of another: a key of its own for each.
                about = object() if isinstance(fact, OrderFact) else fact.correlation_id
                delivery((fact,), (type(fact), about))

        forget = self._tws.on_fact(tell)

        def end() -> None:
            delivery.close()
            forget()

        return end
