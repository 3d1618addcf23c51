"""What begins and ends any fault, from any thread; `wire_hand` and `gateway_hand` name them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

from twsloop.errors import FaultError, PaperError
from twsloop.paper.clients.hub import Hub

from .engine import Active, FaultEngine, Happened
from .fault import Fault

__all__ = ["FaultHand", "FaultHandle", "Whom"]

T = TypeVar("T")

#: Whom a fault hits: a client id, several, or None: all.
Whom = int | Iterable[int] | None


class Door(Protocol):
    """The gateway's loop, from any thread."""

    @property
    def running(self) -> bool:
        """Whether it listens."""

    @property
    def hub(self) -> Hub:
        """The parts behind the sockets."""

    def on_loop(self, work: Callable[[], object]) -> object:
        """Run ``work()`` on the gateway's loop."""

    def settle_door(self) -> None:
        """Wait until connections are refused or accepted, as was asked."""


class FaultHandle:
    """A fault that was begun: what ends it, from any thread. Leaving ``with`` ends it too."""

    def __init__(self, control: FaultHand, active: Active) -> None:
        self._control = control
        self._active = active

    @property
    def fault(self) -> Fault:
        """The fault with its parameters."""
        return self._active.fault

    @property
    def on(self) -> bool:
        """Whether it lasts."""
        return self._active.on

    def end(self) -> None:
        """End it; nothing happens if it has ended."""
        self._control.end(self._active)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.end()


class FaultHand:
    """A test's hand on the faults of a `PaperGateway`.

    Args:
        door: The gateway.
        engine: Its faults.
    """

    def __init__(self, door: Door, engine: FaultEngine) -> None:
        self._door = door
        self._engine = engine

    # ---- all faults ------------------------------------------------------------------------

    def begin(
        self, fault: Fault, client: Whom = None, *, lasting: float | None = None
    ) -> FaultHandle:
        """Let a fault begin now.

        Args:
            fault: Which.
            client: The client id that it hits, or several; None: all.
            lasting: How long, seconds; None: until it is ended.

        Raises:
            FaultError: It is over at once, and cannot last; or nobody can be meant by `client`.
            PaperError: The gateway is not running.
        """
        if not self._engine.begun:
            msg = "the paper gateway is not running: start it, or give it a fault script"
            raise PaperError(msg)
        clients = None if client is None else _ids(fault, client)
        active = self._do(lambda: self._engine.begin(fault, clients, lasting))
        return FaultHandle(self, active)

    def end(self, active: Active) -> None:
        """End a fault; nothing happens if it has ended."""
        self._do(lambda: self._engine.end(active))

    def clear(self) -> None:
        """End all faults."""
        self._do(self._engine.clear)

    @property
    def active(self) -> tuple[Fault, ...]:
        """The faults that last."""
        return tuple(one.fault for one in tuple(self._engine.active))

    @property
    def record(self) -> tuple[Happened, ...]:
        """What began and ended so far, in order."""
        lines: list[Happened] = []
        self._door.on_loop(lambda: lines.extend(self._engine.record))
        return tuple(lines)

    def listen(self, hear: Callable[[Happened], object]) -> None:
        """Hear of each fault that begins or ends, on the gateway's loop; first of those before."""

        def work() -> None:
            for one in tuple(self._engine.record):
                hear(one)
            self._engine.at_record.append(hear)

        self._door.on_loop(work)

    # ---- inside ----------------------------------------------------------------------------

    def _do(self, work: Callable[[], T]) -> T:
        """Do something on the gateway's loop, and let every client be written to."""
        results: list[T] = []

        def settled() -> None:
            results.append(work())
            if self._door.running:
                self._door.hub.settle()

        self._door.on_loop(settled)
        # Some transports write at the end of the loop's turn: this comes in the next one.
        self._door.on_loop(_nothing)
        self._door.settle_door()
        return results[0]


def _ids(fault: Fault, client: int | Iterable[int]) -> frozenset[int]:
    """The client ids that are meant.

    Raises:
        FaultError: They are none.
    """
    several = isinstance(client, Iterable) and not isinstance(client, str)
    ids: list[Any] = list(client) if several else [client]  # type: ignore[arg-type]
    if any(isinstance(one, bool) or not isinstance(one, int) for one in ids):
        allowed = "a client id, several, or None for all"
        raise FaultError(
            "does not fit", fault=fault.name, key="client", value=client, allowed=allowed
        )
    return frozenset(ids)


def _nothing() -> None:
    return None
