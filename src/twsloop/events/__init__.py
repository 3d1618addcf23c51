"""The facts: what happened, as immutable objects that can be kept, journaled and handed around.

Ticks are not here. They travel as IB's own callbacks, without an object each. What is here happens
seldom and must not be lost: a notice of the gateway, a change of the session, an order's way, a
fill, its commission, a position, a gap in a stream.

Every fact carries the time at which we learned of it (UTC, and aware of it) and a correlation id,
which ties together the facts of one story: the same order, the same request, the same session. The
three functions `order_story`, `request_story` and `session_story` make these ids, so that all parts
spell them alike.

Money and sizes are `decimal.Decimal`; what is not known is None, never 0.
"""

from __future__ import annotations

from .basis import Ends, Fact, order_story, request_story, session_story, to_record
from .day import (
    DayClosing,
    DayCount,
    DayDrift,
    DayOrder,
    DayResult,
    DayStep,
    EndOfDayReport,
)
from .differences import (
    ComparisonBegan,
    Difference,
    DifferenceKind,
    DifferencesAccepted,
    DifferencesAsked,
    PositionHeld,
    PositionsHeld,
    positions_story,
    reconcile_story,
)
from .gaps import GapReport, GapVerdict, OrderIdsRolledBack, OrderInGap, PositionInGap
from .gateway import Notice
from .health import CallbackSlow, LoopLagged
from .intents import (
    ConfigTaken,
    IdentityBroken,
    OrderIntent,
    OrderStep,
    QuoteSeen,
    SessionBegan,
)
from .journal import JournalTrouble
from .orders import (
    AcknowledgementLate,
    CommissionLate,
    CommissionReported,
    Fill,
    OrderCancelled,
    OrderCreated,
    OrderEvent,
    OrderExpired,
    OrderFact,
    OrderFilled,
    OrderPartiallyFilled,
    OrderRejected,
    OrderSubmitted,
)
from .positions import PositionChanged, PositionClosed, PositionEvent, PositionOpened
from .protection import (
    OrderNamed,
    PositionCover,
    ProtectionFinding,
    ProtectionKind,
    ProtectionReport,
)
from .risk import (
    DayPeak,
    KillSwitchActed,
    KillSwitchChanged,
    KillSwitchClaimed,
    RiskBreached,
    RiskCheck,
    RiskLimitChanged,
    RiskVerdict,
)
from .session import FarmChanged, HeartbeatMissed, HeartbeatRestored, SessionChanged
from .streams import GapCause, GapEnded, GapStarted, StreamClosed, StreamStarted

__all__ = [
    "AcknowledgementLate",
    "CallbackSlow",
    "CommissionLate",
    "CommissionReported",
    "ComparisonBegan",
    "ConfigTaken",
    "DayClosing",
    "DayCount",
    "DayDrift",
    "DayOrder",
    "DayPeak",
    "DayResult",
    "DayStep",
    "Difference",
    "DifferenceKind",
    "DifferencesAccepted",
    "DifferencesAsked",
    "EndOfDayReport",
    "Ends",
    "Fact",
    "FarmChanged",
    "Fill",
    "GapCause",
    "GapEnded",
    "GapReport",
    "GapStarted",
    "GapVerdict",
    "HeartbeatMissed",
    "HeartbeatRestored",
    "IdentityBroken",
    "JournalTrouble",
    "KillSwitchActed",
    "KillSwitchChanged",
    "KillSwitchClaimed",
    "LoopLagged",
    "Notice",
    "OrderCancelled",
    "OrderCreated",
    "OrderEvent",
    "OrderExpired",
    "OrderFact",
    "OrderFilled",
    "OrderIdsRolledBack",
    "OrderInGap",
    "OrderIntent",
    "OrderNamed",
    "OrderPartiallyFilled",
    "OrderRejected",
    "OrderStep",
    "OrderSubmitted",
    "PositionChanged",
    "PositionClosed",
    "PositionCover",
    "PositionEvent",
    "PositionHeld",
    "PositionInGap",
    "PositionOpened",
    "PositionsHeld",
    "ProtectionFinding",
    "ProtectionKind",
    "ProtectionReport",
    "QuoteSeen",
    "RiskBreached",
    "RiskCheck",
    "RiskLimitChanged",
    "RiskVerdict",
    "SessionBegan",
    "SessionChanged",
    "StreamClosed",
    "StreamStarted",
    "order_story",
    "positions_story",
    "reconcile_story",
    "request_story",
    "session_story",
    "to_record",
]
