"""Tapes as files: whole, cut, compressed, and no tapes at all."""

from __future__ import annotations

import gzip
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from twsloop.errors import TapeError
from twsloop.paper.tape.tape_file import TapeWriter, load_tape, write_tape
from twsloop.wire.tape import End, Entry, Frame, Header, Open, ServerHello

HEADER = Header(datetime(2026, 1, 5, 14, 30, tzinfo=UTC))
ENTRIES: list[Entry] = [
    Open(0, 1),
    ServerHello(1, 1, 178, "20260105 14:30:00 UTC"),
    *(Frame(n, 1, "server", f"4\x002\x00-1\x00{n}\x00ö\x00".encode()) for n in range(40)),
    End(99, 1, "client"),
]


def recorded(tmp_path: Path, suffix: str) -> Path:
    path = tmp_path / f"whole{suffix}"
    with TapeWriter(path, HEADER) as writer:
        for entry in ENTRIES:
            writer.write(entry)
            writer.flush()
        assert writer.entries == len(ENTRIES)
    return path


@pytest.mark.parametrize("suffix", [".tape", ".tape.gz"])
def test_what_was_written_is_read(tmp_path: Path, suffix: str) -> None:
    tape = load_tape(recorded(tmp_path, suffix))
    assert list(tape.entries) == ENTRIES
    assert tape.header == HEADER
    assert not tape.truncated


@pytest.mark.parametrize("suffix", [".tape", ".tape.gz"])
def test_what_was_flushed_is_in_the_file(tmp_path: Path, suffix: str) -> None:
    """A recorder that is killed loses nothing but what it had not flushed."""
    path = tmp_path / f"killed{suffix}"
    writer = TapeWriter(path, HEADER)
    for number, entry in enumerate(ENTRIES[:5], 1):
        writer.write(entry)
        writer.flush()
        assert len(load_tape(path).entries) == number
    writer.write(ENTRIES[5])
    writer.abandon()
    assert list(load_tape(path).entries) == ENTRIES[:5]
    writer.close()
    with pytest.raises(TapeError, match="it is closed"):
        writer.flush()


def test_a_whole_tape_at_once(tmp_path: Path) -> None:
    path = tmp_path / "x.tape"
    write_tape(path, HEADER, ENTRIES, replace=False)
    with pytest.raises(TapeError, match="the file is there already"):
        write_tape(path, HEADER, [], replace=False)
    write_tape(path, HEADER, ENTRIES[:1], replace=True)
    assert list(load_tape(path).entries) == ENTRIES[:1]
    with pytest.raises(TapeError, match="cannot be written: no such file or directory"):
        write_tape(tmp_path / "no" / "x.tape", HEADER, [], replace=False)


@pytest.mark.skipif(sys.platform != "linux", reason="needs /dev/full")
def test_a_full_disk() -> None:
    with pytest.raises(TapeError, match="/dev/full: cannot be written any more: the disk is full"):
        TapeWriter(Path("/dev/full"), HEADER, replace=True)


@pytest.mark.parametrize("suffix", [".tape", ".tape.gz"])
def test_a_tape_cut_anywhere_is_read_up_to_its_last_whole_line(tmp_path: Path, suffix: str) -> None:
    path = recorded(tmp_path, suffix)
    data, whole = path.read_bytes(), load_tape(path).entries
    cut = tmp_path / f"cut{suffix}"
    seen = set()
    for at in range(len(data) // 3, len(data), 11):
        cut.write_bytes(data[:at])
        entries = load_tape(cut).entries
        assert entries == whole[: len(entries)]
        seen.add(len(entries))
    assert len(seen) > 3


def test_a_broken_gzip_is_named(tmp_path: Path) -> None:
    path = recorded(tmp_path, ".tape.gz")
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 20] = b"\xff" * 20
    path.write_bytes(bytes(data))
    with pytest.raises(TapeError, match=r"whole.tape.gz"):
        load_tape(path)


def test_files_that_are_no_tapes(tmp_path: Path) -> None:
    with pytest.raises(TapeError, match=r"nothing.tape: cannot be read: no such file"):
        load_tape(tmp_path / "nothing.tape")
    with pytest.raises(TapeError, match="is a directory"):
        load_tape(tmp_path)
    latin = tmp_path / "latin.tape"
    latin.write_bytes(b"\xe4\n")
    with pytest.raises(TapeError, match=r"latin.tape:1: no text in UTF-8"):
        load_tape(latin)


def test_a_gzipped_tape_is_gzip(tmp_path: Path) -> None:
    path = recorded(tmp_path, ".tape.gz")
    with gzip.open(path, "rt") as file:
        assert file.readline().startswith('{"tape": "twsloop"')
