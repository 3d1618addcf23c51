"""What goes out about live data: the public face, ``gw.market_data``.

`IBGateway.market_data` is a `MarketData`. Its calls may be made from any thread; what they ask for
runs on the loop thread (`desk`, `quoting`, `calculations`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterable
from typing import Any, TypeAlias

from ibapi.contract import Contract

from twsloop.connection.core import Core
from twsloop.errors import ContractError
from twsloop.event_loop import Future
from twsloop.processors import Where
from twsloop.processors.delivery import delivery_for
from twsloop.wire.identity import contract_key

from .calculations import Calculation, Calculations
from .desk import LineDesk
from .event_streams import EventStreams
from .generic import generic_list
from .own_calls import OwnCalls
from .quotes import Quote, QuoteVenues, venues_of
from .quoting import Quoting
from .slots import Pool, Slots
from .state import Ticker
from .subscribing import Subscribing
from .subscriptions import OnError, OnStale, OnTick, Subscription
from .ticks import Greeks, MarketDataType

__all__ = ["MarketData", "Symbols"]

Symbols: TypeAlias = str | Contract | Iterable[str | Contract]
#: A code of ``tickReqParams`` -> the exchanges behind it.
SmartComponents: TypeAlias = Callable[[str], Future[list[Any]]]


class MarketData(EventStreams):
    """The market data slice.

    Args:
        core: The connection.
        to_contract: Reads a symbol as people type it.
        label: Writes a contract as people type it.
        smart_components: Tells the exchanges that a ``bbo_exchange`` stands for.
        pace: Takes a turn for a request that IB counts as one for history, given what it is of;
            returns 0, or the seconds after which to ask again.

    Attributes:
        slots: Who holds what of IB's lines, depth books and tick-by-tick streams.
    """

    def __init__(
        self,
        core: Core,
        *,
        to_contract: Callable[[str | Contract], Contract],
        label: Callable[[Contract], str],
        smart_components: SmartComponents,
        pace: Callable[[Hashable], float] = lambda _family: 0.0,
    ) -> None:
        self._core = core
        self._pace = pace
        self._smart_components = smart_components
        self._to_contract = to_contract
        self._label = label
        params = core.config.market_data
        limits = {
            Pool.LINES: params.lines,
            Pool.DEPTH: params.depth,
            Pool.TICK_BY_TICK: params.tick_by_tick,
        }
        self.slots = Slots(core.clock, limits, threading.Lock())
        self._desk = LineDesk(core, self.slots, label)
        self._own_calls = OwnCalls(core, self.slots, label=label, type_asked=self._desk.type_asked)
        self._subscribing = Subscribing(core, self._desk)
        self._quoting = Quoting(core, self._desk)
        self._calculations = Calculations(core)
        self._streams_init()

    # ---- subscriptions -------------------------------------------------------------------

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
        """Watch any number of contracts behind one handle.

        A contract that is watched already shares its line, and its ticker. The subscription is
        requested once the session is READY, and again after each reconnect, with the same tickers.

        Args:
            symbols: One or many; as people type them (``AAPL``, ``EUR.USD``, ``ES 202612 CME``) or
                IB Contracts.
            on_tick: Called with the `Ticker` after each tick; see `twsloop.market_data`.
            on_error: Called with symbol and error of a line that ended; the others go on.
            on_stale: Called with symbol and `Freshness` of a ticker that became stale.
            max_age: From which age on a ticker is stale, seconds; None for no age. The
                subscription's ``max_age`` may be set later, too.
            generic_ticks: What else is to be told: members of `GenericTick`, or IB's numbers,
                comma separated; as configured unless given.
            snapshot: Only the quote as it stands; the subscription's ``done`` says when.
            where: Where the callbacks run: None for the loop thread; an executor; an asyncio loop.

        Raises:
            SymbolError: A text that cannot be read; nothing was subscribed.
            ValueError: A generic tick that is none.
            LoopNotRunning: Before `start` or `connect`.
        """
        wanted = self._read(symbols)
        core = self._core
        ticks = generic_list(
            core.config.market_data.generic_ticks if generic_ticks is None else generic_ticks
        )
        subscription = Subscription(
            self._subscribing,
            Future(core.event_loop),
            core.clock,
            snapshot=snapshot,
            max_age=max_age,
        )
        if on_tick is not None:
            subscription.deliveries.append(delivery_for(core, on_tick, where, latest=True))
        if on_error is not None:
            subscription.failures.append(delivery_for(core, on_error, where))
        if on_stale is not None:
            subscription.freshness.tell(delivery_for(core, on_stale, where))
        self._subscribing.open(subscription, wanted, "" if snapshot else ticks)
        return subscription

    # ---- quotes --------------------------------------------------------------------------

    def quote(
        self,
        symbol: str | Contract,
        *,
        max_age: float | None = None,
        timeout: float | None = None,
    ) -> Future[Quote]:
        """The quote of one contract as it stands.

        It comes from an open line, if there is one that is fresh; else from a snapshot, which takes
        one of the market data lines for the moment.

        Args:
            symbol: As people type it, or an IB Contract.
            max_age: How old the last tick of an open line may be, seconds; None for any age, as
                long as the line is not interrupted (a quote that nobody changed is still good).
            timeout: Seconds for a snapshot, from when it leaves; 10 unless configured
                (``[connection] request_timeout``). What has come until then is the answer.

        Returns:
            A Future of a `Quote`; it fails with RequestError (200, 354, ...), RequestTimeout
            (nothing came at all), SlotsExhausted, ConnectionLost or NotConnected.

        Raises:
            SymbolError: A text that cannot be read.
        """
        contract = self._to_contract(symbol)
        name = symbol.strip() if isinstance(symbol, str) else self._label(contract)
        return self._core.event_loop.submit(self._quoting.one, name, contract, max_age, timeout)

    def quotes(
        self,
        symbols: Symbols,
        *,
        max_age: float | None = None,
        timeout: float | None = None,
    ) -> Future[dict[str, Quote]]:
        """The quotes of any number of contracts; at most 50 snapshots are under way at a time.

        Args:
            symbols: One or many, as for `subscribe`.
            max_age: As for `quote`.
            timeout: As for `quote`, for each of them.

        Returns:
            A Future of the quotes by symbol, in the order they were asked for. One that cannot be
            had has its ``error`` set, and takes nothing else along.

        Raises:
            SymbolError: A text that cannot be read.
        """
        wanted = self._read(symbols)
        return self._core.event_loop.submit(self._quoting.many, wanted, max_age, timeout)

    def regulatory_snapshot(
        self, symbol: str | Contract, *, accept_cost: bool, timeout: float | None = None
    ) -> Future[Quote]:
        """The national best bid and offer of a US stock, which IB charges for.

        Args:
            symbol: As people type it, or an IB Contract.
            accept_cost: IB charges 0.01 USD for each, in paper accounts too: only with True.
            timeout: Seconds for the answer, from when it leaves.

        Returns:
            A Future of the `Quote`. IB allows one a second: a further one waits for its turn.

        Raises:
            ValueError: The cost was not accepted.
            SymbolError: A text that cannot be read.
        """
        if not accept_cost:
            msg = "IB charges 0.01 USD for a regulatory snapshot: pass accept_cost=True to buy it"
            raise ValueError(msg)
        contract = self._to_contract(symbol)
        name = symbol.strip() if isinstance(symbol, str) else self._label(contract)
        return self._core.event_loop.submit(self._quoting.regulatory, name, contract, timeout)

    def exchanges(self, quoted: Ticker | Quote) -> Future[QuoteVenues]:
        """Which exchanges stand behind a SMART quote: ticks name them by letters (``KPTU``).

        Args:
            quoted: A ticker, or a quote, of a SMART contract.

        Raises:
            ContractError: Nothing was said about its exchanges (yet).
        """
        code = quoted.bbo_exchange
        if not code:
            msg = f"{quoted.symbol}: its exchanges are not known: is it routed SMART, and quoted?"
            raise ContractError(msg)
        return self._core.event_loop.submit(self._exchanges, quoted, code)

    # ---- what kind of data ---------------------------------------------------------------

    @property
    def data_type(self) -> MarketDataType:
        """What kind of data is asked for; what comes says ``Ticker.market_data_type``."""
        return self._desk.data_type

    def set_data_type(self, kind: MarketDataType | str, *, renew: bool = True) -> None:
        """Ask for live, frozen, delayed or delayed frozen data from now on.

        IB sends live data wherever the login may see it, whatever is asked for.

        Args:
            kind: A `MarketDataType`, or its name in small letters.
            renew: Request the open lines anew, so that it holds for them, too; their tickers forget
                what they showed.

        Raises:
            ValueError: There is no such kind.
        """
        if isinstance(kind, str) and kind.upper() not in MarketDataType.__members__:
            known = ", ".join(MarketDataType.__members__).lower()
            msg = f"market data is {known}, not {kind!r}"
            raise ValueError(msg)
        wanted = MarketDataType[kind.upper()] if isinstance(kind, str) else MarketDataType(kind)
        self._desk.do(lambda: self._desk.set_type(wanted, renew=renew))

    # ---- options -------------------------------------------------------------------------

    def calculate_implied_volatility(
        self,
        option: str | Contract,
        *,
        option_price: float,
        underlying_price: float,
        timeout: float | None = None,
    ) -> Future[Greeks]:
        """The volatility at which IB's model gives an option that price, with its greeks.

        Args:
            option: As people type it, or an IB Contract.
            option_price: The option's price.
            underlying_price: The price of its underlying.
            timeout: Seconds for the answer; as configured unless given.

        Raises:
            SymbolError: A text that cannot be read.
            ValueError: A price is not above 0.
        """
        given = _above_zero(option_price=option_price, underlying_price=underlying_price)
        return self._calculate(Calculation.IMPLIED_VOLATILITY, option, given, timeout)

    def calculate_option_price(
        self,
        option: str | Contract,
        *,
        volatility: float,
        underlying_price: float,
        timeout: float | None = None,
    ) -> Future[Greeks]:
        """The price that IB's model gives an option at a volatility, with its greeks.

        Args:
            option: As people type it, or an IB Contract.
            volatility: As a fraction a year: 0.25 is 25 %.
            underlying_price: The price of its underlying.
            timeout: Seconds for the answer; as configured unless given.

        Raises:
            SymbolError: A text that cannot be read.
            ValueError: Volatility or price is not above 0.
        """
        given = _above_zero(volatility=volatility, underlying_price=underlying_price)
        return self._calculate(Calculation.OPTION_PRICE, option, given, timeout)

    # ---- for the other slices ------------------------------------------------------------

    def live_ticker(self, contract: Contract) -> Ticker | None:
        """The ticker of a contract that is watched now; None if none is. Loop thread only."""
        return self._quoting.live(contract)

    async def ticker_of(self, contract: Contract) -> Ticker | None:
        """The live ticker of a contract, or a snapshot; None if there is none. Loop thread only."""
        return await self._quoting.ticker_of(contract)

    # ---- inside --------------------------------------------------------------------------

    def _calculate(
        self,
        what: Calculation,
        option: str | Contract,
        given: tuple[float, float],
        timeout: float | None,
    ) -> Future[Greeks]:
        contract = self._to_contract(option)
        named = contract, self._label(contract)
        return self._core.event_loop.submit(self._calculations.ask, what, named, given, timeout)

    async def _exchanges(self, quoted: Ticker | Quote, code: str) -> QuoteVenues:
        return venues_of(quoted, await self._smart_components(code))

    def _read(self, symbols: Symbols) -> dict[str, Contract]:
        """Contracts by the name each will have; two that are called alike are numbered."""
        single = isinstance(symbols, (str, Contract))
        given: list[Any] = [symbols] if single else list(symbols)
        wanted: dict[str, Contract] = {}
        for symbol in given:
            contract = self._to_contract(symbol)
            name = symbol.strip() if isinstance(symbol, str) else self._label(contract)
            free, count = name, 1
            while free in wanted and contract_key(wanted[free]) != contract_key(contract):
                count += 1
                free = f"{name} ({count})"
            wanted[free] = contract
        return wanted


def _above_zero(**values: float) -> tuple[float, float]:
    """The two values; refuse one that IB's model cannot work with."""
    for name, value in values.items():
        if not value > 0:  # not a number either
            msg = f"{name} has to be above 0, not {value!r}"
            raise ValueError(msg)
    first, second = values.values()
    return first, second
