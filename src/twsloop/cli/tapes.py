"""What the command line does with tapes and transcripts: playing them, and turning them around."""

from __future__ import annotations

import math
import queue
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from twsloop.app import logged
from twsloop.errors import PaperError

from .exits import Exit, with_exits
from .fields import many, text, whole
from .root import Run
from .shapes import line, prints

if TYPE_CHECKING:
    from twsloop.config import Config

__all__ = ["PLAYED", "play", "tape_options", "transcript"]

F = TypeVar("F", bound=Callable[..., Any])

#: How often the waiting main thread looks up, seconds; a signal wakes it at once on POSIX.
LOOK_UP = 0.5
#: How long a client may take to do its part unless told otherwise, seconds.
PATIENCE = 10.0


_TEXT = text("what happened, in words")
#: What is printed while a tape is played.
PLAYED = (
    line(
        "listening",
        "Clients can connect.",
        host=text("the address"),
        port=whole("the port"),
        tape=text("what is played", missing=True),
        sessions=whole("how many sessions it has", missing=True),
    ),
    line("joined", "A client joined.", text=_TEXT),
    line("problem", "A client did not do as the script says.", text=_TEXT),
    line("refused", "A client could not be served.", text=_TEXT),
    line("session_end", "A client left.", text=_TEXT),
    line(
        "stopped",
        "It has ended.",
        played=whole("how many sessions were played", missing=True),
        problems=many(text("in words"), "what was not as scripted", missing=True),
        events=whole("how many market events there were", missing=True),
    ),
)
FIELD = line(
    "field",
    "A field that a line of a transcript may have.",
    field=text("its name"),
    value=text("what it holds"),
)


class _Patience(click.ParamType[float]):
    """Seconds that end: NaN and infinity are numbers to `float`, and to `click.FloatRange`."""

    name = "seconds"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Read them."""
        try:
            seconds = float(value)
        except ValueError:
            seconds = math.nan
        if not math.isfinite(seconds) or seconds <= 0:
            self.fail(f"{value!r} is no number of seconds above 0", param, ctx)
        return seconds


def tape_options(function: F) -> F:
    """``--tape`` and what belongs to it."""
    for option in reversed(
        (
            click.option(
                "--tape",
                "--transcript",
                "tape",
                type=click.Path(path_type=Path, dir_okay=False),
                help="Play back a tape of twsloop record, or a transcript, instead of a market.",
            ),
            click.option(
                "--strict",
                is_flag=True,
                help="With --tape: the client sends exactly what was recorded, ids included.",
            ),
            click.option(
                "--session",
                type=click.IntRange(1),
                help="With --tape: play this session only; otherwise one after the other.",
            ),
            click.option(
                "--patience",
                type=_Patience(),
                help="With --tape: seconds a client may take to do its part.  [default: 10]",
            ),
        )
    ):
        function = option(function)
    return function


def play(
    run: Run,
    config: Config,
    tape: Path,
    *,
    speed: float | str | None,
    strict: bool,
    session: int | None,
    patience: float | None,
) -> None:
    """Serve a tape or transcript until Ctrl-C.

    Args:
        run: The global options.
        config: The settings: where to listen.
        tape: What is played.
        speed: How much faster than recorded, or ``max``.
        strict: Whether the client has to send exactly what was recorded.
        session: The one session to play, or None.
        patience: How long a client may take to do its part, seconds; None: `PATIENCE`.
    """
    from twsloop.paper.tape.player import FLAT_OUT, ScriptedGateway  # noqa: PLC0415

    out = run.output()
    told: queue.SimpleQueue[tuple[str, str]] = queue.SimpleQueue()
    gateway = ScriptedGateway(
        tape,
        host=config.paper.host,
        port=config.paper.port,
        strict=strict,
        speed=FLAT_OUT if speed == "max" else float(speed or 1.0),
        patience=PATIENCE if patience is None else patience,
        session=session,
        max_version=config.paper.max_version,
        observer=lambda event, text: told.put((event, text)),
    )
    with logged(config), gateway:
        out.event(
            "listening",
            f"playing {tape} on {gateway.host}:{gateway.port} (Ctrl-C ends it)",
            host=gateway.host,
            port=gateway.port,
            tape=str(tape),
            sessions=len(gateway.script.scenes),
        )
        try:
            while True:
                try:
                    event, text = told.get(timeout=LOOK_UP)
                except queue.Empty:
                    continue
                out.event(event, text, text=text)
        except KeyboardInterrupt:
            played = gateway.played
            out.event(
                "stopped",
                f"stopped after {played} sessions, {len(gateway.problems)} of them not as scripted",
                played=played,
                problems=gateway.problems,
            )


@click.command(
    epilog=with_exits(
        """\b
Examples:
  twsloop transcript session.tape                      read what was said
  twsloop transcript --no-sleeps session.tape a.txt    write it to a file, without its times
  twsloop transcript a.txt session.tape                back into a tape
  twsloop paper --tape a.txt                           play either
  twsloop transcript --fields tickPrice                what a line may say
""",
        Exit.DONE,
        Exit.FAILED,
        Exit.USAGE,
        Exit.PAPER,
    )
)
@click.argument("source", type=click.Path(path_type=Path, dir_okay=False), required=False)
@click.argument("target", type=click.Path(path_type=Path, dir_okay=False), required=False)
@click.option("--exact", is_flag=True, help="Write by its bytes what we would spell otherwise.")
@click.option("--sleeps/--no-sleeps", default=True, help="Whether to write the times, too.")
@click.option("--session", type=click.IntRange(1), help="Only this session.")
@click.option("--force", is_flag=True, help="Write over a file that is there already.")
@click.option("--fields", "message", metavar="MESSAGE", help="List the fields of a message.")
@prints(FIELD)
@click.pass_obj
def transcript(
    run: Run,
    source: Path | None,
    target: Path | None,
    exact: bool,
    sleeps: bool,
    session: int | None,
    force: bool,
    message: str | None,
) -> None:
    """Turn a tape into a transcript that people can read and change, and back.

    SOURCE is either; its first line tells which. Without TARGET the transcript is printed. A TARGET
    named .tape or .tape.gz becomes a tape.
    """
    if message is not None:
        _list_fields(run, message)
        return
    if source is None:
        raise click.MissingParameter(param_hint="'SOURCE'", param_type="argument")
    from twsloop.paper.tape.player import load_script  # noqa: PLC0415
    from twsloop.paper.tape.script import Script  # noqa: PLC0415
    from twsloop.paper.tape.transcript import write_transcript  # noqa: PLC0415

    script = load_script(source)
    if session is not None:
        if session > len(script.scenes):
            msg = f"{source}: there is no session {session}: it has {len(script.scenes)}"
            raise PaperError(msg)
        script = Script((script.scenes[session - 1],), script.name, script.header)
    if target is not None and not force and target.exists():
        msg = f"{target}: the file is there already\n--force writes over it."
        raise PaperError(msg)
    if target is not None and ".tape" in target.suffixes[-2:]:
        _write_tape(script, target)
        return
    lines = write_transcript(script, exact=exact, sleeps=sleeps)
    if target is None:
        for line in lines:
            sys.stdout.write(line)
        return
    try:
        target.write_text("".join(lines), encoding="utf-8")
    except OSError as error:
        msg = f"{target}: cannot be written: {error.strerror or error}"
        raise PaperError(msg) from error


def _list_fields(run: Run, name: str) -> None:
    from twsloop.paper.tape.wording import NAMES, close_to, known_fields  # noqa: PLC0415

    known = {known: kind for names in NAMES.values() for known, kind in names.items()}
    if name not in known:
        msg = f"there is no message {name!r}{close_to(name, known)}"
        raise click.UsageError(msg)
    kind = known[name]
    rows = [{"field": field, "value": value} for field, value in known_fields(kind)]
    run.output().rows(FIELD.event, FIELD.columns, rows, title=kind.name)


def _write_tape(script: Any, target: Path) -> None:
    from twsloop.clock import SystemClock  # noqa: PLC0415
    from twsloop.paper.tape.tape_file import write_tape  # noqa: PLC0415
    from twsloop.paper.tape.transcript import entries_of  # noqa: PLC0415
    from twsloop.wire.tape import Header  # noqa: PLC0415

    entries = list(entries_of(script))  # all of it, before a file is made
    header = script.header or Header(SystemClock().now(), masked=False)
    write_tape(target, header, entries, replace=True)
