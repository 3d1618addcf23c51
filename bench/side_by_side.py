"""Twelve faults, and what becomes of three clients in each: who notices, how fast, what is lost.

IB's own client, ib_async and twsloop each run the plain program of their own documentation, in a
process and an environment of its own (``tests/conformance/venvs.py``), against a paper gateway of
its own that does the same to all of them at the same time. Each program watches a share, rests one
order, and tells what its client tells it; it has no recovery of its own, and settings are the
defaults. Then

- a fault begins; what the program is told from there on, other than data, is what was noticed;
- the market goes on, with a new price each 0.2 s, while it lasts and afterwards;
- at the end the program is asked for its bid, its orders and its fills, and the gateway knows the
  truth.

::

    python bench/side_by_side.py                 all, and write docs/tables/faults_side_by_side.md
    python bench/side_by_side.py reset farm      some, and print them
    python bench/side_by_side.py --short         the shortest ones (what the tests run)
"""

from __future__ import annotations

import argparse
import contextlib
import json
import platform
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import attrs

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.conformance.venvs import IB_ASYNC, OFFICIAL_10, runtime_of  # noqa: E402
from twsloop.paper import PaperGateway  # noqa: E402

DRIVERS = ROOT / "tests" / "conformance" / "drivers"
TABLE = ROOT / "docs" / "tables" / "faults_side_by_side.md"
SYMBOL = "AAPL"
#: A Monday in the regular session.
OPEN = datetime(2026, 9, 28, 15, 0, tzinfo=UTC)
#: How often the market moves, seconds.
BEAT = 0.2
#: How long the programs may take to be ready, seconds.
PATIENCE = 25.0
#: How long after a fault the market goes on before the programs are asked, seconds.
AFTERWARDS = 4.0
#: What a program is told at every connection, and of farms that are well.
USUAL = frozenset({2104, 2106, 2107, 2108, 2119, 2158})


# ---- the clients -----------------------------------------------------------------------------


@attrs.frozen
class Client:
    """One of the three.

    Attributes:
        name: What it is called.
        driver: Its program.
        python: The interpreter of its environment.
    """

    name: str
    driver: str
    python: Callable[[], Path]


CLIENTS = (
    Client("IB's own client 10.46.1", "side_official.py", lambda: runtime_of(OFFICIAL_10)),
    Client("ib_async 2.1.0", "side_ib_async.py", lambda: runtime_of(IB_ASYNC)),
    Client("twsloop", "side_twsloop.py", lambda: Path(sys.executable)),
)


class Program:
    """A client's program, running.

    Attributes:
        told: What it was told, each with when it came here.
    """

    def __init__(self, client: Client, port: int, *, bars: bool) -> None:
        command = [str(client.python()), str(DRIVERS / client.driver), "--port", str(port)]
        self.told: list[tuple[float, dict[str, Any]]] = []
        self._states: queue.Queue[dict[str, Any]] = queue.Queue()
        self._news = threading.Condition()
        self._process = subprocess.Popen(
            [*command, *(["--bars"] if bars else [])],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            said = json.loads(line)
            if said["event"] == "state":
                self._states.put(said)
                continue
            with self._news:
                self.told.append((time.monotonic(), said))
                self._news.notify_all()

    def wait(self, *events: str, timeout: float = PATIENCE) -> str | None:
        """Wait for one of these events; its name, or None."""

        def found() -> str | None:
            return next((said["event"] for _, said in self.told if said["event"] in events), None)

        with self._news:
            self._news.wait_for(lambda: found() is not None, timeout)
        return found()

    def say(self, command: str) -> None:
        """Hand it a command."""
        assert self._process.stdin is not None
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()

    def state(self) -> dict[str, Any] | None:
        """What it knows now; None if it does not answer."""
        self.say("state")
        try:
            return self._states.get(timeout=3)
        except queue.Empty:
            return None

    def end(self) -> None:
        """End it, however it is."""
        self._process.kill()
        self._process.wait()
        self._reader.join(2)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):  # a command that it never took
                    pipe.close()


# ---- a trial ---------------------------------------------------------------------------------


@attrs.define
class Trial:
    """One client in one fault.

    Attributes:
        paper: Its gateway.
        program: Its program.
        bid: Where the market is.
        began: When the fault began.
    """

    paper: PaperGateway
    program: Program
    bid: float = 99.0
    began: float = 0.0

    def move(self, seconds: float) -> None:
        """Let the market go on for so long."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.bid = round(self.bid + 0.01, 2)
            self.paper.market.set_price(SYMBOL, bid=self.bid, ask=self.bid + 1, last=self.bid)
            time.sleep(BEAT)

    def crash(self) -> None:
        """The market falls through the resting order's price, and comes back."""
        self.paper.market.set_price(SYMBOL, bid=88.0, ask=89.0)
        self.paper.market.set_price(SYMBOL, bid=self.bid, ask=self.bid + 1)

    @property
    def fills(self) -> set[str]:
        """The executions that the gateway knows."""
        found: set[str] = self.paper.on_loop(
            lambda: {one.exec_id for one in self.paper.engine.executions}
        )
        return found


@attrs.frozen
class Fault:
    """A fault, and how it is played.

    Attributes:
        name: What it is called.
        what: What happens, in words.
        play: Lets it happen; the market's pace is its own.
        judge: What is looked at afterwards: ``data``, ``fills``, ``late``, ``order``, ``bars``,
            ``start``.
        bars: Whether bars are kept up to date, too.
        before: Whether it begins before the client connects.
    """

    name: str
    what: str
    play: Callable[[Trial], object]
    judge: tuple[str, ...] = ("data",)
    bars: bool = False
    before: bool = False


def _half_open(trial: Trial) -> None:
    with trial.paper.faults.half_open():
        trial.move(18)
    trial.move(6)


def _dead_order(trial: Trial) -> None:
    with trial.paper.faults.half_open(lasting=8.0):
        trial.move(3)
        trial.program.say("buy")
        trial.move(4)


def _restart(trial: Trial) -> None:
    trial.paper.faults.nightly_restart(away=3.0)
    trial.move(7)


def _crash_while_away(trial: Trial) -> None:
    going = trial.paper.faults.nightly_restart(away=60.0)
    time.sleep(1.0)
    trial.crash()
    going.end()
    trial.move(4)


def _lasting(
    name: str, seconds: float, after: float = 0.0, **options: Any
) -> Callable[[Trial], None]:
    def play(trial: Trial) -> None:
        with getattr(trial.paper.faults, name)(**options):
            trial.move(seconds)
        trial.move(after)

    return play


def _once(name: str, seconds: float = 2.0, **options: Any) -> Callable[[Trial], None]:
    def play(trial: Trial) -> None:
        getattr(trial.paper.faults, name)(**options)
        trial.move(seconds)

    return play


def _burst_fill(trial: Trial) -> None:
    with trial.paper.faults.bursts(quiet=1.5):
        trial.program.say("buy")
        trial.move(6)


def _wedge(trial: Trial) -> None:
    time.sleep(14.0)


FAULTS = (
    Fault("reset", "the connection is reset", _once("reset", 3.0)),
    Fault("half-open", "the link dies without a word, for 18 s", _half_open),
    Fault("dead order", "an order placed 3 s after the link died; it lives again at 8 s",
          _dead_order, ("data", "late")),
    Fault("wedge", "the port accepts, and never answers", _wedge, ("start",), before=True),
    Fault("restart", "the gateway is away for 3 s", _restart),
    Fault("fill while away", "the resting order fills while the gateway is away",
          _crash_while_away, ("data", "fills", "order")),
    Fault("servers, 1101", "IB's servers are lost and back, the subscriptions are gone",
          _lasting("server_lost", 2.0, data="lost")),
    Fault("farm", "a data farm breaks and comes back without its lines (2103, 2104)",
          _lasting("farm_down", 2.0, 36.0, forget=True)),
    Fault("history farm", "a history farm breaks and comes back (2105, 10182, 2106)",
          _lasting("farm_down", 2.0, 12.0, farm="ushmds"), ("data", "bars"), bars=True),
    Fault("10349", "a warning comes with a live order's id",
          _once("order_warning", code=10349), ("data", "order")),
    Fault("4096", "a fill ends on a multiple of 4096 bytes; nothing follows for 1.5 s",
          _burst_fill, ("data", "fills")),
    Fault("nonsense", "a message that cannot be read", _once("garbage")),
)  # fmt: skip
SHORT = ("reset", "10349")


@attrs.frozen
class Verdict:
    """What became of one client in one fault.

    Attributes:
        noticed: What it told its program, and after how long.
        after: What the program had at the end.
    """

    noticed: str
    after: str


def run(fault: Fault, client: Client) -> Verdict:
    """Play a fault to a client."""
    paper = PaperGateway(feed=None if fault.bars else "manual", start=OPEN, seed=5)
    with paper:
        paper.market.set_price(SYMBOL, bid=99.0, ask=100.0, last=99.0)
        if fault.before:
            paper.faults.wedge()
        program = Program(client, paper.port, bars=fault.bars)
        trial = Trial(paper, program)
        try:
            begin = "connecting" if fault.before else "ready"
            reached = program.wait(begin, "failed")
            if reached != begin:
                return Verdict("", f"the start failed: {program.told[-1:]}")
            trial.began = time.monotonic()
            fault.play(trial)
            if not fault.before:
                trial.move(AFTERWARDS)
            time.sleep(1.0)
            return Verdict(_noticed(trial), _after(fault, trial))
        finally:
            program.end()


def _noticed(trial: Trial) -> str:
    for when, said in trial.program.told:
        if when < trial.began or said.get("code") in USUAL:
            continue
        words = {
            "error": f"code {said.get('code')}",
            "closed": "connection lost",
            "refused": "order refused",
            "failed": "an error",
            "raised": "an exception",
        }.get(said["event"])
        if words is not None:
            return f"{words}, {when - trial.began:.1f} s"
    return "nothing"


def _after(fault: Fault, trial: Trial) -> str:
    if "start" in fault.judge:
        ended = trial.program.wait("failed", "ready", timeout=0.0)
        return "an error says why" if ended == "failed" else "it hangs"
    state = trial.program.state()
    if state is None:
        return "the program does not answer"
    said = []
    if "data" in fault.judge:
        said.append(
            "quotes go on" if abs(state["bid"] - trial.bid) < 0.005 else "quotes stand still"
        )
    if "bars" in fault.judge:
        said.append("bars go on" if abs(state["close"] - trial.bid) < 0.5 else "bars stand still")
    if "order" in fault.judge:
        said.append(f"the order is told {_told_order(state)}, it is {_true_order(trial)}")
    if "late" in fault.judge:
        said.append("the order leaves late, and fills" if trial.fills else "the order never leaves")
    if "fills" in fault.judge:
        known, true = set(state["fills"]), trial.fills
        said.append(f"{len(known & true)} of {len(true)} fills known")
    return "; ".join(said)


def _told_order(state: dict[str, Any]) -> str:
    statuses = state["statuses"]
    return str(statuses[min(statuses, key=int)]) if statuses else "nothing"


def _true_order(trial: Trial) -> str:
    return "Filled" if trial.fills else "Submitted"


# ---- the table -------------------------------------------------------------------------------


def play(faults: Iterable[Fault]) -> dict[str, list[Verdict]]:
    """Every client in each fault, the clients at the same time."""
    found: dict[str, list[Verdict]] = {}
    for fault in faults:
        verdicts: dict[int, Verdict] = {}

        def work(number: int, client: Client, fault: Fault = fault) -> None:
            try:
                verdicts[number] = run(fault, client)  # noqa: B023  (joined before the next one)
            except Exception as error:  # noqa: BLE001  (the table says so)
                verdicts[number] = Verdict("", f"the trial failed: {error!r}")  # noqa: B023

        threads = [
            threading.Thread(target=work, args=(number, client))
            for number, client in enumerate(CLIENTS)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        found[fault.name] = [verdicts[number] for number in range(len(CLIENTS))]
        for client, verdict in zip(CLIENTS, found[fault.name], strict=True):
            print(
                f"{fault.name:16} {client.name:24} {verdict.noticed:28} {verdict.after}", flush=True
            )
    return found


def render(found: dict[str, list[Verdict]], day: datetime) -> str:
    """The table as Markdown."""
    head = ["fault", *(client.name for client in CLIENTS)]
    rows = [head, [":--"] * len(head)]
    what = {fault.name: fault.what for fault in FAULTS}
    for name, verdicts in found.items():
        cells = (f"**{one.noticed}**; {one.after}" for one in verdicts)
        rows.append([f"{name}: {what[name]}", *cells])
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    mine = f"twsloop {version('twsloop')}, Python {platform.python_version()}"
    return f"Run on {day:%d %B %Y}: {mine}.\n\n{table}\n"


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("faults", nargs="*", help="names of faults; all unless given")
    parser.add_argument("--short", action="store_true", help="only those that take a moment")
    options = parser.parse_args()
    wanted = SHORT if options.short else options.faults
    unknown = set(wanted) - {fault.name for fault in FAULTS}
    if unknown:
        parser.error(f"no such fault: {sorted(unknown)}; there are {[one.name for one in FAULTS]}")
    found = play(fault for fault in FAULTS if not wanted or fault.name in wanted)
    if not wanted:
        TABLE.write_text(render(found, datetime.now(UTC)), encoding="utf-8")


if __name__ == "__main__":
    main()
