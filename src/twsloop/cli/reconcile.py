"""``twsloop reconcile``: do the journal and the gateway say the same?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from twsloop.errors import ConfigError
from twsloop.events import Difference

from .connect import connected
from .exits import Exit, with_exits
from .fact_shapes import row_fields
from .fields import flag, many, text, whole
from .root import Run
from .shapes import Line, line, prints

if TYPE_CHECKING:
    from twsloop.config import Config
    from twsloop.events import GapReport

    from .output import Output

__all__ = ["reconcile"]

COLUMNS = (
    *("kind", "about", "policy", "account", "symbol", "order_id", "client_id", "perm_id"),
    *("exec_id", "con_id", "known", "found", "reason"),
)
SHOWN = ("kind", "about", "symbol", "order_id", "known", "found", "reason")


DIFFERENCE = Line(
    "difference",
    "The journal and the gateway do not say the same.",
    row_fields(Difference, COLUMNS),
)
QUESTION = Line("question", "A difference that has to be accepted.", DIFFERENCE.fields)
RECONCILE_END = line(
    "reconcile_end",
    "What it comes to.",
    agrees=flag("whether there is no difference, and nothing is unknown"),
    differences=whole("how many there are"),
    questions=whole("how many of them have to be accepted"),
    executions=whole("how many executions the journal had not heard of"),
    unknown=many(text("in words"), "what could not be compared"),
)


@click.command(
    epilog=with_exits(
        """\b
Examples:
  twsloop reconcile --dry-run
  twsloop --client-id 7 reconcile --dry-run --json
  twsloop reconcile --accept "the order was cancelled in TWS"
""",
        Exit.DONE,
        Exit.CLIENT_ID,
        Exit.NO_ANSWER,
        Exit.STORAGE,
        Exit.DIFFERENT,
    )
)
@click.option("--dry-run", is_flag=True, help="Write nothing, not into the journal either.")
@click.option(
    "--accept",
    "reason",
    metavar="REASON",
    help="Accept what [reconcile] asks about: new orders may leave again.",
)
@prints(DIFFERENCE, QUESTION, RECONCILE_END)
@click.pass_obj
def reconcile(run: Run, dry_run: bool, reason: str | None) -> None:
    """Compare orders, executions and positions with the journal.

    Those of one client id, while its program does not run: give its --client-id. Nothing is sent
    but questions. What the gateway shows is written down as what is so from now on, unless it is a
    dry run.
    """
    if dry_run and reason is not None:
        raise click.UsageError("--accept writes into the journal: leave --dry-run away.")
    if run.paper:
        raise click.UsageError("--paper starts a gateway that no journal knows; leave it away.")
    config = run.config()
    _see_that_there_is_one(config, dry_run=dry_run)
    out = run.output()
    with connected(run, **_settings(dry_run=dry_run)) as gateway:
        reports = gateway.orders.gap_reports
        report = reports[0] if reports else gateway.orders.reconcile().result()
        if reason is not None:
            gateway.orders.accept(reason=reason).result()
        questions = gateway.orders.questions
    _show(out, report, questions)
    if not report.agrees or questions:
        click.get_current_context().exit(Exit.DIFFERENT)


def _settings(*, dry_run: bool) -> dict[str, object]:
    # No order is sent, so the gates of live trading need not be open.
    chosen = {"reconcile.dry_run": True} if dry_run else {"journal.enabled": True}
    return {**chosen, "orders.enabled": False}


def _see_that_there_is_one(config: Config, *, dry_run: bool) -> None:
    """See that there is a journal to compare with.

    Raises:
        ConfigError: It is switched off.
        StorageError: A dry run makes none, and there is none; or it cannot be read.
    """
    if config.journal.enabled is False:
        raise ConfigError(
            "there is no journal to compare with",
            section="journal",
            key="enabled",
            value="no",
            allowed="yes",
        )
    if dry_run:
        from twsloop.storage.reading import reading  # noqa: PLC0415  (it loads the slices' parts)

        with reading(config.journal.file):
            pass


def _show(out: Output, report: GapReport, questions: tuple[Difference, ...]) -> None:
    """Print the differences, what has to be accepted, and the sum."""
    for event, rows in (("difference", report.differences), ("question", questions)):
        made = [
            {**{name: getattr(one, name) for name in COLUMNS}, "kind": str(one.kind)}
            for one in rows
        ]
        if made:
            out.rows(event, COLUMNS, made, shown=SHOWN)
    if report.agrees:
        words = "the journal and the gateway agree"
    else:
        words = f"the journal and the gateway differ: {report}"
    if questions:
        words += f"; new orders wait for {len(questions)} of them to be accepted (--accept)"
    out.event(
        "reconcile_end",
        words,
        agrees=report.agrees,
        differences=len(report.differences),
        questions=len(questions),
        executions=len(report.executions),
        unknown=list(report.unknown),
    )
