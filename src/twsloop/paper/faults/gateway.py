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
from .reports import (
    DuplicateReports,
    LateAnswers,
    LateReports,
    MissingAnswers,
    MissingReports,
    ReorderedReports,
    ShuffledReports,
)
from .restarts import NightlyRestart, PortChanged, ReadOnly, SundayRestart
from .stories import (
    BareStatus,
    CancelledButAlive,
    ExecutionCorrected,
    InactiveThenAlive,
    OrderUnresolved,
    OrderWarning,
    RejectedThenAlive,
)

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
            NightlyRestart,
            SundayRestart,
            PortChanged,
            ReadOnly,
            LateReports,
            MissingReports,
            DuplicateReports,
            ReorderedReports,
            ShuffledReports,
            LateAnswers,
            MissingAnswers,
            OrderWarning,
            RejectedThenAlive,
            InactiveThenAlive,
            CancelledButAlive,
            BareStatus,
            OrderUnresolved,
            ExecutionCorrected,
        )
    }
)
