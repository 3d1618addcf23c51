"""Where a client is killed: the steps of an order through the journal and the socket.

A `Trap` is laid in the child process alone: it wraps the methods that are the steps, counts how
often each is passed while it is armed, and ends the process with SIGKILL at the one that was drawn.
Nothing is flushed, closed or said then. The product knows nothing of it.
"""

from __future__ import annotations

import functools
import os
import signal
import threading
from collections.abc import Callable
from typing import Any

import attrs

from twsloop.database import Database
from twsloop.events import GapReport, SessionBegan
from twsloop.gateway.slices import Slices
from twsloop.orders.board import Board
from twsloop.orders.processor import OrderProcessor
from twsloop.orders.requests import Orders
from twsloop.storage.journal import Journal
from twsloop.storage.pen import Pen
from twsloop.storage.writer import Writer
from twsloop.transport.link import Transport

__all__ = ["KINDS", "Kind", "Trap"]

#: IB's numbers of placeOrder and cancelOrder, and what is added for protobuf.
ORDERS, PROTOBUF = frozenset({3, 4}), 200

_WRITTEN = ("queued", "batch_begun", "rows_written", "before_commit", "after_commit", "durable")
_BYTES = ("before_bytes", "half_of_bytes", "after_bytes")
_REPORTS = ("before_status", "after_status", "before_open_order", "after_open_order")
_FILLS = ("before_execution", "after_execution", "before_commission", "after_commission")
#: What may happen to an order that is placed, and trades at once or later.
PLACES = ("market", "rest", "near", "part", "raw", "bracket", "burst")
FILLED = ("market", "burst")


@attrs.frozen
class Kind:
    """One kind of kill.

    Attributes:
        points: The steps, of which one is drawn.
        actions: What the client does when the trap is armed, of which one is drawn; none: it is
            armed from its start on.
        passes: The step is passed so often at most before it kills.
    """

    points: tuple[str, ...]
    actions: tuple[str, ...] = ()
    passes: int = 1


def _each(points: tuple[str, ...], actions: tuple[str, ...], passes: int = 1) -> dict[str, Kind]:
    return {point: Kind((point,), actions, passes) for point in points}


#: Every kind, by its name. Those of the same step differ in what is under way.
KINDS: dict[str, Kind] = {
    **_each(_WRITTEN, PLACES),
    **_each(_BYTES, PLACES),
    "acknowledged": Kind(_REPORTS, PLACES),
    "filled": Kind(_FILLS, FILLED, 2),
    "told": Kind(("announced",), PLACES, 4),
    "mid_bracket": Kind((*_WRITTEN, *_BYTES), ("bracket",), 3),
    "mid_burst": Kind((*_WRITTEN, *_BYTES), ("burst",), 4),
    "mid_modify": Kind((*_WRITTEN, *_BYTES, *_REPORTS), ("modify",)),
    "mid_cancel": Kind((*_BYTES, "before_status", "after_status", "announced"), ("cancel",)),
    "journal_opened": Kind(("opened",)),
    "session_begins": Kind(("began", "settings", "recalled")),
    "lists": Kind(("before_open_order", "after_open_order", "before_status", "after_status")),
    "fills_listed": Kind(("before_execution", "after_execution", "after_commission")),
    "before_ready": Kind(("restored", "compared")),
    "stopping": Kind(("closing", "closed"), ("stop",)),
    "any_time": Kind((), ("any",)),
}


class Trap:
    """Kills this process at a step.

    Args:
        point: The step; empty for none.
        passes: It kills at the so manieth pass.
    """

    def __init__(self, point: str, passes: int) -> None:
        self._point, self._left = point, passes
        self._armed = False
        self._lock = threading.Lock()

    def arm(self, *, armed: bool = True) -> None:
        """From now on it counts, or does not any more."""
        self._armed = armed

    def reach(self, point: str) -> None:
        """This step is passed."""
        if not self._armed or not point or point != self._point:
            return
        with self._lock:
            self._left -= 1
            if self._left == 0:
                kill()

    def lay(self) -> None:
        """Wrap the methods that are steps."""
        for owner, name, before, after in (
            (Pen, "_insert", "batch_begun", "rows_written"),
            (Pen, "in_place", "before_commit", ""),
            (Pen, "write", "", "after_commit"),
            (Pen, "opened", "", "opened"),
            (Journal, "intend", "", "queued"),
            (Journal, "_close", "closing", ""),
            (Database, "close", "", "closed"),
            (Board, "announce", "", "announced"),
            (OrderProcessor, "orderStatus", "before_status", "after_status"),
            (OrderProcessor, "openOrder", "before_open_order", "after_open_order"),
            (OrderProcessor, "execDetails", "before_execution", "after_execution"),
            (
                OrderProcessor,
                "commissionAndFeesReport",
                "before_commission",
                "after_commission",
            ),
            (Slices, "_recall", "", "recalled"),
            (Orders, "_restore", "", "restored"),
        ):
            self._wrap(owner, name, before, after)
        self._lay_durable()
        self._lay_facts()
        self._lay_bytes()

    def _wrap(self, owner: type, name: str, before: str, after: str) -> None:
        inner: Callable[..., Any] = getattr(owner, name)

        if _is_async(inner):

            @functools.wraps(inner)
            async def waited(*args: Any, **more: Any) -> Any:
                self.reach(before)
                done = await inner(*args, **more)
                self.reach(after)
                return done

            setattr(owner, name, waited)
            return

        @functools.wraps(inner)
        def passed(*args: Any, **more: Any) -> Any:
            self.reach(before)
            done = inner(*args, **more)
            self.reach(after)
            return done

        setattr(owner, name, passed)

    def _lay_durable(self) -> None:
        settle = Writer._settle  # noqa: SLF001

        def settled(writer: Writer, waiting: Any, problem: str) -> None:
            self.reach("durable")
            settle(writer, waiting, problem)

        Writer._settle = settled  # type: ignore[method-assign]  # noqa: SLF001

    def _lay_facts(self) -> None:
        record = Journal.record

        def recorded(journal: Journal, fact: Any) -> None:
            record(journal, fact)
            if isinstance(fact, SessionBegan):
                self.reach("began")
            elif isinstance(fact, GapReport):
                self.reach("compared")
            elif type(fact).__name__ == "ConfigTaken":
                self.reach("settings")

        Journal.record = recorded  # type: ignore[method-assign]

    def _lay_bytes(self) -> None:
        write = Transport.write

        def written(link: Transport, data: bytes) -> None:
            if _bears_order(data):
                self.reach("before_bytes")
                if self._is_next("half_of_bytes"):
                    _push(link, data[: len(data) // 2])
                self.reach("half_of_bytes")
                if self._is_next("after_bytes"):
                    _push(link, data)
                self.reach("after_bytes")
            write(link, data)

        Transport.write = written  # type: ignore[method-assign]

    def _is_next(self, point: str) -> bool:
        """Whether the next pass of this step kills."""
        return self._armed and point == self._point and self._left == 1


def kill() -> None:
    """End this process as ``kill -9`` does, from within: exactly here."""
    os.kill(os.getpid(), signal.SIGKILL)
    signal.pause()


def _is_async(function: Callable[..., Any]) -> bool:
    return bool(function.__code__.co_flags & 0x80)


def _push(link: Transport, data: bytes) -> None:
    """Hand bytes to the system at once: a loop may keep them until its next turn."""
    assert link._transport is not None  # noqa: SLF001
    os.write(link._transport.get_extra_info("socket").fileno(), data)  # noqa: SLF001


def _bears_order(data: bytes) -> bool:
    """Whether one of the frames is a placeOrder or a cancelOrder."""
    at = 0
    while at + 8 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        body = data[at + 4 : at + 4 + size]
        number = int.from_bytes(body[:4], "big")
        if number > 10_000:  # text: digits up to a null
            digits = body.split(b"\0", 1)[0]
            number = int(digits) if digits.isdigit() else 0
        if number % PROTOBUF in ORDERS:
            return True
        at += 4 + size
    return False
