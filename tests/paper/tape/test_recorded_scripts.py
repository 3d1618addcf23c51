"""Sessions that others recorded with real gateways, as tapes and transcripts of ours."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.support.shared_data import shared
from twsloop.paper.tape.script import Expect, Say, scenes_of_tape
from twsloop.paper.tape.transcript import entries_of, read_transcript, write_transcript
from twsloop.wire.masking import Masker
from twsloop.wire.messages import Direction
from twsloop.wire.tape import Entry, Frame, Header, Open, ServerHello, Tape

REAL = ("nautilus_ib", "rust_ibapi_recorded", "rust_ibapi_twslog", "rust_ibapi_fixtures")
USUAL = 176


def frames(folder: str) -> Iterator[tuple[str, bytes, int]]:
    """Sender, body and server version of each recorded text message."""
    path: Path = shared("wire", folder, "messages.jsonl")
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if "fields" not in row:
            continue
        sender = "client" if row["direction"] == "out" else "server"
        body = "".join(f"{field}\0" for field in row["fields"]).encode()
        yield sender, body, row.get("server_version") or USUAL


@pytest.mark.parametrize("folder", REAL)
def test_real_messages_survive_the_way_through_an_exact_transcript(folder: str) -> None:
    told = list(frames(folder))
    assert told
    for version in sorted({version for _, _, version in told if 100 <= version <= 200}):
        mine = [(sender, body) for sender, body, one in told if one == version]
        entries: list[Entry] = [Open(0, 1), ServerHello(0, 1, version, "20260105 14:30:00 UTC")]
        for sender, body in mine:
            entries.append(Frame(0, 1, "client" if sender == "client" else "server", body))
        tape = Tape(Header(datetime(2026, 1, 5, tzinfo=UTC)), tuple(entries))
        text = "".join(write_transcript(scenes_of_tape(tape), exact=True))
        again = scenes_of_tape(Tape(tape.header, tuple(entries_of(read_transcript(text)))))
        said = [step.body for step in again.scenes[0].steps if isinstance(step, Say)]
        wanted = [body for sender, body in mine if sender == "server"]
        # A session that does not begin with startApi is given its start.
        assert said[len(said) - len(wanted) :] == wanted
        asked = [s for s in again.scenes[0].steps if isinstance(s, Expect)]
        assert len(asked) >= len([1 for sender, _ in mine if sender == "client"])


@pytest.mark.parametrize("folder", REAL)
def test_no_account_stays_in_them(folder: str) -> None:
    account = re.compile(rb"(?<![A-Za-z0-9])D?[UFI]\d{5,9}(?![A-Za-z0-9]{2})")
    masker = Masker()
    seen = 0
    for sender, body, version in frames(folder):
        way = Direction.OUTBOUND if sender == "client" else Direction.INBOUND
        masked = masker.mask(way, body, version)
        assert len(masked) == len(body)
        for found in account.findall(body):
            seen += 1
            assert found not in masked
    assert seen or folder == "rust_ibapi_recorded"  # the one that has none
