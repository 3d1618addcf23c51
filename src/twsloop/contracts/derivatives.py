"""What is listed on something else: option chains, futures, combos of several legs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import UTC, timedelta

from ibapi.contract import Contract, ContractDetails

from twsloop.errors import AmbiguousContract, ContractError, UnknownContract
from twsloop.event_loop import Future
from twsloop.wire.times import find_zone

from .builders import combo
from .chains import Expiries, OptionChain, Rights, Strikes, narrow
from .lookups import How
from .resolving import Resolving
from .state import ListedFuture, describe, read_future

__all__ = ["Derivatives", "Leg"]

#: A leg by its contract: (contract, ratio, ``BUY`` or ``SELL``).
Leg = tuple[Contract | str, int, str]

#: So many expiries of options are asked for at a time: each answer may be hundreds of contracts.
EXPIRIES_AT_A_TIME = 4


class Derivatives(Resolving):
    """Looks up what is listed on something else."""

    # ---- options, from any thread --------------------------------------------------------

    def option_chain(
        self,
        underlying: Contract | str,
        expiries: Expiries = None,
        strikes: Strikes = None,
        rights: Rights = None,
        *,
        exchange: str | None = "SMART",
        trading_class: str | None = None,
        refresh: bool = False,
        timeout: float | None = None,
    ) -> Future[list[OptionChain]]:
        """The expiries and strikes that are listed on an underlying.

        Args:
            underlying: A stock, an ETF, an index, or a future.
            expiries: A day, a month (``202612``), several, `Between`, or `Nearest`; None for all.
            strikes: One, several, `Between`, `Nearest`, or `Within`; None for all.
            rights: ``C``, ``P``; None for both.
            exchange: Where they are routed; None for every exchange. Of a future's options name
                the future's exchange.
            trading_class: One of several (``SPX``, ``SPXW``); None for all.
            refresh: Ask the gateway, whatever is remembered.
            timeout: Seconds for each part of the answer; as configured unless given.

        Returns:
            A Future of a chain for each exchange and trading class: an empty list where there are
            no options, or the filters leave none. It raises ContractError where an expiry, a
            strike, an exchange or a class was named that is not listed.

        Raises:
            SymbolError: The symbol cannot be read.
            ContractError: It names nothing, or a filter means nothing.
        """
        asked = self._read_single(underlying)
        narrow((), expiries=expiries, strikes=strikes, rights=rights)  # bad filters raise here
        how = How(refresh, timeout)

        async def ask() -> list[OptionChain]:
            found = await self._chains(asked, exchange, how)
            fitting = _fitting(found, exchange, trading_class)
            return narrow(fitting, expiries=expiries, strikes=strikes, rights=rights)

        return self._core.event_loop.submit(ask)

    def options(
        self,
        chains: OptionChain | Iterable[OptionChain],
        *,
        refresh: bool = False,
        timeout: float | None = None,
    ) -> Future[list[ContractDetails]]:
        """The contracts of chains that exist: IB's details of each, by expiry, strike, right.

        A chain's tables do not say which strike exists for which expiry; this asks, once for each
        expiry. Narrow the chain first: a whole one is thousands.

        Returns:
            A Future of the details. It raises UnknownContract where none of them exists.

        Raises:
            ContractError: No chain, or one without anything in it.
        """
        given = [chains] if isinstance(chains, OptionChain) else list(chains)
        if not any(len(chain) for chain in given):
            msg = "there is nothing in these chains: ask option_chain with wider filters"
            raise ContractError(msg)
        return self._core.event_loop.submit(self._options, given, How(refresh, timeout))

    # ---- futures, from any thread --------------------------------------------------------

    def future_chain(
        self,
        symbol: str,
        exchange: str,
        currency: str = "",
        *,
        trading_class: str = "",
        include_expired: bool = False,
        refresh: bool = False,
        timeout: float | None = None,
    ) -> Future[list[ListedFuture]]:
        """All futures of a root, the one that expires first first.

        Args:
            symbol: The root (``ES``).
            exchange: The exchange that lists it (``CME``).
            currency: Where one root has several.
            trading_class: Likewise.
            include_expired: Those of the last two years, too.
            refresh: Ask the gateway, whatever is remembered.
            timeout: Seconds for each part of the answer; as configured unless given.

        Raises:
            ContractError: The symbol or the exchange is empty.
        """
        asked = _root("FUT", symbol, exchange, currency)
        asked.tradingClass, asked.includeExpired = trading_class, include_expired
        return self._core.event_loop.submit(self._futures, asked, How(refresh, timeout))

    def front_month(
        self,
        symbol: str,
        exchange: str,
        currency: str = "",
        *,
        trading_class: str = "",
        roll_days: int = 0,
        refresh: bool = False,
        timeout: float | None = None,
    ) -> Future[ListedFuture]:
        """The future of a root that expires next.

        Args:
            symbol: The root (``ES``).
            exchange: The exchange that lists it (``CME``).
            currency: Where one root has several.
            trading_class: Likewise.
            roll_days: So many days before its expiry the next one takes its place; 0 keeps it
                through its last day.
            refresh: Ask the gateway, whatever is remembered.
            timeout: Seconds for each part of the answer; as configured unless given.

        Returns:
            A Future. It raises AmbiguousContract where the root has several trading classes with
            the same expiry (say which one is meant), ContractError where nothing is left.

        Raises:
            ContractError: The symbol or the exchange is empty, or ``roll_days`` below 0.
        """
        asked = _root("FUT", symbol, exchange, currency)
        asked.tradingClass = trading_class
        if roll_days < 0:
            msg = f"roll_days is {roll_days}: a number of days before the expiry, 0 or more"
            raise ContractError(msg)
        return self._core.event_loop.submit(self._front, asked, roll_days, How(refresh, timeout))

    def continuous_future(
        self,
        symbol: str,
        exchange: str,
        currency: str = "",
        *,
        trading_class: str = "",
        refresh: bool = False,
        timeout: float | None = None,
    ) -> Future[Contract]:
        """IB's continuous future of a root (``CONTFUT``): for history, not for orders.

        Raises:
            ContractError: The symbol or the exchange is empty.
        """
        asked = _root("CONTFUT", symbol, exchange, currency)
        asked.tradingClass = trading_class
        return self._core.event_loop.submit(self._resolve, asked, How(refresh, timeout))

    # ---- combos, from any thread ---------------------------------------------------------

    def combo(
        self,
        legs: Iterable[Leg],
        *,
        exchange: str = "SMART",
        symbol: str | None = None,
        currency: str | None = None,
        timeout: float | None = None,
    ) -> Future[Contract]:
        """A combination (``BAG``) of legs as people write them.

        Args:
            legs: At least two ``(contract, ratio, "BUY" or "SELL")``; what has no id is resolved.
            exchange: Where it is routed. Each leg keeps its own contract's exchange.
            symbol: The combo's; unless given the legs' common one, else theirs with commas.
            currency: The combo's; the legs' common one unless given.
            timeout: Seconds for each part of an answer; as configured unless given.

        Returns:
            A Future of the combo. It raises what `resolve` does, and ContractError where the legs
            have several currencies and none was given.

        Raises:
            SymbolError: A leg cannot be read.
            ContractError: A leg that cannot be one, or fewer than two.
        """
        asked: list[tuple[Contract, int, str]] = []
        for leg in legs:
            if len(leg) != 3:
                msg = f"a leg is (contract, ratio, action), not {leg!r}"
                raise ContractError(msg)
            asked.append((self._read_single(leg[0]), leg[1], leg[2]))
        # What is wrong with ratios and actions is wrong now, whatever the ids will be.
        combo("?", [(1, ratio, action) for _, ratio, action in asked])

        async def build() -> Contract:
            how = How(timeout=timeout)
            found = await asyncio.gather(*(self._resolve(one, how) for one, _, _ in asked))
            rows = [
                (one.conId, ratio, action, one.exchange)
                for one, (_, ratio, action) in zip(found, asked, strict=True)
            ]
            names = dict.fromkeys(one.symbol for one in found)
            money = currency or _common_currency(found)
            return combo(symbol or ",".join(names), rows, exchange, money)

        return self._core.event_loop.submit(build)

    # ---- on the loop thread --------------------------------------------------------------

    async def _chains(self, asked: Contract, exchange: str | None, how: How) -> list[OptionChain]:
        """The chains of an underlying, on all exchanges; of a future's options on theirs."""
        underlying = await self._one(asked, How(timeout=how.timeout))
        if underlying.contract.secType not in {"FUT", "CONTFUT"}:
            return await self._lookups.chains(underlying, "", how)
        # Futures and their options are not routed by SMART.
        where = underlying.contract.exchange if exchange in {None, "SMART"} else exchange
        return await self._lookups.chains(underlying, where or "", how)

    async def _options(self, chains: Sequence[OptionChain], how: How) -> list[ContractDetails]:
        slots = asyncio.Semaphore(EXPIRIES_AT_A_TIME)
        missing: list[UnknownContract] = []

        async def of_expiry(chain: OptionChain, wanted: Contract) -> list[ContractDetails]:
            async with slots:
                try:
                    found = await self._lookups.details(wanted, how)
                except UnknownContract as error:
                    missing.append(error)
                    return []
            strikes = set(map(float, chain.strikes))
            return [
                one
                for one in found
                if one.contract.strike in strikes and one.contract.right[:1] in chain.rights
            ]

        asked = [(chain, wanted) for chain in chains for wanted in _by_expiry(chain)]
        lists = await asyncio.gather(*(of_expiry(*one) for one in asked))
        found = [one for listed in lists for one in listed]
        if not found and missing:
            raise missing[0]
        return sorted(found, key=_option_order)

    async def _futures(self, asked: Contract, how: How) -> list[ListedFuture]:
        details = await self._lookups.details(asked, how)
        rows = [row for row in map(read_future, details) if row is not None]
        return sorted(rows, key=lambda row: (row.expiry, row.contract.conId))

    async def _front(self, asked: Contract, roll_days: int, how: How) -> ListedFuture:
        rows = await self._futures(asked, how)
        now = self._core.clock.now()
        for row in rows:
            there = now.astimezone(find_zone(row.details.timeZoneId or "UTC") or UTC)
            if row.expiry - timedelta(days=roll_days) < there.date():
                continue
            rivals = [other for other in rows if other.expiry == row.expiry]
            if len(rivals) > 1:
                contracts = [other.contract for other in rivals]
                msg = f"{asked.symbol}: {len(rivals)} futures expire on {row.expiry}; name a class"
                names = [describe(one, self._label(one)) for one in contracts]
                raise AmbiguousContract(msg, candidates=names, contracts=contracts)
            return row
        msg = f"{asked.symbol} at {asked.exchange}: no future expires {roll_days} days from now on"
        raise ContractError(msg)


def _root(sec_type: str, symbol: str, exchange: str, currency: str) -> Contract:
    """What all futures of a root have in common."""
    for name, value in (("symbol", symbol), ("exchange", exchange)):
        if not value.strip():
            msg = f"{sec_type}: {name} is empty"
            raise ContractError(msg)
    contract = Contract()
    contract.secType, contract.symbol = sec_type, symbol.strip()
    contract.exchange, contract.currency = exchange.strip(), currency.strip()
    return contract


def _fitting(
    chains: Sequence[OptionChain], exchange: str | None, trading_class: str | None
) -> list[OptionChain]:
    """The chains on an exchange and of a class.

    Raises:
        ContractError: There are chains, but none there: an empty answer would hide a slip.
    """
    futures = any(chain.sec_type == "FOP" for chain in chains)
    places = {None, "SMART"} if futures else {None}
    there = [chain for chain in chains if exchange in places or chain.exchange == exchange]
    if chains and not there:
        names = ", ".join(sorted({chain.exchange for chain in chains}))
        msg = f"{chains[0].symbol} has no options at {exchange!r}; it has some at {names}"
        raise ContractError(msg)
    fitting = [chain for chain in there if trading_class in {None, chain.trading_class}]
    if there and not fitting:
        names = ", ".join(sorted({chain.trading_class for chain in there}))
        msg = f"{chains[0].symbol} has no options of class {trading_class!r}; it has {names}"
        raise ContractError(msg)
    return fitting


def _by_expiry(chain: OptionChain) -> list[Contract]:
    """A question for each expiry: what is the same in all of its contracts."""
    first = next(chain.contracts())
    questions = []
    for expiry in chain.expiries:
        wanted = Contract()
        for field in ("symbol", "secType", "exchange", "currency", "multiplier", "tradingClass"):
            setattr(wanted, field, getattr(first, field))
        wanted.lastTradeDateOrContractMonth = f"{expiry:%Y%m%d}"
        if len(chain.rights) == 1:
            wanted.right = chain.rights[0]
        if len(chain.strikes) == 1:
            wanted.strike = float(chain.strikes[0])
        questions.append(wanted)
    return questions


def _option_order(details: ContractDetails) -> tuple[str, str, float, str]:
    contract = details.contract
    expiry = contract.lastTradeDateOrContractMonth
    return (expiry, contract.tradingClass, contract.strike, contract.right)


def _common_currency(contracts: Sequence[Contract]) -> str:
    found: list[str] = sorted({one.currency for one in contracts})
    if len(found) != 1:
        msg = f"the legs trade in {', '.join(found)}: say which currency the combo has"
        raise ContractError(msg)
    return found[0]
