"""Asking for what is not remembered: each question of IB's about contracts, on the loop thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import attrs
from ibapi.contract import Contract, ContractDetails
from ibapi.server_versions import MIN_SERVER_VER_CANCEL_CONTRACT_DATA

from twsloop.clock import SystemClock
from twsloop.connection.core import Core
from twsloop.errors import RequestError, UnknownContract
from twsloop.wire.identity import contract_key

from .cache import AnswerCache, source_of
from .chains import OptionChain
from .meant import hint_of
from .processor import ContractProcessor
from .rules import MarketRule, make_rule
from .state import (
    DepthExchange,
    SmartVenue,
    SymbolMatch,
    copied,
    is_outlived,
    read_chain,
    read_depth_exchange,
)
from .symbols import CURRENCIES

__all__ = ["NOTHING_FITS", "How", "Lookups", "details_key"]

#: IB's code for a description that nothing fits.
NOTHING_FITS = 200
#: A market rule comes without a request's id: one that comes late may be another's.
RULE_TRIES = 2
#: So many details are copied in one turn of the loop, some milliseconds.
COPIES_A_TURN = 200


@attrs.frozen
class How:
    """How a question is asked.

    Attributes:
        refresh: Ask the gateway, whatever is remembered.
        timeout: Seconds for each answer, from when its request leaves; None for those configured.
    """

    refresh: bool = False
    timeout: float | None = None


class Lookups:
    """IB's answers about contracts, from memory while they are young.

    Args:
        core: The connection.
        label: Writes a contract for people.
    """

    def __init__(self, core: Core, label: Callable[[Contract], str]) -> None:
        self._core = core
        self._label = label
        settings = core.config.contracts
        connection = core.config.connection
        # Where time is moved by hand, ages mean nothing to another run.
        keep = settings.cache and isinstance(core.clock, SystemClock)
        self.cache = AnswerCache(
            core.event_loop,
            core.clock.now,
            lambda: source_of(connection.host, connection.port, core.accounts),
            settings.cache_file if keep else None,
        )
        self.details_age = timedelta(hours=settings.details_age)
        self.rules_age = timedelta(hours=settings.rules_age)
        self.chains_age = timedelta(hours=settings.chains_age)
        core.add_slice(ContractProcessor(core))

    async def details(self, contract: Contract, how: How) -> list[ContractDetails]:
        """All contracts that fit a description.

        Raises:
            UnknownContract: None does.
        """
        key = details_key(contract)
        if not how.refresh:
            found = await self.cache.get("details", key, self.details_age)
            if found is not None:
                today = self._core.clock.now().date() - timedelta(days=1)
                if not is_outlived(found.value, found.told_at.date(), today):
                    return await _copies(found.value)
        told = await self._ask_details(contract, key, how)
        self.cache.put("details", key, told)
        return await _copies(told)

    async def _ask_details(self, contract: Contract, key: Any, how: How) -> list[ContractDetails]:
        core = self._core
        name = f"details of {self._label(contract)}"

        def cancel(req_id: int) -> None:
            if core.server_version >= MIN_SERVER_VER_CANCEL_CONTRACT_DATA:
                core.cancelContractData(req_id)

        try:
            found: list[ContractDetails] = await core.ask(
                lambda req_id: core.reqContractDetails(req_id, contract),
                request=name,
                timeout=how.timeout,
                cancel=cancel,
                share=("contract details", key),
            )
        except RequestError as error:
            if error.code != NOTHING_FITS:
                raise
            raise UnknownContract(
                error.text,
                code=error.code,
                req_id=error.req_id,
                request=name,
                category=error.category,
                hint=hint_of(contract, CURRENCIES),
            ) from None
        return found

    async def search(self, pattern: str, how: How) -> list[SymbolMatch]:
        """Symbols that are like a pattern; the best first, 16 at most."""
        core = self._core
        found: list[SymbolMatch] = await core.ask(
            lambda req_id: core.reqMatchingSymbols(req_id, pattern),
            request=f"symbols like {pattern!r}",
            timeout=how.timeout,
            share=("matching symbols", pattern),
        )
        return found

    async def chains(
        self, underlying: ContractDetails, exchange: str, how: How
    ) -> list[OptionChain]:
        """All option chains of an underlying: one for each exchange and trading class.

        Args:
            underlying: What the options are on.
            exchange: Of options on futures: theirs; else empty.
            how: How to ask.
        """
        core, contract = self._core, underlying.contract
        key = (contract.conId, exchange)
        if not how.refresh:
            found = await self.cache.get("chains", key, self.chains_age)
            yesterday = core.clock.now().date() - timedelta(days=1)
            if found is not None and not _has_expired(found.value, yesterday):
                return list(found.value)
        parts = await core.ask(
            lambda req_id: core.reqSecDefOptParams(
                req_id, contract.symbol, exchange, contract.secType, contract.conId
            ),
            request=f"option chains of {self._label(contract)}",
            timeout=how.timeout,
            share=("option chains", key),
        )
        told = [read_chain(underlying, part) for part in parts]
        self.cache.put("chains", key, told)
        return told

    async def rule(self, rule_id: int, how: How) -> MarketRule:
        """The price increments of a market rule."""
        core = self._core
        if not how.refresh:
            found = await self.cache.get("rule", rule_id, self.rules_age)
            if found is not None:
                return found.value  # type: ignore[no-any-return]
        told_id: int | None = None
        for _ in range(RULE_TRIES):
            ((told_id, steps),) = await core.ask(
                lambda _id: core.reqMarketRule(rule_id),
                request=f"market rule {rule_id}",
                key="market_rule",
                timeout=how.timeout,
                share=("market rule", rule_id),
            )
            if told_id == rule_id:
                rule = make_rule(rule_id, [(step.lowEdge, step.increment) for step in steps])
                self.cache.put("rule", rule_id, rule)
                return rule
        msg = f"the gateway answered with rule {told_id}"
        raise RequestError(msg, request=f"market rule {rule_id}")

    async def venues(self, bbo_exchange: str, how: How) -> list[SmartVenue]:
        """The exchanges behind SMART, by the code of tickReqParams."""
        core = self._core
        if not how.refresh:
            found = await self.cache.get("venues", bbo_exchange, self.rules_age)
            if found is not None:
                return list(found.value)
        told = await core.ask(
            lambda req_id: core.reqSmartComponents(req_id, bbo_exchange),
            request=f"smart components of {bbo_exchange!r}",
            timeout=how.timeout,
            share=("smart components", bbo_exchange),
        )
        self.cache.put("venues", bbo_exchange, told)
        return list(told)

    async def depth_exchanges(self, how: How) -> list[DepthExchange]:
        """The exchanges whose order books can be asked for."""
        core = self._core
        if not how.refresh:
            found = await self.cache.get("depth exchanges", "", self.rules_age)
            if found is not None:
                return list(found.value)
        (told,) = await core.ask(
            lambda _id: core.reqMktDepthExchanges(),
            request="exchanges with depth",
            key="depth_exchanges",
            timeout=how.timeout,
            share="depth exchanges",
        )
        rows = [read_depth_exchange(one) for one in told]
        self.cache.put("depth exchanges", "", rows)
        return list(rows)


def details_key(contract: Contract) -> Any:
    """What makes two questions for details the same."""
    return (contract_key(contract), contract.issuerId)


async def _copies(details: list[ContractDetails]) -> list[ContractDetails]:
    """The caller's own copies, made a piece at a time: there may be thousands."""
    copies: list[ContractDetails] = []
    for one in details:
        copies.append(copied(one))
        if not len(copies) % COPIES_A_TURN:
            await asyncio.sleep(0)
    return copies


def _has_expired(chains: list[OptionChain], yesterday: Any) -> bool:
    return any(chain.expiries and chain.expiries[0] < yesterday for chain in chains)
