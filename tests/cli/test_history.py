"""``history``: bars and ticks of any span, printed or written to a file."""

from __future__ import annotations

import csv
import io
import os
import pty
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.commands import check_lines
from tests.support.program import PATIENCE, ROOT, environment, program, run
from twsloop.cli import run as run_here
from twsloop.cli.history import _tell_of_waits
from twsloop.history.progress import Progress
from twsloop.paper.server import PaperGateway

DAYS = ("--from", "2026-01-05", "--to", "2026-01-07")


def port_of(gateway: PaperGateway) -> tuple[str, str]:
    return "--port", str(gateway.port)


def test_bars_as_csv(tmp_path: Path, paper_gateway: PaperGateway) -> None:
    asked = (*port_of(paper_gateway), "history", "AAPL", *DAYS, "--bar", "1 hour", "--csv")
    code, out, complaints = run(*asked, home=tmp_path)
    assert (code, complaints) == (0, "")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert len(rows) == 3 * 7
    assert list(rows[0]) == ["time", "open", "high", "low", "close", "volume", "average", "count"]
    assert rows[0]["time"] == "2026-01-05T14:30:00+00:00"
    assert (tmp_path / ".twsloop" / "history.db").is_file()
    assert run(*asked, home=tmp_path) == (0, out, "")


def test_bars_of_days_as_json_into_a_file(tmp_path: Path, paper_gateway: PaperGateway) -> None:
    asked = ("history", "EUR.USD", *DAYS, "--bar", "1 day", "--out", "x.json")
    assert run(*port_of(paper_gateway), *asked, home=tmp_path) == (0, "", "")
    rows = check_lines("history", (tmp_path / "x.json").read_text())
    assert [row["time"] for row in rows] == ["2026-01-05", "2026-01-06", "2026-01-07"]
    assert set(rows[0]) == {"event", "time", "open", "high", "low", "close"}  # nothing was traded


def test_ticks_and_a_time_with_its_zone(tmp_path: Path, paper_gateway: PaperGateway) -> None:
    asked = ("history", "AAPL", "--ticks", "--from", "2026-01-05 09:30 US/Eastern")
    end = ("--to", "2026-01-05T14:35Z", "--json")
    code, out, _ = run(*port_of(paper_gateway), *asked, *end, home=tmp_path)
    assert code == 0
    ticks = check_lines("history", out)
    assert ticks[0]["event"] == "tick"
    assert ticks[0]["time"].startswith("2026-01-05T14:30:")
    assert ticks[-1]["time"] < "2026-01-05T14:35"


def test_a_table_for_people(tmp_path: Path, paper_gateway: PaperGateway) -> None:
    asked = ("history", "AAPL", *DAYS, "--bar", "1 day", "--check")
    code, out, _ = run(*port_of(paper_gateway), *asked, home=tmp_path)
    assert code == 0
    assert "2026-01-06" in out
    assert "volume" in out


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (("AAPL",), 2, "Say from when"),
        (("AAPL", "--last", "5 days", "--from", "2026-01-05"), 2, "--from or --last: not both"),
        (("AAPL", "--from", "yesterday"), 2, "no day and no time"),
        (("AAPL", "--from", "2026-01-05T09:30"), 2, "has no time zone"),
        (("AAPL", "--last", "1 D", "--bar", "7 mins"), 2, "IB has no bars of '7 mins'"),
        (("AAPL", "--last", "1 D", "--out", "bars.txt"), 2, "end its name with .csv or .json"),
        (
            ("AAPL", "--last", "1 D", "--out", "/no/where/bars.csv"),
            2,
            "there is no folder /no/where",
        ),
        (("AAPL", "--last", "1 D", "--csv", "--json"), 2, "--csv or --json: not both"),
        (("AAPL", "--last", "1 D", "--ticks", "--check"), 2, "--check is for bars"),
        (
            ("EUR.USD", "--last", "5 D", "--bar", "1 day", "--what", "TRADES"),
            11,
            "No historical market data",
        ),
    ],
)
def test_what_cannot_be_told(
    paper_gateway: PaperGateway,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    code: int,
    text: str,
) -> None:
    for section in ("HISTORY_STORE", "CONTRACTS_CACHE"):
        monkeypatch.setenv(f"TWSLOOP_{section}", "no")
    ended = run_here([*port_of(paper_gateway), "history", *arguments])
    complaints = capsys.readouterr().err
    assert (ended, text in complaints) == (code, True), complaints


def test_a_full_disk_is_told(
    paper_gateway: PaperGateway, capsys: pytest.CaptureFixture[str]
) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("there is no /dev/full here")
    asked = ("history", "AAPL", *DAYS, "--bar", "1 day", "--csv", "--out", str(full))
    assert run_here([*port_of(paper_gateway), *asked]) == 14
    assert "/dev/full: No space left on device" in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_command_that_was_stopped_is_not_done_and_goes_on_the_next_time(
    tmp_path: Path, number: int
) -> None:
    """Bars of a second: more requests than IB allows without a pause."""
    span = ("--last", "7 days", "--all-hours")
    with PaperGateway() as paper:
        asked = (*port_of(paper), "history", "AAPL", *span, "--bar", "1 secs", "--csv")
        with program(*asked, home=tmp_path) as running:
            store = tmp_path / ".twsloop" / "history.db"
            while not kept(store):
                assert running.process.poll() is None, running.end()
            running.send(number)
            code, out, complaints = running.end()
    assert (code, out) == (1, "")
    assert complaints.startswith("twsloop: stopped before all of it was fetched")
    assert kept(store) > 0


def kept(store: Path) -> int:
    """How many bars are in a store that may not be made yet."""
    if not store.exists():
        return 0
    with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as database:
        try:
            return int(database.execute("SELECT count(*) FROM bar").fetchone()[0])
        except sqlite3.OperationalError:
            return 0


def test_a_progress_bar_on_a_terminal(tmp_path: Path, paper_gateway: PaperGateway) -> None:
    master, terminal = pty.openpty()
    asked = ("history", "AAPL", "--last", "30 days", "--bar", "1 min", "--out", "bars.csv")
    done = subprocess.run(
        [sys.executable, str(ROOT / "gateway_cli.py"), *port_of(paper_gateway), *asked],
        stdout=subprocess.PIPE,
        stderr=terminal,
        cwd=tmp_path,
        env=environment(tmp_path) | {"TERM": "xterm-256color"},
        timeout=PATIENCE,
        check=False,
    )
    os.close(terminal)
    shown = b""
    try:
        while piece := os.read(master, 65_536):
            shown += piece
    except OSError:
        pass  # all of it was read
    os.close(master)
    assert done.returncode == 0, shown
    assert b"AAPL" in shown
    assert b"rows" in shown
    assert len((tmp_path / "bars.csv").read_text().splitlines()) > 5000


def test_where_there_is_no_terminal_a_long_wait_is_one_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    _tell_of_waits(Progress(0, 9, 0, 0, None, "60 were asked within 10 minutes", 312.4))
    _tell_of_waits(Progress(0, 9, 0, 0, None, "5 were asked for this contract within 2 s", 1.0))
    _tell_of_waits(Progress(0, 9, 0, 0, None))
    assert capsys.readouterr().err == "waits 312 s: 60 were asked within 10 minutes\n"
