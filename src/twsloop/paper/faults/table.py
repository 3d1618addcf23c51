"""Every fault by its name: one table, made of the tables beside the faults.

A name that stands in two of them refuses to import.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from .fault import Fault
from .gateway import GATEWAY_FAULTS
from .wire import WIRE_FAULTS

__all__ = ["FAULTS", "merged"]


def merged(tables: Iterable[Mapping[str, type[Fault]]]) -> Mapping[str, type[Fault]]:
    """One table of several.

    Raises:
        ValueError: A name stands in two of them, or is not the fault's own.
    """
    found: dict[str, type[Fault]] = {}
    for table in tables:
        for name, kind in table.items():
            if name in found or name != kind.name:
                msg = f"the fault {name!r} ({kind.__name__}) is in the table twice, or misnamed"
                raise ValueError(msg)
            found[name] = kind
    return MappingProxyType(found)


FAULTS = merged((*WIRE_FAULTS, *GATEWAY_FAULTS))
