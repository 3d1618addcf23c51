"""Malformed frames and fields by the million at a paper gateway in a process of its own.

``make fuzz`` sends a million of them in text and a million in protobuf. What must hold:

- the gateway does not end, and no handler of it fails (its log shows no traceback);
- every frame that cannot be read is answered so (320), and every question for the time in its turn;
- a connection whose frames are whole stays, whatever is in them; one whose framing breaks is ended;
- another client is undisturbed: its quotes go on, and it is answered all the time;
- it does not grow: what a frame left behind would show in a million of them.

Frames are made from real requests of every kind: with bytes flipped, cut, doubled or put in, with
fields that are empty, huge, negative, no number, no text; and from nothing at all. The same seed
makes the same frames.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs

from tests.support.protos import build
from twsloop.errors import EncodeError, FramingError, ParseError
from twsloop.wire import codec, framing, handshake
from twsloop.wire.messages import (
    INBOUND_BY_NAME,
    OUTBOUND,
    OUTBOUND_BY_NAME,
    PROTOBUF_OFFSET,
    RAW_ID_SINCE,
    Direction,
    message_class,
)

ROOT = Path(__file__).resolve().parents[2]
#: Requests of each kind that frames are made from.
KINDS_EACH = 12
#: Frames in one write; the gateway is asked the time after each.
BATCH = 400
#: One frame in so many has a length that no frame may have.
BREAK_EVERY = 20_000
#: A session ends after so many frames, and with it what it had subscribed.
SESSION = 40_000
#: The gateway has to answer within this time, however much it has to read before, seconds.
PATIENCE_S = 30.0
#: What the gateway says of a frame that it cannot read begins so.
REFUSED = b"Error reading request"
#: By so much it may grow after its first tenth of the frames, in MiB.
GROWTH_MIB = 40.0
NASTY = (
    *(b"", b"-1", b"0", b"1", b"99999999999999999999", b"2147483647", b"-2147483648", b"1e400"),
    *(
        b"nan",
        b"Infinity",
        b"1.7976931348623157E308",
        b"9223372036854775807",
        b"\xff\xfe",
        b"\x1b[",
    ),
    *(b"A" * 5000, b"AAPL", b"SMART", b"%s%n", b"20269999 99:99:99", b"USD", b"1,5", b" ", b"\n"),
)

SERVE = """
import logging, sys
from twsloop.paper import PaperGateway
logging.basicConfig(filename=sys.argv[1], level=logging.ERROR)
with PaperGateway(seed=int(sys.argv[2])) as gateway:
    print(gateway.port, flush=True)
    sys.stdin.read()
"""


class Trouble(Exception):
    """Something did not hold."""


@attrs.define
class Outcome:
    """What a storm came to.

    Attributes:
        version: The server version.
        frames: How many frames were sent.
        seconds: In which time.
        answers: How many messages came back.
        unreadable: How many of the frames no gateway can read.
        refused: How many times the gateway said that it could not.
        reconnects: How many sessions it took.
        first_mib: Resident memory after the first tenth.
        last_mib: Resident memory at the end.
        ticks: How many messages the other client was told meanwhile.
    """

    version: int
    frames: int = 0
    seconds: float = 0.0
    answers: int = 0
    unreadable: int = 0
    refused: int = 0
    reconnects: int = 0
    first_mib: float = 0.0
    last_mib: float = 0.0
    ticks: int = 0


class Frames:
    """Makes malformed bodies for one server version."""

    def __init__(self, version: int, seed: int) -> None:
        self.chance = random.Random(f"{seed} {version}")
        self.corpus: list[bytes] = []
        for kind in OUTBOUND.values():
            if kind.proto is None or kind.since > version or kind.name == "startApi":
                continue
            for number in range(KINDS_EACH):
                # What exists in protobuf alone has no layout to be built from: ids at most.
                message = (
                    build(kind, version, seed * 1000 + number)
                    if kind.text
                    else message_class(kind.proto)(reqId=number)
                )
                with contextlib.suppress(EncodeError):
                    self.corpus.append(codec.encode(kind, message, version))
        self.text = version < RAW_ID_SINCE
        self.ways: tuple[Callable[[bytearray], bytearray], ...] = (
            self._flip,
            self._cut,
            self._put_in,
            self._double,
            self._field,
            self._field,
            self._number,
            self._anything,
        )

    def body(self) -> bytes:
        """One more."""
        chance = self.chance
        body = bytearray(chance.choice(self.corpus))
        for _ in range(1 + (chance.random() < 0.3)):
            body = chance.choice(self.ways)(body)
        return bytes(body)

    def _place(self, body: bytearray) -> int:
        return self.chance.randrange(len(body) + 1)

    def _flip(self, body: bytearray) -> bytearray:
        for _ in range(self.chance.randint(1, 4)):
            if body:
                body[self.chance.randrange(len(body))] = self.chance.randrange(256)
        return body

    def _cut(self, body: bytearray) -> bytearray:
        return body[: self._place(body)]

    def _put_in(self, body: bytearray) -> bytearray:
        place = self._place(body)
        body[place:place] = self.chance.randbytes(self.chance.randint(1, 9))
        return body

    def _double(self, body: bytearray) -> bytearray:
        first, last = sorted((self._place(body), self._place(body)))
        body[last:last] = body[first:last]
        return body

    def _field(self, body: bytearray) -> bytearray:
        """Put something nasty in the place of a text field, or into a protobuf's bytes."""
        nasty = self.chance.choice(NASTY)
        if self.text:
            fields = bytes(body).split(b"\0")
            fields[self.chance.randrange(len(fields))] = nasty
            return bytearray(b"\0".join(fields))
        tag = bytes([self.chance.randrange(1, 128) << 3 & 0xFF | 2, min(len(nasty), 127)])
        body += tag + nasty[:127]
        return body

    def _number(self, body: bytearray) -> bytearray:
        """Another message's number, or none that exists."""
        number = self.chance.choice((*OUTBOUND, 0, 26, 199, 999, -5, 2**31 - 1))
        if self.text:
            _, _, rest = bytes(body).partition(b"\0")
            return bytearray(b"%d\0" % number + rest)
        body[:4] = ((number + 200) & 0xFFFFFFFF).to_bytes(4, "big")
        return body

    def _anything(self, _body: bytearray) -> bytearray:
        return bytearray(self.chance.randbytes(self.chance.randint(0, 60)))


class Session:
    """A raw session with the gateway."""

    def __init__(self, port: int, version: int, client_id: int) -> None:
        self.port, self.version, self.client_id = port, version, client_id
        self.messages = 0
        self.refused = 0
        self.times = 0
        #: How many times the time was asked for, with what a malformed frame asked.
        self.times_asked = 0
        self._came = asyncio.Condition()
        self._ended: str | None = None

    async def open(self) -> None:
        """Connect and start; returns when the time has been told once."""
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        self.writer.write(handshake.client_hello(100, self.version))
        size = int.from_bytes(await self.reader.readexactly(4), "big")
        await self.reader.readexactly(size)
        self.send("startApi", clientId=self.client_id, optionalCapabilities="")
        self._reading = asyncio.create_task(self._read())
        await self.ask_time()

    def send(self, name: str, **fields: Any) -> None:
        """Send a good request."""
        kind = OUTBOUND_BY_NAME[name]
        assert kind.proto is not None
        message = message_class(kind.proto)(**fields)
        self.writer.write(framing.frame(codec.encode(kind, message, self.version)))

    async def ask_time(self) -> None:
        """Ask for the time, and wait for it.

        Raises:
            Trouble: It did not come, or the connection ended.
        """
        self.times_asked += 1
        wanted = self.times_asked
        self.send("reqCurrentTime")
        await self._heard(lambda: self.times >= wanted, "was not answered")

    @property
    def told(self) -> int:
        """How many messages came that are no answers to questions for the time."""
        return self.messages - self.times

    async def hear_more(self, told: int) -> None:
        """Wait until more has been told than so many messages.

        Raises:
            Trouble: Nothing came, or the connection ended.
        """
        await self._heard(lambda: self.told > told, "was told no quote")

    async def _heard(self, condition: Callable[[], bool], trouble: str) -> None:
        try:
            async with asyncio.timeout(PATIENCE_S), self._came:
                await self._came.wait_for(lambda: condition() or self._ended)
        except TimeoutError:
            raise Trouble(f"client {self.client_id} {trouble} in {PATIENCE_S} s") from None
        if not condition():
            raise Trouble(f"client {self.client_id} lost its connection: {self._ended}")

    async def close(self) -> None:
        """End it."""
        self.writer.close()
        await self._reading

    async def ended(self) -> None:
        """Wait until the gateway ends it.

        Raises:
            Trouble: It does not.
        """
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._reading
        except TimeoutError:
            raise Trouble("a broken frame did not end its connection") from None
        self.writer.close()

    def _head(self, name: str) -> bytes:
        """What the gateway's messages of one kind begin with."""
        number = INBOUND_BY_NAME[name].number
        if self.version < RAW_ID_SINCE:
            return b"%d\0" % number
        return (number + PROTOBUF_OFFSET).to_bytes(4, "big")

    async def _read(self) -> None:
        frames = framing.FrameReader()
        time_head, error_head = (self._head(name) for name in ("currentTime", "errMsg"))
        reason = "the gateway closed it"
        try:
            while data := await self.reader.read(1 << 18):
                frames.feed(data)
                for body in frames.frames():
                    self.messages += 1
                    self.times += body.startswith(time_head)
                    self.refused += body.startswith(error_head) and REFUSED in body
                async with self._came:
                    self._came.notify_all()
        except (OSError, FramingError) as error:
            reason = repr(error)
        async with self._came:
            self._ended = reason
            self._came.notify_all()


def resident_mib(pid: int) -> float:
    """The resident memory of a process."""
    for row in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if row.startswith("VmRSS:"):
            return int(row.split()[1]) / 1024
    raise Trouble("the gateway is gone")


def asked_for(body: bytes, version: int) -> str | None:
    """What a frame asks for, by its name; None if it cannot be read."""
    try:
        return codec.decode(Direction.OUTBOUND, body, version).type.name
    except ParseError:
        return None


async def storm(port: int, pid: int, version: int, count: int, seed: int) -> Outcome:
    """Send ``count`` malformed frames at one server version.

    Raises:
        Trouble: Something did not hold.
    """
    frames = Frames(version, seed)
    outcome = Outcome(version)
    began = time.monotonic()
    other = Session(port, version, 1)
    await other.open()
    other.send(
        "reqMktData",
        reqId=1,
        contract={"symbol": "AAPL", "secType": "STK", "exchange": "SMART", "currency": "USD"},
    )
    next_break = BREAK_EVERY
    told = 0
    while outcome.frames < count:
        session = Session(port, version, 100 + outcome.reconnects % 7)
        await session.open()
        outcome.reconnects += 1
        stop = min(outcome.frames + SESSION, count)
        while outcome.frames < stop:
            size = min(BATCH, stop - outcome.frames)
            bodies = [frames.body() for _ in range(size)]
            session.writer.write(b"".join(framing.frame(body) for body in bodies))
            outcome.frames += size
            asked = [asked_for(body, version) for body in bodies if body]
            outcome.unreadable += asked.count(None)
            session.times_asked += asked.count("reqCurrentTime")
            await session.ask_time()
            await other.ask_time()
            if outcome.frames >= count // 10 and not outcome.first_mib:
                outcome.first_mib = resident_mib(pid)
            if outcome.frames >= next_break:
                next_break += BREAK_EVERY
                session.writer.write(b"\x7f\xff\xff\xff" + b"x" * 64)
                await session.ended()
                break
        else:
            await session.close()
        outcome.answers += session.messages
        outcome.refused += session.refused
        await other.hear_more(told)
        told = other.told
    outcome.ticks = other.told
    await other.close()
    outcome.seconds = time.monotonic() - began
    outcome.last_mib = resident_mib(pid)
    return outcome


def run(count: int, seed: int, versions: tuple[int, ...]) -> Iterator[Outcome]:
    """Storm a gateway of its own, one version after the other.

    Raises:
        Trouble: Something did not hold.
    """
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        command = [sys.executable, "-c", SERVE, str(log), str(seed)]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
        ) as gateway:
            assert gateway.stdout is not None
            try:
                port = int(gateway.stdout.readline())
                for version in versions:
                    outcome = asyncio.run(storm(port, gateway.pid, version, count, seed))
                    judge(outcome, log)
                    yield outcome
            finally:
                gateway.communicate()
        if gateway.returncode:
            raise Trouble(f"the gateway ended with {gateway.returncode}")


def judge(outcome: Outcome, log: Path) -> None:
    """Whether the gateway is as it was.

    Raises:
        Trouble: It is not.
    """
    written = log.read_text(encoding="utf-8", errors="replace")
    if written:
        raise Trouble(f"the gateway's log:\n{written[:6000]}")
    if outcome.refused < outcome.unreadable:
        raise Trouble(
            f"at {outcome.version} the gateway said of {outcome.refused:,} frames that it could "
            f"not read them, and there were {outcome.unreadable:,}"
        )
    growth = outcome.last_mib - outcome.first_mib
    if growth > GROWTH_MIB:
        raise Trouble(
            f"at {outcome.version} it grew by {growth:.0f} MiB, from {outcome.first_mib:.0f} MiB "
            f"after a tenth of the frames to {outcome.last_mib:.0f}"
        )


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--frames", type=int, default=1_000_000, help="at each version")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--versions", type=int, nargs="+", default=[200, 225])
    options = parser.parse_args()
    try:
        for one in run(options.frames, options.seed, tuple(options.versions)):
            print(  # noqa: T201 - a program for the terminal
                f"{one.version}: {one.frames:,} malformed frames in {one.seconds:.0f} s "
                f"({one.frames / one.seconds:,.0f}/s), {one.answers:,} answers, "
                f"{one.refused:,} of them that a frame cannot be read, "
                f"{one.reconnects} sessions, the other client was told {one.ticks:,} messages; "
                f"memory {one.first_mib:.0f} -> {one.last_mib:.0f} MiB",
                flush=True,
            )
    except Trouble as trouble:
        sys.exit(f"seed {options.seed}: {trouble}")


if __name__ == "__main__":
    main()
