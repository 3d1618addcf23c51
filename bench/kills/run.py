"""A client that trades is killed a thousand times, at every step of an order, and comes back.

A paper gateway in a process of its own lives on. A client is forked from this process, which has
imported everything and has no threads; it connects, reconciles, trades, and is killed with SIGKILL
at a step that was drawn: of the journal (an intent queued, its transaction begun, before and after
its commit), of the socket (before, amid and after the bytes of an order), of what comes in (an
acknowledgement, a fill), amid a change or a cancel, while it starts and compares, while it stops,
or at any time. The market moves while nobody is there. Then the next client starts, and when it has
compared, it has to be true that

- the journal and the client have the orders just as the gateway has them;
- every execution, and what it cost, is in the journal exactly once, and one that was there before
  is told to nobody again;
- no id and no token stands for two orders;
- nothing came to the gateway that the journal does not have the intent of, and nothing twice;
- the journal is whole (`twsloop journal verify`).

Every few kills begin anew, with another gateway and another journal; in every third of these rounds
another client trades all the time and writes to the same journal. What is done is drawn from the
seed and the number of the kill alone, so that a run that ended at kill 120 is taken up there::

    python bench/kills/run.py                       1,000 kills
    python bench/kills/run.py --seed 7 --kills 50
    python bench/kills/run.py --resume              go on with the last run
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import secrets
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager, nullcontext
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import attrs

sys.path.insert(0, str(Path(__file__).parent.parent))

from kills.books import compare, executions
from kills.child import CLIENT_ID, NEIGHBOUR, PATIENCE, Plan, live
from kills.points import KINDS
from kills.server import PRICES, Books, Remote, gateway_process

STATE = Path(__file__).parent.parent / "kills.json"
#: A client that is killed at any time has so long to live at most, seconds.
LIFE = 0.06
#: The market's low while nobody is there: what bids near it is filled.
LOW = 188.5


class Wrong(Exception):
    """Something is not as it has to be."""


@attrs.define
class Progress:
    """How far a run is.

    Attributes:
        seed: Of all of it.
        done: How many clients have been killed.
        kinds: How often each kind.
        points: How often each step.
        seconds: How long it has run.
        orders: How many orders the gateways have taken.
        fills: How many executions were compared.
    """

    seed: int
    done: int = 0
    kinds: dict[str, int] = attrs.Factory(dict)
    points: dict[str, int] = attrs.Factory(dict)
    seconds: float = 0.0
    orders: int = 0
    fills: int = 0


@attrs.frozen
class Child:
    """A client's process."""

    pid: int
    pipe: Connection

    def heard(self) -> Any:
        """What it says next; None if it was killed.

        Raises:
            Wrong: It failed, or says nothing.
        """
        if not self.pipe.poll(2 * PATIENCE):
            os.kill(self.pid, signal.SIGABRT)
            msg = f"the client {self.pid} says nothing"
            raise Wrong(msg)
        try:
            said = self.pipe.recv()
        except (EOFError, ConnectionResetError):
            return None
        if said[0] == "failed":
            raise Wrong(said[1])
        return said


@contextmanager
def child(plan: Plan) -> Iterator[Child]:
    """A client, forked; it is gone afterwards."""
    assert threading.active_count() == 1, threading.enumerate()
    ours, theirs = multiprocessing.Pipe()
    pid = os.fork()
    if not pid:
        ours.close()
        live(theirs, plan)
        os._exit(0)
    theirs.close()
    one = Child(pid, ours)
    try:
        yield one
    finally:
        try:
            os.kill(pid, signal.SIGKILL)
        finally:
            os.waitpid(pid, 0)
            ours.close()


def drawn(progress: Progress, kinds: Collection[str], round_: dict[str, Any]) -> Plan:
    """The next kill: each kind comes in its turn, in an order that changes."""
    number = progress.done
    turn, place = divmod(number, len(kinds))
    order = sorted(kinds)
    random.Random(f"{progress.seed}:{turn}").shuffle(order)
    name, kind = order[place], KINDS[order[place]]
    chance = random.Random(f"{progress.seed}:{number}")
    return Plan(
        number=number,
        seed=chance.randrange(2**32),
        kind=name,
        point=chance.choice(kind.points) if kind.points else "",
        passes=chance.randint(1, kind.passes),
        action=chance.choice(kind.actions) if kind.actions else "",
        plain=chance.random() < 0.3,
        **round_,
    )


@contextmanager
def neighbour(round_: dict[str, Any], progress: Progress) -> Iterator[None]:
    """Another client that trades all the time, and writes to the same journal."""
    plan = Plan(
        number=0,
        seed=progress.seed + progress.done,
        plain=False,
        kind="neighbour",
        action="trade",
        client_id=NEIGHBOUR,
        **round_,
    )
    with child(plan) as one:
        one.heard()
        one.pipe.send("go on")
        one.heard()
        yield
        if one.pipe.poll():
            one.heard()  # only of its failure
            raise Wrong("the neighbour has ended")


def agreed(remote: Remote, one: Child, plan: Plan, known: set[str]) -> Books | None:
    """The client is READY: everything has to be as it has to be. None if it was killed before.

    Args:
        remote: The gateway.
        one: The client.
        plan: What it does.
        known: The executions that the journal had before it started.
    """
    said = one.heard()
    if said is None:
        return None
    books = remote.books(CLIENT_ID)
    wrong = compare(plan.file, CLIENT_ID, books, said[1])
    if again := [fill for fill, times in Counter(said[2]).items() if times > 1 or fill in known]:
        wrong.append(f"{len(again)} executions were told again: {again[:5]}")
    if wrong:
        raise Wrong("\n".join(wrong))
    return books


def gone(remote: Remote) -> None:
    """Wait until the gateway has seen that the client is gone; then the market moves."""
    until = time.monotonic() + PATIENCE
    while remote.books(CLIENT_ID).connected:
        if time.monotonic() > until:
            msg = "the gateway does not see that the client is gone"
            raise Wrong(msg)
        time.sleep(0.002)


def killed(remote: Remote, plan: Plan) -> bool:
    """One client's life; whether it died of what was drawn, and not of being too late for it."""
    known = executions(plan.file)
    with child(plan) as one:
        if agreed(remote, one, plan, known) is None:
            return True  # before it was READY
        one.pipe.send("go on")
        if not plan.action:
            one.heard()  # it has seen to it that the next one has more to hear of
            return False
        said = one.heard()
        if plan.kind == "any_time":
            time.sleep(random.Random(plan.seed).random() * LIFE)
            os.kill(one.pid, signal.SIGKILL)
            return True
        return said is None or one.heard() is None


def run(options: argparse.Namespace, progress: Progress) -> None:
    """All kills that are still to come."""
    began = time.monotonic() - progress.seconds
    while progress.done < options.kills:
        number = progress.done // options.round
        with (
            tempfile.TemporaryDirectory(prefix="twsloop-kills-") as folder,
            gateway_process(200 if number % 2 else 225) as remote,
        ):
            round_ = {
                "port": remote.port,
                "file": Path(folder) / "journal.db",
                "sync": "full" if number % 4 == 3 else "normal",
            }
            try:
                with neighbour(round_, progress) if number % 3 == 2 else nullcontext():
                    _round(options, progress, remote, round_, began)
            except Wrong:
                if options.keep:
                    shutil.copytree(folder, options.keep, dirs_exist_ok=True)
                raise
        print(_line(progress), flush=True)


def _round(
    options: argparse.Namespace,
    progress: Progress,
    remote: Remote,
    round_: dict[str, Any],
    began: float,
) -> None:
    end = min(options.kills, (progress.done // options.round + 1) * options.round)
    late = 0
    while progress.done < end:
        plan = drawn(progress, options.names, round_)
        if late:  # the step was not passed: another life for the same kind
            plan = attrs.evolve(plan, seed=plan.seed + late, passes=1, point=plan.point)
        if options.verbose:
            print(f"  {plan.number}: {plan.kind}, {plan.point} {plan.passes} {plan.action}")
        died = killed(remote, plan)
        gone(remote)
        if plan.seed % 3 == 0:
            for symbol, price in PRICES.items():
                remote.price(symbol, price - (189.5 - LOW))
                remote.price(symbol, price)
        if not died and late < 5:
            late += 1
            continue
        if not died:
            msg = f"{plan.kind} never comes to {plan.point} while it is {plan.action}"
            raise Wrong(msg)
        late = 0
        progress.done += 1
        progress.kinds[plan.kind] = progress.kinds.get(plan.kind, 0) + 1
        point = plan.point or "any time"
        progress.points[point] = progress.points.get(point, 0) + 1
    plan = Plan(number=progress.done, seed=0, plain=False, kind="last", action="end", **round_)
    known = executions(plan.file)
    with child(plan) as one:
        books = agreed(remote, one, plan, known)
        assert books is not None
        one.pipe.send("end")
        one.heard()
    gone(remote)
    progress.orders += len(books.orders)
    progress.fills += len(books.fills)
    progress.seconds = time.monotonic() - began
    options.state.write_text(json.dumps(attrs.asdict(progress)) + "\n")


def _line(progress: Progress) -> str:
    return (
        f"{progress.done:5} kills in {progress.seconds:5.0f} s: {progress.orders} orders and "
        f"{progress.fills} executions, each known once"
    )


def _names(text: str) -> tuple[str, ...]:
    named = tuple(text.split(","))
    if unknown := set(named) - set(KINDS):
        msg = f"no kind {', '.join(sorted(unknown))}; there are {', '.join(KINDS)}"
        raise argparse.ArgumentTypeError(msg)
    return named


def main() -> None:
    """Run it, and say how it went."""
    parser = argparse.ArgumentParser(description="a client is killed, and comes back")
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--round", type=int, default=25, help="at one gateway and one journal")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--resume", action="store_true", help="go on with the last run")
    parser.add_argument("--state", type=Path, default=STATE, help="where its state is kept")
    parser.add_argument("--only", dest="names", type=_names, default=tuple(KINDS))
    parser.add_argument("--keep", type=Path, help="a folder for a journal that is wrong")
    parser.add_argument("--verbose", action="store_true", help="print every kill")
    options = parser.parse_args()
    if options.resume:
        progress = Progress(**json.loads(options.state.read_text()))
    else:
        seed = secrets.randbelow(10**6) if options.seed is None else options.seed
        progress = Progress(seed)
    print(f"seed {progress.seed}, from kill {progress.done} to {options.kills}", flush=True)
    try:
        run(options, progress)
    except Wrong as wrong:
        raise SystemExit(f"after kill {progress.done} of seed {progress.seed}:\n{wrong}") from None
    print(", ".join(f"{name} {times}" for name, times in sorted(progress.kinds.items())))
    print(", ".join(f"{name} {times}" for name, times in sorted(progress.points.items())))


if __name__ == "__main__":
    main()
