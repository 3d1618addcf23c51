"""What a gateway says of a single order though it is otherwise: warnings, false ends, corrections.

The order itself is not touched, and goes on as it was; only what is told of it is false (reference
``domain.md`` c, "Event order", and the public's traces). A correction of an execution is true: the
books are corrected, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any, ClassVar

import attrs

from twsloop.errors import FaultError
from twsloop.paper.clients.hub import Hub
from twsloop.paper.exchange.acceptance import OUTSIDE_RTH_IGNORED, TIF_WAS_SET, waiting
from twsloop.paper.exchange.ending import CANCELLED, REJECTED
from twsloop.paper.orders import echo
from twsloop.paper.orders.order import Execution, PaperOrder, Status
from twsloop.paper.orders.refusals import Refusal

from .fault import Fault, Stage
from .params import count, number, text

__all__ = [
    "STORY_FAULTS",
    "BareStatus",
    "CancelledButAlive",
    "ExecutionCorrected",
    "InactiveThenAlive",
    "OrderUnresolved",
    "OrderWarning",
    "RejectedThenAlive",
]

WHICH = "The order's id; of each client its newest live order unless given."
LOCATING = (
    "Shares for this order are not immediately available for short sale. "
    "The order will be held while we attempt to locate the shares."
)
CAPPED = (
    "In accordance with our regulatory obligations as a broker, we will initially cap (or limit) "
    "the price of your Limit Order to a more aggressive price still within your specified limit "
    "price."
)
UNRESOLVED = Refusal(10328, "Connection lost, order data could not be resolved")
#: The order waits for its market: the text names it.
WAITS = 399
#: Other warnings and their texts.
WARNINGS: Mapping[int, str] = MappingProxyType(
    {404: LOCATING, 2109: OUTSIDE_RTH_IGNORED, 2161: CAPPED, TIF_WAS_SET.code: TIF_WAS_SET.text}
)


def _orders(stage: Stage, order_id: int | None) -> Iterator[PaperOrder]:
    """The live orders that a fault is about."""
    newest: dict[int, PaperOrder] = {}
    for order in stage.host.engine.book.open_orders():
        if stage.hits(order.client_id) and order_id in {None, order.order_id}:
            newest[order.client_id] = order
    yield from newest.values()


def _tell_pair(hub: Hub, order: PaperOrder, status: Status) -> None:
    """Tell an order as if it had this status."""
    opened: Any = echo.open_order(order)
    opened.orderState.status = status.value
    hub.engine.outbox.tell(order, "openOrder", opened)
    _tell_status(hub, order, status)


def _tell_status(hub: Hub, order: PaperOrder, status: Status) -> None:
    told: Any = echo.order_status(order)
    told.status = status.value
    hub.engine.outbox.tell(order, "orderStatus", told)


def _alive_again(stage: Stage, order: PaperOrder, seconds: float) -> None:
    """Tell the order as it is, now or later."""

    def tell() -> None:
        stage.host.engine.outbox.pair(order)
        if stage.host.running:
            stage.host.hub.settle()

    if seconds:
        stage.host.clock.call_later(seconds, tell)
    else:
        tell()


@attrs.frozen(kw_only=True)
class OrderWarning(Fault):
    """A warning about an order that lives, with the order's id, as an error has it."""

    name: ClassVar[str] = "order_warning"
    instant: ClassVar[bool] = True

    code: int = count(WAITS, "IB's code.", low=1)
    text: str | None = text(None, "IB's text; the usual one of 399, 404, 2109, 2161 and 10349.")
    order_id: int | None = count(None, WHICH)

    def __attrs_post_init__(self) -> None:
        """Refuse a code whose text is not known, without one."""
        if self.text is None and self.code not in {WAITS, *WARNINGS}:
            raise FaultError(
                "has no usual text: give one",
                fault=self.name,
                key="code",
                value=self.code,
                allowed=f"{WAITS}, {', '.join(map(str, sorted(WARNINGS)))}; any other with a text",
            )

    def begin(self, stage: Stage) -> None:
        """Let it happen."""
        hub = stage.host.hub
        for order in _orders(stage, self.order_id):
            said = self.text
            if said is None:
                said = WARNINGS.get(self.code) or waiting(order, hub.now())
            hub.engine.outbox.order_error(order, Refusal(self.code, said), hub.now())


@attrs.frozen(kw_only=True)
class RejectedThenAlive(Fault):
    """An order is told Inactive with 201, and works nevertheless; a report says so later."""

    name: ClassVar[str] = "rejected_then_alive"
    instant: ClassVar[bool] = True

    reason: str = text("The order was not accepted", "What stands behind 'Order rejected -'.")
    seconds: float = number(0.0, "How long after it the order is told alive.")
    order_id: int | None = count(None, WHICH)

    def begin(self, stage: Stage) -> None:
        """Let it happen."""
        hub = stage.host.hub
        for order in _orders(stage, self.order_id):
            refusal = Refusal(201, f"{REJECTED}{self.reason}")
            _tell_pair(hub, order, Status.INACTIVE)
            hub.engine.outbox.order_error(order, refusal, hub.now())
            _tell_pair(hub, order, Status.INACTIVE)
            _alive_again(stage, order, self.seconds)


@attrs.frozen(kw_only=True)
class InactiveThenAlive(Fault):
    """An order is told Inactive without an error (held), and later as it is again."""

    name: ClassVar[str] = "inactive_then_alive"
    instant: ClassVar[bool] = True

    seconds: float = number(1.0, "How long it is Inactive.")
    order_id: int | None = count(None, WHICH)

    def begin(self, stage: Stage) -> None:
        """Let it happen."""
        for order in _orders(stage, self.order_id):
            _tell_pair(stage.host.hub, order, Status.INACTIVE)
            _alive_again(stage, order, self.seconds)


@attrs.frozen(kw_only=True)
class CancelledButAlive(Fault):
    """An order is told Cancelled with 202, and is still at the exchange: it may fill yet."""

    name: ClassVar[str] = "cancelled_but_alive"
    instant: ClassVar[bool] = True

    order_id: int | None = count(None, WHICH)

    def begin(self, stage: Stage) -> None:
        """Let it happen."""
        hub = stage.host.hub
        for order in _orders(stage, self.order_id):
            _tell_status(hub, order, Status.CANCELLED)
            hub.engine.outbox.order_error(order, Refusal(202, CANCELLED), hub.now())


@attrs.frozen(kw_only=True)
class BareStatus(Fault):
    """An orderStatus that no openOrder comes with, changed or not."""

    name: ClassVar[str] = "bare_status"
    instant: ClassVar[bool] = True

    times: int = count(1, "How often.", low=1, high=1000)
    order_id: int | None = count(None, WHICH)

    def begin(self, stage: Stage) -> None:
        """Let it happen."""
        for order in _orders(stage, self.order_id):
            for _ in range(self.times):
                _tell_status(stage.host.hub, order, order.status)


@attrs.frozen(kw_only=True)
class OrderUnresolved(Fault):
    """10328: the gateway does not know what became of an order that lives."""

    name: ClassVar[str] = "order_unresolved"
    instant: ClassVar[bool] = True

    order_id: int | None = count(None, WHICH)

    def begin(self, stage: Stage) -> None:
        """Let it happen."""
        hub = stage.host.hub
        for order in _orders(stage, self.order_id):
            hub.engine.outbox.order_error(order, UNRESOLVED, hub.now())


@attrs.frozen(kw_only=True)
class ExecutionCorrected(Fault):
    """The price of an execution was wrong: it comes again, of the same id but its last digits."""

    name: ClassVar[str] = "execution_corrected"
    instant: ClassVar[bool] = True

    change: float = number(0.01, "The true price less the told one.", low=-1e6, high=1e6, unit="")
    order_id: int | None = count(None, "The order's id; the last execution unless given.")

    def begin(self, stage: Stage) -> None:
        """Let it happen."""
        engine = stage.host.engine
        wrong = self._wrong(stage)
        if wrong is None:
            return
        price = wrong.price + Decimal(str(self.change))
        true = engine.floor.ledger.correct(wrong, price)
        engine.outbox.tell(true.order, "execDetails", echo.execution_details(true))
        engine.outbox.tell(true.order, "commissionReport", echo.commission_report(true))

    def _wrong(self, stage: Stage) -> Execution | None:
        """The last execution that it can be about: of one instrument."""
        for one in reversed(stage.host.engine.executions):
            order = one.order
            if (
                not order.legs
                and stage.hits(order.client_id)
                and self.order_id in {None, order.order_id}
            ):
                return one
        return None


STORY_FAULTS: Mapping[str, type[Fault]] = MappingProxyType(
    {
        "order_warning": OrderWarning,
        "rejected_then_alive": RejectedThenAlive,
        "inactive_then_alive": InactiveThenAlive,
        "cancelled_but_alive": CancelledButAlive,
        "bare_status": BareStatus,
        "order_unresolved": OrderUnresolved,
        "execution_corrected": ExecutionCorrected,
    }
)
