"""``replay``: a tape, or a folder of ticks, to any TWS client."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.support.commands import check_lines
from tests.support.program import program
from twsloop.cli import run as run_here
from twsloop.paper.server import PaperGateway

HEADER = "ts_utc,kind,exch,price,size,suspicious,nbbo_bid,nbbo_bid_size,nbbo_ask,nbbo_ask_size\n"


def ticks(folder: Path) -> Path:
    folder.mkdir()
    rows = [
        f"2013-10-07T13:30:{second:02}.000Z,T,N,{180 + second / 100:.2f},{100 + second},0,"
        f"179.{second:02},1,181.{second:02},2\n"
        for second in range(1, 6)
    ]
    (folder / "IBM_20131007_tick.csv").write_text(HEADER + "".join(rows))
    return folder


@pytest.mark.parametrize("what", ["folder", "file"])
def test_ticks_are_a_market(tmp_path: Path, what: str) -> None:
    source = ticks(tmp_path / "ticks")
    if what == "file":
        source /= "IBM_20131007_tick.csv"
    asked = ("--json", "replay", str(source), "--port", "0", "--speed", "max")
    with program(*asked, home=tmp_path) as server:
        (listening,) = check_lines("replay", server.line())
        with program(
            *("--json", "--port", str(listening["port"])),
            *("subscribe", "IBM"),
            home=tmp_path,
        ) as client:
            while client.until("tick")["last"] != 180.05:
                pass
            client.send(signal.SIGINT)
            assert client.end()[0] == 0
        check_lines("replay", server.line())
        server.send(signal.SIGINT)
        code, _, complaints = server.end()
    assert (code, complaints) == (0, "")


def test_a_tape_is_what_was_said(tmp_path: Path, paper_gateway: PaperGateway) -> None:
    tape = tmp_path / "session.tape"
    upstream = f"127.0.0.1:{paper_gateway.port}"
    recording = ("--json", "record", "--listen", "0", "--upstream", upstream, str(tape))
    with program(*recording, home=tmp_path) as recorder:
        port = str(recorder.event()["port"])
        with program("--port", port, "check", home=tmp_path) as client:
            assert client.end()[0] == 0
        recorder.until("session_end")
        recorder.send(signal.SIGINT)
        assert recorder.end()[0] == 0
    with program("--json", "replay", str(tape), "--port", "0", home=tmp_path) as server:
        port = str(server.event()["port"])
        with program("--port", port, "check", home=tmp_path) as client:
            code, out, complaints = client.end()
        assert (code, complaints) == (0, "")
        assert "READY" in out
        server.send(signal.SIGINT)
        assert server.end()[0] == 0


def test_options_that_belong_to_the_other_kind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tape = tmp_path / "x.tape.gz"
    tape.touch()
    folder = str(ticks(tmp_path / "ticks"))
    for arguments, words in (
        ((folder, "--strict"), "--strict and --session are for tapes"),
        ((folder, "--session", "1"), "--strict and --session are for tapes"),
        ((str(tape), "--from", "2013-10-07T13:30"), "--from and --to are for ticks"),
        ((str(tmp_path / "none.tape"),), "does not exist"),
        ((folder, "--speed", "fast"), "neither a number nor max"),
    ):
        assert run_here(["replay", *arguments]) == 2
        assert words in capsys.readouterr().err
