"""What a gateway refuses before an order reaches the market, in the order of Gateway 10.40.

A local refusal is ONE error with the order id and nothing else: no openOrder, no orderStatus
(reference ``domain.md`` c, "Validation order"). A broker's reject comes later and has a script of
its own (`floor`). The stages, and where they are:

1. read: fields that cannot be read (`reading.read`);
2. check: what a request cannot say of itself, mostly 321 (`check_fields`, here);
3. flow: ids (`engine`), and what may not change of a known order (`changes`);
4. build and 5. rules: what the contract does not take (`contract_rules`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import attrs

from . import triggers
from .combos import missing_legs
from .order_types import KNOWN_TYPES, Trigger
from .reading import Draft, is_set
from .refusals import AMBIGUOUS, NO_DEFINITION, VALIDATING, Refusal, validating

__all__ = [
    "AMBIGUOUS",
    "DEFAULT_OCA_TYPE",
    "NO_DEFINITION",
    "VALIDATING",
    "Asked",
    "Refusal",
    "check_fields",
]

ZERO = Decimal(0)
MAX_QUANTITY = Decimal(999_999_999)
DEFAULT_OCA_TYPE = 3
HUNDRED = Decimal(100)
NO_END = "The time or time-zone entered is invalid. The correct format is hh:mm:ss xxx"
ACTIONS = frozenset({"BUY", "SELL"})
SHORT_SLOTS = frozenset({0, 1, 2})


@attrs.frozen
class Asked:
    """A request, with what its checks need to know of the gateway.

    Attributes:
        draft: Its order.
        contract: Its contract.
        accounts: The login's accounts.
        is_new: Whether its id names no order yet.
        parent: The order that its parentId names, None if there is none that lives.
        attached: The ``AttachedOrders`` message that came with it.
    """

    draft: Draft
    contract: Any
    accounts: Sequence[str]
    is_new: bool = True
    parent: Any = None
    attached: Any = None

    @property
    def account(self) -> str:
        """The account that it names, or the first one."""
        return str(self.draft.request.account or self.accounts[0])


def _side(asked: Asked) -> Refusal | None:
    if asked.draft.action not in ACTIONS:
        return validating(f"Invalid side: {asked.draft.request.action}")
    if asked.draft.kind is None and asked.draft.word not in KNOWN_TYPES:
        return validating("Invalid order type was entered", "bF")
    return None


def _exchange(asked: Asked) -> Refusal | None:
    return None if asked.contract.exchange else validating("Missing order exchange")


def _good_till(asked: Asked) -> Refusal | None:
    draft = asked.draft
    if draft.tif == "GTD" and draft.ends is None and draft.duration is None:
        return validating(NO_END)
    return None


def _size(asked: Asked) -> Refusal | None:
    draft = asked.draft
    if not draft.total and draft.cash is None:
        # A hedge has no size of its own (10032).
        return None if draft.request.hedgeType else validating("The size value cannot be zero:")
    if draft.total < ZERO or draft.total > MAX_QUANTITY:
        return validating(f"The size value is out of range: {draft.request.totalQuantity}")
    return None


def _stop_price(asked: Asked) -> Refusal | None:
    draft = asked.draft
    kind = draft.kind
    if kind is None or kind.trigger is Trigger.NONE or draft.stop_price:
        return None
    if kind.word in {"STP", "STP LMT", "TRAIL LIMIT", "TRAIL LIT"}:
        return validating("Please enter a stop price")
    return None if kind.trails else Refusal(361, "Invalid trigger price.")


def _trigger_method(asked: Asked) -> Refusal | None:
    order = asked.draft.request
    methods = {order.triggerMethod, *(one.triggerMethod for one in order.conditions)}
    return None if methods <= triggers.METHODS else validating("Invalid trigger method.")


def _legs(asked: Asked) -> Refusal | None:
    return missing_legs(asked.contract)


def _short_sale(asked: Asked) -> Refusal | None:
    order = asked.draft.request
    if order.shortSaleSlot not in SHORT_SLOTS:
        text = "Short sale slot value must be 1 (broker holds shares) or 2 (delivered from "
        return validating(f"{text}elsewhere).")
    if order.shortSaleSlot:
        text = "Order not a short sale -- type must be SSHORT to specify short sale slot."
        return validating(text)
    return None


def _volatility(asked: Asked) -> Refusal | None:
    order = asked.draft.request
    if asked.draft.word != "VOL" and is_set(order, "volatility"):
        return validating(
            "VOL order requires positive floating point value for volatility. "
            "Do not set it for other order types."
        )
    return None


def _what_if(asked: Asked) -> Refusal | None:
    order = asked.draft.request
    if order.whatIf and not order.transmit:
        return validating("What-If order should have transmit flag set to TRUE.", "v")
    return None


def _account(asked: Asked) -> Refusal | None:
    account = asked.draft.request.account
    if account:
        if account not in asked.accounts:
            return validating(f"The account {account} is not known.")
    elif len(asked.accounts) > 1:
        return validating("You must specify an account.")
    return None


def _trail(asked: Asked) -> Refusal | None:
    draft = asked.draft
    if draft.kind is None or not draft.kind.trails:
        return None
    if draft.amount is None and draft.percent is None:
        return validating("You must specify an offset amount or a percent offset value.")
    if draft.percent is not None and not ZERO < draft.percent < HUNDRED:
        return validating("The percent offset value must be between 0% and 100%.")
    if draft.amount is not None and draft.amount < ZERO:
        return validating("You must specify an offset amount or a percent offset value.")
    if draft.kind.limit and (draft.limit_price is None) == (draft.limit_offset is None):
        return validating("Please enter exactly one of limit price and limit price offset")
    return None


def _middle(asked: Asked) -> Refusal | None:
    if asked.draft.word in {"MIDPRICE", "MIDPX"} and asked.draft.request.outsideRth:
        return validating("MIDPRICE orders are for regular trading hours only.")
    return None


def _parent(asked: Asked) -> Refusal | None:
    parent_id = asked.draft.request.parentId
    if parent_id and asked.is_new and asked.parent is None:
        return validating(f"Can't find order with id ={parent_id}")
    if parent_id and asked.is_new and asked.parent.account != asked.account:
        return validating("An order and its parent have to be in one account.")
    return None


def _hedge(asked: Asked) -> Refusal | None:
    if asked.draft.request.hedgeType:
        return validating("Hedge orders are not worked by this gateway")
    return None


def _attached(asked: Asked) -> Refusal | None:
    attached = asked.attached
    if attached is not None and (is_set(attached, "slOrderId") or is_set(attached, "ptOrderId")):
        return validating("Attached orders come from presets, which this gateway has not")
    return None


def _customer(asked: Asked) -> Refusal | None:
    order = asked.draft.request
    if not order.customerAccount:
        return None
    return Refusal(
        145,
        "Error in validating entry fields -Account config doesn't allow to specify customer "
        f"account value: {order.customerAccount} for account {asked.account}",
    )


#: In the order of Gateway 10.40.
_CHECKS: tuple[Callable[[Asked], Refusal | None], ...] = (
    _side,
    _exchange,
    _good_till,
    _size,
    _stop_price,
    _trigger_method,
    _legs,
    _short_sale,
    _volatility,
    _what_if,
    _account,
    _trail,
    _middle,
    _parent,
    _hedge,
    _attached,
    _customer,
)


def check_fields(asked: Asked) -> Refusal | None:
    """The checks that need no contract details; the first that fails, None if all pass."""
    for check in _CHECKS:
        refusal = check(asked)
        if refusal is not None:
            return refusal
    return None
