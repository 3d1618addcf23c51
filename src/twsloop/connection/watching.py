"""The watch over one link: is it heard, does it hear us?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from twsloop.heartbeat import HeartbeatMonitor

if TYPE_CHECKING:
    from collections.abc import Callable

    from .core import Core

__all__ = ["MESSAGE_DEADLINE", "LinkWatch"]

#: How long a message may take from its first byte to its last, seconds. Its bytes are signs of
#: life, so the heartbeat does not see that nothing is heard when a length lies.
MESSAGE_DEADLINE = 60.0
#: From when on a message that is half there is a slow one, seconds.
SLOW_MESSAGE = 1.0


class LinkWatch:
    """Watches the link of one session after the other, as [heartbeat] says; loop thread only.

    Args:
        core: The connection.
        give_up: Ends the link; told why.
    """

    def __init__(self, core: Core, give_up: Callable[[BaseException], object]) -> None:
        self._core = core
        self._give_up = give_up
        #: Since when a message is half there; None when none is.
        self._half_since: float | None = None
        #: When a slow message became whole at last.
        self._slow_at: float | None = None
        self._monitor: HeartbeatMonitor | None = None
        core.add_slice(self, ("currentTime",))

    def start(self) -> None:
        """A session began."""
        core, params = self._core, self._core.config.heartbeat
        if not params.enabled or not core.machine.connected:
            return
        self._monitor = HeartbeatMonitor(
            core.clock,
            silence=params.silence,
            deadline=params.deadline,
            probe=self._probe,
            on_dead=self._dead,
            on_deaf=self._deaf if params.round_trip else None,
            half=self._is_slow,
            on_fact=core.tell,
        )
        self._monitor.start_monitoring()

    def stop(self) -> None:
        """The session is over."""
        self._half_since = self._slow_at = None
        if self._monitor is not None:
            self._monitor.stop_monitoring()
            self._monitor = None

    def heard(self) -> None:
        """A byte came."""
        if self._monitor is not None:
            self._monitor.heartbeat_received()

    def message_came(self, at: float) -> None:
        """A message is whole.

        Args:
            at: When its last byte came, in monotonic seconds: what its callbacks took is not its.
        """
        if self._half_since is not None:
            if at - self._half_since >= SLOW_MESSAGE:
                self._slow_at = at
            self._half_since = None

    def batch_done(self, began: float, took: float, pending: int) -> None:
        """What one read brought was handed over.

        Args:
            began: When it came, in monotonic seconds.
            took: How long handing it over took, seconds.
            pending: How many bytes are there of a message that is not whole.
        """
        if self._monitor is not None:
            self._monitor.worked(took)
        if not pending:
            self._half_since = None
        elif self._half_since is None:
            self._half_since = began
        elif began - self._half_since > MESSAGE_DEADLINE:
            # It makes the session deaf: its end is better.
            self._end(
                f"no whole message for {began - self._half_since:.0f} s: "
                f"{pending} bytes wait for the rest of theirs"
            )

    def worked(self, took: float) -> None:
        """A part of a long message was handed over, and nothing was read: that is no silence."""
        if self._monitor is not None:
            self._monitor.heartbeat_received()
            self._monitor.worked(took)

    def _is_slow(self) -> bool:
        """Whether a message is, or was just now, half there for longer than reads just cut it."""
        if self._core.dispatcher.long.busy:
            return True  # what came behind it waits until it is over
        now, since = self._core.clock.monotonic(), self._half_since
        if since is not None and now - since >= SLOW_MESSAGE:
            return True
        # One that has just ended says the same: an answer stands behind others as slow.
        limit = self._core.config.heartbeat.deadline
        return self._slow_at is not None and now - self._slow_at < limit

    def currentTime(self, time: int) -> None:
        """EWrapper's: the answer to the question, whoever asked it."""
        del time
        if self._monitor is not None:
            self._monitor.answer_received()

    def _probe(self) -> None:
        """Ask for the time; whatever comes back is life, and the answer is ours alone."""
        core = self._core
        if "current_time" in core.asks:
            return  # it is asked already; the answer to that is an answer, too
        core.ask(lambda _id: core.reqCurrentTime(), request="heartbeat", key="current_time")

    def _dead(self, silent: float) -> None:
        text = f"no sign of life for {silent:.1f} s, asked for the time"
        self._end(text)

    def _deaf(self, waited: float) -> None:
        self._end(
            f"the gateway sends, but has not answered a question for the time for {waited:.1f} s: "
            "it does not hear us, and orders would not arrive"
        )

    def _end(self, text: str) -> None:
        self._give_up(ConnectionAbortedError(text))
