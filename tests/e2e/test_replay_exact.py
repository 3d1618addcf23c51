"""A replayed day, from the command line's gateway to a client's callbacks: nothing is missing.

The gateway runs as a user would run it, in a process of its own, as fast as the client reads. What
the client's callbacks get, by IB's own decoder, is compared with a projection of the file that
shares no code with twsloop.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from tests.support.processes import Cli
from tests.support.projection_oracle import oracle
from tests.support.shared_data import shared
from twsloop import Config, IBGateway, stock

#: What the client library makes of a price tick besides it: a size tick of this type.
SIZE_OF = {1: 0, 2: 3, 4: 5}
REQUESTS = {101: "IBM", 102: "BAC"}


class Recorder(IBGateway):
    """Writes down every tick callback, per request."""

    def __init__(self, config: Config, expected: dict[int, int]) -> None:
        super().__init__(config)
        self.told: dict[int, list[tuple[Any, ...]]] = {req_id: [] for req_id in expected}
        self.left = dict(expected)
        self.complete = threading.Event()

    def _tell(self, req_id: int, *told: Any) -> None:
        self.told[req_id].append(told)
        self.left[req_id] -= 1
        if not self.left[req_id] and not any(self.left.values()):
            self.complete.set()

    def tickPrice(self, reqId: int, tickType: int, price: float, attrib: Any) -> None:
        self._tell(reqId, "price", tickType, price)

    def tickSize(self, reqId: int, tickType: int, size: Decimal) -> None:
        self._tell(reqId, "size", tickType, size)

    def tickString(self, reqId: int, tickType: int, value: str) -> None:
        self._tell(reqId, "string", tickType, value)


def callbacks(symbol: str, since: str, until: str, lot: int) -> Iterator[tuple[Any, ...]]:
    """The callbacks that the file means."""
    path = shared("market", "us_equity_tick", f"{symbol}_20131007_tick.csv.gz")
    for name, tick_type, *values in oracle(path, lot=lot, since=since, until=until):
        match name:
            case "tickPrice":
                yield "price", tick_type, values[0]
                if tick_type in SIZE_OF:
                    yield "size", SIZE_OF[tick_type], values[1]
            case "tickSize":
                yield "size", tick_type, values[0]
            case _:
                yield "string", tick_type, values[0]


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("version", "since", "until"),
    [
        pytest.param(225, "2013-10-07T00:00", "2013-10-08T00:00", id="protobuf-whole-day"),
        pytest.param(200, "2013-10-07T13:25", "2013-10-07T14:00", id="text-window"),
    ],
)
def test_every_tick_of_the_file_arrives_in_order(version: int, since: str, until: str) -> None:
    folder = shared("market", "us_equity_tick")
    lot = 1 if version >= 220 else 100  # volumes are in shares from 220 on
    expected = {req_id: list(callbacks(s, since, until, lot)) for req_id, s in REQUESTS.items()}
    assert min(map(len, expected.values())) > 1000
    with Cli(
        "--json", "paper", "--port", 0, "--feed", "replay", "--data", folder, "--speed", "max",
        "--start", "on-subscribe=2", "--from", since, "--to", until, "--max-version", version,
    ) as gateway:  # fmt: skip
        listening = gateway.event()
        assert listening["event"] == "listening"
        config = Config.load(overrides={"connection.port": listening["port"]})
        app = Recorder(config, {req_id: len(told) for req_id, told in expected.items()})
        with app:
            assert app.serverVersion() == version
            for req_id, symbol in REQUESTS.items():
                app.reqMktData(req_id, stock(symbol), "", False, False, [])
            assert app.complete.wait(200), app.left
            gateway.until("feed_ended")
        gateway.interrupt()
        assert gateway.wait() == 0
    for req_id, told in expected.items():
        first = next((n for n, pair in enumerate(zip(app.told[req_id], told, strict=False))
                      if pair[0] != pair[1]), None)  # fmt: skip
        assert first is None, (first, app.told[req_id][first], told[first])
        assert len(app.told[req_id]) == len(told)
