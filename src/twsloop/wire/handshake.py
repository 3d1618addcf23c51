r"""The hello of both sides, before any message: who speaks which versions.

::

    client                                      server
    "API\0"                                     (4 bytes, no length in front)
    frame("v100..225 <options>")          -->
                                          <--   frame("200\0" "20261120 12:00:00 UTC\0")
    startApi                              -->

The server's hello is plain text at every version: even above 200 it has no message id. It must
leave in one write and alone, because IB's clients drop whatever else comes with it.

The server's side is a table, `_STAGES`: how many bytes a stage waits for, and what reads them.
Nothing is read ahead: the bytes after the hello are kept for the frame reader.

Clients from before 2013 (below version 100) send no prefix: their version as text ended by NUL, and
messages without frames. They are not served, but told so in their own protocol (`old_hello`,
`old_refusal`), because such a client shows its user what an error message says, and of a
connection that only ends nothing at all.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType

import attrs

from twsloop.errors import HandshakeError

from .framing import LENGTH_SIZE, frame

__all__ = [
    "HELLO_LIMIT",
    "MAX_CLIENT_VERSION",
    "MIN_CLIENT_VERSION",
    "PREFIX",
    "ClientHello",
    "ServerHandshake",
    "ServerHello",
    "client_hello",
    "negotiate",
    "old_hello",
    "old_refusal",
    "parse_server_hello",
    "server_hello",
]

MIN_CLIENT_VERSION = 100
"""The oldest server version we speak: the first one with this hello."""

MAX_CLIENT_VERSION = 225
"""The newest server version whose messages we know (ibapi 10.46.1)."""

PREFIX = b"API\0"
"""What a client sends first, outside of any frame."""

HELLO_LIMIT = 4096
"""The longest client hello we read, in bytes: a version range and a line of connect options."""

OLD_SERVER_VERSION = 76
"""What an old client is told we are: the newest version that spoke the protocol without frames."""

UNSUPPORTED_VERSION = 506
"""IB's error code for two sides that have no version in common."""

_OLD_VERSION_DIGITS = 3
_MIXED = range(201, 213)
_TEXT = 200

_HELLO = re.compile(r"v(\d{1,6})(?:\.\.(\d{1,6}))?(?: (.*))?", re.DOTALL)


@attrs.frozen
class ClientHello:
    """What a client announced.

    Attributes:
        min_version: The oldest server version it speaks.
        max_version: The newest.
        options: Its connect options, such as ``+PACEAPI``; usually empty.
    """

    min_version: int
    max_version: int
    options: str = ""


@attrs.frozen
class ServerHello:
    """What a server answered.

    Attributes:
        server_version: The version both sides speak from now on.
        connection_time: ``YYYYMMDD HH:MM:SS TZ`` as bytes, unread, as IB's client keeps it.
    """

    server_version: int
    connection_time: bytes


def client_hello(
    min_version: int = MIN_CLIENT_VERSION,
    max_version: int = MAX_CLIENT_VERSION,
    options: str = "",
) -> bytes:
    """Write the client's first bytes, prefix and frame, for one write."""
    text = f"v{min_version}..{max_version}" + (f" {options}" if options else "")
    return PREFIX + frame(text.encode("ascii"))


def parse_server_hello(body: bytes) -> ServerHello:
    """Read the body of the server's first frame.

    Raises:
        HandshakeError: It is not two fields, or the first is not a number.
    """
    fields = body.split(b"\0")
    if fields[-1] != b"" or len(fields) != 3:
        raise HandshakeError(
            f"the server's hello has to be a version and a time, each ended by NUL; got {body!r}"
        )
    version, time = fields[0], fields[1]
    if not version.isdigit() or len(version) > 6:
        raise HandshakeError(f"the server's hello names no version: {version!r}")
    return ServerHello(server_version=int(version), connection_time=time)


def server_hello(version: int, connection_time: str) -> bytes:
    """Write the server's hello, framed; send it in one write of its own.

    Args:
        version: The version that `negotiate` chose.
        connection_time: ``YYYYMMDD HH:MM:SS TZ``; a time zone name of IANA or ``UTC``.
    """
    return frame(f"{version}\0{connection_time}\0".encode("ascii"))


def old_hello(connection_time: str) -> bytes:
    """Write the hello that a client from before the ``API`` prefix waits for, without a frame.

    Args:
        connection_time: ``YYYYMMDD HH:MM:SS TZ``.
    """
    return f"{OLD_SERVER_VERSION}\0{connection_time}\0".encode("ascii")


def old_refusal(text: str) -> bytes:
    """Write an error message (4, version 2, no id) as such a client reads it, without a frame."""
    fields = ("4", "2", "-1", str(UNSUPPORTED_VERSION), text, "")
    return "\0".join(fields).encode("ascii")


def negotiate(
    hello: ClientHello,
    own_max: int = MAX_CLIENT_VERSION,
    own_min: int = MIN_CLIENT_VERSION,
) -> int:
    """Choose the version a server answers with.

    It is the newest that both speak. 201..212 mix text and protobuf by a table that IB never
    published for the server's side, so 200 is answered in their place.

    Raises:
        HandshakeError: There is no such version.
    """
    version = min(hello.max_version, own_max)
    if version in _MIXED:
        version = _TEXT
    if version < max(hello.min_version, own_min):
        raise HandshakeError(
            f"the client speaks versions {hello.min_version}..{hello.max_version}, "
            f"this server {own_min}..{own_max} without {_MIXED.start}..{_MIXED.stop - 1}: "
            "there is none in common"
        )
    return version


class _Stage(enum.Enum):
    PREFIX = "the prefix"
    LENGTH = "the length of the hello"
    HELLO = "the hello"
    DONE = "done"


class ServerHandshake:
    """Read a client's hello from its first bytes, in pieces of any size.

    Attributes:
        old_version: What a client from before the prefix announced; None for all others.
    """

    def __init__(self) -> None:
        self._stage = _Stage.PREFIX
        self._buffer = bytearray()
        self._wanted = len(PREFIX)
        self._hello: ClientHello | None = None
        self._error: HandshakeError | None = None
        self.old_version: int | None = None

    @property
    def hello(self) -> ClientHello | None:
        """The client's hello, once it is complete."""
        return self._hello

    def feed(self, data: bytes) -> None:
        """Take bytes from the client.

        Raises:
            HandshakeError: They are not a hello; every further call raises it too.
        """
        if self._error is not None:
            raise self._error
        self._buffer += data
        try:
            self._read()
        except HandshakeError as error:
            self._error = error
            self._buffer.clear()
            raise

    def rest(self) -> bytes:
        """Hand out, once, the bytes that came after the hello."""
        if self._stage is not _Stage.DONE:
            return b""
        rest = bytes(self._buffer)
        self._buffer.clear()
        return rest

    def _read(self) -> None:
        if self._stage is _Stage.PREFIX:
            if self._buffer[:1].isdigit():
                self._read_old_version()
                return
            _refuse_wrong_prefix(bytes(self._buffer[: len(PREFIX)]))
        while self._stage is not _Stage.DONE and len(self._buffer) >= self._wanted:
            piece = bytes(self._buffer[: self._wanted])
            del self._buffer[: self._wanted]
            _STAGES[self._stage](self, piece)

    def _read_old_version(self) -> None:
        """Read what clients from before the prefix begin with: their version, ended by NUL."""
        digits, end, _ = bytes(self._buffer).partition(b"\0")
        if not digits.isdigit() or len(digits) > _OLD_VERSION_DIGITS:
            raise HandshakeError(f"the client has to start with {PREFIX!r}; it sent {digits!r}")
        if end:
            self.old_version = int(digits)
            raise HandshakeError(
                f"this client is older than the API prefix (it sent its version, "
                f"{self.old_version}, as text); ibapi 9.71 or newer is needed"
            )

    def _after_prefix(self, _piece: bytes) -> None:
        self._stage, self._wanted = _Stage.LENGTH, LENGTH_SIZE

    def _after_length(self, piece: bytes) -> None:
        length = int.from_bytes(piece, "big")
        if length > HELLO_LIMIT:
            raise HandshakeError(
                f"the client announced a hello of {length} bytes; at most {HELLO_LIMIT} are read"
            )
        self._stage, self._wanted = _Stage.HELLO, length

    def _after_hello(self, piece: bytes) -> None:
        self._hello = _parse_client_hello(piece)
        self._stage, self._wanted = _Stage.DONE, 0


_STAGES: Mapping[_Stage, Callable[[ServerHandshake, bytes], None]] = MappingProxyType(
    {
        _Stage.PREFIX: ServerHandshake._after_prefix,  # noqa: SLF001 - the class's own table
        _Stage.LENGTH: ServerHandshake._after_length,  # noqa: SLF001
        _Stage.HELLO: ServerHandshake._after_hello,  # noqa: SLF001
    }
)


def _refuse_wrong_prefix(start: bytes) -> None:
    """Say early what came instead of the prefix, even when fewer than four bytes came."""
    if start == PREFIX[: len(start)]:
        return
    raise HandshakeError(f"the client has to start with {PREFIX!r}; it sent {start!r}")


def _parse_client_hello(body: bytes) -> ClientHello:
    try:
        match = _HELLO.fullmatch(body.decode("ascii"))
    except UnicodeDecodeError:
        match = None
    if match is None:
        raise HandshakeError(f'the client\'s hello has to read "v100..225 options"; got {body!r}')
    oldest = int(match[1])
    newest = int(match[2]) if match[2] is not None else oldest
    if newest < oldest:
        raise HandshakeError(f"the client announced no version at all: {body!r}")
    return ClientHello(min_version=oldest, max_version=newest, options=match[3] or "")
