"""What may not change of a working order: the refusals of a placeOrder that names a known id.

Pure. The working order stays as it was (reference ``domain.md`` c, "Modify rules"). What may change
are prices, the size, the conditions and times, and a DAY order may become IOC.
"""

from __future__ import annotations

from typing import Any

from .order import PaperOrder, Status
from .reading import Draft, is_set
from .refusals import Refusal

__all__ = ["check_change"]

FILLED = Refusal(104, "Cannot modify a filled order.")
OTHER_ORDER = Refusal(105, "Order being modified does not match original order.")
MONETARY = Refusal(
    10241,
    "Order Quantity is expressed in monetary terms. Modification is not supported via API. "
    "Please use desktop version to revise this order.",
)
FRACTIONAL = Refusal(
    10242,
    "Fractional-sized order cannot be modified via API. "
    "Please use desktop version to revise this order.",
)
#: The times in force that an order may change to.
TIF_CHANGES = frozenset({("DAY", "IOC")})


def _contract(order: PaperOrder, draft: Draft, contract: Any) -> Refusal | None:
    if order.legs:
        known = {(leg.instrument.con_id, leg.ratio, leg.is_buy) for leg in order.legs}
        for one in contract.comboLegs:
            if (one.conId, one.ratio, one.action.upper() == "BUY") not in known:
                return Refusal(10059, "Order modify failed. The combo has another leg.")
    instrument = order.instrument
    other = contract.conId and not order.legs and contract.conId != instrument.con_id
    renamed = contract.symbol and contract.symbol.upper() != instrument.symbol.upper()
    if draft.action != order.request.action or other or renamed:
        return OTHER_ORDER
    return None


def _size(order: PaperOrder, draft: Draft) -> Refusal | None:
    if order.request.cashQty and is_set(order.request, "cashQty"):
        return MONETARY
    if order.total != order.total.to_integral_value():
        return FRACTIONAL
    return OTHER_ORDER if draft.total <= order.filled else None


def _tif(order: PaperOrder, draft: Draft) -> Refusal | None:
    tif = draft.tif or "DAY"
    if tif in {order.tif, order.asked_tif} or (order.tif, tif) in TIF_CHANGES:
        return None
    return Refusal(462, "Order modify failed. Cannot change to the new Time in Force")


def _group(order: PaperOrder, draft: Draft) -> Refusal | None:
    request = draft.request
    # A bracket's children are shown in the group that the gateway made of them.
    if request.ocaGroup not in {order.oca_group, ""}:
        return Refusal(10326, "OCA group revision is not allowed")
    if request.ocaGroup and request.ocaType not in {0, order.oca_type}:
        return Refusal(10327, "OCA group type revision is not allowed")
    parent = order.parent.order_id if order.parent else 0
    if request.parentId != parent:
        return Refusal(10341, "Parent order id cannot be modified")
    return None


def _algo(order: PaperOrder, draft: Draft) -> Refusal | None:
    if draft.request.algoStrategy.lower() != order.request.algoStrategy.lower():
        return Refusal(440, "Order modify failed. Algorithm cannot be modified.")
    return None


def check_change(order: PaperOrder, draft: Draft, contract: Any) -> Refusal | None:
    """What may not change; the working order stays as it was."""
    if order.is_terminal or order.status is Status.PENDING_CANCEL:
        return FILLED
    if draft.type_word != order.order_type:
        return Refusal(329, "Order modify failed. Cannot change to the new order type.")
    account = draft.request.account
    if account and account != order.account:
        text = "The account and clearing attributes on this order may not be changed."
        return Refusal(422, text)
    return (
        _tif(order, draft)
        or _contract(order, draft, contract)
        or _size(order, draft)
        or _group(order, draft)
        or _algo(order, draft)
    )
