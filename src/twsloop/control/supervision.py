"""When a gateway is restarted by itself, and when not (pure: time comes in as an argument).

Restarted is a gateway that hangs: it accepts connections and answers none of them, so often in a
row that the session counts it as wedged. Started again is one whose process failed. Both count, and
beyond the limits supervision gives up: a gateway that hangs again and again needs a person. And
nothing is done

* while somebody has to do something at the login: each start would ask for a second factor anew,
* while IB resets its servers as planned: gateways hang then, and come back,
* shortly after the last restart, and while that one is under way,
* about a gateway that was closed, or that lost IB's servers: it comes back by itself.
"""

from __future__ import annotations

from collections import deque
from enum import Enum

import attrs

from .endings import Ending
from .login_log import LoginState
from .readiness import Seen

__all__ = ["Action", "Decision", "Limits", "Sight", "Supervision"]


class Action(Enum):
    """What is done about what was seen."""

    NOTHING = "nothing"
    RESTART = "restart"
    """It hangs: restart it through IBC."""
    START = "start"
    """Its process failed: start it again."""
    REST = "rest"
    """It was closed: there is nothing to supervise any more."""
    GIVE_UP = "give up"
    """A person has to look."""


@attrs.frozen(kw_only=True)
class Limits:
    """How often.

    Attributes:
        most: So many restarts within the window; 0 for none at all.
        window: Seconds.
        pause: The shortest time between two restarts, seconds.
    """

    most: int
    window: float
    pause: float


@attrs.frozen(kw_only=True)
class Sight:
    """What is seen of a gateway at one moment.

    Attributes:
        now: When, in a clock's monotonic seconds.
        seen: By a session of ours.
        login: In IBC's log.
        ending: How the process ended; None while it lives.
        window: The planned reset that it is; empty for none.
    """

    now: float
    seen: Seen
    login: LoginState = attrs.Factory(LoginState)
    ending: Ending | None = None
    window: str = ""


@attrs.frozen
class Decision:
    """What is done, and why.

    Attributes:
        action: What.
        reason: Why, in words; empty for nothing.
        remedy: What a person can do; empty where nothing is needed.
    """

    action: Action
    reason: str = ""
    remedy: str = ""


_NOTHING = Decision(Action.NOTHING)


class Supervision:
    """Decides, and counts what it decided.

    Args:
        limits: How often it may restart.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        #: When it restarted within the window, and when last.
        self._done: deque[float] = deque()
        self._last: float | None = None
        self._given_up: Decision | None = None

    @property
    def restarts(self) -> int:
        """How many restarts are in the window, as of the last sight."""
        return len(self._done)

    def look(self, sight: Sight) -> Decision:
        """What is done about what is seen; a restart or start that is decided counts."""
        if self._given_up is not None:
            return self._given_up
        while self._done and sight.now - self._done[0] >= self._limits.window:
            self._done.popleft()
        decision = self._ended(sight) if sight.ending is not None else self._lives(sight)
        if decision.action in {Action.RESTART, Action.START}:
            decision = self._limited(decision, sight.now)
        if decision.action is Action.GIVE_UP:
            self._given_up = decision
        return decision

    @staticmethod
    def _ended(sight: Sight) -> Decision:
        ending = sight.ending
        assert ending is not None, sight
        if ending.expected:
            return Decision(Action.REST, ending.words)
        if ending.needs_person:
            return Decision(Action.GIVE_UP, ending.words, ending.remedy)
        return Decision(Action.START, ending.words)

    @staticmethod
    def _lives(sight: Sight) -> Decision:
        if sight.login.needs_person:
            return Decision(Action.NOTHING, str(sight.login), sight.login.remedy)
        if not sight.seen.wedged:
            return _NOTHING
        if sight.window:
            return Decision(Action.NOTHING, f"it hangs, but {sight.window}")
        return Decision(Action.RESTART, f"it hangs: {sight.seen.reason}")

    def _limited(self, decision: Decision, now: float) -> Decision:
        limits = self._limits
        # First: the last restart has to have had its time before it can have been of no use.
        if self._last is not None and now - self._last < limits.pause:
            return Decision(Action.NOTHING, f"{decision.reason}; it was restarted just now")
        if len(self._done) >= limits.most:
            return Decision(
                Action.GIVE_UP,
                f"{decision.reason}; it was restarted {len(self._done)} times within "
                f"{limits.window:g} s, which is the limit",
                "look at the gateway's log and its machine; [control] restart_limit is the limit",
            )
        self._done.append(now)
        self._last = now
        return decision
