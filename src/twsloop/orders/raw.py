"""Raw calls: EClient's order-bearing requests as IB wrote them, through our gate.

They are answered IB's way: what is refused comes back as ``error(orderId, time, code, text)``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ibapi.const import NO_VALID_ID
from ibapi.errors import (
    FAIL_SEND_CORDER,
    FAIL_SEND_ORDER,
    FAIL_SEND_REQGLOBALCANCEL,
    FAIL_SEND_REQMKT,
)

from twsloop.connection.core import Core

from .copying import copied, decoded
from .raw_exercises import RawExercises
from .reference import RAW, split_reference
from .state import OrderRecord, OrderStatus
from .way_out import NEVER_LEFT, WayOut

__all__ = ["GUARDED", "RawCalls"]

#: EClient's requests that bear an order; `IBGateway` overrides each.
GUARDED = (
    "placeOrder",
    "placeOrderProtoBuf",
    "cancelOrder",
    "cancelOrderProtoBuf",
    "reqGlobalCancel",
    "reqGlobalCancelProtoBuf",
    "exerciseOptions",
    "exerciseOptionsProtoBuf",
)

#: IB's codes for what we refuse ourselves (error_codes.csv).
DUPLICATE_ID = 103
OVER = 104
CANCELLED = 202
TAKEN_BACK = "Order Canceled - reason: it was not sent yet"
CANCEL_UNKNOWN = 10147
#: IB's client's own errors about a message that it could not make.
_SENDING_FAILED: dict[str, Any] = {
    "placeOrder": FAIL_SEND_ORDER,
    "cancelOrder": FAIL_SEND_CORDER,
    "reqGlobalCancel": FAIL_SEND_REQGLOBALCANCEL,
    "exerciseOptions": FAIL_SEND_REQMKT,  # as EClient has it
}


#: The gateway says 104 of these, filled or not; other ends have used up their id (103).
_TRADED = frozenset({OrderStatus.FILLED, OrderStatus.CANCELLED, OrderStatus.API_CANCELLED})


class RawCalls:
    """The raw calls, on the loop thread.

    Args:
        core: The connection.
        way_out: Where orders leave.
    """

    def __init__(self, core: Core, way_out: WayOut) -> None:
        self._core = core
        self._way_out = way_out
        exercises = RawExercises(core, way_out)
        self._by_name: dict[str, Callable[[str, tuple[Any, ...], bool], None]] = {
            "placeOrder": self._place,
            "placeOrderProtoBuf": self._place,
            "cancelOrder": self._cancel,
            "cancelOrderProtoBuf": self._cancel,
            "reqGlobalCancel": self._global_cancel,
            "reqGlobalCancelProtoBuf": self._global_cancel,
            "exerciseOptions": exercises.take,
            "exerciseOptionsProtoBuf": exercises.take,
        }

    def take(self, name: str, args: tuple[Any, ...], fresh: bool = False) -> None:
        """One of `GUARDED` was called with these arguments.

        Args:
            name: Which.
            args: Its arguments.
            fresh: For a placeOrder: its id had not been used when it was called.
        """
        try:
            self._by_name[name](name, args, fresh)
        except Exception as error:  # noqa: BLE001  (IB's encoders raise anything for odd fields)
            # EClient would have raised it in the caller's thread, which has gone on meanwhile.
            told = args[0] if isinstance(args[0], int) else getattr(args[0], "orderId", NO_VALID_ID)
            problem = _SENDING_FAILED[name.removesuffix("ProtoBuf")]
            self._way_out.say(told, problem.code(), f"{problem.msg()}{error!r}")

    def _place(self, name: str, args: tuple[Any, ...], fresh: bool) -> None:
        core, way_out = self._core, self._way_out
        order_id, contract, order = args if name == "placeOrder" else decoded(args[0])
        if order.whatIf:
            way_out.call(name, args)
            return
        record = way_out.book.find(core.client_id, order_id)
        if record is None and not fresh and way_out.must_be_known(order_id):
            way_out.say(order_id, DUPLICATE_ID, "Duplicate order id")
            return
        early = way_out.too_early(order_id) if record is None and fresh else ""
        if early:
            core.order_ids.give_back(order_id)
            way_out.turn_away(order_id, early)
            return
        if record is None or record.status in NEVER_LEFT:
            # A program may correct an order that never left, and place it again. What leaves is
            # what IB's client would send: our notes are made in a copy.
            kept = copied(order)
            kept.orderId, kept.clientId = order_id, core.client_id
            record = OrderRecord(order_id, core.client_id, contract, kept)
            record.tag, record.token = split_reference(kept.orderRef)
            record.origin = RAW
            core.health.orders.called(order_id, core.clock.monotonic())
            way_out.board.created(record, core.clock.now())
        elif record.status in _TRADED:
            way_out.say(order_id, OVER, "Cannot modify a filled order.")
            return
        elif record.final:
            way_out.say(order_id, DUPLICATE_ID, "Duplicate order id")
            return
        else:
            way_out.change(record, order)
        way_out.submit(record, lambda: way_out.call(name, args), raw=True)
        way_out.tell_unless_leaving(record)

    def _cancel(self, name: str, args: tuple[Any, ...], _fresh: bool) -> None:
        order_id = args[0] if name == "cancelOrder" else args[0].orderId
        record = self._way_out.book.find(self._core.client_id, order_id)
        if record is not None and record.status in NEVER_LEFT and not record.acknowledged:
            text = f"OrderId {order_id} that needs to be cancelled is not found."
            self._way_out.say(order_id, CANCEL_UNKNOWN, text)
        elif record is None or not self._way_out.take_back(record):
            self._way_out.call(name, args)
        else:
            self._way_out.say(order_id, CANCELLED, TAKEN_BACK)

    def _global_cancel(self, name: str, args: tuple[Any, ...], _fresh: bool) -> None:
        queued = [r for r in self._way_out.book.live() if r.status is OrderStatus.CREATED]
        self._way_out.take_back_all()
        self._way_out.call(name, args)
        for record in queued:
            if record.status is OrderStatus.NOT_SENT:
                self._way_out.say(record.order_id, CANCELLED, TAKEN_BACK)
