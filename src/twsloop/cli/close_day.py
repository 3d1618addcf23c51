"""``twsloop close-day``: the end-of-day routine, by hand."""

from __future__ import annotations

from typing import Any

import click

from twsloop.events import EndOfDayReport

from .connect import connected
from .exits import Exit, ForeignError, with_exits
from .root import Run
from .shapes import prints

__all__ = ["close_day"]


@click.command(
    "close-day",
    epilog=with_exits(
        """\b
Examples:
  twsloop close-day                          reconcile, look, count; nothing is cancelled
  twsloop --client-id 7 close-day --cancel entries --wait 60
  twsloop close-day --cancel all --flatten --json
\b
Orders are held back in the program that runs the routine: a program of yours calls it itself, or
names a time in its settings ([end_of_day] at). From here only orders of --client-id are cancelled.
""",
        Exit.DONE,
        Exit.UNPROTECTED,
        Exit.DAY_OPEN,
    ),
)
@click.option(
    "--cancel",
    type=click.Choice(["none", "entries", "all"]),
    help="Cancel our own orders: entries leaves those that protect a position.",
)
@click.option("--flatten/--no-flatten", default=None, help="Close all positions at the market.")
@click.option("--wait", type=click.FloatRange(0), help="Let orders work so long first, in seconds.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    help="Wait so long for each end, in seconds.",
)
@click.option(
    "--exempt",
    multiple=True,
    help="A kind of contract (IB's secType) that is not closed, and needs no stop.",
)
@prints(EndOfDayReport)
@click.pass_obj
def close_day(run: Run, /, exempt: tuple[str, ...], **options: Any) -> None:
    """End the trading day: cancel and close as told, reconcile, and report.

    What is not given is as configured in [end_of_day]; unless configured nothing is cancelled and
    nothing closed.
    """
    from twsloop.app.end_of_day import close_day as end  # noqa: PLC0415  (it loads ibapi)

    more = {f"end_of_day.{name}": value for name, value in options.items()}
    more["end_of_day.exempt"] = exempt or None
    config = run.config(**more)
    out = run.output()
    try:
        with connected(run, **more) as gateway:
            report = end(gateway, config.end_of_day)
    except KeyboardInterrupt as stop:  # who calls it shall not take the day for closed
        raise ForeignError(
            stop,
            Exit.DAY_OPEN,
            "stopped before the day was closed",
            "What was cancelled or closed until then stays so; see `twsloop orders`.",
        ) from None
    if out.form == "json":
        out.fact(report, "")
    else:
        out.event("end_of_day", str(report))
    code = Exit.DONE
    if not report.complete:
        code = Exit.DAY_OPEN
    elif report.protection is not None and not report.protection.ok:
        code = Exit.UNPROTECTED
    click.get_current_context().exit(code)
