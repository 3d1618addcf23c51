"""Scripts: what a scripted gateway says, and what it waits for. Tapes and transcripts become these.

A `Script` is made of scenes, one a session; a `Scene` of steps, in order:

============ ====================================================================================
`Expect`     wait until the client has sent this message
`Say`        send a message, some time after the step before
`Raw`        send bytes that are no frame
`Cut`        send the next thing in two pieces
`Hangup`     end the connection, or: the client ended it here
============ ====================================================================================

A step of a tape holds the very bytes that were recorded, and belongs to the server version of the
recording. A step of a transcript holds a message, which is encoded for whatever version the client
speaks: one transcript serves text and protobuf clients alike.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import attrs
from google.protobuf.descriptor import FieldDescriptor

from twsloop.errors import ParseError, TapeError
from twsloop.wire import codec
from twsloop.wire.masking import is_sensitive
from twsloop.wire.messages import INBOUND_BY_NAME, OUTBOUND_BY_NAME, Direction, MessageType
from twsloop.wire.messages import message_class as class_of
from twsloop.wire.tape import End, Entry, Frame, Header, ServerHello, Tape

from .idmap import id_paths
from .wording import NOTHING, fields_of

__all__ = [
    "Cut",
    "Expect",
    "Hangup",
    "Heard",
    "Raw",
    "Say",
    "Scene",
    "Script",
    "Step",
    "agrees",
    "differences",
    "read_request",
    "scenes_of_tape",
]


@attrs.frozen
class Expect:
    """A message of the client.

    Attributes:
        kind: Its row in the message table; None for bytes that cannot be read.
        message: Its protobuf form: of a transcript, with the fields that have to be right.
        body: Its bytes, where the script has them.
        line: Where it stands in its file.
        whole: Whether the message is all that was said (a tape), or just what matters.
    """

    kind: MessageType | None
    message: Any = None
    body: bytes | None = None
    line: int = 0
    whole: bool = False


@attrs.frozen
class Say:
    """A message of the gateway.

    Attributes:
        kind: Its row in the message table; None of bytes that cannot be read.
        message: Its protobuf form; None where only the bytes are known.
        body: Its bytes for the version of the recording; None of a transcript.
        delay: Seconds after the step before.
        line: Where it stands in its file.
    """

    kind: MessageType | None
    message: Any = None
    body: bytes | None = None
    delay: float = 0.0
    line: int = 0


@attrs.frozen
class Raw:
    """Bytes of the gateway, sent as they are."""

    data: bytes
    delay: float = 0.0
    line: int = 0


@attrs.frozen
class Cut:
    """What is sent next leaves in two pieces, the first so many bytes long (frame included)."""

    at: int
    line: int = 0


@attrs.frozen
class Hangup:
    """The end of the connection.

    Attributes:
        by: ``server``: the gateway ends it. ``client``: the client ended it here.
        delay: Seconds after the step before.
        line: Where it stands in its file.
    """

    by: str = "server"
    delay: float = 0.0
    line: int = 0


Step = Expect | Say | Raw | Cut | Hangup


@attrs.frozen
class Scene:
    """One session.

    Attributes:
        steps: What happens, in order.
        version: The server version that is announced; None: the newest that the client speaks.
        time: The time in the gateway's hello; "" for the time now.
        client_id: The client id that the session was recorded with, None where any will do.
        line: Where it begins in its file.
    """

    steps: tuple[Step, ...]
    version: int | None = None
    time: str = ""
    client_id: int | None = None
    line: int = 1


@attrs.frozen
class Script:
    """A whole script.

    Attributes:
        scenes: One a session, in order; at least one.
        name: The file it comes from, for messages.
        header: The header of the tape it comes from.
    """

    scenes: tuple[Scene, ...]
    name: str = "transcript"
    header: Header | None = None

    def where(self, line: int) -> str:
        """A line of it, for messages."""
        return f"{Path(self.name).name}:{line}"


# ---- from a tape ---------------------------------------------------------------------------


def scenes_of_tape(tape: Tape) -> Script:
    """A tape as a script.

    Raises:
        TapeError: It holds no session with a hello.
    """
    sessions: dict[int, list[tuple[Entry, int]]] = {}
    lines = tape.lines or (0,) * len(tape.entries)
    for entry, line in zip(tape.entries, lines, strict=True):
        sessions.setdefault(entry.session, []).append((entry, line))
    scenes = [scene for _, one in sorted(sessions.items()) if (scene := _scene(one)) is not None]
    if not scenes:
        raise TapeError("no session on this tape got as far as its hello", file=tape.name or None)
    return Script(tuple(scenes), tape.name or "tape", tape.header)


def _scene(entries: list[tuple[Entry, int]]) -> Scene | None:
    """One session's entries, with their lines; None if it has no hello."""
    hello: ServerHello | None = None
    steps: list[Step] = []
    client_id: int | None = None
    before = entries[0][0].t
    for entry, line in entries:
        delay = max(entry.t - before, 0) / 1e9
        before = entry.t
        if isinstance(entry, ServerHello):
            hello = entry
        elif isinstance(entry, Frame) and hello is not None:
            step = _step(entry, hello.version, delay, line)
            if step is None:
                continue
            steps.append(step)
            if isinstance(step, Expect) and step.kind is not None and step.kind.name == "startApi":
                client_id = step.message.clientId
        elif isinstance(entry, End) and hello is not None:
            by = "server" if entry.by == "server" else "client"
            steps.append(Hangup(by, delay, line))
    if hello is None:
        return None
    return Scene(tuple(steps), hello.version, hello.time, client_id, entries[0][1])


def _step(entry: Frame, version: int, delay: float, line: int) -> Step | None:
    if entry.sender == "client":
        if not entry.body:
            return None  # a frame without content says nothing, and need not be said again
        heard = read_request(entry.body, version)
        return Expect(heard.kind, heard.message, entry.body, line, whole=True)
    kind = INBOUND_BY_NAME.get(entry.name)
    return Say(kind, None, entry.body, delay, line)


# ---- what a client says --------------------------------------------------------------------


@attrs.frozen
class Heard:
    """One message of a live client.

    Attributes:
        body: Its bytes.
        kind: Its row in the message table, None if it cannot be read.
        message: Its protobuf form, None if it cannot be read.
    """

    body: bytes
    kind: MessageType | None = None
    message: Any = None

    @property
    def name(self) -> str:
        """IB's name of it."""
        return self.kind.name if self.kind is not None else "a message that cannot be read"


def read_request(body: bytes, version: int) -> Heard:
    """Read a client's message, as far as it can be read."""
    try:
        decoded = codec.decode(Direction.OUTBOUND, body, version)
    except ParseError as error:
        # Hand-written clients leave the last fields out: what has been read is enough to match.
        kind = OUTBOUND_BY_NAME.get(error.message or "")
        return Heard(body, kind if error.partial is not None else None, error.partial)
    return Heard(body, decoded.type, decoded.message)


#: What of a part has to be right before a tape's answer is the answer to a live request.
_DECISIVE: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "contract": (
            *("conId", "symbol", "secType", "lastTradeDateOrContractMonth", "strike", "right"),
            *("exchange", "currency", "localSymbol"),
        ),
        "order": ("action", "orderType", "totalQuantity"),
    }
)
#: What may differ: times, which are never the same twice; what only asks for more of the same; and
#: what says something of the client and not of the request.
_LOOSE = frozenset(
    {
        *("endDateTime", "startDateTime", "genericTickList", "optionalCapabilities", "numIds"),
        *("attachedOrders", "executionFilter", "orderCancel"),
    }
)


def agrees(wanted: Expect, heard: Heard, *, exactly: bool) -> bool:
    """Whether a live message is the one that a script waits for; its ids are not looked at.

    Args:
        wanted: The script's.
        heard: The client's.
        exactly: Every field has to be right. Otherwise, of a tape, what the answer depends on: not
            times, not prices of orders. Of a transcript always what the transcript says.
    """
    if wanted.kind is None or heard.kind is None:
        return wanted.body is not None and wanted.body == heard.body
    if wanted.kind is not heard.kind:
        return False
    if wanted.message is None:
        return wanted.body is None or wanted.body == heard.body
    ids = frozenset(path for path, _ in id_paths(wanted.message.DESCRIPTOR))
    if not wanted.whole:
        return _holds(wanted.message, heard.message, ids)
    if exactly:
        return _holds(wanted.message, heard.message, ids) and _holds(
            heard.message, wanted.message, ids
        )
    return _alike(wanted.message, heard.message, ids)


def differences(wanted: Expect, heard: Heard, *, exactly: bool) -> list[str]:
    """In which fields a message of the right kind is not the one that is waited for."""
    if wanted.message is None or heard.message is None:
        return []
    ids = frozenset(".".join(path) for path, _ in id_paths(wanted.message.DESCRIPTOR))
    script, live = dict(fields_of(wanted.message)), dict(fields_of(heard.message))
    found = []
    for path in dict.fromkeys((*script, *(live if wanted.whole else ()))):
        first, _, rest = path.partition(".")
        loose = first in _LOOSE or (first in _DECISIVE and rest not in _DECISIVE[first])
        if is_sensitive(path.rpartition(".")[2]) or (
            not exactly and (path in ids or (wanted.whole and loose))
        ):
            continue
        one, two = script.get(path, ""), live.get(path, "")
        if one != two and {one, two} - NOTHING:
            found.append(f"{path}={two or 'nothing'} where the script has {one or 'nothing'}")
    return found


def _alike(wanted: Any, heard: Any, ids: frozenset[tuple[str, ...]]) -> bool:
    """Whether the answer to one request is an answer to the other."""
    for field in wanted.DESCRIPTOR.fields:
        name = field.name
        if (name,) in ids or name in _LOOSE or is_sensitive(name):
            continue
        one, two = getattr(wanted, name), getattr(heard, name)
        if name in _DECISIVE:
            if any(getattr(one, part) != getattr(two, part) for part in _DECISIVE[name]):
                return False
        elif field.type != FieldDescriptor.TYPE_MESSAGE:
            if one != two:
                return False
        elif not (
            field.is_repeated
            or field.message_type.GetOptions().map_entry
            or (_holds(one, two, ()) and _holds(two, one, ()))
        ):
            return False
    return True


def _holds(wanted: Any, given: Any, ids: Collection[tuple[str, ...]]) -> bool:
    """Whether ``given`` has every field of ``wanted`` with the same value, but ids and names."""
    for field, value in wanted.ListFields():
        if (field.name,) in ids or is_sensitive(field.name):
            continue
        other = getattr(given, field.name)
        if field.type != FieldDescriptor.TYPE_MESSAGE:
            if value != other:
                return False
        elif field.message_type.GetOptions().map_entry:
            if dict(value) != dict(other):
                return False
        elif field.is_repeated:
            inner = [path[1:] for path in ids if path[0] == field.name]
            if len(value) != len(other) or not all(
                _holds(one, two, inner) for one, two in zip(value, other, strict=True)
            ):
                return False
        elif not _holds(value, other, [path[1:] for path in ids if path[0] == field.name]):
            return False
    return True


def new_message(kind: MessageType) -> Any:
    """An empty message of a kind.

    Raises:
        ParseError: The message has no protobuf form.
    """
    if kind.proto is None:
        raise ParseError("this message has no protobuf form", message=kind.name)
    return class_of(kind.proto)()
