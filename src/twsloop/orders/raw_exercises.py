"""Exercises that a program asks for IB's way: in no book, and never out of sight. Loop thread.

The id of such a call may be a number that the program counts for itself, so the book follows it
only once the gateway shows the order that it has made of it. Until then its fate is told from here:
to the caller as IB would, and to the journal, where an intent that nothing follows would stay an
order of which nobody knows whether it left.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ibapi.decoder_utils import decodeContract
from ibapi.errors import FAIL_SEND_REQMKT

from twsloop.connection.core import Core
from twsloop.events import Ends, Notice
from twsloop.transport import Fate

from .exercise import exercise_order
from .gate import Answer
from .leaving import Departure
from .reference import RAW
from .state import OrderInput, OrderRecord, may_be_working, next_status
from .way_out import WayOut
from .words import ExerciseAction

__all__ = ["RawExercises"]

#: IB's code for what we refuse ourselves (error_codes.csv).
PROCESSING_FAILED = 322
DUPLICATE_ID = 103


class RawExercises:
    """The raw ``exerciseOptions``, until the gateway shows what it has made of them.

    Args:
        core: The connection.
        way_out: Where orders leave.
    """

    def __init__(self, core: Core, way_out: WayOut) -> None:
        self._core = core
        self._way_out = way_out
        #: Those that left in this session, and of which nothing was heard.
        self._left: dict[int, OrderRecord] = {}
        core.on_notice(self._notice)
        core.on_down(self._down)

    def take(self, name: str, args: tuple[Any, ...], _fresh: bool = False) -> None:
        """It was called with these arguments, or its ProtoBuf twin was."""
        core, way_out = self._core, self._way_out
        told = _exercise_of(name, args, core.client_id)
        told.symbol = way_out.book.label(told.contract)
        send = functools.partial(way_out.call, name, args)
        if not core.connected:
            send()  # without a session IB's client says 504
            return
        if self._is_an_order(told):
            way_out.say(told.order_id, DUPLICATE_ID, "Duplicate order id")
            return
        refuse = functools.partial(self._refuse, told)
        verdict = way_out.judge(told.order.account)
        if verdict.answer is Answer.SEND:
            leave = functools.partial(self._leave, told, send)
            way_out.submit_raw(Departure(told, told.order, leave, refuse, alone=True))
        else:
            refuse(verdict.reason)

    def _is_an_order(self, told: OrderRecord) -> bool:
        """Whether its id is that of an order that may work; what is written would be of that."""
        there = self._way_out.book.find(told.client_id, told.order_id)
        return there is not None and may_be_working(there)

    def _leave(self, told: OrderRecord, send: Callable[[], object]) -> None:
        self._left[told.order_id] = told
        try:
            on_fate = functools.partial(self._fate, told)
            with self._core.sending(told.order_id, on_fate) as sending:
                send()
        except Exception as error:  # noqa: BLE001  (IB's encoders raise anything for odd fields)
            # They raise before anything is queued. Who called has gone on meanwhile.
            self._step(told, OrderInput.DROPPED, f"it could not be encoded: {error!r}")
            text = f"{FAIL_SEND_REQMKT.msg()}{error!r}"  # as EClient has it
            self._way_out.say(told.order_id, FAIL_SEND_REQMKT.code(), text)
            return
        if not sending.messages:
            self._step(told, OrderInput.DROPPED, "IB's client sent nothing")

    def _refuse(self, told: OrderRecord, reason: str) -> None:
        self._step(told, OrderInput.DROPPED, reason)  # first: what is said comes back as a notice
        text = f"Error processing request: {reason}"
        self._way_out.say(told.order_id, PROCESSING_FAILED, text)

    def _fate(self, told: OrderRecord, fate: Fate) -> None:
        """The Outbox has handed it to the socket, or dropped it."""
        if fate is Fate.SENT:
            self._step(told, OrderInput.SENT)
        else:
            self._refuse(told, "it was still queued, and never left")

    def _notice(self, notice: Notice) -> None:
        """The gateway says what it thinks of it, or IB's client does."""
        told = self._left.get(notice.req_id)
        if told is not None and not notice.local and notice.ends is not Ends.NOTHING:
            told.error_code = notice.code
            self._step(told, OrderInput.KILLED, notice.text)

    def _down(self) -> None:
        """The session ended: what left may have arrived."""
        for told in tuple(self._left.values()):
            self._step(told, OrderInput.LINK_LOST, "the session ended")
        self._left.clear()

    def _step(self, told: OrderRecord, event: OrderInput, reason: str = "") -> None:
        """Write down what became of what was meant, unless the book does by now."""
        before, told.status = told.status, next_status(told.status, event)
        if told.status is before:
            return
        told.reason = reason
        if told.final:
            self._left.pop(told.order_id, None)
        told.note(self._core.clock.now(), str(event), reason)
        if told.intents and not self._is_an_order(told):
            self._way_out.board.write(told)


def _exercise_of(name: str, args: tuple[Any, ...], client_id: int) -> OrderRecord:
    """What is asked for, as an order that is in no book."""
    if name == "exerciseOptions":
        req_id, contract, action, quantity, account = args[:5]
    else:
        asked = args[0]
        req_id, contract = asked.orderId, decodeContract(asked.contract)
        action, quantity, account = asked.exerciseAction, asked.exerciseQuantity, asked.account
    # A number that is no action is the gateway's to refuse.
    known = ExerciseAction.LAPSE if action == ExerciseAction.LAPSE else ExerciseAction.EXERCISE
    record = OrderRecord(req_id, client_id, contract, exercise_order(known, quantity, account))
    record.origin = RAW
    return record
