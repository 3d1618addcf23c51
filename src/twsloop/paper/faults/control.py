"""`FaultControl`: what a test lets a gateway and its network do to clients: ``gateway.faults``.

Each fault is a method with its parameters. A call returns when the fault has begun, and when every
client has been written to; it comes from any thread. What it returns ends the fault::

    link = paper_gateway.faults.half_open(client=1)
    ...
    link.end()

    with paper_gateway.faults.wedge():
        ...
"""

from __future__ import annotations

from .gateway_hand import GatewayHand
from .wire_hand import WireHand

__all__ = ["FaultControl"]


class FaultControl(WireHand, GatewayHand):
    """A test's hand on the faults of a `PaperGateway`: ``gateway.faults``."""
