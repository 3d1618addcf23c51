"""The tape's format: what is written is read, and what is broken is named."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twsloop.errors import TapeError
from twsloop.wire.tape import (
    ClientHello,
    End,
    Entry,
    Frame,
    Header,
    Note,
    Open,
    ServerHello,
    dump_entry,
    dump_header,
    looks_like_tape,
    read_tape,
)

STARTED = datetime(2026, 1, 5, 14, 30, tzinfo=UTC)
HEADER = Header(STARTED, "127.0.0.1:4002")

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
times = st.integers(0, 2**62)
sessions = st.integers(1, 10**6)
bodies = st.binary(max_size=60) | st.lists(
    texts.filter(lambda text: "\0" not in text), min_size=1, max_size=6
).map(lambda fields: b"71\0" + "".join(f"{field}\0" for field in fields).encode())
entries: st.SearchStrategy[Entry] = st.one_of(
    st.builds(Open, times, sessions),
    st.builds(ClientHello, times, sessions, texts),
    st.builds(ServerHello, times, sessions, st.integers(0, 999), texts),
    st.builds(Frame, times, sessions, st.sampled_from(["client", "server"]), bodies, texts),
    st.builds(Note, times, sessions, texts),
    st.builds(End, times, sessions, st.sampled_from(["client", "server", "recorder"]), texts),
)
headers = st.builds(
    Header,
    st.datetimes(timezones=st.just(UTC)),
    texts,
    st.booleans(),
)


@given(header=headers, happened=st.lists(entries, max_size=10))
def test_what_is_written_is_read(header: Header, happened: list[Entry]) -> None:
    lines = [dump_header(header), *map(dump_entry, happened)]
    assert all(line.count("\n") == 1 and line.endswith("\n") for line in lines)
    tape = read_tape(lines)
    assert tape.header == header
    assert list(tape.entries) == happened
    assert tape.lines == tuple(range(2, 2 + len(happened)))
    assert not tape.truncated


@given(happened=st.lists(entries, min_size=1, max_size=5), data=st.data())
def test_a_broken_last_line_is_left_out(happened: list[Entry], data: st.DataObject) -> None:
    lines = [dump_header(HEADER), *map(dump_entry, happened)]
    cut = data.draw(st.integers(1, len(lines[-1]) - 2))
    tape = read_tape([*lines[:-1], lines[-1][:cut]], "x.tape")
    assert list(tape.entries) == happened[:-1]
    assert tape.truncated


def test_text_bodies_can_be_searched() -> None:
    row = json.loads(dump_entry(Frame(5, 1, "server", b"4\x002\x00-1\x002104\x00ok\x00", "errMsg")))
    assert row == {
        "t": 5,
        "session": 1,
        "from": "server",
        "message": "errMsg",
        "fields": ["4", "2", "-1", "2104", "ok"],
    }
    row = json.loads(dump_entry(Frame(5, 1, "server", b"\x00\x00\x00\xc9\x08\x01")))
    assert row["hex"] == "000000c90801"


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("nonsense", "no JSON object"),
        ("[1]", "no JSON object"),
        ('{"t": 1}', '"session" has to be a whole number'),
        ('{"t": true, "session": 1}', '"t" has to be a whole number'),
        ('{"t": -1, "session": 1, "event": "open"}', '"t" is 0 or more'),
        ('{"t": 1, "session": 1, "event": "opn"}', "there is no event 'opn'; there are open"),
        ('{"t": 1, "session": 1, "from": "me", "hex": ""}', '"from" has to be one of client'),
        ('{"t": 1, "session": 1, "from": "client"}', 'either "fields" or "hex"'),
        ('{"t": 1, "session": 1, "from": "recorder", "hex": ""}', 'is from "client" or "server"'),
        ('{"t": 1, "session": 1, "from": "client", "hex": "0g"}', "no|not made of hexadecimal"),
        ('{"t": 1, "session": 1, "from": "client", "fields": [1]}', "a list of texts"),
        ('{"t": 1, "session": 1, "from": "client", "fields": ["\\ud800"]}', "no message can"),
        ('{"t": 1, "session": 1, "event": "end", "by": 1}', '"by" has to be one of'),
        ('{"t": 1, "session": 1, "event": "end", "by": "client", "error": 1}', "a text"),
    ],
)
def test_a_corrupt_line_is_named(row: str, words: str) -> None:
    with pytest.raises(TapeError, match=words) as caught:
        read_tape([dump_header(HEADER), dump_entry(Open(0, 1)), f"{row}\n"], "x.tape")
    assert str(caught.value).startswith("x.tape:3: ")
    assert caught.value.line == 3


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"tape": "cassette"}, "not a tape"),
        ({"version": 2}, "format 2; this twsloop reads formats 1 to 1"),
        ({"version": "1"}, '"version" has to be a whole number'),
        ({"started": "yesterday"}, "'yesterday'"),
        ({"masked": 1}, "true or false"),
    ],
)
def test_a_header_that_cannot_be_used(change: dict[str, Any], words: str) -> None:
    line = json.dumps({**json.loads(dump_header(HEADER)), **change})
    with pytest.raises(TapeError, match=words):
        read_tape([line])


def test_an_empty_file_is_no_tape() -> None:
    with pytest.raises(TapeError, match="empty"):
        read_tape([])


def test_what_looks_like_a_tape() -> None:
    assert looks_like_tape(dump_header(HEADER))
    assert not looks_like_tape("version 178\n")
