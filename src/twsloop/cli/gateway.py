"""``twsloop start``, ``stop``, ``restart``, ``status``, ``ibc``: the gateway's own process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from twsloop.errors import LiveTradingBlocked

from .exits import Exit, with_exits
from .fields import flag, many, moment, text, whole
from .root import Run
from .shapes import line, prints

if TYPE_CHECKING:
    from twsloop.control.gateway_process import GatewayProcess
    from twsloop.control.status import Status
    from twsloop.control.steps import Step

    from .output import Output

__all__ = ["ibc", "restart", "start", "status", "stop"]

STEP = line(
    "gateway",
    "One step of a start, a stop, a restart or a supervision.",
    step=text("which: started, login, needs_person, waiting, ready, restarting, stopped, ..."),
    text=text("the same for people"),
    pid=whole("the process that was started, or is meant", null=True),
    log=text("the file that its output goes to", null=True),
    stage=text("where its login stands", null=True),
    remedy=text("what a person has to do", null=True),
    accounts=many(text("an account"), "the accounts of the login, once it is ready", null=True),
)
STATUS = line(
    "gateway_status",
    "How it stands with the gateway.",
    ready=flag("it is proven ready: session, nextValidId, data farms"),
    missing=many(text("one thing"), "what is not proven"),
    process=text("the process that twsloop started and that lives", null=True),
    pid=whole("its id", null=True),
    since=moment("when it was started", null=True),
    ended=text("how the process that twsloop started last ended", null=True),
    login=text("where its login stands, by IBC's log"),
    needs_person=flag("nothing goes on until somebody does something"),
    remedy=text("what that is", null=True),
    command_server=flag("IBC's command server answers; null where it has none", null=True),
    port_open=flag("the port of the API accepts connections"),
    server_version=whole("the protocol version", null=True),
    accounts=many(text("an account"), "the accounts of the login"),
)
ANSWER = line(
    "ibc",
    "What IBC's command server said.",
    command=text("the command"),
    text=text("its answer"),
    told=many(text("a line"), "what it told of the progress"),
)

#: What IBC is told by name; STOP and RESTART have commands of their own, which wait.
IBC_COMMANDS = ("reconnectdata", "reconnectaccount", "enableapi", "pause", "stop", "restart")

_ENDS = (Exit.DONE, Exit.FAILED, Exit.USAGE, Exit.CONFIG, Exit.BLOCKED, Exit.GATEWAY)

path_option = click.option(
    "--gateway-path",
    type=click.Path(path_type=Path),
    help="The program to start without IBC: its folder, or its starter.",
)


def _timeout(setting: str, text: str) -> Callable[..., Any]:
    help_text = f"{text}, seconds.  [default: [control] {setting}]"
    return click.option("--timeout", type=click.FloatRange(min=1), help=help_text)


@click.command(
    epilog=with_exits(
        """\b
Examples:
  twsloop start                             through IBC, where it is installed
  twsloop start --gateway-path ~/Jts/ibgateway/1040
  TWS_USERID=me TWS_PASSWORD_FILE=/run/secrets/ib twsloop start --supervise
\b
User name and password come from the environment, from a file or from the keyring ([control] login);
never from the command line.
""",
        *_ENDS,
    )
)
@path_option
@click.option("--no-wait", is_flag=True, help="Do not wait until it is ready.")
@click.option(
    "--supervise", is_flag=True, help="Stay, and restart it through IBC when it hangs, in limits."
)
@_timeout("start_timeout", "How long until it is proven ready")
@prints(STEP)
@click.pass_obj
def start(
    run: Run, gateway_path: Path | None, no_wait: bool, supervise: bool, timeout: float | None
) -> None:
    """Start the gateway, and wait until it is proven ready.

    Ready is a session of the API with its nextValidId and its data farms, not an open port. A
    second factor is shown, and waited for. Ctrl-C leaves the gateway running.
    """
    if no_wait and supervise:
        raise click.UsageError("--supervise waits: leave --no-wait away.")
    given = {"control.gateway_path": gateway_path, "control.start_timeout": timeout}
    without = "" if supervise else "twsloop start --no-wait"
    with _gateway(run, without, **given) as (process, config, tell):
        try:
            if supervise:
                from twsloop.app import control  # noqa: PLC0415  (not for --help)

                control.supervise(config, tell)
            else:
                process.start(wait=not no_wait, tell=tell)
        except KeyboardInterrupt:
            from twsloop.control.steps import Step  # noqa: PLC0415

            tell(Step("left", "nobody waits any more; the gateway goes on (twsloop stop)"))
            raise


@click.command(
    epilog=with_exits(
        """\b
Examples:
  twsloop stop
  twsloop stop --force                      kill the process if it does not end by itself
\b
Orders that work at IB go on working there.
""",
        *_ENDS,
    )
)
@click.option("--force", is_flag=True, help="Kill the process that we started if it does not end.")
@_timeout("stop_timeout", "How long it may take to end")
@prints(STEP)
@click.pass_obj
def stop(run: Run, force: bool, timeout: float | None) -> None:
    """Stop the gateway: through IBC's command server, else by a signal to its process.

    A signal is only sent to a process that twsloop started.
    """
    with _gateway(run, **{"control.stop_timeout": timeout}) as (process, _, tell):
        process.stop(by_force=force, tell=tell)


@click.command(
    epilog=with_exits(
        """\b
Examples:
  twsloop restart
\b
Through IBC it keeps its login, and a gateway does it at the next full minute.
""",
        *_ENDS,
    )
)
@path_option
@_timeout("start_timeout", "How long until it is proven ready again")
@prints(STEP)
@click.pass_obj
def restart(run: Run, gateway_path: Path | None, timeout: float | None) -> None:
    """Restart the gateway, and wait until it is proven ready again."""
    given = {"control.gateway_path": gateway_path, "control.start_timeout": timeout}
    with _gateway(run, "twsloop ibc restart", **given) as (process, _, tell):
        process.restart(tell=tell)


@click.command(
    epilog=with_exits(
        """\b
Examples:
  twsloop status
  twsloop status --json
""",
        *_ENDS,
    )
)
@prints(STATUS)
@click.pass_obj
def status(run: Run) -> None:
    """Say how it stands with the gateway: process, login, command server, API.

    The exit code is 0 only where it is proven ready.
    """
    with _gateway(run) as (process, _, _tell):
        found = process.status()
    _show(run.output(), found)
    if not found.ready:
        click.get_current_context().exit(Exit.GATEWAY)


@click.command(
    epilog=with_exits(
        """\b
Examples:
  twsloop ibc reconnectdata                 make the links to the data farms anew
  twsloop ibc reconnectaccount              make the link to IB's account server anew
  twsloop ibc enableapi                     let TWS accept API clients
\b
`twsloop stop` and `twsloop restart` say the same as stop and restart here, and wait for the end.
""",
        *_ENDS,
    )
)
@click.argument("command", type=click.Choice(IBC_COMMANDS, case_sensitive=False))
@prints(ANSWER)
@click.pass_obj
def ibc(run: Run, command: str) -> None:
    """Say one COMMAND to IBC's command server, and print its answer."""
    from twsloop.control.commands import Command  # noqa: PLC0415  (not for --help)

    with _gateway(run) as (process, _, _tell):
        answer = process.command(Command(command.upper()))
    out = run.output()
    out.event(
        ANSWER.event,
        "\n".join([*answer.told, f"OK {answer.text}".strip()]),
        command=command.upper(),
        text=answer.text,
        told=list(answer.told),
    )


# ---------------------------------------------------------------------------------- underneath
@contextmanager
def _gateway(
    run: Run, run_without: str = "", /, **given: Any
) -> Iterator[tuple[GatewayProcess, Any, Callable[[Step], None]]]:
    """The gateway's process, the settings, and what steps are told to.

    Args:
        run: The global options.
        run_without: The command that does the same, but does not look; empty for none.
        **given: The command's own settings.
    """
    if run.paper:
        raise click.UsageError(
            "--paper is a gateway within the command: for one with a process of its own there is "
            "twsloop paper."
        )
    from twsloop.app import logged  # noqa: PLC0415  (not for --help)
    from twsloop.app.control import gateway_process  # noqa: PLC0415

    config = run.config(log_level="critical", **given)
    out = run.output()

    def tell(step: Step) -> None:
        told = {"step": step.name, "text": step.text, **step.facts}
        out.event(STEP.event, step.text, **{name: told.get(name) for name in STEP.columns})

    with logged(config):
        try:
            yield gateway_process(config), config, tell
        except LiveTradingBlocked as error:
            raise _with_ways(error, run_without) from None


def _with_ways(error: LiveTradingBlocked, run_without: str) -> LiveTradingBlocked:
    """The same error, and what can be done about it."""
    other = f", or do it without looking: {run_without}" if run_without else ""
    return LiveTradingBlocked(
        f"{error.problem}. Looking whether the gateway is ready takes a session of the live "
        f"account, and that needs every gate open, although it places nothing: set these keys"
        f"{other}",
        host=error.host,
        port=error.port,
        client_id=error.client_id,
    )


def _show(out: Output, found: Status) -> None:
    record, login, seen = found.record, found.login, found.seen
    remedy = login.remedy if login.needs_person else ""
    rows = {
        "gateway": "ready" if found.ready else f"not ready: {'; '.join(found.missing)}",
        "process": "not started by twsloop"
        if record is None
        else f"{record.process.pid}, {record.what}, since {record.since:%Y-%m-%d %H:%M} UTC",
        "ended": "" if found.ending is None else str(found.ending),
        "login": "" if record is None else f"{login}: {remedy}" if remedy else str(login),
        "command server": {True: "answers", False: "does not answer", None: "has no port"}[
            found.command_server
        ],
        "API port": "open" if found.port_open else "closed",
        "accounts": f"{len(seen.accounts)}" if seen.accounts else "",
    }
    shown = "\n".join(f"{name:<16}{value}" for name, value in rows.items() if value)
    out.event(
        STATUS.event,
        shown,
        ready=found.ready,
        missing=list(found.missing),
        process=None if record is None else record.what,
        pid=None if record is None else record.process.pid,
        since=None if record is None else record.since,
        ended=None if found.ending is None else str(found.ending),
        login=login.stage.name.lower(),
        needs_person=login.needs_person,
        remedy=remedy or None,
        command_server=found.command_server,
        port_open=found.port_open,
        server_version=seen.server_version,
        accounts=list(seen.accounts),
    )
