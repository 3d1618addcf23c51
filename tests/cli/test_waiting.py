"""What a command waits for is said to people, and to nobody else."""

from __future__ import annotations

import socket
from pathlib import Path

from tests.support.program import run
from tests.support.terminal import on_a_terminal


def test_on_a_terminal_it_says_what_it_waits_for(tmp_path: Path) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        port = str(silent.getsockname()[1])
        said = f"connecting to 127.0.0.1:{port}"
        code, drawn, _ = on_a_terminal(  # it waits until this has been said
            *("--port", port, "positions"),
            home=tmp_path,
            typed={},
            env={"TWSLOOP_CONNECTION_HANDSHAKE_TIMEOUT": "60"},
            stop_when=lambda drawn: said.encode() in drawn,
        )
        assert code == 0
        assert said in drawn


def test_a_pipe_hears_nothing_of_it(tmp_path: Path) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        code, out, complaints = run(
            *("--port", str(silent.getsockname()[1]), "positions"),
            home=tmp_path,
            env={"TWSLOOP_CONNECTION_HANDSHAKE_TIMEOUT": "1"},
        )
    assert (code, out) == (5, "")
    assert "connecting to" not in complaints
