"""A door to the loop thread for what has to be decided before the caller goes on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from twsloop.connection.core import Core
from twsloop.errors import LoopNotRunning

__all__ = ["on_loop"]

R = TypeVar("R")


def on_loop(core: Core, work: Callable[..., R], *args: Any) -> R:
    """Do something where the state of risk belongs to, and wait for it; from any thread."""
    loop = core.event_loop
    if not loop.in_loop():
        try:
            done: R = loop.submit(work, *args).result()
        except LoopNotRunning:
            pass  # then nobody else uses it
        else:
            return done
    return work(*args)
