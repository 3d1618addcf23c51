"""A client that trades is killed a thousand times, at every step of an order, and comes back.

A paper gateway in a process of its own lives on. A client is forked from this process, which has
imported everything and has no threads; it connects, reconciles, trades, and is killed with SIGKILL
at a step that was drawn: of the journal (an intent queued, its transaction begun, before and after
its commit), of the socket (before, amid and after the bytes of an order), of what comes in (an
acknowledgement, a fill), amid a change or a cancel, while it starts and compares, while it stops,
amid a copy or an archive of the journal, while its schema is made, or at any time; after the
gateway began to give ids from 1 again; after another process was forked from it that used and
closed all it inherited; and where the journal's file, or its disk, cannot be written, so that its
orders are refused. The market moves while nobody is there. Then the next client starts, and when it
has compared, it has to be true that

- the journal and the client have the orders just as the gateway has them;
- every execution, and what it cost, is in the journal exactly once, and one that was there before
  is told to nobody again;
- no id and no token stands for two orders;
- nothing came to the gateway that the journal does not have the intent of, and nothing twice;
- the journal is whole (`twsloop journal verify`), with its archives, and so are all its copies.

Every few kills begin anew, with another gateway and another journal; in every third of these rounds
another client trades all the time and writes to the same journal, and every third begins with a
journal that has old days, and an old schema. What is met least often comes next, so that 1,000
kills meet every kind and every step 20 times; it is drawn from the seed and from what was met so
far alone, so that a run that ended at kill 120 is taken up there::

    python bench/kills/run.py                       1,000 kills
    python bench/kills/run.py --seed 7 --kills 50
    python bench/kills/run.py --resume              go on with the last run
"""

from __future__ import annotations

import argparse
import json
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import attrs

sys.path.insert(0, str(Path(__file__).parent.parent))

from kills.books import copies, executions
from kills.kinds import KINDS, Kind
from kills.lives import Wrong, agreed, child, gone, killed, warm_up
from kills.old_days import has_left_slate, has_old_days, is_new, write_old_days
from kills.plans import CLIENT_ID, ENOUGH, NEIGHBOUR, Plan, Progress, due, planned
from kills.rights import impossible
from kills.server import PRICES, Remote, gateway_process

STATE = Path(__file__).parent.parent / "kills.json"
#: The market's low while nobody is there: what bids near it is filled.
LOW = 188.5
#: So many kills meet everything `ENOUGH` times.
WHOLE = 1000


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


def run(options: argparse.Namespace, progress: Progress) -> None:
    """All kills that are still to come."""
    began = time.monotonic() - progress.seconds
    warm_up()
    with tempfile.TemporaryDirectory(prefix="twsloop-kills-") as shelf:
        old_days = Path(shelf) / "old.db"
        write_old_days(old_days)
        while progress.done < options.kills:
            number = progress.done // options.round
            with (
                tempfile.TemporaryDirectory(prefix="twsloop-kills-") as folder,
                gateway_process(200 if number % 2 else 225) as remote,
            ):
                file = Path(folder) / "journal.db"
                if number % 3 == 0:
                    shutil.copy(old_days, file)
                sync = "full" if number % 4 == 3 else "normal"
                round_ = {"port": remote.port, "file": file, "sync": sync}
                try:
                    _round(options, progress, remote, round_)
                except Wrong:
                    if options.keep:
                        shutil.copytree(folder, options.keep, dirs_exist_ok=True)
                    raise
            progress.seconds = time.monotonic() - began
            options.state.write_text(json.dumps(attrs.asdict(progress)) + "\n")
            print(_line(progress), flush=True)


def _round(
    options: argparse.Namespace, progress: Progress, remote: Remote, round_: dict[str, Any]
) -> None:
    """The kills of one gateway and one journal."""
    number = progress.done // options.round
    end = min(options.kills, (number + 1) * options.round)
    with ExitStack() as stack:
        trades = number % 3 != 2
        while progress.done < end:
            if not trades and not is_new(round_["file"]):  # it makes the schema, otherwise
                trades = True
                stack.enter_context(neighbour(round_, progress))
            _kill(options, progress, remote, round_)
        plan = Plan(number=progress.done, seed=0, plain=False, kind="last", action="end", **round_)
        known = executions(plan.file, CLIENT_ID)
        with child(plan) as one:
            books = agreed(remote, one, plan, known)
            assert books is not None
            one.pipe.send("end")
            one.heard()
    gone(remote)
    if wrong := copies(plan.file):
        raise Wrong("\n".join(wrong))
    progress.orders += len(books.orders)
    progress.fills += len(books.fills)


def _kill(
    options: argparse.Namespace, progress: Progress, remote: Remote, round_: dict[str, Any]
) -> None:
    """One kill; a client that was too late for its step has more lives."""
    possible = _possible(options.names, round_["file"], round_["sync"])
    if not possible:
        raise Wrong(f"none of {', '.join(options.names)} is possible now")
    comes = due(progress, possible)
    first = planned(progress, comes, round_)
    for late in range(6):
        plan = attrs.evolve(first, seed=first.seed + late, passes=1) if late else first
        if options.verbose:
            print(f"  {plan.number}: {plan.kind}, {plan.point} {plan.passes} {plan.action}")
        died = killed(remote, plan)
        gone(remote)
        if plan.seed % 3 == 0:
            for symbol, price in PRICES.items():
                remote.price(symbol, price - (189.5 - LOW))
                remote.price(symbol, price)
        if died:
            progress.met(comes)
            return
    msg = f"{first.kind} never comes to {first.point} while it is {first.action}"
    raise Wrong(msg)


def _possible(names: tuple[str, ...], file: Path, sync: str) -> dict[str, Kind]:
    """The kinds that can be now."""
    found = {
        "": True,
        "new": is_new(file),
        "old": has_old_days(file),
        "slate": sync == "normal",
        "left": has_left_slate(file),
    }
    return {name: KINDS[name] for name in names if found[KINDS[name].needs]}


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
    parser.add_argument("--kills", type=int, default=WHOLE)
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
    for name in KINDS:
        if why := impossible(KINDS[name].before):
            print(f"no {name}: {why}")
    options.names = tuple(name for name in options.names if not impossible(KINDS[name].before))
    print(f"seed {progress.seed}, from kill {progress.done} to {options.kills}", flush=True)
    try:
        run(options, progress)
    except Wrong as wrong:
        raise SystemExit(f"after kill {progress.done} of seed {progress.seed}:\n{wrong}") from None
    _tell(options, progress)


def _tell(options: argparse.Namespace, progress: Progress) -> None:
    """What was met, and how often; a whole run has met everything often enough."""
    print(", ".join(f"{name} {times}" for name, times in sorted(progress.kinds.items())))
    print(", ".join(f"{name} {times}" for name, times in sorted(progress.points.items())))
    least = progress.least(options.names)
    print("least: " + ", ".join(f"{name} {times}" for times, name in least[:5]))
    few = [f"{name} {times}" for times, name in least if times < ENOUGH]
    if few and progress.done >= WHOLE:
        raise SystemExit(f"less than {ENOUGH} times: {', '.join(few)}")


if __name__ == "__main__":
    main()
