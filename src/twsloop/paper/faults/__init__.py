"""What a gateway and a network do to their clients, on command: each fault by name.

- `fault`, `params`: what a fault is. `wire`, `gateway`: the faults. `table`: all by name.
- `script`: what happens when, as data. `engine`: lets it happen. `control`: a test's hand
  (`hand`, `wire_hand`, `gateway_hand`).
- `link`, `shaping`, `board`: what stands between connections and their transports meanwhile.
"""

from __future__ import annotations

from .control import FaultControl
from .engine import FaultEngine, Happened
from .fault import Fault, Stage
from .hand import FaultHandle
from .script import Plan, Script, Trigger, read_script
from .table import FAULTS

__all__ = [
    "FAULTS",
    "Fault",
    "FaultControl",
    "FaultEngine",
    "FaultHandle",
    "Happened",
    "Plan",
    "Script",
    "Stage",
    "Trigger",
    "read_script",
]
