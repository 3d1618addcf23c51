"""``python -m api_client.testing``, as a new user starts it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from api_client import ApiClient, ServerError
from api_client.testing import ReferenceServer
from api_client.testing.__main__ import main


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "api_client.testing", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_what_it_prints_until_it_is_told_to_stop(end: signal.Signals) -> None:
    with start("--port", "0", "--key", "mine", "--ticker", "GLD", "--fault", "/tickers=500") as run:
        assert run.stdout is not None
        lines = [run.stdout.readline().strip() for _ in range(2)]
        names = dict(line.removeprefix("export ").split("=", 1) for line in lines)
        assert set(names) == {"API_BASE_URL", "API_KEY"}
        with ApiClient(environ=names) as client:
            assert client.tickers.get().tickers == ("GLD",)
            assert client.counters.retries == 1
            assert len(client.trades.get("GLD", limit=5)) == 5
        run.send_signal(end)
        _, errors = run.communicate(timeout=10)
    assert (run.returncode, errors) == (0, "")


def test_in_the_background_it_still_ends_at_sigterm() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # what a shell does for "&"
    try:
        run = start("--port", "0")
    finally:
        signal.signal(signal.SIGINT, before)
    with run:
        assert run.stdout is not None
        run.stdout.readline()
        run.terminate()
        _, errors = run.communicate(timeout=10)
    assert (run.returncode, errors) == (0, "")


def test_a_taken_port(capsys: pytest.CaptureFixture[str]) -> None:
    before = signal.getsignal(signal.SIGTERM)
    try:
        with ReferenceServer() as server:
            assert main(["--port", str(server.port)]) == 1
    finally:
        signal.signal(signal.SIGTERM, before)
    assert "cannot listen" in capsys.readouterr().err


def test_a_fault_that_cannot_be_read(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--fault", "nonsense"])
    assert "PATH=NAME" in capsys.readouterr().err


def test_the_names_are_public() -> None:
    assert issubclass(ServerError, Exception)
