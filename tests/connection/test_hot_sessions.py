"""Whole sessions whose ticks a stream takes: what a program sees is what it always saw."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.clients import PATIENCE
from tests.support.scripted import (
    Peer,
    Script,
    ScriptedServer,
    proto_body,
    raw_text_body,
    text_body,
)
from tests.wire.hot.by_hand import body_of, price, usual
from tests.wire.hot.implementations import every_stream
from tests.wire.hot.streaming import hot
from twsloop.connection import IBKRConnection, lifecycle
from twsloop.wire.framing import frame
from twsloop.wire.messages import message_class

VERSIONS = (200, 225)
every_version = pytest.mark.parametrize("version", VERSIONS)
every_place = pytest.mark.parametrize("place", ["run", "loop"])


class App(IBKRConnection):
    """Hears prices, sizes, the time and errors; the last time ends the session."""

    def __init__(self, place: Any = "run") -> None:
        super().__init__(callbacks=place)
        self.log: list[tuple[Any, ...]] = []
        self.records = 0
        self.over = threading.Event()
        self.on_price: Callable[[], object] = lambda: None

    def tickPrice(self, reqId: int, tickType: int, price: float, attrib: Any) -> None:
        self.log.append(("price", reqId, tickType, price))
        self.on_price()

    def tickSize(self, reqId: int, tickType: int, size: Any) -> None:
        self.log.append(("size", reqId, tickType, str(size)))

    def currentTime(self, time: int) -> None:
        self.log.append(("time", time))
        if time == LAST:
            self.disconnect()

    def error(self, reqId: int, errorTime: int, code: int, text: str, rejectJson: str = "") -> None:
        self.log.append(("error", code, text))

    def connectionClosed(self) -> None:
        self.log.append(("closed",))
        self.over.set()


class Counting(App):
    """Wants to know of each message."""

    def msgLoopRec(self) -> None:
        self.records += 1


LAST = 99
PRICES = [("price", 7, 1, 189.5), ("size", 7, 0, "100")]


def time_of(version: int, seconds: int) -> bytes:
    if version >= 213:
        return proto_body(49, message_class("CurrentTime")(currentTime=seconds))
    return text_body(49, 1, seconds) if version < 201 else raw_text_body(49, 1, seconds)


def broken(version: int) -> bytes:
    """A price that nobody can read."""
    return body_of(1, b"\x08\x07\x10") if version >= 201 else text_body(1, 6, 7)


def sends(
    version: int, *bodies: bytes, reads: Callable[[bytes], list[bytes]] | None = None
) -> Script:
    """A gateway that opens a session, and sends these in one piece, or in such reads."""

    async def script(peer: Peer) -> None:
        await (
            peer.open_protobuf_session(version) if version >= 213 else peer.open_session(version)
        )
        data = b"".join(map(frame, (*bodies, time_of(version, LAST))))
        for piece in [data] if reads is None else reads(data):
            await peer.write(piece)
        await peer.read_to_end()

    return script


@pytest.fixture(autouse=True)
def stream_of(stream_class: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifecycle, "MessageStream", stream_class)


def session(app: App, script: Script) -> list[tuple[Any, ...]]:
    """What a program heard of a session, farms and the like left out."""
    with ScriptedServer(script) as server:
        app.connect("127.0.0.1", server.port, 7)
        app.run()
        assert app.over.wait(PATIENCE)
    return app.log


@every_stream
@every_version
@every_place
def test_messages_of_all_kinds_are_heard_in_their_order(version: int, place: str) -> None:
    sent = [
        hot(1, version),
        time_of(version, 1),
        hot(1, version),
        hot(2, version),
        time_of(version, 2),
    ]
    heard = session(App(place), sends(version, *sent))
    size = ("size", 7, 0, "100")
    expected = [*PRICES, ("time", 1), *PRICES, size, ("time", 2), ("time", LAST), ("closed",)]
    assert heard == expected


@every_stream
@every_version
@every_place
@pytest.mark.parametrize("size", [1, 7])
def test_reads_that_cut_them_change_nothing(version: int, place: str, size: int) -> None:
    def cut(data: bytes) -> list[bytes]:
        return [data[at : at + size] for at in range(0, len(data), size)]

    heard = session(App(place), sends(version, hot(1, version), hot(1, version), reads=cut))
    assert heard == [*PRICES, *PRICES, ("time", LAST), ("closed",)]


@every_stream
@every_version
@every_place
def test_msglooprec_is_called_once_a_message_heard_or_not(version: int, place: str) -> None:
    """Not for what is no message: an empty frame, or one without an id."""
    app = Counting(place)
    sent = [hot(1, version), b"", hot(46, version), b"", hot(45, version), hot(2, version), b"\0x"]
    sent += [hot(99, version), broken(version), time_of(version, 1), b"", hot(1, version)]
    session(app, sends(version, *sent))
    starts = 2  # the accounts and the id
    assert app.records == starts + 8 + 1  # and the last time


@every_stream
@every_version
def test_each_message_is_counted(version: int) -> None:
    app = App()
    sent = [hot(1, version), b"", hot(46, version), broken(version), hot(1, version)]
    session(app, sends(version, *sent))
    traffic = app._tws.outbox.traffic
    assert traffic.messages_in == 1 + 2 + len(sent) + 1  # the hello, the start, the last time


@every_stream
@every_version
@every_place
def test_a_broken_tick_is_reported_by_its_name_where_it_is_heard(version: int, place: str) -> None:
    heard = session(App(place), sends(version, broken(version), hot(1, version)))
    errors = [entry for entry in heard if entry[0] == "error"]
    assert [entry[1] for entry in errors] == [508]
    assert "tickPrice" in errors[0][2]
    assert [entry for entry in heard if entry[0] != "error"] == [
        *PRICES,
        ("time", LAST),
        ("closed",),
    ]


@every_stream
@every_version
@every_place
def test_a_callback_that_raises_loses_nothing_else(version: int, place: str) -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise LookupError

    app, errors = App(place), iter([ValueError("first"), Mute()])

    def fail() -> None:
        raise next(errors)

    app.on_price = fail
    heard = session(app, sends(version, hot(1, version), hot(1, version)))
    assert heard == [*PRICES, *PRICES, ("time", LAST), ("closed",)]
    failed = app._tws.errors.summary()["failed_callbacks"]
    assert list(failed.values()) == [2]
    assert next(iter(failed)).endswith("tickPrice")


@every_stream
@every_version
def test_nothing_is_heard_after_a_disconnect_in_a_callback(version: int) -> None:
    class Asking(App):
        def nextValidId(self, orderId: int) -> None:
            self.reqCurrentTime()  # what follows comes while run() runs

    async def script(peer: Peer) -> None:
        await (peer.open_protobuf_session if version >= 213 else peer.open_session)(version)
        await peer.read_frame()
        sent = (hot(1, version), hot(2, version), time_of(version, 1))
        await peer.write(b"".join(map(frame, sent)))
        await peer.read_to_end()

    app = Asking("loop")
    app.on_price = app.disconnect
    assert session(app, script) == [PRICES[0], ("closed",), PRICES[1]]


@every_stream
def test_the_ticks_of_a_request_of_ours_are_not_the_programs() -> None:
    """Ids that look like the framework's, but were not handed out, are."""
    app = App("loop")
    with ScriptedServer(
        sends(
            225,
            *(body_of(1, price(req_id)) for req_id in (2**30, 2**30 + 5000)),
            body_of(2, usual(2)),
        )
    ) as server:
        assert app._tws.request_ids.take() == 2**30
        app.connect("127.0.0.1", server.port, 7)
        app.run()
    assert [entry[1] for entry in app.log[:3]] == [2**30 + 5000, 2**30 + 5000, 7]
