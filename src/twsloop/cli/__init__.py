"""The command line, ``twsloop`` and ``python gateway_cli.py``: click commands, one file a group.

No logic of its own: commands read options, ask `twsloop.app` for running parts, and print. `main`
is what the installed script calls; it turns every error of ours into one plain sentence and an
exit code of `twsloop.cli.exits`.
"""

from __future__ import annotations

import _thread
import errno
import json
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import click

__all__ = ["main", "run"]

#: What a full disk, a broken one, or an exhausted quota says.
_CANNOT_WRITE = {errno.ENOSPC, errno.EIO, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}

#: How long after a stop that was lost it is raised again, seconds.
_AGAIN = 0.02


def main() -> None:
    """Run the command line of this process, and end it with the exit code.

    Ctrl-C and SIGTERM end it cleanly: 0.
    """
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError):  # None, where there is no console
            # What the terminal has no letter for is a ?, and no end of the command.
            stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    with _stop_signals():
        try:
            code = run(sys.argv[1:])
        except KeyboardInterrupt:
            code = 0
    sys.exit(code)


def run(arguments: Sequence[str]) -> int:
    """Run one command line inside a program; its signals stay the program's own.

    A stop that is meant for the program must not end as a command that seems to have done its work:
    only `main`, whose process is the command, makes one of it.

    Returns:
        The exit code.

    Raises:
        KeyboardInterrupt: Ctrl-C.
    """
    try:
        return _invoke(list(arguments))
    except BrokenPipeError:
        # Who read us has heard enough (`| head`). Nothing may be written at exit either.
        _write_no_more()
        return 0
    except OSError as error:
        if error.errno not in _CANNOT_WRITE:
            raise
        _write_no_more()
        words = f"twsloop: the output cannot be written: {error.strerror}"
        print(words, file=sys.stderr, flush=True)  # noqa: T201  (this is where the CLI speaks)
        return 1


def _write_no_more() -> None:
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _invoke(arguments: list[str]) -> int:
    import click  # noqa: PLC0415  (after the signal handlers stand)
    from click.shell_completion import shell_complete  # noqa: PLC0415

    from twsloop.errors import TwsLoopError  # noqa: PLC0415

    from .exits import exit_of, name_of, sentence_of  # noqa: PLC0415
    from .root import cli  # noqa: PLC0415

    completion = os.environ.get("_TWSLOOP_COMPLETE")
    if completion:
        return shell_complete(cli, {}, "twsloop", "_TWSLOOP_COMPLETE", completion)
    try:
        # Not cli.main(): it would answer Ctrl-C with a line of its own.
        with cli.make_context("twsloop", [*arguments]) as context:
            cli.invoke(context)
    except click.exceptions.Exit as asked:
        return asked.exit_code
    except click.Abort:
        return 0
    except click.ClickException as error:
        if isinstance(error, click.NoSuchOption) and error.option_name in {
            name for option in cli.params for name in option.opts
        }:
            words = f"{error.option_name} stands before the command"
            error = click.UsageError(words, error.ctx)
        elif isinstance(error, click.NoSuchOption) and _belongs_to_a_command(error):
            words = f"{error.option_name} stands behind the command"
            error = click.UsageError(words, error.ctx)
        elif isinstance(error, click.NoSuchOption) and error.option_name[1:2].isdigit():
            words = f"{error.option_name} is no quantity: `buy` and `sell` say the side"
            error = click.UsageError(words, error.ctx)
        if "--json" in arguments:
            text = error.format_message()
            _complain(error.exit_code, text, type(error).__name__, text, as_json=True)
        else:
            error.show()
        return error.exit_code
    except (TwsLoopError, TimeoutError) as error:
        code = exit_of(error)
        as_json = "--json" in arguments
        _complain(code, str(error), name_of(error), sentence_of(error), as_json=as_json)
        return int(code)
    return 0


def _belongs_to_a_command(error: click.NoSuchOption) -> bool:
    """Whether an option that a group does not have is one of its commands'."""
    context = error.ctx
    if context is None or context.parent is None or not hasattr(context.command, "commands"):
        return False
    return any(
        error.option_name in parameter.opts
        for command in context.command.commands.values()
        for parameter in command.params
    )


def _complain(code: int, message: str, name: str, sentence: str, *, as_json: bool) -> None:
    """One plain sentence on the standard error output; with --json one object."""
    if as_json:
        what = {"event": "error", "error": name, "exit": int(code)}
        sentence = json.dumps({**what, "message": message})
    else:
        sentence = f"twsloop: {sentence}"
    print(sentence, file=sys.stderr, flush=True)  # noqa: T201  (this is where the CLI speaks)


def _interrupt_main() -> None:
    """Ctrl-C for the main thread, also if it waits for a lock."""
    if hasattr(signal, "pthread_kill"):  # only a signal of the system ends a wait
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
    else:
        _thread.interrupt_main()


@contextmanager
def _stop_signals() -> Iterator[None]:
    """Let SIGTERM end a command as Ctrl-C does, wherever it comes.

    Python lets the handler run between any two steps of the main thread. Within a finalizer or the
    callback of a weak reference nothing can be raised, and the stop would be lost: then it is
    raised again a moment later.
    """

    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    def unraisable(lost: sys.UnraisableHookArgs) -> None:
        if not issubclass(lost.exc_type, KeyboardInterrupt):
            hook(lost)
            return
        again = threading.Timer(_AGAIN, lambda: _interrupt_main() if inside else None)
        again.daemon = True
        again.start()

    inside = True
    hook, sys.unraisablehook = sys.unraisablehook, unraisable
    before = signal.signal(signal.SIGTERM, stop)
    # A shell that starts us in the background has SIGINT ignored; a stop is a stop.
    interrupt = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        inside = False
        signal.signal(signal.SIGTERM, before)
        signal.signal(signal.SIGINT, interrupt)
        sys.unraisablehook = hook
