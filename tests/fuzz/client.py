"""Spoilt streams of a gateway by the million into the real client, in memory.

``make fuzz`` feeds a million random mutations, half of them at each protocol. The streams are good
ones (`streams`) with bytes flipped, put in, cut out, doubled, moved and cut off, messages out of
place, lengths that lie (`mutations`), in pieces of any size, to a program that has asked for
everything there is (`busy`). Nothing of the client is replaced but its socket, its thread and its
time. What must hold:

- no exception escapes: none reaches the event loop or the program; what a part of twsloop raises
  at the content of a message is reported by its name, and ends neither the session nor the others;
- no hang: each call returns, and nothing waits longer than its deadline of the double's time;
- nothing grows: what is read ahead stays below one message, and memory stays level;
- a session either goes on (it is asked something, and the answer is heard) or ends with a reason,
  and the next one is READY.

Each round is made from its number alone, so that one that fails can be had again.
"""

from __future__ import annotations

import argparse
import asyncio
import faulthandler
import logging
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import attrs

from tests.fuzz import streams
from tests.fuzz.busy import OVERRIDES, ask_for_everything
from tests.fuzz.mutations import Spoiler
from twsloop import Config, IBGateway
from twsloop.errors import ConnectionFailed, RequestError, TwsLoopError
from twsloop.event_loop import Future
from twsloop.events import SessionChanged
from twsloop.session.state import State
from twsloop.testing import GatewayDouble
from twsloop.testing.hand_loop import HandLoop
from twsloop.testing.memory_link import MemoryTransport
from twsloop.wire.framing import MAX_FRAME
from twsloop.wire.messages import RAW_ID_SINCE

__all__ = ["Outcome", "Run", "Trouble"]

#: Where streams are recorded to, unless told otherwise.
TAPES = Path(__file__).resolve().parents[2] / "build" / "fuzz"
#: Sessions of one client, each fed a stream of its own.
SESSIONS = 3
#: Messages of a stream.
STREAM = 120
#: Mutations of a stream's messages: at least, at most.
MUTATIONS = 20, 80
#: One round in so many has its start spoilt, too.
BAD_START_EVERY = 8
#: How long a client may take to notice, or to be READY again, in the double's seconds: silence and
#: deadline of its heartbeat, the deadlines of its stages and the longest wait between two attempts.
PATIENCE = 200.0
#: How often the progress is told, seconds.
PROGRESS = 30.0
#: How often it is asked.
TRIES = 5
#: How long an answer is waited for: longer than a half message may last.
WAIT = 100.0
#: A round that takes longer than this of real time hangs, seconds.
HANG = 120.0
#: By so much memory may grow after the first tenth, in MiB.
GROWTH_MIB = 60.0


class Trouble(Exception):
    """Something did not hold."""


@attrs.define
class Outcome:
    """What rounds came to.

    Attributes:
        version: The server version.
        rounds: How many rounds.
        mutations: How many mutations were fed.
        messages: How many messages were fed, good or bad.
        recovered: Sessions that went on as if nothing had been.
        ended: Sessions that ended with a reason.
        starts_refused: Spoilt starts that ended with a named error.
        contained: What parts of twsloop raised at content that no gateway sends, reported by name
            and kept from everybody else.
        seconds: In which time.
        first_mib: Resident memory after the first tenth.
        last_mib: Resident memory at the end.
    """

    version: int
    rounds: int = 0
    mutations: int = 0
    messages: int = 0
    recovered: int = 0
    ended: int = 0
    starts_refused: int = 0
    contained: Counter[str] = attrs.Factory(Counter)
    seconds: float = 0.0
    first_mib: float = 0.0
    last_mib: float = 0.0


class SpoiltLink(MemoryTransport):
    """A link on which what the gateway says at the start is spoilt."""

    spoiler: Spoiler | None = None

    def say(self, data: bytes) -> None:
        """Pass it on, not as it was."""
        if self.spoiler is not None and data:
            data = self.spoiler.framing([data[4:]], 1)
        super().say(data)


class Double(GatewayDouble[IBGateway]):
    """A gateway in memory that can say any bytes."""

    spoiler: Spoiler | None = None

    def _connect(
        self, loop: HandLoop, protocol: asyncio.Protocol, host: str, port: int
    ) -> asyncio.Transport:
        super()._connect(loop, protocol, host, port)  # its transport is not used, and ends nobody
        assert self._peer is not None
        spoilt = SpoiltLink(loop, protocol, self._peer)
        spoilt.spoiler = self.spoiler
        self._peer.transport = spoilt
        return spoilt

    def pour(self, pieces: list[bytes]) -> None:
        """Say bytes as they are."""
        assert self._peer is not None
        link = self._peer.transport
        for piece in pieces:
            if link is None or link.is_closing():
                return
            self._run(lambda piece=piece: link.say(piece))  # type: ignore[misc]

    @property
    def read_ahead(self) -> int:
        """How many bytes the client keeps of frames that are not complete."""
        transport = self._core_link()
        return 0 if transport is None else transport._reader.pending

    def _core_link(self) -> Any:
        return self.app._driver.life._transport

    @property
    def state(self) -> State:
        """The session's."""
        return self._core.state


class Escapes(logging.Handler):
    """Keeps what a loop could only log: an exception that nobody caught."""

    LOGGERS = ("asyncio", "twsloop.testing.hand_loop")

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it, with its traceback."""
        self.lines.append(logging.Formatter().format(record))

    def __enter__(self) -> Self:
        for name in self.LOGGERS:
            logging.getLogger(name).addHandler(self)
        return self

    def __exit__(self, *exc: object) -> None:
        for name in self.LOGGERS:
            logging.getLogger(name).removeHandler(self)


class Round:
    """One client through `SESSIONS` sessions.

    Args:
        version: The server version.
        chance: The one source of chance.
        tapes: Where the recorded streams are.
        outcome: Where it is counted.
    """

    def __init__(self, version: int, chance: random.Random, tapes: Path, outcome: Outcome) -> None:
        self.chance = chance
        self.outcome = outcome
        self.story = streams.session(version, tapes)
        self.corpus = (*self.story, *streams.others(version), *streams.built(version))
        raw_ids = version >= RAW_ID_SINCE
        self.spoiler = Spoiler(self.corpus, self.chance, raw_ids=raw_ids)
        self.changes: list[SessionChanged] = []
        config = Config.load(environ={}, overrides=OVERRIDES)
        self.double = Double(
            lambda: IBGateway(config), version=version, accounts=(streams.ACCOUNT,), start=False
        )
        self.double.app.observe(SessionChanged, self.changes.append)

    def run(self) -> None:
        """All of it.

        Raises:
            Trouble: Something did not hold.
        """
        double, outcome = self.double, self.outcome
        try:
            with Escapes() as escapes:
                self._start()
                asked = ask_for_everything(double.app)
                for _ in range(SESSIONS):
                    self._session()
                self._end(asked)
            if escapes.lines:
                raise Trouble("an exception escaped:\n" + "\n".join(escapes.lines)[:6000])
            outcome.contained.update(re.sub(r"\d+", "N", one) for one in double.failures)
        finally:
            double.stop()
            outcome.rounds += 1
            outcome.mutations += self.spoiler.count

    # ---- the parts of a round --------------------------------------------------------------

    def _start(self) -> None:
        """Connect; when the start is spoilt, as often as it takes."""
        if self.chance.randrange(BAD_START_EVERY) == 0:
            self.double.spoiler = self.spoiler
            try:
                self.double.start()
            except ConnectionFailed as error:
                self.outcome.starts_refused += 1
                if not str(error):
                    raise Trouble("a start failed without a reason") from error
            self.double.spoiler = None
        if self.double.state not in {State.READY, State.DEGRADED}:
            self.double.stop()
            self.double.start()

    def _session(self) -> None:
        """Feed a stream, then see whether the session goes on, or has ended well."""
        chance, double = self.chance, self.double
        self._wait_ready()  # what a spoilt start left may have ended it since
        source = self.story if chance.random() < 0.5 else self.corpus
        first = chance.randrange(max(len(source) - STREAM, 1))
        chosen = list(source[first : first + STREAM])
        bodies = self.spoiler.bodies(chosen, chance.randint(*MUTATIONS))
        self.outcome.messages += len(bodies)
        breaks = chance.choice((0, 0, 1, 1, 2, 3))
        data = self.spoiler.framing(bodies, breaks)
        before = len(self.changes)
        double.pour(self.spoiler.pieces(data))
        if double.read_ahead > MAX_FRAME + 4:
            raise Trouble(f"{double.read_ahead} bytes are kept of one message")
        if self._answers():
            self.outcome.recovered += 1
            return
        ended = [one for one in self.changes[before:] if one.new in {"DISCONNECTED", "WAITING"}]
        if not ended:
            raise Trouble(f"the session neither goes on nor ends: {double.state.name}, deaf")
        if not all(one.reason and one.reason != "LINK_LOST" for one in ended):
            raise Trouble(f"a session ended without a reason: {ended}")
        self.outcome.ended += 1
        self._wait_ready()

    def _answers(self) -> bool:
        """Whether a question is answered; the wait is long enough for a heartbeat's verdict."""
        if self.double.state not in {State.READY, State.DEGRADED}:
            return False
        epoch = self.double._core.epoch
        for _ in range(TRIES):
            try:
                self.double.app.system.clock(timeout=WAIT).result(timeout=WAIT)
            except RequestError:
                # The end of the stream may be half a message, which swallows the first answer; and
                # an error with id -1 ends what has no id. Both are over when it is asked again.
                if self.double._core.epoch != epoch:
                    return False
            except (TwsLoopError, TimeoutError):
                return False
            else:
                return True
        return False

    def _wait_ready(self) -> None:
        deadline = self.double.clock.monotonic() + PATIENCE
        while self.double.state not in {State.READY, State.DEGRADED}:
            if self.double.clock.monotonic() > deadline:
                reason = self.changes[-1].reason if self.changes else ""
                raise Trouble(f"not READY again: {self.double.state.name}, {reason}")
            self.double.advance(1.0)

    def _end(self, asked: list[Any]) -> None:
        self.double.stop()
        pending = [one for one in asked if isinstance(one, Future) and not one.done()]
        if pending:
            raise Trouble(f"{len(pending)} answers are still waited for after the end")
        if self.double.state is not State.DISCONNECTED:
            raise Trouble(f"stopped, and {self.double.state.name}")


@attrs.frozen
class Run:
    """What makes a run, so that it can be had again.

    Attributes:
        version: The server version.
        seed: Of all rounds.
        tapes: Where the recorded streams are.
        first: The round to begin with.
    """

    version: int
    seed: int
    tapes: Path
    first: int = 0

    def rounds(self, mutations: int) -> Iterator[Outcome]:
        """Rounds until so many mutations were fed; the running outcome after each.

        Raises:
            Trouble: Something did not hold.
        """
        outcome = Outcome(self.version)
        began = time.monotonic()
        while outcome.mutations < mutations:
            self.round(self.first + outcome.rounds, outcome)
            outcome.seconds = time.monotonic() - began
            if not outcome.first_mib and outcome.mutations >= mutations / 10:
                outcome.first_mib = resident_mib()
            yield outcome
        outcome.last_mib = resident_mib()
        if outcome.last_mib - outcome.first_mib > GROWTH_MIB:
            raise Trouble(f"memory grew from {outcome.first_mib:.0f} to {outcome.last_mib:.0f} MiB")

    def round(self, number: int, outcome: Outcome) -> None:
        """One round; a failure says how to have it again.

        Raises:
            Trouble: Something did not hold.
        """
        chance = random.Random(f"{self.seed} {self.version} {number}")
        try:
            Round(self.version, chance, self.tapes, outcome).run()
        except Exception as error:
            msg = (
                f"round {number}: {error!r}\nagain: python -m tests.fuzz.client --mutations 1 "
                f"--versions {self.version} --seed {self.seed} --first {number} "
                f"--tapes {self.tapes}"
            )
            raise Trouble(msg) from error


def resident_mib() -> float:
    """The resident memory of this process; 0 where it cannot be read."""
    status = Path("/proc/self/status")
    if not status.exists():
        return 0.0
    (row,) = (one for one in status.read_text().splitlines() if one.startswith("VmRSS:"))
    return int(row.split()[1]) / 1024


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--mutations", type=int, default=500_000, help="at each version")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="the round to begin with")
    parser.add_argument("--versions", type=int, nargs="+", default=[225, 200])
    parser.add_argument(
        "--tapes", type=Path, default=TAPES, help="where streams are recorded, or were"
    )
    options = parser.parse_args()
    options.tapes.mkdir(parents=True, exist_ok=True)
    logging.getLogger("twsloop").setLevel(logging.CRITICAL)
    for version in options.versions:
        print(f"{version}: seed {options.seed}, from round {options.first}", flush=True)  # noqa: T201
        run = Run(version, options.seed, options.tapes, options.first)
        told = time.monotonic()
        outcome = Outcome(version)
        try:
            for outcome in run.rounds(options.mutations):
                faulthandler.dump_traceback_later(HANG, exit=True)
                if time.monotonic() - told > PROGRESS:
                    told, number = time.monotonic(), options.first + outcome.rounds
                    print(f"  {outcome.mutations:,} mutations; go on with --first {number}")  # noqa: T201
        except Trouble as trouble:
            sys.exit(f"seed {options.seed}, version {version}, {trouble}")
        finally:
            faulthandler.cancel_dump_traceback_later()
        print(  # noqa: T201 - a program for the terminal
            f"{version}: {outcome.mutations:,} mutations in {outcome.seconds:.0f} s, "
            f"{outcome.messages:,} messages in {outcome.rounds:,} rounds: "
            f"{outcome.recovered:,} sessions went on, {outcome.ended:,} ended with a reason, "
            f"{outcome.starts_refused} starts were refused with one; "
            f"memory {outcome.first_mib:.0f} -> {outcome.last_mib:.0f} MiB",
            flush=True,
        )
        for text, count in outcome.contained.most_common():
            print(f"  contained {count} times: {text}")  # noqa: T201


if __name__ == "__main__":
    main()
