"""The streams that there are: in Python, and compiled where that was built."""

from __future__ import annotations

import contextlib
import importlib
from typing import Any

import pytest

from twsloop.wire.hot.stream import MessageStream

__all__ = ["IMPLEMENTATIONS", "every_stream"]


def _found() -> dict[str, Any]:
    found: dict[str, Any] = {"python": MessageStream}
    with contextlib.suppress(ImportError):  # it was installed without a compiler
        found["native"] = importlib.import_module("twsloop.wire._native").MessageStream
    return found


#: Name -> class.
IMPLEMENTATIONS = _found()

every_stream = pytest.mark.parametrize(
    "stream_class", list(IMPLEMENTATIONS.values()), ids=list(IMPLEMENTATIONS)
)
