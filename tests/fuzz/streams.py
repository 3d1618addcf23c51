"""Good streams to spoil: what a gateway really says to a busy program, and every message there is.

Three sources, all encoded for the server version that is asked for:

- a session of a busy program with the paper gateway, recorded in the run;
- messages that others recorded from real gateways (``../shared/data/wire``), where they are here;
- each message of the table, built from its layout, so that none is left out.
"""

from __future__ import annotations

import contextlib
import functools
from collections import Counter
from pathlib import Path

from tests.fuzz.busy import OVERRIDES, ask_for_everything
from tests.support.clients import settings
from tests.support.protos import build
from tests.wire.test_recorded import FOLDER, rows
from twsloop import IBGateway, PaperGateway
from twsloop.errors import EncodeError, ParseError, RequestError
from twsloop.event_loop import Future
from twsloop.paper.tape.recorder import Recorder
from twsloop.paper.tape.tape_file import load_tape
from twsloop.wire import codec
from twsloop.wire.messages import INBOUND, Direction, message_class
from twsloop.wire.tape import Frame

__all__ = ["ACCOUNT", "built", "others", "session"]

#: As the recorder masks the first account, so that ids and accounts stay what they were.
ACCOUNT = "DU0000001"
#: Of one kind of message so many are kept: three hundred headlines say no more than twelve.
KIND_LIMIT = 12
#: Longer messages are left out: what they cost is time.
LONGEST = 20_000
#: How long an answer of the paper gateway may take, seconds.
PATIENCE = 10.0
#: Messages of each kind that are built.
BUILT_EACH = 4


@functools.cache
def session(version: int, folder: Path) -> tuple[bytes, ...]:
    """What the paper gateway says to a program that has asked for everything.

    Args:
        version: The server version.
        folder: Where the tape of it is kept; recorded there if there is none. No two recordings
            are the same to the byte, so rounds are the same only with the same tape.
    """
    tape = folder / f"{version}.tape"
    if not tape.exists():
        _record(version, tape)
    said = [one for one in load_tape(tape).entries if isinstance(one, Frame)]
    seen: Counter[str] = Counter()
    kept = []
    for entry in said:
        seen[entry.name] += entry.sender == "server"
        if entry.sender == "server" and seen[entry.name] <= KIND_LIMIT:
            kept.append(entry.body)
    return tuple(body for body in kept if len(body) <= LONGEST)


def _record(version: int, tape: Path) -> None:
    keys = {key.replace(".", "__"): value for key, value in OVERRIDES.items()}
    with (
        PaperGateway(seed=3, max_version=version, accounts=(ACCOUNT,)) as paper,
        Recorder(tape, paper.host, paper.port, probe=False) as recorder,
        IBGateway(settings(recorder.port, **keys)) as gateway,
    ):
        for asked in ask_for_everything(gateway):
            if isinstance(asked, Future):
                with contextlib.suppress(RequestError):
                    asked.result(PATIENCE)


@functools.cache
def others(version: int) -> tuple[bytes, ...]:
    """What others recorded, written anew for this version; nothing where it is not here."""
    if not FOLDER.is_dir():
        return ()
    found = []
    for row in rows():
        if row.callbacks is None or row.direction is not Direction.INBOUND:
            continue
        with contextlib.suppress(ParseError, EncodeError):
            read = codec.decode(row.direction, row.body, row.version)
            found.append(codec.encode(read.type, read.message, version))
    return tuple(found)


@functools.cache
def built(version: int) -> tuple[bytes, ...]:
    """Every message of the table at this version."""
    found = []
    for kind in INBOUND.values():
        if kind.proto is None or kind.since > version:
            continue
        for number in range(BUILT_EACH):
            with contextlib.suppress(EncodeError):
                message = build(kind, version, number) if kind.text else message_class(kind.proto)()
                found.append(codec.encode(kind, message, version))
    return tuple(found)
