"""The way out of an order: the gate, the waiting for a session, the socket. Loop thread.

Everything that bears an order ends in `WayOut.call`, the only caller of EClient's own methods, and
nothing gets there that the gate (`gate`) did not let pass, that the risk gate refused, or that the
journal does not have (`leaving`). What the gate holds back waits here, and is judged anew when that
is over. At the end of a session an order that is still waiting, or queued in the Outbox, is
NOT_SENT; only one that was handed to the socket and not answered is UNCERTAIN, and the next session
tells what became of it.
"""

from __future__ import annotations

import contextlib
import functools
import logging
from collections.abc import Callable
from typing import Any

from ibapi.client import EClient
from ibapi.errors import FAIL_SEND_ORDER
from ibapi.order_cancel import OrderCancel

from twsloop.connection.core import Core
from twsloop.connection.proof import LinkProof
from twsloop.errors import InvalidOrder, OrderError, OrdersRefused, RequestError
from twsloop.session.state import State
from twsloop.transport import Fate, Lane

from .board import Board
from .book import OrderBook
from .gate import Answer, Situation, Verdict, judge
from .leaving import Departure, Guards, Leaving
from .processor import OrderProcessor
from .simulate import Quote, simulate
from .state import OrderInput, OrderRecord, OrderStatus, may_be_working
from .sync import Sync
from .watch import Watch
from .windows import Windows

__all__ = ["NEVER_LEFT", "Send", "WayOut"]

logger = logging.getLogger(__name__)

_CONNECTED = frozenset({State.STARTING, State.SYNCING, State.READY, State.DEGRADED})

#: The ends of an order that no gateway has seen: its id is free again.
NEVER_LEFT = frozenset({OrderStatus.REFUSED, OrderStatus.SIMULATED, OrderStatus.NOT_SENT})

#: Why nothing of a session leaves any more.
ENDED = "the session ended"

Send = Callable[[], object]


class WayOut:
    """How orders leave, or do not.

    Args:
        core: The connection.
        book: Every order.
        board: Who is told.
        proof: Whether the link is known to live.
        sync: Whether the orders are known.
        processor: What came in.
        watch: Misses what does not come.
        guards: What an order passes besides the gate.

    Attributes:
        unclear: Why a new order may not leave, in words, although the gate lets it pass.
    """

    def __init__(
        self,
        core: Core,
        book: OrderBook,
        *,
        board: Board,
        proof: LinkProof,
        sync: Sync,
        processor: OrderProcessor,
        watch: Watch,
        guards: Guards,
    ) -> None:
        self._core = core
        self.book = book
        self.board = board
        self._proof = proof
        self._windows = Windows(core.calendar)
        self._sync = sync
        self._processor = processor
        self._watch = watch
        self._leaving = Leaving(core, guards, board.catch_up)
        self._quote, self._simulated = guards.quote, guards.simulated
        self._awaits = guards.awaits
        self.unclear: Callable[[OrderRecord], str] = lambda _record: ""
        self._held: dict[OrderRecord, tuple[Send | None, bool]] = {}
        self._to_cancel: dict[OrderRecord, None] = {}
        #: Raw exercises that wait for the proof.
        self._raw_waiting: list[Departure] = []
        #: Whether the gateway has been asked for a proof: what comes now waits behind the others.
        self._proving = False
        #: New orders that are not checked yet.
        self._unchecked: set[OrderRecord] = set()
        #: Disabled orders whose quote is being looked up.
        self._simulating: set[OrderRecord] = set()
        #: The twin that EClient is about to call by itself, and whether one message may leave.
        self._expected: str | None = None
        self._sendable = False

    # ---- the one exit --------------------------------------------------------------------

    def may_leave(self) -> bool:
        """Whether an order-bearing message may be sent by this thread now; once for each call."""
        allowed = self._sendable and self._core.event_loop.in_loop()
        if allowed:
            self._sendable = False
        return allowed

    def own_twin(self, name: str) -> bool:
        """Whether this is EClient's own call of its ProtoBuf twin, which `call` has let pass."""
        if name != self._expected or not self._core.event_loop.in_loop():
            return False
        self._expected = None
        return True

    def shut(self) -> None:
        """Users are about to be called: whatever they call has to pass the gate by itself."""
        self._expected, self._sendable = None, False

    def call(self, name: str, args: tuple[Any, ...]) -> None:
        """EClient's own method, for one order-bearing message; its only call anywhere.

        What is allowed is used up by the message itself, so that a callback which runs meanwhile
        (the order's own, or one about an error that EClient raises) finds the gate closed.
        """
        if self._core.config.reconcile.dry_run:
            logger.warning("%s does not leave: this is a dry run ([reconcile] dry_run)", name)
            return
        before = self._expected, self._sendable
        in_loop = self._core.event_loop.in_loop()
        self._expected = f"{name}ProtoBuf" if in_loop and not name.endswith("ProtoBuf") else None
        self._sendable = in_loop
        try:
            getattr(EClient, name)(self._core.owner, *args)
        finally:
            self._expected, self._sendable = before

    def say(self, order_id: int, code: int, text: str) -> None:
        """Answer a raw call the way IB does."""
        core = self._core
        core.registry.fanout.error(order_id, core.millis(), code, text, "")

    # ---- the gate ------------------------------------------------------------------------

    def must_be_known(self, order_id: int) -> bool:
        """Whether an order of this id, if there were one, would be in the book.

        After IB's own start nobody has asked for the orders of an earlier process: such a program
        may modify one, and what it says of an id below nextValidId is the gateway's to judge.
        """
        return self._core.supervised or self._sync.known or order_id >= self._processor.first_id

    def too_early(self, order_id: int) -> str:
        """Why a new order may not have its id, in words; empty if it may.

        What is taken before the gateway has told which ids are free may be the id of an order that
        works, of an earlier process: what left under it would be a change of that one.
        """
        core, first = self._core, self._processor.valid_from
        if not core.role.sends_orders or (first is not None and order_id >= first):
            return ""
        if first is None and not core.connected:
            return f"not connected (the session is {core.state.name})"
        return "its order id was taken before the gateway had told which ids are free"

    def judge(self, account: str) -> Verdict:
        """Ask the gate, as things stand now."""
        core, sync = self._core, self._sync
        situation = Situation(
            connected=core.connected and core.state in _CONNECTED,
            session=core.state.name,
            fetching=(core.supervised and not sync.decided) or self._awaits(),
            orders_known=sync.known or not core.supervised,
            reason=sync.reason,
            read_only=sync.read_only,
            accounts=core.accounts,
            named=self._processor.named,
            queued=core.outbox.waiting(Lane.ORDER) + len(self._held) + len(self._leaving),
            behind=core.registry.backlog.reason,
            window=self._windows.refusing(core.clock.now()),
        )
        return judge(core.config, situation, account)

    def submit(self, record: OrderRecord, send: Send | None = None, *, raw: bool = False) -> None:
        """Ask the gate, and do what it says.

        Args:
            record: The order.
            send: Calls EClient's method (through `call`); None sends the record's own order.
            raw: A raw call made it: what is refused is told IB's way, too.
        """
        if self._behind_a_check(record):
            self._held[record] = send, raw
            return
        verdict = self.judge(record.order.account)
        if verdict.answer is Answer.SEND and record.status is OrderStatus.CREATED:
            unclear = self.unclear(record)
            verdict = Verdict(Answer.REFUSE, unclear) if unclear else verdict
        if verdict.answer is Answer.SEND and not self._needs_proof():
            self._leave(record, send, raw=raw)
        elif verdict.answer in {Answer.SEND, Answer.HOLD}:
            self._held[record] = send, raw
        elif verdict.answer is Answer.REFUSE or record.before_change is not None:
            self.refuse(record, verdict.reason, raw=raw)
        else:
            self._simulating.add(record)
            work = self._simulate(record, raw=raw)
            self._core.event_loop.spawn(work, name="simulated order")

    def submit_raw(self, departure: Departure) -> None:
        """Send what is no order of the book's, which the gate has let pass, once the link lives."""
        unclear = self.unclear(departure.record)
        if unclear:
            departure.refuse(unclear)
        elif self._needs_proof():
            self._raw_waiting.append(departure)
        else:
            self._leaving.take(departure)

    def _needs_proof(self) -> bool:
        """Whether what is about to leave has to wait until the link is known to live."""
        if self._proving:
            return True
        if self._proof.given:
            return False
        self._proving = True
        self._proof.ask(self._proved)
        return True

    def _proved(self, problem: str) -> None:
        """The gateway has answered: what waited leaves, in its order. Or it has not."""
        self._proving = False
        waiting, self._raw_waiting = self._raw_waiting, []
        if problem:
            self._refuse_held(problem)
        else:
            self.let_go()
        for departure in waiting:
            if problem:
                departure.refuse(problem)
            else:
                self._leaving.take(departure)

    def _refuse_held(self, problem: str) -> None:
        """Refuse what waits for nothing but the proof; the rest is judged in its own time."""
        held, self._held = self._held, {}
        for record, (send, raw) in held.items():
            verdict = self.judge(record.order.account)
            if self._behind_a_check(record) or verdict.answer is Answer.HOLD:
                self._held[record] = send, raw
            elif not record.final:
                self.refuse(record, verdict.reason or problem, raw=raw)

    def hold_for_check(self, record: OrderRecord) -> None:
        """A new order has to be checked first, and all that were placed after it wait with it.

        The gateway refuses an id below the highest it has seen.
        """
        self._unchecked.add(record)
        self.submit(record)

    def checked(self, record: OrderRecord) -> None:
        """It has been checked (and refused, if it has to be): what waited goes on."""
        self._unchecked.discard(record)
        self.let_go()

    def _behind_a_check(self, record: OrderRecord) -> bool:
        return record.status is OrderStatus.CREATED and any(
            first.order_id <= record.order_id for first in self._unchecked
        )

    def change(self, record: OrderRecord, order: Any) -> bool:
        """An order is about to be submitted as another one.

        Returns:
            Whether it has left before, so that the gateway has to confirm the change. While the
            gate holds all of it back, what leaves is the changed order.
        """
        if record in self._held and record.pending:
            record.pending.pop()  # the change that is held back leaves as this one, if at all
        self.board.announce(self.book.replace(record, order, self._core.clock.now()))
        if record not in self._held or record.status is not OrderStatus.CREATED:
            return True
        record.before_change = None
        record.pending.clear()
        return False

    def _leave(self, record: OrderRecord, send: Send | None, *, raw: bool) -> None:
        """Let an order leave as it stands now, whatever is made of it while it is written down."""
        order = record.order
        if send is None:
            arguments = (record.order_id, record.contract, order)
            send = functools.partial(self.call, "placeOrder", arguments)
        leave = functools.partial(self._send, record, order, send, raw=raw)
        refuse = functools.partial(self.refuse, record, raw=raw)
        self._leaving.take(Departure(record, order, leave, refuse))

    def _orphaned(self, record: OrderRecord, order: Any) -> str:
        """Why an order that is attached to one that never left does not leave; empty if it may."""
        if not order.parentId or record.status is not OrderStatus.CREATED:
            return ""
        parent = self.book.find(record.client_id, order.parentId)
        if parent is None or parent.acknowledged or parent.status not in NEVER_LEFT:
            return ""
        return f"its parent, order {parent.order_id}, did not leave: {parent.reason}"

    def _send(self, record: OrderRecord, order: Any, send: Send, *, raw: bool) -> None:
        orphaned = self._orphaned(record, order)
        if orphaned:
            self.refuse(record, orphaned, raw=raw)
            return
        on_fate = functools.partial(self._fate, record)
        record.sent = order
        try:
            with self._core.sending(record.order_id, on_fate) as sending:
                send()
        except Exception as error:  # noqa: BLE001  (IB's encoders raise anything for odd fields)
            # They raise before anything is queued, outside of EClient's own try.
            reason = f"it could not be encoded: {error!r}"
            self.board.apply(record, OrderInput.DROPPED, reason)
            self.board.change_failed(record, InvalidOrder(reason))
            if raw:
                self.say(
                    record.order_id, FAIL_SEND_ORDER.code(), f"{FAIL_SEND_ORDER.msg()}{error!r}"
                )
            return
        if not sending.messages and record.status is OrderStatus.CREATED:
            self.board.apply(record, OrderInput.DROPPED, "IB's client sent nothing")
        self.board.catch_up(record)  # it may wait in the Outbox

    def _fate(self, record: OrderRecord, fate: Fate) -> None:
        """The Outbox has handed the order to the socket, or dropped it."""
        if fate is Fate.SENT:
            self.board.apply(record, OrderInput.SENT)
            self._watch.left(record)
        else:
            reason = "it was still queued, and never left"
            self.board.apply(record, OrderInput.DROPPED, reason)
            if record.before_change is not None:
                self.board.change_failed(
                    record, OrdersRefused(f"the change did not leave: {reason}")
                )

    def refuse(self, record: OrderRecord, reason: str, *, raw: bool = False) -> None:
        """An order, or a change of one, may not leave."""
        change = record.before_change is not None
        if change:
            self.board.change_failed(record, OrdersRefused(reason))
        else:
            self.board.apply(record, OrderInput.REFUSED, reason)
        if raw:
            self.turn_away(record.order_id, reason, change=change)

    def turn_away(self, order_id: int, reason: str, *, change: bool = False) -> None:
        """Tell a raw call IB's way that its order does not leave, or the ``change`` of one."""
        if not self._core.connected:
            self.say(order_id, 504, "Not connected")
        elif change:  # the order lives: 201 would say that it is dead
            self.say(order_id, 134, f"Modify order failed: {reason}")
        else:
            self.say(order_id, 201, f"Order rejected - reason: {reason}")

    async def _simulate(self, record: OrderRecord, *, raw: bool) -> None:
        quote: Quote | None = None
        try:
            if self._core.connected:
                with contextlib.suppress(RequestError):
                    quote = await self._quote(record.contract)
        finally:
            self._simulating.discard(record)
        if record.final:
            return  # cancelled meanwhile, or the session ended
        record.simulated_price, text = simulate(record.order, quote)
        verdict = self._simulated(record, record.order, "place")
        if verdict is not None:
            self._core.tell(verdict)
            if not verdict.allowed:
                record.simulated_price = None
                text = f"{text}; but the risk gate would refuse it: {verdict.reason}"
        self.board.apply(record, OrderInput.SIMULATED, text)
        if raw:
            self.say(record.order_id, 201, f"Order rejected - reason: {text}")

    # ---- taking back ---------------------------------------------------------------------

    def cancel(self, record: OrderRecord, order_cancel: OrderCancel) -> None:
        """Cancel an order of ours: here if it did not leave, else at the gateway."""
        if not may_be_working(record) or self.take_back(record):
            return
        if self._core.connected and self._core.state is not State.STARTING:
            record.cancel_asked = True
            record.note(self._core.clock.now(), "cancel", "asked for")
            self.board.write(record)
            self.call("cancelOrder", (record.order_id, order_cancel))
        else:
            self._to_cancel[record] = None

    def take_back(self, record: OrderRecord) -> bool:
        """An order that did not leave yet never will. False if it has left."""
        waited = self._held.pop(record, None) is not None
        never_sent = record.status is OrderStatus.CREATED and record.sent is None
        if self._leaving.withdraw(record) or waited:
            if record.before_change is not None:
                error = OrderError("the order was cancelled instead")
                self.board.change_failed(record, error, every=never_sent)
            if never_sent:
                self.board.apply(record, OrderInput.DROPPED, "cancelled before it was sent")
                return True
        if record.status is not OrderStatus.CREATED:
            return False
        if record in self._simulating:
            self.board.apply(record, OrderInput.DROPPED, "cancelled before it was simulated")
            return True
        return self._core.outbox.withdraw(record.order_id)

    def tell_unless_leaving(self, record: OrderRecord) -> None:
        """Tell of a new order now, unless it is being written down and leaves next."""
        if not self._leaving.has(record):
            self.board.catch_up(record)

    def take_back_all(self) -> None:
        """No order that has not left yet ever will."""
        self._refuse_alone("it was cancelled before it was sent")
        for record in dict.fromkeys((*self._held, *self._leaving.records())):
            self.take_back(record)
        self._core.outbox.withdraw_orders()

    # ---- the session ---------------------------------------------------------------------

    async def drained(self) -> None:
        """The session is about to be ended: let what is being written down leave."""
        await self._leaving.drained()

    def let_go(self) -> None:
        """Judge anew what waited for the session."""
        held, self._held = self._held, {}
        for record, (send, raw) in held.items():
            if not record.final:  # whoever waits for it was told its end: it must not leave now
                self.submit(record, send, raw=raw)
        to_cancel, self._to_cancel = self._to_cancel, {}
        for record in to_cancel:
            self.cancel(record, OrderCancel())

    def forget_held(self) -> None:
        """The session ended: what waited for it is not sent."""
        self._held.clear()
        self._proving = False
        self._refuse_alone(ENDED)
        self._leaving.forget(ENDED)

    def _refuse_alone(self, reason: str) -> None:
        """What is in no book, and waits for the proof or the journal, does not leave."""
        waiting, self._raw_waiting = self._raw_waiting, []
        for departure in waiting:
            departure.refuse(reason)
        self._leaving.refuse_alone(reason)
