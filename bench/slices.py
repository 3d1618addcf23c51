"""What live tickers and callbacks cost on top of decoding, without sockets.

A gateway is really connected and subscribed to (the blaster's, which tells nothing by itself); then
its loop thread is fed bytes that were made beforehand, and its processor time is taken. Each row is
the least of several rounds, in nanoseconds a message:

- **bare**: the messages are decoded, and functions that count are called;
- **live**: 40 quotes are subscribed to: the tickers are kept;
- **callback**: and a callback is called for each update.

Of quotes (prices, sizes, texts and numbers, as in `payload`), and of tick-by-tick streams, each by
itself. The two implementations run in a process each.

::

    python bench/slices.py                   a table, and a JSON file
    python bench/slices.py --version 200     in text
"""

# ruff: noqa: SLF001  (it looks for the ids of what it subscribed to)
from __future__ import annotations

import argparse
import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from blaster import Session
from payload import drawn, writers

LINES, STREAMS = 40, 40
STREAMED = frozenset({"last", "bid_ask"})


def payload(version: int, ids: list[int], streams: list[int], messages: int) -> dict[str, bytes]:
    """The bytes of both kinds."""
    write = writers(version)
    every = [*ids, *streams]
    found: dict[str, list[bytes]] = {"quotes": [], "streams": []}
    for block in drawn(len(ids), len(streams)):
        for line, values in block:
            kind = "streams" if values[0] in STREAMED else "quotes"
            if len(found[kind]) < messages:
                found[kind].append(write[values[0]](every[line], *values[1:]))
        if min(map(len, found.values())) == messages:
            return {kind: b"".join(parts) for kind, parts in found.items()}
    raise AssertionError


@contextlib.contextmanager
def connected(version: int) -> Iterator[Any]:
    """A gateway of ours, connected to one that tells nothing by itself."""
    from twsloop import Config, IBGateway  # noqa: PLC0415 - the environment has chosen by now

    ours, theirs = socket.socketpair()
    with ours, socket.create_server(("127.0.0.1", 0)) as server:
        wanted = {"mode": "idle", "max_version": version, "lines": LINES, "streams": STREAMS}
        threading.Thread(
            target=lambda: Session(theirs, wanted, server).serve(), daemon=True
        ).start()
        settings = {
            "connection.port": server.getsockname()[1],
            "session.lease": False,
            "contracts.cache": False,
            "journal.enabled": False,
            "heartbeat.enabled": False,
            "pacing.rate": 10_000,
            "market_data.lines": 1_000,
            "market_data.tick_by_tick": 1_000,
        }
        with IBGateway(Config.load(environ={}, overrides=settings)) as gw:
            yield gw


class Fed:
    """Feeds a stream of messages on the gateway's loop thread, and takes the time.

    Args:
        gw: The gateway.
        version: The server version.
        rounds: How often each row is measured; the least counts.
    """

    def __init__(self, gw: Any, version: int, rounds: int) -> None:
        self._gw = gw
        self._version = version
        self._rounds = rounds

    def __call__(self, data: bytes, messages: int, *, bare: bool = False) -> float:
        """Nanoseconds a message."""
        return float(self._gw._tws.event_loop.submit(self._feed, data, bare).result(120)) / messages

    async def _feed(self, data: bytes, bare: bool) -> float:
        from twsloop.wire.hot import MessageStream  # noqa: PLC0415

        core = self._gw._tws
        straight = counting() if bare else core.registry.straight
        best = float("inf")
        size = 65536
        for _ in range(self._rounds):
            stream = MessageStream(self._version, straight, broken)
            began = time.process_time_ns()
            for start in range(0, len(data), size):
                core.arrival.at = core.clock.monotonic()
                stream.feed(data[start : start + size])
            best = min(best, time.process_time_ns() - began)
            core.arrival.at = None
        return best


def broken(_body: bytes) -> None:
    """No message of the payload goes the long way."""
    raise AssertionError("a message was not decoded by the stream")


def counting() -> Any:
    """A sink that counts."""
    from twsloop.wire.hot import CALLED, Calls  # noqa: PLC0415

    class Sink:
        low = high = Calls()
        message_done = None
        count = 0

        @staticmethod
        def failed(function: Callable[..., object], error: BaseException) -> None:
            raise error

    class Hook:
        count = 0

        def four(self, *_what: Any) -> None:
            self.count += 1

        def tickPrice(self, reqId: int, tickType: int, price: float, attrib: Any) -> None:
            self.count += 1

        def tickSize(self, reqId: int, tickType: int, size: Any) -> None:
            self.count += 1

        tickString = tickGeneric = tickSize

    hook = Hook()
    for name in CALLED:
        setattr(Sink.high, name, getattr(hook, name, hook.four))
    return Sink


def share(number: int) -> Any:
    """One of the made-up shares."""
    from twsloop.contracts import stock  # noqa: PLC0415

    made = stock(f"S{number:03d}")
    made.conId = 800_000_000 + number
    return made


def measure(version: int, rounds: int, messages: int) -> dict[str, float]:
    """All rows of the implementation that runs here."""
    from twsloop.wire.hot import IMPLEMENTATION  # noqa: PLC0415

    count = 0

    def heard(_what: Any) -> None:
        nonlocal count
        count += 1

    rows: dict[str, Any] = {"wire": IMPLEMENTATION}
    with connected(version) as gw:
        watch = gw.subscribe([share(number) for number in range(LINES)])
        for number in range(STREAMS):
            kind = "AllLast" if number < STREAMS // 2 else "BidAsk"
            gw.market_data.ticks(share(LINES + number), kind, on_update=heard)
        core = gw._tws
        ids: list[int] = []
        streams: list[int] = []
        while len(ids) < LINES or len(streams) < STREAMS:
            time.sleep(0.01)
            ids = [line.req_id for line in gw.market_data._desk.ledger if line.req_id]
            streams = [
                feed.req_id for feed in core.streams if feed.req_id and "tick" in feed.request
            ]
        data = payload(version, ids, streams, messages)
        fed = Fed(gw, version, rounds)
        rows["quotes bare"] = fed(data["quotes"], messages, bare=True)
        rows["quotes live"] = fed(data["quotes"], messages)
        watch.on_tick(heard)
        rows["quotes callback"] = fed(data["quotes"], messages)
        rows["streams bare"] = fed(data["streams"], messages, bare=True)
        rows["streams callback"] = fed(data["streams"], messages)
        assert count >= 2 * rounds * messages, (count, rounds, messages)
        assert not core.errors.summary()["failed_callbacks"]
    return rows


def main() -> None:
    """Both implementations, a table, and the JSON file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--version", type=int, default=225)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--tiny", action="store_true", help="only to see that it runs")
    parser.add_argument("--here", action="store_true", help="the implementation of this process")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "slices.json")
    options = parser.parse_args()
    if options.tiny:
        options.rounds, options.messages = 1, 500
    if options.here:
        print(json.dumps(measure(options.version, options.rounds, options.messages)))
        return
    found = []
    for wire in ("python", "native"):
        told = subprocess.run(
            [sys.executable, __file__, "--here", *sys.argv[1:]],
            env={**os.environ, "TWSLOOP_WIRE": wire},
            capture_output=True,
            text=True,
            check=False,
        )
        if told.returncode:
            print(f"{wire}: {told.stderr.strip().splitlines()[-1]}")
            continue
        found.append(json.loads(told.stdout))
    table = {"version": options.version, "messages": options.messages, "rows": found}
    options.out.write_text(json.dumps(table, indent=1) + "\n")
    print(f"ns a message, server version {options.version}")
    names = [name for name in found[0] if name != "wire"]
    print(f"{'':18}", *(f"{row['wire']:>10}" for row in found))
    for name in names:
        print(f"{name:18}", *(f"{row[name]:10.0f}" for row in found))
    for kind in ("quotes", "streams"):
        cost = [row[f"{kind} callback"] - row[f"{kind} bare"] for row in found]
        print(f"{kind + ' on top':18}", *(f"{value:10.0f}" for value in cost))


if __name__ == "__main__":
    main()
