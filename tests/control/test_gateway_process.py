"""Starting, stopping and restarting, with a stand-in for IBC whose gateway is a paper one."""

from __future__ import annotations

import json
import socket
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.ibc_room import Ibc
from twsloop.control.commands import Command
from twsloop.control.login_log import Stage
from twsloop.control.machine import end, is_here, lives
from twsloop.control.record import Room
from twsloop.control.steps import Step
from twsloop.errors import (
    CommandRefused,
    ControlError,
    GatewayEnded,
    GatewayNotReady,
    LiveTradingBlocked,
)

PASSWORD = "correct-horse-battery"


@pytest.fixture
def ibc(tmp_path: Path) -> Iterator[Ibc]:
    made = Ibc(tmp_path)
    yield made
    made.close()


def test_a_whole_life(ibc: Ibc) -> None:
    """Start with a second factor, ask, restart, and stop."""
    ibc.stand_in.behave(second_factor=True, minute=True)

    def tell(step: Step) -> None:
        ibc.tell(step)
        if step.name == "needs_person":
            ibc.stand_in.answer_second_factor()
        if step.name == "restarting":  # a little later the old life ends
            threading.Timer(0.3, ibc.stand_in.let_a_minute_pass).start()

    process = ibc.process({"TWS_USERID": "somebody", "TWS_PASSWORD": PASSWORD})
    seen = process.start(tell=tell)
    assert seen is not None
    assert (seen.ready, seen.server_version, seen.accounts) == (True, 225, ("DU1234567",))
    names = ibc.names()
    assert names[0] == "started"
    assert names[-1] == "ready"
    shown = next(step for step in ibc.told if step.name == "needs_person")
    assert "IBKR Mobile" in shown.text
    record = process.plan.room.running()
    assert record is not None
    login_left_nothing(ibc, process.plan.room, seen)

    ibc.told.clear()
    assert process.start(tell=ibc.tell) is not None  # again: it is only proven
    assert ibc.names()[0] == "running"
    status = process.status()
    assert (status.ready, status.command_server, status.port_open) == (True, True, True)
    assert status.record == record
    assert status.login.stage is Stage.CONFIGURED

    assert process.command(Command.RECONNECTDATA).ok
    with pytest.raises(CommandRefused, match="ENABLEAPI is not valid for the IB Gateway"):
        process.command(Command.ENABLEAPI)

    ibc.told.clear()
    assert process.restart(tell=tell).ready
    assert ibc.stand_in.minute_passed  # a session of the old life was not taken for one of the new
    assert ibc.names()[0] == "restarting"
    assert process.plan.room.running() == record  # IBC's script lives on
    assert "authentication will not be required" in process.plan.room.log.read_text()

    ibc.told.clear()
    process.stop(tell=ibc.tell)
    assert ibc.names() == ["stopping", "stopped"]
    assert "Shutting down" in ibc.told[0].text
    assert not lives(record.process)
    assert not process.plan.room.ini.exists()
    status = process.status()
    assert (status.ready, status.port_open, status.record) == (False, False, None)
    assert "nobody listens" in status.missing[0]


def login_left_nothing(ibc: Ibc, room: Room, seen: object) -> None:
    """The login arrived, and is nowhere but where IBC reads it."""
    given = ibc.stand_in.given()
    assert given["login"] == ["somebody", PASSWORD]
    assert PASSWORD not in json.dumps([given["argv"], given["environ"]])
    assert "--user" not in " ".join(given["argv"])
    assert PASSWORD not in " ".join(map(repr, [*ibc.told, seen]))
    for path in (path for path in ibc.root.rglob("*") if path.is_file()):
        if path not in {room.ini, ibc.stand_in.folder / "given.json"}:
            assert PASSWORD.encode() not in path.read_bytes(), path
    for path in (room.folder, *room.folder.iterdir()):
        assert not stat.S_IMODE(path.stat().st_mode) & 0o077, path


def test_ibc_that_ends_is_explained(ibc: Ibc) -> None:
    ibc.stand_in.behave(exit=1111)
    with pytest.raises(GatewayEnded, match=r"second factor was not completed .*1111") as ended:
        ibc.process().start(tell=ibc.tell)
    assert ended.value.status == 87
    assert "gateway.log" in str(ended.value)
    assert ibc.process().plan.room.recall() is None


def test_a_login_that_waits_says_what_for(ibc: Ibc) -> None:
    ibc.stand_in.behave(second_factor=True)
    process = ibc.process(control__start_timeout=2)
    with pytest.raises(GatewayNotReady, match="waits for the second factor") as waits:
        process.start(tell=ibc.tell)
    assert "IBKR Mobile" in str(waits.value)
    status = process.status()
    assert status.login.needs_person
    assert status.record is not None
    process.stop()
    assert process.plan.room.running() is None


def test_without_a_command_port_it_is_stopped_by_a_signal(ibc: Ibc) -> None:
    ibc.stand_in.behave(second_factor=True, mute=True)
    text = ibc.stand_in.ini.read_text()
    process = ibc.process()
    process.start(wait=False, tell=ibc.tell)
    ibc.until_said("Second Factor")
    ibc.stand_in.ini.write_text(text.replace("CommandServerPort", "Nothing"))
    process.stop(tell=ibc.tell)
    assert ibc.names() == ["started", "stopping", "stopped"]
    assert "told process" in ibc.told[1].text


def test_one_that_does_not_hear_is_killed_only_when_asked(ibc: Ibc) -> None:
    ibc.stand_in.behave(second_factor=True, refuse=["STOP"], deaf=True)
    process = ibc.process(control__stop_timeout=1)
    process.start(wait=False)
    ibc.until_said("Second Factor")
    with pytest.raises(ControlError, match=r"did not end within 1 s; stop it with --force"):
        process.stop()
    process.stop(by_force=True, tell=ibc.tell)
    assert ibc.names()[-2:] == ["forced", "stopped"]
    assert process.plan.room.running() is None


def test_a_gateway_that_ended_while_nobody_looked_leaves_no_login(ibc: Ibc) -> None:
    process = ibc.process({"TWS_USERID": "somebody", "TWS_PASSWORD": PASSWORD})
    process.start()
    record, room = process.plan.room.running(), process.plan.room
    assert record is not None
    assert room.ini.exists()
    end(record.process, by_force=True)
    ibc.until_gone()
    status = ibc.process().status()  # of another program
    assert not room.ini.exists()
    assert (status.record, status.ready) == (None, False)
    assert status.ending is not None
    assert not status.ending.expected


def test_an_end_is_explained_to_who_asks_later(ibc: Ibc) -> None:
    ibc.stand_in.behave(exit=1112)
    process = ibc.process()
    process.start(wait=False)
    ibc.until_gone()
    ending = ibc.process().status().ending
    assert ending is not None
    assert "login dialog" in ending.meaning


def test_a_login_that_nobody_has_is_told(tmp_path: Path) -> None:
    made = Ibc(tmp_path, login=False)
    made.process().start(wait=False, tell=made.tell)
    made.close()
    shown = [step.text for step in made.told if step.name == "needs_person"]
    assert shown == [
        f"log in at its window: neither the environment nor {made.stand_in.ini} has the login"
    ]


def test_a_gateway_of_another_machine_is_not_started_here(ibc: Ibc) -> None:
    with pytest.raises(ControlError, match=r"192\.0\.2\.1, which is not this machine"):
        ibc.process(connection__host="192.0.2.1").start()
    assert [is_here(host) for host in ("127.0.0.1", "localhost", "192.0.2.1", "no.invalid")] == [
        True,
        True,
        False,
        False,
    ]


def test_two_starts_at_once_are_one(ibc: Ibc) -> None:
    process = ibc.process()
    process.plan.room.enter()
    with process.plan.room.claimed():
        with pytest.raises(ControlError, match="another program starts this gateway just now"):
            ibc.process().start()
        lock = process.plan.room.folder / "start.lock"
        gone = {**json.loads(lock.read_text()), "started": "1"}
        lock.write_text(json.dumps(gone))  # a process that died while it started one
        ibc.process().start(wait=False)
    assert process.plan.room.running() is not None


def test_a_live_gateway_is_not_looked_at_while_a_gate_is_closed(ibc: Ibc) -> None:
    process = ibc.process(connection__mode="live")
    with pytest.raises(LiveTradingBlocked):
        process.start()
    assert process.plan.room.recall() is None
    with socket.create_server(("127.0.0.1", ibc.stand_in.port)):
        status = process.status()
    assert status.port_open
    assert "override_file" in status.missing[0]


def test_the_port_of_ibc_must_be_ours(ibc: Ibc) -> None:
    ibc.stand_in.ini.write_text("OverrideTwsApiPort=4999\n")
    with pytest.raises(ControlError, match=r"OverrideTwsApiPort .* set both to the same port"):
        ibc.process().start()


def test_no_display(ibc: Ibc) -> None:
    with pytest.raises(ControlError, match="Xvfb"):
        ibc.process({"DISPLAY": ""}, control__display="").start()


def test_nothing_to_stop(tmp_path: Path) -> None:
    made = Ibc(tmp_path)
    with pytest.raises(CommandRefused, match="nobody listens where IBC's command server"):
        made.process().stop()
    made.stand_in.ini.write_text("")
    with pytest.raises(ControlError, match="no gateway runs that we started"):
        made.process().stop()
    with pytest.raises(ControlError, match="CommandServerPort"):
        made.process().command(Command.RESTART)


def test_a_port_that_is_taken_is_not_taken_from_anybody(ibc: Ibc) -> None:
    with (
        socket.create_server(("127.0.0.1", ibc.stand_in.port)),
        pytest.raises(ControlError, match="already, and we did not start it"),
    ):
        ibc.process().start()
    assert ibc.process().plan.room.recall() is None
