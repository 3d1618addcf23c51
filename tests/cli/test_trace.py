"""``twsloop trace``: the story of one order, by whatever name one has of it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest

from tests.storage.test_timeline import WHOLE
from tests.support.terminal import on_a_terminal
from tests.support.written import write_journal
from twsloop.cli import run as invoke
from twsloop.cli.trace import span_words
from twsloop.events import CommissionReported, Fact, Fill, OrderFilled, OrderIntent, OrderStep

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Run a command line in this process: exit code, output, errors."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TWSLOOP_JOURNAL_FILE", str(tmp_path / "journal.db"))
    monkeypatch.setenv("COLUMNS", "120")

    def ended(*arguments: str) -> tuple[int, str, str]:
        code = invoke(arguments)
        out, errors = capfd.readouterr()
        return code, out, errors

    return ended


def renamed(client_id: int, tag: str) -> list[Fact]:
    """The same order of another client, with a reference."""
    told: list[Fact] = []
    for fact in WHOLE:
        more: dict[str, Any] = {"correlation_id": f"order-{client_id}-7"}
        if isinstance(fact, CommissionReported | Fill | OrderFilled):
            continue
        if isinstance(fact, OrderStep):
            more["perm_id"] = 904 if fact.perm_id else None
        if isinstance(fact, OrderIntent):
            more |= {"tag": tag, "token": f"tok.{client_id}"}
        told.append(attrs.evolve(fact, client_id=client_id, **more))
    return told


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write_journal(tmp_path / "journal.db", WHOLE, renamed(4, "meanrev"))


def test_the_story_for_people(run: Run, file: Path) -> None:
    del file
    code, out, complaints = run("trace", "7", "--client", "1")
    assert (code, complaints) == (0, "")
    lines = out.splitlines()
    assert lines[0] == (
        "order 7 of client 1, permanent id 900, 2026-01-05 UTC: BUY 100 AAPL LMT 189.5, Filled, "
        "100 filled, commission 2"
    )
    cells = [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines]
    assert ["12:00:00.000000", "", "call", "place_order, BUY 100 AAPL LMT: momentum"] in cells
    assert ["12:00:00.042000", "40 ms", "answer", "orderStatus: Submitted"] in cells
    assert ["12:00:02.500000", "400 ms", "commission", "1 USD, realized 12.5 (b.01)"] in cells
    assert lines[-2] == (
        "decided 1 ms, left 1 ms, answered 40 ms, filled 998 ms, paid 500 ms, whole 2 s"
    )


def test_the_story_for_scripts(run: Run, file: Path) -> None:
    code, out, complaints = run("trace", "7", "--client", "1", "--json", "--file", str(file))
    order, *moments, latencies = map(json.loads, out.splitlines())
    assert (code, complaints) == (0, "")
    assert (order["event"], order["order_id"], order["status"]) == ("order", 7, "Filled")
    assert {moment["event"] for moment in moments} == {"moment"}
    assert [moment["hop"] for moment in moments][:4] == ["call", "verdict", "intent", "sent"]
    assert moments[3] == {
        "event": "moment",
        "hop": "sent",
        "text": "handed to the socket",
        "time": "2026-01-05T12:00:00.002000+00:00",
        "took": 0.001,
        "since": 0.002,
        "seq": 4,
    }
    assert latencies == {
        "event": "latencies", "decided": 0.001, "left": 0.001, "answered": 0.04,
        "filled": 0.998, "paid": 0.5, "whole": 2.0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "clients"),
    [
        (["7", "--all"], [1, 4]),
        (["7"], [4]),
        (["7", "--client", "1"], [1]),
        (["900", "--client", "1"], [1]),
        (["meanrev"], [4]),
        (["tok.4"], [4]),
    ],
)
def test_an_order_by_any_of_its_names(
    arguments: list[str], clients: list[int], run: Run, file: Path
) -> None:
    del file
    code, out, _ = run("trace", *arguments, "--json")
    told = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert [row["client_id"] for row in told if row["event"] == "order"] == clients


def test_several_orders_had_that_id(run: Run, file: Path) -> None:
    del file
    code, out, complaints = run("trace", "7")
    assert code == 0
    assert out.startswith("order 7 of client 4")
    assert complaints == "(2 orders match, this is the newest; --all tells all)\n"


@pytest.mark.parametrize("name", ["8", "none", "9" * 40, "²", "-1"])
def test_an_order_that_nobody_knows(name: str, run: Run, file: Path) -> None:
    del file
    code, out, complaints = run("trace", "--client", "1", "--", name)
    assert (code, out) == (12, "")
    assert complaints == (
        f"twsloop: the journal knows no order {name} of client id 1: "
        f"no order id, permanent id, reference or token is {name!r}\n"
    )


def test_no_journal(run: Run) -> None:
    code, _, complaints = run("trace", "7")
    assert code == 14
    assert "there is no journal" in complaints


def test_it_fits_a_narrow_terminal(file: Path, tmp_path: Path) -> None:
    code, drawn, complaints = on_a_terminal(
        *("trace", "7", "--client", "1", "--file", str(file)), home=tmp_path, columns=60
    )
    assert (code, complaints) == (0, "")
    lines = re.sub(r"\x1b\[[0-9;]*m", "", drawn).splitlines()
    assert max(len(line) for line in lines if line[:1] in "┏┃│") == 60


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.0, "0 us"),
        (0.00015, "150 us"),
        (0.0009996, "1000 us"),
        (0.0015234, "1.52 ms"),
        (0.4, "400 ms"),
        (0.9999, "1 s"),
        (1.0, "1 s"),
        (40.123, "40.1 s"),
        (999.4, "999 s"),
        (999.9, "16:40"),
        (2520.0, "42:00"),
        (8100.0, "2:15:00"),
        (-0.002, "-2 ms"),
        (-8100.0, "-2:15:00"),
    ],
)
def test_spans_of_time_as_people_read_them(seconds: float, words: str) -> None:
    assert span_words(seconds) == words
