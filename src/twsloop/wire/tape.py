"""The tape: what passed between clients and a gateway, one JSON object a line.

A tape can be read by people and cut with ``grep`` and ``jq``. Its first line is the header; every
other line says what happened, to which session, and when::

    {"tape": "twsloop", "version": 1, "started": "2026-01-05T14:30:00+00:00", "masked": true}
    {"t": 0, "session": 1, "event": "open"}
    {"t": 81000, "session": 1, "event": "hello", "from": "client", "text": "v100..200"}
    {"t": 93000, "session": 1, "event": "hello", "from": "server", "version": 200, "time": "..."}
    {"t": 120000, "session": 1, "from": "client", "message": "startApi", "fields": ["71", "2", ...]}
    {"t": 150000, "session": 1, "from": "server", "message": "tickPrice", "hex": "000000c908..."}
    {"t": 990000, "session": 1, "event": "end", "by": "client"}

=========== ==================================================================================
key         meaning
=========== ==================================================================================
``t``       nanoseconds since the recording began, of a clock that never jumps
``session`` which connection: 1, 2, ... in the order in which clients came
``from``    who sent it: ``client`` or ``server`` (the gateway)
``fields``  the body of a text message of server versions up to 200, cut at its NULs
``hex``     any other body: number and protobuf message, or text that is no UTF-8
``message`` IB's name of it, for the reader's eye; nothing depends on it
=========== ==================================================================================

Bodies are without their frame. Account numbers and names are masked in them (`masking`), with texts
of the same length, so every body decodes as it did. A recorder that was killed leaves at most one
broken line, the last; `read_tape` tells (`Tape.truncated`). Any other line that cannot be read is a
`TapeError` with its number.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Literal

import attrs

from twsloop.errors import TapeError

__all__ = [
    "VERSION",
    "ClientHello",
    "End",
    "Entry",
    "Frame",
    "Header",
    "Note",
    "Open",
    "Party",
    "ServerHello",
    "Tape",
    "dump_entry",
    "dump_header",
    "looks_like_tape",
    "read_tape",
]

#: The format that is written, and the newest that is read.
VERSION = 1
MAGIC = "twsloop"

#: Who sent something, or ended it.
Party = Literal["client", "server", "recorder"]
PARTIES = ("client", "server", "recorder")


@attrs.frozen
class Header:
    """The first line.

    Attributes:
        started: When the recording began.
        upstream: ``host:port`` of the gateway that was recorded, "" where unknown.
        masked: Whether account numbers and names are masked.
    """

    started: datetime
    upstream: str = ""
    masked: bool = True


@attrs.frozen
class Open:
    """A client connected."""

    t: int
    session: int


@attrs.frozen
class ClientHello:
    """The client's hello, without prefix and length: ``v100..225 options``."""

    t: int
    session: int
    text: str


@attrs.frozen
class ServerHello:
    """The gateway's hello: the version that both speak, and its time as it was written."""

    t: int
    session: int
    version: int
    time: str


@attrs.frozen
class Frame:
    """One message.

    Attributes:
        t: When, in nanoseconds since the start.
        session: Of which connection.
        sender: Who sent it.
        body: The frame's body.
        name: IB's name of it; "" where unknown.
    """

    t: int
    session: int
    sender: Party
    body: bytes
    name: str = ""


@attrs.frozen
class Note:
    """Something that the recorder has to say, such as bytes that are not the TWS protocol."""

    t: int
    session: int
    text: str


@attrs.frozen
class End:
    """The connection ended.

    Attributes:
        t: When, in nanoseconds since the start.
        session: Which one.
        by: Who ended it.
        error: Why, if not by an orderly close.
    """

    t: int
    session: int
    by: Party
    error: str = ""


Entry = Open | ClientHello | ServerHello | Frame | Note | End


@attrs.frozen
class Tape:
    """A whole tape.

    Attributes:
        header: Its first line.
        entries: What happened, in order.
        lines: The line of each entry in the file, counted from 1.
        truncated: Whether its last line is broken: the recorder was killed, or still runs.
        name: The file it was read from, for messages.
    """

    header: Header
    entries: tuple[Entry, ...]
    lines: tuple[int, ...] = attrs.field(default=(), eq=False, repr=False)
    truncated: bool = False
    name: str = attrs.field(default="", eq=False)


# ---- writing -------------------------------------------------------------------------------


def dump_header(header: Header) -> str:
    """The first line of a tape, with its newline."""
    return _line(
        {
            "tape": MAGIC,
            "version": VERSION,
            "started": header.started.isoformat(),
            **({"upstream": header.upstream} if header.upstream else {}),
            "masked": header.masked,
        }
    )


def dump_entry(entry: Entry) -> str:
    """One line of a tape, with its newline."""
    row: dict[str, Any] = {"t": entry.t, "session": entry.session}
    if isinstance(entry, Frame):
        row["from"] = entry.sender
        if entry.name:
            row["message"] = entry.name
        fields = _fields_of(entry.body)
        row.update({"hex": entry.body.hex()} if fields is None else {"fields": fields})
    elif isinstance(entry, Open):
        row["event"] = "open"
    elif isinstance(entry, ClientHello):
        row |= {"event": "hello", "from": "client", "text": entry.text}
    elif isinstance(entry, ServerHello):
        row |= {"event": "hello", "from": "server", "version": entry.version, "time": entry.time}
    elif isinstance(entry, Note):
        row |= {"event": "note", "text": entry.text}
    else:
        row |= {"event": "end", "by": entry.by, **({"error": entry.error} if entry.error else {})}
    return _line(row)


def _line(row: dict[str, Any]) -> str:
    return json.dumps(row, ensure_ascii=False) + "\n"


def _fields_of(body: bytes) -> list[str] | None:
    """The fields of a text body that starts with a decimal number; None of any other body."""
    if not body.endswith(b"\0") or not body[:1].isdigit():
        return None
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return text.split("\0")[:-1]


# ---- reading -------------------------------------------------------------------------------


def looks_like_tape(first_line: str) -> bool:
    """Whether a file that begins with this line is meant to be a tape."""
    return first_line.lstrip("\ufeff").startswith("{") and '"tape"' in first_line


def read_tape(lines: Iterable[str], name: str = "") -> Tape:
    """Read a tape.

    Args:
        lines: Its lines, each with its newline; the last may lack it.
        name: What errors call it.

    Raises:
        TapeError: It is no tape, or a line (but a broken last one) cannot be read.
    """
    header: Header | None = None
    entries: list[Entry] = []
    numbers: list[int] = []
    truncated = False
    for number, line in enumerate(lines, 1):
        try:
            if header is None:
                header = _read_header(line)
            elif line.strip():
                entries.append(_read_entry(line))
                numbers.append(number)
        except _BadLine as error:
            if header is not None and not line.endswith("\n"):
                truncated = True
                break
            raise TapeError(str(error), file=name or None, line=number) from error
    if header is None:
        raise TapeError("a tape has a first line, and this one is empty", file=name or None)
    return Tape(header, tuple(entries), tuple(numbers), truncated, name)


class _BadLine(ValueError):
    """Why a line cannot be read."""


def _object(line: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        msg = "not a line of a tape: no JSON object"
        raise _BadLine(msg) from error
    if not isinstance(row, dict):
        msg = "not a line of a tape: no JSON object"
        raise _BadLine(msg)
    return row


def _read_header(line: str) -> Header:
    row = _object(line.lstrip("\ufeff"))
    if row.get("tape") != MAGIC:
        msg = 'not a tape: its first line has to be {"tape": "twsloop", ...}'
        raise _BadLine(msg)
    version = _take(row, "version", int)
    if not 1 <= version <= VERSION:
        msg = f"the tape has format {version}; this twsloop reads formats 1 to {VERSION}"
        raise _BadLine(msg)
    try:
        started = datetime.fromisoformat(_take(row, "started", str))
    except ValueError as error:
        msg = f'"started" is no time: {row["started"]!r}'
        raise _BadLine(msg) from error
    if started.tzinfo is None:
        started = started.replace(tzinfo=UTC)
    masked = _take(row, "masked", bool) if "masked" in row else True
    return Header(started, _take(row, "upstream", str) if "upstream" in row else "", masked)


def _read_entry(line: str) -> Entry:
    row = _object(line)
    t, session = _take(row, "t", int), _take(row, "session", int)
    if t < 0 or session < 1:
        msg = '"t" is 0 or more, and "session" 1 or more'
        raise _BadLine(msg)
    event = row.get("event")
    if event is None:
        return _read_frame(row, t, session)
    reader = _EVENTS.get(event) if isinstance(event, str) else None
    if reader is None:
        msg = f"there is no event {event!r}; there are {', '.join(_EVENTS)}"
        raise _BadLine(msg)
    return reader(row, t, session)


def _read_frame(row: dict[str, Any], t: int, session: int) -> Frame:
    sender = _party(row, "from")
    if sender == "recorder" or ("fields" in row) == ("hex" in row):
        msg = 'a message is from "client" or "server", and has either "fields" or "hex"'
        raise _BadLine(msg)
    if "hex" in row:
        try:
            body = bytes.fromhex(_take(row, "hex", str))
        except ValueError as error:
            msg = '"hex" is not made of hexadecimal digits'
            raise _BadLine(msg) from error
    else:
        fields = _take(row, "fields", list)
        if not all(isinstance(field, str) and "\0" not in field for field in fields):
            msg = '"fields" has to be a list of texts'
            raise _BadLine(msg)
        try:
            body = "".join(f"{field}\0" for field in fields).encode()
        except UnicodeEncodeError as error:
            msg = '"fields" has a character that no message can carry'
            raise _BadLine(msg) from error
    name = _take(row, "message", str) if "message" in row else ""
    return Frame(t, session, sender, body, name)


def _read_hello(row: dict[str, Any], t: int, session: int) -> Entry:
    if _party(row, "from") == "client":
        return ClientHello(t, session, _take(row, "text", str))
    return ServerHello(t, session, _take(row, "version", int), _take(row, "time", str))


_EVENTS: Mapping[str, Callable[[dict[str, Any], int, int], Entry]] = {
    "open": lambda _row, t, session: Open(t, session),
    "hello": _read_hello,
    "note": lambda row, t, session: Note(t, session, _take(row, "text", str)),
    "end": lambda row, t, session: End(
        t, session, _party(row, "by"), _take(row, "error", str) if "error" in row else ""
    ),
}


def _take(row: dict[str, Any], key: str, kind: type) -> Any:
    """A value of the right type; JSON's true is no number."""
    value = row.get(key)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        what = {int: "a whole number", str: "a text", list: "a list", bool: "true or false"}[kind]
        msg = f'"{key}" has to be {what}'
        raise _BadLine(msg)
    return value


def _party(row: dict[str, Any], key: str) -> Party:
    value = row.get(key)
    for party in PARTIES:
        if value == party:
            return party  # type: ignore[return-value]  # the tuple has the literal's texts
    msg = f'"{key}" has to be one of {", ".join(PARTIES)}'
    raise _BadLine(msg)
