"""What a process has of the loops of the one that it was forked from: nothing that it can use.

None of their threads is there, so whoever handed work in would wait for ever. And nothing may be
closed: the poll object in the kernel is shared, and what is taken out of it here is gone for the
owner of the loop, too. So the loops are told, and all that they have is kept until this process
ends.
"""

from __future__ import annotations

import functools
import os
import weakref
from typing import Protocol

__all__ = ["watch"]


class Inherited(Protocol):
    """A loop that runs."""

    def forked(self) -> object:
        """It is in another process from now on; give back what must not be let go of."""


_RUNNING: weakref.WeakSet[Inherited] = weakref.WeakSet()
_KEPT: list[object] = []


def watch(loop: Inherited) -> None:
    """Tell a loop of every fork, in the process that was forked."""
    _hear_of_forks()
    _RUNNING.add(loop)


@functools.cache  # once, and not by being imported: the system has no way to take it back
def _hear_of_forks() -> None:
    if hasattr(os, "register_at_fork"):  # Windows has no fork
        os.register_at_fork(after_in_child=_forked)


def _forked() -> None:
    _KEPT.extend(loop.forked() for loop in list(_RUNNING))
    _RUNNING.clear()
