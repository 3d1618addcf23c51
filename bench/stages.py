"""Where the time of a message goes, stage by stage, against the limit of each.

Stages that need no socket are timed in this process, on the blaster's own payload, in reads of
64 kB: CPU time, the least of some payloads, one stage on top of the other. What is left over of a
whole client is found from end to end, beside the row that only reads, the least of some rounds.

- **recv**: the loop reads, and tells nobody (the row `uvloop`);
- **split**: frames are found, nothing is decoded (all messages are skipped);
- **decode**: values are made;
- **call**: a counting hook in Python is called, 1.35 times for a message of the mix;
- **rest**: the session around it: what else a whole client spends (bare callbacks);
- **tickers**: live tickers, with a callback for each update, on top of the bare callbacks.

The row `limit` is what Python's own means take: `struct` for the frames, protobuf's C code or
``bytes.split`` for the messages, and nothing done with them.

::

    python bench/stages.py
"""

from __future__ import annotations

import argparse
import json
import struct
import sys
import time
from collections.abc import Callable, Mapping
from itertools import repeat
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.machine import machine, said
from bench.payload import BLOCK, OFFSET, RAW_SINCE, blocks
from bench.rows import chosen, native_runs, rounds
from twsloop.wire.hot import CALLED, HOT, Calls, Route
from twsloop.wire.hot.stream import MessageStream as InPython
from twsloop.wire.messages import INBOUND, message_class

__all__ = ["measure", "table"]

READ = 65_536
VERSIONS = {"protobuf (225)": 225, "text (200)": 200}
#: Callbacks for a message of the mix: a price brings its size.
CALLS = 1.35
PLAIN = frozenset({"tickSize", "tickString", "tickGeneric"})
_HEAD = struct.Struct(">II").unpack_from
STAGES = ("recv", "split", "decode", "call", "rest", "bare", "tickers", "live")


def _streams() -> dict[str, Any]:
    found: dict[str, Any] = {"python": InPython}
    if native_runs():
        from twsloop.wire import _native  # noqa: PLC0415

        found["native"] = _native.MessageStream
    return found


class Hooks:
    """What the decoders call: methods that count."""

    message_done: Callable[[], object] | None = None

    def __init__(self) -> None:
        self.count = 0
        self.low = self.high = Calls()
        for name in CALLED:
            hook = {"tickPrice": self.price}.get(name, self.value if name in PLAIN else self.more)
            setattr(self.low, name, hook)

    def price(self, _req_id: int, _kind: int, _value: object, _attrib: object) -> None:
        """A price."""
        self.count += 1

    def value(self, _req_id: int, _kind: int, _value: object) -> None:
        """A size, a text, a number."""
        self.count += 1

    def more(self, *_what: object) -> None:
        """What is told tick by tick."""
        self.count += 1

    def failed(self, function: Callable[..., object], error: BaseException) -> None:
        """Nothing here may fail."""
        raise error


def _call() -> float:
    """Microseconds that hooks take for a message, without anything that calls them."""
    hook, times = Hooks().value, 100_000
    best = float("inf")
    for _ in range(5):
        began = time.process_time()
        for _ in repeat(None, times):
            hook(1, 2, 3)
        called = time.process_time()
        for _ in repeat(None, times):
            pass
        best = min(best, 2 * called - began - time.process_time())
    return best / times * 1e6 * CALLS


def _reads(version: int, messages: int, seed: int) -> list[bytes]:
    """A payload as the socket would hand it out."""
    ids, streams = list(range(1, 41)), list(range(1001, 1041))
    whole = b"".join(blocks(version, ids, streams, messages // BLOCK, seed=seed))
    return [whole[at : at + READ] for at in range(0, len(whole), READ)]


def _timed(feed: Callable[[bytes], int], reads: list[bytes]) -> float:
    """Microseconds of CPU for a message."""
    count = 0
    began = time.process_time()
    for data in reads:
        count += feed(data)
    return (time.process_time() - began) / count * 1e6


def _refuse(body: bytes) -> None:
    msg = f"a message that is not hot: {body[:20]!r}"
    raise AssertionError(msg)


def _stream(made: Any, version: int, *, skip: bool = False) -> Any:
    stream = made(version, Hooks(), _refuse)
    for number in HOT if skip else ():
        stream.route(number, Route.SKIP)
    return stream.feed


class Limit:
    """Python's own means: frames by `struct`, messages by protobuf's C code or ``bytes.split``.

    Args:
        version: The session's server version.
        parse: Whether messages are parsed, too.
    """

    def __init__(self, version: int, *, parse: bool) -> None:
        self._parse = parse
        self._text = version < RAW_SINCE
        self._kinds: dict[int, Callable[[bytes], object]] = {}
        for number in HOT:
            name = INBOUND[number].proto
            assert name is not None
            self._kinds[number + OFFSET] = message_class(name).FromString
        self._rest = b""

    def feed(self, data: bytes) -> int:
        """As a stream does; nothing is done with what is found."""
        if self._rest:
            data = self._rest + data
        place, end, count = 0, len(data), 0
        head, kinds, text, parse = _HEAD, self._kinds, self._text, self._parse
        while place + 8 <= end:
            length, number = head(data, place)
            after = place + 4 + length
            if after > end:
                break
            if not parse:
                data[place + 4 : after]
            elif text:
                data[place + 4 : after].split(b"\0")
            else:
                kinds[number](data[place + 8 : after])
            count += 1
            place = after
        self._rest = data[place:]
        return count


def _in_process(options: argparse.Namespace, version: int) -> dict[str, dict[str, float]]:
    """By implementation: split, decode and call."""
    feeds: dict[tuple[str, str], Callable[[bytes], int]] = {
        ("limit", "split"): Limit(version, parse=False).feed,
        ("limit", "decode"): Limit(version, parse=True).feed,
    }
    for name, made in _streams().items():
        feeds[name, "split"] = _stream(made, version, skip=True)
        feeds[name, "decode"] = _stream(made, version)
    best = dict.fromkeys(feeds, float("inf"))
    for seed in range(1, options.repeats + 2):  # each with values that no cache has seen
        reads = _reads(version, options.messages, seed)
        for key, feed in feeds.items():
            best[key] = min(best[key], _timed(feed, reads))
    call = _call()
    found: dict[str, dict[str, float]] = {}
    for name, _ in feeds:
        split, whole = best[name, "split"], best[name, "decode"]
        found[name] = {"split": split, "decode": whole - split}
        if name != "limit":
            found[name] |= {"decode": whole - split - call, "call": call}
    return found


def measure(options: argparse.Namespace) -> dict[str, dict[str, dict[str, float]]]:
    """Microseconds by implementation, encoding and stage."""
    versions = dict(list(VERSIONS.items())[: 1 if options.tiny else None])
    names = ["bare", "live", "bare-text", "live-text"][: 2 if options.tiny else None]
    rows = chosen(",".join(["uvloop", *names, *(f"{name}-native" for name in names)]), ())
    plan = {
        "mode": "window", "lines": 40, "streams": 40, "warm": options.warm,
        "messages": options.messages,
    }  # fmt: skip
    ends = rounds(rows, plan, options.rounds)
    whole = {name: min(run["cpu_us"] for run in runs) for name, runs in ends.items()}
    found: dict[str, dict[str, dict[str, float]]] = {}
    for encoding, version in versions.items():
        for implementation, stages in _in_process(options, version).items():
            one = {"recv": whole["uvloop"], **stages}
            if implementation != "limit":
                end = "-text" if version < RAW_SINCE else ""
                end += "-native" if implementation == "native" else ""
                bare, live = whole[f"bare{end}"], whole[f"live{end}"]
                one |= {"rest": bare - sum(one.values()), "bare": bare}
                one |= {"tickers": live - bare, "live": live}
            found.setdefault(implementation, {})[encoding] = one
    return found


def table(found: Mapping[str, Mapping[str, Mapping[str, float]]]) -> str:
    """As Markdown."""
    head = {"bare": "= bare callbacks", "live": "= live tickers", "rest": "the rest"}
    titles = [head.get(stage, stage) for stage in STAGES]
    lines = [
        f"| us of CPU for a message | {' | '.join(titles)} |",
        f"|:--{'|--:' * len(STAGES)}|",
    ]
    for implementation, encodings in found.items():
        for encoding, one in encodings.items():
            cells = " | ".join(f"{one[stage]:.3f}" if stage in one else "" for stage in STAGES)
            lines.append(f"| {implementation}, {encoding} | {cells} |")
    return "\n".join(lines)


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--warm", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--tiny", action="store_true", help="only to see that it runs")
    parser.add_argument("--json", type=Path, default=Path(__file__).with_name("stages.json"))
    options = parser.parse_args()
    if options.tiny:
        options.messages, options.warm, options.rounds, options.repeats = 2_000, 1_000, 1, 1
    found: dict[str, Any] = {"stages": measure(options), "machine": machine()}
    print(f"{said(found['machine'])}\n")
    print(table(found["stages"]))
    options.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
