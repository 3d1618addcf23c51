"""Faults of the wire: what a network, or a gateway that hangs, does to bytes and connections."""

from __future__ import annotations

from collections.abc import Mapping

from .fault import Fault
from .wire_door import DOOR_FAULTS
from .wire_handshake import HANDSHAKE_FAULTS
from .wire_links import LINK_FAULTS

__all__ = ["WIRE_FAULTS"]

WIRE_FAULTS: tuple[Mapping[str, type[Fault]], ...] = (LINK_FAULTS, HANDSHAKE_FAULTS, DOOR_FAULTS)
