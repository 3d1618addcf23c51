"""The session's life: its thread, its recovery and its watch."""

from __future__ import annotations

from typing import ClassVar

import attrs

from twsloop.config.options import Section, option
from twsloop.errors import ConfigError

__all__ = ["HeartbeatParams", "LoopParams", "ReconnectParams"]


@attrs.frozen
class LoopParams(Section):
    """The event loop thread."""

    section: ClassVar[str] = "loop"

    slow_callback: float = option(
        0.1,
        "float",
        "A callback that holds the loop longer than this is named in the log.",
        unit="seconds",
        low=0.001,
        high=60,
    )
    callback_queue: int = option(
        10_000,
        "int",
        "How many callbacks may wait for the thread that called run(), or for an executor. Beyond "
        "it ticks conflate; order facts and end markers never drop.",
        low=100,
        high=10_000_000,
    )
    stop_timeout: float = option(
        10.0,
        "float",
        "How long stop() waits for the thread to end.",
        unit="seconds",
        low=0.1,
        high=600,
    )


@attrs.frozen
class ReconnectParams(Section):
    """What happens when the link is lost."""

    section: ClassVar[str] = "reconnect"

    enabled: bool = option(True, "bool", "Come back by ourselves after a loss.")
    first_connect: bool = option(
        False, "bool", "Retry the very first connection, too, instead of raising what stopped it."
    )
    first_delay: float = option(
        0.5, "float", "The wait before the first try.", unit="seconds", low=0.01, high=3600
    )
    factor: float = option(
        2.0, "float", "Each further wait is this many times longer.", low=1, high=10
    )
    cap: float = option(
        60.0, "float", "No wait is longer than this.", unit="seconds", low=0.01, high=3600
    )
    jitter: float = option(
        0.2,
        "float",
        "The part of each wait that chance decides, so that many clients do not come at once.",
        low=0,
        high=1,
    )
    max_attempts: int = option(
        0, "int", "Give up after so many tries in a row; 0 never gives up.", low=0, high=1_000_000
    )

    def __attrs_post_init__(self) -> None:
        """Refuse a cap below the first wait."""
        if self.cap < self.first_delay:
            raise ConfigError(
                "the longest wait is shorter than the first",
                section=self.section,
                key="cap",
                value=str(self.cap),
                allowed=f"first_delay ({self.first_delay}) or more",
            )


@attrs.frozen
class HeartbeatParams(Section):
    """How we notice that nobody is there any more."""

    section: ClassVar[str] = "heartbeat"

    enabled: bool = option(True, "bool", "Probe a gateway that has fallen silent.")
    silence: float = option(
        10.0,
        "float",
        "After so long without a byte we ask for the time (reqCurrentTime).",
        unit="seconds",
        low=0.1,
        high=3600,
    )
    deadline: float = option(
        5.0,
        "float",
        "Without a byte so long after the question the link counts as lost.",
        unit="seconds",
        low=0.1,
        high=600,
    )
