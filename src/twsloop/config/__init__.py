"""Settings: from code, command line, environment and INI file into one frozen `Config`."""

from __future__ import annotations

from .example import render_example, render_reference
from .gates import check_accounts, check_live_gates, closed_gates
from .load import ENVIRONMENT_PREFIX, SECTIONS, Config
from .options import Option, Section, options_of
from .sections import (
    PORTS,
    CalendarParams,
    ConnectionParams,
    ContractParams,
    ControlParams,
    EndOfDayParams,
    ErrorParams,
    HeartbeatParams,
    HistoryParams,
    JournalParams,
    KillSwitchParams,
    LiveParams,
    LogSettings,
    LoopParams,
    MarketDataParams,
    OrderParams,
    PacingParams,
    PaperParams,
    ReconnectParams,
    RiskParams,
    SessionParams,
    StorageParams,
)

__all__ = [
    "ENVIRONMENT_PREFIX",
    "PORTS",
    "SECTIONS",
    "CalendarParams",
    "Config",
    "ConnectionParams",
    "ContractParams",
    "ControlParams",
    "EndOfDayParams",
    "ErrorParams",
    "HeartbeatParams",
    "HistoryParams",
    "JournalParams",
    "KillSwitchParams",
    "LiveParams",
    "LogSettings",
    "LoopParams",
    "MarketDataParams",
    "Option",
    "OrderParams",
    "PacingParams",
    "PaperParams",
    "ReconnectParams",
    "RiskParams",
    "Section",
    "SessionParams",
    "StorageParams",
    "check_accounts",
    "check_live_gates",
    "closed_gates",
    "options_of",
    "render_example",
    "render_reference",
]
