"""What is planned: IB's resets, and the gateway's own restart."""

# ruff: noqa: RUF009  (option() makes attrs fields; nothing of it is shared between instances)
from __future__ import annotations

from datetime import time
from typing import ClassVar, Literal
from zoneinfo import ZoneInfo

import attrs

from twsloop.config.options import Section, option
from twsloop.config.wall_time import read_wall_time

__all__ = ["CalendarParams"]

RegionName = Literal["america", "europe", "asia", "none"]
Refusing = Literal["none", "restart", "resets"]


@attrs.frozen
class CalendarParams(Section):
    """What is planned: IB's resets, and the gateway's own restart."""

    section: ClassVar[str] = "calendar"

    region: RegionName = option(
        "america",
        "str",
        "Whose daily reset of IB's servers concerns the account. Paper accounts use the American "
        "servers, whatever stands here; none knows no resets, not even the weekend's.",
        choices=("america", "europe", "asia", "none"),
    )
    restart: str | None = option(
        None,
        "str",
        "When the gateway restarts by itself each day (its auto-restart time), with the zone of "
        "that clock: 23:45 America/New_York.",
        unset="it is not known",
    )
    restart_lead: float = option(
        1.0,
        "float",
        "How long before that time the window begins.",
        unit="minutes",
        low=0,
        high=60,
    )
    restart_length: float = option(
        5.0,
        "float",
        "How long after it the gateway may be away.",
        unit="minutes",
        low=0.1,
        high=720,
    )
    refuse_orders: Refusing = option(
        "restart",
        "str",
        "In which windows new orders are refused: in none, in the gateway's own restart, or in "
        "IB's resets, too.",
        choices=("none", "restart", "resets"),
    )

    def __attrs_post_init__(self) -> None:
        """Refuse a restart whose time or zone does not exist."""
        if self.restart is not None:
            self.restart_at()

    def restart_at(self) -> tuple[time, ZoneInfo] | None:
        """The gateway's restart as a wall time and its zone; None where it is not known."""
        if self.restart is None:
            return None
        return read_wall_time(self.restart, section=self.section, key="restart")
