"""What goes wrong with the gateway's process: it cannot be found, started, asked or proven well."""

from __future__ import annotations

from .basis import TwsLoopError

__all__ = [
    "CommandRefused",
    "ControlError",
    "GatewayEnded",
    "GatewayNotInstalled",
    "GatewayNotReady",
    "LoginError",
]


class ControlError(TwsLoopError):
    """The gateway's process cannot be controlled as was asked.

    Args:
        problem: What is wrong.
        remedy: What to do about it.
    """

    def __init__(self, problem: str, *, remedy: str = "") -> None:
        self.problem = problem
        self.remedy = remedy
        super().__init__(problem)

    def __str__(self) -> str:
        """The problem, and the remedy where there is one."""
        return f"{self.problem}; {self.remedy}" if self.remedy else self.problem


class GatewayNotInstalled(ControlError):
    """IB Gateway, TWS or IBC is not where it was looked for."""


class LoginError(ControlError):
    """The user name and password are not where they should be, or anybody could read them."""


class GatewayEnded(ControlError):
    """The process of the gateway ended where it should have gone on.

    Args:
        problem: What happened.
        remedy: What to do about it.
        status: The exit status; None where it is not known.
    """

    def __init__(self, problem: str, *, remedy: str = "", status: int | None = None) -> None:
        super().__init__(problem, remedy=remedy)
        self.status = status


class GatewayNotReady(ControlError):
    """The gateway runs, and was not proven ready in time."""


class CommandRefused(ControlError):
    """IBC's command server cannot be reached, or answers a command with ERROR."""
