"""When an order is checked against its contract, and with what knowledge of it.

`checks.validate` is told the contract's details and its market rule where they are at hand. In
memory they are looked up in the caller's own thread, so that an order with a price that no exchange
takes raises where it is placed. With ``validate="strict"`` the gateway is asked for them first, on
the loop thread; what is wrong then makes the order REFUSED.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import attrs
from ibapi.contract import Contract

from twsloop.config.sections.orders import Validation
from twsloop.connection.core import Core
from twsloop.errors import InvalidOrder, OrderError

from .checks import PriceRule, check_order

__all__ = ["NOTHING", "Knowledge", "Validator"]


@attrs.frozen
class Knowledge:
    """What is known of a contract.

    Attributes:
        details: IB's ContractDetails; None if they are not known.
        rule: The market rule of its exchange; None leaves ``minTick`` to judge.
    """

    details: Any = attrs.field(default=None, repr=False)
    rule: PriceRule | None = None


NOTHING = Knowledge()


class Validator:
    """Checks orders before they leave.

    Args:
        core: The connection.
        known: What is in memory about a contract; from any thread, and at once.
        learn: The same, asked of the gateway where it is not in memory; on the loop thread.
    """

    def __init__(
        self,
        core: Core,
        known: Callable[[Any], Knowledge],
        learn: Callable[[Any], Awaitable[Knowledge]] | None = None,
    ) -> None:
        self._core = core
        self._known = known
        self._learn = learn

    def mode(self, asked: Validation | None) -> Validation:
        """What is asked for, or configured."""
        return asked or self._core.config.orders.validate

    def check(self, contract: Any, order: Any, mode: Validation) -> None:
        """Check an order in the caller's thread, with what is at hand.

        Raises:
            InvalidOrder: The text says what is wrong, with which field, and IB's code for it.
        """
        if mode == "off" or not isinstance(contract, Contract):
            check_order(contract, order)
        else:
            self._judge(contract, order, self._known(contract))

    async def ask(self, contract: Any, order: Any) -> str:
        """Check an order with what the gateway says of its contract; what is wrong, or empty."""
        if self._learn is None:
            msg = "validate='strict' needs the contract's details, and nobody here can ask for them"
            raise OrderError(msg)
        try:
            self._judge(contract, order, await self._learn(contract))
        except InvalidOrder as error:
            return str(error)
        return ""

    def _judge(self, contract: Any, order: Any, knowledge: Knowledge) -> None:
        check_order(
            contract,
            order,
            knowledge.details,
            rule=knowledge.rule,
            server_version=self._core.server_version or None,
        )
