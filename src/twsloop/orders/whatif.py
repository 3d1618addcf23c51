"""A preview: what an order would do to the account, without being one.

The gateway answers a what-if order with a single ``openOrder`` whose ``OrderState`` carries the
margins; no order exists, before or after. IB asks for restraint: about one preview for ten orders,
and no more than one a minute.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import attrs
from ibapi.contract import Contract
from ibapi.order import Order

from twsloop.wire.showing import contract_words, order_words, short_row
from twsloop.wire.values import decimal_or_none, text_or_none

from .attributes import changed

__all__ = ["Allocation", "Effect", "Margins", "OrderPreview", "preview_order", "read_preview"]


@attrs.frozen
class Effect:
    """A sum of money before and after an order; None where the gateway does not say."""

    before: Decimal | None
    change: Decimal | None
    after: Decimal | None

    __repr__ = short_row

    @property
    def known(self) -> bool:
        """Whether the gateway said anything of it."""
        return any(value is not None for value in (self.before, self.change, self.after))


@attrs.frozen
class Margins:
    """What an order does to the margins of its account, in the preview's ``margin_currency``."""

    initial: Effect
    maintenance: Effect
    equity_with_loan: Effect

    __repr__ = short_row

    @property
    def known(self) -> bool:
        """Whether the gateway said anything of them."""
        return any(one.known for one in (self.initial, self.maintenance, self.equity_with_loan))


@attrs.frozen
class Allocation:
    """What one account of a group would get of an advisor's order; sizes in units."""

    account: str
    position: Decimal | None
    position_desired: Decimal | None
    position_after: Decimal | None
    desired_quantity: Decimal | None
    allowed_quantity: Decimal | None
    is_monetary: bool


@attrs.frozen
class OrderPreview:
    """What an order would do.

    Attributes:
        contract: The contract as the gateway understood it.
        order: The order as the gateway would take it, with what it filled in.
        status: The word that its first status would have.
        margins: What it does to the margins.
        margins_outside_rth: The same outside regular hours; None if the gateway does not say
            (server versions before 195, most accounts).
        margin_currency: In which currency the margins are; None if the gateway does not say.
        commission: Commission and fees; None where only a range is known.
        commission_min: The least of them.
        commission_max: The most of them.
        commission_currency: In which currency they are.
        suggested_size: The size that the gateway would rather see.
        warning: What it warns of.
        reject_reason: Why it would refuse the order.
        allocations: What the accounts of a group would get.
    """

    contract: Contract = attrs.field(repr=contract_words)
    order: Order = attrs.field(repr=order_words)
    status: str
    margins: Margins
    margins_outside_rth: Margins | None
    margin_currency: str | None
    commission: Decimal | None
    commission_min: Decimal | None
    commission_max: Decimal | None
    commission_currency: str | None
    suggested_size: Decimal | None
    warning: str | None
    reject_reason: str | None
    allocations: tuple[Allocation, ...]

    __repr__ = short_row

    @property
    def most_commission(self) -> Decimal | None:
        """What it costs at the most."""
        return self.commission if self.commission_max is None else self.commission_max


def preview_order(order: Order) -> Order:
    """A copy of an order that asks for a preview of it.

    ``transmit`` is set: the gateway refuses a preview that is held back (413).
    """
    return changed(order, whatIf=True, transmit=True)


def read_preview(contract: Contract, order: Order, state: Any) -> OrderPreview:
    """The ``openOrder`` that answers a preview, typed.

    Args:
        contract: As it came.
        order: As it came.
        state: IB's OrderState as it came: texts at any server version, floats beside them.
    """
    outside = _margins(state, "OutsideRTH")
    return OrderPreview(
        contract=contract,
        order=order,
        status=state.status,
        margins=_margins(state, ""),
        margins_outside_rth=outside if outside.known else None,
        margin_currency=text_or_none(state.marginCurrency),
        commission=decimal_or_none(state.commissionAndFees),
        commission_min=decimal_or_none(state.minCommissionAndFees),
        commission_max=decimal_or_none(state.maxCommissionAndFees),
        commission_currency=text_or_none(state.commissionAndFeesCurrency),
        suggested_size=decimal_or_none(state.suggestedSize),
        warning=text_or_none(state.warningText),
        reject_reason=text_or_none(state.rejectReason),
        allocations=tuple(_allocation(one) for one in state.orderAllocations or ()),
    )


def _margins(state: Any, suffix: str) -> Margins:
    return Margins(
        *(
            Effect(
                *(
                    decimal_or_none(getattr(state, f"{name}{when}{suffix}"))
                    for when in ("Before", "Change", "After")
                )
            )
            for name in ("initMargin", "maintMargin", "equityWithLoan")
        )
    )


def _allocation(one: Any) -> Allocation:
    return Allocation(
        account=one.account,
        position=decimal_or_none(one.position),
        position_desired=decimal_or_none(one.positionDesired),
        position_after=decimal_or_none(one.positionAfter),
        desired_quantity=decimal_or_none(one.desiredAllocQty),
        allowed_quantity=decimal_or_none(one.allowedAllocQty),
        is_monetary=bool(one.isMonetary),
    )
