"""`examine`: looks at a gateway step by step, over one connection, and gives a verdict on each."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from twsloop.clock import Clock, SystemClock
from twsloop.config import PORTS, Config, closed_gates
from twsloop.connection.windows import calendar_of
from twsloop.errors import ClientIdInUse, ClientIdLeased, ConnectionFailed, TwsLoopError
from twsloop.event_loop import Future
from twsloop.events import FarmChanged
from twsloop.gateway import IBGateway
from twsloop.session.farms import FarmState

from .diagnosis import (
    Report,
    StepOutcome,
    Verdict,
    of_accounts,
    of_clock,
    of_failure,
    of_farms,
    of_permissions,
    of_quote,
)
from .gateway_process import GatewayProcess
from .login_log import Stage
from .machine import touch
from .readiness import NEEDED
from .watching import IDS, looking

__all__ = ["examine"]

#: How long a farm may take to be told of after the session stands, seconds: the notices may come
#: after the first requests.
FARMS_PATIENCE = 5.0
_PORT_OPEN = "the port accepts connections"


def examine(
    config: Config, process: GatewayProcess | None = None, *, clock: Clock | None = None
) -> Report:
    """Look at the gateway of the settings, and say what is well and what is not.

    It opens one connection, with a client id of ours; places nothing, and leaves nothing behind.

    Args:
        config: The settings.
        process: The gateway's process, where it may be one of ours.
        clock: Measures.

    Returns:
        A verdict on each step.
    """
    return _Visit(config, process, clock or SystemClock()).report()


class _Visit:
    """One examination."""

    def __init__(self, config: Config, process: GatewayProcess | None, clock: Clock) -> None:
        self._config = config
        self._process = process
        self._clock = clock
        self._found: dict[str, Verdict] = {}
        #: What a person has to do at the login, as IBC's log says; empty for nothing.
        self._waits = ""

    def report(self) -> Report:
        """Go through the steps."""
        self._look_at_process()
        if self._resolve() and self._gates_are_open():
            try:
                with self._session() as gateway:
                    self._look_at_session(gateway)
            except ConnectionFailed as error:
                self._found |= of_failure(error, since=self._waits or self._elsewhere(error))
        return Report.whole(self._found)

    def _add(self, verdict: Verdict) -> None:
        self._found[verdict.step] = verdict

    # ---- before the session ----------------------------------------------------------------

    def _look_at_process(self) -> None:
        """What we know of the process; nothing of one that others started."""
        process = self._process
        last = process.plan.room.recall() if process is not None else None
        if process is None or last is None:
            text = "not started by twsloop: nothing is known of it"
            self._add(Verdict(step="process", outcome=StepOutcome.SKIPPED, text=text))
            return
        following = process.follow(last)
        ending = following.ended()
        following.read()
        login = following.story.state
        if ending is not None:
            self._add(
                Verdict(
                    step="process",
                    outcome=StepOutcome.FAILED,
                    text=f"{last.what} has ended; {ending.words}",
                    remedy=ending.remedy or "start it again (twsloop start)",
                )
            )
            return
        known = "" if login.stage is Stage.UNKNOWN else f", {login}"
        if login.needs_person:
            self._waits = str(login)
        self._add(
            Verdict(
                step="process",
                outcome=StepOutcome.WARNING if login.needs_person else StepOutcome.OK,
                text=f"{last.what} runs since {last.since:%Y-%m-%d %H:%M} UTC{known}",
                remedy=login.remedy,
                facts={"pid": last.process.pid, "login": login.stage.name.lower()},
            )
        )

    def _resolve(self) -> bool:
        """Whether the host's name is known."""
        host, port = self._config.connection.host, self._config.connection.port
        try:
            rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            self._add(
                Verdict(
                    step="name",
                    outcome=StepOutcome.FAILED,
                    text=f"the host {host!r} is unknown: {error.strerror or error}",
                    remedy="look at --host, or [connection] host",
                )
            )
            return False
        addresses = sorted({str(row[4][0]) for row in rows})
        shown = ", ".join(addresses)
        text = f"{host}:{port}" if addresses == [host] else f"{host}:{port} is {shown}"
        facts = {"host": host, "port": port, "addresses": addresses}
        self._add(Verdict(step="name", outcome=StepOutcome.OK, text=text, facts=facts))
        return True

    def _gates_are_open(self) -> bool:
        """Whether a live gateway may be connected to at all."""
        if self._config.connection.mode != "live":
            return True
        closed = closed_gates(self._config)
        if closed:
            self._look_from_outside("; ".join(closed))
        return not closed

    def _look_from_outside(self, closed: str) -> None:
        """Whether somebody listens: all that there is to see without a session."""
        connection = self._config.connection
        blocked = f"live trading is blocked: {closed}"
        if touch((connection.host, connection.port)):
            self._passed("tcp", _PORT_OPEN)
            step, text = "session", f"not tried, as {blocked}"
            remedy = (
                "a session of the live account needs every gate open, also this one, which places "
                "nothing: set these keys"
            )
        else:
            step, text = "tcp", f"the port accepts no connections, and {blocked}"
            remedy = "start it (twsloop start --no-wait), or look at the port and at these keys"
        self._add(Verdict(step=step, outcome=StepOutcome.FAILED, text=text, remedy=remedy))

    def _elsewhere(self, error: ConnectionFailed) -> str:
        """Which of IB's own ports somebody listens on, where nobody does on the one we tried."""
        host, port = self._config.connection.host, self._config.connection.port
        if "tcp" not in of_failure(error) or len(of_failure(error)) != 1:
            return ""
        others = [other for other in PORTS.values() if other != port and touch((host, other))]
        shown = ", ".join(str(other) for other in others)
        return f"but something listens on {shown}" if others else ""

    # ---- the session -------------------------------------------------------------------------

    @contextmanager
    def _session(self) -> Iterator[IBGateway]:
        """A session under one of our client ids that nobody has."""
        for number in range(IDS):
            gateway = IBGateway(looking(self._config, number=number))
            try:
                gateway.start()
            except (ClientIdInUse, ClientIdLeased):
                if number == IDS - 1:
                    raise
                continue
            try:
                yield gateway
            finally:
                gateway.stop()
            return

    def _look_at_session(self, gateway: IBGateway) -> None:
        config = self._config
        status = gateway.session
        self._passed("tcp", _PORT_OPEN)
        self._passed("handshake", "it said hello")
        version = status.server_version
        self._passed("version", f"server version {version}", version=version)
        client_id = status.client_id
        self._passed("session", f"READY, as client {client_id}", client_id=client_id)
        self._add(of_accounts(gateway.accounts, config.connection.mode))
        farms = _FarmsTold(gateway, self._clock)
        self._ask_clock(gateway)
        farms.wait(FARMS_PATIENCE)
        window = self._window()
        for kind in NEEDED:
            self._add(of_farms(gateway.system.farms, kind, window))
        symbol = config.control.symbol
        quote, error = self._answer(lambda: gateway.quote(symbol))
        quoted = of_quote(symbol, quote, error)
        self._add(quoted)
        next_id, error = self._answer(gateway.system.next_valid_id)
        wants_orders = config.session.role == "trade" and config.orders_enabled
        data = str(quoted.facts.get("data", ""))
        self._add(of_permissions(error, next_id, wants_orders=wants_orders, data=data))

    def _passed(self, step: str, text: str, **facts: object) -> None:
        self._add(Verdict(step=step, outcome=StepOutcome.OK, text=text, facts=facts))

    def _ask_clock(self, gateway: IBGateway) -> None:
        reading, error = self._answer(gateway.system.clock)
        if reading is None:
            self._add(
                Verdict(
                    step="clock",
                    outcome=StepOutcome.FAILED,
                    text=f"it does not say what time it is: {error}",
                    remedy="it hangs: restart it (twsloop restart)",
                )
            )
            return
        limit = self._config.control.clock_skew
        self._add(of_clock(reading.skew, reading.uncertainty, reading.round_trip, limit))

    def _answer(self, ask: Callable[[], Future[Any]]) -> tuple[Any, Exception | None]:
        """The answer to a question, or what came in its place."""
        try:
            return ask().result(self._config.connection.request_timeout), None
        except (TwsLoopError, TimeoutError) as error:
            return None, error

    def _window(self) -> str:
        window = calendar_of(self._config).window(self._clock.now())
        return "" if window is None else str(window)


class _FarmsTold:
    """Waits until the gateway has told how it stands with a farm of each kind that is needed."""

    def __init__(self, gateway: IBGateway, clock: Clock) -> None:
        self._gateway = gateway
        self._clock = clock
        self._told = threading.Event()
        gateway.observe(FarmChanged, lambda _: self._told.set())

    def wait(self, seconds: float) -> None:
        """Wait, at most so long."""
        ends = self._clock.monotonic() + seconds
        while not self._all_told() and (left := ends - self._clock.monotonic()) > 0:
            self._told.wait(left)
            self._told.clear()

    def _all_told(self) -> bool:
        rows = self._gateway.system.farms.values()
        settled = {farm.kind for farm in rows if farm.state is not FarmState.CONNECTING}
        return settled.issuperset(NEEDED)
