"""Faults of the gateway: what it says to its clients, and what it forgets."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from .fault import Fault

__all__ = ["GATEWAY_FAULTS"]

GATEWAY_FAULTS: Mapping[str, type[Fault]] = MappingProxyType({})
