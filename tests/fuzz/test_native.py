"""The compiled stream under spoilt bytes: a little of what ``make fuzz`` does by the million."""

from __future__ import annotations

import tracemalloc
from typing import Any

import pytest

from tests.fuzz import native

_native = pytest.importorskip("twsloop.wire._native", reason="it was installed without a compiler")
Compiled: Any = _native.MessageStream


def test_spoilt_messages_end_as_in_python() -> None:
    assert native.run(Compiled, 4000, first=10**6) == 100


def test_memory_stays_level() -> None:
    data = native.flood(225, 1)
    tracemalloc.start()
    try:
        native.memory_after(Compiled, data, 4)
        before = native.memory_after(Compiled, data, 4)
        after = native.memory_after(Compiled, data, 30)
    finally:
        tracemalloc.stop()
    assert after - before < 20_000
