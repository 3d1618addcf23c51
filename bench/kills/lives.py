"""The lives of clients, each a process that is forked, watched from outside, and killed."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any

import attrs

from twsloop import Config, IBGateway

from .books import compare, executions
from .child import PATIENCE, live
from .plans import CLIENT_ID, Plan
from .rights import taken_away
from .server import Books, Remote

__all__ = ["Wrong", "agreed", "child", "gone", "killed", "warm_up"]

#: A client that is killed at any time has so long to live at most, seconds.
LIFE = 0.06


class Wrong(Exception):
    """Something is not as it has to be."""


def warm_up() -> None:
    """Import what is imported late: children inherit it, and some of them may read nothing."""
    IBGateway(Config.load(environ={}))


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
    if plan.before == "reset":
        remote.reset_ids(CLIENT_ID)
    known = executions(plan.file, CLIENT_ID)
    with taken_away(plan.before, plan.file.parent), child(plan) as one:
        if plan.action == "refused":
            return _refused(one)
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


def _refused(one: Child) -> bool:
    """A client that cannot write: it is READY, refuses orders, and is killed."""
    one.heard()
    one.pipe.send("go on")
    one.heard()
    said = one.heard()
    os.kill(one.pid, signal.SIGKILL)
    return bool(said == ("lives",))
