"""A gateway that answers a request for bars at once, with bytes that it had before.

Its bars are of a minute, without a gap, and end on 2026-06-01; a request gets those of as many days
as it asks for, behind the time that it names.

::

    python gateway.py 225 70        prints its port, and serves 70 days until its input is closed
"""

from __future__ import annotations

import contextlib
import random
import socket
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from bench.histories.measured import END
from bench.round_trips.prompt_gateway import Client, encoded, framed, varint
from twsloop.wire import codec
from twsloop.wire.messages import OUTBOUND_BY_NAME, Direction, message_class

MINUTES = 1440
OFFSET, RAW_ID_SINCE, ENDS_APART, BARS = 200, 201, 196, 17
THE_TIME = OUTBOUND_BY_NAME["reqCurrentTime"].number
NUMBER = OUTBOUND_BY_NAME["reqHistoricalData"].number


def bars_of(days: int) -> list[dict[str, Any]]:
    """The bars of so many days, up to the end."""
    chance, price, found = random.Random(7), 250.0, []
    for minute in range(-days * MINUTES, 0):
        first = price
        price = max(round(price + chance.gauss(0, 0.05), 2), 1.0)
        volume = int(chance.lognormvariate(6, 1.5))
        average = round((first + price) / 2 + chance.random() / 100, 3)
        found.append({
            "date": str(END + minute * 60), "open": first, "close": price,
            "high": round(max(first, price) + chance.randrange(4) / 100, 2),
            "low": round(min(first, price) - chance.randrange(4) / 100, 2),
            "volume": str(volume), "WAP": f"{average:.3f}", "barCount": volume // 20 + 1,
        })  # fmt: skip
    return found


class Answers:
    """All bars of one protocol version, encoded."""

    def __init__(self, version: int, days: int) -> None:
        self._version = version
        make = self._protobuf if version >= RAW_ID_SINCE else self._text
        self._bars = [make(bar) for bar in bars_of(days)]

    @staticmethod
    def _protobuf(bar: dict[str, Any]) -> bytes:
        told = message_class("HistoricalDataBar")(**bar).SerializeToString()
        return b"\x12" + varint(len(told)) + bytes(told)

    @staticmethod
    def _text(bar: dict[str, Any]) -> bytes:
        names = ("date", "open", "high", "low", "close", "volume", "WAP", "barCount")
        return b"".join(str(bar[name]).encode() + b"\0" for name in names)

    def of(self, req_id: int, end: int, minutes: int) -> bytes:
        """The frames that answer one request."""
        last = len(self._bars) + (min(end, END) - END) // 60
        chosen = self._bars[max(last - minutes, 0) : max(last, 0)]
        ends = {"reqId": req_id, "startDateStr": "", "endDateStr": ""}
        if self._version >= RAW_ID_SINCE:
            head = (BARS + OFFSET).to_bytes(4, "big") + b"\x08" + varint(req_id)
        else:
            between = [] if self._version >= ENDS_APART else ["", ""]
            fields = [BARS, req_id, *between, len(chosen)]
            head = "".join(f"{field}\0" for field in fields).encode()
        told = framed(head + b"".join(chosen))
        if self._version >= ENDS_APART:
            told += framed(encoded("historicalDataEnd", self._version, **ends))
        return told


class BarClient(Client):
    """One client; what it asks besides bars is answered as an order's gateway does.

    Args:
        connection: Its socket.
        newest: The newest protocol version that is spoken.
        days: How many days there are bars of.
    """

    def __init__(self, connection: socket.socket, newest: int, days: int) -> None:
        super().__init__(connection, newest)
        self._days = days

    def read(self) -> bytes:
        """The next body that is no request for bars; empty at the end."""
        while body := super().read():
            if not self.version:
                return body  # the hello
            answers = answers_of(self.version, self._days)
            raw = self.version >= RAW_ID_SINCE
            number = int.from_bytes(body[:4], "big") % OFFSET if raw else int(body.split(b"\0")[0])
            if number == THE_TIME:  # the day after: all bars are over
                now = encoded("currentTime", self.version, currentTime=END + 86_400)
                self._socket.sendall(framed(now))
            elif number != NUMBER:
                return body
            else:
                asked = codec.decode(Direction.OUTBOUND, body, self.version).message
                minutes = _minutes(asked.duration)
                told = answers.of(asked.reqId, _seconds(asked.endDateTime), minutes)
                self._socket.sendall(told)
        return b""


def _minutes(duration: str) -> int:
    count, unit = duration.split()
    return -(-int(count) // 60) if unit == "S" else int(count) * MINUTES


def _seconds(text: str) -> int:
    """A time that a request names, since 1970; the end of all bars for now."""
    if not text:
        return END
    text = text.removesuffix("Z").removesuffix(" UTC").replace(" ", "-")
    return int(datetime.strptime(text, "%Y%m%d-%H:%M:%S").replace(tzinfo=UTC).timestamp())


_KNOWN: dict[int, Answers] = {}
_LOCK = threading.Lock()


def answers_of(version: int, days: int) -> Answers:
    """The answers of a version, made once."""
    with _LOCK:
        if version not in _KNOWN:
            _KNOWN[version] = Answers(version, days)
        return _KNOWN[version]


def main() -> None:
    """Print the port, and serve until nobody writes to us any more."""
    newest, days = int(sys.argv[1]), int(sys.argv[2])
    for version in {min(newest, 178), newest}:  # ib_async speaks no newer one
        answers_of(version, days)
    with socket.create_server(("127.0.0.1", 0)) as server:
        print(server.getsockname()[1], flush=True)

        def serve(connection: socket.socket) -> None:
            with connection, contextlib.suppress(OSError):
                BarClient(connection, newest, days).serve()

        def accept() -> None:
            while True:
                connection, _ = server.accept()
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        sys.stdin.read()


if __name__ == "__main__":
    main()
