"""``client.conn``, the object that IB's code knows: its frames leave, orders do not pass by it."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.scripted import Peer, ScriptedServer, text_body
from twsloop import Config, IBGateway
from twsloop.connection import IBKRConnection
from twsloop.errors import OrdersRefused
from twsloop.wire.framing import frame

POSITIONS = frame(text_body(61, 1))
PLACE = frame(text_body(3, 1, 0, "AAPL"))
CANCEL = frame(text_body(4, 1, 1))
RAW_PLACE = frame((203).to_bytes(4, "big"))


class Seen:
    """A server that writes down what it is sent."""

    def __init__(self, version: int) -> None:
        self.version = version
        self.frames: list[bytes] = []

    async def __call__(self, peer: Peer) -> None:
        if self.version < 201:
            await peer.open_session(self.version)
        else:
            await peer.greet(self.version)
            await peer.read_frame()
            await peer.send(b"\0\0\0\x0f" + text_body(1, "DU1234567"))
            await peer.send(b"\0\0\0\x09" + text_body(1, 1))
        while True:
            try:
                self.frames.append(await peer.read_frame())
            except asyncio.IncompleteReadError:
                return


def config(port: int) -> Config:
    return Config.load(environ={}, overrides={"connection.port": port})


def test_whole_frames_leave_in_their_order() -> None:
    seen = Seen(178)
    with ScriptedServer(seen) as server:
        connection = IBKRConnection(config(server.port))
        with connection:
            connection.conn.sendMsg(POSITIONS + frame(text_body(5, 1)) + POSITIONS)
        server.wait_done()
    assert seen.frames == [text_body(61, 1), text_body(5, 1), text_body(61, 1)]


@pytest.mark.parametrize("data", [b"", b"\0\0", POSITIONS[:-1], POSITIONS + b"\0\0\0\x05ab"])
def test_parts_of_frames_are_refused(data: bytes) -> None:
    with ScriptedServer(Seen(178)) as server:
        connection = IBKRConnection(config(server.port))
        with connection, pytest.raises(ValueError, match="complete frames"):
            connection.conn.sendMsg(data)


@pytest.mark.parametrize(
    ("version", "data"), [(178, PLACE), (178, CANCEL), (178, POSITIONS + PLACE), (203, RAW_PLACE)]
)
def test_no_order_passes_the_gate_by_it(version: int, data: bytes) -> None:
    seen = Seen(version)
    with ScriptedServer(seen) as server:
        gateway = IBGateway(config(server.port))
        gateway.connect("127.0.0.1", server.port, 1)
        with pytest.raises(OrdersRefused):
            gateway.conn.sendMsg(data)
        gateway.disconnect()
        server.wait_done()
    assert seen.frames == []
