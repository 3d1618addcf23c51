"""A reference server for each test, on a clock that the test moves."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from api_client import ApiClient
from api_client.testing import ReferenceServer, ServerOptions
from tests.support.flow import KEY, NOW, FlowTime


@pytest.fixture
def time() -> FlowTime:
    return FlowTime()


@pytest.fixture
def server(time: FlowTime) -> Iterator[ReferenceServer]:
    options = ServerOptions(
        keys=(KEY,),
        tickers=("SLV", "SPY"),
        trades_per_day=60,
        now=lambda: NOW,
        monotonic=time.monotonic,
    )
    with ReferenceServer(options=options) as running:
        yield running


@pytest.fixture
def client(server: ReferenceServer, time: FlowTime) -> Iterator[ApiClient]:
    with ApiClient(server.base_url, server.key, timing=time.timing) as opened:
        yield opened
