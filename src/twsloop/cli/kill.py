"""``twsloop kill``: stop all new orders of all programs that share the journal, or let them go."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .exits import Exit, with_exits
from .fields import flag, many, moment, record, text, whole
from .root import Run
from .shapes import line, prints

if TYPE_CHECKING:
    from twsloop.app.kill_switch import Standing

    from .output import Output

__all__ = ["kill"]


KILL_SWITCH = line(
    "kill_switch",
    "How the kill switch stands.",
    engaged=flag("whether no new order leaves"),
    changed=flag("whether this command changed it"),
    by=text("who turned it last; empty if nobody ever did"),
    reason=text("why"),
    since=moment("when", null=True),
    acted=many(
        record(
            "what one program did",
            {
                "client_id": whole("its client id"),
                "complete": flag("whether it did all that its settings ask for"),
                "text": text("what it did, in words"),
            },
        ),
        "what each program that runs did about it",
    ),
)


@click.command(
    epilog=with_exits(
        """\b
Examples:
  twsloop kill "the feed is wrong"
  twsloop kill --status
  twsloop kill --release "the feed was restarted"
\b
What is cancelled or closed is by the settings of each program ([kill_switch]); unless configured
otherwise entries are cancelled, protective orders stay, and no position is closed.
""",
        Exit.DONE,
        Exit.FAILED,
        Exit.USAGE,
        Exit.CONFIG,
        Exit.STORAGE,
        Exit.KILLED,
    )
)
@click.argument("reason", required=False)
@click.option("--release", "releases", is_flag=True, help="Let orders pass again.")
@click.option(
    "--status", "asks", is_flag=True, help="Only say how it stands; the exit code says it, too."
)
@click.option(
    "--file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="In this journal.  [default: [journal] file]",
)
@prints(KILL_SWITCH)
@click.pass_obj
def kill(run: Run, reason: str | None, releases: bool, asks: bool, file: Path | None) -> None:
    """Engage the kill switch for REASON: no new order leaves any program of this journal.

    It needs no gateway and no program: one that runs sees it within [kill_switch] poll seconds, one
    that starts later before its first order. It stays engaged until it is released with a reason.
    """
    if asks and (releases or reason is not None):
        raise click.UsageError("--status only looks: leave the reason and --release away.")
    if not asks and not (reason or "").strip():
        example = '--release "the feed was restarted"' if releases else '"the feed is wrong"'
        raise click.UsageError(f"Say why: twsloop kill {example}.")
    from twsloop.app import kill_switch  # noqa: PLC0415  (not for --help)

    more: dict[str, Any] = {"journal.file": file}
    config = run.config(**more)
    if asks:
        found = kill_switch.look(config)
    elif releases:
        found = kill_switch.release(config, reason or "")
    else:
        found = kill_switch.engage(config, reason or "")
    _show(run.output(), found)
    if asks and found.engaged:
        click.get_current_context().exit(Exit.KILLED)


def _show(out: Output, found: Standing) -> None:
    newest = found.newest
    word = "engaged" if found.engaged else "not engaged" if newest is None else "released"
    lines = [f"the kill switch is {word}"]
    if newest is not None:
        since = f"{newest.time:%Y-%m-%d %H:%M:%S} UTC"
        lines[0] += f", since {since}, by {newest.by}: {newest.reason}"
    lines += [f"client {one.client_id}: {one}" for one in found.acted]
    out.event(
        "kill_switch",
        "\n".join(lines),
        engaged=found.engaged,
        changed=found.changed,
        by="" if newest is None else newest.by,
        reason="" if newest is None else newest.reason,
        since=None if newest is None else newest.time,
        acted=[
            {"client_id": one.client_id, "complete": one.complete, "text": str(one)}
            for one in found.acted
        ],
    )
