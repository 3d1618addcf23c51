"""Rooms for signals."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.signal_room import LoopFactory, Room, open_room


@pytest.fixture(params=["sync", "async"])
def room(request: pytest.FixtureRequest, loop_factory: LoopFactory) -> Iterator[Room]:
    with open_room(request.param, loop_factory) as opened:
        yield opened


@pytest.fixture
def one_room() -> Iterator[Room]:
    with open_room() as opened:
        yield opened
