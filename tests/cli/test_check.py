"""``twsloop check``: what a gateway says of itself, and the ways there is none."""

from __future__ import annotations

import json
import signal
import socket
import threading
from pathlib import Path

import pytest

from tests.support.commands import check_lines
from tests.support.program import program, run
from twsloop.paper.server import PaperGateway


def test_a_gateway_that_is_there(tmp_path: Path, paper_gateway: PaperGateway) -> None:
    port = str(paper_gateway.port)
    code, out, complaints = run("--port", port, "--client-id", "9", "check", home=tmp_path)
    assert (code, complaints) == (0, "")
    for words in ("client id", "9", "server version          225", "DU1234567", "READY", "2104"):
        assert words in out
    for line in ("requests  ", "traffic  "):
        assert line in out
    assert "answered, 0 failed; half within" in out
    assert "slow callbacks" not in out


def test_for_scripts(tmp_path: Path, paper_gateway: PaperGateway) -> None:
    code, out, complaints = run("--port", str(paper_gateway.port), "--json", "check", home=tmp_path)
    assert (code, complaints) == (0, "")
    (found,) = check_lines("check", out)
    assert found["event"] == "check"
    assert found["port"] == paper_gateway.port
    assert found["accounts"] == ["DU1234567"]
    assert found["orders_known"] is True
    assert found["round_trip_ms"] > 0
    assert abs(found["gateway_clock_off_by_s"]) <= 1
    stats = found["stats"]
    assert stats["session"]["state"] == "READY"
    assert stats["requests"]["answered"] == stats["requests"]["hops"]["whole"]["count"] > 0
    assert stats["traffic"]["bytes_in"] > 0
    assert sum(stats["drops"].values()) == 0
    assert found["waiting"] == []
    assert found["session"]["state"] == "READY"
    assert found["session"]["port"] == paper_gateway.port


def test_json_may_be_asked_for_behind_the_command(
    tmp_path: Path, paper_gateway: PaperGateway
) -> None:
    port = str(paper_gateway.port)
    code, out, complaints = run("--port", port, "check", "--json", home=tmp_path)
    assert (code, complaints) == (0, "")
    assert json.loads(out)["event"] == "check"


def test_with_a_gateway_of_its_own(tmp_path: Path) -> None:
    code, out, complaints = run("--json", "--paper", "check", home=tmp_path)
    assert (code, complaints) == (0, "")
    assert json.loads(out)["server_version"] == 225


def test_the_text_protocol(tmp_path: Path, paper_gateway: PaperGateway) -> None:
    env = {"TWSLOOP_CONNECTION_MAX_VERSION": "176"}
    code, out, _ = run("--port", str(paper_gateway.port), "--json", "check", home=tmp_path, env=env)
    assert code == 0
    assert json.loads(out)["server_version"] == 176


# --------------------------------------------------------------------- three ways to be alone
def test_nobody_listens(tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        code, out, complaints = run("--port", str(port), "check", home=tmp_path)
    assert (code, out) == (4, "")
    assert complaints.startswith(f"twsloop: 127.0.0.1:{port}: ")
    assert "refused" in complaints
    assert "--paper" in complaints


def test_a_host_that_does_not_exist(tmp_path: Path) -> None:
    code, out, complaints = run("--host", "no-such-host.invalid", "check", home=tmp_path)
    assert (code, out) == (4, "")
    assert "no-such-host.invalid" in complaints
    assert "Traceback" not in complaints


def test_somebody_listens_and_says_nothing(tmp_path: Path) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        env = {"TWSLOOP_CONNECTION_HANDSHAKE_TIMEOUT": "0.3"}
        port = silent.getsockname()[1]
        code, out, complaints = run("--port", str(port), "check", home=tmp_path, env=env)
    assert (code, out) == (5, "")
    assert "said no hello within 0.3 s" in complaints


def test_the_client_id_is_used(tmp_path: Path, paper_gateway: PaperGateway) -> None:
    port = str(paper_gateway.port)
    with program(
        *("--port", port, "--client-id", "3", "--json", "subscribe", "AAPL"), home=tmp_path
    ) as other:
        other.until("subscribed")
        code, out, complaints = run("--port", port, "--client-id", "3", "check", home=tmp_path)
    assert (code, out) == (6, "")
    assert "client id 3" in complaints
    assert "--client-id" in complaints
    assert "Traceback" not in complaints


def test_the_three_messages_differ_and_are_plain_as_json_too(
    tmp_path: Path, paper_gateway: PaperGateway
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        code, _, complaints = run(
            "--json", "--port", str(unused.getsockname()[1]), "check", home=tmp_path
        )
    complaint = json.loads(complaints)
    assert (code, complaint["exit"], complaint["error"]) == (4, 4, "TcpRefused")


def test_somebody_who_hangs_up(tmp_path: Path) -> None:
    with socket.socket() as rude:
        rude.bind(("127.0.0.1", 0))
        rude.listen()

        def hang_up() -> None:
            link = rude.accept()[0]
            link.recv(100)
            link.close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        port = rude.getsockname()[1]
        code, out, complaints = run("--port", str(port), "check", home=tmp_path)
        thread.join(5)
    assert (code, out) == (7, "")
    assert "closed" in complaints


def test_live_needs_every_gate(tmp_path: Path, paper_gateway: PaperGateway) -> None:
    code, out, complaints = run(
        *("--port", str(paper_gateway.port), "--trading-mode", "live", "check"), home=tmp_path
    )
    assert (code, out) == (8, "")
    assert "live trading is blocked" in complaints
    assert "[live] override_file is not set" in complaints
    assert not paper_gateway.clients


@pytest.mark.parametrize("account", ["U1234567"])
def test_a_live_account_behind_a_paper_configuration(
    tmp_path: Path, make_paper_gateway: type[PaperGateway], account: str
) -> None:
    gateway = make_paper_gateway(accounts=(account,))
    code, out, complaints = run("--port", str(gateway.port), "check", home=tmp_path)
    assert (code, out) == (8, "")
    assert account not in complaints
    assert "live account" in complaints


def test_ctrl_c_while_the_gateway_says_nothing(tmp_path: Path) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        port = str(silent.getsockname()[1])
        with program("--port", port, "check", home=tmp_path) as command:
            link = silent.accept()[0]
            assert link.recv(4) == b"API\0"
            command.send(signal.SIGINT)
            assert command.end() == (0, "", "")
            link.close()
