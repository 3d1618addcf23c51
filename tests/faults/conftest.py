"""Each test of the fault table runs in both protocols, one on each kind of event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import uvloop

from tests.faults.trial import Setting, Trial

SETTINGS = {
    "protobuf": Setting(225, uvloop.new_event_loop),
    "text": Setting(200, asyncio.new_event_loop),
}
#: Makes a client and its gateway: options of the gateway, and settings of the client.
MakeTrial = Callable[..., Trial]


@pytest.fixture(params=SETTINGS)
def make_trial(request: pytest.FixtureRequest) -> Iterator[MakeTrial]:
    """Makes trials that end with the test; the client of each is not started."""
    with ExitStack() as stack:

        def make(gateway: dict[str, Any] | None = None, **client: object) -> Trial:
            return stack.enter_context(Trial(SETTINGS[request.param], gateway, **client))

        yield make


@pytest.fixture
def trial(make_trial: MakeTrial) -> Trial:
    """A client that is READY on a gateway whose market rests."""
    return make_trial().start()
