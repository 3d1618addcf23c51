"""The protocol life of one connection, without a socket."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ibapi.protobuf.CurrentTimeRequest_pb2 import CurrentTimeRequest
from ibapi.protobuf.ManagedAccounts_pb2 import ManagedAccounts
from ibapi.protobuf.StartApiRequest_pb2 import StartApiRequest

from twsloop.errors import StateError
from twsloop.paper.clients.session import (
    TRANSITIONS,
    Fault,
    Greeting,
    Happening,
    Incoming,
    PaperSession,
    Request,
    Start,
    State,
    TooOld,
    Unreadable,
)
from twsloop.wire import codec, handshake
from twsloop.wire.framing import frame
from twsloop.wire.messages import OUTBOUND_BY_NAME

TIME = "20260105 14:30:00 UTC"


def hello(version: int = 225, low: int = 100) -> bytes:
    return handshake.client_hello(low, version)


def start_api(version: int = 225, client_id: int = 7) -> bytes:
    message = StartApiRequest(clientId=client_id, optionalCapabilities="")
    return frame(codec.encode(OUTBOUND_BY_NAME["startApi"], message, version))


def time_request(version: int = 225) -> bytes:
    kind = OUTBOUND_BY_NAME["reqCurrentTime"]
    return frame(codec.encode(kind, CurrentTimeRequest(), version))


def read(session: PaperSession, *pieces: bytes) -> list[Incoming]:
    found: list[Incoming] = []
    for piece in pieces:
        session.feed(piece)
        found += session.incoming()
    return found


@pytest.mark.parametrize(
    ("offered", "answered"),
    [
        *((157, 157), (176, 176), (178, 178), (187, 187), (200, 200), (203, 200), (212, 200)),
        *((213, 213), (219, 219), (225, 225), (300, 225)),
    ],
)
def test_version(offered: int, answered: int) -> None:
    session = PaperSession(TIME)
    (greeting,) = read(session, hello(offered))
    assert greeting == Greeting(handshake.server_hello(answered, TIME))
    assert session.server_version == answered
    assert session.state is State.START_API


@pytest.mark.parametrize("version", [157, 178, 200, 225])
def test_a_whole_start(version: int) -> None:
    session = PaperSession(TIME)
    found = read(session, hello(version), start_api(version), time_request(version))
    assert isinstance(found[0], Greeting)
    assert found[1] == Start(7, "")
    assert isinstance(found[2], Request)
    assert found[2].type.name == "reqCurrentTime"
    assert session.client_id == 7
    text = session.encode("managedAccounts", ManagedAccounts(accountsList="DU1"))
    assert text[4:] == (b"15\x001\x00DU1\x00" if version <= 200 else b"\0\0\0\xd7\x0a\x03DU1")


@given(st.integers(1, 40))
def test_any_split_means_the_same(size: int) -> None:
    data = hello() + start_api() + time_request()
    session = PaperSession(TIME)
    pieces = [data[i : i + size] for i in range(0, len(data), size)]
    found = read(session, *pieces)
    assert [type(item) for item in found] == [Greeting, Start, Request]


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"API\0" + frame(b"nonsense"),
        hello(99, low=50),
        hello(300, low=226),
        hello() + time_request(),  # a request before startApi
        hello() + frame(b"\0\0\0"),
        hello(200) + frame(b"not a message"),
        hello() + b"\xff\xff\xff\xff",  # longer than a frame may be
    ],
)
def test_what_does_not_fit_ends_the_session(data: bytes) -> None:
    session = PaperSession(TIME)
    found = read(session, data)
    assert isinstance(found[-1], Fault)
    assert found[-1].reason
    assert session.state is State.CLOSED
    assert read(session, start_api()) == []


def test_an_old_client_is_told_apart() -> None:
    session = PaperSession(TIME)
    (told,) = read(session, b"63\x00", b"7\x00")
    assert isinstance(told, TooOld)
    assert "API" in told.reason
    assert told.hello == b"76\x00" + TIME.encode() + b"\x00"
    assert told.refusal.startswith(b"4\x002\x00-1\x00506\x00Unsupported version")
    assert session.state is State.CLOSED


def test_an_unreadable_request_ends_nothing() -> None:
    session = PaperSession(TIME)
    data = hello(200) + start_api(200) + frame(b"9\x008\x00AAPL\x00") + time_request(200)
    found = read(session, data)
    assert [type(item) for item in found] == [Greeting, Start, Unreadable, Request]
    assert session.state is State.READY


def test_oversize_frame_of_a_ready_session_is_a_fault() -> None:
    session = PaperSession(TIME)
    found = read(session, hello() + start_api() + time_request() + b"\x01\x00\x00\x00")
    assert [type(item) for item in found] == [Greeting, Start, Request, Fault]


def test_empty_frames_say_nothing() -> None:
    session = PaperSession(TIME)
    found = read(session, hello() + frame(b"") + start_api() + frame(b"") + time_request())
    assert [type(item) for item in found] == [Greeting, Start, Request]


def test_every_state_can_end() -> None:
    for state, row in TRANSITIONS.items():
        assert row[Happening.CLOSE] is State.CLOSED
        assert set(row.values()) <= set(State), state


def test_unknown_happening_names_both() -> None:
    session = PaperSession(TIME)
    session.close()
    session.close()
    with pytest.raises(StateError, match=r"paper session: event HELLO .* CLOSED"):
        session._happen(Happening.HELLO)


@given(st.binary(max_size=200))
def test_no_bytes_break_it(data: bytes) -> None:
    session = PaperSession(TIME)
    read(session, data)
    ready = PaperSession(TIME)
    read(ready, hello(), start_api(), frame(data), data)
    assert ready.state in {State.READY, State.CLOSED}
