"""Proof that the link lives, before anything leaves over it that must not get lost.

A link whose other end is gone takes what is written, and says nothing: an order would leave, and
nobody could tell what became of it. So who is about to send one asks here first. A gateway that was
heard lately lives (any byte counts); otherwise it is asked for the time, once for all who wait, and
its answer is the proof. What no answer means is for those who asked to say.
"""

from __future__ import annotations

from collections.abc import Callable

from twsloop.clock import Timer

from .core import Core

__all__ = ["LinkProof"]

#: The name under which answers to reqCurrentTime are gathered, the heartbeat's too.
_QUESTION = "current_time"

#: Told the outcome: empty for a link that lives, else the reason why nobody knows that.
Told = Callable[[str], object]


class LinkProof:
    """Says whether the link is known to live; loop thread only.

    Args:
        core: The connection.
        age: How long ago the gateway may have been heard, seconds; 0 asks for no proof.
        deadline: How long its answer may take, seconds.
    """

    def __init__(self, core: Core, *, age: float, deadline: float) -> None:
        self._core = core
        self._age = age
        self._deadline = deadline
        self._waiting: list[Told] = []
        self._timer: Timer | None = None
        core.add_slice(self, ("currentTime",))
        core.on_down(self._down)

    @property
    def given(self) -> bool:
        """Whether the gateway was heard lately enough, or no proof is wanted."""
        if not self._age:
            return True
        heard = self._core.heard_at
        return heard is not None and self._core.clock.monotonic() - heard <= self._age

    def ask(self, told: Told) -> None:
        """Ask the gateway; ``told`` is called once, unless the session ends before."""
        core = self._core
        self._waiting.append(told)
        if self._timer is not None:
            return
        self._timer = core.clock.call_later(self._deadline, self._late)
        if _QUESTION not in core.asks:  # else its answer will do
            core.ask(
                lambda _id: core.reqCurrentTime(),
                request="proof that the link lives",
                key=_QUESTION,
                timeout=self._deadline,
            )

    def currentTime(self, time: int) -> None:
        """EWrapper's: the gateway has read a question, and we its answer."""
        del time
        self._settle("")

    def _late(self) -> None:
        core = self._core
        heard = core.heard_at
        silent = "" if heard is None else f"for {core.clock.monotonic() - heard:.1f} s, "
        self._settle(
            f"the link may be dead: the gateway has said nothing {silent}and did not answer a "
            f"question within {self._deadline:g} s"
        )

    def _settle(self, problem: str) -> None:
        waiting = self._end()
        for told in waiting:
            told(problem)

    def _down(self) -> None:
        self._end()  # those who waited are told by the end of the session

    def _end(self) -> list[Told]:
        waiting, self._waiting = self._waiting, []
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        return waiting
