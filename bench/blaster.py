"""A gateway that can only say hello, take subscriptions, and then tell ticks as fast as they go.

What it says is made beforehand (`payload`), so that it is far ahead of any client; the raw-recv row
of the table shows by how much. A client comes twice: over a Unix socket it says what it wants to
be told, over TCP it is served as a gateway serves it: handshake, startApi, the questions of a
start, market data. Then::

    client                                   blaster
    {"mode": "window", ...}           -->            over the Unix socket
    hello, startApi, subscriptions    <->            over TCP
                                      <--    ready   the payload is made
    go                                -->
                                      <--            ticks; at each mark the client writes a byte

``window``: no more than so many messages are under way, the steady state. ``blast``: all at once.
``latency``: so many bids a second, each with its time as the price. ``idle``: none at all.

::

    python bench/blaster.py /tmp/blaster      prints its TCP port, and serves until stdin ends
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import select
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.payload import BLOCK, Stamped, blocks, message
from twsloop.wire import codec, handshake
from twsloop.wire.framing import FrameReader
from twsloop.wire.messages import Direction

SENDING_CPU = 0
#: What each question of a start is answered with; "id" stands for the question's own.
ANSWERS: dict[str, tuple[tuple[str, dict[str, Any]], ...]] = {
    "startApi": (
        ("managedAccounts", {"accountsList": "DU1234567"}),
        ("nextValidId", {"orderId": 1}),
    ),
    "reqOpenOrders": (("openOrderEnd", {}),),
    "reqAllOpenOrders": (("openOrderEnd", {}),),
    "reqCompletedOrders": (("completedOrdersEnd", {}),),
    "reqExecutions": (("execDetailsEnd", {"reqId": "id"}),),
    "reqPositions": (("positionEnd", {}),),
    "reqAccountUpdates": (("accountDownloadEnd", {"accountName": "DU1234567"}),),
    "reqAccountUpdatesMulti": (("accountUpdateMultiEnd", {"reqId": "id"}),),
    "reqCurrentTime": (("currentTime", {"currentTime": 1_790_600_000}),),
    "reqMktData": (
        ("marketDataType", {"reqId": "id", "marketDataType": 1}),
        ("tickReqParams", {"reqId": "id", "minTick": "0.01", "bboExchange": "9c0001",
                           "snapshotPermissions": 3}),
    ),
}  # fmt: skip
#: Payloads that are kept: a client comes again in the next round, and wants the same.
_made: dict[tuple[Any, ...], list[bytes]] = {}


class Gone(Exception):
    """The client ended the session."""


class Session:
    """One client.

    Args:
        control: The Unix socket.
        wanted: What it said there.
        server: Where it comes over TCP.
    """

    def __init__(
        self, control: socket.socket, wanted: dict[str, Any], server: socket.socket
    ) -> None:
        self.control = control
        self.wanted = wanted
        self.sock, _ = server.accept()
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.version = 0
        self.lines: list[int] = []
        self.streams: list[int] = []
        self._asked: list[tuple[int, str]] = []
        self._frames = FrameReader()
        self._credits = 0

    def greet(self) -> None:
        """The handshake."""
        shake = handshake.ServerHandshake()
        while shake.hello is None:
            data = self.sock.recv(4096)
            if not data:
                raise Gone
            shake.feed(data)
        self.version = handshake.negotiate(shake.hello, self.wanted.get("max_version", 225))
        self.sock.sendall(handshake.server_hello(self.version, "20261120 12:00:00 UTC"))
        self._frames.feed(shake.rest())
        self._answer()

    def settle(self) -> None:
        """Answer until everything is subscribed to."""
        if "ids" in self.wanted:  # one that only reads: it says how, and is told where blocks end
            self.lines, self.streams = self.wanted["ids"]
            return
        wanted = (self.wanted["lines"], self.wanted["streams"])
        while (len(self.lines), len(self._asked)) != wanted:
            self._wait(None)
        self.streams = [one for one, kind in self._asked if kind != "BidAsk"]
        self.streams += [one for one, kind in self._asked if kind == "BidAsk"]

    def _wait(self, timeout: float | None) -> bool:
        """Look whether the client said something; whether it did."""
        heard, _, _ = select.select((self.sock, self.control), (), (), timeout)
        if self.control in heard:
            came = self.control.recv(4096)
            if not came:
                raise Gone
            self._credits += len(came)
        if self.sock in heard:
            data = self.sock.recv(65536)
            if not data:
                raise Gone
            self._frames.feed(data)
            self._answer()
        return bool(heard)

    def _answer(self) -> None:
        for body in self._frames.frames():
            read = codec.decode(Direction.OUTBOUND, body, self.version)
            name, asked = read.type.name, read.message
            if name == "reqMktData":
                self.lines.append(asked.reqId)
            elif name == "reqTickByTickData":
                self._asked.append((asked.reqId, asked.tickType))
            said = b""
            for answer, fields in ANSWERS.get(name, ()):
                filled = {
                    key: asked.reqId if value == "id" else value for key, value in fields.items()
                }
                said += message(answer, self.version, **filled)
            if said:
                self.sock.sendall(said)

    def say(self, **what: Any) -> None:
        """A line over the Unix socket."""
        self.control.sendall(json.dumps(what).encode() + b"\n")

    # ---- what it tells -------------------------------------------------------------------

    def serve(self) -> None:
        """Everything, until the client goes."""
        with contextlib.suppress(Gone, ConnectionError), self.sock, self.control:
            self.greet()
            self.settle()
            mode = self.wanted["mode"]
            if mode in {"window", "blast"}:
                self._ticks(self._payload(), everything=mode == "blast")
            elif mode == "latency":
                self._stamped()
            while True:  # until it goes
                self._wait(None)

    def _payload(self) -> list[bytes]:
        count = (self.wanted["warm"] + self.wanted["messages"]) // BLOCK
        text = self.version < 201
        key = (text, tuple(self.lines), tuple(self.streams), count)
        if key not in _made:
            _made[key] = blocks(self.version, self.lines, self.streams, count)
        if "ids" in self.wanted:
            self.say(sizes=[len(block) for block in _made[key]])
        return _made[key]

    def _ready(self) -> None:
        self.say(ready=True)
        self._credits = 0
        while not self._credits:
            self._wait(None)
        self._credits = 0

    def _ticks(self, payload: list[bytes], *, everything: bool) -> None:
        window = self.wanted.get("window", 4000) // BLOCK
        self._ready()
        warm = self.wanted["warm"] // BLOCK
        began = time.monotonic()
        send, wait = self.sock.sendall, self._wait
        for number, block in enumerate(payload):
            if everything and number >= warm:
                break
            while number - self._credits >= window:
                wait(None)
            send(block)
        if everything:
            while self._credits < warm:
                wait(None)
            began = time.monotonic()
            send(b"".join(payload[warm:]))
        self.say(sent=len(payload) * BLOCK, seconds=time.monotonic() - began)

    def _stamped(self) -> None:
        """So many a second, on time as far as it goes; what made us late is told."""
        rate, seconds = self.wanted["rate"], self.wanted["seconds"]
        stamped = Stamped(self.version, self.lines)
        self._ready()
        clock, send = time.monotonic, self.sock.sendall
        gap, late = 1.0 / rate, 0.0
        nap = 0.0003
        due = began = clock() + 0.01
        end, sent = began + seconds, 0
        while due < end:
            wait = due - clock()
            if wait > 2 * nap:
                time.sleep(wait - nap)
            while (now := clock()) < due:
                pass
            late = max(late, now - due)
            send(stamped(now))
            sent += 1
            due += gap
        self.say(stall=late, seconds=clock() - began, sent=sent)


@contextlib.contextmanager
def _server(path: Path) -> Iterator[tuple[socket.socket, socket.socket]]:
    path.unlink(missing_ok=True)
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as control,
        socket.create_server(("127.0.0.1", 0)) as server,
    ):
        control.bind(str(path))
        control.listen()
        yield control, server


def _line(control: socket.socket) -> dict[str, Any]:
    said = b""
    while not said.endswith(b"\n"):
        more = control.recv(4096)
        if not more:
            raise Gone
        said += more
    found: dict[str, Any] = json.loads(said)
    return found


def main() -> None:
    """Serve one client after another."""
    parser = argparse.ArgumentParser(description="the gateway of the benchmarks")
    parser.add_argument("control", type=Path, help="where the Unix socket is made")
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(0, {SENDING_CPU})

    def serve() -> None:
        with _server(options.control) as (control, server):
            print(server.getsockname()[1], flush=True)
            while True:
                one, _ = control.accept()
                with contextlib.suppress(Gone, ConnectionError):
                    Session(one, _line(one), server).serve()

    threading.Thread(target=serve, daemon=True).start()
    sys.stdin.read()
    options.control.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
