"""`Keeper`: supervises a gateway, and restarts it through IBC when it hangs."""

from __future__ import annotations

import threading
from collections.abc import Callable

from twsloop.clock import Clock, SystemClock
from twsloop.config import Config
from twsloop.connection.windows import calendar_of
from twsloop.errors import CommandRefused, ControlError, GatewayEnded, GatewayNotReady

from .endings import Ending, explain
from .gateway_process import GatewayProcess
from .machine import end
from .steps import Step, Tell, told_nothing
from .supervision import Action, Decision, Limits, Sight, Supervision
from .watching import Watch

__all__ = ["Keeper"]

#: How often it looks, seconds.
LOOK_EVERY = 0.5


class Keeper:
    """Supervises one gateway, until it is closed, given up, or nobody wants it any more.

    Args:
        config: The settings.
        process: The gateway.
        tell: Called with each `Step`.
        clock: Measures the limits.
    """

    def __init__(
        self,
        config: Config,
        process: GatewayProcess,
        *,
        tell: Tell = told_nothing,
        clock: Clock | None = None,
    ) -> None:
        params = config.control
        self._config = config
        self._process = process
        self._tell = tell
        self._clock: Clock = clock or SystemClock()
        self._calendar = calendar_of(config)
        self._told = ""
        #: How the last start or restart of ours ended, if it did.
        self._ending: Ending | None = None
        self.supervision = Supervision(
            Limits(
                most=params.restart_limit,
                window=params.restart_window,
                pause=params.restart_pause,
            )
        )

    def run(self, stopping: threading.Event) -> None:
        """Start the gateway if it does not run, and supervise it; blocks.

        Args:
            stopping: Set to end the supervision; the gateway goes on.

        Raises:
            ControlError: It gives up; or the gateway cannot be started at all.
            LiveTradingBlocked: A live gateway cannot be looked at while a gate is closed.
        """
        if self._process.plan.room.running() is None and self._process.port_open():
            text = "it runs already; others started it, so that it is only restarted"
            self._tell(Step("running", text))
        else:
            self._try(self._process.start)
        while not stopping.is_set():
            decision = self._until_decision(stopping)
            if decision.action is Action.REST:
                self._tell(Step("closed", f"the gateway was closed ({decision.reason})"))
                return
            if decision.action is Action.GIVE_UP:
                problem = f"supervision gives up: {decision.reason}"
                raise ControlError(problem, remedy=decision.remedy)
            if decision.action is not Action.NOTHING:
                self._act(decision)

    def _until_decision(self, stopping: threading.Event) -> Decision:
        """Look until something has to be done, or nobody wants to any more."""
        following = self._process.follow(self._process.plan.room.recall())
        following.read()
        with Watch(self._config, starting=False) as watch:
            while not stopping.is_set():
                following.read(self._tell)
                window = self._calendar.window(self._clock.now())
                decision = self.supervision.look(
                    Sight(
                        now=self._clock.monotonic(),
                        seen=watch.seen(),
                        login=following.story.state,
                        ending=self._ending or following.ended(),
                        window="" if window is None else f"it is {window}",
                    )
                )
                if decision.action is not Action.NOTHING:
                    return decision
                self._say(decision)
                watch.wait(LOOK_EVERY)
        return Decision(Action.NOTHING)

    def _say(self, decision: Decision) -> None:
        """Tell why nothing is done, once."""
        if decision.reason and decision.reason != self._told:
            self._tell(Step("left_alone", decision.reason, remedy=decision.remedy or None))
        self._told = decision.reason

    def _act(self, decision: Decision) -> None:
        params = self._config.control
        count = f"{self.supervision.restarts} of {params.restart_limit}"
        self._tell(Step(decision.action.name.lower(), f"{decision.reason} (restart {count})"))
        self._try(self._process.start if decision.action is Action.START else self._process.restart)

    def _try(self, work: Callable[..., object]) -> None:
        """Start or restart; how that goes wrong is seen, and decided on, next."""
        self._ending = None
        try:
            work(tell=self._tell)
        except CommandRefused as error:
            self._stuck(error)
        except GatewayEnded as error:
            self._tell(Step("failed", str(error)))
            self._ending = (
                Ending(status=None, meaning=error.problem, remedy=error.remedy)
                if error.status is None
                else explain(error.status)
            )
        except GatewayNotReady as error:
            self._tell(Step("failed", str(error)))

    def _stuck(self, error: CommandRefused) -> None:
        """It hangs, and IBC does not answer."""
        record = self._process.plan.room.running()
        if self._config.control.when_stuck == "tell" or record is None:
            self._tell(
                Step("stuck", f"{error}; it is left alone ([control] when_stuck)", error=str(error))
            )
            return
        self._tell(Step("killed", f"{error}; process {record.process.pid} is killed"))
        end(record.process, by_force=True)
        following = self._process.follow(record)
        while following.ended() is None:
            threading.Event().wait(LOOK_EVERY / 10)
        self._process.plan.room.forget()
        self._try(self._process.start)
