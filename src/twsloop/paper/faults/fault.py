"""What a fault is: a name, parameters with a type and a range, a beginning, and maybe an end.

A fault is a frozen class with a ``name``. Its fields are its parameters, made by `number`, `count`,
`choice`, `flag`, `text` and `many`: the same field checks what Python gives and what a script says,
and tells the docs what it means::

    @attrs.frozen(kw_only=True)
    class Hiccup(Fault):
        '''The gateway says nothing for a while.'''

        name: ClassVar[str] = "hiccup"

        loudness: float = number(1.0, "How loud it is.", unit="sone")

        def begin(self, stage: Stage) -> End | None:
            ...

`Fault.begin` is called on the gateway's loop, when the fault begins. It returns what ends it, or
None where there is nothing to end. What it is handed is its `Stage`: the gateway, whom it hits, and
where chance and timers come from.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import attrs

from twsloop.clock import Timer
from twsloop.paper.clients.hub import Hub

from .board import LinkBoard
from .host import Chance, Host
from .params import Param

__all__ = ["End", "Fault", "Stage", "params_of"]

#: What ends a fault.
End = Callable[[], object]


def params_of(kind: type[Fault]) -> Mapping[str, Param]:
    """The parameters of a fault, by name, in their order."""
    return {field.name: field.metadata["param"] for field in attrs.fields(kind)}


@attrs.define(eq=False)
class Stage:
    """Where a fault plays: what `Fault.begin` is handed.

    Attributes:
        host: The gateway.
        links: The board of all connections, for faults of the wire.
        clients: The client ids that it hits; None: all.
        chance: Seeded.
        fault: The fault itself.
        over: Whether it has ended.
    """

    host: Host
    links: LinkBoard
    clients: frozenset[int] | None
    chance: Chance
    fault: Fault
    over: bool = False
    _timers: set[Timer] = attrs.Factory(set)
    _finish: Callable[[], None] | None = None

    def hits(self, client_id: int) -> bool:
        """Whether it is about this client."""
        return self.clients is None or client_id in self.clients

    def later(self, delay: float, work: Callable[..., object], *args: Any) -> Timer:
        """Call ``work(*args)`` after so many seconds, unless the fault has ended by then."""

        def fire() -> None:
            self._timers.discard(timer)
            work(*args)

        timer = self.host.clock.call_later(delay, fire)
        self._timers.add(timer)
        return timer

    def each_hub(self, install: Callable[[Hub], End]) -> End:
        """Do something to the gateway's hub: to the one there is, and to that of each restart.

        Args:
            install: Does it, and returns what undoes it.

        Returns:
            What undoes it, and does it to no further one.
        """
        undo: list[End] = []

        def met(hub: Hub) -> None:
            undo[:] = [install(hub)]

        self.links.at_open.append(met)
        if self.host.running:
            met(self.host.hub)

        def end() -> None:
            self.links.at_open.remove(met)
            for one in undo:
                one()

        return end

    def finished(self) -> None:
        """Say that the fault has ended by itself, before its time."""
        if self._finish is not None:
            self._finish()

    def whenever_finished(self, finish: Callable[[], None]) -> None:
        """The engine: whom `finished` tells."""
        self._finish = finish

    def close(self) -> None:
        """The engine: the fault has ended."""
        self.over = True
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()


@attrs.frozen(kw_only=True)
class Fault(abc.ABC):
    """One thing that a gateway or a network does to its clients; subclasses say what.

    ``name`` is what scripts call it. ``instant`` faults happen and are over: they cannot last.
    Those that are not ``of_clients`` happen to the gateway, whoever its clients are.
    """

    name: ClassVar[str] = ""
    instant: ClassVar[bool] = False
    of_clients: ClassVar[bool] = True

    @abc.abstractmethod
    def begin(self, stage: Stage) -> End | None:
        """Let it happen; on the gateway's loop.

        Returns:
            What ends it, None if nothing does.
        """
