"""``twsloop start``, ``stop``, ``restart``, ``status``, ``ibc``, with a stand-in for IBC."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from tests.support.ibc_room import Ibc
from tests.support.in_process import Said, said
from tests.support.program import ROOT, program
from tests.support.stand_in_ibc import free_port
from twsloop.cli import gateway
from twsloop.cli.exits import Exit
from twsloop.cli.shapes import lines_of, schema_of

PASSWORD = "correct-horse-battery"


__all__ = ["said"]  # a fixture


@pytest.fixture
def ibc(tmp_path: Path) -> Iterator[Ibc]:
    made = Ibc(tmp_path)
    yield made
    made.close()


def environ(ibc: Ibc) -> dict[str, str]:
    """The settings of a stand-in, as variables."""
    return {
        "TWSLOOP_CONNECTION_PORT": str(ibc.stand_in.port),
        "TWSLOOP_CONTROL_IBC_PATH": str(ibc.stand_in.folder),
        "TWSLOOP_CONTROL_IBC_INI": str(ibc.stand_in.ini),
        "TWSLOOP_CONTROL_FOLDER": str(ibc.root / "state"),
        "TWSLOOP_CONTROL_DISPLAY": ":99",
        "TWSLOOP_CONTROL_START_TIMEOUT": "35",
        "TWS_USERID": "somebody",
        "TWS_PASSWORD": PASSWORD,
    }


def checked(command: Any, out: str) -> list[dict[str, Any]]:
    """The lines, each as its schema says."""
    lines = [json.loads(one) for one in out.splitlines()]
    schema = schema_of(lines_of(command) or (), strict=True)
    for one in lines:
        jsonschema.validate(one, schema)
    return lines


def test_a_gateway_from_start_to_stop(ibc: Ibc, said: Said) -> None:
    said.environ(environ(ibc))
    code, out, complaints = said("start", "--json")
    assert (code, complaints) == (0, "")
    steps = checked(gateway.start, out)
    assert [steps[0]["step"], steps[-1]["step"]] == ["started", "ready"]
    assert steps[-1]["accounts"] == ["DU1234567"]
    assert PASSWORD not in out

    code, out, complaints = said("status", "--json")
    assert (code, complaints) == (0, "")
    (found,) = checked(gateway.status, out)
    assert (found["ready"], found["login"], found["command_server"]) == (True, "configured", True)
    assert found["pid"] == steps[0]["pid"]

    code, out, _ = said("--json", "ibc", "RECONNECTDATA")
    assert code == 0
    assert checked(gateway.ibc, out)[0]["command"] == "RECONNECTDATA"
    code, _, complaints = said("ibc", "enableapi")
    assert code == Exit.GATEWAY
    assert "ENABLEAPI is not valid for the IB Gateway" in complaints

    code, out, complaints = said("restart")
    assert (code, complaints) == (0, "")
    assert out.splitlines()[0].startswith("IBC: RESTART")
    assert out.splitlines()[-1].startswith("ready: ")

    code, out, complaints = said("stop", "--json")
    assert (code, complaints) == (0, "")
    assert [one["step"] for one in checked(gateway.stop, out)] == ["stopping", "stopped"]

    code, out, complaints = said("status")
    assert (code, complaints) == (Exit.GATEWAY, "")
    assert "nobody listens on its port" in out


def test_a_second_factor_is_shown_and_ctrl_c_leaves_the_gateway(ibc: Ibc, tmp_path: Path) -> None:
    ibc.stand_in.behave(second_factor=True)
    with program("start", "--json", home=tmp_path, env=environ(ibc)) as running:
        while (step := running.event())["step"] != "needs_person":
            pass
        assert step["stage"] == "second_factor"
        assert "IBKR Mobile" in step["remedy"]
        running.send(signal.SIGINT)
        code, rest, complaints = running.end()
    assert (code, complaints) == (0, "")
    assert json.loads(rest.splitlines()[-1])["step"] == "left"
    assert ibc.process().plan.room.running() is not None


def test_a_gateway_that_ends_while_it_starts(ibc: Ibc, said: Said) -> None:
    said.environ(environ(ibc))
    ibc.stand_in.behave(exit=1112)
    code, _, complaints = said("start")
    assert code == Exit.GATEWAY
    assert "the login dialog did not come up in time (IBC's 1112)" in complaints
    code, _, complaints = said("stop")
    assert code == Exit.GATEWAY
    assert "nobody listens where IBC's command server" in complaints


def test_supervision_from_the_command_line(ibc: Ibc, said: Said, tmp_path: Path) -> None:
    said.environ(environ(ibc))
    with program("start", "--supervise", "--json", home=tmp_path, env=environ(ibc)) as running:
        while running.event()["step"] != "ready":
            pass
        assert said("stop")[0] == 0
        while running.event()["step"] != "closed":
            pass
        code, _, complaints = running.end()
    assert (code, complaints) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("start", "--supervise", "--no-wait"), "--supervise waits"),
        (("--paper", "start"), "twsloop paper"),
        (("ibc", "DANCE"), "'DANCE' is not one of"),
    ],
)
def test_what_makes_no_sense(arguments: tuple[str, ...], words: str, said: Said) -> None:
    code, _, complaints = said(*arguments)
    assert code == Exit.USAGE
    assert words in complaints


def test_nothing_is_installed(said: Said) -> None:
    code, _, complaints = said("--port", str(free_port()), "start")
    assert code == Exit.GATEWAY
    assert "IB Gateway was not found in" in complaints
    assert "--gateway-path" in complaints


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("start",), "twsloop start --no-wait"),
        (("start", "--supervise"), "set these keys"),
        (("restart",), "twsloop ibc restart"),
    ],
)
def test_live_with_a_gate_closed_says_what_to_do(
    arguments: tuple[str, ...], words: str, said: Said
) -> None:
    said.environ({"TWSLOOP_CONNECTION_MODE": "live"})
    code, out, complaints = said("--port", str(free_port()), *arguments)
    assert (code, out) == (Exit.BLOCKED, "")
    for part in ("[live] override_file is not set", "although it places nothing", words):
        assert part in complaints
    assert ("--no-wait" in complaints) is (arguments == ("start",))


def test_a_bare_gateway(said: Said, tmp_path: Path) -> None:
    """A starter of its own, without IBC: here a paper gateway."""
    port = free_port()
    starter = tmp_path / "ibgateway"
    starter.write_text(
        f'#!/bin/bash\nexec "{sys.executable}" "{ROOT}/gateway_cli.py" paper --port {port}\n'
    )
    starter.chmod(0o755)
    said.environ({"DISPLAY": ":99", "TWSLOOP_CONTROL_FOLDER": str(tmp_path / "state")})
    given = ("--port", str(port))
    path = ("--gateway-path", str(starter))
    code, out, complaints = said(*given, "start", *path)
    assert (code, complaints) == (0, "")
    assert out.splitlines()[-1].startswith("ready: ")
    code, out, complaints = said(*given, "restart", *path)
    assert (code, complaints) == (0, "")
    code, out, complaints = said(*given, "stop")
    assert (code, complaints) == (0, "")
    assert "has ended" in out
