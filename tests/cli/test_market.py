"""``twsloop subscribe``: ticks as lines, an end by signal, by time and by error, a lost link."""

from __future__ import annotations

import csv
import io
import json
import re
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.support.clients import await_condition
from tests.support.commands import check_lines
from tests.support.program import program, run
from tests.support.terminal import on_a_terminal
from twsloop.paper.server import PaperGateway

HEADER = "ts_utc,kind,exch,price,size,suspicious,nbbo_bid,nbbo_bid_size,nbbo_ask,nbbo_ask_size\n"


def port_of(gateway: PaperGateway) -> tuple[str, str]:
    return "--port", str(gateway.port)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ticks_as_json_until_a_signal(
    tmp_path: Path, paper_gateway: PaperGateway, number: int
) -> None:
    with program(
        *port_of(paper_gateway), "--json", "subscribe", "AAPL", "EUR.USD", home=tmp_path
    ) as command:
        assert command.event() == {"event": "subscribed", "symbols": ["AAPL", "EUR.USD"]}
        seen: dict[str, dict[str, Any]] = {}
        while not all(s in seen and seen[s]["ask"] for s in ("AAPL", "EUR.USD")):
            event = command.until("tick")
            seen[event["symbol"]] = event
        command.send(number)
        code, out, complaints = command.end()
    assert (code, complaints) == (0, "")
    summary = json.loads(out.splitlines()[-1])
    assert summary["event"] == "summary"
    assert set(summary["ticks"]) == {"AAPL", "EUR.USD"}
    for event in seen.values():
        assert 0 < event["bid"] <= event["ask"]
        assert float(event["bid_size"]) > 0
    await_condition(lambda: paper_gateway.clients == ())


def test_for_a_time_as_csv(tmp_path: Path, paper_gateway: PaperGateway) -> None:
    code, out, complaints = run(
        *port_of(paper_gateway),
        *("subscribe", "SPY", "--seconds", "1", "--output", "csv"),
        home=tmp_path,
    )
    assert (code, complaints) == (0, "")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert len(rows) > 5
    assert {row["symbol"] for row in rows} == {"SPY"}
    assert float(rows[-1]["ask"]) >= float(rows[-1]["bid"]) > 0


def test_for_people_without_a_terminal(tmp_path: Path, paper_gateway: PaperGateway) -> None:
    code, out, complaints = run(
        *port_of(paper_gateway), "subscribe", "SPY", "--seconds", "1", home=tmp_path
    )
    assert (code, complaints) == (0, "")
    *ticks, last = out.splitlines()
    assert "SPY" in ticks[0]
    assert re.fullmatch(r"\d+ ticks of 1 symbols in \d+\.\d s", last)


@pytest.mark.parametrize("columns", [80, 140])
def test_on_a_terminal_until_ctrl_c(
    tmp_path: Path, paper_gateway: PaperGateway, columns: int
) -> None:
    code, drawn, complaints = on_a_terminal(
        *port_of(paper_gateway),
        *("subscribe", "SPY", "EUR.USD", "NOSUCH"),
        home=tmp_path,
        columns=columns,
        stop_when=lambda drawn: drawn.count(b"Ctrl-C ends it") > 3,
    )
    assert (code, complaints) == (0, "")
    assert "No security definition" in drawn
    assert "\u2026" not in drawn, "nothing is cut off"
    assert ("high" in drawn) == (columns == 140)
    assert drawn.rstrip().split("\n")[-1].endswith(" s")
    assert drawn.rstrip().split("\n")[-1].count(" ticks of 2 symbols in ") == 1
    assert drawn.count("\x1b[?25h") == 1, "the cursor is shown again"


def test_one_symbol_that_does_not_exist_leaves_the_others(
    tmp_path: Path, paper_gateway: PaperGateway
) -> None:
    code, out, complaints = run(
        *port_of(paper_gateway), "--json", "subscribe", "SPY", "NOSUCH", "--seconds", "1",
        home=tmp_path,
    )  # fmt: skip
    assert (code, complaints) == (0, "")
    events = check_lines("subscribe", out)
    (failed,) = [event for event in events if event["event"] == "line_error"]
    assert failed["symbol"] == "NOSUCH"
    assert "200" in failed["message"]
    assert events[-1]["ticks"]["SPY"] > 5


def test_only_symbols_that_do_not_exist(tmp_path: Path, paper_gateway: PaperGateway) -> None:
    code, _, complaints = run(*port_of(paper_gateway), "subscribe", "NOSUCH", home=tmp_path)
    assert code == 11
    assert "No security definition" in complaints
    assert complaints.count("twsloop search") == 1, "how it can be found"


def test_a_symbol_that_cannot_be_read(tmp_path: Path) -> None:
    # Told before anything is connected: nothing listens on this port.
    code, out, complaints = run("--port", "1", "subscribe", "A B C D E F", home=tmp_path)
    assert (code, out) == (2, "")
    assert "A B C D E F" in complaints


def test_a_snapshot(tmp_path: Path, paper_gateway: PaperGateway) -> None:
    code, out, complaints = run(
        *port_of(paper_gateway), "--json", "subscribe", "SPY", "QQQ", "--snapshot", home=tmp_path
    )
    assert (code, complaints) == (0, "")
    *quotes, summary = check_lines("subscribe", out)
    assert [quote["symbol"] for quote in quotes] == ["SPY", "QQQ"]
    assert all(quote["event"] == "quote" and quote["bid"] > 0 for quote in quotes)
    assert summary["event"] == "summary"


def test_a_snapshot_on_a_terminal(tmp_path: Path, paper_gateway: PaperGateway) -> None:
    code, drawn, _ = on_a_terminal(
        *port_of(paper_gateway), "subscribe", "SPY", "NOSUCH", "--snapshot", home=tmp_path
    )
    assert code == 11
    assert "No security definition" in drawn
    (row,) = [line for line in drawn.splitlines() if "SPY" in line]
    assert "\x1b[2m" not in row, "what is complete is not shown as stale"
    assert re.search(r"^1 of 2 quotes in \d+\.\d s", drawn, re.MULTILINE)
    assert " ticks of " not in drawn


def test_what_was_saved(tmp_path: Path, paper_gateway: PaperGateway) -> None:
    run("subscriptions", "add", "SPY", "EUR.USD", home=tmp_path)
    with program(
        *port_of(paper_gateway), "--json", "subscribe", "AAPL", "SPY", "--saved", home=tmp_path
    ) as command:
        assert command.event()["symbols"] == ["AAPL", "SPY", "EUR.USD"]


def test_the_stream_goes_on_after_the_gateway_was_restarted(
    tmp_path: Path, paper_gateway: PaperGateway
) -> None:
    env = {"TWSLOOP_RECONNECT_FIRST_DELAY": "0.05", "TWSLOOP_RECONNECT_CAP": "0.2"}
    with program(
        *port_of(paper_gateway), "--json", "subscribe", "AAPL", home=tmp_path, env=env
    ) as command:
        command.until("tick")
        paper_gateway.stop()
        while command.until("session")["state"] != "WAITING":
            pass
        paper_gateway.start()
        while command.until("session")["state"] != "READY":
            pass
        assert command.until("tick")["symbol"] == "AAPL"
        command.send(signal.SIGINT)
        code, _, complaints = command.end()
    assert (code, complaints) == (0, "")


def test_people_read_once_why_the_gateway_is_away(
    tmp_path: Path, paper_gateway: PaperGateway
) -> None:
    env = {"TWSLOOP_RECONNECT_FIRST_DELAY": "0.05", "TWSLOOP_RECONNECT_CAP": "0.1"}
    with program(*port_of(paper_gateway), "subscribe", "AAPL", home=tmp_path, env=env) as command:
        assert "AAPL" in command.line()
        paper_gateway.stop()
        said: list[str] = []
        while sum("next attempt in" in line for line in said) < 4:
            said.append(command.line())
    assert sum("connection refused" in line for line in said) == 1


def test_a_session_that_is_not_made_again(tmp_path: Path, paper_gateway: PaperGateway) -> None:
    env = {"TWSLOOP_RECONNECT_ENABLED": "no"}
    with program(
        *port_of(paper_gateway), "--json", "subscribe", "AAPL", home=tmp_path, env=env
    ) as command:
        command.until("tick")
        paper_gateway.stop()
        code, out, complaints = command.end()
    assert code == 9
    assert json.loads(complaints)["error"] == "ConnectionLost"
    assert json.loads(out.splitlines()[-1])["event"] == "summary"


def test_a_replay_reaches_the_subscriber_whole(tmp_path: Path) -> None:
    folder = tmp_path / "ticks"
    folder.mkdir()
    rows = [
        f"2013-10-07T13:30:{second:02}.000Z,T,N,{180 + second / 100:.2f},{100 + second},0,"
        f"179.{second:02},1,181.{second:02},2\n"
        for second in range(1, 41)
    ]
    (folder / "IBM_20131007_tick.csv").write_text(HEADER + "".join(rows))
    with program(
        *("--json", "paper", "--port", "0", "--data", str(folder), "--speed", "max"),
        *("--start", "on-subscribe=1"),
        home=tmp_path,
    ) as server:
        port = str(server.event()["port"])
        with program("--json", "--port", port, "subscribe", "IBM", home=tmp_path) as client:
            client.until("subscribed")
            assert server.until("feed_ended")["stats"]["trades"] == 40
            bids: list[float] = []
            trades: list[tuple[float, str]] = []
            while len(trades) < 40:
                tick = client.until("tick")
                if "bid" in tick["changed"].split():
                    bids.append(tick["bid"])
                if tick["changed"].split()[-1] == "last_size" and (
                    not trades or trades[-1] != (tick["last"], tick["last_size"])
                ):
                    trades.append((tick["last"], tick["last_size"]))
            client.send(signal.SIGINT)
            assert client.end()[0] == 0
        server.send(signal.SIGINT)
        assert server.end()[0] == 0
    assert trades == [(round(180 + s / 100, 2), str(100 + s)) for s in range(1, 41)]
    assert bids == [round(179 + s / 100, 2) for s in range(1, 41)]


def test_a_reader_that_has_heard_enough(tmp_path: Path, paper_gateway: PaperGateway) -> None:
    with program(
        *port_of(paper_gateway), "--json", "subscribe", "AAPL", "SPY", home=tmp_path
    ) as command:
        command.until("tick")
        assert command.process.stdout is not None
        command.process.stdout.close()
        assert command.process.wait(20) == 0
        assert command.process.stderr is not None
        assert command.process.stderr.read() == ""
