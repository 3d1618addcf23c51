"""Makes a session again that was lost: when, how often, and what is said of it meanwhile."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from twsloop.config.sections import ReconnectParams
from twsloop.errors import (
    ClientIdInUse,
    ClientIdLeased,
    ConnectionFailed,
    HandshakeTimeout,
    LiveTradingBlocked,
    ReadyTimeout,
    TcpRefused,
)
from twsloop.session.backoff import Backoff
from twsloop.session.retries import Outcome, Retries, RetryRules, Try
from twsloop.session.state import Event

if TYPE_CHECKING:
    from .core import Core

__all__ = ["Supervisor"]


class Supervisor:
    """Plans the attempts of one connection; loop thread only.

    Args:
        core: The connection.
        establish: Makes one whole attempt; raises what stopped it.
        wanted: Whether a session is still wanted.
    """

    def __init__(
        self, core: Core, establish: Callable[[], Awaitable[None]], wanted: Callable[[], bool]
    ) -> None:
        self._core = core
        self._establish = establish
        self._wanted = wanted
        self._retries = Retries(rules_of(core.config.reconnect))
        self._ready_at: float | None = None
        self._ready_since: datetime | None = None

    # ---- what happens --------------------------------------------------------------------

    def begin(self) -> None:
        """A session is wanted, and none was before."""
        self._retries = Retries(rules_of(self._core.config.reconnect))
        self._ready_at = self._ready_since = None

    def ready(self) -> None:
        """The session is READY."""
        core = self._core
        self._ready_at, self._ready_since = core.clock.monotonic(), core.clock.now()

    def lost(self) -> None:
        """The link of a session has ended."""
        if self._ready_at is not None:
            self._retries.stood(self._core.clock.monotonic() - self._ready_at)
            self._ready_at = None

    # ---- making it again -----------------------------------------------------------------

    def retries_first(self, error: ConnectionFailed) -> bool:
        """Whether the very first connection, which failed so, is tried again."""
        params = self._core.config.reconnect
        if isinstance(error, (ClientIdLeased, LiveTradingBlocked)):
            return False  # it would be no better the next time
        if isinstance(error, ClientIdInUse) and params.id_wait:
            return True
        return params.first_connect

    async def remake(
        self, reason: str, error: ConnectionFailed | None = None
    ) -> tuple[ConnectionFailed | None, str]:
        """Make the session again, for as long as one is wanted.

        Args:
            reason: Why there is none.
            error: What stopped the first connection; None if a session stood before.

        Returns:
            What ended it if it is given up, and why; None if a session stands, or none is wanted.
        """
        core, params = self._core, self._core.config.reconnect
        first = error is not None
        until = core.clock.monotonic() + params.id_wait
        if error is not None:
            self._retries.failed(_outcome(error))
        while self._wanted():
            if error is not None and not self._goes_on(error, first, until):
                return error, str(error)
            if params.max_attempts and self._retries.attempts >= params.max_attempts:
                return error, f"given up after {params.max_attempts} attempts: {reason}"
            await self._wait(reason)
            try:
                await self._establish()
            except ConnectionFailed as failed:
                error, reason = failed, str(failed)
                self._retries.failed(_outcome(failed))
            except Exception as failed:  # noqa: BLE001  (reported; a session is still wanted)
                core.errors.report_exception("reconnect", failed)
                error, reason = None, f"the attempt failed with {failed!r}"
                self._retries.failed(Outcome.FAILED)
            else:
                return None, ""
        return error, reason

    def _goes_on(self, error: ConnectionFailed, first: bool, until: float) -> bool:
        """Whether there is any use in another attempt."""
        if isinstance(error, LiveTradingBlocked):
            return False
        if not first or self._core.config.reconnect.first_connect:
            return True
        return isinstance(error, ClientIdInUse) and self._core.clock.monotonic() < until

    async def _wait(self, reason: str) -> None:
        core = self._core
        plan = self._retries.plan(random.random())  # noqa: S311  (no secret: a jitter)
        core.metrics.counter("reconnect_attempts").add()
        now = core.clock.now()
        core.retrying = plan
        core.next_attempt_at = now + timedelta(seconds=plan.wait)
        try:
            core.session_changed(Event.RETRY, self._words(reason, plan, now))
            await core.clock.sleep(plan.wait)
        finally:
            core.next_attempt_at = None

    def _words(self, reason: str, plan: Try, now: datetime) -> str:
        """Why it waits, and for how long."""
        core = self._core
        if plan.wedged:
            reason = (
                f"the gateway accepts connections and does not answer, {plan.mute} times in a row: "
                "it hangs, or stands at a login or a dialog; as each attempt leaves a dead "
                f"connection inside it, it is tried rarely ({reason})"
            )
        elif plan.id_taken and self._ready_since is not None:
            reason = (
                f"client id {core.client_id} is still taken (326), most likely by our own lost "
                "session, which the gateway has not noticed yet; the same id is tried again, "
                "because another one would not see its orders"
            )
        elif plan.id_taken:
            reason = f"{reason}. Until then the same id is tried again"
        text = f"{reason}; next attempt in {plan.wait:.1f} s"
        window = core.calendar.window(now)
        if window is not None:
            text += f"; it is {window}"
        if self._ready_since is not None:
            ended = core.calendar.login_ended(self._ready_since, now)
            if ended is not None:
                text += (
                    f"; IB's weekly login ended at {ended:%Y-%m-%d %H:%M} UTC: a gateway that "
                    "restarts after it waits for somebody to log in"
                )
        return text


def rules_of(params: ReconnectParams) -> RetryRules:
    """The schedule, as the settings say it."""
    return RetryRules(
        backoff=Backoff(params.first_delay, params.factor, params.cap, params.jitter),
        quick=params.quick_delay,
        stable_after=params.stable_after,
        refused_wait=params.refused_wait,
        refused_tries=params.refused_tries,
        wedge_after=params.wedge_after,
        wedge_delay=params.wedge_delay,
        id_delay=params.id_delay,
    )


def _outcome(error: ConnectionFailed) -> Outcome:
    if isinstance(error, (HandshakeTimeout, ReadyTimeout)):
        return Outcome.MUTE
    if isinstance(error, TcpRefused):
        return Outcome.REFUSED
    return Outcome.ID_TAKEN if isinstance(error, ClientIdInUse) else Outcome.FAILED
