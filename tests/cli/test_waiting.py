"""What a command waits for is said to people, and to nobody else."""

from __future__ import annotations

import socket
from pathlib import Path

from tests.support.program import run
from tests.support.terminal import on_a_terminal

SOON = {"TWSLOOP_CONNECTION_HANDSHAKE_TIMEOUT": "2"}


def test_on_a_terminal_it_says_what_it_waits_for(tmp_path: Path) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        port = str(silent.getsockname()[1])
        code, drawn, _ = on_a_terminal(
            *("--port", port, "positions"), home=tmp_path, typed={}, env=SOON
        )
        assert code == 5
        before, _, after = drawn.partition("twsloop: ")
        assert f"connecting to 127.0.0.1:{port}" in before
        assert "connecting" not in after
        code, out, complaints = run("--port", port, "positions", home=tmp_path, env=SOON)
    assert (code, out) == (5, "")
    assert "connecting to" not in complaints
