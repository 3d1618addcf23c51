"""The limits that every order has to pass, and the kill switch."""

# ruff: noqa: RUF009  (option() makes attrs fields; nothing of it is shared between instances)
from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

import attrs

from twsloop.config.options import Section, option

__all__ = ["KillSwitchParams", "RiskParams"]


@attrs.frozen
class RiskParams(Section):
    """Limits for orders; every order from every surface has to pass all that are set."""

    section: ClassVar[str] = "risk"

    max_quantity: float | None = option(
        None,
        "float",
        "The largest size of one order (shares, contracts, units).",
        low=0,
        unset="no limit",
    )


@attrs.frozen
class KillSwitchParams(Section):
    """The kill switch; see also ``twsloop kill``."""

    section: ClassVar[str] = "kill_switch"

    cancel: Literal["entries", "all", "none"] = option(
        "entries",
        "str",
        "What is cancelled at the broker when it is engaged: entries leaves orders that protect a "
        "position, all leaves nothing, none cancels nothing.",
        choices=("entries", "all", "none"),
    )
    flatten: bool = option(False, "bool", "Close all positions, too, when it is engaged.")
    file: Path | None = option(
        None,
        "path",
        "It is engaged as long as this file exists.",
        unset="no file engages it",
    )
