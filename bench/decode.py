"""What it costs to decode a message, without sockets: IB's decoder, ours in Python and compiled.

Bytes of a session are in memory, cut into pieces of 64 KiB as reads are, and each decoder makes of
them what a program hears: frames, ids, values, fresh attribute objects, and a call of a method that
counts. First the mix of `payload`, then each kind of message by itself. The time is that of the
process, the least of the rounds, which change from one decoder to the next.

::

    python bench/decode.py
    python bench/decode.py --rounds 15 --messages 100000
    python bench/decode.py --rounds 1 --messages 500 --json /tmp/decode.json
"""

from __future__ import annotations

import argparse
import inspect
import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ibapi.comm import read_fields
from ibapi.decoder import Decoder
from ibapi.wrapper import EWrapper

sys.path.insert(0, str(Path(__file__).parent))

from machine import machine, said
from payload import BLOCK, blocks, drawn, message, writers

from twsloop.wire.framing import FrameReader
from twsloop.wire.hot.calls import CALLED, Calls
from twsloop.wire.hot.stream import MessageStream as PythonStream

_native: Any
try:
    from twsloop.wire import _native
except ImportError:  # it is not there without a compiler
    _native = None

#: How much a read brings.
READ = 65_536
#: Request ids, of quotes and of tick-by-tick streams: the framework's own.
IDS, STREAMS = range(2**30, 2**30 + 40), range(2**30 + 40, 2**30 + 80)
#: Protobuf and text.
VERSIONS = (225, 200)
RAW_ID_SINCE, OFFSET = 201, 200
#: Kind in `payload` -> callback.
NAMES = {
    "price": "tickPrice",
    "size": "tickSize",
    "string": "tickString",
    "generic": "tickGeneric",
    "last": "tickByTickAllLast",
    "bid_ask": "tickByTickBidAsk",
}

Feed = Callable[[bytes], object]


# ---- the decoders


class Counting(EWrapper):
    """A program's hooks, each of which counts."""

    def __init__(self) -> None:
        self.total = 0


def _hook(taken: int) -> Callable[..., None]:
    """A method that takes so many arguments, as a program writes them."""
    names = ", ".join(f"a{number}" for number in range(taken))
    scope: dict[str, Any] = {}
    exec(f"def hook(self, {names}):\n    self.total += 1", scope)
    hook: Callable[..., None] = scope["hook"]
    return hook


for _name in CALLED:
    setattr(Counting, _name, _hook(len(inspect.signature(getattr(EWrapper, _name)).parameters) - 1))


class Sink:
    """Calls such hooks straight, as the connection does for the one listener on its thread."""

    message_done = None

    def __init__(self, hooks: Counting) -> None:
        self.low = self.high = Calls()
        for name in CALLED:
            setattr(self.low, name, getattr(hooks, name))

    def failed(self, function: Any, error: BaseException) -> None:
        """No hook of these raises."""
        raise AssertionError(function) from error


def _declined(body: bytes) -> None:
    msg = f"it declined {body!r}"
    raise AssertionError(msg)


def ours(stream: Any) -> Callable[[int, Counting], Feed]:
    """One of our two implementations."""

    def start(version: int, hooks: Counting) -> Feed:
        feed: Feed = stream(version, Sink(hooks), _declined).feed
        return feed

    return start


def official(version: int, hooks: Counting) -> Feed:
    """IB's decoder as its own message loop uses it, behind our framing."""
    decoder, reader = Decoder(hooks, version), FrameReader()

    def feed(data: bytes) -> None:
        reader.feed(data)
        for body in reader.frames():
            if version < RAW_ID_SINCE:
                fields = read_fields(body)
                decoder.interpret(fields[1:], int(fields[0]))
                continue
            number = int.from_bytes(body[:4], "big")
            if number > OFFSET:
                decoder.processProtoBuf(body[4:], number - OFFSET)
            else:
                decoder.interpret(read_fields(body[4:]), number)

    return feed


def decoders() -> dict[str, Callable[[int, Counting], Feed]]:
    """Those that are there."""
    found = {"official": official, "python": ours(PythonStream)}
    if _native is not None:
        found["native"] = ours(_native.MessageStream)
    return found


# ---- what they are given


def kinds(version: int, messages: int) -> Iterator[tuple[str, list[bytes]]]:
    """The mix, then each kind by itself: so many messages twice, the first half to warm up."""
    count = max(1, messages // BLOCK)
    yield "mix", blocks(version, IDS, STREAMS, 2 * count)
    write, req_ids = writers(version), [*IDS, *STREAMS]
    by_kind: dict[str, list[bytes]] = {name: [] for name in NAMES}
    for _, block in zip(range(2 * count), drawn(len(IDS), len(STREAMS)), strict=False):
        for line, values in block:
            by_kind[values[0]].append(write[values[0]](req_ids[line], *values[1:]))
    for kind, parts in by_kind.items():
        yield NAMES[kind], parts
    for name, parts in rare(version).items():
        yield name, parts * (2 * max(1, messages // 10 // len(parts)))


def rare(version: int) -> dict[str, list[bytes]]:
    """A hundred of each of the rest."""
    found: dict[str, list[bytes]] = {}
    for number in range(100):
        req_id, price = IDS[number % len(IDS)], 100 + number / 100
        line: dict[str, Any] = {
            "position": number % 10,
            "operation": 1,
            "side": number % 2,
            "price": price,
        }
        line["size"] = str(number % 17 + 1)
        deep = {**line, "marketMaker": ("ARCA", "NSDQ", "BATS")[number % 3], "isSmartDepth": True}
        greeks = {"impliedVol": 0.2, "delta": 0.5, "optPrice": price, "pvDividend": 0.0}
        greeks |= {"gamma": 0.01, "vega": 0.1, "theta": -0.02, "undPrice": price}
        bar: dict[str, Any] = {"open": price, "high": price + 1, "low": price - 1, "close": price}
        bar |= {"volume": str(number), "WAP": str(price)}
        date, at = f"20261120 10:{number % 60:02d}:00", 1_790_600_000 + number
        told: dict[str, dict[str, Any]] = {
            "updateMktDepth": {"marketDepthData": line},
            "updateMktDepthL2": {"marketDepthData": deep},
            "tickOptionComputation": {"tickType": 13, "tickAttrib": 1, **greeks},
            "realtimeBar": {"time": at, "count": number, **bar},
            "historicalDataUpdate": {
                "historicalDataBar": {"date": date, "barCount": number, **bar}
            },
        }
        for name, fields in told.items():
            found.setdefault(name, []).append(message(name, version, reqId=req_id, **fields))
    return found


# ---- measuring


def measure(version: int, parts: list[bytes], rounds: int) -> dict[str, Any]:
    """The least time of each decoder over the second half, in nanoseconds a message."""
    warm, told = b"".join(parts[: len(parts) // 2]), b"".join(parts[len(parts) // 2 :])
    pieces = [told[place : place + READ] for place in range(0, len(told), READ)]
    reader = FrameReader()
    reader.feed(told)
    messages = sum(1 for _ in reader.frames())
    taken: dict[str, list[int]] = {}
    calls = set()
    for _ in range(rounds):
        for name, start in decoders().items():
            hooks = Counting()
            feed = start(version, hooks)
            feed(warm)
            hooks.total = 0
            began = time.process_time_ns()
            for piece in pieces:
                feed(piece)
            taken.setdefault(name, []).append(time.process_time_ns() - began)
            calls.add(hooks.total)
    assert len(calls) == 1, "they do not call the same"
    found: dict[str, Any] = {"messages": messages, "calls": calls.pop()}
    least = {name: (min(times) or 1) / messages for name, times in taken.items()}
    found["ns"] = {name: round(ns, 1) for name, ns in least.items()}
    found["x_official"] = {name: round(least["official"] / ns, 2) for name, ns in least.items()}
    return found


def table(rows: list[dict[str, Any]]) -> Iterator[str]:
    """What is printed."""
    names = list(rows[0]["ns"])
    heads = "".join(f"{name + ' ns':>13}" for name in names)
    yield f"{'':>4} {'messages':<22}{heads}" + "".join(f"{'x ' + name:>10}" for name in names[1:])
    for row in rows:
        times = "".join(f"{row['ns'][name]:>13,.0f}" for name in names)
        faster = "".join(f"{row['x_official'][name]:>10.1f}" for name in names[1:])
        yield f"{row['version']:>4} {row['kind']:<22}{times}{faster}"


def main() -> int:
    """Measure, print, and keep the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--messages", type=int, default=20_000, help="of the mix, in each round")
    parser.add_argument("--json", type=Path, default=Path(__file__).with_suffix(".json"))
    given = parser.parse_args()
    rows = [
        {"version": version, "kind": kind, **measure(version, parts, given.rounds)}
        for version in VERSIONS
        for kind, parts in kinds(version, given.messages)
    ]
    about = machine()
    print(said(about))
    print(*table(rows), sep="\n")
    report = {"machine": about, "rounds": given.rounds, "rows": rows}
    given.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
