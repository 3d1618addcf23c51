"""The sections of the INI file, each a frozen class; every number with its unit and its reason.

A new section is a file here, a line in this list, and a field of `config.load.Config` (its place
there is its place in ``config.ini.example``). A new key is a field of its section's class.
"""

from __future__ import annotations

from .calendar import CalendarParams
from .connection import PORTS, ConnectionParams
from .contracts import ContractParams
from .control import ControlParams
from .end_of_day import EndOfDayParams
from .errors import ErrorParams
from .history import HistoryParams
from .journal import JournalParams
from .log import LogSettings
from .market_data import MarketDataParams
from .orders import LiveParams, OrderParams
from .pacing import PacingParams
from .paper import PaperParams
from .reconcile import ReconcileParams
from .risk import KillSwitchParams, RiskParams
from .session import HeartbeatParams, LoopParams, ReconnectParams, SessionParams
from .storage import StorageParams

__all__ = [
    "PORTS",
    "CalendarParams",
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
    "OrderParams",
    "PacingParams",
    "PaperParams",
    "ReconcileParams",
    "ReconnectParams",
    "RiskParams",
    "SessionParams",
    "StorageParams",
]
