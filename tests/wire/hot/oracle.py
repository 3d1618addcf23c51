"""The judge of the hot path: what IB's own decoder calls for the same bytes.

`judge` hands one body to IB's `Decoder`, as the long way does, with our one known correction: an
absent attrMask of a price means that no attribute is set. `Ear` is a sink that writes down all that
a stream or a handler tells it, and `through` feeds a stream with bodies, cut into reads anywhere.
`compare` says what the rule of the hot path asks of each message: either it was handed on whole and
nothing was called, or exactly what IB's decoder calls was called.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any

import attrs
from ibapi.comm import read_fields
from ibapi.decoder import Decoder
from ibapi.wrapper import EWrapper

from twsloop.ids import FIRST_REQUEST_ID
from twsloop.wire.framing import frame
from twsloop.wire.hot.calls import CALLED, HOT, Calls
from twsloop.wire.messages import message_class

__all__ = ["Ear", "Judgement", "Told", "compare", "frozen", "judge", "make_body", "through"]

RAW_ID_SINCE = 201
PROTOBUF_OFFSET = 200
TICK_PRICE = 1
#: Where a signature decides how a message is read, so many fields it has to have.
EXACT_FIELDS = {45: 4, 46: 4}


@attrs.frozen
class Told:
    """One call, its arguments made comparable: values, types, and the attributes of objects."""

    name: str
    args: tuple[Any, ...]

    @classmethod
    def of(cls, name: str, args: Iterable[Any]) -> Told:
        """Write down a call now: the listener may change its arguments later."""
        return cls(name, tuple(frozen(value) for value in args))


@attrs.frozen
class Judgement:
    """What IB's decoder makes of a body.

    Attributes:
        calls: The classic callbacks, in order; the protobuf twins are left out.
        error: What it could not read; then nothing may be called. None if all is well.
    """

    calls: tuple[Told, ...]
    error: str | None


def frozen(value: Any) -> Any:
    """A value with its type, so that nothing equal to it is anything else."""
    kind = type(value)
    if kind is float:
        return kind, "nan" if math.isnan(value) else value.hex()
    if kind is Decimal:
        return kind, str(value)
    if value is None or kind in {int, bool, str, bytes}:
        return kind, value
    return kind, tuple((name, frozen(part)) for name, part in sorted(vars(value).items()))


# ---- IB's decoder


class _Recorder(EWrapper):
    """Writes down the classic callbacks; the protobuf twins do nothing."""

    calls: list[Told]


def _record(name: str) -> Callable[..., None]:
    def callback(self: _Recorder, *args: Any) -> None:
        self.calls.append(Told.of(name, args))

    return callback


def _nothing(_self: _Recorder, *_args: Any) -> None:
    """Pass over a protobuf twin."""


for _name, _value in list(vars(EWrapper).items()):
    if callable(_value) and not _name.startswith("_"):
        setattr(_Recorder, _name, _nothing if _name.endswith("ProtoBuf") else _record(_name))


@functools.cache
def _decoder(version: int) -> tuple[Decoder, _Recorder]:
    recorder = _Recorder()
    return Decoder(recorder, version), recorder


@functools.lru_cache(maxsize=4096)
def judge(body: bytes, version: int) -> Judgement:
    """Hand one body, its id included, to IB's decoder."""
    decoder, recorder = _decoder(version)
    recorder.calls = []
    try:
        _decode(decoder, body, version)
    except Exception as error:
        return Judgement((), type(error).__name__)
    return Judgement(tuple(recorder.calls), None)


def _decode(decoder: Decoder, body: bytes, version: int) -> None:
    if version >= RAW_ID_SINCE:
        if len(body) < 4:
            raise ValueError(body)
        number, payload = int.from_bytes(body[:4], "big"), body[4:]
        if number > PROTOBUF_OFFSET:
            number -= PROTOBUF_OFFSET
            if number not in HOT:
                raise LookupError(number)
            decoder.processProtoBuf(
                _corrected(payload) if number == TICK_PRICE else payload, number
            )
            return
    else:
        head, _, payload = body.partition(b"\0")
        number = int(head)
    if number not in HOT:
        raise LookupError(number)
    fields = read_fields(payload)
    if len(fields) != EXACT_FIELDS.get(number, len(fields)):
        raise ValueError(fields)
    decoder.interpret(fields, number)


def _corrected(payload: bytes) -> bytes:
    """A price whose absent mask says that nothing is set, and whose empty size that there is none.

    IB's decoder reads an absent mask as 2147483647, so that all three attributes come out true, and
    stumbles over an empty size.
    """
    message: Any = message_class("TickPrice").FromString(payload)
    if message.HasField("attrMask") and (message.size or not message.HasField("size")):
        return payload
    message.attrMask = message.attrMask
    if not message.size:
        message.ClearField("size")
    corrected: bytes = message.SerializeToString()
    return corrected


# ---- what we make of it


class Ear:
    """A sink that writes down what it is told.

    Args:
        raising: Callbacks that raise, by name, and what.

    Attributes:
        log: ``Told`` for each call, the bytes of each body that was handed on, None for the end of
            each message.
        failures: The callbacks that raised, and what.
    """

    def __init__(self, raising: dict[str, BaseException] | None = None) -> None:
        self.log: list[Told | bytes | None] = []
        self.failures: list[tuple[str, BaseException]] = []
        self.message_done: Callable[[], object] | None = lambda: self.log.append(None)
        self.low, self.high = Calls(), Calls()
        for calls, mine in ((self.low, _is_low), (self.high, _is_high)):
            for name in CALLED:
                error = (raising or {}).get(name)
                setattr(calls, name, functools.partial(self._tell, mine, name, error))

    def _tell(
        self,
        mine: Callable[[int], bool],
        name: str,
        error: BaseException | None,
        req_id: int,
        *args: Any,
    ) -> None:
        told = name if mine(req_id) else f"{name}, told to the wrong side"
        self.log.append(Told.of(told, (req_id, *args)))
        if error is not None:
            raise error

    def failed(self, function: Any, error: BaseException) -> None:
        """Note a callback that raised."""
        self.failures.append((function.args[1], error))

    def other(self, body: bytes) -> None:
        """Note a message that was handed on."""
        self.log.append(bytes(body))

    def messages(self) -> list[list[Told | bytes]]:
        """What came of each message that is over."""
        found: list[list[Told | bytes]] = [[]]
        for entry in self.log:
            if entry is None:
                found.append([])
            else:
                found[-1].append(entry)
        assert not found[-1], "a message did not end"
        return found[:-1]


def _is_low(req_id: int) -> bool:
    return req_id < FIRST_REQUEST_ID


def _is_high(req_id: int) -> bool:
    return req_id >= FIRST_REQUEST_ID


def make_body(number: int, payload: bytes, version: int, *, protobuf: bool) -> bytes:
    """A body: the id as this version writes it, and what follows."""
    if version >= RAW_ID_SINCE:
        return (number + PROTOBUF_OFFSET * protobuf).to_bytes(4, "big") + payload
    assert not protobuf
    return b"%d\0" % number + payload


def through(
    stream_class: Any, version: int, bodies: Sequence[bytes], cuts: Iterable[int] = ()
) -> list[list[Told | bytes]]:
    """Feed a stream with bodies, cut into reads at these places; what came of each body."""
    ear = Ear()
    stream = stream_class(version, ear, ear.other)
    data = b"".join(frame(body) for body in bodies)
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    pieces = [data[begin:end] for begin, end in itertools.pairwise(places)]
    count = sum(stream.feed(piece) for piece in pieces)
    assert (count, stream.pending) == (len(bodies), 0)
    heard = ear.messages()
    assert len(heard) == len(bodies)
    return heard


def compare(body: bytes, version: int, heard: list[Told | bytes], *, decoded: bool = False) -> None:
    """What came of a body is what the rule allows.

    Args:
        body: The body, its id included.
        version: The protocol version.
        heard: What came of it.
        decoded: It may not decline.
    """
    if heard == [body] and not decoded:
        return
    verdict = judge(body, version)
    assert verdict.error is None, (verdict, heard)
    assert tuple(heard) == verdict.calls
