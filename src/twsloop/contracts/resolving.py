"""From what people write to the one contract that is meant: details, resolving, searching."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence

from ibapi.contract import Contract, ContractDetails

from twsloop.connection.core import Core
from twsloop.errors import AmbiguousContract, ContractError, TwsLoopError, UnknownContract
from twsloop.event_loop import Future

from .lookups import How, Lookups, details_key
from .state import Resolution, SymbolMatch, copied, describe, request_contract
from .symbols import meant_contract

__all__ = ["Resolving"]

#: So many candidates are named in an error's text; its ``contracts`` has all.
NAMED = 10
#: How long symbols like an unknown one are searched for, seconds: the error is there already.
NEAR_TIMEOUT = 5.0
#: Of a symbol with more letters than this, the last one may be a slip.
SHORTEST = 2
#: What a search for symbols finds.
_SEARCHED = frozenset({"", "STK", "IND"})


class Resolving:
    """Looks contracts up.

    Args:
        core: The connection.
        to_contract: Reads what users give as a contract.
        label: Writes a contract for people.
    """

    def __init__(
        self,
        core: Core,
        *,
        to_contract: Callable[[Contract | str], Contract],
        label: Callable[[Contract], str],
    ) -> None:
        self._core = core
        self._to_contract = to_contract
        self._label = label
        self._lookups = Lookups(core, label)

    # ---- from any thread -----------------------------------------------------------------

    def details(
        self, contract: Contract | str, *, refresh: bool = False, timeout: float | None = None
    ) -> Future[list[ContractDetails]]:
        """IB's details of every contract that fits a description.

        Args:
            contract: A description: what is left empty fits everything.
            refresh: Ask the gateway, whatever is remembered.
            timeout: Seconds for each part of the answer; as configured unless given.

        Returns:
            A Future of one or more; it raises UnknownContract where nothing fits.

        Raises:
            SymbolError: The symbol cannot be read.
            ContractError: The contract names nothing.
        """
        asked = self._read(contract)
        return self._core.event_loop.submit(self._lookups.details, asked, How(refresh, timeout))

    def resolve(
        self, contract: Contract | str, *, refresh: bool = False, timeout: float | None = None
    ) -> Future[Contract]:
        """The one contract that is meant, complete: with its id, class, multiplier...

        Returns:
            A Future of a new Contract, routed where it was asked for (SMART). It raises
            AmbiguousContract, with the candidates, where more than one fits, and UnknownContract,
            with symbols that are like it, where none does.

        Raises:
            SymbolError: The symbol cannot be read.
            ContractError: The contract names nothing, or is a combo.
        """
        asked = self._read_single(contract)
        return self._core.event_loop.submit(self._resolve, asked, How(refresh, timeout))

    def resolve_many(
        self,
        contracts: Iterable[Contract | str],
        *,
        refresh: bool = False,
        timeout: float | None = None,
    ) -> Future[list[Resolution]]:
        """Each of several contracts, all asked for at once; one that fails leaves the others be.

        Returns:
            A Future of a `Resolution` for each, in the order given.

        Raises:
            SymbolError: One of them cannot be read; nothing was asked for.
            ContractError: One of them names nothing, or is a combo.
        """
        given = [contracts] if isinstance(contracts, (str, Contract)) else list(contracts)
        asked = [(one, self._read_single(one)) for one in given]
        return self._core.event_loop.submit(self._resolve_all, asked, How(refresh, timeout))

    def search(self, pattern: str, *, timeout: float | None = None) -> Future[list[SymbolMatch]]:
        """Stocks and indices whose symbol begins with a pattern, or whose name has it.

        Returns:
            A Future of 16 at most (IB's limit), the best first; of none if nothing is like it.

        Raises:
            ContractError: The pattern is empty.
        """
        words = pattern.strip()
        if not words:
            msg = "an empty pattern finds nothing: give some letters of a symbol or a name"
            raise ContractError(msg)
        return self._core.event_loop.submit(self._lookups.search, words, How(timeout=timeout))

    def known(self, contract: Contract | str) -> ContractDetails | None:
        """What memory has of the one contract that fits; asks nobody, and does not wait.

        Returns:
            The caller's own copy of the details; None if nothing is known, or more than one fits.

        Raises:
            SymbolError: The symbol cannot be read.
        """
        found = self.remembered(contract)
        return None if found is None else copied(found)

    def remembered(self, contract: Contract | str) -> ContractDetails | None:
        """As `known`, without the copy: for those who only read it."""
        meant, cache = meant_contract(contract), self._lookups.cache
        if cache.empty:  # each order looks several times, and many programs look nothing up
            return None
        found = cache.peek("details", details_key(meant), self._lookups.details_age)
        different = _by_id(found or ())
        return different[0] if len(different) == 1 else None

    def forget(self) -> Future[None]:
        """Forget all that is remembered of contracts, in memory and in the file."""
        return self._core.event_loop.submit(self._lookups.cache.forget)

    # ---- reading (any thread) ------------------------------------------------------------

    def _read(self, contract: Contract | str) -> Contract:
        """A copy of what was given."""
        return request_contract(self._to_contract(contract))

    def _read_single(self, contract: Contract | str) -> Contract:
        asked = self._read(contract)
        if asked.secType == "BAG":
            msg = f"{self._label(asked)} is a combo: IB has no details of it; resolve its legs"
            raise ContractError(msg)
        return asked

    # ---- on the loop thread --------------------------------------------------------------

    async def _one(self, asked: Contract, how: How) -> ContractDetails:
        """The details of the one contract that fits."""
        try:
            details = await self._lookups.details(asked, how)
        except UnknownContract as error:
            # "#495512552" says no exchange, and SMART does not route everything.
            if not asked.conId or asked.secType or asked.exchange != "SMART":
                await self._name_near(asked, error)
                raise
            anywhere = request_contract(asked)
            anywhere.exchange = ""
            details = await self._lookups.details(anywhere, how)
        different = _by_id(details)
        if len(different) == 1:
            return different[0]
        contracts = [one.contract for one in different]
        names = [describe(one, self._label(one)) for one in contracts[:NAMED]]
        if len(contracts) > NAMED:
            names.append(f"and {len(contracts) - NAMED} more")
        msg = f"{self._label(asked)}: {len(contracts)} contracts fit, and one is meant; say more"
        raise AmbiguousContract(msg, candidates=names, contracts=contracts)

    async def _name_near(self, asked: Contract, error: UnknownContract) -> None:
        """Name symbols that are like the unknown one, if the gateway has some."""
        if asked.conId or not asked.symbol or asked.secType not in _SEARCHED:
            return
        how = How(timeout=NEAR_TIMEOUT)
        try:
            found = await self._lookups.search(asked.symbol, how)
            if not found and len(asked.symbol) > SHORTEST:  # a slip in the last letter
                found = await self._lookups.search(asked.symbol[:-1], how)
        except TwsLoopError:
            return  # what is wrong with the contract matters more
        error.contracts = tuple(match.contract for match in found)
        error.candidates = tuple(describe(one, self._label(one)) for one in error.contracts[:NAMED])

    async def _resolve(self, asked: Contract, how: How) -> Contract:
        details = await self._one(asked, how)
        found = details.contract
        if asked.exchange in details.validExchanges.split(","):
            found.exchange = asked.exchange
        found.includeExpired = asked.includeExpired
        return found

    async def _resolve_all(
        self, asked: Sequence[tuple[Contract | str, Contract]], how: How
    ) -> list[Resolution]:
        async def one(given: Contract | str, contract: Contract) -> Resolution:
            try:
                return Resolution(given, await self._resolve(contract, how))
            except TwsLoopError as error:
                return Resolution(given, error=error)

        return await asyncio.gather(*(one(given, contract) for given, contract in asked))


def _by_id(details: Iterable[ContractDetails]) -> list[ContractDetails]:
    """One of each contract: without an exchange IB lists it once for each that trades it."""
    found: dict[int, ContractDetails] = {}
    for one in details:
        known = found.get(one.contract.conId)
        if known is None or (one.contract.exchange == "SMART" != known.contract.exchange):
            found[one.contract.conId] = one
    return list(found.values())
