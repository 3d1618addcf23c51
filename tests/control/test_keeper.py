"""Supervision of a stand-in for IBC: a gateway that hangs, dies, or is closed."""

from __future__ import annotations

import queue
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.ibc_room import PATIENCE, Ibc
from twsloop.control.gateway_process import GatewayProcess
from twsloop.control.keeper import Keeper
from twsloop.control.machine import end
from twsloop.control.steps import Step
from twsloop.errors import ControlError

#: A gateway counts as hanging after three connections that are not answered, soon; one that is well
#: and slow, on a busy machine, answers one of three.
QUICK = {
    "reconnect.wedge_after": 3,
    "reconnect.first_delay": 0.01,
    "reconnect.quick_delay": 0.01,
    "connection.handshake_timeout": 0.5,
    "control.restart_pause": 0,
    "control.restart_limit": 5,
}


class Kept:
    """A keeper at work, in a thread of its own."""

    def __init__(self, ibc: Ibc, **more: object) -> None:
        self.ibc = ibc
        given: dict[str, Any] = {**QUICK, **more}
        named = {name.replace(".", "__"): value for name, value in given.items()}
        self.process: GatewayProcess = ibc.process(**named)
        self.steps: queue.SimpleQueue[Step] = queue.SimpleQueue()
        self.ended: BaseException | None = None
        self.stopping = threading.Event()
        keeper = Keeper(ibc.config, self.process, tell=self.steps.put)
        self._thread = threading.Thread(target=self._run, args=(keeper,))
        self._thread.start()

    def _run(self, keeper: Keeper) -> None:
        try:
            keeper.run(self.stopping)
        except ControlError as error:
            self.ended = error

    def until(self, name: str) -> Step:
        """The next step of that name."""
        while True:
            step = self.steps.get(timeout=PATIENCE)
            if step.name == name:
                return step

    def wait(self) -> BaseException | None:
        """Wait until the keeper has ended; why it gave up."""
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()
        return self.ended

    def hang(self) -> None:
        """Let the gateway hang."""
        with socket.create_connection(("127.0.0.1", self.ibc.stand_in.command_port)) as link:
            link.sendall(b"WEDGE\r\n")
            said = b""
            while b"it hangs" not in said:
                said += link.recv(100)

    def pid(self) -> int:
        record = self.process.plan.room.running()
        assert record is not None
        return record.process.pid


@pytest.fixture
def ibc(tmp_path: Path) -> Iterator[Ibc]:
    made = Ibc(tmp_path)
    yield made
    made.close()


def test_one_that_hangs_is_restarted_through_ibc_and_one_that_is_closed_is_left(ibc: Ibc) -> None:
    kept = Kept(ibc)
    kept.until("ready")
    pid = kept.pid()
    kept.hang()
    assert "of 5)" in kept.until("restart").text
    assert "IBC: RESTART" in kept.until("restarting").text
    kept.until("ready")
    assert kept.pid() == pid
    kept.process.stop()
    kept.until("closed")
    assert kept.wait() is None


def test_a_process_that_dies_is_started_again_until_a_person_is_needed(ibc: Ibc) -> None:
    kept = Kept(ibc)
    kept.until("ready")
    pid = kept.pid()
    record = kept.process.plan.room.running()
    assert record is not None
    end(record.process, by_force=True)
    assert "SIGKILL" in kept.until("start").text
    kept.until("ready")
    assert kept.pid() != pid
    # Now the login asks for a second factor that nobody answers: it is not asked for again.
    ibc.stand_in.behave(exit=1111)
    record = kept.process.plan.room.running()
    assert record is not None
    end(record.process, by_force=True)
    kept.until("failed")
    ended = kept.wait()
    assert "supervision gives up" in str(ended)
    assert "second factor" in str(ended)
    assert "phone" in str(ended)


def test_one_that_others_started_is_restarted_too(ibc: Ibc) -> None:
    process = ibc.process()
    process.start()
    record = process.plan.room.recall()
    assert record is not None
    process.plan.room.forget()  # now nobody knows who started it
    kept = Kept(ibc)
    assert "others started it" in kept.until("running").text
    kept.hang()
    kept.until("restart")
    kept.until("ready")
    kept.stopping.set()
    assert kept.wait() is None
    end(record.process, by_force=True)


def test_one_whose_ibc_hangs_too_is_left_alone(ibc: Ibc) -> None:
    ibc.stand_in.behave(refuse=["RESTART"])
    kept = Kept(ibc, **{"control.restart_limit": 1})
    kept.until("ready")
    kept.hang()
    assert "left alone" in kept.until("stuck").text
    assert "the limit" in str(kept.wait())
    assert kept.process.plan.room.running() is not None


def test_one_whose_ibc_hangs_too_is_killed_where_that_is_wanted(ibc: Ibc) -> None:
    ibc.stand_in.behave(refuse=["RESTART"])
    kept = Kept(ibc, **{"control.when_stuck": "kill"})
    kept.until("ready")
    pid = kept.pid()
    kept.hang()
    assert f"process {pid} is killed" in kept.until("killed").text
    kept.until("ready")
    assert kept.pid() != pid
    kept.stopping.set()
    assert kept.wait() is None
    assert kept.process.plan.room.running() is not None  # the gateway goes on
