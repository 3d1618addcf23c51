"""The watch over one link: is it heard, does it hear us?"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from twsloop.heartbeat import HeartbeatMonitor

if TYPE_CHECKING:
    from collections.abc import Callable

    from .core import Core

__all__ = ["LinkWatch"]

logger = logging.getLogger(__name__)


class LinkWatch:
    """Watches the link of one session after the other, as [heartbeat] says; loop thread only.

    Args:
        core: The connection.
        give_up: Ends the link; told why.
    """

    def __init__(self, core: Core, give_up: Callable[[BaseException], object]) -> None:
        self._core = core
        self._give_up = give_up
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
            on_fact=core.tell,
        )
        self._monitor.start_monitoring()

    def stop(self) -> None:
        """The session is over."""
        if self._monitor is not None:
            self._monitor.stop_monitoring()
            self._monitor = None

    def heard(self) -> None:
        """A byte came."""
        if self._monitor is not None:
            self._monitor.heartbeat_received()

    def worked(self, seconds: float) -> None:
        """Handing over what one read brought took so long."""
        if self._monitor is not None:
            self._monitor.worked(seconds)

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
        logger.warning("%s: the link is given up", text)
        self._give_up(ConnectionAbortedError(text))
