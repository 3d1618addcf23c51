"""A session on a gateway that runs already: a real TWS or IB Gateway, or `twsloop paper`.

Where it is stands in ``TWSLOOP_CONNECTION_HOST``, ``..._PORT`` and ``..._CLIENT_ID``, as for every
program; without them it is 127.0.0.1:4002. Nothing here places an order: see ``tests/live``.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from twsloop import Config, IBGateway


@pytest.fixture(scope="session")
def config() -> Config:
    """The settings of the environment; skips when nothing listens there."""
    loaded = Config.load()
    host, port = loaded.connection.host, loaded.connection.port
    try:
        socket.create_connection((host, port), timeout=2).close()
    except OSError as error:
        pytest.skip(f"needs TWS, IB Gateway or `twsloop paper` on {host}:{port}: {error}")
    return loaded


@pytest.fixture
def gateway(config: Config) -> Iterator[IBGateway]:
    """A READY session of its own for each test."""
    with IBGateway(config) as ready:
        yield ready
