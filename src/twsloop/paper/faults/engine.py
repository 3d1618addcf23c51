"""The fault engine: which faults are on, when the next begin, and what has happened.

It lives as long as its `PaperGateway`, on the gateway's loop. Faults begin by hand (`begin`), or by
the plans of a script: at a time, at a market time, or after something has happened so many times
(`happened`).
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime

import attrs

from twsloop.clock import Timer
from twsloop.errors import FaultError
from twsloop.paper.clients.hub import Hub
from twsloop.paper.connection import Connection

from .board import LinkBoard
from .fault import End, Fault, Stage
from .host import Chance, Host
from .script import Plan, Script

__all__ = ["Active", "FaultEngine", "Happened"]

logger = logging.getLogger(__name__)


@attrs.frozen
class Happened:
    """One line of the record: a fault began, or ended.

    Attributes:
        time: When, by the gateway's clock.
        what: ``begins`` or ``ends``; of an instant fault ``happens``.
        fault: The fault with its parameters.
        clients: Whom it hit; None: all.
    """

    time: datetime
    what: str
    fault: Fault
    clients: frozenset[int] | None


@attrs.define(eq=False)
class Active:
    """A fault that has begun.

    Attributes:
        fault: The fault with its parameters.
        clients: Whom it hits; None: all.
        stage: What it was handed.
        on: Whether it lasts.
        ending: What ends it, beside its timers.
    """

    fault: Fault
    clients: frozenset[int] | None
    stage: Stage
    on: bool = True
    ending: End | None = None


class FaultEngine:
    """The faults of one gateway; everything on its loop.

    Args:
        host: The gateway.
        chance: Seeded, for what is random.
        script: What happens by itself.
    """

    def __init__(self, host: Host, chance: Chance, script: Script | None = None) -> None:
        self.links = LinkBoard(host)
        self.record: list[Happened] = []
        self.active: list[Active] = []
        self.script = script or Script()
        self._host = host
        self._chance = chance
        self._counts: Counter[tuple[str, int | None]] = Counter()
        self._waiting: list[tuple[Plan, int]] = []
        self._timers: list[Timer] = []
        self._begun = False

    # ---- life ------------------------------------------------------------------------------

    def start(self, hub: Hub) -> None:
        """The gateway listens: the script begins, unless it runs already (after a restart)."""
        self.links.opened(hub)
        if self._begun:
            return
        self._begun = True
        for plan in self.script.plans:
            self._expect(plan)

    def stop(self) -> None:
        """The gateway ends: so does every fault, and the script."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        self._waiting.clear()
        self._counts.clear()
        self.clear()
        self.links.cut_all()
        self._begun = False

    # ---- faults ----------------------------------------------------------------------------

    def begin(
        self, fault: Fault, clients: Iterable[int] | None = None, lasting: float | None = None
    ) -> Active:
        """Let a fault begin now.

        Args:
            fault: Which.
            clients: Whom it hits; None: all.
            lasting: How long, seconds; None: until it is ended.

        Raises:
            FaultError: It is over at once, and cannot last.
        """
        if fault.instant and lasting is not None:
            raise FaultError("happens at once, and cannot last", fault=fault.name, key="lasting")
        hit = None if clients is None else frozenset(clients)
        stage = Stage(self._host, self.links, hit, self._chance, fault)
        active = Active(fault, hit, stage)
        stage.whenever_finished(lambda: self.end(active))
        self._note("happens" if fault.instant else "begins", active)
        active.ending = fault.begin(stage)
        if fault.instant:
            active.on = False
        elif active.on:
            self.active.append(active)
            if lasting is not None:
                stage.later(lasting, self.end, active)
        return active

    def end(self, active: Active) -> None:
        """End a fault; nothing happens if it has ended."""
        if not active.on:
            return
        active.on = False
        if active in self.active:
            self.active.remove(active)
        active.stage.close()
        self._note("ends", active)
        if active.ending is not None:
            active.ending()
        self._settle()

    def clear(self) -> None:
        """End all faults, the last one first."""
        for active in reversed(tuple(self.active)):
            self.end(active)

    # ---- what happens ----------------------------------------------------------------------

    def arrived(self, connection: Connection) -> None:
        """The gateway accepted a connection."""
        self.links.arrived(connection)
        self.happened("connect", None)

    def joined(self, connection: Connection) -> None:
        """A client is READY."""
        self.links.joined(connection)
        self.happened("join", connection.client_id)

    def left(self, connection: Connection) -> None:
        """The gateway's half of a connection has ended."""
        self.links.ended(connection)

    def happened(self, event: str, client_id: int | None) -> None:
        """Something happened that plans may wait for."""
        for place in tuple(self._waiting):
            plan, count = place
            if plan.trigger.event != event or not plan.concerns(client_id):
                continue
            self._waiting.remove(place)
            count += 1
            if count % plan.trigger.nth:
                self._waiting.append((plan, count))
                continue
            if plan.times == 0 or count < plan.trigger.nth * plan.times:
                self._waiting.append((plan, count))
            self._later(plan.trigger.delay, self._run, plan)

    # ---- inside ----------------------------------------------------------------------------

    def _expect(self, plan: Plan) -> None:
        """Wait for a plan's time, or for what it waits for."""
        trigger = plan.trigger
        if trigger.event is not None:
            self._waiting.append((plan, 0))
        elif trigger.market is not None:
            clock = self._host.hub.clock
            wait = max((trigger.market - clock.now()).total_seconds(), 0.0)
            self._timers.append(clock.call_later(wait, self._run_timed, plan, 1))
        else:
            self._later(trigger.at, self._run_timed, plan, 1)

    def _later(self, delay: float, work: Callable[..., object], *args: object) -> None:
        if delay <= 0:
            work(*args)
        else:
            self._timers.append(self._host.clock.call_later(delay, work, *args))

    def _run_timed(self, plan: Plan, count: int) -> None:
        if plan.every is not None and (plan.times == 0 or count < plan.times):
            self._later(plan.every, self._run_timed, plan, count + 1)
        self._run(plan)

    def _run(self, plan: Plan) -> None:
        try:
            self.begin(plan.fault, plan.clients, plan.lasting)
        except Exception:
            # The script goes on: the other faults have nothing to do with this one.
            logger.exception("the fault %s could not begin", plan.fault.name)
        self._settle()

    def _settle(self) -> None:
        if self._host.running:
            self._host.hub.settle()

    def _note(self, what: str, active: Active) -> None:
        self.record.append(Happened(self._host.clock.now(), what, active.fault, active.clients))
        whom = "all" if active.clients is None else sorted(active.clients)
        logger.info("fault %s: %s, clients %s", what, active.fault, whom)
