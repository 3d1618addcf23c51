"""One command to a command server: one that answers, and others."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support.stand_in_ibc import free_port
from twsloop.control.command_client import ask
from twsloop.control.commands import Answer, Command
from twsloop.errors import CommandRefused


class Server:
    """Says something to whoever comes, and takes down what it hears."""

    def __init__(self, says: bytes, *, closes: bool) -> None:
        self._says = says
        self._closes = closes
        self._door = socket.create_server(("127.0.0.1", 0))
        self.address: tuple[str, int] = self._door.getsockname()
        self.heard = b""
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        link, _ = self._door.accept()
        with link:
            link.sendall(self._says)
            if self._closes:
                link.shutdown(socket.SHUT_WR)
            while data := link.recv(100):
                self.heard += data

    def close(self) -> None:
        self._thread.join(10)
        self._door.close()


@contextmanager
def server(says: bytes, *, closes: bool = False) -> Iterator[Server]:
    made = Server(says, closes=closes)
    try:
        yield made
    finally:
        made.close()


def test_a_command_is_said_and_answered() -> None:
    with server(b"INFO IBC Command Server\r\nIBC> INFO Closing IBC\r\nOK Shutting down\r\n") as ibc:
        answer = ask(ibc.address, Command.STOP, prompt="IBC> ")
    told = ("IBC Command Server", "Closing IBC")
    assert answer == Answer(ok=True, text="Shutting down", told=told)
    assert ibc.heard.startswith(b"STOP\r\n")


@pytest.mark.parametrize(
    ("says", "closes", "words"),
    [
        (b"ERROR Command invalid\r\n", False, "refuses RESTART: Command invalid"),
        (b"ERROR \r\n", False, "no reason is given"),
        (b"", True, "ControlFrom"),
        (b"HTTP/1.1 400 Bad Request\r\n", False, "another program listens there"),
    ],
)
def test_no_answer_of_ibcs_says_what_to_do(says: bytes, closes: bool, words: str) -> None:
    with server(says, closes=closes) as other, pytest.raises(CommandRefused, match=words):
        ask(other.address, Command.RESTART)


def test_one_that_says_nothing() -> None:
    with server(b"") as mute, pytest.raises(CommandRefused, match=r"within 0\.1 s.*may hang"):
        ask(mute.address, Command.STOP, timeout=0.1)


def test_nobody() -> None:
    with pytest.raises(CommandRefused, match="CommandServerPort"):
        ask(("127.0.0.1", free_port()), Command.STOP)
    with pytest.raises(CommandRefused, match="command_host"):
        ask(("no-such-host.invalid", 7462), Command.STOP)
