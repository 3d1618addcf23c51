"""``twsloop paper``: what scripts rely on, with real processes and signals."""

from __future__ import annotations

import json
import signal
import socket
from pathlib import Path

import pytest

from tests.support.program import program, run

TICKS = (
    "ts_utc,kind,exch,price,size,suspicious,nbbo_bid,nbbo_bid_size,nbbo_ask,nbbo_ask_size\n"
    "2013-10-07T13:30:00.000Z,Q,N,,,0,180.00,100,180.10,200\n"
    "2013-10-07T13:30:01.000Z,T,N,180.05,100,0,180.00,100,180.10,200\n"
    "2013-10-07T13:30:02.000Z,T,N,180.06,100,0,180.00,100,180.10,200\n"
)


@pytest.fixture
def ticks(tmp_path: Path) -> Path:
    folder = tmp_path / "ticks"
    folder.mkdir()
    (folder / "IBM_20131007_tick.csv").write_text(TICKS)
    return folder


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_contract_for_scripts(tmp_path: Path, number: int) -> None:
    with program("--json", "paper", "--port", "0", home=tmp_path) as server:
        first = server.line()
        event = json.loads(first)
        port = event["port"]
        assert first == json.dumps({"event": "listening", "host": "127.0.0.1", "port": port})
        with socket.create_connection(("127.0.0.1", port), 5) as client:
            client.sendall(b"API\0\0\0\0\tv100..225")
            assert client.recv(4)
        server.send(number)
        code, out, errors = server.end()
    assert (code, errors) == (0, "")
    assert json.loads(out)["event"] == "stopped"


def test_for_people(tmp_path: Path) -> None:
    with program("paper", "--port", "0", "--seed", "7", home=tmp_path) as server:
        assert server.line().startswith("listening on 127.0.0.1:")
        server.send(signal.SIGINT)
        code, out, errors = server.end()
    assert (code, errors) == (0, "")
    assert out.startswith("stopped after ")


def test_a_port_in_use(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, out, errors = run("paper", "--port", str(port), home=tmp_path)
    assert (code, out) == (15, "")
    assert errors.startswith(f"twsloop: cannot listen on 127.0.0.1:{port}: ")
    assert "Choose another port (paper --port" in errors
    assert "another paper gateway" in errors


def test_a_replay_says_when_its_data_has_ended(tmp_path: Path, ticks: Path) -> None:
    with program(
        "--json", "paper", "--port", "0", "--data", str(ticks), "--speed", "max", home=tmp_path
    ) as server:
        assert server.event()["event"] == "listening"
        ended = server.event()
        assert ended["event"] == "feed_ended"
        assert (ended["stats"]["rows"], ended["stats"]["trades"]) == (3, 2)
        server.send(signal.SIGTERM)
        assert server.end()[0] == 0


def test_a_replay_of_a_window(tmp_path: Path, ticks: Path) -> None:
    with program(
        *("--json", "paper", "--port", "0", "--feed", "replay", "--data", str(ticks)),
        *("--speed", "max", "--from", "2013-10-07T13:30:02"),
        home=tmp_path,
    ) as server:
        server.event()
        assert server.event()["stats"]["trades"] == 1


def test_a_replay_that_breaks_ends_the_command(tmp_path: Path, ticks: Path) -> None:
    (ticks / "BAC_20131007_tick.csv").write_text(
        TICKS.replace("180.05", "not a price"), encoding="utf-8"
    )
    code, out, errors = run(
        "paper", "--port", "0", "--data", str(ticks), "--speed", "max", home=tmp_path
    )
    assert code == 15
    assert out.startswith("listening on ")
    assert "BAC_20131007_tick.csv:3" in errors
    assert "Traceback" not in errors


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--feed", "replay"], 3, "[paper] data = : a replay needs data"),
        (["--feed", "synthetic", "--data", "x"], 3, "only a replay has data"),
        (["--feed", "replay", "--data", "no-such-folder"], 15, "no-such-folder"),
        (["--speed", "fast"], 2, "'fast' is neither a number nor max"),
        (["--speed", "0"], 3, "command line [paper] speed = 0.0: the value is too low"),
        (["--from", "yesterday"], 2, "'yesterday'"),
        (["--start", "later"], 3, "[paper] start = later: the value does not have the form"),
        (["--start", "2026-13-01"], 2, "is no date and time like"),
        (["--start", "2026-09-28", "--to", "2026-09-28"], 15, "before it begins"),
        (["--feed", "replay", "--data", "x", "--start", "2026-09-28"], 3, "the date of its data"),
        (["--port", "99999"], 3, "[paper] port = 99999: the value is too high"),
        (["--account", ""], 3, "[paper] accounts"),
        (["--account", "DU1,DU2"], 3, "[paper] accounts = DU1,DU2: that is no account number"),
        (["--account", "a b"], 3, "[paper] accounts = a b: that is no account number"),
        (
            ["--account", "DU1", "--account", "DU1"],
            3,
            "[paper] accounts = DU1: the account is named twice",
        ),
    ],
)
def test_what_cannot_be_served(tmp_path: Path, arguments: list[str], code: int, words: str) -> None:
    ended, out, errors = run("paper", *arguments, home=tmp_path)
    assert (ended, out) == (code, "")
    assert words in errors
    assert "Traceback" not in errors


def test_a_market_of_another_day_at_full_speed(tmp_path: Path) -> None:
    with program(
        *("--json", "paper", "--port", "0", "--start", "2026-09-28 09:30", "--speed", "max"),
        *("--to", "2026-09-28T13:31", "--rate", "0.5", "--hours", "exchange"),
        home=tmp_path,
    ) as server:
        assert server.event()["event"] == "listening"
        ended = server.event()
        assert ended["event"] == "feed_ended"
        assert ended["stats"]["market_time"] == "2026-09-28T13:31:00+00:00"
        assert ended["stats"]["events"] > 500
        server.send(signal.SIGTERM)
        assert server.end()[0] == 0


def test_a_timetable_from_a_file(tmp_path: Path) -> None:
    times = tmp_path / "times"
    times.write_text("7 2026-09-28 09:31\n7 nonsense\n")
    code, _, errors = run("paper", "--timetable", str(times), home=tmp_path)
    assert code == 15
    assert "line 2: '7 nonsense' is neither" in errors
    times.write_text("7 2026-09-28 09:31\n")
    arguments = ("--start", "2026-09-28", "--speed", "max", "--to", "2026-09-28T14:00")
    with program(
        *("--json", "paper", "--port", "0", *arguments, "--timetable", str(times)), home=tmp_path
    ) as server:
        assert server.event()["event"] == "listening"
        server.send(signal.SIGTERM)  # it waits for client 7: the market has not begun
        assert json.loads(server.end()[1])["events"] < 1000


def test_a_fault_script_from_a_file(tmp_path: Path) -> None:
    script = tmp_path / "faults.toml"
    script.write_text('[[fault]]\nfault = "close_in_handshake"\nstage = "connect"\n')
    with program(
        "--json", "paper", "--port", "0", "--faults", str(script), home=tmp_path
    ) as server:
        port = server.event()["port"]
        told = server.event()
        assert (told["event"], told["what"]) == ("fault", "begins")
        assert (told["fault"], told["clients"]) == ("close_in_handshake", None)
        assert told["parameters"]["stage"] == "connect"
        with socket.create_connection(("127.0.0.1", port), 5) as client:
            assert client.recv(4) == b""
        server.send(signal.SIGTERM)
        assert server.end()[0] == 0


def test_a_fault_script_that_makes_no_sense(tmp_path: Path) -> None:
    script = tmp_path / "faults.toml"
    script.write_text('[[fault]]\nfault = "half_opn"\n')
    code, out, errors = run("paper", "--port", "0", "--faults", str(script), home=tmp_path)
    assert (code, out) == (15, "")
    assert errors.startswith(f"twsloop: {script}, entry 1, fault = 'half_opn': there is no such")
    assert "did you mean half_open?" in errors
