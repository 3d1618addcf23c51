"""IB's own defects: one test for each that is fixed or guarded here (``docs/ib_defects.md``).

Where it is feasible a test shows the defect in IB's own client first: a newer ibapi that no longer
has it fails the test, and the table is to be brought up to date.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import re
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from ibapi import comm
from ibapi.client import EClient
from ibapi.const import UNSET_DECIMAL
from ibapi.contract import Contract
from ibapi.decoder import Decoder
from ibapi.reader import EReader

from tests.support import official
from tests.support.clients import PATIENCE, Background, Recorder, await_condition, settings
from tests.support.scripted import Peer, ScriptedServer, proto_body, raw_text_body, text_body
from twsloop.connection import IBKRConnection
from twsloop.session.state import State
from twsloop.wire.framing import FrameReader, frame
from twsloop.wire.messages import message_class
from twsloop.wire.ticks import tick_price

TABLE = Path(__file__).parents[2] / "docs" / "ib_defects.md"
TIME = text_body(49, 1, 1767623400)


class Client:
    """IB's client or ours, connected and running in a thread, with everything it hears."""

    def __init__(self, client: Any, heard: Recorder, running: Background[None] | None) -> None:
        self.client = client
        self.heard = heard
        self.running = running


@contextmanager
def ibs_client(port: int) -> Iterator[Client]:
    """The unmodified official client; its session may end in any way that its defects have."""
    heard = Recorder()
    client = EClient(heard)
    client.connect("127.0.0.1", port, 1)
    running = Background(client.run) if client.isConnected() else None
    try:
        yield Client(client, heard, running)
    finally:
        reader = client.reader
        client.disconnect()
        if running is not None:
            running.thread.join(PATIENCE)
        if reader is not None:
            reader.join(PATIENCE)


@contextmanager
def ibs_read_given_up(size: int) -> Iterator[threading.Event]:
    """An event: IB's client has read so many bytes at once, and no more within its second.

    Its own log tells it: what a read has brought, and that the time for more is over.
    """
    log, over, sizes = logging.getLogger("ibapi.connection"), threading.Event(), [0]

    class Watch(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.msg.startswith("len ") and isinstance(record.args, tuple):
                sizes.append(record.args[0])  # type: ignore[arg-type]
            elif record.msg.startswith("socket timeout") and sizes[-1] == size:
                over.set()

    watch, level = Watch(), log.level
    log.addHandler(watch)
    log.setLevel(logging.DEBUG)
    try:
        yield over
    finally:
        log.setLevel(level)
        log.removeHandler(watch)


@contextmanager
def our_client(port: int, **overrides: object) -> Iterator[Client]:
    """Ours, with IB's own start."""
    heard = Recorder()
    client = IBKRConnection(settings(port, **overrides), wrapper=heard)
    client.connect("127.0.0.1", port, 1)
    running = Background(client.run)
    try:
        yield Client(client, heard, running)
    finally:
        client.disconnect()
        running.result()


def asked(then: Callable[[Peer], Awaitable[None]], version: int = 178) -> Any:
    """A session that does something once the client has asked for the time."""

    async def script(peer: Peer) -> None:
        if version <= 200:
            await peer.open_session(version)
        else:
            await peer.open_protobuf_session(version)
        await peer.read_frame()
        await then(peer)
        await peer.read_to_end()

    return script


def sends(*bodies: bytes) -> Callable[[Peer], Awaitable[None]]:
    async def send(peer: Peer) -> None:
        for body in bodies:
            await peer.send(body)

    return send


def ends_ib_s_run(script: Any) -> None:
    """IB's ``run()`` ends with an exception, and the session with it."""
    with ScriptedServer(script) as server, ibs_client(server.port) as theirs:
        theirs.heard.wait("nextValidId")
        theirs.client.reqCurrentTime()
        theirs.heard.wait("connectionClosed")
        assert theirs.running is not None
        with pytest.raises(Exception):  # noqa: B017  (whichever it is)
            theirs.running.result()


def test_defect_01_a_read_of_exactly_4096_bytes_is_not_lost() -> None:
    def padded(size: int) -> bytes:
        head = len(text_body(4, 2, -1, 2104, "", ""))
        return text_body(4, 2, -1, 2104, "x" * (size - 4 - head), "")

    async def exactly_4096(peer: Peer) -> None:
        body = padded(4096)
        assert len(frame(body)) == 4096
        await peer.send(body)
        await peer.read_frame()  # the client's next question: a second later
        await peer.send(TIME)

    with ScriptedServer(asked(exactly_4096), asked(exactly_4096)) as server:
        with ibs_client(server.port) as theirs:
            theirs.heard.wait("nextValidId")
            with ibs_read_given_up(4096) as given_up:
                theirs.client.reqCurrentTime()
                assert given_up.wait(PATIENCE), "a newer ibapi has mended this: see the table"
            theirs.client.reqCurrentTime()
            theirs.heard.wait("currentTime")
            assert theirs.heard.of("error") == [], "a newer ibapi has mended this: see the table"
        with our_client(server.port) as ours:
            ours.heard.wait("nextValidId")
            ours.client.reqCurrentTime()
            assert len(ours.heard.wait("error")[0][3]) > 4000
            ours.client.reqIds(-1)
            ours.heard.wait("currentTime")


def test_defect_02_a_large_request_leaves_whole() -> None:
    size = 12_000_000
    received: list[int] = []
    may_read = threading.Event()

    async def reads_late(peer: Peer) -> None:
        await peer.open_session(178)
        peer.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await asyncio.to_thread(may_read.wait, PATIENCE)
        peer.writer.transport.resume_reading()  # type: ignore[attr-defined]
        received.append(len(await peer.read_to_end()))

    def ask(client: Any) -> None:
        client.reqAccountSummary(1, "All", "x" * size)

    with ScriptedServer(reads_late, reads_late) as server:
        with ibs_client(server.port) as theirs:
            theirs.heard.wait("nextValidId")
            ask(theirs.client)
            assert theirs.heard.of("error") == []
            theirs.client.disconnect()
            may_read.set()
            server.wait_done()
        assert received[0] < size, "a newer ibapi has mended this: see the table"
        may_read.clear()
        with our_client(server.port) as ours:
            ours.heard.wait("nextValidId")
            ask(ours.client)
            may_read.set()
            core = ours.client._tws
            transport = ours.client._driver.life._transport._transport
            await_condition(
                lambda: (
                    core.event_loop.call(transport.get_write_buffer_size) == 0
                    and core.outbox.waiting() == 0
                )
            )
        server.wait_done()
    assert received[1] > size


def test_defect_03_what_comes_with_the_hello_is_not_lost() -> None:
    hello = frame(text_body(178, "20260105 14:30:00 UTC"))
    start = frame(text_body(15, 1, "DU1234567")) + frame(text_body(9, 1, 42))

    async def in_one_piece(peer: Peer) -> None:
        await peer.read_hello()
        await peer.write(hello + start)
        await peer.read_frame()
        await peer.read_frame()
        await peer.send(TIME)
        await peer.read_to_end()

    async def in_two_pieces(peer: Peer) -> None:
        await peer.read_hello()
        await peer.write(hello[:9])
        await asyncio.sleep(0.05)  # so that they are two reads; a join of them only weakens it
        await peer.write(hello[9:] + start)
        await peer.read_to_end()

    with ScriptedServer(in_one_piece, in_one_piece, in_two_pieces) as server:
        with ibs_client(server.port) as theirs:
            theirs.client.reqCurrentTime()
            theirs.heard.wait("currentTime")
            lost = {"managedAccounts", "nextValidId"}.isdisjoint(theirs.heard.names)
            assert lost, "a newer ibapi has mended this: see the table"
        for _ in range(2):
            with our_client(server.port) as ours:
                assert ours.heard.wait("nextValidId") == [(42,)]


NO_NUMBER = text_body(49, 1, "no number")
TOO_SHORT = text_body(1, 6, 1)


@pytest.mark.parametrize("body", [NO_NUMBER, TOO_SHORT])
def test_defect_04_a_bad_message_does_not_end_the_session(body: bytes) -> None:
    script = asked(sends(body, TIME))
    ends_ib_s_run(script)
    with ScriptedServer(script) as server, our_client(server.port) as ours:
        ours.heard.wait("nextValidId")
        ours.client.reqCurrentTime()
        ours.heard.wait("currentTime")
        (error,) = ours.heard.of("error")
        assert error[2] == 508
        assert ("currentTime" if body is NO_NUMBER else "tickPrice") in error[3]
        assert ours.client.isConnected()


def test_a_truncated_message_is_told_once() -> None:
    # Here IB's decoder gets as far as telling of it; ours must not tell it again.
    script = asked(sends(text_body(4, 2, 1), TIME))
    with ScriptedServer(script) as server, our_client(server.port) as ours:
        ours.heard.wait("nextValidId")
        ours.client.reqCurrentTime()
        ours.heard.wait("currentTime")
        assert [error[2] for error in ours.heard.of("error")] == [508]


def test_defect_04_protobuf_bytes_that_do_not_parse() -> None:
    garbage = (201).to_bytes(4, "big") + b"\xff\xff\xff"
    script = asked(
        sends(garbage, b"", b"\0", proto_body(49, message_class("CurrentTime")(currentTime=5))), 225
    )
    ends_ib_s_run(script)
    with ScriptedServer(script) as server, our_client(server.port) as ours:
        ours.heard.wait("nextValidId")
        ours.client.reqCurrentTime()
        assert ours.heard.wait("currentTime") == [(5,)]
        assert [error[2] for error in ours.heard.of("error")] == [508, 508]


def test_defect_05_a_callback_that_raises_does_not_end_the_session() -> None:
    class Raises(Recorder):
        def __init__(self) -> None:
            super().__init__()
            self.currentTime = self.raises

        def raises(self, _time: int) -> None:
            raise ZeroDivisionError("mine")

    script = asked(sends(TIME, text_body(9, 1, 2)))
    with ScriptedServer(script) as server:
        heard = Raises()
        theirs = EClient(heard)
        theirs.connect("127.0.0.1", server.port, 1)
        reader, running = theirs.reader, Background(theirs.run)
        heard.wait("nextValidId")
        theirs.reqCurrentTime()
        with pytest.raises(ZeroDivisionError):
            running.result()
        assert not theirs.isConnected()
        reader.join(PATIENCE)

        heard = Raises()
        ours = IBKRConnection(wrapper=heard)
        ours.connect("127.0.0.1", server.port, 1)
        running = Background(ours.run)
        heard.wait("nextValidId")
        ours.reqCurrentTime()
        heard.wait("nextValidId", 2)
        assert ours.isConnected()
        assert ours._tws.errors.summary()["failed_callbacks"] == {"Raises.raises": 1}
        ours.disconnect()
        running.result()


def test_defect_06_a_wrong_field_count_is_told() -> None:
    short, long = text_body(49, 1), text_body(49, 1, 5, 6)
    for body in (short, long):
        assert official.decode(body, 178).calls == (), "a newer ibapi has mended this"
    script = asked(sends(short, long, TIME))
    with ScriptedServer(script) as server, our_client(server.port) as ours:
        ours.heard.wait("nextValidId")
        ours.client.reqCurrentTime()
        ours.heard.wait("currentTime")
        assert [error[2] for error in ours.heard.of("error")] == [508, 508]
        assert "currentTime (1 fields where 2 belong)" in ours.heard.of("error")[0][3]


def test_defect_07_an_unknown_message_is_505_with_its_number(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.DEBUG, "ibapi.decoder"):
        with pytest.raises(TypeError, match="format"):
            official.decode(text_body(177, 1), 178)
        script = asked(sends(text_body(177, 1), TIME))
        with ScriptedServer(script) as server, our_client(server.port) as ours:
            ours.heard.wait("nextValidId")
            ours.client.reqCurrentTime()
            ours.heard.wait("currentTime")
            (error,) = ours.heard.of("error")
    assert error[2] == 505
    assert error[3].endswith("177")


def test_defect_08_a_new_session_hears_nothing_of_the_old_one() -> None:
    theirs = EClient(Recorder())
    theirs.msg_queue.put(b"left over")
    theirs.disconnect()
    theirs.reset()
    assert not theirs.msg_queue.empty(), "a newer ibapi has mended this: see the table"

    async def old(peer: Peer) -> None:
        await peer.open_session(178)
        await peer.send(*[text_body(49, 1, 111)] * 50)
        await peer.read_to_end()

    async def new(peer: Peer) -> None:
        await peer.open_session(178)
        await peer.send(text_body(49, 1, 222))
        peer.close()

    heard = Recorder()
    with ScriptedServer(old, new) as server:
        ours = IBKRConnection(wrapper=heard)
        ours.connect("127.0.0.1", server.port, 1)
        queue = ours._tws.registry.queue
        assert queue is not None
        await_condition(lambda: len(queue) >= 53)
        ours.disconnect()
        ours.connect("127.0.0.1", server.port, 1)
        ours.run()
    assert heard.of("currentTime") == [(222,)]
    assert heard.names.count("connectAck") == 1


def test_defect_09_a_fault_in_reading_ends_the_link_and_is_told() -> None:
    class Broken:
        def isConnected(self) -> bool:
            return True

        def recvMsg(self) -> bytes:
            raise ZeroDivisionError

    theirs = EClient(Recorder())
    theirs.conn = Broken()
    theirs.setConnState(EClient.CONNECTED)
    reader = EReader(theirs.conn, theirs.msg_queue)
    reader.start()
    reader.join(PATIENCE)
    assert not reader.is_alive()
    assert theirs.isConnected(), "a newer ibapi has mended this: see the table"

    with ScriptedServer(asked(sends(TIME))) as server, our_client(server.port) as ours:
        ours.heard.wait("nextValidId")
        core = ours.client._tws

        def broken(_body: bytes) -> int | None:
            raise ZeroDivisionError("below every guard")

        core.event_loop.call(core.event_loop.loop.set_exception_handler, lambda *_args: None)
        core.dispatcher.frame = broken
        ours.client.reqCurrentTime()
        ours.heard.wait("connectionClosed")
        assert not ours.client.isConnected()
        assert ours.client.session_state is State.DISCONNECTED


def test_defect_10_a_tick_without_a_mask_has_no_attribute() -> None:
    body = proto_body(1, message_class("TickPrice")(reqId=1, tickType=1, price=1.5))
    price, size = official.decode(body, 225).calls
    assert price.args[3] == {"canAutoExecute": True, "pastLimit": True, "preOpen": True}
    assert size.name == "tickSize"
    with ScriptedServer(asked(sends(body), 225)) as server, our_client(server.port) as ours:
        ours.heard.wait("nextValidId")
        ours.client.reqCurrentTime()
        ours.heard.wait("tickSize")
        (args,) = ours.heard.of("tickPrice")
        assert args[:3] == (1, 1, 1.5)
        assert vars(args[3]) == {"canAutoExecute": False, "pastLimit": False, "preOpen": False}
        assert official.simple(ours.heard.of("tickSize")[0]) == size.args


def test_our_decoder_of_tick_price_agrees_with_ib_s() -> None:
    """Wherever IB's is right: with a mask, and with a size that can be read."""
    kinds = [None, 0, 1, 2, 4, 9, 14, 37, 66, 67, 68, 75]
    sizes = [None, "100", "0.5", "0"]
    for kind, size, mask in itertools.product(kinds, sizes, [0, 1, 2, 4, 7]):
        message = message_class("TickPrice")(reqId=3, price=1.25, attrMask=mask)
        if kind is not None:
            message.tickType = kind
        if size is not None:
            message.size = size
        heard = Recorder()
        tick_price(message.SerializeToString(), heard)
        assert [call[0] for call in heard.calls[:2]] == ["tickPriceProtoBuf", "tickPrice"]
        ours = [(name, *map(official.simple, args)) for name, *args in heard.calls[1:]]
        judged = official.decode(proto_body(1, message), 225).calls
        assert ours == [(call.name, *call.args) for call in judged], (kind, size, mask)


def test_an_empty_size_is_unset_and_no_bad_message() -> None:
    """IB's decoder cannot read it; the price beside it is worth having."""
    heard = Recorder()
    message = message_class("TickPrice")(reqId=3, tickType=1, price=1.25, size="")
    tick_price(message.SerializeToString(), heard)
    assert heard.names == ["tickPrice", "tickSize"]
    assert heard.of("tickSize")[0][2] == UNSET_DECIMAL


def test_defect_12_an_unknown_condition_does_not_end_the_session() -> None:
    order = message_class("OpenOrder")(orderId=1)
    order.contract.conId = 265598
    order.orderState.status = "Submitted"
    order.order.conditions.add(type=99)
    body = proto_body(5, order)
    with pytest.raises(UnboundLocalError):
        official.decode(body, 225)
    script = asked(sends(body, proto_body(9, message_class("NextValidId")(orderId=7))), 225)
    with ScriptedServer(script) as server, our_client(server.port) as ours:
        ours.heard.wait("nextValidId")
        ours.client.reqCurrentTime()
        ours.heard.wait("nextValidId", 2)
        (error,) = ours.heard.of("error")
        assert error[2] == 508
        assert "openOrder" in error[3]


def test_defect_13_bad_input_raises_at_the_caller_and_sends_nothing() -> None:
    contract = Contract()
    contract.multiplier = "no number"

    def ask(client: Any) -> None:
        client.reqMktData(1, contract, "", False, False, [])

    with pytest.raises(ValueError, match="could not convert"):
        official.requests(ask, 225)
    got: list[bytes] = []

    async def script(peer: Peer) -> None:
        await peer.open_protobuf_session()
        got.append(await peer.read_frame())
        await peer.read_to_end()

    with ScriptedServer(script) as server, our_client(server.port) as ours:
        ours.heard.wait("nextValidId")
        with pytest.raises(ValueError, match="could not convert"):
            ask(ours.client)
        ours.client.reqIds(-1)
        await_condition(lambda: bool(got))
        assert ours.client.isConnected()
        assert ours.heard.of("error") == []
    assert got[0][:4] == (208).to_bytes(4, "big"), "the first message is the next request"


def test_defect_16_a_close_in_the_handshake_is_told() -> None:
    async def closes(peer: Peer) -> None:
        await peer.read_hello()
        peer.close()

    with ScriptedServer(closes) as server:
        with ibs_client(server.port) as theirs:
            assert theirs.running is None
            assert theirs.heard.names == [], "a newer ibapi has mended this: see the table"
        heard = Recorder()
        ours = IBKRConnection(wrapper=heard)
        ours.connect("127.0.0.1", server.port, 1)
    assert heard.names == ["error", "connectionClosed"]
    assert heard.of("error")[0][2] == 502
    assert "the gateway closed the link" in heard.of("error")[0][3]


def test_defect_18_a_burst_costs_its_size_and_not_its_square() -> None:
    data = frame(b"x" * 20) * 2000
    copied, rest = 0, data
    while rest:
        (_, _, rest) = comm.read_msg(rest)
        copied += len(rest)
    assert copied > 900 * len(data), "a newer ibapi has mended this: see the table"

    class Counted(bytes):
        """Bytes that count those that are copied out of them."""

        copied = 0

        def __getitem__(self, key: Any) -> Any:
            found = super().__getitem__(key)
            Counted.copied += len(found)
            return found

    reader = FrameReader()
    reader.feed(data)
    assert reader._buffer == data
    reader._buffer = Counted(data)  # what is fed is kept as it is: from here on each copy counts
    for number, body in enumerate(reader.frames(), start=1):
        assert body == b"x" * 20
        assert reader.pending == len(data) - number * 24, "a place moves on, nothing is cut off"
    assert number == 2000
    assert Counted.copied == len(data), "each byte once: its length, its body"


# ---- the table -----------------------------------------------------------------------------------


def test_the_table_and_the_tests_agree() -> None:
    rows = re.findall(
        r"^\| (\d+) \| .+ \| (fixed|guarded|kept) \| .+ \|(?: `(\w+)`)? \|$",
        TABLE.read_text(), re.MULTILINE,
    )  # fmt: skip
    assert [int(number) for number, _, _ in rows] == list(range(1, 19))
    tests = {name for name in globals() if name.startswith("test_defect_")}
    for number, state, test in rows:
        assert bool(test) is (state != "kept"), number
        if test:
            assert test in tests
            assert test.startswith(f"test_defect_{int(number):02}_")
    named = {test[:14] for _, _, test in rows if test}
    assert {name[:14] for name in tests} == named


def test_kept_defect_14_has_no_decimal_in_any_message_decoded_by_signature() -> None:
    Decoder(Recorder(), 178)
    for info in Decoder.msgId2handleInfo.values():
        if info.wrapperMeth is not None:
            kinds = {parameter.annotation for parameter in info.wrapperParams.values()}
            assert Decimal not in kinds, info.wrapperMeth


def test_raw_ids_are_read_in_the_mixed_versions_too() -> None:
    async def script(peer: Peer) -> None:
        await peer.greet(205)
        await peer.read_frame()
        await peer.send(raw_text_body(9, 1, 3), b"\0\0", raw_text_body(49, 1, 5))
        await peer.read_to_end()

    with ScriptedServer(script) as server, our_client(server.port) as ours:
        ours.heard.wait("currentTime")
        assert [error[2:] for error in ours.heard.of("error")] == [
            (508, "Bad message: a message without a readable id (unreadable)", "")
        ]


def test_below_201_no_number_stands_for_protobuf() -> None:
    """999 is the unknown message 999 there, and 205 no openOrder in protobuf."""

    async def script(peer: Peer) -> None:
        await peer.open_session(178)
        await peer.send(text_body(999, 1), text_body(205, 1), text_body(49, 1, 5))
        await peer.read_to_end()

    with ScriptedServer(script) as server, our_client(server.port) as ours:
        ours.heard.wait("currentTime")
        told = [error[2:4] for error in ours.heard.of("error")]
        assert [code for code, _ in told] == [505, 505]
        assert [text.split()[-1] for _, text in told] == ["999", "205"]
