"""What cannot be taken back is asked about first."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from contextlib import suppress

import click
import pytest

from tests.support.program import PATIENCE
from twsloop.cli.asking import Declined, confirm
from twsloop.cli.exits import Exit, exit_of, sentence_of

ASKS = """
import signal
import sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever runs the tests may ignore it
from twsloop.cli.asking import Declined, confirm
try:
    confirm("Close it?", yes=False)
except Declined as error:
    sys.exit(str(error))
print("closed")
"""


def interrupt(process: subprocess.Popen[bytes]) -> None:
    """Press Ctrl-C as people do: again if nothing comes of it.

    A signal in the moment between the question and the reading of the answer is heard only after
    the answer.
    """
    while process.poll() is None:
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=3)


def answered(typed: bytes | None) -> tuple[int, str, str]:
    """What comes of an answer on a terminal: exit code, output, what was drawn. None is Ctrl-C."""
    master, slave = pty.openpty()
    try:
        process = subprocess.Popen(
            [sys.executable, "-c", ASKS], stdin=slave, stdout=subprocess.PIPE, stderr=slave
        )
        os.close(slave)
        drawn = b""
        while b"[y/N]: " not in drawn:
            drawn += os.read(master, 4096)
        if typed is None:
            interrupt(process)
        else:
            os.write(master, typed)
        out, _ = process.communicate(timeout=PATIENCE)
        try:
            while more := os.read(master, 4096):
                drawn += more
        except OSError:  # Linux: the other end is closed
            pass
    finally:
        os.close(master)
    return process.returncode, out.decode(), drawn.decode()


@pytest.mark.parametrize(
    ("typed", "code", "out"),
    [(b"y\n", 0, "closed\n"), (b"n\n", 1, ""), (b"\n", 1, ""), (b"\x04", 1, ""), (None, 1, "")],
    ids=["yes", "no", "return", "end of input", "Ctrl-C"],
)
def test_only_a_yes_is_a_yes(typed: bytes | None, code: int, out: str) -> None:
    ended, printed, drawn = answered(typed)
    assert (ended, printed) == (code, out)
    assert drawn.startswith("Close it? [y/N]: ")
    assert ("nothing was done" in drawn) is (code == 1)


def test_with_yes_nothing_is_asked(capfd: pytest.CaptureFixture[str]) -> None:
    confirm("Close it?", yes=True)  # there is no terminal here: to ask would be an error
    assert capfd.readouterr() == ("", "")


def test_with_nobody_to_ask_it_is_an_error() -> None:
    with pytest.raises(click.UsageError, match=r"Close it\? There is no terminal to ask on.*--yes"):
        confirm("Close it?", yes=False)


def test_declined_is_a_failure() -> None:
    error = Declined("nothing was done")
    assert exit_of(error) is Exit.FAILED
    assert sentence_of(error) == "nothing was done"
