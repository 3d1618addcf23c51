"""A gateway that answers an order at once: openOrder and orderStatus, in one piece.

What it says was made before; only the order's own bytes, its id and its reference are put in. So
its part of a round trip is as small as Python allows, and the same for every client. A client that
knows protobuf gets its own order back as it sent it; for the others the text was encoded once, with
marks where the ids belong.

::

    python prompt_gateway.py 225        prints its port, and serves until its input is closed
"""

from __future__ import annotations

import contextlib
import functools
import socket
import struct
import sys
import threading
from collections.abc import Callable
from typing import Any

from twsloop.wire import codec
from twsloop.wire.messages import (
    INBOUND_BY_NAME,
    OUTBOUND,
    OUTBOUND_BY_NAME,
    Direction,
    message_class,
)

ACCOUNT = "DU1234567"
OFFSET, RAW_ID_SINCE, PLACE_ORDER = 200, 201, 3
_LENGTH = struct.Struct(">I")
#: Where an order's own values belong in what was made before.
ID_MARK, CLIENT_MARK, REFERENCE_MARK = 123454321, 987656789, "the-reference"
#: The permanent ids begin here, so that none is an order id.
PERM_ID = 1_900_000_000
#: What each question is answered with.
ANSWERS: dict[str, tuple[tuple[str, dict[str, Any]], ...]] = {
    "startApi": (("managedAccounts", {"accountsList": ACCOUNT}), ("nextValidId", {"orderId": 1})),
    "reqOpenOrders": (("openOrderEnd", {}),),
    "reqAutoOpenOrders": (),
    "reqAllOpenOrders": (("openOrderEnd", {}),),
    "reqCompletedOrders": (("completedOrdersEnd", {}),),
    "reqExecutions": (("execDetailsEnd", {"reqId": 0}),),
    "reqPositions": (("positionEnd", {}),),
    "reqAccountUpdates": (("accountDownloadEnd", {"accountName": ACCOUNT}),),
    "reqAccountUpdatesMulti": (("accountUpdateMultiEnd", {"reqId": 0}),),
    "reqCurrentTime": (("currentTime", {"currentTime": 1_700_000_000}),),
}
ORDER = {
    "action": "BUY", "totalQuantity": "1", "orderType": "LMT", "lmtPrice": 50.0, "tif": "DAY",
    "account": ACCOUNT,
}  # fmt: skip
CONTRACT = {
    "conId": 265598, "symbol": "AAPL", "secType": "STK", "exchange": "SMART", "currency": "USD",
}  # fmt: skip
STATE = {"status": "PreSubmitted"}
STATUS = {
    "status": "Submitted", "filled": "0", "remaining": "1", "avgFillPrice": 0.0, "parentId": 0,
    "lastFillPrice": 0.0, "whyHeld": "", "mktCapPrice": 0.0,
}  # fmt: skip

#: Given a placeOrder's body: what it is answered with.
Answer = Callable[[bytes], bytes]


def framed(body: bytes) -> bytes:
    """A frame."""
    return _LENGTH.pack(len(body)) + body


def encoded(name: str, version: int, **fields: Any) -> bytes:
    """The body of a message of the gateway."""
    row = INBOUND_BY_NAME[name]
    assert row.proto is not None
    return codec.encode(row, message_class(row.proto)(**fields), version)


def varint(number: int) -> bytes:
    """A number as protobuf writes it."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def read_varint(data: bytes, place: int) -> int:
    """The number that protobuf wrote there."""
    number = shift = 0
    while True:
        byte = data[place]
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number
        place, shift = place + 1, shift + 7


def protobuf_answer(version: int, client_id: int) -> Answer:
    """Answers in protobuf: the request itself with a state is the openOrder."""
    order_class, open_class = message_class("Order"), message_class("OpenOrder")
    open_id = _LENGTH.pack(INBOUND_BY_NAME["openOrder"].number + OFFSET)
    state = open_class(orderState=STATE).SerializeToString()
    status = encoded("orderStatus", version, **STATUS, clientId=client_id)
    client = order_class(clientId=client_id).SerializeToString()

    def answer(body: bytes) -> bytes:
        number = read_varint(body, 5)  # behind the message's id and the first field's key
        order_id, perm_id = varint(number), varint(PERM_ID + number)
        # A field of a message that comes twice is merged: the order is as sent, with these.
        known = client + b"\x10" + order_id + b"\x18" + perm_id
        opened = open_id + body[4:] + b"\x1a" + varint(len(known)) + known + state
        return framed(opened) + framed(status + b"\x08" + order_id + b"\x30" + perm_id)

    return answer


def text_answer(version: int, client_id: int) -> Answer:
    """Answers in text: what was encoded before, with the marks replaced."""
    marked = {"clientId": client_id, "orderId": ID_MARK, "permId": CLIENT_MARK}
    opened = encoded(
        "openOrder", version, orderId=ID_MARK, contract=CONTRACT, orderState=STATE,
        order={**ORDER, **marked, "orderRef": REFERENCE_MARK},
    )  # fmt: skip
    status = encoded(
        "orderStatus", version, **STATUS, orderId=ID_MARK, clientId=client_id, permId=CLIENT_MARK
    )
    request = message_class("PlaceOrderRequest")(
        orderId=1, contract=CONTRACT, order={**ORDER, "orderRef": REFERENCE_MARK}
    )
    fields = codec.encode(OUTBOUND_BY_NAME["placeOrder"], request, version).split(b"\0")
    place = fields.index(REFERENCE_MARK.encode())
    marks = str(ID_MARK).encode(), str(CLIENT_MARK).encode(), REFERENCE_MARK.encode()

    def answer(body: bytes) -> bytes:
        fields = body.split(b"\0", place + 1)
        perm_id = str(PERM_ID + int(fields[1])).encode()
        told = opened.replace(marks[0], fields[1]).replace(marks[1], perm_id)
        told = told.replace(marks[2], fields[place])
        return framed(told) + framed(status.replace(marks[0], fields[1]).replace(marks[1], perm_id))

    return answer


class Client:
    """One client, on a thread of its own."""

    def __init__(self, connection: socket.socket, newest: int) -> None:
        self._socket = connection
        self._newest = newest
        self._rest = b""
        self.version = 0
        self._answer: Answer = lambda _body: b""

    def read(self) -> bytes:
        """The next body; empty at the end."""
        while True:
            rest = self._rest
            if len(rest) >= 4 and len(rest) >= (end := 4 + _LENGTH.unpack_from(rest)[0]):
                self._rest = rest[end:]
                return rest[4:end]
            data = self._socket.recv(65536)
            if not data:
                return b""
            self._rest = rest + data

    def serve(self) -> None:
        """Until it goes."""
        connection = self._socket
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.recv(4, socket.MSG_WAITALL)  # "API" and a zero
        asked = self.read().split(b" ")[0].removeprefix(b"v")
        self.version = min(int(asked.partition(b"..")[2] or asked), self._newest)
        hello = f"{self.version}\00020260105 12:00:00 UTC\0".encode()
        connection.sendall(framed(hello))
        raw_ids = self.version >= RAW_ID_SINCE
        place_order = _LENGTH.pack(PLACE_ORDER + OFFSET) if raw_ids else b"3\0"
        while body := self.read():
            if body.startswith(place_order):
                connection.sendall(self._answer(body))
            else:
                self._other(body)

    def _other(self, body: bytes) -> None:
        if self.version >= RAW_ID_SINCE:
            row = OUTBOUND.get(_LENGTH.unpack_from(body)[0] % OFFSET)
        else:
            row = OUTBOUND.get(int(body.partition(b"\0")[0]))
        if row is None:
            return
        read = functools.partial(codec.decode, Direction.OUTBOUND, body, self.version)
        if row.name == "startApi":
            make = protobuf_answer if self.version >= RAW_ID_SINCE else text_answer
            self._answer = make(self.version, read().message.clientId)
        for name, fields in ANSWERS.get(row.name, ()):
            own = {"reqId": read().message.reqId} if "reqId" in fields else {}
            told = encoded(name, self.version, **{**fields, **own})
            self._socket.sendall(framed(told))


def main() -> None:
    """Print the port, and serve until nobody writes to us any more."""
    newest = int(sys.argv[1])
    with socket.create_server(("127.0.0.1", 0)) as server:
        print(server.getsockname()[1], flush=True)

        def serve(connection: socket.socket) -> None:
            with connection, contextlib.suppress(OSError):
                Client(connection, newest).serve()

        def accept() -> None:
            while True:
                connection, _ = server.accept()
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        sys.stdin.read()


if __name__ == "__main__":
    main()
