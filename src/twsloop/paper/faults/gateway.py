"""Faults of the gateway by their names: what it says to its clients, and what it forgets."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from .competing import (
    BustEvent,
    CompetingSession,
    DataRefused,
    DepthHalted,
    DepthReset,
    HistoryForgotten,
    HistoryRefused,
    LiveBarsFail,
)
from .farms import FarmDown, FarmIdle
from .fault import Fault
from .outages import ServerLost

__all__ = ["GATEWAY_FAULTS"]

GATEWAY_FAULTS: Mapping[str, type[Fault]] = MappingProxyType(
    {
        one.name: one
        for one in (
            ServerLost,
            FarmDown,
            FarmIdle,
            CompetingSession,
            DataRefused,
            DepthHalted,
            DepthReset,
            BustEvent,
            LiveBarsFail,
            HistoryForgotten,
            HistoryRefused,
        )
    }
)
