"""Exercising an option, or letting it lapse: the request, typed and checked.

IB shows an exercise as an order of its own (a purchase at a price of 0) while it is processed, and
its id comes from the order ids. Whether a request is final at once is a setting of TWS.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import attrs
from ibapi.contract import Contract
from ibapi.order import Order

from twsloop.errors import InvalidOrder
from twsloop.wire.showing import contract_words

from .copying import copied
from .inputs import Number, to_quantity, to_time, to_whole
from .version_checks import TOO_OLD
from .words import ExerciseAction, SecType

__all__ = ["ExerciseRequest", "exercise_order", "is_exercise"]

_OPTIONS = frozenset({SecType.OPTION, SecType.FUTURE_OPTION, SecType.WARRANT})
#: The first server version that knows a field (``ibapi`` 10.46.1, server_versions).
_GATES = {"manual_order_time": 180, "customer_account": 183, "professional_customer": 184}


def exercise_order(action: ExerciseAction, quantity: int, account: str) -> Order:
    """The order that an exercise is followed as."""
    order = Order()
    order.action, order.orderType = "SELL", action.name
    order.totalQuantity, order.account = Decimal(quantity), account
    return order


def is_exercise(order: Any) -> bool:
    """Whether an order stands for an exercise, or a lapse: there is no such type of order."""
    return str(order.orderType) in ExerciseAction.__members__


def _count(quantity: Number) -> int:
    return to_whole(to_quantity(quantity, "quantity"), "quantity")


def _moment(value: datetime | str) -> str:
    return to_time(value, "manual order time")


@attrs.frozen(kw_only=True)
class ExerciseRequest:
    """What is to become of an option that is held.

    Attributes:
        contract: The option.
        quantity: How many contracts, above 0.
        action: Exercise it, or let it lapse.
        account: Whose.
        override: Do it even if it is not what happens by itself: exercise an option that is out
            of the money, let one lapse that is in the money.
        manual_order_time: When the instruction was given; "" for now. A datetime with its zone, or
            a text in IB's form.
        customer_account: For brokers: the customer's account.
        professional_customer: For brokers: whether the customer is a professional.

    Raises:
        InvalidOrder: No option, no account, or a quantity that is not a whole number above 0.
    """

    contract: Contract = attrs.field(repr=contract_words)
    quantity: int = attrs.field(converter=_count)
    account: str
    action: ExerciseAction = attrs.field(default=ExerciseAction.EXERCISE)
    override: bool = False
    manual_order_time: str = attrs.field(default="", converter=_moment)
    customer_account: str = ""
    professional_customer: bool = False

    def __attrs_post_init__(self) -> None:
        contract = self.contract
        kind = contract.secType
        if kind and kind not in _OPTIONS:
            msg = f"a contract of kind {kind} is not exercised; give the option"
            raise InvalidOrder(msg)
        if not contract.exchange or not (contract.conId or contract.symbol or contract.localSymbol):
            msg = "the option needs its exchange, and its conId or symbol; resolve it first"
            raise InvalidOrder(msg, code=321)
        if not self.account:
            msg = "an exercise names the account that holds the option"
            raise InvalidOrder(msg, code=435)
        if self.action not in set(ExerciseAction):
            msg = f"action {self.action!r} is neither 1 (exercise) nor 2 (lapse)"
            raise InvalidOrder(msg, code=321)

    def check_version(self, server_version: int) -> None:
        """Refuse what a server version does not know.

        Raises:
            InvalidOrder: A field is set that would not arrive (503).
        """
        for name, since in _GATES.items():
            if getattr(self, name) and server_version < since:
                msg = f"{name} needs server version {since}; this gateway speaks {server_version}"
                raise InvalidOrder(msg, code=TOO_OLD)

    def arguments(self, order_id: int) -> tuple[Any, ...]:
        """The arguments of IB's ``exerciseOptions``."""
        return (
            order_id,
            copied(self.contract),
            int(self.action),
            self.quantity,
            self.account,
            int(self.override),
            self.manual_order_time,
            self.customer_account,
            self.professional_customer,
        )
