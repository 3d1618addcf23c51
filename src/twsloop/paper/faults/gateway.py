"""Faults of the gateway by their names: what it says to its clients, and what it forgets."""

from __future__ import annotations

from collections.abc import Mapping

from .competing import DATA_FAULTS
from .farms import FARM_FAULTS
from .fault import Fault
from .outages import OUTAGE_FAULTS
from .reports import REPORT_FAULTS
from .restarts import RESTART_FAULTS
from .stories import STORY_FAULTS

__all__ = ["GATEWAY_FAULTS"]

GATEWAY_FAULTS: tuple[Mapping[str, type[Fault]], ...] = (
    OUTAGE_FAULTS,
    FARM_FAULTS,
    DATA_FAULTS,
    RESTART_FAULTS,
    REPORT_FAULTS,
    STORY_FAULTS,
)
