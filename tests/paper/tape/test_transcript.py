"""Transcripts: what is written is read, and what cannot be read is named with its line."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.protos import build
from twsloop.errors import EncodeError, TapeError
from twsloop.paper.tape.script import Cut, Expect, Hangup, Raw, Say, Script, scenes_of_tape
from twsloop.paper.tape.transcript import entries_of, read_transcript, write_transcript
from twsloop.wire import codec
from twsloop.wire.messages import INBOUND, INBOUND_BY_NAME, OUTBOUND, OUTBOUND_BY_NAME
from twsloop.wire.tape import (
    Entry,
    Frame,
    Header,
    Open,
    ServerHello,
    Tape,
    dump_entry,
    dump_header,
    read_tape,
)
from twsloop.wire.text import has_layout

STARTED = datetime(2026, 1, 5, 14, 30, tzinfo=UTC)
EXAMPLE = """\
# A day in the life.

version 178
time 20260105 14:30:00 UTC
client: startApi clientId=7
server: managedAccounts accountsList=DU1234567  # one
server: nextValidId orderId=1
client: reqMktData reqId=1 contract.symbol=AAPL
server: tickPrice reqId=1 tickType=4 price=1.5 size=100
sleep 0.5
split 3
server: errMsg id=1 errorCode=300 errorMsg="no # such thing"
server: fields 4 2 -1 2104 "all is well"
server: hex 34 00
server: bytes 000000
disconnect
"""


def scene_of(text: str) -> Any:
    return read_transcript(text).scenes[0]


def test_a_whole_one() -> None:
    scene = scene_of(EXAMPLE)
    assert (scene.version, scene.time, scene.client_id) == (178, "20260105 14:30:00 UTC", 7)
    start, accounts, _, ask, tick, cut, error, fields, body, raw, end = scene.steps
    assert isinstance(start, Expect)
    assert isinstance(accounts, Say)
    assert accounts.message.accountsList == "DU1234567"
    assert isinstance(ask, Expect)
    assert ask.kind is OUTBOUND_BY_NAME["reqMktData"]
    assert (ask.message.reqId, ask.message.contract.symbol, ask.line) == (1, "AAPL", 8)
    assert isinstance(tick, Say)
    assert (tick.message.price, tick.message.size, tick.delay) == (1.5, "100", 0.0)
    assert cut == Cut(3, 11)
    assert isinstance(error, Say)
    assert (error.message.errorMsg, error.delay) == ("no # such thing", 0.5)
    assert isinstance(fields, Say)
    assert fields.body == b"4\x002\x00-1\x002104\x00all is well\x00"
    assert isinstance(body, Say)
    assert body.body == b"4\x00"
    assert raw == Raw(b"\0\0\0", 0.0, 15)
    assert end == Hangup("server", 0.0, 16)


def test_a_start_that_nobody_wrote_down() -> None:
    scene = scene_of("accounts DU7,DU8\nnext-id 50\nserver: currentTime currentTime=5\n")
    start, accounts, next_id, _ = scene.steps
    assert start.kind is OUTBOUND_BY_NAME["startApi"]
    assert not start.message.ListFields()
    assert accounts.message.accountsList == "DU7,DU8"
    assert next_id.message.orderId == 50
    assert (scene.version, scene.client_id) == (None, None)


def test_several_sessions() -> None:
    script = read_transcript(f"{EXAMPLE}\nsession\nversion 225\ndisconnect\n")
    assert [scene.version for scene in script.scenes] == [178, 225]
    assert script.where(12) == "transcript:12"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("server: tickPrize reqId=1", "there is no message 'tickPrize'; did you mean tickPrice"),
        ("server: reqMktData reqId=1", "reqMktData is a message of the client"),
        ("client: reqMktData reqID=1", "there is no field 'reqID'; did you mean reqId"),
        ("client: reqMktData reqId", "cannot read 'reqId': it has to be name=value"),
        ("client:", "what does the client say"),
        ("client tickPrice", "there is no 'client'; did you mean client:"),
        ("server: tickEFP reqId=1", "write it as server: fields 47"),
        ("server: hex 0", "'0' is not made of pairs of hexadecimal digits"),
        ("server: fields", "write the fields one after the other"),
        ('server: fields 4 "open', "write the fields one after the other"),
        ("client: bytes 00", "write hex or fields"),
        ("slep 5", "there is no 'slep'; did you mean sleep"),
        ("sleep long", "sleep has to be a number of seconds, not 'long'"),
        ("sleep -1", "sleep has to be"),
        ("sleep inf", "sleep has to be"),
        ("split 0", "split has to be a whole number from 1 on"),
        ("disconnect now", "nothing may stand behind disconnect"),
        ("version 178", "version has to stand before"),
        ("time x", "time has to stand before"),
        ("next-id 5", "next-id has to stand before"),
        ("accounts DU1", "accounts has to stand before"),
    ],
)
def test_a_line_that_cannot_be_read_is_named(line: str, words: str) -> None:
    with pytest.raises(TapeError, match=words) as caught:
        read_transcript(f"disconnect\n{line}\n", "my.transcript")
    assert str(caught.value).startswith("my.transcript:2: ")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("version 99", "from 100 on"),
        ("version 226", "the newest is 225"),
        ("version x", "version has to be a whole number"),
        ("time", "time has to be a text"),
        ("accounts", "accounts has to be a list"),
        ("next-id 0", "next-id has to be a whole number from 1 on"),
    ],
)
def test_a_setting_that_cannot_be_used(line: str, words: str) -> None:
    with pytest.raises(TapeError, match=words):
        read_transcript(f"{line}\n")


def test_an_empty_one() -> None:
    with pytest.raises(TapeError, match="the transcript is empty"):
        read_transcript("# nothing\n\nsession\n", "x")


def test_it_reads_back() -> None:
    script = read_transcript(EXAMPLE)
    again = read_transcript("".join(write_transcript(script)))
    assert stripped(again) == stripped(script)


def stripped(script: Script) -> list[Any]:
    """A script without its line numbers."""
    found: list[Any] = []
    for scene in script.scenes:
        found.append((scene.version, scene.time, scene.client_id))
        for step in scene.steps:
            if isinstance(step, Expect | Say):
                found.append((type(step), step.kind, step.message, step.body))
            else:
                found.append((type(step), getattr(step, "data", None), getattr(step, "at", None)))
    return found


IN_KINDS = [kind for kind in INBOUND.values() if has_layout(kind)]
OUT_KINDS = [kind for kind in OUTBOUND.values() if has_layout(kind) and kind.name != "startApi"]


@given(
    version=st.sampled_from([157, 178, 200, 213, 225]),
    told=st.lists(st.tuples(st.sampled_from(IN_KINDS), st.integers(0, 10**6)), max_size=4),
    asked=st.lists(st.tuples(st.sampled_from(OUT_KINDS), st.integers(0, 10**6)), max_size=4),
)
def test_a_tape_survives_the_way_through_a_transcript(
    version: int, told: list[tuple[Any, int]], asked: list[tuple[Any, int]]
) -> None:
    """Exactly written, every body of the gateway is the same; the client's mean the same."""
    bodies: list[tuple[str, Any, bytes]] = []
    for sender, picks in (("client", asked), ("server", told)):
        for kind, seed in picks:
            if version < kind.since:
                continue
            try:
                body = codec.encode(kind, build(kind, version, seed), version)
            except EncodeError:
                continue
            bodies.append((sender, kind, body))
    frames = [
        Frame(n * 10**9, 1, "client" if who == "client" else "server", body)
        for n, (who, _, body) in enumerate([start_api(version), *bodies])
    ]
    hello = ServerHello(0, 1, version, "20260105 14:30:00 UTC")
    entries: list[Entry] = [Open(0, 1), hello, *frames]
    lines = [dump_entry(entry) for entry in entries]
    script = scenes_of_tape(read_tape([dump_header(Header(STARTED)), *lines]))
    written = "".join(write_transcript(script, exact=True))
    again = list(entries_of(read_transcript(written)))
    tape = Tape(Header(STARTED), tuple(again))
    steps = scenes_of_tape(tape).scenes[0].steps
    said = [step.body for step in steps if isinstance(step, Say)]
    assert said == [body for who, _, body in bodies if who == "server"]
    heard = [step for step in steps if isinstance(step, Expect)][1:]
    wanted = [step for step in script.scenes[0].steps if isinstance(step, Expect)][1:]
    assert [(one.kind, one.message) for one in heard] == [(w.kind, w.message) for w in wanted]


def start_api(version: int) -> tuple[str, Any, bytes]:
    kind = OUTBOUND_BY_NAME["startApi"]
    message = build(kind, version, 5)
    return "client", kind, codec.encode(kind, message, version)


def test_times_become_sleeps() -> None:
    script = read_transcript(
        "version 200\nsleep 0.25\nserver: currentTime currentTime=1\n"
        "sleep 0.0004\nserver: currentTime currentTime=2\n"
        "sleep 0.0008\nserver: currentTime currentTime=3\n"
    )
    lines = [line for line in write_transcript(script) if line.startswith("sleep")]
    assert lines == ["sleep 0.25\n", "sleep 0.001\n"]
    assert not [line for line in write_transcript(script, sleeps=False) if "sleep" in line]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("disconnect\n", 'a tape needs the version of session 1: write "version 200"'),
        ("version 200\nsplit 3\nserver: openOrderEnd\n", ":2: a tape has no place for this"),
        ("version 200\nserver: bytes 00\n", ":2: a tape has no place for this"),
    ],
)
def test_what_has_no_place_on_a_tape(text: str, words: str) -> None:
    with pytest.raises(TapeError, match=words):
        list(entries_of(read_transcript(text)))


def test_a_body_of_another_spelling_is_meant_unless_exactly() -> None:
    """TWS writes numbers as it likes; what they mean is enough to play, not to compare bytes."""
    header = Header(STARTED)
    body = b"1\x006\x009\x001\x001.50\x00100\x001\x00"
    entries = [
        *entries_of(read_transcript("version 178\n server: currentTime currentTime=1\n")),
    ]
    entries.insert(-1, Frame(0, 1, "server", body, "tickPrice"))
    script = scenes_of_tape(Tape(header, tuple(entries)))
    assert "tickPrice reqId=9 tickType=1 price=1.5" in "".join(write_transcript(script))
    exactly = "".join(write_transcript(script, exact=True))
    assert "server: fields 1 6 9 1 1.50 100 1\n" in exactly
    assert INBOUND_BY_NAME["tickPrice"].number == 1
