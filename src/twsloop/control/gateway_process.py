"""`GatewayProcess`: starts, stops and restarts a gateway, and says how it stands with it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress

from twsloop.clock import Clock, SystemClock
from twsloop.config import Config, check_live_gates, closed_gates
from twsloop.errors import CommandRefused, ControlError

from .command_client import ask
from .commands import DEFAULT_PORT, Answer, Command
from .following import Following
from .locate import Disk, Surroundings
from .login_log import LoginState
from .machine import Child, RealDisk, end, is_here, lives, spawn, this_machine, touch
from .plan import Plan
from .readiness import Seen, missing
from .record import Record
from .status import Status
from .steps import (
    Step,
    Tell,
    error_of_ending,
    error_of_patience,
    ready_words,
    told_nothing,
)
from .tail import Tail
from .watching import Watch

__all__ = ["GatewayProcess"]

#: How often it is looked whether a process lives and what its log says, seconds.
LOOK_EVERY = 0.1
#: How long a gateway that is well may take to let a look of ours in before a restart, seconds.
LOOK_BEFORE = 10.0
#: States of a session that pass, and are not worth a word.
_PASSING = frozenset({"DISCONNECTED", "CONNECTING", "HANDSHAKE", "STARTING", "SYNCING"})


class GatewayProcess:
    """The process of one gateway: the one of ``[connection]``, as ``[control]`` says.

    Everything here blocks; nothing belongs on an event loop.

    Args:
        config: The settings.
        disk: The files of this machine.
        machine: This machine.
        environ: The environment; the process's own unless given.
        clock: Measures what may take how long.
    """

    def __init__(
        self,
        config: Config,
        *,
        disk: Disk | None = None,
        machine: Surroundings | None = None,
        environ: Mapping[str, str] | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._config = config
        self._environ = os.environ if environ is None else environ
        self._clock: Clock = clock or SystemClock()
        self._child: Child | None = None
        self.plan = Plan.make(config, disk or RealDisk(), machine or this_machine())

    # ---- start ---------------------------------------------------------------------------

    def start(self, *, wait: bool = True, tell: Tell = told_nothing) -> Seen | None:
        """Start the gateway, and wait until it is proven ready.

        One that we started before and that lives is not started again, but proven.

        Args:
            wait: Whether to wait.
            tell: Called with each `Step`.

        Returns:
            What the proof saw; None where it was not waited for.

        Raises:
            GatewayNotInstalled: A program or IBC is not there.
            LoginError: The login is not where it should be.
            GatewayEnded: The process ended.
            GatewayNotReady: It was not proven ready within ``[control] start_timeout``.
            ControlError: Another program listens on the port, or starts it just now.
            LiveTradingBlocked: A live gateway cannot be looked at while a gate is closed.
        """
        if wait:
            check_live_gates(self._config)
        room = self.plan.room
        room.enter()
        with room.claimed():
            record = room.running()
            if record is not None:
                tell(Step("running", f"it runs already: {record.what}", pid=record.process.pid))
                run = self.follow(record)
            else:
                run = self._spawn(tell)
        return self._prove(run, tell) if wait else None

    def _spawn(self, tell: Tell) -> Following:
        room, connection = self.plan.room, self._config.connection
        if not is_here(connection.host):
            raise ControlError(
                f"[connection] host is {connection.host}, which is not this machine",
                remedy="start the gateway there",
            )
        if self.port_open():
            raise ControlError(
                f"something listens on {connection.host}:{connection.port} already, and we did not "
                "start it",
                remedy="stop it, or choose another --port; twsloop doctor says what it is",
            )
        room.forget()  # of a process that is gone
        launch = self.plan.launch(self._environ)
        try:
            child, process = spawn(launch, room.log, self._environ)
        except ControlError:
            room.forget()
            raise
        record = Record(
            process=process,
            kind=launch.kind,
            what=launch.what,
            since=self._clock.now(),
        )
        room.remember(record)
        tell(Step("started", f"started {launch.what}", pid=process.pid, log=str(room.log)))
        if launch.note:
            tell(Step("needs_person", launch.note, remedy=launch.note))
        self._child = child
        return self.follow(record)

    def follow(self, record: Record | None) -> Following:
        """Follow a process that we started, now or earlier; None for one that others did."""
        child = self._child
        return Following(
            process=None if record is None else record.process,
            tail=Tail(self.plan.room.log),
            child=child if child and record and child.pid == record.process.pid else None,
            through_ibc=record is None or record.kind == "ibc",
        )

    def _prove(self, run: Following, tell: Tell) -> Seen:
        """Wait until the gateway is proven ready."""
        with Watch(self._config, starting=True) as watch:
            return self._until(
                run, watch, tell, lambda seen: not missing(seen), self._config.control.start_timeout
            )

    def _until(
        self,
        run: Following,
        watch: Watch,
        tell: Tell,
        done: Callable[[Seen], bool],
        patience: float,
    ) -> Seen:
        """Look at process, log and API until it is done."""
        ends = self._clock.monotonic() + patience
        told = ""
        while True:
            ending = run.ended()
            run.read(tell)
            if ending is not None:
                self.plan.room.forget()
                raise error_of_ending(run.story, ending, self.plan.room.log)
            seen = watch.seen()
            if done(seen):
                tell(Step("ready", ready_words(seen), accounts=list(seen.accounts)))
                return seen
            lacks = missing(seen)
            if lacks and lacks[0] != told and seen.state not in _PASSING:
                told = lacks[0]
                tell(Step("waiting", f"not ready yet: {told}"))
            if self._clock.monotonic() >= ends:
                raise error_of_patience(run.story, lacks, patience)
            watch.wait(LOOK_EVERY)

    # ---- stop and restart ------------------------------------------------------------------

    def stop(self, *, by_force: bool = False, tell: Tell = told_nothing) -> None:
        """Stop the gateway: by IBC's command server, else by a signal to the process we started.

        Args:
            by_force: End the process with a signal that it cannot hear, if nothing else ends it.
            tell: Called with each `Step`.

        Raises:
            CommandRefused: IBC's command server does not answer, and we started no process.
            ControlError: There is nothing that we could stop; or it did not end in time.
        """
        room = self.plan.room
        record = room.running()
        address = self.plan.command_address()
        if record is None and address is None:
            room.forget()
            raise ControlError(
                "no gateway runs that we started, and IBC's command server has no port",
                remedy="set CommandServerPort in IBC's config.ini, or stop it where it was started",
            )
        if address is not None and (record is None or record.kind == "ibc"):
            self._command_stop(address, record, tell)
        elif record is not None:
            end(record.process)
            tell(Step("stopping", f"told process {record.process.pid} to end"))
        self._until_gone(record, address, by_force=by_force, tell=tell)
        room.forget()
        tell(Step("stopped", "it has ended"))

    def _command_stop(self, address: tuple[str, int], record: Record | None, tell: Tell) -> None:
        try:
            answer = self._ask(address, Command.STOP)
        except CommandRefused as error:
            if record is None:
                raise
            tell(Step("refused", f"{error}"))
            end(record.process)
            tell(Step("stopping", f"told process {record.process.pid} to end"))
        else:
            tell(Step("stopping", f"IBC: {answer.text or 'OK'}"))

    def _until_gone(
        self,
        record: Record | None,
        address: tuple[str, int] | None,
        *,
        by_force: bool,
        tell: Tell,
    ) -> None:
        patience = self._config.control.stop_timeout
        for force in (False, True):
            ends = self._clock.monotonic() + patience
            while self._clock.monotonic() < ends:
                if record is not None:
                    gone = not lives(record.process)
                else:
                    gone = address is None or not touch(address)
                if gone:
                    return
                _pause()
            if force or not by_force or record is None:
                break
            tell(Step("forced", f"process {record.process.pid} did not end: it is killed"))
            end(record.process, by_force=True)
        who = "it" if record is None else f"process {record.process.pid}"
        raise ControlError(
            f"{who} did not end within {patience:g} s",
            remedy="" if by_force else "stop it with --force",
        )

    def restart(self, *, tell: Tell = told_nothing) -> Seen:
        """Restart the gateway, and wait until it is proven ready again.

        Through IBC it keeps its login; a gateway does it at the next full minute. Without a
        command server the process is stopped and started.

        Args:
            tell: Called with each `Step`.

        Raises:
            CommandRefused: IBC's command server does not answer, or refuses.
            GatewayEnded: The process ended, and did not come back.
            GatewayNotReady: It was not proven ready in time.
            ControlError: It could not be stopped.
            LiveTradingBlocked: A live gateway cannot be looked at while a gate is closed.
        """
        check_live_gates(self._config)
        room = self.plan.room
        record = room.running()
        address = self.plan.command_address()
        if address is None or (record is not None and record.kind == "bare"):
            self.plan.launch(self._environ)  # what cannot be started again is not stopped, either
            self.stop(tell=tell)
            seen = self.start(tell=tell)
            assert seen is not None  # it was waited for
            return seen
        run = self.follow(record)
        if record is not None:
            run.read(told_nothing)
        with ExitStack() as stack:
            watch = stack.enter_context(Watch(self._config, starting=True))
            before = self._look_before(watch)
            starts = run.story.starts
            answer = self._ask(address, Command.RESTART)
            tell(Step("restarting", f"IBC: {answer.text or 'OK'}"))
            if not before:
                # This one tries a gateway that hung only rarely; a new one tries it at once.
                stack.close()
                watch = stack.enter_context(Watch(self._config, starting=True))

            def is_new(seen: Seen) -> bool:
                """Whether what stands is a session of the program's next life."""
                anew = run.story.starts > starts if record else seen.sessions > before
                return not missing(seen) and anew and seen.sessions > before

            return self._until(run, watch, tell, is_new, self._config.control.start_timeout)

    def _look_before(self, watch: Watch) -> int:
        """How many sessions stood before a restart; a gateway that is well gives one."""
        ends = self._clock.monotonic() + LOOK_BEFORE
        while self._clock.monotonic() < ends:
            seen = watch.seen()
            if seen.ready or seen.wedged or seen.failed:
                break
            watch.wait(LOOK_EVERY)
        return watch.seen().sessions

    # ---- ask -----------------------------------------------------------------------------

    def command(self, command: Command) -> Answer:
        """Say one command to IBC.

        Raises:
            CommandRefused: Nobody answers, or the answer is ERROR.
            ControlError: No command server is known.
        """
        address = self.plan.command_address()
        if address is None:
            raise ControlError(
                "IBC's command server has no port",
                remedy=f"set CommandServerPort in IBC's config.ini ({DEFAULT_PORT} by convention), "
                "or [control] command_port",
            )
        return self._ask(address, command)

    def _ask(self, address: tuple[str, int], command: Command) -> Answer:
        prompt = self.plan.ibc_settings().prompt
        return ask(address, command, prompt=prompt, clock=self._clock)

    def status(self, *, patience: float = LOOK_BEFORE) -> Status:
        """How it stands with the gateway now.

        Args:
            patience: How long a look at the API may take, seconds.
        """
        room = self.plan.room
        last = room.recall()
        record = room.running()
        run = self.follow(last)
        if last is not None:
            run.read(told_nothing)
        if last is not None and record is None:
            self._clean_up()
        address = self.plan.command_address()
        answers: bool | None = None
        if address is not None:
            try:
                answers = self._ask(address, Command.EXIT).ok
            except CommandRefused:
                answers = False
        port_open = self.port_open()
        seen = self._look(patience) if port_open else Seen(failed="nobody listens on its port")
        return Status(
            record=record,
            login=run.story.state if last is not None else LoginState(),
            ending=None if last is None or record is not None else run.ended(),
            command_server=answers,
            port_open=port_open,
            seen=seen,
            missing=missing(seen),
        )

    def _clean_up(self) -> None:
        """A process ended while nobody looked: its login is not needed any more."""
        room = self.plan.room
        with suppress(ControlError), room.claimed():  # not while it is started anew
            if room.running() is None:
                room.forget_login()

    def _look(self, patience: float) -> Seen:
        closed = closed_gates(self._config) if self._config.connection.mode == "live" else ()
        if closed:
            return Seen(failed=f"not looked at, as live trading is blocked: {'; '.join(closed)}")
        ends = self._clock.monotonic() + patience
        with Watch(self._config, starting=True) as watch:
            while True:
                seen = watch.seen()
                if not missing(seen) or seen.failed or self._clock.monotonic() >= ends:
                    return seen
                watch.wait(LOOK_EVERY)

    def port_open(self) -> bool:
        """Whether something listens on the port of the API."""
        connection = self._config.connection
        return touch((connection.host, connection.port))


def _pause() -> None:
    threading.Event().wait(LOOK_EVERY)
