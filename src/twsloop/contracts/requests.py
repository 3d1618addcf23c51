"""What goes out about contracts: each question returns a Future, and is remembered.

Answers come from memory while they are young (``[contracts]`` has the ages); every method takes
``refresh=True`` to ask anew. What one method needs to know of a contract (its details for a price,
its id for a chain) it looks up itself.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Literal, TypeVar

from ibapi.contract import Contract, ContractDetails

from twsloop.errors import ContractError
from twsloop.event_loop import Future

from .derivatives import Derivatives
from .hours import TradingHours, hours_of
from .lookups import How
from .rules import (
    MarketRule,
    Number,
    Rounding,
    exact,
    round_quantity,
    rounding_for,
    rule_ids,
    single_step,
)
from .state import DepthExchange, SmartVenue

__all__ = ["Contracts"]

T = TypeVar("T")
Kind = Literal["trading", "liquid"]


class Contracts(Derivatives):
    """The contracts slice: ``gw.contracts``.

    Args:
        core: The connection.
        to_contract: Reads what users give as a contract.
        label: Writes a contract for people.
    """

    # ---- prices and sizes ----------------------------------------------------------------

    def market_rule(
        self, rule_id: int, *, refresh: bool = False, timeout: float | None = None
    ) -> Future[MarketRule]:
        """The price increments of a market rule, by its number in ``marketRuleIds``.

        Raises:
            ContractError: It is no number.
        """
        given: object = rule_id
        if not isinstance(given, int):
            msg = f"rule_id={rule_id!r}: a market rule is told by its number; see price_rule"
            raise ContractError(msg)
        how = How(refresh, timeout)
        return self._core.event_loop.submit(self._lookups.rule, rule_id, how)

    def price_rule(
        self,
        contract: Contract | str,
        exchange: str | None = None,
        *,
        refresh: bool = False,
        timeout: float | None = None,
    ) -> Future[MarketRule]:
        """The market rule that binds for a contract on an exchange.

        Args:
            contract: Exactly one must fit.
            exchange: One of its ``validExchanges``; the contract's own unless given.
            refresh: Ask the gateway, whatever is remembered.
            timeout: Seconds for each part of an answer; as configured unless given.

        Returns:
            A Future. It raises what `resolve` does, and ContractError where the exchange does not
            trade it. Of a contract without market rules it is the ``minTick`` of its details.

        Raises:
            SymbolError: The symbol cannot be read.
            ContractError: The contract names nothing, or is a combo.
        """
        return self._of_rule(contract, exchange, How(refresh, timeout), lambda rule: rule)

    def price_increment(
        self,
        contract: Contract | str,
        price: Number,
        exchange: str | None = None,
        *,
        refresh: bool = False,
        timeout: float | None = None,
    ) -> Future[Decimal]:
        """The step that prices have at a price; arguments and errors as `price_rule`."""
        at = exact(price, "the price")
        how = How(refresh, timeout)
        return self._of_rule(contract, exchange, how, lambda rule: rule.increment(at))

    def round_price(
        self,
        contract: Contract | str,
        price: Number,
        side: str | None = None,
        exchange: str | None = None,
        *,
        rounding: Rounding | None = None,
        refresh: bool = False,
        timeout: float | None = None,
    ) -> Future[Decimal]:
        """The next price that an exchange takes.

        Args:
            contract: Exactly one must fit.
            price: Any price; below 0 where such are possible.
            side: ``BUY`` rounds down and ``SELL`` up, so that a limit never gets worse; None takes
                the nearest.
            exchange: One of its ``validExchanges``; the contract's own unless given.
            rounding: ``down``, ``up`` or ``nearest``, whatever the side.
            refresh: Ask the gateway, whatever is remembered.
            timeout: Seconds for each part of an answer; as configured unless given.

        Returns:
            A Future of the price, exact; errors as `price_rule`.

        Raises:
            SymbolError: The symbol cannot be read.
            ContractError: The price is none, or the side, or the contract names nothing.
        """
        wanted, way = exact(price, "the price"), rounding_for(side, rounding)
        single_step(1).round(0, way)  # an unknown word raises here, not in the Future
        how = How(refresh, timeout)
        return self._of_rule(contract, exchange, how, lambda rule: rule.round(wanted, way))

    def round_quantity(
        self,
        contract: Contract | str,
        quantity: Number,
        rounding: Rounding = "down",
        *,
        refresh: bool = False,
        timeout: float | None = None,
    ) -> Future[Decimal]:
        """A size that a contract can be ordered in: its ``sizeIncrement`` and ``minSize`` count.

        Args:
            contract: Exactly one must fit.
            quantity: The size wanted, 0 or more.
            rounding: ``down`` never gives more, and 0 for less than the smallest order.
            refresh: Ask the gateway, whatever is remembered.
            timeout: Seconds for each part of an answer; as configured unless given.

        Raises:
            SymbolError: The symbol cannot be read.
            ContractError: The quantity is none, or below 0, or the contract names nothing.
        """
        asked = self._read_single(contract)
        round_quantity(ContractDetails(), quantity, rounding)  # what is wrong raises here

        async def work() -> Decimal:
            details = await self._one(asked, How(refresh, timeout))
            return round_quantity(details, quantity, rounding)

        return self._core.event_loop.submit(work)

    def known_rule(self, details: ContractDetails, exchange: str) -> MarketRule | None:
        """The rule that binds on an exchange, if memory has it; asks nobody, and does not wait.

        Args:
            details: Of one contract (`known` has them).
            exchange: One of its ``validExchanges``.
        """
        number = rule_ids(details).get(exchange)
        found: MarketRule | None = self._lookups.cache.peek("rule", number, self._lookups.rules_age)
        return found

    # ---- hours ---------------------------------------------------------------------------

    def trading_hours(
        self, contract: Contract | str, *, refresh: bool = False, timeout: float | None = None
    ) -> Future[TradingHours]:
        """All the hours in which a contract trades, of the days that IB tells of.

        Returns:
            A Future. It raises what `resolve` does, and ContractError where the hours or their
            time zone cannot be read.

        Raises:
            SymbolError: The symbol cannot be read.
            ContractError: The contract names nothing, or is a combo.
        """
        return self._hours(contract, "trading", How(refresh, timeout))

    def liquid_hours(
        self, contract: Contract | str, *, refresh: bool = False, timeout: float | None = None
    ) -> Future[TradingHours]:
        """The hours of the regular session; as `trading_hours`."""
        return self._hours(contract, "liquid", How(refresh, timeout))

    # ---- exchanges -----------------------------------------------------------------------

    def smart_components(
        self, bbo_exchange: str, *, refresh: bool = False, timeout: float | None = None
    ) -> Future[list[SmartVenue]]:
        """The exchanges behind SMART, and the letters that ticks name them with.

        Args:
            bbo_exchange: The code that tickReqParams told (``9c0001``).
            refresh: Ask the gateway, whatever is remembered.
            timeout: Seconds for the answer; as configured unless given.

        Raises:
            ContractError: The code is empty.
        """
        if not bbo_exchange.strip():
            msg = "the code is empty: tickReqParams tells it, with the first ticks of a stock"
            raise ContractError(msg)
        how = How(refresh, timeout)
        return self._core.event_loop.submit(self._lookups.venues, bbo_exchange.strip(), how)

    def depth_exchanges(
        self, *, refresh: bool = False, timeout: float | None = None
    ) -> Future[list[DepthExchange]]:
        """The exchanges whose order books can be asked for."""
        how = How(refresh, timeout)
        return self._core.event_loop.submit(self._lookups.depth_exchanges, how)

    # ---- inside --------------------------------------------------------------------------

    def _of_rule(
        self,
        contract: Contract | str,
        exchange: str | None,
        how: How,
        read: Callable[[MarketRule], T],
    ) -> Future[T]:
        """What ``read`` makes of the market rule that binds."""
        asked = self._read_single(contract)

        async def work() -> T:
            return read(await self._binding_rule(asked, exchange, how))

        return self._core.event_loop.submit(work)

    async def _binding_rule(self, asked: Contract, exchange: str | None, how: How) -> MarketRule:
        details = await self._one(asked, how)
        numbers = rule_ids(details)
        if not numbers:
            return single_step(details.minTick)
        where = exchange or asked.exchange or details.contract.exchange
        if not exchange and not asked.secType and where not in numbers:
            where = details.contract.exchange  # "#495512552" says no exchange: SMART is a guess
        if where not in numbers:
            msg = (
                f"{self._label(asked)} does not trade at {where!r}; it does at {', '.join(numbers)}"
            )
            raise ContractError(msg)
        return await self._lookups.rule(numbers[where], how)

    def _hours(self, contract: Contract | str, kind: Kind, how: How) -> Future[TradingHours]:
        asked = self._read_single(contract)

        async def work() -> TradingHours:
            hours = hours_of(await self._one(asked, how), kind)
            if how.refresh or hours.knows(self._core.clock.now()):
                return hours
            # Remembered since yesterday, and today is not in them.
            return hours_of(await self._one(asked, How(True, how.timeout)), kind)

        return self._core.event_loop.submit(work)
