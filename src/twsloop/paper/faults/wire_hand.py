"""The faults of the wire as methods."""

from __future__ import annotations

from .hand import FaultHand, FaultHandle, Whom
from .wire import HalfOpen, Reset, Wedge

__all__ = ["WireHand"]


class WireHand(FaultHand):
    """Lets a network, or a gateway that hangs, do something to bytes and connections."""

    def half_open(
        self, client: Whom = None, *, direction: str = "both", lasting: float | None = None
    ) -> FaultHandle:
        """Let links die without a word: see `HalfOpen`."""
        return self.begin(HalfOpen(direction=direction), client, lasting=lasting)

    def reset(self, client: Whom = None) -> FaultHandle:
        """Reset connections: see `Reset`."""
        return self.begin(Reset(), client)

    def wedge(self, *, stage: str = "connect", lasting: float | None = None) -> FaultHandle:
        """Accept connections, and never answer them: see `Wedge`."""
        return self.begin(Wedge(stage=stage), lasting=lasting)
