"""A gateway that lets clients start, takes their orders in, and says nothing of them.

For what is measured between a call and its bytes: a gateway that works on each order does so on the
processors of the client, and drives what that needs next out of their caches.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import sys
import threading
from typing import Any

from twsloop.wire.messages import INBOUND_BY_NAME, OUTBOUND, message_class

VERSION, OFFSET = 225, 200
_LENGTH = struct.Struct(">I")
#: What each question is answered with.
ANSWERS: dict[str, tuple[tuple[str, dict[str, Any]], ...]] = {
    "startApi": (
        ("managedAccounts", {"accountsList": "DU1234567"}),
        ("nextValidId", {"orderId": 1}),
    ),
    "reqAllOpenOrders": (("openOrderEnd", {}),),
    "reqCompletedOrders": (("completedOrdersEnd", {}),),
    "reqExecutions": (("execDetailsEnd", {}),),
    "reqPositions": (("positionEnd", {}),),
    "reqCurrentTime": (("currentTime", {"currentTime": 1_700_000_000}),),
}


def message(name: str, **fields: Any) -> bytes:
    """A frame of the gateway."""
    row = INBOUND_BY_NAME[name]
    assert row.proto is not None
    body: bytes = message_class(row.proto)(**fields).SerializeToString()
    return _LENGTH.pack(len(body) + 4) + _LENGTH.pack(row.number + OFFSET) + body


def serve(connection: socket.socket) -> None:
    """One client, until it goes."""
    with connection, contextlib.suppress(OSError), connection.makefile("rb") as read:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        read.read(4)  # "API" and a zero
        read.read(_LENGTH.unpack(read.read(4))[0])
        hello = f"{VERSION}\0 20260105 12:00:00 UTC\0".encode()
        connection.sendall(_LENGTH.pack(len(hello)) + hello)
        while len(head := read.read(4)) == 4:
            body = read.read(_LENGTH.unpack(head)[0])
            row = OUTBOUND.get(_LENGTH.unpack_from(body)[0] - OFFSET)
            for name, fields in ANSWERS.get(row.name, ()) if row is not None else ():
                ids = {}
                if name == "execDetailsEnd":
                    ids["reqId"] = message_class("ExecutionRequest").FromString(body[4:]).reqId
                connection.sendall(message(name, **fields, **ids))


def main() -> None:
    """Print the port, and serve until nobody writes to us any more."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        print(server.getsockname()[1], flush=True)

        def accept() -> None:
            while True:
                connection, _ = server.accept()
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        sys.stdin.read()


if __name__ == "__main__":
    main()
