"""Foreign clients are told every tick of a file, in order, and nothing else.

The gateway is the real command line program, replaying a generated file as fast as it is read; what
must come out is said by the test suite's own second projection, and what each client makes of the
messages by IB's rules: a price of type 1, 2 or 4 carries the size of type 0, 3 or 5 with it.
"""

from __future__ import annotations

import csv
import gzip
import json
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.cases import Case
from tests.conformance.transcript import Transcript, drive
from tests.conformance.venvs import ROOT, runtime_of
from tests.support.projection_oracle import oracle

ROWS = 4000
SYMBOLS = ("BAC", "IBM")
COLUMNS = "ts_utc,kind,exch,bid,bid_size,ask,ask_size,price,size,cond,suspicious"
COLUMNS += ",nbbo_bid,nbbo_bid_size,nbbo_ask,nbbo_ask_size"
NAMES = {0: "bidSize", 1: "bid", 2: "ask", 3: "askSize", 4: "last", 5: "lastSize", 6: "high"}
NAMES |= {7: "low", 8: "volume", 14: "open", 32: "bidExchange", 33: "askExchange"}
NAMES |= {45: "lastTimestamp"}
PRICES = {"bid", "ask", "last", "high", "low", "open"}
SIZE_OF = {1: 0, 2: 3, 4: 5}
#: Shares in a unit of volume, before server version 220.
LOT = 100

pytestmark = [pytest.mark.conformance, pytest.mark.timeout(200)]


def write_file(path: Path, seed: int, price: float) -> None:
    """A day of quotes and trades, with repeats, empty sides and suspicious rows among them."""
    chance = random.Random(seed)
    time = datetime(2013, 10, 7, 13, 30, tzinfo=UTC)
    cents = round(price * 100)
    bid: tuple[str, int | str] = ("", "")
    ask: tuple[str, int | str] = (f"{(cents + 2) / 100:.2f}", 500)
    with gzip.open(path, "wt", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(COLUMNS.split(","))
        for _ in range(ROWS):
            time += timedelta(milliseconds=chance.randrange(400))
            stamp = f"{time:%Y-%m-%dT%H:%M:%S}.{time.microsecond // 1000:03d}Z"
            venue = chance.choice("QPNZK")
            what = chance.random()
            suspicious = int(chance.random() < 0.02)
            if what < 0.3:
                size = chance.choice((1, 17, 100, 100, 300, 1200))
                traded = cents + chance.choice((-1, 0, 1, 2))
                fields: list[object] = ["T", venue, "", "", "", "", f"{traded / 100:.2f}", size, ""]
            else:
                cents += chance.choice((-1, 0, 0, 0, 1))
                if what < 0.6:
                    bid = (f"{(cents - 1) / 100:.2f}", chance.randrange(1, 9) * 100)
                elif what < 0.9:
                    ask = (f"{(cents + 1) / 100:.2f}", chance.randrange(1, 9) * 100)
                elif what < 0.91:
                    bid = ("", "")
                fields = ["Q", venue, *bid, *ask, "", "", 1]
            rows.writerow([stamp, *fields, suspicious, *bid, *ask])


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one generated file for each symbol."""
    folder = tmp_path_factory.mktemp("ticks")
    for seed, symbol in enumerate(SYMBOLS):
        write_file(folder / f"{symbol}_20131007_tick.csv.gz", seed, 14.0 if seed else 185.0)
    return folder


@pytest.fixture
def port(files: Path, case: Case) -> Iterator[int]:
    """The gateway as users start it; it must end at SIGINT with 0, and say nothing else."""
    command = [sys.executable, str(ROOT / "gateway_cli.py"), "--json", "paper", "--port", "0"]
    command += ["--feed", "replay", "--data", str(files), "--speed", "max"]
    command += ["--start", f"on-subscribe={len(SYMBOLS)}", "--max-version", str(case.max_version)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT
    ) as gateway:
        assert gateway.stdout is not None
        first = json.loads(gateway.stdout.readline())
        assert (first["event"], first["host"]) == ("listening", "127.0.0.1")
        try:
            yield first["port"]
        finally:
            gateway.send_signal(signal.SIGINT)
            _, err = gateway.communicate(timeout=15)
    assert gateway.returncode == 0
    assert "Traceback" not in err


def messages(files: Path, symbol: str, lot: int) -> Iterator[tuple[Any, ...]]:
    """What must be sent for a symbol's line."""
    yield from oracle(files / f"{symbol}_20131007_tick.csv.gz", lot=lot)


def callbacks(
    sent: Iterator[tuple[Any, ...]], *, loses_bid_sizes: bool = False
) -> Iterator[list[Any]]:
    """What IB's own client makes of messages."""
    for message, tick_type, value, *size in sent:
        text = message == "tickString"
        yield [NAMES[tick_type], value if text else float(value)]
        lost = loses_bid_sizes and tick_type == 1
        if message == "tickPrice" and tick_type in SIZE_OF and not lost:
            yield [NAMES[SIZE_OF[tick_type]], float(size[0])]


def prices(ticks: Iterator[list[Any]]) -> list[list[Any]]:
    """The prices alone; None where there is no quote."""
    return [
        [name, None if value is None or value <= 0 else value]
        for name, value in ticks
        if name in PRICES
    ]


def traces(run: Transcript) -> dict[str, list[list[Any]]]:
    """Every tick that each line of the client was told."""
    return {one["symbol"]: one["ticks"] for one in run.all("trace")}


def test_every_tick_arrives(case: Case, files: Path, port: int) -> None:
    lot = 1 if case.version >= 220 else LOT
    expected = {
        symbol: list(callbacks(messages(files, symbol, lot), loses_bid_sizes=case.loses_bid_sizes))
        for symbol in SYMBOLS
    }
    if not case.official:
        # They keep no strings, and no size that repeats the one which came with its price.
        expected = {symbol: prices(iter(ticks)) for symbol, ticks in expected.items()}
    total = sum(len(ticks) for ticks in expected.values())
    assert total > 2 * ROWS * (1 if case.official else 0.4)
    run = drive(
        runtime_of(case.client),
        case.driver,
        *("--port", str(port), "--module", case.client.name, "--trace"),
        *("--symbols", ",".join(SYMBOLS), "--ticks", str(total)),
    )
    assert run.all("trouble") == []
    assert (run.code, run.stderr) == (0, ())
    heard = traces(run)
    for symbol in SYMBOLS:
        ticks = heard[symbol] if case.official else prices(iter(heard[symbol]))
        assert len(ticks) == len(expected[symbol])
        for number, (told, due) in enumerate(zip(ticks, expected[symbol], strict=True)):
            assert told == due, (symbol, number)
    for ticker in run.all("ticker"):
        # The live objects of ib_async and ib_insync end where the file does.
        last = dict(callbacks(messages(files, ticker["symbol"], lot)))
        for name in PRICES | {"bidSize", "askSize", "lastSize", "volume"}:
            due_last = None if last[name] == -1 else last[name]
            assert ticker[name] == due_last, (ticker["symbol"], name)
