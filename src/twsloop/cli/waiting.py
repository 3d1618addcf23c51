"""A word about what a command waits for, on a terminal, once it takes long enough to wonder."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

__all__ = ["waiting_for"]

#: From when on it is said, seconds: what is sooner there would only flicker.
WONDERING = 0.6


@contextmanager
def waiting_for(words: str) -> Iterator[None]:
    """Say on the standard error output what is waited for inside the block, if that takes a while.

    It is gone afterwards; where nobody looks (a pipe, a file) nothing is said at all.

    Args:
        words: What is waited for.
    """
    if not sys.stderr.isatty():
        yield
        return
    status = Console(stderr=True).status(words)
    timer = threading.Timer(WONDERING, status.start)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        status.stop()
