"""The signal of the system that engages the kill switch."""

from __future__ import annotations

import functools
import logging
import signal
import threading
import weakref
from typing import Any

from twsloop.risk.kill_desk import KillDesk

__all__ = ["heed_signal"]

logger = logging.getLogger(__name__)


def heed_signal(desk: KillDesk, number: int | None) -> None:
    """Let a signal engage a kill switch; who heard the signal before still does.

    Args:
        desk: The switch; a gateway object that nobody holds any more is not kept for it.
        number: The signal; None for none.
    """
    if number is None:
        return
    if threading.current_thread() is not threading.main_thread():
        logger.warning(
            "no signal engages the kill switch: the gateway object was not made in the main thread"
        )
        return
    before = signal.getsignal(number)
    signal.signal(number, functools.partial(_heard, weakref.ref(desk), before))


def _heard(desk: weakref.ref[KillDesk], before: Any, number: int, frame: Any) -> None:
    """The signal came, at any moment: the main thread may hold any lock, so another one works."""
    switch = desk()
    if switch is not None:
        arguments = ("signal", signal.Signals(number).name)
        threading.Thread(
            target=switch.trigger, args=arguments, name="twsloop-kill-switch", daemon=True
        ).start()
    if callable(before):
        before(number, frame)
