"""What the broker says of an order that reached it: notices, rejections, bounds.

Pure. These come after the gateway's own checks: a notice does not end an order, a rejection does
(Inactive, 201), a price out of bounds is accepted and cancelled (202).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

import attrs

from twsloop.paper.accounts.account import Account
from twsloop.paper.accounts.valuation import Leg, Valuation
from twsloop.paper.clock.times import ZONE_WARNING
from twsloop.paper.decimals import plain
from twsloop.paper.orders import schedule
from twsloop.paper.orders.contract_rules import BROKER_REFUSED_TIFS
from twsloop.paper.orders.order import PaperOrder
from twsloop.paper.orders.order_book import PaperBook
from twsloop.paper.orders.order_types import BROKER_REFUSED_TYPES, Trigger
from twsloop.paper.orders.reading import Draft
from twsloop.paper.orders.refusals import Refusal
from twsloop.paper.orders.rules import OrderRules

__all__ = [
    "Bound",
    "broken_band",
    "notices",
    "refused_change",
    "reject_reason",
    "take_back_outside",
]

OUTSIDE_RTH_IGNORED = (
    "Order Event Warning:Attribute 'Outside Regular Trading Hours' is ignored based on the order "
    "type and destination. PlaceOrder is now being processed."
)
TIF_WAS_SET = Refusal(10349, "Order TIF was set to DAY based on order preset.")
BAND = "We cannot accept an order at a limit price at or more aggressive than {bound:.6f}"


@attrs.frozen
class Bound:
    """What accounts can carry, with what their working orders bind.

    Attributes:
        accounts: The accounts by name.
        valuation: Margins.
        orders: The working orders.
    """

    accounts: Mapping[str, Account]
    valuation: Valuation
    orders: PaperBook

    def refusal(self, order: PaperOrder, legs: Iterable[Leg]) -> str | None:
        """Why an order's account cannot carry these changes, None if it can."""
        account = self.accounts[order.account]
        working = self.orders.working(order, account.positions)
        return self.valuation.margin_refusal_of(account, legs, working)


def notices(order: PaperOrder, now: datetime, *, keeps_hours: bool) -> Iterator[Refusal]:
    """What is told before the first report; an attribute that is ignored is taken back."""
    draft = order.draft
    if draft is not None and draft.implies_a_zone:
        yield Refusal(2174, ZONE_WARNING)
    yield from take_back_outside(order)
    opens = _waits_until(order, now, keeps_hours=keeps_hours)
    if opens is not None:
        yield Refusal(399, waiting(order, opens))


def take_back_outside(order: PaperOrder) -> Iterator[Refusal]:
    """Take ``outsideRth`` back where it is ignored, with the notice that says so."""
    has_hours = order.instrument.sec_type in schedule.WITH_EXTENDED_HOURS
    ignored = has_hours and not order.kind.outside_hours
    if order.request.outsideRth and ignored and order.kind.trigger is not Trigger.NONE:
        order.request.outsideRth = False
        yield Refusal(2109, OUTSIDE_RTH_IGNORED)


def _waits_until(order: PaperOrder, now: datetime, *, keeps_hours: bool) -> datetime | None:
    if order.tif == "OPG":
        return order.auction_at
    if keeps_hours and not schedule.is_open(order, now):
        return schedule.opening(order, now)
    return None


def waiting(order: PaperOrder, opens: datetime) -> str:
    """The text of 399: an order that waits for its market."""
    instrument = order.instrument
    venue = f"{instrument.primary_exchange or instrument.exchange}.{instrument.trading_class}"
    local = opens.astimezone(schedule.zone_of(instrument))
    return (
        f"Order Message:\n{order.request.action} {plain(order.total)} "
        f"{instrument.symbol} {venue}\nWarning: your order will not be placed at the exchange "
        f"until {local:%Y-%m-%d %H:%M:%S} {instrument.time_zone}"
    )


def reject_reason(order: PaperOrder, bound: Bound, now: datetime) -> str | None:
    """Why the broker does not take it, None if it does."""
    if order.tif in BROKER_REFUSED_TIFS:
        return (
            f"The time-in-force {order.tif} is invalid for this combination of exchange "
            "and security type"
        )
    if order.order_type in BROKER_REFUSED_TYPES:
        return "A PEG BEST order has to be posted to an ATS"
    closing = order.auction_at if order.kind.auction else None
    if closing is not None and schedule.cutoff(order.instrument, closing) <= now < closing:
        return "It is too late for the closing auction"
    if order.waits_for_parent:
        return None
    return bound.refusal(order, order.signed)


def broken_band(order: PaperOrder, rules: OrderRules, valuation: Valuation) -> str | None:
    """IB's words for a limit to buy a US stock too far above the market; None if it is not.

    Only seen of purchases: sales have no band.
    """
    instrument = order.instrument
    if rules.price_band is None or not order.is_buy or order.order_type != "LMT":
        return None
    if instrument.sec_type != "STK" or instrument.currency != "USD" or order.limit_price is None:
        return None
    reference = valuation.price(instrument.con_id)
    if reference is None:
        return None
    bound = reference * (1 + rules.price_band)
    return BAND.format(bound=bound) if order.limit_price > bound else None


def refused_change(
    order: PaperOrder,
    draft: Draft,
    bound: Bound,
    rules: OrderRules,
) -> Refusal | None:
    """Why the broker does not take new values of a working order; the old ones stay.

    What is left of the order has to pass what a new one has to: the margin and the band. The
    answer (201, and the working order told as it stands) is not in the references.
    """
    if not order.is_live:
        return None  # it is judged when it is sent
    left = attrs.evolve(order, total=draft.total - order.filled, limit_price=draft.limit_price)
    reason = broken_band(left, rules, bound.valuation)
    if reason is None and not order.waits_for_parent:
        reason = bound.refusal(order, left.signed)
    return None if reason is None else Refusal(201, f"Order rejected - reason:{reason}")
