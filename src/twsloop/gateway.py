"""`IBGateway`: IB's EWrapper and EClient with the slices hung on it. Thin: it only passes on.

Everything IB's client can ask is there under IB's own names. What is added has names in Python's
style: `subscribe`, `place_order`, `positions`... The order-bearing requests of EClient are
overridden here, each by one line that leads through the gate (`twsloop.orders.requests`); nothing
else may send an order.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, TypeVar

from ibapi.contract import Contract
from ibapi.execution import ExecutionFilter
from ibapi.order import Order
from ibapi.order_cancel import OrderCancel

from twsloop.account.profit import read_fills
from twsloop.account.requests import DEFAULT_TAGS, AccountRequests
from twsloop.account.rows import AccountValue, PortfolioItem, Position, SummaryRow
from twsloop.connection import IBKRConnection
from twsloop.connection.core import Core, Shown
from twsloop.contracts import holding_name, symbol_of, to_contract
from twsloop.contracts.hours import hours_of
from twsloop.contracts.requests import Contracts
from twsloop.error_handler import ErrorHandler
from twsloop.errors import ContractError, OrdersRefused
from twsloop.event_loop import Future
from twsloop.events import Fact
from twsloop.history.requests import History
from twsloop.market_data.requests import MarketData, Symbols
from twsloop.market_data.slots import Pool
from twsloop.market_data.subscriptions import OnError, OnTick, Subscription
from twsloop.news.requests import News
from twsloop.orders.book import BookedFill
from twsloop.orders.builders import Bracket
from twsloop.orders.desk import OrderDesk
from twsloop.orders.intent import Intent
from twsloop.orders.requests import Orders
from twsloop.orders.trade import OnFill, OnUpdate, Trade
from twsloop.orders.validation import NOTHING, Knowledge
from twsloop.orders.views import OrderView
from twsloop.processors import Where
from twsloop.processors.delivery import delivery_for
from twsloop.scanner.requests import Scanner
from twsloop.system.requests import System
from twsloop.transport import Lane, lane_of

__all__ = ["IBGateway"]

F = TypeVar("F", bound=Fact)

#: A protobuf message's id on the wire is its number plus this (protocol.md A.1).
_PROTOBUF_OFFSET = 200
_ORDER_LANES = frozenset({Lane.CANCEL, Lane.ORDER})


class IBGateway(IBKRConnection):
    """A TWS or IB Gateway: connect, watch, trade, ask.

    Two styles, which may be mixed. Subclass it and override IB's callbacks; or register callbacks
    with `subscribe`, `place_order` and `observe`. See `IBKRConnection` for the arguments and for
    the two ways to start.
    """

    __contracts: Contracts
    __market_data: MarketData
    __orders: Orders
    __desk: OrderDesk
    __account: AccountRequests
    __news: News
    __scanner: Scanner
    __system: System
    __history: History

    # Two underscores: a user's subclass may well have an attribute ``_orders`` of its own.
    def _assemble(self, core: Core) -> None:
        super()._assemble(core)
        self.__contracts = Contracts(core, to_contract=to_contract, label=symbol_of)
        self.__market_data = MarketData(
            core,
            to_contract=to_contract,
            label=symbol_of,
            smart_components=self.__contracts.smart_components,
        )
        self.__orders = Orders(
            core,
            label=holding_name,
            quote=self.__market_data.ticker_of,
            wanted=lambda: self._driver.life.wanted,
            closed=functools.partial(_closed, self.__contracts),
            known=lambda contract: Knowledge(self.__contracts.known(contract)),
            learn=functools.partial(_learn, self.__contracts),
        )
        self.__account = AccountRequests(
            core,
            label=holding_name,
            fills=lambda: read_fills(self.__orders.book.fills(), lambda fill: fill.tag),
        )
        self.__desk = OrderDesk(
            core, self.__orders, to_contract=to_contract, positions=self.__account.positions
        )
        slots = self.__market_data.slots
        self.__news = News(
            core,
            to_contract=to_contract,
            label=symbol_of,
            details=self.__contracts.details,
            take_line=lambda feed: slots.take(
                feed, Pool.LINES, symbol=feed.request, holder=feed.request
            ),
            give_line=slots.give,
        )
        self.__scanner = Scanner(core)
        self.__system = System(core, to_contract=to_contract)
        self.__history = History(
            core, to_contract=to_contract, label=symbol_of, details=self.__contracts.details
        )
        core.guard = functools.partial(_guard, self.__orders)

    # ---- the slices, each with all of its subject ------------------------------------------

    @Shown
    def contracts(self) -> Contracts:
        """What is listed: details, chains, prices and sizes that are taken, trading hours."""
        return self.__contracts

    @Shown
    def market_data(self) -> MarketData:
        """Quotes, depth, ticks and bars as they come: everything about live data."""
        return self.__market_data

    @Shown
    def history(self) -> History:
        """Bars and ticks of the past, of any span; schedules; bars that are kept up to date."""
        return self.__history

    @Shown
    def orders(self) -> OrderDesk:
        """Everything about orders: place, change, cancel, preview, close, find, ask."""
        return self.__desk

    @Shown
    def account(self) -> AccountRequests:
        """Summaries, values, positions, profit and loss."""
        return self.__account

    @Shown
    def news(self) -> News:
        """Headlines, articles, bulletins, corporate events."""
        return self.__news

    @Shown
    def scanner(self) -> Scanner:
        """Market scans: what can be scanned, once, or until it is cancelled."""
        return self.__scanner

    @Shown
    def system(self) -> System:
        """The gateway itself: time, ids, users, advisors, display groups, settings."""
        return self.__system

    # ---- market data ---------------------------------------------------------------------

    def subscribe(
        self,
        symbols: Symbols,
        on_tick: OnTick | None = None,
        *,
        on_error: OnError | None = None,
        generic_ticks: str | None = None,
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
            generic_ticks: IB's generic tick numbers, comma separated; as configured unless given.
            snapshot: Only the quote as it stands; the subscription's ``done`` says when.
            where: Where the callbacks run: None for the loop thread; an executor; an asyncio loop.

        Raises:
            SymbolError: A text that cannot be read; nothing was subscribed.
            LoopNotRunning: Before `start` or `connect`.
        """
        return self.__market_data.subscribe(
            symbols,
            on_tick,
            on_error=on_error,
            generic_ticks=generic_ticks,
            snapshot=snapshot,
            where=where,
        )

    # ---- orders --------------------------------------------------------------------------

    def place_order(
        self,
        contract: Contract | str,
        order: Order,
        *,
        on_update: OnUpdate | None = None,
        on_fill: OnFill | None = None,
        where: Where = None,
    ) -> Trade:
        """Place an order; returns at once, from any thread, with ``trade.order_id`` set.

        Args:
            contract: What to trade: IB's Contract, or a symbol as people type it.
            order: IB's Order; it is copied, and may be used again.
            on_update: Called with the `Trade` after each change that can be seen.
            on_fill: Called with each `Fill`.
            where: Where the callbacks run: None for the loop thread; an executor; an asyncio loop.

        Returns:
            The handle; its ``done`` resolves with the final status, REFUSED, NOT_SENT and SIMULATED
            included, and never raises.

        Raises:
            InvalidOrder: The order contradicts itself, or misses something.
            SymbolError: The symbol cannot be read.
        """
        intent = Intent(on_update, on_fill, where, origin="place_order")
        return self.__orders.place_order(to_contract(contract), order, intent)

    def place_orders(
        self,
        contract: Contract | str,
        orders: Bracket | Iterable[Order],
        *,
        on_update: OnUpdate | None = None,
        on_fill: OnFill | None = None,
        where: Where = None,
    ) -> tuple[Trade, ...]:
        """Place several orders for one contract, with consecutive ids.

        The orders of a `Bracket` are linked: the second and third become children of the first.

        Raises:
            InvalidOrder: One of them contradicts itself; none was placed.
            SymbolError: The symbol cannot be read.
        """
        what = to_contract(contract)
        return self.__orders.place_orders(
            [(what, order) for order in orders],
            Intent(on_update, on_fill, where, origin="place_orders"),
            linked=isinstance(orders, Bracket),
        )

    def trades(self) -> tuple[Trade, ...]:
        """Every order of this client id that this object knows, by order id."""
        return self.__orders.trades()

    def open_orders(self) -> Future[list[OrderView]]:
        """All open orders of all clients, as the gateway lists them now."""
        return self._tws.event_loop.submit(self.__orders.sync.open_orders)

    def executions(self, wanted: ExecutionFilter | None = None) -> Future[list[BookedFill]]:
        """The executions of today that fit IB's filter, each with its commission."""
        return self._tws.event_loop.submit(
            self.__orders.sync.executions, wanted or ExecutionFilter()
        )

    @Shown
    def orders_known(self) -> bool:
        """Whether open, completed and executed orders were fetched in this session.

        If not, placing is refused (but after IB's own start, which asks for nothing by itself).
        """
        return self.__orders.sync.known

    @Shown
    def orders_unknown_because(self) -> str:
        """Why `orders_known` is False; empty when it is True."""
        return self.__orders.sync.reason

    # ---- accounts ------------------------------------------------------------------------

    @Shown
    def accounts(self) -> tuple[str, ...]:
        """The accounts of the session."""
        return self._tws.accounts

    def positions(self) -> Future[list[Position]]:
        """The positions of all accounts that are not flat."""
        return self.__account.positions()

    def account_summary(
        self, tags: Iterable[str] = DEFAULT_TAGS, group: str = "All"
    ) -> Future[list[SummaryRow]]:
        """The values of IB's tags for all accounts (or of an advisor's group)."""
        return self.__account.summary(tags, group)

    def account_values(self, account: str = "") -> Future[list[AccountValue]]:
        """All values of one account (the first of the login unless named), live from then on."""
        return self.__account.values(account)

    def portfolio(self, account: str = "") -> Future[list[PortfolioItem]]:
        """The positions of one account with market value and profit."""
        return self.__account.portfolio(account)

    # ---- facts ---------------------------------------------------------------------------

    @Shown
    def errors(self) -> ErrorHandler:
        """What the gateway said, sorted and counted."""
        return self._tws.errors

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
        """
        delivery = delivery_for(self._tws, callback, where)

        def tell(fact: Fact) -> None:
            if isinstance(fact, kind):
                delivery((fact,))

        forget = self._tws.on_fact(tell)

        def end() -> None:
            delivery.close()
            forget()

        return end

    # ---- EClient's order-bearing requests: all through the gate ----------------------------

    def placeOrder(self, orderId: int, contract: Any, order: Any) -> None:
        """EClient's, through the gate."""
        self.__orders.raw("placeOrder", (orderId, contract, order))

    def placeOrderProtoBuf(self, placeOrderRequestProto: Any) -> None:
        """EClient's, through the gate."""
        self.__orders.raw("placeOrderProtoBuf", (placeOrderRequestProto,))

    def cancelOrder(self, orderId: int, orderCancel: Any = None) -> None:
        """EClient's, through the gate; without an OrderCancel, as programs for 9.81 call it."""
        self.__orders.raw("cancelOrder", (orderId, orderCancel or OrderCancel()))

    def cancelOrderProtoBuf(self, cancelOrderRequestProto: Any) -> None:
        """EClient's, through the gate."""
        self.__orders.raw("cancelOrderProtoBuf", (cancelOrderRequestProto,))

    def reqGlobalCancel(self, orderCancel: Any = None) -> None:
        """EClient's, through the gate; without an OrderCancel, as programs for 9.81 call it."""
        self.__orders.raw("reqGlobalCancel", (orderCancel or OrderCancel(),))

    def reqGlobalCancelProtoBuf(self, globalCancelRequestProto: Any) -> None:
        """EClient's, through the gate."""
        self.__orders.raw("reqGlobalCancelProtoBuf", (globalCancelRequestProto,))

    def exerciseOptions(  # noqa: PLR0913, PLR0917  (IB's signature)
        self,
        reqId: int,
        contract: Any,
        exerciseAction: int,
        exerciseQuantity: int,
        account: str,
        override: int,
        manualOrderTime: str,
        customerAccount: str,
        professionalCustomer: bool,
    ) -> None:
        """EClient's, through the gate."""
        self.__orders.raw(
            "exerciseOptions",
            (
                reqId,
                contract,
                exerciseAction,
                exerciseQuantity,
                account,
                override,
                manualOrderTime,
                customerAccount,
                professionalCustomer,
            ),
        )

    def exerciseOptionsProtoBuf(self, exerciseOptionsRequestProto: Any) -> None:
        """EClient's, through the gate."""
        self.__orders.raw("exerciseOptionsProtoBuf", (exerciseOptionsRequestProto,))

    def sendMsg(self, msgId: int, msg: str) -> None:
        """Queue a text message; one that bears an order has to come from the gate."""
        _guard(self.__orders, msgId)
        super().sendMsg(msgId, msg)

    def sendMsgProtoBuf(self, msgId: int, msg: bytes) -> None:
        """Queue a protobuf message; one that bears an order has to come from the gate."""
        _guard(self.__orders, msgId - _PROTOBUF_OFFSET)
        super().sendMsgProtoBuf(msgId, msg)


def _guard(orders: Orders, number: int) -> None:
    """Refuse a message that bears an order and does not come from the gate.

    Raises:
        OrdersRefused: EClient turns it into its error "failed to send".
    """
    if lane_of(number) in _ORDER_LANES and not orders.may_leave():
        msg = "order messages leave through placeOrder, cancelOrder and place_order only"
        raise OrdersRefused(msg)


async def _learn(contracts: Contracts, contract: Contract) -> Knowledge:
    """What an order is checked against: asked of the gateway where it is not in memory."""
    if contract.secType == "BAG":
        return NOTHING  # IB has no details of a combo
    await contracts.resolve(contract)
    return Knowledge(contracts.known(contract), await contracts.price_rule(contract))


def _closed(contracts: Contracts, contract: Any, at: datetime, outside_rth: bool) -> bool | None:
    """Whether a contract does not trade at a time, as far as memory knows its hours."""
    details = contracts.known(contract)
    if details is None:
        return None
    try:
        is_open = hours_of(details, "trading" if outside_rth else "liquid").is_open(at)
    except ContractError:
        return None
    return None if is_open is None else not is_open
