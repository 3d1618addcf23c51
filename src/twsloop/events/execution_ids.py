"""What an execution id says: which execution, which version of it, and whether it is a combo leg's.

IB writes four segments with dots between (``0000e0d5.69c2f1a0.01.01``), of which the last counts
the versions: a correction comes under the same id with a higher last segment. The leg of a combo
has a fifth segment.
"""

from __future__ import annotations

__all__ = ["correction_of", "execution_base", "is_leg", "versions_of"]

#: An execution id has four segments; a combo leg's has five.
_LEG_SEGMENTS = 5
#: A version has two digits in IB's ids; more digits are something else.
_MOST_VERSIONS = 99


def execution_base(exec_id: str) -> str:
    """The part of an execution id that a correction keeps: all but the digits after the last dot.

    An id that does not end in digits is its own base.
    """
    base, dot, last = exec_id.rpartition(".")
    return base if dot and last.isdigit() else exec_id


def correction_of(exec_id: str) -> int:
    """Which version of the execution it is: 1 for the first, more for corrections."""
    _, dot, last = exec_id.rpartition(".")
    return int(last) if dot and last.isdigit() else 0


def versions_of(exec_id: str) -> list[str]:
    """An execution's id, after those of the versions that it corrects, the first one first."""
    base, number = execution_base(exec_id), correction_of(exec_id)
    if base == exec_id or number > _MOST_VERSIONS:
        return [exec_id]
    width = len(exec_id) - len(base) - 1
    return [*(f"{base}.{earlier:0{width}}" for earlier in range(1, number)), exec_id]


def is_leg(exec_id: str) -> bool:
    """Whether an execution is that of one leg of a combo."""
    return exec_id.count(".") + 1 >= _LEG_SEGMENTS
