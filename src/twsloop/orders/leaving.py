"""The last steps before an order leaves: the risk gate, and the intent in the journal. Loop thread.

An order that may leave is reviewed, written down, and leaves when that is durable. All of them
take this way one behind the other, so they leave in the order in which they came. Until it has left
an order can be taken back, and what was written down then says that it did not leave: the next
step in the journal is NOT_SENT.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable
from typing import Any, Literal

import attrs

from twsloop.connection.core import Core
from twsloop.events import OrderIntent, QuoteSeen, RiskVerdict, order_story

from .exercise import is_exercise
from .plain import plain_fields
from .recording import Journal, NoJournal
from .restoring import Known
from .simulate import Quote
from .state import OrderRecord

__all__ = ["Departure", "Guards", "Kind", "Leaving", "QuoteOf", "Review", "Seen"]

Kind = Literal["place", "modify", "exercise"]

#: How long the end of a session waits for orders that are being written down, seconds.
DRAIN = 1.0

#: Judges an order, as it is about to leave; None where nothing judges orders.
Review = Callable[[OrderRecord, Any, Kind], RiskVerdict | None]
#: Finds the quote of a contract, for an order that is simulated; None where there is none.
QuoteOf = Callable[[Any], Awaitable[Quote | None]]
#: Reads what earlier processes did.
Recall = Callable[[], Awaitable[Known | None]]
#: The quote of a contract as it stands, of a line that is watched; None where none is.
Seen = Callable[[Any], QuoteSeen | None]


def no_stop(_record: OrderRecord) -> str:
    """Stands in where nothing stops new orders."""
    return ""


def nothing_awaited() -> bool:
    """Stands in where the risk gate waits for nothing."""
    return False


def no_review(_record: OrderRecord, _order: Any, _kind: Kind) -> None:
    """Stands in for a `Review` where nothing judges orders."""


def no_note(_record: OrderRecord) -> None:
    """Stands in where nobody wants to know which order is not what it was."""


def nobody_left() -> None:
    """Stands in where nobody remembers orders besides the book."""


def no_quote(_contract: Any) -> None:
    """Stands in for a `Seen` where no quotes are."""


async def nothing_quoted(_contract: Any) -> None:
    """Stands in for a `QuoteOf` where no quotes are."""


async def nothing_recalled() -> None:
    """Stands in for a `Recall` where no journal is."""


@attrs.frozen(kw_only=True)
class Guards:
    """What an order passes on its way out besides the session's gate.

    Attributes:
        journal: Where intents and steps are written.
        stops: Why no new order leaves now, in words; empty if they may.
        awaits: Whether what the risk gate judges by is on its way: orders wait for it.
        review: The risk gate.
        simulated: What it says of an order that is simulated.
        noted: Told of each order that is not what it was.
        left: Told when another login answers and every order is forgotten.
        seen: The quote as it stands.
        quote: Finds the quote of a contract, for orders that are simulated.
        recall: Reads what earlier processes of this client id did; None if nobody knows.
    """

    journal: Journal = attrs.Factory(NoJournal)
    stops: Callable[[OrderRecord], str] = no_stop
    awaits: Callable[[], bool] = nothing_awaited
    review: Review = no_review
    simulated: Review = no_review
    noted: Callable[[OrderRecord], object] = no_note
    left: Callable[[], object] = nobody_left
    seen: Seen = no_quote
    quote: QuoteOf = nothing_quoted
    recall: Recall = nothing_recalled


@attrs.frozen(eq=False)
class Departure:
    """An order, or a change of one, that the gate has let pass.

    Attributes:
        record: The order.
        order: IB's Order, as it shall leave.
        leave: Sends it.
        refuse: Refuses it, with the reason.
        alone: It is in no book: if it does not leave, this alone tells who asked for it.
    """

    record: OrderRecord
    order: Any
    leave: Callable[[], object]
    refuse: Callable[[str], object]
    alone: bool = False

    @property
    def kind(self) -> Kind:
        """What it is."""
        if is_exercise(self.order):
            return "exercise"
        return "place" if self.record.before_change is None else "modify"


class Leaving:
    """What has passed the gate and did not leave yet.

    Args:
        core: The connection.
        guards: The risk gate, and the journal.
        catch_up: Tells of a new order, if nobody was told of it yet.
    """

    def __init__(
        self, core: Core, guards: Guards, catch_up: Callable[[OrderRecord], object]
    ) -> None:
        self._core = core
        self._catch_up = catch_up
        self._journal, self._seen = guards.journal, guards.seen
        self._stops, self._review = guards.stops, guards.review
        self._waiting: dict[Departure, None] = {}
        #: Resolved once nothing waits any more.
        self._drained: asyncio.Future[None] | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    def take(self, departure: Departure) -> None:
        """Review it, write it down, and let it leave; or refuse it."""
        record, kind = departure.record, departure.kind
        stopped = "" if kind == "modify" else self._stops(record)
        if stopped:
            departure.refuse(stopped)
            return
        verdict = self._review(record, departure.order, kind)
        if verdict is not None and not verdict.allowed:
            self._catch_up(record)
            self._core.tell(verdict)
            departure.refuse(verdict.reason)
        elif self._journal.refuses:
            departure.refuse(self._journal.refuses)
        else:
            self._waiting[departure] = None
            if not self._journal.active:  # an intent takes a while to write, and nobody reads it
                departure.record.intents += 1
                self._durable(departure, "")
                return
            intent = self._intent(departure, kind, verdict)
            self._journal.intend(intent, functools.partial(self._durable, departure))

    def _durable(self, departure: Departure, problem: str) -> None:
        """It is written down, or cannot be; unless it was taken back meanwhile."""
        if departure not in self._waiting:
            return
        del self._waiting[departure]
        if problem:
            departure.refuse(problem)
        else:
            departure.leave()
        self._less()

    def _less(self) -> None:
        """Fewer wait than before: who waits for the last one goes on."""
        if not self._waiting and self._drained is not None and not self._drained.done():
            self._drained.set_result(None)

    def withdraw(self, record: OrderRecord) -> bool:
        """What waits of an order never leaves; False if nothing did."""
        mine = [departure for departure in self._waiting if departure.record is record]
        for departure in mine:
            del self._waiting[departure]
        self._less()
        return bool(mine)

    def has(self, record: OrderRecord) -> bool:
        """Whether something of an order waits."""
        return any(departure.record is record for departure in self._waiting)

    def records(self) -> list[OrderRecord]:
        """The orders that wait."""
        return [departure.record for departure in self._waiting]

    async def drained(self) -> None:
        """Wait until what is being written has left, for a moment at most.

        A program that places an order and ends its session at once means the order.
        """
        if self._waiting:
            self._drained = asyncio.get_running_loop().create_future()
            await asyncio.wait({self._drained}, timeout=DRAIN)
            await asyncio.sleep(0)  # what was queued just now is written in the next turn

    def refuse_alone(self, reason: str) -> None:
        """What is in no book does not leave."""
        for departure in tuple(self._waiting):
            if departure.alone:
                del self._waiting[departure]
                departure.refuse(reason)

    def forget(self, reason: str) -> None:
        """The session ended: nothing of it leaves any more."""
        self.refuse_alone(reason)
        self._waiting.clear()
        self._less()

    def _intent(self, departure: Departure, kind: Kind, verdict: RiskVerdict | None) -> OrderIntent:
        core, record, order = self._core, departure.record, departure.order
        revision, record.intents = record.intents, record.intents + 1
        return OrderIntent(
            time=core.clock.now(),
            correlation_id=order_story(record.client_id, record.order_id),
            order_id=record.order_id,
            client_id=record.client_id,
            epoch=core.epoch,
            kind=kind,
            revision=revision,
            account=order.account,
            con_id=record.contract.conId or None,
            symbol=record.symbol,
            contract=plain_fields(record.contract),
            order=plain_fields(order),
            token=record.token,
            tag=record.tag,
            origin=record.origin,
            purpose=record.purpose,
            verdict=verdict,
            quote=self._seen(record.contract),
            config=self._journal.config,
        )
