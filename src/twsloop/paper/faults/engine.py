"""The fault engine: which faults are on, when the next begin, and what has happened.

It lives as long as its `PaperGateway`, on the gateway's loop. Faults begin by hand (`begin`), or by
the plans of a script: at a time, at a market time, or after something has happened so many times
(`happened`).
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable
from datetime import datetime

import attrs

from twsloop.clock import Timer
from twsloop.errors import FaultError, PaperError
from twsloop.paper.clients.hub import Hub
from twsloop.paper.connection import Connection

from .board import LinkBoard
from .fault import End, Fault, Stage
from .host import Chance, Host
from .params import SECONDS
from .script import Plan, Script
from .watch import Watch

__all__ = ["Active", "FaultEngine", "Happened"]

logger = logging.getLogger(__name__)

#: So many lines of the record are kept, the latest.
RECORD = 10_000


@attrs.frozen
class Happened:
    """One line of the record: a fault began, or ended.

    Attributes:
        time: When, by the gateway's clock.
        what: ``begins`` or ``ends``; of an instant fault ``happens``; ``fails`` where nothing came
            of that.
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

    Attributes:
        links: The board of all connections.
        record: What began and ended, the latest `RECORD`.
        active: The faults that last.
        at_record: Who hears of each line of the record.
        begun: Whether the gateway serves, or is away for a restart.
    """

    def __init__(self, host: Host, chance: Chance, script: Script | None = None) -> None:
        self.links = LinkBoard(host)
        self.record: deque[Happened] = deque(maxlen=RECORD)
        self.active: list[Active] = []
        self.at_record: list[Callable[[Happened], object]] = []
        self.script = script or Script()
        self._host = host
        self._chance = chance
        self._watch = Watch(self.happened)
        self._waiting: list[tuple[Plan, int]] = []
        self._to_come: list[Plan] = []
        self._timers: set[Timer] = set()
        self._market_timers: list[Timer] = []
        self.begun = False

    # ---- life ------------------------------------------------------------------------------

    def start(self, hub: Hub) -> None:
        """The gateway listens: the script begins, unless it runs already (after a restart)."""
        self.links.opened(hub)
        if not self.begun:
            self.begun = True
            for plan in self.script.plans:
                self._expect(plan)
        if self._waiting:
            self._watch.install(hub)
        self.look_at_calendar()

    def stop(self) -> None:
        """The gateway ends: so does every fault, and the script."""
        for timer in (*self._timers, *self._market_timers):
            timer.cancel()
        self._timers.clear()
        self._market_timers.clear()
        self._waiting.clear()
        self._to_come.clear()
        self.clear()
        self.links.cut_all()
        self.begun = False

    def look_at_calendar(self) -> None:
        """Wait anew for the market times to come: the hub is another one, or its clock was set."""
        for timer in self._market_timers:
            timer.cancel()
        clock, now = self._host.hub.clock, self._host.hub.clock.now()
        self._market_timers = [
            clock.call_later(max((when - now).total_seconds(), 0.0), self._run_market, plan)
            for plan in self._to_come
            if (when := plan.trigger.market) is not None
        ]

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
            FaultError: It is over at once, and cannot last; or so long is no span.
        """
        if fault.instant and lasting is not None:
            raise FaultError("happens at once, and cannot last", fault=fault.name, key="lasting")
        try:
            lasting = None if lasting is None else SECONDS.read(lasting)
        except ValueError:
            allowed = SECONDS.allowed()
            raise FaultError(
                "does not fit", fault=fault.name, key="lasting", value=lasting, allowed=allowed
            ) from None
        hit = None if clients is None else frozenset(clients)
        stage = Stage(self._host, self.links, hit, self._chance, fault)
        active = Active(fault, hit, stage)
        stage.whenever_finished(lambda: self.end(active))
        self._note("happens" if fault.instant else "begins", active)
        try:
            active.ending = fault.begin(stage)
        except BaseException:
            active.on = False
            stage.close()
            self._note("fails", active)
            raise
        if fault.instant:
            active.on = False
        elif active.on:
            self.active.append(active)
            if lasting is not None:
                stage.later(lasting, self._end_in_time, active)
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

    def clear(self) -> None:
        """End all faults, the last one first."""
        for active in reversed(tuple(self.active)):
            self.end(active)

    # ---- what happens ----------------------------------------------------------------------

    def arrived(self, connection: Connection) -> None:
        """The gateway accepted a connection."""
        # First what begins with it: it may be about this very connection.
        self.happened("connect", None)
        self.links.arrived(connection)

    def joined(self, connection: Connection) -> None:
        """A client is READY."""
        self.links.joined(connection)
        self.happened("join", connection.client_id)

    def left(self, connection: Connection) -> None:
        """The gateway's half of a connection has ended."""
        self.links.ended(connection)

    def happened(self, event: str, client_id: int | None) -> None:
        """Something happens that plans may wait for: they begin before anything comes of it.

        It comes from the midst of the hub's work, which settles it.
        """
        for place in tuple(self._waiting):
            plan, count = place
            trigger = plan.trigger
            if not trigger.counts(event, client_id):
                continue
            self._waiting.remove(place)
            count += 1
            if plan.times == 0 or count < trigger.nth * plan.times:
                self._waiting.append((plan, count))
            if count % trigger.nth == 0:
                if trigger.delay > 0:
                    self._later(trigger.delay, self._run_in_time, plan)
                else:
                    self._run(plan)

    # ---- inside ----------------------------------------------------------------------------

    def _expect(self, plan: Plan) -> None:
        """Wait for a plan's time, or for what it waits for."""
        trigger = plan.trigger
        if trigger.event is not None:
            self._waiting.append((plan, 0))
        elif trigger.market is not None:
            self._to_come.append(plan)
        elif trigger.at > 0:
            self._later(trigger.at, self._run_every, plan, 1)
        else:
            self._run_every(plan, 1)

    def _later(self, delay: float, work: Callable[..., object], *args: object) -> None:
        def fire() -> None:
            self._timers.discard(timer)
            work(*args)

        timer = self._host.clock.call_later(delay, fire)
        self._timers.add(timer)

    def _run_market(self, plan: Plan) -> None:
        self._to_come.remove(plan)
        self._run_every(plan, 1)

    def _run_every(self, plan: Plan, count: int) -> None:
        if plan.every is not None and (plan.times == 0 or count < plan.times):
            self._later(plan.every, self._run_every, plan, count + 1)
        self._run_in_time(plan)

    def _run_in_time(self, plan: Plan) -> None:
        self._run(plan)
        self._settle()

    def _end_in_time(self, active: Active) -> None:
        self.end(active)
        self._settle()

    def _run(self, plan: Plan) -> None:
        try:
            self.begin(plan.fault, plan.clients, plan.lasting)
        except PaperError as error:
            # As when the gateway is away just then.
            logger.warning("the fault %s could not begin: %s", plan.fault.name, error)
        except Exception:
            # The script goes on: the other faults have nothing to do with this one.
            logger.exception("the fault %s could not begin", plan.fault.name)

    def _settle(self) -> None:
        if self._host.running:
            self._host.hub.settle()

    def _note(self, what: str, active: Active) -> None:
        told = Happened(self._host.clock.now(), what, active.fault, active.clients)
        self.record.append(told)
        whom = "all" if active.clients is None else sorted(active.clients)
        logger.info("fault %s: %s, clients %s", what, active.fault, whom)
        for hear in tuple(self.at_record):
            hear(told)
