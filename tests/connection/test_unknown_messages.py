"""A message that nobody knows is kept, counted and reported, and ends nothing."""

from __future__ import annotations

import pytest

from tests.support.clients import Recorder, settings
from tests.support.scripted import Peer, ScriptedServer, proto_body, raw_text_body, text_body
from twsloop.connection import IBKRConnection
from twsloop.connection.dispatch import UNKNOWN_BYTES, UNKNOWN_KEPT
from twsloop.wire.messages import message_class


def current_time(version: int) -> bytes:
    """A message that everybody knows, behind the others."""
    if version == 178:
        return text_body(49, 1, 1790602345)
    return proto_body(49, message_class("CurrentTime")(currentTime=1790602345))


@pytest.mark.parametrize(
    ("version", "body", "number", "protobuf", "payload"),
    [
        (178, text_body(177, "a", 5), 177, False, b"a\x005\0"),
        (225, raw_text_body(177, "a"), 177, False, b"a\0"),
        (225, (377).to_bytes(4, "big") + b"\x08\x01", 177, True, b"\x08\x01"),
        (225, (999).to_bytes(4, "big"), 799, True, b""),
    ],
)
def test_it_is_kept_counted_and_reported(
    version: int, body: bytes, number: int, protobuf: bool, payload: bytes
) -> None:
    async def script(peer: Peer) -> None:
        if version == 178:
            await peer.open_session(version)
        else:
            await peer.open_protobuf_session(version)
        await peer.send(body, current_time(version))
        await peer.read_to_end()

    heard = Recorder()
    with ScriptedServer(script) as server:
        client = IBKRConnection(settings(server.port, heartbeat__enabled=False), wrapper=heard)
        with client:
            heard.wait("currentTime")
            assert client.isConnected()
    (kept,) = client._tws.unknown_messages
    assert (kept.number, kept.protobuf, kept.payload) == (number, protobuf, payload)
    assert kept.size == len(payload)
    assert kept.received.utcoffset() is not None
    assert repr(payload) not in repr(kept)
    assert client._tws.metrics.counter("messages_unknown").value == 1
    (error,) = heard.of("error")
    assert error[2] == 505
    assert error[3].endswith(str(number))


def test_only_the_newest_are_kept_and_not_all_of_a_long_one() -> None:
    count = UNKNOWN_KEPT + 20
    long = text_body(177, "x" * (UNKNOWN_BYTES + 1000))

    async def script(peer: Peer) -> None:
        await peer.open_session(178)
        await peer.send(*(text_body(177, n) for n in range(count)), long, current_time(178))
        await peer.read_to_end()

    heard = Recorder()
    with ScriptedServer(script) as server:
        client = IBKRConnection(settings(server.port, heartbeat__enabled=False), wrapper=heard)
        with client:
            heard.wait("currentTime")
    kept = client._tws.unknown_messages
    assert len(kept) == UNKNOWN_KEPT
    assert kept[-2].payload == b"%d\0" % (count - 1)
    assert kept[-1].size == UNKNOWN_BYTES + 1001
    assert len(kept[-1].payload) == UNKNOWN_BYTES
    assert client._tws.metrics.counter("messages_unknown").value == count + 1


@pytest.mark.parametrize("millis", [2**63 - 1, -(2**63), 0])
def test_an_error_is_told_whatever_its_time_says(millis: int) -> None:
    error = message_class("ErrorMessage")(
        id=-1, errorTime=millis, errorCode=2104, errorMsg="Market data farm connection is OK"
    )

    async def script(peer: Peer) -> None:
        await peer.open_protobuf_session()
        await peer.send(proto_body(4, error))
        await peer.read_to_end()

    heard = Recorder()
    with ScriptedServer(script) as server:
        client = IBKRConnection(settings(server.port, heartbeat__enabled=False), wrapper=heard)
        with client:
            ((_, told, code, *_rest),) = heard.wait("error")
    assert (told, code) == (millis, 2104)
