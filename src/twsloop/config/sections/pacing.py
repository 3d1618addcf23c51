"""How fast we may ask, and how much may wait."""

from __future__ import annotations

from typing import ClassVar

import attrs

from twsloop.config.options import Section, option

__all__ = ["PacingParams"]


@attrs.frozen
class PacingParams(Section):
    """How fast we may ask."""

    section: ClassVar[str] = "pacing"

    enabled: bool = option(True, "bool", "Keep to the gateway's limit by waiting.")
    rate: int | None = option(
        None,
        "int",
        "Messages in any second, orders and cancels among them. IB's limit is half the number of "
        "market data lines: 50 at 100 lines.",
        unit="messages per second",
        low=1,
        high=10_000,
        unset="half of [market_data] lines, less a tenth as a margin",
    )
    reserve: int | None = option(
        None,
        "int",
        "Of these, how many requests leave to orders and cancels; the greater half of that orders "
        "leave to cancels and the heartbeat.",
        unit="messages per second",
        low=0,
        high=10_000,
        unset="a fifth of the rate",
    )
    queue_limit: int = option(
        10_000,
        "int",
        "How many requests may wait for their turn; one more is refused by name.",
        low=10,
        high=1_000_000,
    )
    queue_timeout: float = option(
        60.0,
        "float",
        "How long a request may wait for its turn.",
        unit="seconds",
        low=1,
        high=3600,
    )
