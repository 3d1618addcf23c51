"""Facts as one line of a log: when, what happened, and how bad it is."""

from __future__ import annotations

import re

from twsloop.events import (
    CommissionReported,
    Fact,
    FarmChanged,
    Fill,
    GapEnded,
    GapStarted,
    HeartbeatMissed,
    HeartbeatRestored,
    KillSwitchChanged,
    Notice,
    OrderEvent,
    OrderRejected,
    PositionEvent,
    RiskBreached,
    SessionChanged,
    StreamClosed,
    StreamStarted,
)

from .facts import sentence
from .output import cell

__all__ = ["saying", "style_of"]

#: What is told of elsewhere, or says nothing to people.
UNSAID: tuple[type[Fact], ...] = (StreamStarted,)
#: `sentence` has words of its own for these.
_TOLD: tuple[type[Fact], ...] = (OrderEvent, Fill, CommissionReported)
_WORDS = re.compile(r"(?<=[a-z])(?=[A-Z])")
_SEVERITIES = {"warning": "yellow", "error": "red", "fatal": "bold red"}
_BAD: tuple[type[Fact], ...] = (
    *(GapStarted, StreamClosed, HeartbeatMissed, OrderRejected, RiskBreached),
)
_FARMS = {"broken": "red", "connecting": "yellow"}


def style_of(fact: Fact) -> str:
    """In which style it stands in the log; empty for that of most."""
    if isinstance(fact, Notice):
        return _SEVERITIES.get(fact.severity, "")
    if isinstance(fact, SessionChanged):
        return "green" if fact.new == "READY" else "yellow"
    if isinstance(fact, FarmChanged):
        return _FARMS.get(fact.state, "")
    if isinstance(fact, KillSwitchChanged):
        return "bold red" if fact.engaged else "green"
    return "yellow" if isinstance(fact, _BAD) else ""


def saying(fact: Fact) -> str | None:
    """One line, or None for what is not worth one."""
    if isinstance(fact, UNSAID):
        return None
    words = _words(fact)
    if words is None:
        return sentence(fact) if isinstance(fact, _TOLD) else _plain(fact)
    return f"{_clock(fact)}  {words}"


def _words(fact: Fact) -> str | None:
    if isinstance(fact, SessionChanged):
        return f"session     {fact.old} -> {fact.new}{_because(fact.reason)}"
    if isinstance(fact, FarmChanged):
        return f"farm        {fact.farm} {fact.state}{_because(fact.reason)}"
    if isinstance(fact, PositionEvent):
        change = f"{cell(fact.previous)} -> {cell(fact.quantity)}"
        return f"position    {fact.symbol} {change}"
    if isinstance(fact, Notice):
        return f"notice      {fact}"
    if isinstance(fact, (GapStarted, GapEnded, StreamClosed)):
        return f"stream      {fact}"
    if isinstance(fact, (HeartbeatMissed, HeartbeatRestored)):
        missed = isinstance(fact, HeartbeatMissed)
        what = "the gateway is silent" if missed else "the gateway speaks again"
        return f"heartbeat   {what}, {fact.silence:.1f} s"
    return None


def _plain(fact: Fact) -> str:
    """The name of its class in words, and why, where it says so."""
    name = _WORDS.sub(" ", type(fact).__name__).lower()
    return f"{_clock(fact)}  {name}{_because(str(getattr(fact, 'reason', '') or ''))}"


def _because(reason: str) -> str:
    return f": {reason}" if reason else ""


def _clock(fact: Fact) -> str:
    return f"{fact.time:%H:%M:%S.%f}"[:-3]
