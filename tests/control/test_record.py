"""What is remembered of a gateway, and its log as it grows."""

from __future__ import annotations

import json
import stat
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twsloop.connection.processes import Process, here
from twsloop.control.login import Login
from twsloop.control.record import Record, Room
from twsloop.control.tail import Tail
from twsloop.errors import ControlError


def record(process: Process) -> Record:
    return Record(process=process, kind="ibc", what="IB Gateway 1040", since=datetime.now(UTC))


def test_what_lives_is_recalled(tmp_path: Path) -> None:
    room = Room(tmp_path / "a" / "port-4002")
    assert room.recall() is None
    room.enter()
    room.remember(record(here()))
    assert room.recall() == room.running()
    gone = Process(here().node, here().pid, "1")  # its id was given to us since
    room.remember(record(gone))
    assert room.recall() is not None
    assert room.running() is None
    room.forget()
    room.forget()
    assert room.recall() is None


def json_texts() -> st.SearchStrategy[str]:
    """Whatever may stand in a JSON file, with our names among its keys."""
    keys = st.sampled_from(["process", "since", "kind", "what"]) | st.text(max_size=3)
    plain = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
    values = st.recursive(
        plain, lambda part: st.lists(part, max_size=3) | st.dictionaries(keys, part, max_size=4)
    )
    return values.map(json.dumps)


@given(st.text() | json_texts())
def test_what_cannot_be_read_is_nothing(text: str) -> None:
    assert Record.from_json(text) is None


@given(st.text(), st.text(), st.integers(1, 2**22))
def test_a_record_comes_back_as_it_was(kind: str, what: str, pid: int) -> None:
    since = datetime(2026, 11, 21, 12, tzinfo=UTC)
    one = Record(process=Process("node", pid, "7"), kind=kind, what=what, since=since)
    assert Record.from_json(one.to_json()) == one


def test_only_its_owner_reads_any_of_it(tmp_path: Path) -> None:
    room = Room(tmp_path / "port-4002")
    room.enter()
    room.remember(record(here()))
    own = tmp_path / "config.ini"
    own.write_bytes(b"IbPassword=old\nTradingMode=paper\n# caf\xe9\n")
    ini = room.write_ini(own, Login("me", "secret"))
    assert b"old" not in ini.read_bytes()
    assert b"IbPassword=secret" in ini.read_bytes()
    for path in (room.folder, *room.folder.iterdir()):
        assert not stat.S_IMODE(path.stat().st_mode) & 0o077
    assert b"old" in own.read_bytes()


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ControlError, match=r"\[control\] folder"):
        Room(tmp_path / "file" / "port-4002").enter()


@given(st.lists(st.text(st.characters(exclude_characters="\n\r", codec="utf-8")), max_size=8))
def test_each_line_is_read_once_however_it_comes(lines: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log"
        tail = Tail(path)
        read: list[str] = []
        assert tail.lines() == []
        with path.open("ab", buffering=0) as file:
            for line in lines:
                data = f"{line}\n".encode()
                for part in (data[: len(data) // 2], data[len(data) // 2 :]):
                    file.write(part)
                    read += tail.lines()
        assert read == lines


def test_a_log_that_begins_anew_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "log"
    tail = Tail(path)
    path.write_text("one\ntwo\nhalf")
    assert tail.lines() == ["one", "two"]
    path.write_text("new\n")
    assert tail.lines() == ["new"]
