"""Whether an order may leave: what the gateway would refuse is refused here, with its code.

`validate` looks at everything that is at hand: the fields (`field_checks`, `attribute_checks`), the
contract's details and its market rule (`contract_checks`), the server's version (`version_checks`).
Only what is known to be refused is refused; what depends on the account or on the market is the
gateway's to say.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Protocol

from ibapi.const import UNSET_DOUBLE
from ibapi.contract import Contract
from ibapi.order import Order

from twsloop.errors import InvalidOrder

from .attribute_checks import ATTRIBUTE_CHECKS
from .contract_checks import CONTRACT_CHECKS
from .field_checks import FIELD_CHECKS
from .inputs import to_price, without_noise
from .problems import NUMBERS, Draft, Problem, find, is_set, says
from .version_checks import version_problem

__all__ = ["PriceRule", "check_order", "describe", "find_problems", "is_set", "tidy", "validate"]


_CHECKS = (*FIELD_CHECKS, *ATTRIBUTE_CHECKS, *CONTRACT_CHECKS)


class PriceRule(Protocol):
    """A market rule: the step of prices at a price (``contracts.rules.MarketRule`` is one)."""

    def increment(self, price: Decimal) -> Decimal:
        """The step that counts at a price."""
        ...


def tidy(order: Any) -> Any:
    """Bring prices and sizes into the types, and the spelling, that IB encodes.

    Raises:
        InvalidOrder: A text that is no number.
    """
    for name in NUMBERS:
        value = getattr(order, name, None)
        if value is UNSET_DOUBLE:  # most are
            continue
        if isinstance(value, (str, Decimal)):
            setattr(order, name, to_price(value, name))
        elif isinstance(value, float) and is_set(value):
            setattr(order, name, without_noise(value))
    size = getattr(order, "totalQuantity", None)
    if size is not None and not isinstance(size, Decimal):
        try:
            order.totalQuantity = Decimal(str(size))
        except ArithmeticError:
            msg = f"totalQuantity {size!r} is not a number"
            raise InvalidOrder(msg) from None
    elif size is not None and is_set(size) and size.is_finite():
        order.totalQuantity = Decimal(f"{size:f}")  # not 1E+2, which IB's client would write
    if says(getattr(order, "cashQty", None)) and not is_set(size):
        order.totalQuantity = Decimal(0)  # an unset one leaves as 39 digits up to version 202
    return order


def find_problems(
    order: Any,
    contract: Any,
    details: Any = None,
    *,
    rule: PriceRule | None = None,
    server_version: int | None = None,
) -> list[Problem]:
    """All that the gateway would refuse an order for, the first first.

    Args:
        order: IB's Order.
        contract: IB's Contract.
        details: IB's ContractDetails of it; None leaves out what only they tell.
        rule: The market rule of the contract's exchange; None leaves ``minTick`` to judge.
        server_version: The session's; None leaves out what only it tells.
    """
    draft = Draft(contract, order, details, rule)
    problems = find(draft, _CHECKS)
    outdated = None if server_version is None else version_problem(order, server_version)
    return problems if outdated is None else [outdated, *problems]


def validate(
    order: Any,
    contract: Any,
    details: Any = None,
    *,
    rule: PriceRule | None = None,
    server_version: int | None = None,
) -> None:
    """Refuse an order that the gateway would refuse; the arguments are those of `find_problems`.

    Raises:
        InvalidOrder: All that is wrong is in its text; ``code`` is IB's code of the first.
    """
    if not isinstance(contract, Contract):
        msg = f"the contract is not an ibapi Contract: {contract!r}"
        raise InvalidOrder(msg)
    if not isinstance(order, Order):
        msg = f"the order is not an ibapi Order: {order!r}"
        raise InvalidOrder(msg)
    problems = find_problems(order, contract, details, rule=rule, server_version=server_version)
    if problems:
        msg = f"{describe(order)}: {'; '.join(map(str, problems))}"
        raise InvalidOrder(msg, code=problems[0].code)


def check_order(
    contract: Any,
    order: Any,
    details: Any = None,
    *,
    rule: PriceRule | None = None,
    server_version: int | None = None,
) -> None:
    """Refuse an order that cannot be placed as it is; the arguments are those of `find_problems`.

    Raises:
        InvalidOrder: The text says what is wrong, and with which field.
    """
    validate(order, contract, details, rule=rule, server_version=server_version)
    if order.whatIf:
        msg = f"{describe(order)}: a what-if order has no life to follow; ask for a preview"
        raise InvalidOrder(msg)


def describe(order: Any) -> str:
    """An order in short, for error texts and logs: ``BUY 100 LMT 189.5``."""
    size = f"{Decimal(str(order.totalQuantity)):f}" if is_set(order.totalQuantity) else "?"
    prices = [
        f"{name} {price!r}" if name else repr(price)
        for name, price in (("", order.lmtPrice), ("stop", order.auxPrice))
        if is_set(price) and price
    ]
    return " ".join([order.action or "?", size, order.orderType or "?", *prices])
