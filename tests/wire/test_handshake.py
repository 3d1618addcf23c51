from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ibapi import comm

from twsloop.errors import HandshakeError
from twsloop.wire.framing import FrameReader
from twsloop.wire.handshake import (
    HELLO_LIMIT,
    ClientHello,
    ServerHandshake,
    ServerHello,
    client_hello,
    negotiate,
    old_hello,
    old_refusal,
    parse_server_hello,
    server_hello,
)

OFFICIAL = bytes.fromhex("41504900 00000009 763130302e2e323235")


def test_the_client_hello_is_the_official_one_byte_for_byte() -> None:
    assert client_hello() == OFFICIAL
    with_options = b"API\0" + comm.make_initial_msg("v100..225 +PACEAPI")
    assert client_hello(options="+PACEAPI") == with_options


@given(st.integers(0, len(OFFICIAL) + 5), st.integers(0, len(OFFICIAL) + 5))
def test_the_server_reads_it_in_any_pieces_and_keeps_the_rest(one: int, two: int) -> None:
    stream = OFFICIAL + b"after"
    low, high = sorted((one, two))
    handshake = ServerHandshake()
    for piece in (stream[:low], stream[low:high], stream[high:]):
        handshake.feed(piece)
    assert handshake.hello == ClientHello(100, 225)
    assert handshake.rest() == b"after"
    assert handshake.rest() == b""
    handshake.feed(b"more")
    assert handshake.rest() == b"more"


def test_no_hello_and_no_rest_before_it_is_complete() -> None:
    handshake = ServerHandshake()
    handshake.feed(OFFICIAL[:-1])
    assert handshake.hello is None
    assert handshake.rest() == b""


@pytest.mark.parametrize(
    ("text", "hello"),
    [
        ("v100..178", ClientHello(100, 178)),
        ("v157..178 +PACEAPI", ClientHello(157, 178, "+PACEAPI")),
        ("v176", ClientHello(176, 176)),
    ],
)
def test_other_spellings_of_the_hello(text: str, hello: ClientHello) -> None:
    handshake = ServerHandshake()
    handshake.feed(b"API\0" + comm.make_initial_msg(text))
    assert handshake.hello == hello


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"63\0", "older than the API prefix"),
        (b"1234", "has to start with"),
        (b"6x\0", "has to start with"),
        (b"GET / HTTP/1.1\r\n", "has to start with"),
        (b"\0", "has to start with"),
        (b"APIX", "has to start with"),
        (b"API\0" + (HELLO_LIMIT + 1).to_bytes(4, "big"), "at most 4096"),
        (b"API\0" + comm.make_initial_msg("hello"), "has to read"),
        (b"API\0" + comm.make_initial_msg("v225..100"), "no version at all"),
        (b"API\0\0\0\0\2\xff\xfe", "has to read"),
        (b"API\0\0\0\0\0", "has to read"),
    ],
)
def test_what_is_no_hello_is_refused_and_stays_refused(data: bytes, words: str) -> None:
    handshake = ServerHandshake()
    with pytest.raises(HandshakeError, match=words):
        handshake.feed(data)
    assert handshake.hello is None
    with pytest.raises(HandshakeError, match=words):
        handshake.feed(OFFICIAL)


def test_an_old_client_is_known_by_its_version() -> None:
    handshake = ServerHandshake()
    handshake.feed(b"6")
    assert handshake.old_version is None
    with pytest.raises(HandshakeError, match="version, 63, as text"):
        handshake.feed(b"3\0007\0")
    assert handshake.old_version == 63
    # Field by field, as it reads them; IB's code for this is 506.
    assert old_hello("20261120 12:00:00 UTC").split(b"\0") == [b"76", b"20261120 12:00:00 UTC", b""]
    assert old_refusal("too old").split(b"\0") == [b"4", b"2", b"-1", b"506", b"too old", b""]


@given(st.binary(max_size=40))
def test_garbage_is_a_handshake_error_or_waits(data: bytes) -> None:
    handshake = ServerHandshake()
    try:
        handshake.feed(data)
    except HandshakeError:
        assert handshake.hello is None


def test_the_server_hello_reads_as_in_the_official_client() -> None:
    written = server_hello(200, "20261120 12:00:00 UTC")
    (_size, message, rest) = comm.read_msg(written)
    assert comm.read_fields(message) == (b"200", b"20261120 12:00:00 UTC")
    assert rest == b""
    reader = FrameReader()
    reader.feed(written)
    (body,) = reader.frames()
    assert parse_server_hello(body) == ServerHello(200, b"20261120 12:00:00 UTC")


@pytest.mark.parametrize(
    "body",
    [b"", b"200\0", b"200", b"200\0time", b"host:4001\0", b"x\0time\0", b"1\0 2\0 3\0", b"-1\0t\0"],
)
def test_what_is_no_server_hello(body: bytes) -> None:
    with pytest.raises(HandshakeError):
        parse_server_hello(body)


@pytest.mark.parametrize(
    ("client", "own", "version"),
    [
        ((100, 225), (100, 225), 225),
        ((100, 230), (100, 225), 225),
        ((100, 178), (100, 225), 178),
        ((100, 203), (100, 225), 200),
        ((100, 212), (100, 225), 200),
        ((100, 213), (100, 225), 213),
        ((100, 225), (100, 205), 200),
        ((157, 178), (100, 225), 178),
        ((100, 200), (100, 225), 200),
    ],
)
def test_the_newest_version_of_both_that_is_not_mixed(
    client: tuple[int, int], own: tuple[int, int], version: int
) -> None:
    assert negotiate(ClientHello(*client), own_max=own[1], own_min=own[0]) == version


@pytest.mark.parametrize("client", [(226, 230), (201, 212), (60, 99), (205, 210)])
def test_no_version_in_common(client: tuple[int, int]) -> None:
    with pytest.raises(HandshakeError, match="none in common"):
        negotiate(ClientHello(*client))
