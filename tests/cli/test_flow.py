"""``twsloop flow``, against the reference server over real HTTP."""

from __future__ import annotations

import csv
import io
import json
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import click
import pytest

from api_client import OptionSymbol
from api_client.testing import ReferenceServer, ServerOptions, faults
from api_client.testing.contract import operations
from tests.support.flow import KEY, NOW
from tests.support.program import ROOT, environment, program
from tests.support.program import run as run_process
from tests.support.terminal import on_a_terminal
from twsloop.cli import run
from twsloop.cli.exits import MEANINGS, Exit
from twsloop.cli.root import cli

DAY = "2026-11-18"
RANGE = ("--start-date", DAY, "--end-date", DAY, "--start-time", "10:00", "--end-time", "10:04")
Result = tuple[int, str, str]
Flow = Callable[..., Result]


@pytest.fixture(scope="module")
def running() -> Iterator[ReferenceServer]:
    options = ServerOptions(keys=(KEY,), now=lambda: NOW, limits={"standard": 0, "heavy": 0})
    with ReferenceServer(options=options) as server:
        yield server


@pytest.fixture
def server(running: ReferenceServer) -> ReferenceServer:
    running.forget()
    return running


@pytest.fixture
def flow(
    server: ReferenceServer,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> Flow:
    """The command line in this process; global options are those before ``flow``."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("API_BASE_URL", server.base_url)
    monkeypatch.setenv("API_KEY", KEY)
    monkeypatch.setenv("COLUMNS", "120")

    def call(*arguments: str) -> Result:
        code = run(arguments)
        out, complaints = capsys.readouterr()
        assert KEY not in out + complaints
        return code, out, complaints

    return call


def lines(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


# ------------------------------------------------------------------------------ what is shown
def test_trades_as_a_table(flow: Flow, server: ReferenceServer) -> None:
    code, out, complaints = flow("flow", "trades", "slv", "--limit", "5")
    assert (code, complaints) == (0, "")
    assert f"SLV: 5 trades, {DAY}, US Eastern" in out
    assert len(re.findall(r"SLV26\d{4}[CP]\d{8}", out)) == 5
    for column in ("time", "option symbol", "price", "size", "trade value", "underlying price"):
        assert column in out
    assert "09:3" in out, "times are US Eastern"
    (seen,) = server.seen
    assert (seen.path, seen.query, seen.key_in) == (
        "/trades",
        {"ticker": "SLV", "limit": "5"},
        "header",
    )


def test_rows_as_json_hold_every_field(flow: Flow, server: ReferenceServer) -> None:
    server.faults.add(
        "/trades", faults.altered(lambda data: data["trades"][0].update(venue={"id": 1.5}))
    )
    code, out, complaints = flow("--json", "flow", "trades", "SLV", "--limit", "2")
    assert (code, complaints) == (0, "")
    first, second = lines(out)
    assert first["event"] == "trade"
    assert first["venue"] == {"id": "1.5"}
    assert second["venue"] is None
    assert Decimal(first["trade_value"]) == Decimal(first["price"]) * first["size"] * 100
    assert OptionSymbol.parse(first["option_symbol"]).root == "SLV"
    assert first["trade_timestamp"].startswith(f"{DAY}T14:")
    assert flow("flow", "trades", "SLV", "--limit", "2", "--output", "json")[0] == 0


def test_rows_as_csv(flow: Flow) -> None:
    code, out, _ = flow("flow", "minute", "SLV", *RANGE, "--output", "csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert code == 0
    assert [row["timestamp"][11:16] for row in rows] == [f"15:0{n}" for n in range(5)]
    code, out, _ = flow("flow", "prediction", "SLV", "--history", "--output", "csv")
    (first, *_) = csv.DictReader(io.StringIO(out))
    assert set(json.loads(first["feature_values"])) >= {"d_diff_short"}


def test_several_days_show_their_dates(flow: Flow) -> None:
    since = ("--start-date", "2026-11-17", "--end-date", "2026-11-18T12:00")
    _, out, _ = flow("flow", "prediction", "SLV", "--history", *since)
    assert re.search(r"SLV: \d\d predictions, US Eastern", out)
    assert "2026-11-17 09:31:00" in out
    assert "2026-11-18 09:31:00" in out


def test_status(flow: Flow) -> None:
    code, out, _ = flow("flow", "status")
    assert code == 0
    assert re.search(r"system.current_time_et +│ 2026-11-18 15:00:00 ", out)
    assert re.search(r"market.market_open +│ 09:00:00 ", out)
    assert re.search(r"tickers +│ SLV, SPY, QQQ ", out)
    (event,) = lines(flow("--json", "flow", "status")[1])
    assert event["market"]["is_market_hours"] is True
    assert event["threads"]["trades"]["queue_size"] == 0
    rows = dict(csv.reader(io.StringIO(flow("flow", "status", "--output", "csv")[1])))
    assert rows["name"] == "value"
    assert rows["ml_system.running"] == "True"


def test_tickers(flow: Flow) -> None:
    assert flow("flow", "tickers", "--output", "csv")[1] == "ticker\nSLV\nSPY\nQQQ\n"
    assert "SPY" in flow("flow", "tickers")[1]


def test_the_latest_prediction(flow: Flow) -> None:
    code, out, _ = flow("flow", "prediction", "SLV")
    assert code == 0
    assert re.search(r"signal +│ (BUY|SELL|HOLD) ", out)
    assert re.search(r"time +│ 2026-11-18 14:46:00 EST ", out)
    assert re.search(r"feature_values.d_diff_short +│ -?0\.\d+ ", out)
    assert re.search(r"model_info.is_ticker_specific +│ yes ", out)
    (event,) = lines(flow("--json", "flow", "prediction", "SLV", "--use-default-only")[1])
    assert event["event"] == "prediction"
    assert len(event["probabilities"]) == 3
    assert event["model_info"]["using_default_only"] is True


def test_predictions_made_before(flow: Flow, server: ReferenceServer) -> None:
    code, out, _ = flow(
        *("--json", "flow", "prediction", "SLV", "--history", "--limit", "3"),
        *("--start-date", "2026-11-17T10:00:00-05:00", "--end-date", "2026-11-17"),
    )
    assert (code, out) == (11, ""), "the end lies before the start, and the server says so"
    code, out, _ = flow(
        *("--json", "flow", "prediction", "SLV", "--history", "--limit", "3"),
        *("--start-date", "2026-11-17T10:00:00-05:00", "--end-date", "2026-11-18"),
    )
    assert [event["timestamp"][:16] for event in lines(out)] == [
        "2026-11-17T15:01",
        "2026-11-17T15:16",
        "2026-11-17T15:31",
    ]


def test_a_range(flow: Flow) -> None:
    code, out, _ = flow("flow", "range", "SLV", *RANGE)
    assert code == 0
    assert "original trades" in out.splitlines()[0]
    assert "SLV: 5 divergence points" in out
    what, *points = lines(flow("--json", "flow", "range", "SLV", *RANGE, "--min-size", "9")[1])
    assert what["event"] == "range"
    assert what["parameters"]["filters"]["min_size"] == 9
    assert what["data_info"]["divergence_points"] == len(points) == 5
    assert {point["event"] for point in points} == {"divergence_point"}


def test_every_parameter_of_the_contract_has_its_option(
    flow: Flow, server: ReferenceServer
) -> None:
    both = ("--start-date", DAY, "--end-date", DAY, "--start-time", "10:00", "--end-time", "10:01")
    past = ("--start-date", "2026-11-17", "--end-date", DAY)
    filters = [
        *("--lookback-hours", "2", "--lambda-short", "0.5", "--lambda-long", "1.5"),
        *("--min-value", "1", "--max-value", "5e6", "--min-size", "1", "--max-size", "390"),
        *("--min-delta", "-0.9", "--max-delta", "0.9"),
    ]
    for words in (
        ("status",),
        ("tickers",),
        ("trades", "SLV", *both, "--limit", "3", "--recent"),
        ("minute", "SLV", *both, "--limit", "3", "--recent"),
        ("divergence", "SLV", *both, "--days", "2", "--limit", "3"),
        ("prediction", "SLV", "--use-default-only"),
        *[("prediction", "SLV", "--history", "--use-default-only", *past, "--limit", "3")],
        ("range", "SLV", *both, *filters),
    ):
        code, out, complaints = flow("--json", "flow", *words)
        assert (code, complaints) == (0, ""), words
        assert out
    sent = {seen.path: set(seen.query) for seen in server.seen}
    assert sent == {path: set(one.parameters) for path, one in operations().items()}


# -------------------------------------------------------------------------------- nothing there
def test_no_rows(flow: Flow) -> None:
    sunday = ("--start-date", "2026-11-15", "--end-date", "2026-11-15")
    assert flow("flow", "trades", "SLV", *sunday) == (0, "SLV: no trades\n", "")
    assert flow("flow", "minute", "SLV", *sunday) == (0, "SLV: no minute bars\n", "")
    assert flow("--json", "flow", "trades", "SLV", *sunday) == (0, "", "")
    code, out, _ = flow("flow", "range", "SLV", *sunday)
    assert code == 0
    assert "original trades 0" in out
    assert "SLV: no divergence points" in out


def test_no_prediction_and_no_tickers(flow: Flow, server: ReferenceServer) -> None:
    nothing = faults.altered(lambda data: data.update(prediction=None))
    server.faults.add("/prediction/latest", nothing, 3)
    assert flow("flow", "prediction", "SLV") == (0, "SLV: no prediction yet\n", "")
    assert flow("--json", "flow", "prediction", "SLV") == (0, "", "")
    assert flow("flow", "prediction", "SLV", "--output", "csv") == (0, "name,value\n", "")
    server.faults.add("/tickers", faults.altered(lambda data: data.update(tickers=[], count=0)))
    assert flow("flow", "tickers") == (0, "The service watches no tickers.\n", "")


def test_fields_that_did_not_come_are_empty(flow: Flow, server: ReferenceServer) -> None:
    server.faults.add(
        "/trades", faults.altered(lambda data: [row.clear() for row in data["trades"]])
    )
    code, out, _ = flow("flow", "trades", "SLV", "--limit", "2")
    assert code == 0
    assert "SLV: 2 trades, US Eastern" in out


def test_the_services_texts_cannot_drive_the_terminal(flow: Flow, server: ReferenceServer) -> None:
    evil = "[/red]\x1b[2J\x07 [bold]x"
    server.faults.add("/status", faults.altered(lambda data: data["system"].update(service=evil)))
    code, out, _ = flow("flow", "status")
    assert code == 0
    assert "[/red]" in out
    assert "[bold]x" in out
    assert "\x1b" not in out
    assert "\x07" not in out
    server.faults.add("/status", faults.envelope(400, evil))
    code, _, complaints = flow("flow", "status")
    assert code == 11
    assert "\x1b" not in complaints


def nested(depth: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for _ in range(depth):
        found = {"a": found}
    return found


@pytest.mark.parametrize("form", ["table", "json", "csv"])
def test_what_hardly_anybody_sends(form: str, flow: Flow, server: ReferenceServer) -> None:
    change = {"venue": "\ud800", "huge": Decimal(1), "more": [{"x": None}]}
    body = json.dumps(
        {"status": "success", "data": {"ticker": "SLV", "trades": [change]}}, default=str
    )
    server.faults.add("/trades", faults.body(body.encode()))
    code, out, complaints = flow("flow", "trades", "SLV", "--output", form)
    assert (code, complaints) == (0, "")
    out.encode("utf-8")
    server.faults.add("/status", faults.altered(lambda data: data.update(deep=nested(400))))
    code, _, complaints = flow("flow", "status", "--output", form)
    assert code in {0, 18}
    assert "Traceback" not in complaints


# ------------------------------------------------------------------------------------- failing
@pytest.mark.parametrize(
    ("fault", "code", "words"),
    [
        (faults.envelope(400, "bad range"), Exit.REQUEST, "bad range (HTTP 400)"),
        (faults.envelope(401, status=200), Exit.KEY, "API_KEY"),
        (faults.envelope(404, "no data"), Exit.REQUEST, "no data"),
        (faults.envelope(501), Exit.SERVICE, "made to fail"),
        (faults.rate_limited(500), Exit.RATE, "rate limit exceeded"),
        (faults.body(b"<html>"), Exit.SERVICE, "not JSON"),
        (faults.body(b'{"status": 1}'), Exit.SERVICE, "status: expected"),
        (faults.altered(lambda data: data.pop("tickers")), Exit.SERVICE, "data.tickers"),
        (faults.redirect("https://example.com/"), Exit.SERVICE, "redirects"),
    ],
)
def test_each_way_to_fail_has_its_code(
    fault: faults.Fault, code: Exit, words: str, flow: Flow, server: ReferenceServer
) -> None:
    server.faults.add("/tickers", fault)
    found, out, complaints = flow("flow", "tickers")
    assert (found, out) == (code, "")
    assert words in complaints
    assert server.base_url in complaints
    assert code in MEANINGS


def test_a_failure_as_json(flow: Flow, server: ReferenceServer) -> None:
    server.faults.add("/tickers", faults.envelope(401))
    code, out, complaints = flow("--json", "flow", "tickers")
    (error,) = lines(complaints)
    assert (code, out) == (16, "")
    assert (error["event"], error["error"], error["exit"]) == ("error", "AuthenticationError", 16)


def test_another_try_is_told(flow: Flow, server: ReferenceServer) -> None:
    server.faults.add("/tickers", faults.envelope(503, "busy"))
    code, out, complaints = flow("flow", "tickers")
    assert code == 0
    assert "SLV" in out
    assert re.fullmatch(
        r"twsloop: GET /tickers: busy \(HTTP 503\); trying again in 0\.\d s \(1 of 4\)\n",
        complaints,
    )
    server.faults.add("/tickers", faults.drop())
    code, out, complaints = flow("--json", "flow", "tickers")
    assert (code, lines(complaints)[0]["event"]) == (0, "retry")


def test_the_rate_limit_is_waited_for_within_max_wait(flow: Flow, server: ReferenceServer) -> None:
    server.faults.add("/tickers", faults.rate_limited(0.1), 2)
    assert flow("flow", "tickers")[0] == 0
    server.faults.add("/tickers", faults.rate_limited(30))
    code, _, complaints = flow("flow", "tickers", "--max-wait", "20")
    assert code == 17
    assert len(server.seen) == 4
    assert "rate limit exceeded" in complaints


class Stopped(BaseException):
    """What the program that calls the command line makes of a signal."""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_belongs_to_the_program_that_calls(
    number: signal.Signals, flow: Flow, server: ReferenceServer
) -> None:
    """Whoever stops a program, or a test run, must not get an unfinished command's "done"."""

    def stop(_signal: int, _frame: object) -> None:
        raise Stopped

    main = threading.main_thread().ident
    assert main is not None

    async def interrupting(request: Any, right: Any) -> Any:
        signal.pthread_kill(main, number)
        return await faults.silent(30.0)(request, right)

    server.faults.add("/tickers", interrupting)
    before = signal.signal(number, stop)
    try:
        with pytest.raises(Stopped):
            flow("flow", "tickers")
        assert signal.getsignal(number) is stop
    finally:
        signal.signal(number, before)
    assert len(server.seen) == 1


def test_nobody_listens(flow: Flow) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/api/v1"
        code, out, complaints = flow("flow", "trades", "SLV", "--base-url", url)
    assert (code, out) == (4, "")
    assert url in complaints
    assert "cannot connect" in complaints
    assert "python -m api_client.testing" in complaints


def test_no_key_and_no_url(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("API_KEY")
    code, out, complaints = flow("flow", "tickers")
    assert (code, out) == (3, "")
    assert complaints == (
        "twsloop: no API key: set API_KEY in the environment or in .env (it has no option)\n"
    )
    monkeypatch.setenv("API_KEY", "with space")
    assert "character that no header can carry" in flow("flow", "tickers")[2]
    monkeypatch.delenv("API_BASE_URL")
    monkeypatch.setenv("API_KEY", KEY)
    code, _, complaints = flow("flow", "tickers")
    assert code == 3
    assert "give --base-url, or set API_BASE_URL" in complaints
    code, _, complaints = flow("flow", "tickers", "--base-url", f"https://x/api/v1?api_key={KEY}")
    assert code == 3
    assert "no user, query or fragment" in complaints


def test_the_key_from_a_file(
    flow: Flow, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, server: ReferenceServer
) -> None:
    monkeypatch.delenv("API_KEY")
    (tmp_path / ".env").write_text(f"export API_KEY='{KEY}'  # mine\n")
    assert flow("flow", "tickers")[0] == 0
    (tmp_path / ".env").unlink()
    (tmp_path / "mine.env").write_text(f"TWSLOOP_CONNECTION_PORT=5\nAPI_KEY={KEY}\n")
    assert flow("flow", "tickers")[0] == 3
    assert flow("--env-file", "mine.env", "flow", "tickers")[0] == 0
    code, _, complaints = flow("--env-file", "absent.env", "flow", "tickers")
    assert code == 3
    assert "absent.env" in complaints


def test_a_base_url_without_its_path(flow: Flow, server: ReferenceServer) -> None:
    url = server.base_url.removesuffix("/api/v1")
    code, _, complaints = flow("flow", "tickers", "--base-url", url)
    assert code == 11
    assert "usually ends with /api/v1" in complaints
    assert flow("flow", "tickers", "--base-url", f"{url}/api/v1/")[0] == 0


# --------------------------------------------------------------------------------- typed wrong
@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("trads", "SLV"), "Did you mean 'trades'"),
        (("pred", "SLV"), "Did you mean 'prediction'?"),
        (("SLV",), "There is no command 'SLV'."),
        (("trades",), "Missing argument 'TICKER'"),
        (("range", "SLV"), "Missing option '--start-date'"),
        (("trades", "SLV", "--limit", "0"), "--limit"),
        (("trades", "SLV", "--start-date", "yesterday"), "start_date must be YYYY-MM-DD"),
        (("trades", "SLV", "--start-time", "10:00"), "start_time needs start_date"),
        (("trades", "no such thing!"), "not a ticker"),
        (("prediction", "SLV", "--limit", "3"), "--limit needs --history"),
        (("trades", "SLV", "--key", "x"), "No such option"),
        (("--base-url", "x", "trades", "SLV"), "--base-url stands behind the command"),
        (("--key", "x"), "No such option"),
        (("range", "SLV", "--start-date", DAY, "--end-date", "2026-11-01"), "is after end_date"),
        (("range", "SLV", *RANGE, "--min-size", "9", "--max-size", "8"), "is above max_size"),
        (("range", "SLV", *RANGE, "--lambda-short", "nan"), "finite"),
    ],
)
def test_what_cannot_be_asked_is_never_sent(
    words: tuple[str, ...], complaint: str, flow: Flow, server: ReferenceServer
) -> None:
    code, out, complaints = flow("flow", *words)
    assert (code, out) == (2, "")
    assert complaint in complaints
    assert server.seen == ()


def test_no_option_takes_a_key() -> None:
    def options(command: click.Command) -> Iterator[str]:
        for parameter in command.params:
            yield from parameter.opts
        if isinstance(command, click.Group):
            context = click.Context(command)
            for name in command.list_commands(context):
                child = command.get_command(context, name)
                assert child is not None
                yield from options(child)

    group = cli.get_command(click.Context(cli), "flow")
    assert group is not None
    named = set(options(group))
    assert "--base-url" in named
    assert not [name for name in named if "key" in name.lower()]


@pytest.mark.parametrize(
    "name", ["status", "tickers", "trades", "minute", "divergence", "prediction", "range"]
)
def test_every_command_has_help_with_an_example(name: str, flow: Flow) -> None:
    code, out, _ = flow("flow", name, "--help")
    assert code == 0
    assert re.search(rf"^ +twsloop .*flow {name}", out, re.MULTILINE)
    assert "--base-url" in out


# ----------------------------------------------------------------------------- real processes
def environ(server: ReferenceServer) -> dict[str, str]:
    return {"API_BASE_URL": server.base_url, "API_KEY": KEY}


def test_as_a_process(server: ReferenceServer, tmp_path: Path) -> None:
    code, out, complaints = run_process(
        *("--log-level", "debug", "flow", "trades", "SLV", "--limit", "5"),
        home=tmp_path,
        env=environ(server),
    )
    assert code == 0
    assert "SLV: 5 trades" in out
    assert KEY not in out + complaints


def test_ctrl_c_while_the_service_thinks(server: ReferenceServer, tmp_path: Path) -> None:
    asked = threading.Event()
    thinking = faults.silent(30.0)

    def fault(request: Any, right: Any) -> Any:
        asked.set()
        return thinking(request, right)

    server.faults.add("/data-range", fault)
    with program("flow", "range", "SLV", *RANGE, home=tmp_path, env=environ(server)) as running:
        assert asked.wait(20)
        running.send(signal.SIGINT)
        assert running.end() == (0, "", "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk to be full")
@pytest.mark.parametrize("form", ["table", "csv"])
def test_a_full_disk(form: str, server: ReferenceServer, tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, str(ROOT / "gateway_cli.py"), "flow", "tickers", "--output", form],
            env=environment(tmp_path, environ(server)),
            cwd=tmp_path,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr == "twsloop: the output cannot be written: No space left on device\n"


def test_a_narrow_terminal(
    server: ReferenceServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environ(server).items():
        monkeypatch.setenv(name, value)
    code, drawn, complaints = on_a_terminal(
        "flow", "trades", "SLV", "--limit", "3", home=tmp_path, columns=50
    )
    assert (code, complaints) == (0, "")
    plain = re.sub(r"\x1b\[[0-9;]*m", "", drawn)
    assert max(len(line) for line in plain.splitlines()) <= 50
    assert len(re.findall(r"SLV26\d{4}[CP]\d{8}", plain)) == 3
    assert "trade value" not in plain
