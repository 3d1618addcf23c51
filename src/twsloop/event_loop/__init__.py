"""A thread with one event loop in it, and every door into that thread.

Theory of operation. One thread runs one loop (uvloop where it exists) and owns the socket and all
mutable state. Other threads reach it through the doors of this file only: `IBKREventLoop.post`
(fire and forget), `IBKREventLoop.submit` (a `Future`), `IBKREventLoop.call` (wait for it) and
`IBKREventLoop.schedule_task` (later, or again and again). A door that could only wait for itself,
because it was called on the loop's own thread, raises `WrongThread` instead of hanging.

Start means running, or raises what killed it; stop means joined, may be called twice, and ends what
is still scheduled. A program that forgets to stop still ends: the thread is not a daemon (so that
clean-up is not cut off), but a daemon watcher waits for the main thread to end and stops the loop
then.
"""

from __future__ import annotations

from .future import Future
from .loop import (
    ExceptionReporter,
    IBKREventLoop,
    LoopFactory,
    ProcessorRegistry,
    TaskHandle,
    default_loop_factory,
)
from .shared import SharedWork

__all__ = [
    "ExceptionReporter",
    "Future",
    "IBKREventLoop",
    "LoopFactory",
    "ProcessorRegistry",
    "SharedWork",
    "TaskHandle",
    "default_loop_factory",
]
