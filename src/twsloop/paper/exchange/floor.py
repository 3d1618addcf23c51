"""The trading floor: orders that were sent to the market, until they end.

Pure. `transmit_group` sends an order (and its bracket), `work` looks whether the market gives it
anything, `on_time` does what is due by the clock alone, `cancel` ends it; each tells the owner by
the scripts of the reference (see `engine`).

What an order's fate means for others:

- a parent's fill releases its children; its end without a fill cancels them;
- the members of an OCA group (children of one parent are one): a fill of one cancels the others
  (ocaType 1) or reduces them by what was filled (2 and 3), and those with nothing left end; the
  cancellation of one cancels the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

import attrs

from twsloop.paper.accounts.account import Account
from twsloop.paper.accounts.valuation import Valuation
from twsloop.paper.catalogue.instruments import Catalogue
from twsloop.paper.decimals import decimal_price, plain
from twsloop.paper.market.vocabulary import TopOfBook
from twsloop.paper.orders import echo, schedule
from twsloop.paper.orders.adjusting import adjust
from twsloop.paper.orders.combos import ComboLiquidity
from twsloop.paper.orders.groups import Groups
from twsloop.paper.orders.matching import match, precedence, reached, resting_mark, takes
from twsloop.paper.orders.order import Execution, OrderEvent, PaperOrder, Status
from twsloop.paper.orders.order_book import ANY_FILL, FIRST_PERM_ID, PaperBook
from twsloop.paper.orders.order_types import Peg
from twsloop.paper.orders.outbox import Outbox
from twsloop.paper.orders.rules import OrderRules
from twsloop.paper.orders.triggers import is_triggered

from . import acceptance
from .agenda import Agenda
from .ending import Ending
from .fills import Fill, Ledger, tell_fill
from .interventions import Interventions
from .view import MarketView
from .watching import Watch

__all__ = ["Floor"]

#: So many permanent ids are given before they begin again: they fit into 31 bits.
PERM_IDS = 1_100_000_000


@attrs.define(eq=False)
class Floor:
    """Live orders and what the market does to them.

    Attributes:
        accounts: The accounts by name.
        books: Gives the top of book of an instrument.
        valuation: Prices, rates and margins.
        outbox: What is to be told.
        user: Shown as the submitter of orders.
        keeps_hours: Whether orders outside trading hours wait (399), and end with their session.
        rules: The settings.
        interventions: What a test wants refused.
        orders: All orders of the server's life.
        agenda: What is due when.
        groups: The OCA groups.
        on_failure: Hears of an order whose handling raised, and the others go on; None: the
            exception is the caller's.
        ledger: The fills.
        view: What it sees of the market.
    """

    accounts: dict[str, Account]
    books: Callable[[int], TopOfBook]
    valuation: Valuation
    outbox: Outbox
    user: str = "paper"
    keeps_hours: bool = False
    rules: OrderRules = attrs.Factory(OrderRules)
    interventions: Interventions = attrs.Factory(Interventions)
    orders: PaperBook = attrs.Factory(PaperBook)
    agenda: Agenda = attrs.Factory(Agenda)
    groups: Groups = attrs.Factory(Groups)
    on_failure: Callable[[PaperOrder, Exception], None] | None = None
    ledger: Ledger = attrs.field(init=False)
    view: MarketView = attrs.field(init=False)
    _ending: Ending = attrs.field(init=False)
    _heeding: bool = False
    _fills_unheeded: bool = False

    def __attrs_post_init__(self) -> None:
        self.ledger = Ledger(self.accounts, self.books, self.valuation)
        self.view = MarketView(self.books, self.agenda, self.keeps_hours)
        self._ending = Ending(self.orders, self.groups, self.outbox)

    def number_from(self, begun: datetime) -> None:
        """Give ids that no gateway which began at another time gives.

        Programs keep them: an execution with an id that they know is no news to them, and an order
        with a permanent id that they know is that order. A tenth of a second tells executions
        apart for 13 years; permanent ids (31 bits) are apart for 12 days at 1000 orders a second.
        """
        seconds = begun.timestamp()
        self.ledger.family = f"{int(seconds * 10) & 0xFFFFFFFF:08x}"
        self.orders.next_perm_id = FIRST_PERM_ID + int(seconds) * 1000 % PERM_IDS

    def use_market(self, catalogue: Catalogue, books: Callable[[int], TopOfBook]) -> None:
        """Go on with a new market."""
        self.books = self.ledger.books = books
        self.valuation = self.ledger.valuation = Valuation(catalogue, books)
        self.view.use(books)

    @property
    def bound(self) -> acceptance.Bound:
        """What the accounts can carry besides their working orders."""
        return acceptance.Bound(self.accounts, self.valuation, self.orders)

    @property
    def executions(self) -> Sequence[Execution]:
        """All fills, in order."""
        return self.ledger.executions

    # ---- into the market -------------------------------------------------------------------

    def transmit_group(self, order: PaperOrder, now: datetime) -> None:
        """Send an order and the untransmitted members of its bracket, parent first."""
        root = order
        while root.parent is not None:
            root = root.parent
        group = [m for m in root.family() if m.status is Status.UNTRANSMITTED]
        for member in group:
            member.perm_id = self.orders.take_perm_id()
        for member in group:
            # What became of the members before it may have decided this one's fate already.
            if member.status is not Status.UNTRANSMITTED:
                continue
            siblings = member.parent.children if member.parent is not None else ()
            if any(one.status is Status.FILLED for one in siblings):
                self.end(member, now)
            elif self.groups.is_spent(member):
                self.end(member, now, alone=True)
            else:
                self._send(member, now)

    def _send(self, order: PaperOrder, now: datetime) -> None:
        order.happen(OrderEvent.SEND)
        if order.parent is not None and not order.oca_group:
            order.oca_group = str(order.parent.perm_id)
        self.groups.join(order)
        order.queued = self.orders.take_turn()
        self.orders.settle(order)
        if self.rules.accept_delay > 0:
            order.accept_at = now + timedelta(seconds=self.rules.accept_delay)
            self.agenda.note(order.accept_at, order)
        else:
            self._accept(order, now)

    def _accept(self, order: PaperOrder, now: datetime) -> None:
        """The broker has it: accepted, or rejected."""
        order.accept_at = None
        self._schedule(order, now)
        for notice in acceptance.notices(order, now, keeps_hours=self.keeps_hours):
            self.outbox.order_error(order, notice, now)
        if not order.waits_for_parent:
            self.view.follow(order)
        echo.echo_order(order, self.user, now)
        reason = self.interventions.broker(order) or acceptance.reject_reason(
            order, self.bound, now
        )
        if reason is not None:
            self._ending.reject(order, reason, now)
            return
        band = acceptance.broken_band(order, self.rules, self.valuation)
        if band is not None:
            self._ending.turn_away(order, band, now)
            return
        is_wanted = order.status is Status.PENDING_SUBMIT  # no cancel is on the way yet
        order.silent = (
            is_wanted
            and order.kind.auction
            and not order.waits_for_parent
            and self.view.trades(order, now)
        )
        works = not order.kind.held_first and self.view.can_work(order, now)
        order.happen(OrderEvent.WORK if works else OrderEvent.HOLD)
        if order.cancel_at is not None and order.cancel_at <= now:
            self.outbox.pair(order)  # its cancellation was here before it
            self.end(order, now)
        elif not order.silent:
            self.report_and_work(order, now)

    def _schedule(self, order: PaperOrder, now: datetime) -> None:
        """Take note of the times at which the order has to be looked at."""
        order.rests_at = None  # it may have new values
        schedule.plan(order, now, keeps_hours=self.keeps_hours)
        for when in (order.ends, order.starts, order.auction_at, *order.condition_times.values()):
            self.agenda.note(when, order)
        if self.keeps_hours and not schedule.is_open(order, now):
            self.view.await_opening(order, now)

    def report_and_work(self, order: PaperOrder, now: datetime) -> None:
        """Tell an order as it stands, work it, and tell it again unless that changed it.

        A gateway tells every report of its server, changed or not; the second one comes so often
        that clients must be ready for it.
        """
        before = order.reports
        self.outbox.pair(order)
        held = order.kind.held_first and order.status is Status.PRE_SUBMITTED
        if held and self.view.can_work(order, now):
            order.happen(OrderEvent.WORK)
            self.outbox.pair(order)
        told = order.reports
        self.work(order, now)
        if order.reports == told == before + 1 and order.is_live:
            self.outbox.pair(order)

    def revised(self, order: PaperOrder, now: datetime, *, keeps_place: bool) -> None:
        """An order has new values: note its times, tell it, and work it."""
        if not keeps_place:
            order.queued = self.orders.take_turn()
        self.orders.settle(order)
        self._schedule(order, now)
        if order.is_held and order.status is Status.SUBMITTED:
            order.happen(OrderEvent.RECALL)
        if not order.waits_for_parent:
            self.view.follow(order)
        echo.echo_order(order, self.user, now)
        self.report_and_work(order, now)

    # ---- in the market ---------------------------------------------------------------------

    def on_market(self, con_id: int, now: datetime) -> None:
        """Look again at the live orders that an instrument's changed book concerns."""
        due = self.agenda.next
        if due is not None and due <= now:
            self.on_time(now)
        live = self.orders.live(con_id)
        if not live:
            return
        self.view.fresh_liquidity(con_id)  # also a quote that reaches nobody is a new quote
        orders = reached(live, self.books(con_id))
        if len(orders) > 1:
            orders.sort(key=lambda one: (precedence(one), one.queued))
        for order in orders:
            if order.is_live:  # a fill before it may have ended it
                self._guarded(self.work, order, now)

    def on_time(self, now: datetime) -> None:
        """Do what is due by now."""
        for order in self.agenda.due(now):
            self._guarded(self._look, order, now)

    def _guarded(
        self, handle: Callable[[PaperOrder, datetime], None], order: PaperOrder, now: datetime
    ) -> None:
        """Handle one order of many; what goes wrong with it is not the others' matter."""
        try:
            handle(order, now)
        except Exception as error:
            # Whatever it is, the market and the others go on.
            if self.on_failure is None:
                raise
            self.on_failure(order, error)

    def _look(self, order: PaperOrder, now: datetime) -> None:
        """One of the order's times has come."""
        if order.accept_at is not None:
            if order.accept_at <= now:
                self._accept(order, now)
        elif order.cancel_at is not None and order.cancel_at <= now:
            self.end(order, now)
        elif not order.is_live:
            return
        elif order.ends is not None and order.ends <= now:
            self.end(order, now)
        elif order.auction_at is not None and order.auction_at <= now:
            self._auction(order, now)
        else:
            self.work(order, now)

    def work(self, order: PaperOrder, now: datetime) -> None:
        """Trigger and fill an order as far as the market that stands allows."""
        if order.status is Status.PENDING_SUBMIT or order.accept_at is not None:
            return
        if order.starts is not None and order.starts <= now:
            order.starts = None
        if order.awaits_conditions and not self._judge_conditions(order, now):
            if order.is_live and not self.view.trades(order, now):
                self.view.await_opening(order, now)
            return
        if order.waits_for_parent or order.starts is not None or order.auction_at is not None:
            return
        if not self.view.trades(order, now):
            self.view.await_opening(order, now)
            return
        if self.view.is_halted(order):
            if order.tif == "IOC" and not order.is_held:
                self._stay(order, now)
            return
        if not order.elected:
            self._elect(order)
        # A pegged order may be reached where it stands, before it follows.
        self._trade(order, now)
        if order.kind.peg is not Peg.NONE and order.is_live:
            self.view.follow(order)
            self._trade(order, now)
        if order.is_live and not order.is_held:
            self._stay(order, now)
            order.rests_at = resting_mark(order)

    def _elect(self, order: PaperOrder) -> None:
        if adjust(order, self.books(order.instrument.con_id)):
            self.outbox.pair(order)
        self.view.follow(order)
        if is_triggered(order, self.books(order.instrument.con_id)):
            order.elected = True
            order.happen(OrderEvent.WORK)
            self.outbox.pair(order)

    def _trade(self, order: PaperOrder, now: datetime) -> None:
        quoted = self.view.quoted(order)
        found = match(order, quoted)
        if found is None:
            return
        prices = quoted.prices(order.is_buy) if isinstance(quoted, ComboLiquidity) else ()
        quoted.take(order.is_buy, found.quantity)
        self._fill(Fill(order, found.quantity, found.price, now, prices))

    def _stay(self, order: PaperOrder, now: datetime) -> None:
        """What did not fill: it works from now on, or it ends (IOC, directed market orders)."""
        if order.tif == "IOC":
            order.happen(OrderEvent.ASK_CANCEL)
            self.outbox.pair(order)
            self.end(order, now)
        elif order.filled and order.is_directed and order.order_type == "MKT":
            # As paper accounts do: an exchange keeps no market order.
            self.end(order, now, "The remainder of a directed market order is not held")
        elif order.status is Status.PRE_SUBMITTED and self.view.can_work(order, now):
            order.happen(OrderEvent.WORK)
            self.outbox.pair(order)

    def _judge_conditions(self, order: PaperOrder, now: datetime) -> bool:
        """Whether the order may be worked; conditions that cancel end it when they are met."""
        cancels = bool(order.request.conditionsCancelOrder)
        watch = Watch(self.accounts, self.books, self.valuation, self.ledger, self.keeps_hours)
        if not watch.is_met(order, now):
            return cancels
        if cancels:
            self.end(order, now)
            return False
        order.awaits_conditions = False
        if not order.is_held and self.view.can_work(order, now):
            order.happen(OrderEvent.WORK)
            self.outbox.pair(order)
        return True

    def _auction(self, order: PaperOrder, now: datetime) -> None:
        """The auction that it waited for: filled whole at its price, or it ends.

        What something holds back takes no part: it ends, unless it starts after this one.
        """
        order.auction_at = None
        starts_later = order.starts is not None and order.starts > now
        order.starts = order.starts if starts_later else None
        if order.is_held or order.status is Status.PENDING_SUBMIT:
            if starts_later:
                order.auction_at = schedule.auction(order, now)
                self.agenda.note(order.auction_at, order)
            else:
                self.end(order, now)
            return
        top = self.books(order.instrument.con_id)
        price = self.valuation.price(order.instrument.con_id)
        traded = decimal_price(top.last if not top.quote_driven else top.bid)
        if traded is None or price is None or top.halted or not takes(order, price):
            self.end(order, now)
            return
        self._fill(Fill(order, order.remaining, price, now))

    def _fill(self, fill: Fill) -> None:
        """Book one fill and tell it by the script."""
        order, now = fill.order, fill.time
        order.silent = False
        if order.order_type == "MTL" and order.limit_price is None:
            order.limit_price = fill.price  # what is left is a limit order at that price
        done = self.ledger.book(fill)
        full = order.status is Status.FILLED
        if full:
            order.completed_at = now
            order.completed_status = f"Filled Size: {plain(order.filled)}"
        self.orders.settle(order)
        tell_fill(self.outbox, order, done)
        if full:
            for child in order.children:
                self._release(child, now)
        self._ending.share(fill)
        self._heed_fill(now)

    def _heed_fill(self, now: datetime) -> None:
        """Look at the orders whose conditions a fill may have met; their fills count as well."""
        self._fills_unheeded = True
        if self._heeding:
            return  # the one that is under way goes round again
        self._heeding = True
        try:
            while self._fills_unheeded:
                self._fills_unheeded = False
                for order in self.orders.live(ANY_FILL):
                    if order.is_live and order.awaits_conditions:
                        self._guarded(self.work, order, now)
        finally:
            self._heeding = False

    def fill_outside(self, order: PaperOrder, price: Decimal, now: datetime) -> None:
        """Fill an order that no market fills: what becomes of an option, and its delivery."""
        order.perm_id = self.orders.take_perm_id()
        self.orders.add(order)
        order.happen(OrderEvent.SEND)
        order.happen(OrderEvent.WORK)
        echo.echo_order(order, self.user, now)
        self._fill(Fill(order, order.total, price, now))

    # ---- the end, and the others -----------------------------------------------------------

    def cancel(self, order: PaperOrder, now: datetime) -> None:
        """Cancel an order on demand: now, or after the way that the cancel takes."""
        if self.rules.cancel_delay > 0 and order.is_live:
            order.happen(OrderEvent.ASK_CANCEL)
            order.silent = False
            order.cancel_at = now + timedelta(seconds=self.rules.cancel_delay)
            self.agenda.note(order.cancel_at, order)
            return
        if order.silent:
            order.happen(OrderEvent.ASK_CANCEL)
            self.outbox.pair(order)
        self.end(order, now)

    def end(
        self, order: PaperOrder, now: datetime, reason: str = "", *, alone: bool = False
    ) -> None:
        """End an order and those that share its fate (see `Ending.end`)."""
        self._ending.end(order, now, reason, alone=alone)

    def _release(self, child: PaperOrder, now: datetime) -> None:
        """A parent filled: its child works, or waits for its trigger alone."""
        child.waits_for_parent = False
        accepted = child.accept_at is None and child.status is not Status.PENDING_SUBMIT
        if not child.is_live or not accepted:
            return
        self.view.follow(child)
        if self.view.can_work(child, now):
            child.happen(OrderEvent.WORK)
        self.outbox.pair(child)
        self.work(child, now)
