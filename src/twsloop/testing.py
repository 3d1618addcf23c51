"""The pytest plugin: fixtures for programs that are written with twsloop.

It is found by pytest as soon as twsloop is installed. What it gives is imported only when a test
asks for it, so a test suite that does not use it pays nothing.
"""

from __future__ import annotations

import pytest

from twsloop.clock import ManualClock

__all__ = ["ManualClock", "manual_clock"]


@pytest.fixture
def manual_clock() -> ManualClock:
    """A clock that stands still until the test moves it."""
    return ManualClock()
