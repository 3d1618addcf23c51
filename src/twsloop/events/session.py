"""The session's own facts."""

from __future__ import annotations

import attrs

from .basis import Fact

__all__ = ["FarmChanged", "HeartbeatMissed", "HeartbeatRestored", "SessionChanged"]


@attrs.frozen(kw_only=True)
class SessionChanged(Fact):
    """The session went from one state of its table to another.

    Attributes:
        old: The state's name before.
        new: The state's name now.
        reason: Why, in words.
        epoch: Which session of this connection it is, counted from 1.
    """

    old: str
    new: str
    reason: str = ""
    epoch: int = 0


@attrs.frozen(kw_only=True)
class HeartbeatMissed(Fact):
    """The gateway has been silent for too long; it is asked for a sign of life now.

    Attributes:
        silence: Seconds since its last byte.
    """

    silence: float


@attrs.frozen(kw_only=True)
class HeartbeatRestored(Fact):
    """The gateway was heard again after HeartbeatMissed.

    Attributes:
        silence: How long it had been silent, seconds.
    """

    silence: float


@attrs.frozen(kw_only=True)
class FarmChanged(Fact):
    """One of the gateway's links to IB's data servers is not what it was.

    Attributes:
        farm: Its name, as the gateway writes it (``usfarm``, ``ushmds``, ``secdefnj``).
        kind: ``market_data``, ``historical`` or ``security_definition``.
        old: What it was: a state like ``state``, or empty for a farm not heard of before.
        state: ``ok``, ``inactive`` (idle; it comes back when asked), ``connecting`` or ``broken``.
        reason: The gateway's text.
    """

    farm: str
    kind: str
    old: str = ""
    state: str
    reason: str = ""
