"""IB's own code as the judge: its decoder for answers, its client for requests.

Nothing of it is copied or changed; a recording wrapper listens, and a recording connection takes
what the client sends.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, ClassVar

import attrs
from ibapi import comm
from ibapi.client import EClient
from ibapi.wrapper import EWrapper

# IB's, but that it looks at the callbacks' signatures once a process.
from twsloop.connection.dispatch import Decoder

__all__ = ["Call", "Decoder", "Heard", "decode", "requests", "simple"]

RAW_ID_SINCE = 201
PROTOBUF_OFFSET = 200


@attrs.frozen
class Call:
    """One callback, with its arguments made comparable."""

    name: str
    args: tuple[Any, ...]


@attrs.frozen
class Heard:
    """What IB's decoder made of one body.

    Attributes:
        calls: The classic callbacks; the protobuf twins are left out.
        twins: The names of the protobuf callbacks.
        leftover: Text fields that the decoder did not take; None where it cannot tell.
    """

    calls: tuple[Call, ...]
    twins: tuple[str, ...]
    leftover: int | None


class _Recorder(EWrapper):
    def __init__(self) -> None:
        super().__init__()
        self.calls: list[Call] = []

    def __getattribute__(self, name: str) -> Any:
        if name in _CALLBACKS:
            calls = self.calls
            return lambda *args: calls.append(Call(name, tuple(simple(arg) for arg in args)))
        return super().__getattribute__(name)


_CALLBACKS = {
    name
    for name, value in vars(EWrapper).items()
    if callable(value) and not name.startswith("_") and name != "logAnswer"
}


class _Fields(tuple[bytes, ...]):
    """The fields as the decoder gets them; remembers the iterator it takes them from."""

    __slots__ = ()
    iterators: ClassVar[list[Iterator[bytes]]] = []

    def __iter__(self) -> Iterator[bytes]:
        iterator = super().__iter__()
        self.iterators.append(iterator)
        return iterator


def decode(body: bytes, server_version: int) -> Heard:
    """Hand a body to IB's decoder, as its run() does; whatever it raises is raised."""
    recorder = _Recorder()
    decoder = Decoder(recorder, server_version)
    leftover: int | None = None
    if server_version >= RAW_ID_SINCE:
        number, rest = int.from_bytes(body[:4], "big"), body[4:]
    else:
        head, _, rest = body.partition(b"\0")
        number = int(head)
    if number > PROTOBUF_OFFSET:
        decoder.processProtoBuf(rest, number - PROTOBUF_OFFSET)
    else:
        _Fields.iterators.clear()
        fields = _Fields(comm.read_fields(rest))
        decoder.interpret(fields, number)
        # Messages read by signature are checked for their length by IB and then not called at all.
        if fields.iterators:
            leftover = sum(1 for _ in fields.iterators.pop())
    calls = [call for call in recorder.calls if not call.name.endswith("ProtoBuf")]
    twins = [call.name for call in recorder.calls if call.name.endswith("ProtoBuf")]
    return Heard(tuple(calls), tuple(twins), leftover)


def simple(value: Any) -> Any:
    """Turn an argument into plain comparable data; numbers of every type become Decimals."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int | float | Decimal):
        return _number(value)
    if isinstance(value, str):
        return str(value)
    if isinstance(value, list | tuple):
        return tuple(simple(item) for item in value)
    if isinstance(value, dict):
        return {key: simple(item) for key, item in value.items()}
    if isinstance(value, set | frozenset):
        return tuple(sorted(simple(item) for item in value))
    if isinstance(value, enum.Enum):
        return str(value)
    if hasattr(value, "__dict__") and value.__dict__:
        return {key: simple(item) for key, item in vars(value).items()}
    return str(value)


def _number(value: float | Decimal) -> Decimal:
    return Decimal(repr(value)) if isinstance(value, float) else Decimal(value)


class _Connection:
    """What the client sends, frame by frame."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.wrapper: Any = None

    def isConnected(self) -> bool:
        return True

    def sendMsg(self, data: bytes) -> int:
        self.sent.append(bytes(data))
        return len(data)

    def disconnect(self) -> None:
        """Nothing to end."""


def requests(send: Callable[[Any], object], server_version: int) -> list[bytes]:
    """The bodies that IB's client sends at a forced server version.

    Args:
        send: Makes one request, or several, of the client it is given.
        server_version: What the client believes to speak.
    """
    recorder = _Recorder()
    client = EClient(recorder)
    connection = _Connection()
    client.conn = connection
    client.serverVersion_ = server_version
    client.setConnState(EClient.CONNECTED)
    send(client)
    errors = [call for call in recorder.calls if call.name == "error"]
    if errors:
        raise AssertionError(f"the official client refused: {errors}")
    bodies = []
    for frame in connection.sent:
        (size, message, rest) = comm.read_msg(frame)
        assert size == len(message)
        assert rest == b""
        bodies.append(message)
    return bodies
