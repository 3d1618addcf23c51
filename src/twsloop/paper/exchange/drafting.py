"""From a placeOrder request to an order: what it names, what it asks for, and a preview of it.

Pure. `Drafting.find` finds what a request trades and how much of it, `Drafting.draw` makes the
order, `Drafting.revise` changes one, `Drafting.preview` answers a what-if. Whether any of it is
allowed is decided elsewhere (`validation`, `changes`, `contract_rules`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import ROUND_FLOOR, Decimal
from typing import Any

import attrs

from twsloop.paper.accounts.account import Account
from twsloop.paper.accounts.commissions import OrderCharges, Rates
from twsloop.paper.accounts.valuation import Fee, Valuation
from twsloop.paper.catalogue.instruments import Catalogue, Instrument
from twsloop.paper.decimals import decimal_price
from twsloop.paper.market.vocabulary import TopOfBook
from twsloop.paper.orders import combos, echo, validation
from twsloop.paper.orders.adjusting import adjustment_of
from twsloop.paper.orders.combos import ComboLeg
from twsloop.paper.orders.contract_rules import BY_MONEY, Setting
from twsloop.paper.orders.order import OrderEvent, PaperOrder
from twsloop.paper.orders.order_types import Trigger
from twsloop.paper.orders.outbox import Outbox
from twsloop.paper.orders.reading import Draft
from twsloop.paper.orders.refusals import AMBIGUOUS, NO_DEFINITION, Refusal
from twsloop.paper.orders.rules import OrderRules

from . import acceptance

__all__ = ["Drafting", "Found"]

ZERO = Decimal(0)
#: What the server makes of these times in force.
BECOMES: Mapping[str, str] = {"": "DAY", "NMIN": "GTC", "GTX": "GTC"}


@attrs.frozen
class Found:
    """What a request asks for.

    Attributes:
        draft: The order, with its quantity in units of the instrument.
        instrument: What it trades.
        legs: The legs of a combination.
    """

    draft: Draft
    instrument: Instrument
    legs: tuple[ComboLeg, ...] = ()


@attrs.frozen(kw_only=True)
class Drafting:
    """Makes orders of requests; the attributes are the engine's."""

    catalogue: Catalogue
    accounts: Mapping[str, Account]
    books: Callable[[int], TopOfBook]
    valuation: Valuation
    rates: Rates
    rules: OrderRules
    user: str
    outbox: Outbox
    bound: acceptance.Bound

    def find(self, request: Any, draft: Draft, known: PaperOrder | None) -> Found | Refusal:
        """What a request trades; of a known order, what that trades."""
        if known is not None and not draft.request.whatIf:
            legs = known.legs
            if legs and request.contract.comboLegs:
                resolved = combos.resolve(request.contract, self.catalogue)
                if isinstance(resolved, Refusal):
                    return resolved
                legs = resolved[1]
            return Found(draft, known.instrument, legs)
        contract = request.contract
        if contract.secType == "BAG":
            resolved = combos.resolve(contract, self.catalogue)
            return resolved if isinstance(resolved, Refusal) else Found(draft, *resolved)
        found = self.catalogue.find(contract)
        if len(found) != 1:
            text = AMBIGUOUS.format(symbol=contract.symbol) if found else NO_DEFINITION
            return Refusal(200, text)
        instrument = found[0]
        if draft.cash is not None and instrument.sec_type in BY_MONEY:
            return Found(self._in_units(draft, instrument), instrument)
        return Found(draft, instrument)

    def _in_units(self, draft: Draft, instrument: Instrument) -> Draft:
        """An amount of the quoted currency as a quantity of the base currency."""
        top = self.books(instrument.con_id)
        quote = decimal_price(top.ask if draft.action == "BUY" else top.bid)
        price = draft.limit_price or quote or self.valuation.price(instrument.con_id)
        if not price or draft.cash is None:
            return draft
        step = instrument.size_increment if instrument.sec_type == "CRYPTO" else Decimal(1)
        units = (draft.cash / price / step).to_integral_value(ROUND_FLOOR) * step
        return attrs.evolve(draft, total=units)

    def setting(
        self, request: Any, found: Found, parent: PaperOrder | None, now: datetime, *, is_new: bool
    ) -> Setting:
        """What the contract's checks have to know."""
        instruments = [leg.instrument for leg in found.legs] or [found.instrument]
        account = self.accounts[request.order.account or next(iter(self.accounts))]
        return Setting(
            draft=found.draft,
            contract=request.contract,
            instrument=found.instrument,
            legs=found.legs,
            catalogue=self.catalogue,
            rules=self.rules,
            now=now,
            parent=parent,
            halted=any(self.books(one.con_id).halted for one in instruments),
            held=account.quantity(found.instrument.con_id),
            is_new=is_new,
        )

    def draw(self, client_id: int, request: Any, found: Found, now: datetime) -> PaperOrder:
        """Make the order of a request, not yet in the book."""
        draft, instrument = found.draft, found.instrument
        kind = draft.kind
        assert kind is not None
        asked = type(request.order)()
        asked.CopyFrom(request.order)
        asked.action = draft.action
        is_sale = draft.action == "SELL"
        order = PaperOrder(
            client_id=client_id,
            order_id=request.orderId,
            perm_id=0,
            account=asked.account or next(iter(self.accounts)),
            instrument=instrument,
            contract=_contract(request.contract, found),
            request=asked,
            charges=OrderCharges(self.rates, instrument.sec_type, is_sale, instrument.symbol),
            total=draft.total,
            order_type=kind.word,
            kind=kind,
            tif=BECOMES.get(draft.tif, draft.tif),
            asked_tif=draft.tif,
            oca_group=asked.ocaGroup,
            oca_type=asked.ocaType or validation.DEFAULT_OCA_TYPE,
            elected=kind.trigger is Trigger.NONE,
            awaits_conditions=bool(asked.conditions),
            placed_at=now,
            legs=found.legs,
            leg_charges=tuple(
                OrderCharges(
                    self.rates,
                    leg.instrument.sec_type,
                    leg.is_buy == is_sale,
                    leg.instrument.symbol,
                )
                for leg in found.legs
            ),
        )
        _set_prices(order, draft)
        return order

    def revise(self, order: PaperOrder, draft: Draft) -> bool:
        """Give a known order new values; what the gateway made of the old ones stays.

        Returns:
            Whether it keeps its place among orders of its price: only less size does.
        """
        before = (order.limit_price, order.stop_price, order.total)
        conditions = _conditions(order.request)
        group, parent_id = order.request.ocaGroup, order.request.parentId
        order.request.CopyFrom(draft.request)
        order.request.action = draft.action
        order.request.ocaGroup = draft.request.ocaGroup or group
        order.request.parentId = parent_id or draft.request.parentId
        order.total = draft.total
        for charges in (order.charges, *order.leg_charges):
            charges.begin()
        order.tif = BECOMES.get(draft.tif, draft.tif)
        order.asked_tif = draft.tif
        if not draft.request.conditions:
            order.awaits_conditions = False
        elif order.filled == ZERO and conditions != _conditions(order.request):
            order.awaits_conditions = True  # those that were met stay met
        # What is left of a market-to-limit order has its limit from its first fill.
        limit = order.limit_price if order.order_type == "MTL" and order.filled else None
        _set_prices(order, draft, working=True)
        order.limit_price = order.limit_price if limit is None else limit
        prices = (order.limit_price, order.stop_price)
        return before[:2] == prices and order.total <= before[2]

    def preview(self, client_id: int, request: Any, found: Found, now: datetime) -> None:
        """Answer a what-if: one openOrder with margins and commission, and nothing is placed."""
        draft = found.draft
        order = self.draw(client_id, request, found, now)
        echo.echo_order(order, self.user, now)
        order.happen(OrderEvent.HOLD)
        message = echo.open_order(order)
        account = self.accounts[order.account]
        self.valuation.preview_of(
            account, order.signed, self._fee(order, draft), message.orderState
        )
        self.outbox.post(client_id, "openOrder", message)
        reason = acceptance.reject_reason(order, self.bound, now)
        if reason is not None:
            text = f"Order rejected - reason:{reason}"
            self.outbox.order_error(order, Refusal(201, text), now)

    def _fee(self, order: PaperOrder, draft: Draft) -> Fee:
        account = self.accounts[order.account]
        price = draft.limit_price or draft.stop_price
        if not order.legs:
            price = price or self.valuation.price(order.instrument.con_id) or ZERO
            return self.valuation.preview_charge(
                account, order.instrument, order.charges, order.total, price
            )
        total, currency = ZERO, order.instrument.currency
        for leg, charges in zip(order.legs, order.leg_charges, strict=True):
            price = self.valuation.price(leg.instrument.con_id) or ZERO
            fee = self.valuation.preview_charge(
                account, leg.instrument, charges, order.total * leg.ratio, price
            )
            total, currency = total + fee.total, fee.currency
        return Fee(total, currency)


def _conditions(request: Any) -> tuple[bytes, ...]:
    """What an order waits for, to compare."""
    cancels = b"cancel" if request.conditionsCancelOrder else b"submit"
    ignores = b"always" if request.conditionsIgnoreRth else b"session"
    return (
        cancels,
        ignores,
        *(one.SerializeToString(deterministic=True) for one in request.conditions),
    )


def _contract(asked: Any, found: Found) -> Any:
    """The contract as it is echoed."""
    instrument = found.instrument
    contract = instrument.contract(exchange=asked.exchange or instrument.exchange)
    if found.legs:
        contract.comboLegs.extend(asked.comboLegs)
        contract.comboLegsDescrip = ",".join(
            f"{leg.instrument.con_id}|{leg.sign * leg.ratio}" for leg in found.legs
        )
    return contract


def _set_prices(order: PaperOrder, draft: Draft, *, working: bool = False) -> None:
    """Give an order the prices of a request; a trailing trigger goes on from where it is."""
    order.draft = draft
    order.limit_price = draft.limit_price
    order.amount = draft.amount
    order.percent = draft.percent
    order.limit_offset = draft.limit_offset
    order.peg_price = None
    order.adjustment = adjustment_of(draft)
    if not order.kind.trails:
        order.stop_price = draft.stop_price
        return
    if draft.stop_price is not None and (not working or draft.stop_price != order.given_stop):
        order.stop_price = draft.stop_price
    order.given_stop = draft.stop_price
    if order.kind.limit and draft.limit_offset is None and order.stop_price is not None:
        away = draft.limit_price - order.stop_price if draft.limit_price is not None else ZERO
        order.limit_offset = away if order.is_buy else -away
