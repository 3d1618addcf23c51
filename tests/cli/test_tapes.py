"""``twsloop paper --tape`` and ``twsloop transcript``, as people and scripts use them."""

from __future__ import annotations

import json
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.program import program
from twsloop.cli import run as invoke
from twsloop.paper.tape.tape_file import load_tape
from twsloop.wire.tape import Frame

SCRIPT = """\
version 178
client: reqIds
server: nextValidId orderId=77
disconnect
"""
START = b"\0\0\0\x0871\x002\x007\x00\x00"
REQ_IDS = b"\0\0\0\x068\x001\x001\x00"


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


@pytest.fixture
def script(tmp_path: Path) -> Path:
    file = tmp_path / "ids.txt"
    file.write_text(SCRIPT)
    return file


def talk(port: int, *says: bytes) -> bytes:
    """Say hello and more; all that comes until the gateway ends the link."""
    heard = b""
    with socket.create_connection(("127.0.0.1", port), 10) as client:
        client.sendall(b"API\0\0\0\0\tv100..178")
        heard += client.recv(1000)
        client.sendall(b"".join(says))
        while data := client.recv(1000):
            heard += data
    return heard


def test_a_transcript_is_played(tmp_path: Path, script: Path) -> None:
    with program("--json", "paper", "--port", "0", "--tape", str(script), home=tmp_path) as server:
        first = server.event()
        assert list(first)[:3] == ["event", "host", "port"]
        assert (first["event"], first["sessions"]) == ("listening", 1)
        assert talk(first["port"], START, REQ_IDS).endswith(b"9\x001\x0077\x00")
        assert server.event()["event"] == "joined"
        assert server.event()["event"] == "session_end"
        server.send(signal.SIGTERM)
        code, out, errors = server.end()
    assert (code, errors) == (0, "")
    assert json.loads(out) == {"event": "stopped", "played": 1, "problems": []}


def test_a_client_that_deviates_is_named(tmp_path: Path, script: Path) -> None:
    with program(
        *("paper", "--port", "0", "--transcript", str(script), "--patience", "0.2"), home=tmp_path
    ) as server:
        line = server.line()
        assert line.startswith(f"playing {script} on 127.0.0.1:")
        talk(int(line.split(" (")[0].rpartition(":")[2]), START)
        assert server.line() == "a client joined: server version 178"
        assert server.line() == "ids.txt:2 waits for reqIds; within 0.2 s it sent nothing"
        server.send(signal.SIGINT)
        code, out, _ = server.end()
    assert code == 0
    assert "stopped after 1 sessions, 1 of them not as scripted" in out


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--tape", "no-such.tape"], 15, "no-such.tape: cannot be read: no such file"),
        (["--tape", "ids.txt", "--feed", "synthetic"], 2, "it has no market to set up"),
        (["--tape", "ids.txt", "--seed", "3"], 2, "it has no market to set up"),
        (["--tape", "ids.txt", "--session", "2"], 15, "there is no session 2: it has 1"),
        (["--tape", "bad.txt"], 15, "bad.txt:1: there is no 'nonsense'"),
        (["--strict"], 2, "--strict, --session and --patience belong to --tape"),
        (["--session", "1"], 2, "--strict, --session and --patience belong to --tape"),
        (["--patience", "10"], 2, "--strict, --session and --patience belong to --tape"),
        (["--tape", "ids.txt", "--patience", "0"], 2, "'0' is no number of seconds above 0"),
        (["--tape", "ids.txt", "--patience", "-1"], 2, "'-1' is no number of seconds above 0"),
        (["--tape", "ids.txt", "--patience", "nan"], 2, "'nan' is no number of seconds above 0"),
        (["--tape", "ids.txt", "--patience", "inf"], 2, "'inf' is no number of seconds above 0"),
        (["--tape", "ids.txt", "--patience", "soon"], 2, "'soon' is no number of seconds above 0"),
    ],
)
def test_what_cannot_be_played(
    run: Run, tmp_path: Path, script: Path, arguments: list[str], code: int, words: str
) -> None:
    (tmp_path / "bad.txt").write_text("nonsense\n")
    ended, out, errors = run("paper", "--port", "0", *arguments)
    assert (ended, out) == (code, "")
    assert words in errors
    assert "Traceback" not in errors


def test_the_fields_of_a_message(run: Run) -> None:
    code, out, errors = run("--json", "transcript", "--fields", "reqMktData")
    assert (code, errors) == (0, "")
    rows = [json.loads(line) for line in out.splitlines()]
    assert rows[0] == {"event": "field", "field": "reqId", "value": "whole number"}
    fields = {row["field"]: row["value"] for row in rows}
    assert fields["contract.strike"] == "number"
    assert fields["contract.comboLegs[0].conId"] == "whole number"
    assert fields["marketDataOptions{key}"] == "text"
    assert "tickType" in run("transcript", "--fields", "tickPrice")[1]
    code, _, errors = run("transcript", "--fields", "tickPrize")
    assert code == 2
    assert "did you mean" in errors


def test_to_a_tape_and_back(run: Run, tmp_path: Path, script: Path) -> None:
    code, out, errors = run("transcript", "ids.txt", "ids.tape.gz")
    assert (code, out, errors) == (0, "", "")
    tape = load_tape(tmp_path / "ids.tape.gz")
    names = [entry.name for entry in tape.entries if isinstance(entry, Frame)]
    assert names == ["startApi", "managedAccounts", "nextValidId", "reqIds", "nextValidId"]
    code, out, errors = run("transcript", "ids.tape.gz")
    assert (code, errors) == (0, "")
    lines = out.splitlines()
    assert lines[0].startswith("# recorded at 2")
    assert lines[1] == "version 178"
    assert lines[-2:] == ["server: nextValidId orderId=77", "disconnect"]
    code, out, errors = run("transcript", "ids.tape.gz", "ids.txt")
    assert (code, errors) == (
        15,
        "twsloop: ids.txt: the file is there already\n--force writes over it.\n",
    )
    assert script.read_text() == SCRIPT
    code, out, errors = run("transcript", "--force", "ids.tape.gz", "ids.txt")
    assert (code, out, errors) == (0, "", "")
    assert "client: reqIds" in script.read_text()


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["nothing.txt"], 15, "nothing.txt: cannot be read"),
        (["ids.txt", "--session", "3"], 15, "there is no session 3: it has 1"),
        (["ids.txt", "no/such/x.txt"], 15, "cannot be written"),
        (["open.txt", "x.tape"], 15, 'write "version 200" into it'),
        ([], 2, "Missing argument 'SOURCE'"),
    ],
)
def test_what_cannot_be_turned(
    run: Run, tmp_path: Path, script: Path, arguments: list[str], code: int, words: str
) -> None:
    (tmp_path / "open.txt").write_text("disconnect\n")
    ended, out, errors = run("transcript", *arguments)
    assert (ended, out) == (code, "")
    assert words in errors
    assert not (tmp_path / "x.tape").exists()
