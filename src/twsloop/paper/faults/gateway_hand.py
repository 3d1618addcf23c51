"""The faults of the gateway as methods."""

from __future__ import annotations

from .hand import FaultHand

__all__ = ["GatewayHand"]


class GatewayHand(FaultHand):
    """Lets the gateway say something to its clients, or forget something."""
