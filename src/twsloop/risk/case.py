"""One order before the gate, and the numbers that its checks share, each worked out once. Pure."""

from __future__ import annotations

from collections.abc import Hashable
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

import attrs

from twsloop.wire.showing import contract_words, order_words

from .exposures import Exposure, exposure
from .identity import Ident, ident_of, multiplier_of, names_of
from .memory import Memory
from .money import from_base, rate
from .outcomes import Unknown
from .reservations import Key, Reserved, total_of, trigger_of
from .sources import QuoteView, Sources
from .values import ZERO, exact, once

if TYPE_CHECKING:
    from .limits import Limits

__all__ = ["Case", "Proposal"]

#: Kinds whose limit is the price that is paid at most.
_LIMIT_KINDS = frozenset({"LMT", "STP LMT", "LOC", "LIT", "PEG MID", "MIDPRICE", "REL"})
#: What stands for the type of an order that exercises an option.
_EXERCISE = "EXERCISE"
#: All that a change of an order that only makes it smaller leaves as it was.
_PRICES = ("lmtPrice", "auxPrice", "trailStopPrice", "trailingPercent", "lmtPriceOffset")


@attrs.frozen(kw_only=True)
class Proposal:
    """An order, or a change of one, that is to leave.

    Attributes:
        order_id: Its id; 0 for one that has none yet (a preview).
        client_id: Whose order it is.
        kind: ``place`` or ``modify``.
        contract: IB's Contract, as the order will leave with it.
        order: IB's Order, as it will leave.
        account: The account it is for: the order's own, or the login's only one; empty where it is
            for a group of the advisor's.
        now: UTC.
        monotonic: The same moment in monotonic seconds.
        in_force: Of a change: the order as it works now.
        filled: How much of it is done.
        by_kill_switch: The kill switch closes a position with it.
        margin: What it would tie up, in the account's base currency, by a what-if; None if nobody
            asked.
    """

    order_id: int = 0
    client_id: int = 0
    kind: Literal["place", "modify"] = "place"
    contract: Any = attrs.field(repr=contract_words)
    order: Any = attrs.field(repr=order_words)
    account: str = ""
    now: datetime
    monotonic: float
    in_force: Any = None
    filled: Decimal = ZERO
    by_kill_switch: bool = False
    margin: Decimal | None = None


class Case:
    """What the checks look at.

    Args:
        proposal: The order.
        limits: The limits in force.
        sources: What is known.
        memory: What came before.
        day: The day under way.
    """

    def __init__(
        self,
        proposal: Proposal,
        limits: Limits,
        sources: Sources,
        *,
        memory: Memory,
        day: date,
    ) -> None:
        self.proposal = proposal
        self.limits = limits
        self.sources = sources
        self.memory = memory
        self.working = memory.working
        self.day = day
        self.contract = proposal.contract
        self.order = proposal.order
        self.account = proposal.account
        order = proposal.order
        self.buys: bool = order.action == "BUY"
        self.key: Key = (proposal.client_id, proposal.order_id)
        #: What `read` finds: IB's ContractDetails (None if memory has none), the contract as limits
        #: know it, the order as it would count among the working ones, and the position as it is
        #: reported (None if nobody knows).
        self.details: Any
        self.ident: Ident
        self.new: Reserved
        self.reported: Decimal | None
        #: Its whole size, its limit and its trigger; None where it has none.
        self.total = total_of(order)
        self.limit = exact(order.lmtPrice) or None
        self.trigger = trigger_of(order)
        #: How much money it is for, where it has no size.
        self.cash = None if self.total is not None else exact(order.cashQty) or None

    def read(self) -> None:
        """Look at all that an order which may leave is counted by; it comes before all checks."""
        contract = self.contract
        self.details = self.sources.details(contract)
        self.ident = ident_of(contract, self.details)
        self.new = self._count()
        self.reported = self.working.reported(self.account, self.ident)

    @property
    def whose(self) -> str:
        """The account that it is for.

        Raises:
            Unknown: It names none: it is for a group, or nobody has said.
        """
        if not self.account:
            raise Unknown("the order names no account, and the limit is one of an account")
        return self.account

    @property
    def waiting_parent(self) -> Key | None:
        """What it is attached to, while that waits at the gateway for it, or a sibling of it."""
        parent_id = self.order.parentId
        if not parent_id:
            return None
        parent = self.working.find((self.proposal.client_id, parent_id))
        return parent.key if parent is not None and parent.waits else None

    # ---- the contract --------------------------------------------------------------------

    @once
    def names(self) -> frozenset[str]:
        """What a list of symbols may call it."""
        return names_of(self.contract, self.details)

    @once
    def currency(self) -> str:
        """The contract's currency; empty if not known."""
        return self.ident.kind[2]

    @property
    def multiplier(self) -> Decimal:
        """Units of one contract.

        Raises:
            Unknown: Nobody knows it.
        """
        known = self.new.multiplier
        if known is None:
            if self.contract.secType == "BAG":
                msg = "the value of a combination is not known; order its legs, or lift the limit"
            else:
                msg = "the multiplier is not known; ask for the contract's details first"
            raise Unknown(msg)
        return known

    # ---- the quote -----------------------------------------------------------------------

    @once
    def fresh(self) -> QuoteView | str:
        """The quote if an order can be judged by it; else why it cannot."""
        quote = self.sources.quote(self.contract)
        if quote is None or quote.age is None:
            return "there is no quote; subscribe to the contract"
        oldest = self.limits.quote_age
        if oldest is not None and quote.age > oldest:
            return f"the quote is {quote.age:.1f} s old, more than {oldest:g} s"
        if quote.stale:
            return "the quote is from before an interruption"
        if quote.market_data_type not in {None, 1}:
            return "the quote is delayed or frozen, not live"
        if quote.halted:
            return "trading is halted"
        return quote

    @once
    def usable(self) -> QuoteView | str:
        """A fresh quote with two sides that do not cross; else why it is not one."""
        quote = self.fresh
        if isinstance(quote, str):
            return quote
        if quote.bid is None or quote.ask is None:
            return f"the quote has no {'bid' if quote.bid is None else 'ask'}"
        if quote.bid > quote.ask:
            return f"the quote is crossed: bid {quote.bid:g}, ask {quote.ask:g}"
        return quote

    # ---- the order -----------------------------------------------------------------------

    def _count(self) -> Reserved:
        """The order as it would count among the working ones."""
        proposal, order = self.proposal, self.order
        before = self.working.find(self.key)
        total = self.total
        if total is None and self.cash is not None:
            total = self._size_of_cash(self.cash)
        parent = (proposal.client_id, order.parentId) if order.parentId else None
        row = Reserved(
            key=self.key,
            account=self.account,
            contract=self.contract,
            ident=self.ident,
            buys=self.buys,
            total=total,
            filled=proposal.filled,
            parent=parent,
            oca=order.ocaGroup or "",
            waits=not order.transmit,
            price=self.limit or self.trigger,
            multiplier=multiplier_of(self.contract, self.details),
            cap=None if before is None else before.cap,
        )
        if parent is not None:
            self.working.cap(row)
        return row

    @once
    def same_as(self) -> Hashable:
        """All that makes it the same as another order."""
        order, ident = self.order, self.ident
        who = (ident.kind, ident.terms) if ident.kind[1] else ident.con_id
        prices = order.lmtPrice, order.auxPrice, order.trailingPercent, order.trailStopPrice
        size = float(self.total or order.cashQty)  # looked up often: a Decimal is slow to hash
        return self.account, who, order.action, order.orderType, size, prices

    def taken(self) -> Reserved:
        """The order as it counts from now on, with what is known of it at this moment."""
        row, in_force = self.new, self.proposal.in_force
        if in_force is not None and row.total is not None:
            # Until the change is confirmed, the order may trade as it was.
            row.resize(max(row.total, total_of(in_force) or ZERO))
        if "price" in self.__dict__:  # a check has worked it out
            row.price = self.price
        return row

    def _size_of_cash(self, cash: Decimal) -> Decimal | None:
        """The most that an amount of money can buy, by a fresh quote."""
        quote = self.fresh
        if isinstance(quote, str):
            return None
        prices = [exact(price) for price in (quote.bid, quote.ask, quote.last)]
        lowest = min((price for price in prices if price is not None and price > 0), default=None)
        return None if lowest is None else cash / lowest

    @property
    def size(self) -> Decimal:
        """How much may still trade.

        Raises:
            Unknown: It is an order by cash, and there is no quote.
        """
        size = self.new.open
        if size is None:
            raise Unknown("its size is not known: an order by cash needs a fresh quote")
        return size

    @property
    def strike(self) -> Decimal | None:
        """What the underlying costs by an exercise; None for all other orders."""
        return exact(self.contract.strike) if self.order.orderType == _EXERCISE else None

    @once
    def price(self) -> Decimal:
        """What one unit costs at most, in the contract's currency.

        A limit to buy is that. Everything else may trade at the market, or beyond a trigger.

        Raises:
            Unknown: It depends on the market, and there is no fresh quote.
        """
        limit = self.limit
        if self.buys and limit and limit > 0 and self.order.orderType in _LIMIT_KINDS:
            return limit
        quote = self.fresh
        if isinstance(quote, str):
            msg = f"its value depends on the market, and {quote}"
            raise Unknown(msg)
        seen = [exact(price) for price in (quote.bid, quote.ask, quote.last)]
        named = self.limit, self.trigger, self.strike
        prices = [abs(price) for price in (*seen, *named) if price is not None]
        if not any(price is not None for price in seen):
            raise Unknown("its value depends on the market, and the quote has no price")
        return max(prices)

    @once
    def notional(self) -> Decimal:
        """The value of what may still trade, in the currency of the limits.

        Raises:
            Unknown: A number that it needs is not known.
        """
        value = self.cash
        if value is None:
            value = self.size * self.price * self.multiplier
        return value * self.rate(self.ident.kind[2])

    def rate(self, currency: str) -> Decimal:
        """What one unit of a currency is worth in the currency of the limits.

        Raises:
            Unknown: Nobody knows.
        """
        return rate(self.sources, self.limits.currency, self.account, currency)

    def account_money(self, key: str) -> Decimal | None:
        """A value of the account, in the currency of the limits; None if the broker told none."""
        value = self.sources.account_value(self.whose, key)
        return None if value is None else self.in_limits(value)

    def in_limits(self, value: Decimal) -> Decimal:
        """An amount in the account's base currency, in the currency of the limits."""
        if not self.limits.currency:
            return value
        return from_base(self.sources, self.limits.currency, self.account, value)

    # ---- what it does to the position ----------------------------------------------------

    @property
    def known(self) -> Decimal | None:
        """The position as it is reported, of a contract that can be told from others."""
        return self.reported if self.ident.named else None

    @once
    def held(self) -> tuple[Decimal, Decimal]:
        """The lowest and the highest that the position may be now; negative is short.

        Raises:
            Unknown: The positions are not known, or not which one is the contract's.
        """
        if not self.ident.named:
            raise Unknown(
                "the position in a combination is not known"
                if self.contract.secType == "BAG"
                else "the contract has no symbol; ask for its details first"
            )
        account, reported = self.whose, self.reported
        if reported is None:
            raise Unknown("the positions are not known yet")
        return self.working.ahead.range(account, self.ident, reported, self.proposal.monotonic)

    @once
    def position(self) -> Decimal:
        """The position on the order's side if all working orders of it, and this, were filled.

        Raises:
            Unknown: A number that it needs is not known.
        """
        added = self.working.side(
            self.account, self.ident, buys=self.buys, new=self.new, without=self.key
        )
        if added is None:
            self.size  # noqa: B018  (says so if it is this one's)
            raise Unknown("a working order in it has no known size")
        low, high = self.held
        return high + added if self.buys else added - low

    @once
    def exposure(self) -> Exposure:
        """The exposure of the account with this order.

        Raises:
            Unknown: A number that it needs is not known.
        """
        return exposure(self)

    @once
    def reduces(self) -> str:
        """Why limits on exposure do not hold it back, in words; empty if they do.

        It makes a working order smaller and nothing else, or it can only close a position, or what
        its parent opens.
        """
        if self.shrinks:
            return "it only makes a working order smaller"
        if self.order.orderType == _EXERCISE:
            return ""  # it closes the option, and opens its underlying
        if self.working.closes_parent(self.new):
            return "it only closes what its parent opens"
        try:
            low, high = self.held
            left = self.position
        except Unknown:
            # What the switch closes was asked of the gateway for it: not to know it here must not
            # keep an account from being closed.
            by_switch = self.proposal.by_kill_switch
            return "the kill switch closes a position with it" if by_switch else ""
        holds = low > 0 if not self.buys else high < 0
        return "it only closes a position" if holds and left <= 0 else ""

    @once
    def shrinks(self) -> bool:
        """Whether it is a change that makes a working order smaller, or leaves its size."""
        old, new = self.proposal.in_force, self.order
        if self.proposal.kind != "modify" or old is None:
            return False
        before, after = total_of(old), total_of(new)
        return (
            before is not None
            and after is not None
            and after <= before
            and old.action == new.action
            and old.orderType == new.orderType
            and all(getattr(old, name) == getattr(new, name) for name in _PRICES)
        )
