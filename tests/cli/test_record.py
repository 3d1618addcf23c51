"""``twsloop record``: what scripts rely on, with real processes and signals."""

from __future__ import annotations

import json
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.program import program
from twsloop.cli import run as invoke
from twsloop.paper.server import PaperGateway
from twsloop.paper.tape.tape_file import load_tape
from twsloop.wire.tape import End, Frame

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Run a command line that ends by itself, in this process: exit code, output, errors."""
    monkeypatch.chdir(tmp_path)

    def ended(*arguments: str) -> tuple[int, str, str]:
        code = invoke(arguments)
        out, errors = capfd.readouterr()
        return code, out, errors

    return ended


def talk(port: int) -> None:
    """Say hello and startApi as a client of version 178, and leave."""
    with socket.create_connection(("127.0.0.1", port), 5) as client:
        client.sendall(b"API\0\0\0\0\tv100..178")
        assert client.recv(100)[4:].startswith(b"178\0")
        client.sendall(b"\0\0\0\x0871\x002\x007\x00\x00")
        assert client.recv(100)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_contract_for_scripts(tmp_path: Path, number: int) -> None:
    tape = tmp_path / "one.tape"
    with PaperGateway() as paper:
        upstream = f"127.0.0.1:{paper.port}"
        with program(
            *("--json", "record", "--listen", "0", "--upstream", upstream, str(tape)),
            home=tmp_path,
        ) as recorder:
            first = recorder.event()
            assert list(first) == ["event", "host", "port", "upstream", "file"]
            assert first["event"] == "listening"
            talk(first["port"])
            assert recorder.event() == {"event": "connected", "session": 1}
            assert recorder.event()["server_version"] == 178
            assert recorder.event()["event"] == "session_end"
            progress = recorder.event()
            assert progress["event"] == "progress"
            assert progress["messages"] >= 6
            recorder.send(number)
            code, out, errors = recorder.end()
    assert (code, errors) == (0, "")
    assert json.loads(out)["event"] == "stopped"
    entries = load_tape(tape).entries
    assert any(isinstance(entry, Frame) and entry.name == "startApi" for entry in entries)
    assert isinstance(entries[-1], End)


def test_for_people(tmp_path: Path) -> None:
    with (
        PaperGateway() as paper,
        program(
            *("record", "--listen", "0", "--upstream", f":{paper.port}", "one.tape.gz"),
            home=tmp_path,
        ) as recorder,
    ):
        line = recorder.line()
        assert line.startswith(f"recording 127.0.0.1:{paper.port}: connect your client to ")
        talk(int(line.split(" (")[0].rpartition(":")[2]))
        assert recorder.line() == "session 1: a client connected"
        recorder.send(signal.SIGINT)
        code, out, errors = recorder.end()
    assert (code, errors) == (0, "")
    assert "sessions are in one.tape.gz" in out


def test_a_port_for_the_whole_network_is_said(tmp_path: Path) -> None:
    with (
        PaperGateway() as paper,
        program(
            *("--json", "record", "--listen", "0", "--host", "0.0.0.0"),
            *("--upstream", f":{paper.port}", "x.tape"),
            home=tmp_path,
        ) as recorder,
    ):
        assert recorder.event()["host"] == "0.0.0.0"
        assert recorder.event()["event"] == "open_to_network"
        recorder.send(signal.SIGINT)
        assert recorder.end()[0] == 0


def test_ctrl_c_with_a_client_connected(tmp_path: Path) -> None:
    with (
        PaperGateway() as paper,
        program(
            *("--json", "record", "--listen", "0", "--upstream", f":{paper.port}", "x.tape"),
            home=tmp_path,
        ) as recorder,
    ):
        port = recorder.event()["port"]
        with socket.create_connection(("127.0.0.1", port), 5) as client:
            client.sendall(b"API\0\0\0\0\tv100..178")
            assert client.recv(100)
            recorder.send(signal.SIGINT)
            assert recorder.end()[0] == 0
            assert client.recv(100) == b""
    end = load_tape(tmp_path / "x.tape").entries[-1]
    assert isinstance(end, End)
    assert end.by == "recorder"


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_no_gateway_there(run: Run, tmp_path: Path) -> None:
    port = closed_port()
    code, out, errors = run("record", "--upstream", f"127.0.0.1:{port}", "x.tape")
    assert (code, out) == (4, "")
    assert errors.startswith(f"twsloop: 127.0.0.1:{port}: connection refused: no gateway listens")
    assert "check --upstream" in errors
    assert not (tmp_path / "x.tape").exists()


def test_a_file_that_is_there(run: Run, tmp_path: Path) -> None:
    (tmp_path / "x.tape").write_text("precious")
    arguments = ["record", "--listen", "0", "--no-probe", "x.tape"]
    code, out, errors = run(*arguments)
    assert (code, out) == (15, "")
    assert errors == "twsloop: x.tape: the file is there already\n--force writes over it.\n"
    assert (tmp_path / "x.tape").read_text() == "precious"


def test_a_port_in_use(run: Run, tmp_path: Path) -> None:
    with PaperGateway() as paper:
        port = str(paper.port)
        code, out, errors = run("record", "--listen", port, "--upstream", f":{port}", "x.tape")
    assert (code, out) == (15, "")
    assert errors.startswith(f"twsloop: cannot listen on 127.0.0.1:{port}: ")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 2, "Missing argument 'FILE'"),
        (["--upstream", "4002x", "x"], 2, "'4002x' is not HOST:PORT"),
        (["--upstream", "host:0", "x"], 2, "'host:0' is not HOST:PORT"),
        (["--listen", "99999", "x"], 2, "99999 is not in the range"),
        (["--listen", "0", "--no-probe", "no/such/folder/x"], 15, "cannot be written"),
        (["."], 2, "is a directory"),
    ],
)
def test_what_cannot_be_recorded(
    run: Run, tmp_path: Path, arguments: list[str], code: int, words: str
) -> None:
    ended, out, errors = run("record", *arguments)
    assert (ended, out) == (code, "")
    assert words in errors
    assert "Traceback" not in errors
