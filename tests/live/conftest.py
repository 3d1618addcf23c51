"""A session that may place orders, and the check that stands before it.

``pytest -m live`` needs a gateway (``TWSLOOP_CONNECTION_HOST``, ``..._PORT``) whose accounts are
all paper accounts. One account that does not start with DU fails every test here before any order
is made; it is not skipped, because whoever pointed these tests at real money must hear of it.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from tests.support.paper_only import require_paper_accounts
from twsloop import Config, IBGateway


@pytest.fixture
def trading() -> Iterator[IBGateway]:
    """A READY session, on paper accounts only."""
    config = Config.load()
    host, port = config.connection.host, config.connection.port
    try:
        socket.create_connection((host, port), timeout=2).close()
    except OSError as error:
        pytest.skip(f"needs TWS, IB Gateway or `twsloop paper` on {host}:{port}: {error}")
    with IBGateway(config) as gateway:
        require_paper_accounts(gateway.accounts)
        yield gateway
