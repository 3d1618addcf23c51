"""Hot messages by the million into the compiled stream: it does what the one in Python does.

``make fuzz`` feeds a million messages of all hot kinds, at many versions, half of them spoilt:
bytes flipped, put in, cut out, doubled; in pieces of any size; to callbacks that raise, change
routes, collect garbage and stop the stream. Both streams are fed the same; each message has to end
the same way, by IB's decoder where it was declined. Then a million go to the compiled stream alone,
and memory has to stay level, by Python's count and by the system's.

Each round is made from its number alone, so that one that fails can be had again.
"""

from __future__ import annotations

import argparse
import faulthandler
import gc
import random
import sys
import time
import tracemalloc
from pathlib import Path
from typing import Any

from google.protobuf.descriptor import FieldDescriptor

from tests.wire.hot import bodies
from tests.wire.hot.oracle import Ear, Told, judge, make_body
from twsloop.errors import FramingError
from twsloop.ids import FIRST_REQUEST_ID
from twsloop.wire.framing import frame
from twsloop.wire.hot.calls import CALLED, HOT, Calls, Route
from twsloop.wire.hot.stream import MessageStream as InPython
from twsloop.wire.messages import INBOUND, RAW_ID_SINCE, message_class

__all__ = ["compare_round", "flood", "memory_after", "run"]

VERSIONS = (100, 108, 120, 131, 140, 150, 155, 160, 200, 201, 206, 225)
#: Messages of a round.
ROUND = 40
#: Above any frame that is made here, so that a spoilt length is met.
LIMIT = 4096
#: How much more memory there may be after a million messages than before, in bytes.
GROWTH, RESIDENT_GROWTH = 100_000, 4_000_000

_INTEGERS = (0, 1, 2, 3, 4, 13, 83, 111, -1, FIRST_REQUEST_ID, 2**31 - 1)
_TEXTS = ("100", "0.5", "", "x", "7" * 30, "NASDAQ", "\u00e9", "2147483647", "1E+5")


def _value(rng: random.Random, field: Any) -> Any:
    kind = field.type
    if kind == FieldDescriptor.TYPE_INT32:
        return rng.choice(_INTEGERS)
    if kind == FieldDescriptor.TYPE_INT64:
        return rng.choice((0, 1_700_000_000, -1, 2**62))
    if kind == FieldDescriptor.TYPE_BOOL:
        return rng.random() < 0.5
    if kind == FieldDescriptor.TYPE_DOUBLE:
        return rng.choice((0.0, -1.0, -2.0, rng.uniform(0, 500), float("nan"), 1e300))
    return rng.choice(_TEXTS) if rng.random() < 0.4 else str(rng.randrange(10**6))


def _message(rng: random.Random, name: str, absent: float) -> Any:
    message = message_class(name)()
    for field in message.DESCRIPTOR.fields:
        if rng.random() < absent:
            continue
        if field.message_type is not None:
            part = _message(rng, field.message_type.name, absent)
            getattr(message, field.name).CopyFrom(part)
        else:
            setattr(message, field.name, _value(rng, field))
    return message


def _spoilt(rng: random.Random, payload: bytes) -> bytes:
    data = bytearray(payload)
    for _ in range(rng.randint(1, 3)):
        place = rng.randrange(len(data) + 1)
        how = rng.randrange(5)
        if how == 0:
            del data[place:]
        elif how == 1:
            del data[place : place + rng.randint(1, 4)]
        elif how == 2:
            data[place:place] = rng.randbytes(rng.randint(1, 4))
        elif how == 3:
            data += payload[place:]
        elif place < len(data):
            data[place] ^= 1 << rng.randrange(8)
    return bytes(data)


def _body(rng: random.Random, version: int) -> bytes:
    number = rng.choice([*HOT])
    row = INBOUND[number]
    if rng.random() < 0.03:
        return rng.randbytes(rng.randrange(9))
    protobuf = version >= RAW_ID_SINCE and rng.random() < 0.6
    if protobuf:
        payload = _message(rng, str(row.proto), rng.choice((0, 0.2))).SerializeToString()
        if rng.random() < 0.5:
            payload = _spoilt(rng, payload)
        return make_body(number, payload, version, protobuf=True)
    body = bodies.valid_texts(number, max(version, row.since), rng.randrange(10**6))
    if rng.random() < 0.5:
        begin = 4 if version >= RAW_ID_SINCE else body.index(b"\0") + 1
        body = body[:begin] + _spoilt(rng, body[begin:])
    return body


def _outcome(version: int, body: bytes, heard: list[Told | bytes]) -> Any:
    """What becomes of a message in the end, the long way included."""
    if heard != [body]:
        return tuple(heard)
    try:
        verdict = judge(body, version)
    except LookupError:
        return body
    return body if verdict.error is not None else verdict.calls


class _Acting(Ear):
    """Writes down what it hears, and does what the round says after some messages."""

    def __init__(self, rng: random.Random) -> None:
        falls = rng.sample(CALLED, rng.randint(0, 3))
        super().__init__({name: ValueError(name) for name in falls})
        self.stream: Any = None
        self.done = 0
        self.acts = {rng.randrange(2 * ROUND): rng.random() for _ in range(3)}
        self.rng = random.Random(rng.random())
        self.message_done = self.act

    def act(self) -> None:
        self.log.append(None)
        self.done += 1
        chance = self.acts.get(self.done)
        if chance is None:
            return
        if chance < 0.1:
            self.stream.stop()
        elif chance < 0.7:
            self.stream.route(self.rng.choice([*HOT]), self.rng.choice([*Route]))
        elif chance < 0.8:
            self.stream.route(self.rng.choice([*HOT]), Route.HOT)
        else:
            gc.collect(0)


def compare_round(stream_class: Any, number: int) -> int:
    """Feed one round to both streams.

    Returns:
        How many messages it had.

    Raises:
        AssertionError: They differ; the round's number is in it.
    """
    rng = random.Random(number)
    version = rng.choice(VERSIONS)
    sent = [_body(rng, version) for _ in range(ROUND)]
    data = bytearray(b"".join(map(frame, sent)))
    if rng.random() < 0.1:
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        sent = []  # the frames may be others now: what is heard is compared as it is
    cuts = sorted(rng.randrange(len(data) + 1) for _ in range(rng.randint(0, 12)))
    pieces = [bytes(data[a:b]) for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]
    found = []
    for chosen in (InPython, stream_class):
        ear = _Acting(random.Random(number))
        ear.stream = chosen(version, ear, ear.other, limit=LIMIT)
        ran: list[Any] = []
        for piece in pieces:
            try:
                ran.append((ear.stream.feed(piece), ear.stream.pending))
            except FramingError as error:
                ran.append((error.length, ear.stream.pending))
        heard = ear.messages()
        if sent:
            ends = [_outcome(version, *pair) for pair in zip(sent, heard, strict=False)]
        else:
            ends = [len(heard)]
        found.append((ran, len(heard), ends))
    assert found[0][:2] == found[1][:2], f"round {number}, version {version}: {found}"
    for index, (python, compiled) in enumerate(zip(found[0][2], found[1][2], strict=True)):
        what = f"round {number}, version {version}, message {index}: {python} and {compiled}"
        assert python == compiled, what
    return ROUND


def run(stream_class: Any, messages: int, first: int = 0) -> int:
    """Compare so many messages; how many rounds that were."""
    number = first
    while messages > 0:
        messages -= compare_round(stream_class, number)
        number += 1
    return number - first


class _Silent:
    """Hears all, and forgets it."""

    def __init__(self) -> None:
        self.low, self.high = Calls(), Calls()
        self.message_done: Any = None

    def failed(self, function: Any, error: BaseException) -> None:
        raise AssertionError(function) from error


def flood(version: int, seed: int) -> bytes:
    """Some thousand messages, whole ones and a few that are declined."""
    rng = random.Random(seed)
    sent = [_body(rng, version) for _ in range(2000)]
    return b"".join(map(frame, sent))


def memory_after(stream_class: Any, data: bytes, times: int, version: int = 225) -> int:
    """Feed this again and again; the bytes that Python has in use then, as tracemalloc counts."""
    sink = _Silent()
    stream = stream_class(version, sink, lambda body: None)
    for turn in range(times):
        cut = turn * 7919 % len(data)
        stream.feed(data[:cut])
        stream.feed(data[cut:])
    del stream
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


def resident() -> int:
    """The memory that the system counts for this program, in bytes; 0 where it does not say."""
    try:
        pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    except OSError:
        return 0
    return int(pages) * 4096


def main() -> None:
    """Run it all, or one round."""
    from twsloop.wire._native import MessageStream  # noqa: PLC0415  (it may not be there)

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--first", type=int, default=0, help="the number of the first round")
    asked = parser.parse_args()
    faulthandler.enable()
    began = time.monotonic()
    rounds = run(MessageStream, asked.messages, asked.first)
    sys.stdout.write(
        f"compiled stream: {asked.messages:,} messages in {rounds:,} rounds as in Python, "
        f"{time.monotonic() - began:.0f} s\n"
    )
    for version in (225, 200):
        data = flood(version, asked.first)
        turns = max(1, asked.messages // 2000)
        tracemalloc.start()
        memory_after(MessageStream, data, 20, version)
        before, held = memory_after(MessageStream, data, 20, version), resident()
        after = memory_after(MessageStream, data, turns, version)
        more = resident() - held
        tracemalloc.stop()
        sys.stdout.write(
            f"compiled stream at {version}: {turns * 2000:,} messages, {after - before:+,} bytes "
            f"by Python's count, {more:+,} by the system's\n"
        )
        assert after - before < GROWTH, "Python's memory grows"
        assert more < RESIDENT_GROWTH, "the program grows"


if __name__ == "__main__":
    main()
