"""``twsloop doctor``: step by step, what is well with a gateway and what is not."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import click

from .exits import Exit, with_exits
from .fields import anything, flag, many, text
from .root import Run
from .shapes import line, prints

if TYPE_CHECKING:
    from twsloop.control.diagnosis import Report

    from .output import Output

__all__ = ["doctor"]

VERDICT = line(
    "verdict",
    "How one step of the examination went.",
    step=text("which step"),
    outcome=text("how it went", "ok", "warning", "failed", "skipped"),
    text=text("what was found"),
    remedy=text("what to do; null where nothing has to be done", null=True),
    facts=anything("the numbers in it, by name; another step has others"),
)
DOCTOR = line(
    "doctor",
    "The whole of it, as the last line.",
    healthy=flag("nothing failed; the exit code says the same"),
    failed=many(text("a step"), "the steps that failed"),
    warnings=many(text("a step"), "the steps with a warning"),
)


@click.command(
    epilog=with_exits(
        """\b
Examples:
  twsloop doctor
  twsloop --port 7497 doctor
  twsloop doctor --symbol AAPL --json
  twsloop --paper doctor                    see what it looks at, without an account
\b
In a Dockerfile:
  HEALTHCHECK --interval=60s --timeout=45s CMD ["twsloop", "doctor"]
\b
0 is healthy, warnings included; 1 is not. It has client ids of its own ([control] client_id).
""",
        Exit.DONE,
        Exit.FAILED,
        Exit.USAGE,
        Exit.CONFIG,
    )
)
@click.option("--symbol", help="Whose quote is asked for.  [default: [control] symbol, EUR.USD]")
@prints(VERDICT, DOCTOR)
@click.pass_obj
def doctor(run: Run, symbol: str | None) -> None:
    """Look at the gateway step by step, and say what to do about what is wrong.

    Name, port, hello, version, session, accounts, clock, data farms, a quote, permissions: over
    one connection that places nothing.
    """
    from twsloop.app import logged  # noqa: PLC0415  (not for --help)
    from twsloop.app.control import examined  # noqa: PLC0415

    # Its own failures are its verdicts: the log repeats them.
    config = run.config(log_level="critical", **{"control.symbol": symbol})
    with logged(config):
        report = examined(config, paper=run.paper)
    _show(run.output(), report)
    if not report.healthy:
        click.get_current_context().exit(Exit.FAILED)


#: How wide the columns of outcome and step are.
_OUTCOME, _STEP = 8, 17


def _fitted(out: Output, head: str, words: str) -> str:
    """Words behind their head, wrapped beside it where the terminal is narrow."""
    indent = " " * len(head)
    width = max(out.console.width, len(head) + 30)
    return textwrap.fill(words, width, initial_indent=head, subsequent_indent=indent)


def _show(out: Output, report: Report) -> None:
    for one in report.verdicts:
        if out.form == "table" and one.outcome == "skipped" and one.step != "process":
            continue
        name = one.step.replace("_", " ")
        words = _fitted(out, f"{one.outcome.value:<{_OUTCOME}} {name:<{_STEP}} ", one.text)
        if one.remedy:
            arrow = " " * (_OUTCOME + _STEP) + "  -> "
            words += f"\n{_fitted(out, arrow, one.remedy)}"
        out.event(
            VERDICT.event,
            words,
            step=one.step,
            outcome=one.outcome,
            text=one.text,
            remedy=one.remedy or None,
            facts=one.facts,
        )
    failed, warnings = report.failed, report.warnings
    verdict = "healthy" if report.healthy else f"not healthy: {', '.join(failed)}"
    skipped = [one for one in report.skipped if one != "process"]
    if skipped:
        verdict += f"\nnot looked at: {', '.join(skipped)}"
    if warnings:
        verdict += f" (look at: {', '.join(warnings)})"
    out.event(
        DOCTOR.event,
        f"\n{verdict}".replace("_", " "),
        healthy=report.healthy,
        failed=list(failed),
        warnings=list(warnings),
    )
