"""Says one command to IBC's command server, and hears the answer."""

from __future__ import annotations

import socket
from contextlib import suppress

from twsloop.clock import Clock, SystemClock
from twsloop.errors import CommandRefused

from .commands import Answer, Answers, Command

__all__ = ["ask"]

#: How long the server may take to answer, seconds. ENABLEAPI waits for a dialog; the others answer
#: at once.
PATIENCE = 30.0
#: So many bytes are read at once.
CHUNK = 4096


def ask(
    address: tuple[str, int],
    command: Command,
    *,
    prompt: str = "",
    timeout: float = PATIENCE,
    clock: Clock | None = None,
) -> Answer:
    """Say a command, and wait for its answer.

    Args:
        address: Host and port of the command server.
        command: What to say.
        prompt: IBC's CommandPrompt.
        timeout: How long all of it may take, seconds.
        clock: Measures it.

    Returns:
        The answer, OK.

    Raises:
        CommandRefused: Nobody listens, nobody answers, or the answer is ERROR.
    """
    clock = clock or SystemClock()
    ends = clock.monotonic() + timeout
    where = f"IBC's command server at {address[0]}:{address[1]}"
    try:
        with socket.create_connection(address, timeout=timeout) as link:
            link.sendall(f"{command}\r\n".encode())
            answer = _listen(link, Answers(prompt=prompt), ends, clock)
            with suppress(OSError):
                link.sendall(b"EXIT\r\n")  # its thread need not wait for us to be gone
    except TimeoutError:
        raise CommandRefused(
            f"{where} did not answer {command} within {timeout:g} s",
            remedy="its program may hang: look at its log, or end its process",
        ) from None
    except ConnectionRefusedError:
        raise CommandRefused(
            f"nobody listens where {where} should be",
            remedy="set CommandServerPort in IBC's config.ini, and restart IBC",
        ) from None
    except OSError as error:
        raise CommandRefused(
            f"{where} cannot be reached: {error.strerror or error}",
            remedy="look at [control] command_host and command_port",
        ) from error
    if isinstance(answer, str):
        raise CommandRefused(f"{where} {answer}")
    if not answer.ok:
        raise CommandRefused(f"{where} refuses {command}: {answer.text or 'no reason is given'}")
    return answer


def _listen(link: socket.socket, answers: Answers, ends: float, clock: Clock) -> Answer | str:
    """The answer; or, in words, what came in its place."""
    while True:
        left = ends - clock.monotonic()
        if left <= 0:
            raise TimeoutError
        link.settimeout(left)
        data = link.recv(CHUNK)
        answers.feed(data)
        answer = answers.next_answer()
        if answer is not None:
            return answer
        if answers.strange:
            return (
                f"said {answers.strange!r}, which is not IBC's; "
                "look at [control] command_port: another program listens there"
            )
        if not data:
            return "closed the link without an answer; IBC's ControlFrom must name this machine"
