"""``twsloop record`` and ``twsloop transcript``: tapes of sessions, and how they read."""

from __future__ import annotations

import concurrent.futures
import contextlib
import ipaddress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from twsloop.app import logged
from twsloop.errors import TapeError, TcpFailed, TcpTimeout

from .exits import Exit, ForeignError, with_exits
from .fields import text, whole
from .root import Run
from .shapes import line, prints

if TYPE_CHECKING:
    from twsloop.paper.tape.recorder import Recorder

    from .output import Output

__all__ = ["record"]

#: How often the waiting main thread looks up, seconds; a signal wakes it at once on POSIX.
LOOK_UP = 1.0
HINT = "Start TWS or IB Gateway first, and check --upstream; --no-probe records all the same."


_SESSION = whole("its number on the tape")
LINES = (
    line(
        "listening",
        "It records from now on.",
        host=text("the address for clients"),
        port=whole("the port for clients"),
        upstream=text("the gateway that is recorded, HOST:PORT"),
        file=text("the tape"),
    ),
    line(
        "open_to_network",
        "The address is no one of this machine alone.",
        host=text("the address"),
        port=whole("the port"),
    ),
    line("connected", "A client connected.", session=_SESSION),
    line(
        "session",
        "A session speaks.",
        session=_SESSION,
        server_version=whole("the protocol version that was agreed on"),
    ),
    line("upstream_failed", "There is no gateway.", session=_SESSION, error=text("why")),
    line(
        "session_end",
        "A session ended.",
        session=_SESSION,
        messages=whole("messages on the tape so far"),
    ),
    line("tape_failed", "The tape cannot be written.", error=text("why")),
    line(
        "progress",
        "Messages pass; about once a second.",
        sessions=whole("how many are open"),
        messages=whole("messages on the tape so far"),
        bytes=whole("their size"),
    ),
    line(
        "stopped",
        "It has ended; the file is whole.",
        sessions=whole("how many there were"),
        messages=whole("how many messages are on the tape"),
        bytes=whole("their size"),
        file=text("the tape"),
    ),
)


class _Upstream(click.ParamType[tuple[str, int]]):
    """``HOST:PORT``."""

    name = "host:port"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, int]:
        """Read it; a port alone is one of this machine."""
        if isinstance(value, tuple):
            return value
        host, _, port = str(value).rpartition(":")
        if not port.isdigit() or not 0 < int(port) < 65536:
            self.fail(f"{value!r} is not HOST:PORT, such as 127.0.0.1:4002", param, ctx)
        return host.strip("[]") or "127.0.0.1", int(port)


@click.command(
    epilog=with_exits(
        """\b
Examples:
  twsloop record session.tape                          4003 here, IB Gateway's 4002 behind it
  twsloop record --listen 7777 --upstream 127.0.0.1:7497 tws.tape.gz
  twsloop --json record --listen 0 session.tape        a free port; the first line says which
  twsloop paper --tape session.tape                    play it back
""",
        Exit.DONE,
        Exit.FAILED,
        Exit.USAGE,
        Exit.CONFIG,
        Exit.REFUSED,
        Exit.PAPER,
    )
)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--listen",
    "port",
    type=click.IntRange(0, 65535),
    default=4003,
    show_default=True,
    help="The port for clients; 0 takes a free one.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--upstream",
    type=_Upstream(),
    default="127.0.0.1:4002",
    show_default=True,
    help="The gateway to record.",
)
@click.option("--force", is_flag=True, help="Write over a file that is there already.")
@click.option(
    "--probe/--no-probe", default=True, help="Look first whether the gateway answers at all."
)
@prints(*LINES)
@click.pass_obj
def record(
    run: Run,
    file: Path,
    port: int,
    host: str,
    upstream: tuple[str, int],
    force: bool,
    probe: bool,
) -> None:
    """Record what TWS clients and a gateway say to each other, in FILE.

    Point your client at the port of --listen; it talks to the gateway of --upstream as if nothing
    stood between. FILE holds every message with its time, one JSON object a line (gzipped if the
    name ends with .gz), account numbers and user names masked. Ctrl-C ends it, the file whole.

    With --json the first line is {"event": "listening", "host": ..., "port": ...}, and while
    messages pass there is a line {"event": "progress", ...} a second.
    """
    from twsloop.paper.tape.recorder import Recorder  # noqa: PLC0415

    out = run.output()
    recorder = Recorder(
        file,
        *upstream,
        host=host,
        port=port,
        replace=force,
        probe=probe,
        observer=lambda event, fields: _tell(out, event, fields),
    )
    with logged(run.config(log_level="warning")):
        try:
            recorder.start()
        except (TcpFailed, TcpTimeout) as error:
            raise ForeignError(error, Exit.REFUSED, hint=HINT) from error
        except TapeError as error:
            hint = "" if force or not file.exists() else "--force writes over it."
            raise ForeignError(error, Exit.PAPER, hint=hint) from error
        try:
            out.event(
                "listening",
                f"recording {upstream[0]}:{upstream[1]}: connect your client to "
                f"{recorder.host}:{recorder.port} (Ctrl-C ends it)",
                host=recorder.host,
                port=recorder.port,
                upstream=f"{upstream[0]}:{upstream[1]}",
                file=str(file),
            )
            if not _is_local(recorder.host):
                text = f"anyone who reaches {recorder.host}:{recorder.port} can trade there"
                out.event("open_to_network", text, host=recorder.host, port=recorder.port)
            _wait(recorder, out)
        except KeyboardInterrupt:
            recorder.stop()
        finally:
            recorder.stop()
    counts = recorder.counts
    if recorder.failed.done():
        raise recorder.failed.result()
    out.event(
        "stopped",
        f"{counts.messages} messages of {counts.sessions} sessions are in {file}",
        sessions=counts.sessions,
        messages=counts.messages,
        bytes=counts.bytes,
        file=str(file),
    )


def _is_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _wait(recorder: Recorder, out: Output) -> None:
    """Wait for Ctrl-C, or until the tape cannot be written and nobody is connected any more."""
    told = 0
    while True:
        with contextlib.suppress(concurrent.futures.TimeoutError):
            recorder.ended.result(timeout=LOOK_UP)
            return
        counts = recorder.counts
        if counts.messages != told:
            told = counts.messages
            out.event("progress", sessions=counts.open, messages=told, bytes=counts.bytes)


def _tell(out: Output, event: str, fields: dict[str, Any]) -> None:
    """A line for each thing that happens to a session."""
    number = fields.get("session")
    words = {
        "tape_failed": f"{fields.get('error')}; sessions under way go on, unrecorded",
        "connected": f"session {number}: a client connected",
        "session": f"session {number}: server version {fields.get('server_version')}",
        "upstream_failed": f"session {number}: no gateway: {fields.get('error')}",
        "session_end": f"session {number}: ended; {fields.get('messages')} messages so far",
    }
    out.event(event, words.get(event, event), **fields)
