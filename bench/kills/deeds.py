"""What a client does that is no order: copies, archives, forks, and what it is refused."""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import functools
import gc
import multiprocessing.util
import os
import random
import signal
import stat
import time
import weakref
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType

from twsloop import IBGateway, market_order, stock
from twsloop.errors import TwsLoopError
from twsloop.storage.reading import read_file

__all__ = ["DEEDS", "be_refused"]

#: How long anything may take, seconds.
PATIENCE = 30.0
#: How long a forked process may wait for what nobody can give it, seconds.
IN_VAIN = 0.05
#: How long a forked process lives on, seconds: the next client starts meanwhile.
OUTLIVES = 1.5


def _copy(app: IBGateway, _chance: random.Random) -> None:
    """Copy the journal."""
    app.journal.backup().result(PATIENCE)


def _archive(app: IBGateway, _chance: random.Random) -> None:
    """Let the first day of the journal go into an archive."""
    ((first,),) = read_file(app.journal.file, "SELECT min(time) FROM entry")
    day = datetime.fromisoformat(first).replace(hour=0, minute=0, second=0, microsecond=0)
    journal = app._IBGateway__slices.journal  # noqa: SLF001
    job = functools.partial(journal.archive, day + timedelta(days=1))
    moved = app.event_loop.submit(job).result(PATIENCE)
    assert moved.entries, f"nothing of {day} was moved"


def _fork(app: IBGateway, chance: random.Random) -> None:
    """Fork with all open; the other process uses what it has inherited, and ends in its own way.

    Or it outlives us for a while, with our files open and locked; but not our sockets, as the
    gateway would take it for us.
    """
    finalizes, outlives = chance.random() < 0.5, chance.random() < 0.4
    pid = os.fork()
    if not pid:
        try:
            _use(app)
            gc.collect()
            if outlives:
                _close_sockets()
                time.sleep(OUTLIVES)
        finally:
            if finalizes:
                _finalize()
            os._exit(0)
    if outlives:
        return
    until = time.monotonic() + PATIENCE
    while (ended := os.waitpid(pid, os.WNOHANG)) == (0, 0):
        if time.monotonic() > until:
            os.kill(pid, signal.SIGKILL)
            msg = "a forked process does not end"
            raise TimeoutError(msg)
        time.sleep(0.001)
    # libuv, loaded by uvloop, fails in its last instant: it waits for threads that were not forked.
    right = {0, signal.SIGSEGV}
    assert ended[1] in right, f"a forked process came to a step of an order, or died: {ended[1]}"


def _close_sockets() -> None:
    """Close all of this process's sockets; the pipe to the run is one of them."""
    for each in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            if stat.S_ISSOCK(each.stat().st_mode):
                os.close(int(each.name))


def _finalize() -> None:
    """All that an interpreter does at its end, which closes every file that it knows of."""
    # But for what belongs to the run itself: its folders, and the gateway's process.
    weakref.finalize._registry.clear()  # type: ignore[attr-defined]  # noqa: SLF001
    atexit.unregister(multiprocessing.util._exit_function)  # type: ignore[attr-defined]  # noqa: SLF001
    ctypes.pythonapi.Py_Exit(0)


def _use(app: IBGateway) -> None:
    """Ask for what a process cannot have that inherited no threads: nothing of it may happen."""
    for ask in (
        lambda: app.place_order(stock("AAPL"), market_order("BUY", 77)).done.result(IN_VAIN),
        lambda: app.placeOrder(app.next_order_id(), stock("AAPL"), market_order("BUY", 78)),
        lambda: app.journal.backup().result(IN_VAIN),
    ):
        with contextlib.suppress(TwsLoopError, TimeoutError, RuntimeError):
            ask()


def be_refused(app: IBGateway) -> None:
    """Place an order while nothing can be written down.

    Raises:
        AssertionError: It was not refused, or nobody says why.
    """
    app.placeOrder(app.next_order_id(), stock("AAPL"), market_order("BUY", 80))
    trade = app.place_order(stock("AAPL"), market_order("BUY", 79))
    status = trade.done.result(PATIENCE)
    assert status == "REFUSED", f"{trade} was not refused"
    assert "journal" in trade.reason, f"{trade} was refused: {trade.reason!r}"
    assert app.quote("AAPL").result(PATIENCE).last == 189.5, "market data does not go on"


DEEDS: Mapping[str, Callable[[IBGateway, random.Random], None]] = MappingProxyType(
    {"copy": _copy, "archive": _archive, "fork": _fork}
)
