"""What is told while a gateway starts, restarts or stops, and the errors that end it (pure)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import attrs

from twsloop.errors import GatewayEnded, GatewayNotReady

from .endings import Ending, explain
from .login_log import LoginState, LoginStory, Stage
from .readiness import Seen

__all__ = [
    "Step",
    "Tell",
    "ending_of_log",
    "error_of_ending",
    "error_of_patience",
    "ready_words",
    "told_nothing",
]

_STATUS = re.compile(r"exit status (-?\d{1,6})")


@attrs.frozen(init=False)
class Step:
    """One step on the way.

    Attributes:
        name: Which: started, running, login, needs_person, waiting, ready, stopping, ...
        text: The same for people.
        facts: What belongs to it, by name.
    """

    name: str
    text: str
    facts: Mapping[str, Any]

    def __init__(self, name: str, text: str, **facts: Any) -> None:
        self.__attrs_init__(name, text, facts)

    @classmethod
    def of_login(cls, state: LoginState) -> Step:
        """A login that went on; what needs a person says so."""
        name = "needs_person" if state.needs_person else "login"
        text = f"{state}: {state.remedy}" if state.remedy else str(state)
        return cls(name, text, stage=state.stage.name.lower(), remedy=state.remedy or None)


#: Called with each step.
Tell: TypeAlias = Callable[[Step], object]


def told_nothing(_step: Step) -> None:
    """Nobody wants to know."""


def ending_of_log(story: LoginStory) -> Ending:
    """How a process ended that is not our child: by the last word of IBC's script."""
    found = _STATUS.search(story.state.text) if story.state.stage is Stage.ENDED else None
    if found is not None:
        return explain(int(found[1]))
    return Ending(status=None, meaning="its process is gone", remedy="read its log")


def error_of_ending(story: LoginStory, ending: Ending, log: Path) -> GatewayEnded:
    """The error of a process that should have gone on."""
    before = story.state.stage.value if story.state.stage is not Stage.ENDED else ""
    at = f" while it was at: {before}" if before and story.state.stage is not Stage.UNKNOWN else ""
    remedy = ending.remedy or "read its log"
    return GatewayEnded(
        f"the gateway ended{at}; {ending.words}", remedy=f"{remedy} ({log})", status=ending.status
    )


def error_of_patience(
    story: LoginStory, lacks: tuple[str, ...], patience: float
) -> GatewayNotReady:
    """The error of a gateway that runs, and was not proven ready in time."""
    login = story.state
    where = f" (its login: {login})" if login.stage is not Stage.UNKNOWN else ""
    return GatewayNotReady(
        f"the gateway was not ready within {patience:g} s: {'; '.join(lacks)}{where}",
        remedy=login.remedy or "it runs on; twsloop doctor says more",
    )


def ready_words(seen: Seen) -> str:
    """A gateway that is ready, in words."""
    farms = ", ".join(sorted(seen.farms))
    return f"ready: server version {seen.server_version}, {len(seen.accounts)} account(s), {farms}"
