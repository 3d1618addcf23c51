"""What leaves: frames of slices and of the program's own calls, on their way to the Outbox."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import attrs

from twsloop.errors import LoopNotRunning
from twsloop.session.state import State
from twsloop.transport import QUESTIONS, Fate, Lane, Outgoing, is_cancel, lane_of
from twsloop.wire.framing import LENGTH_SIZE, FrameReader, frame

from .dispatch import PROTOBUF_OFFSET, split_id

if TYPE_CHECKING:
    from .core import Core

__all__ = ["OwnCallHook", "Sender", "Sending"]

#: Given a message's body, and whether it is queued; False if it could not be, after all.
OwnCallHook = Callable[[bytes, bool], object]


@attrs.define(eq=False)
class Sending:
    """What a thread sends for one purpose (see `Sender.sending`).

    Attributes:
        order_id: The order it carries.
        on_fate: Told of each message, on the loop thread, when it left or was dropped.
        request: What it asks, in words.
        messages: What was queued so far.
    """

    order_id: int | None = None
    on_fate: Callable[[Fate], object] | None = None
    request: str = ""
    messages: list[Outgoing] = attrs.Factory(list)


class Sender:
    """Takes frames from any thread, and knows whose they are.

    Args:
        core: The connection.

    Attributes:
        own_call_hooks: Told of each message that a program's own call of EClient sends.
    """

    def __init__(self, core: Core) -> None:
        self._core = core
        self._here = threading.local()
        self.own_call_hooks: list[OwnCallHook] = []

    # ---- whose it is ---------------------------------------------------------------------

    def own_request(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Make a request of EClient for a slice: no program's own call."""
        before = self.inside
        self._here.inside = True
        try:
            return function(self._core.owner, *args, **kwargs)
        finally:
            self._here.inside = before

    @property
    def inside(self) -> bool:
        """Whether this thread is within a request that a slice makes."""
        return getattr(self._here, "inside", False)

    @contextlib.contextmanager
    def sending(
        self,
        order_id: int | None,
        on_fate: Callable[[Fate], object] | None = None,
        request: str = "",
    ) -> Iterator[Sending]:
        """What this thread's EClient sends inside belongs together: an order's id, who is told.

        If the `Sending` has no messages afterwards, nothing was queued, and nothing is told.
        """
        before = getattr(self._here, "sending", None)
        sending = Sending(order_id, on_fate, request)
        self._here.sending = sending
        try:
            yield sending
        finally:
            self._here.sending = before

    # ---- to the outbox -------------------------------------------------------------------

    def put_frames(self, data: bytes) -> None:
        """Queue what a program hands to ``conn.sendMsg`` itself: complete frames (any thread).

        Raises:
            ValueError: Something else than complete frames.
            OrdersRefused: One of them bears an order, and did not come through the gate.
            NotConnected: There is no session.
            SendQueueFull: Its lane is full.
        """
        reader = FrameReader()
        reader.feed(data)
        bodies = list(reader.frames())
        if not bodies or reader.pending:
            msg = f"conn.sendMsg takes complete frames (4-byte length, body), not {len(data)} bytes"
            raise ValueError(msg)
        ids = [split_id(body, self._core.server_version)[0] for body in bodies]
        numbers = [i - PROTOBUF_OFFSET if i > PROTOBUF_OFFSET else i for i in ids]
        for number in numbers:
            self._core.guard(number)
        for number, body in zip(numbers, bodies, strict=True):
            self._core.put(frame(body), lane_of(number), cancels=is_cancel(number))

    def put(self, data: bytes, lane: Lane, *, cancels: bool = False) -> None:
        """Queue one frame (any thread).

        Args:
            data: The frame, length included.
            lane: Its lane.
            cancels: It only ends something.

        Raises:
            NotConnected: There is no session.
            SendQueueFull: Its lane is full.
        """
        here = self._here
        before: Sending | None = getattr(here, "sending", None)
        sending = before or Sending()
        core, body = self._core, data[LENGTH_SIZE:]
        number = _number(body, core.server_version)
        if number in QUESTIONS and self.inside and core.state is State.SYNCING:
            lane = Lane.ORDER  # no storm of requests shall keep the session from being READY
        on_fate = sending.on_fate
        if sending.order_id is not None:
            on_fate = core.health.orders.leaving(sending.order_id, on_fate)
        message = Outgoing(
            data,
            lane,
            order_id=sending.order_id,
            cancels=cancels,
            on_fate=on_fate,
            number=number,
            request=sending.request,
            turn=core.pacing.turn(number, body, own_call=not self.inside),
        )
        sending.messages.append(message)
        # On the loop thread it may leave at once, and whoever is told of its fate may send more:
        # that is not this order's.
        here.sending = None
        own_calls = () if self.inside else tuple(self.own_call_hooks)
        for hook in own_calls:
            hook(body, True)
        try:
            core.outbox.put(message, at_once=core.event_loop.nothing_waits())
        except BaseException:
            sending.messages.remove(message)
            for hook in own_calls:
                hook(body, False)
            raise
        finally:
            here.sending = before

    def wake(self) -> None:
        """Let the loop thread write what may leave (any thread)."""
        loop, outbox = self._core.event_loop, self._core.outbox
        if loop.in_loop():
            outbox.drain()
        else:
            with contextlib.suppress(LoopNotRunning):  # then the session ends, and tells its fate
                loop.post(outbox.drain)


def _number(body: bytes, server_version: int) -> int:
    """The number of a message, without the protobuf offset; 0 if it cannot be read."""
    try:
        number, _ = split_id(body, server_version)
    except ValueError:
        return 0
    return number - PROTOBUF_OFFSET if number > PROTOBUF_OFFSET else number
