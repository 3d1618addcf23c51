"""The session's life: its role, its thread, its recovery and its watch."""

# ruff: noqa: RUF009  (option() makes attrs fields; nothing of it is shared between instances)
from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

import attrs

from twsloop.config.options import Section, option
from twsloop.errors import ConfigError

__all__ = ["HeartbeatParams", "LoopParams", "ReconnectParams", "SessionParams"]

RoleName = Literal["trade", "data", "observer"]


@attrs.frozen
class SessionParams(Section):
    """What the session is for, and whose client id it is."""

    section: ClassVar[str] = "session"

    role: RoleName = option(
        "trade",
        "str",
        "trade does everything. data neither fetches orders at the start nor can place any; "
        "observer cannot place any, either, but hears and reads them.",
        choices=("trade", "data", "observer"),
    )
    lease: bool = option(
        True,
        "bool",
        "Keep programs of this machine apart: one that wants a client id that another one uses is "
        "told which process that is, before it connects.",
    )
    lease_file: Path = option(
        Path("~/.twsloop/leases.db"),
        "path",
        "The SQLite file in which they see each other; it can be deleted at any time.",
    )


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
    lag_interval: float = option(
        1.0,
        "float",
        "How often it is looked whether the loop thread is on time; 0 never looks.",
        unit="seconds",
        low=0,
        high=3600,
    )
    lag_limit: float = option(
        0.25,
        "float",
        "A loop thread that is later than this is told: something held it.",
        unit="seconds",
        low=0.001,
        high=60,
    )
    switch_interval: float | None = option(
        None,
        "float",
        "How long a thread that computes keeps Python's interpreter while the loop thread waits "
        "for it: of the whole process while the loop runs, and restored afterwards.",
        unit="seconds",
        low=0.00001,
        high=1,
        unset="left alone; Python's own is 0.005",
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
    quick_delay: float = option(
        0.1,
        "float",
        "The wait before the first try after a session that stood; a gateway that only restarted "
        "its API is there again at once.",
        unit="seconds",
        low=0,
        high=3600,
    )
    stable_after: float = option(
        5.0,
        "float",
        "How long a session has to stand before its loss is met with the quick delay again. One "
        "that comes and goes is made again more slowly.",
        unit="seconds",
        low=0,
        high=86400,
    )
    first_delay: float = option(
        0.5, "float", "The wait after the first failure.", unit="seconds", low=0.01, high=3600
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

    refused_wait: float = option(
        0.8,
        "float",
        "No wait is longer while nobody listens on the port: to be refused costs the gateway "
        "nothing, and it is mostly about to start.",
        unit="seconds",
        low=0.01,
        high=3600,
    )
    refused_tries: int = option(
        100,
        "int",
        "So many refusals in a row are met with that wait; then the waits grow.",
        low=0,
        high=1_000_000,
    )
    wedge_after: int = option(
        3,
        "int",
        "So many connections in a row that are accepted and never answered mean that the gateway "
        "hangs; 0 never says so.",
        low=0,
        high=1_000_000,
    )
    wedge_delay: float = option(
        120.0,
        "float",
        "The wait between tries of a gateway that hangs. Each leaves a dead connection inside it, "
        "and it takes 32 at most.",
        unit="seconds",
        low=0.01,
        high=86400,
    )
    id_delay: float = option(
        5.0,
        "float",
        "The wait between tries while the client id is taken (326): after a loss the gateway may "
        "not have noticed yet that our own session is dead.",
        unit="seconds",
        low=0.01,
        high=3600,
    )
    id_wait: float = option(
        0.0,
        "float",
        "How long the very first connection waits for a client id that is taken; 0 raises "
        "ClientIdInUse at once.",
        unit="seconds",
        low=0,
        high=86400,
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
    round_trip: bool = option(
        True,
        "bool",
        "Ask for the time that often even while bytes come, and give the link up if there is no "
        "answer within the deadline: quotes may still come over a link on which nothing of ours "
        "arrives any more.",
    )
