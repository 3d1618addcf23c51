"""Which form of a tick's way runs: the compiled one beside the compiled stream, else Python's."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from twsloop.wire.hot import IMPLEMENTATION

from .streaming import Streaming
from .ticking import Ticking

__all__ = ["Streaming", "Ticking"]

if not TYPE_CHECKING and IMPLEMENTATION == "native":
    # Its own compilation may have failed: the other form does the same.
    with contextlib.suppress(ImportError):
        from . import _ticking

        Streaming, Ticking = _ticking.Streaming, _ticking.Ticking
