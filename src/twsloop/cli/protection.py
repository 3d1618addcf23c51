"""``twsloop protection``: does each position have stops that work?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from twsloop.events import PositionCover, ProtectionFinding

from .connect import connected
from .exits import Exit, with_exits
from .fact_shapes import row_fields
from .fields import decimal, flag, many, whole
from .root import Run
from .shapes import Line, line, prints

if TYPE_CHECKING:
    from twsloop.events import ProtectionReport

    from .output import Output

__all__ = ["protection"]

COVER_COLUMNS = (
    *("account", "symbol", "quantity", "stopped", "naked", "doubtful", "targeted"),
    *("needs_stop", "con_id"),
)
COVERS_SHOWN = COVER_COLUMNS[1:7]
FINDING_COLUMNS = ("danger", "kind", "account", "symbol", "quantity", "orders", "text", "con_id")
FINDINGS_SHOWN = ("danger", "symbol", "kind", "text")


COVER = Line(
    "position_cover",
    "A position, and what would close it.",
    row_fields(
        PositionCover,
        COVER_COLUMNS,
        naked=decimal("How much of it no stop closes that works."),
    ),
)
FINDING = Line(
    "protection_finding",
    "One thing that does not fit.",
    row_fields(
        ProtectionFinding,
        FINDING_COLUMNS,
        orders=many(whole("its order id, or its permanent id"), "The orders that it is about."),
    ),
)
PROTECTION_END = line(
    "protection_end",
    "What it comes to.",
    ok=flag("whether nothing is in danger"),
    positions=whole("how many positions there are"),
    orders=whole("how many open orders there are"),
    findings=whole("how many things do not fit"),
)


@click.command(
    epilog=with_exits(
        """\b
Examples:
  twsloop protection
  twsloop protection --exempt CASH
  twsloop protection --json | jq 'select(.danger)'
""",
        Exit.DONE,
        Exit.UNPROTECTED,
    )
)
@click.option(
    "--exempt", multiple=True, help="A kind of contract (IB's secType) that needs no stop."
)
@prints(COVER, FINDING, PROTECTION_END)
@click.pass_obj
def protection(run: Run, exempt: tuple[str, ...]) -> None:
    """Look for positions without a working stop of their size, and for orders left alone.

    Nothing is sent but questions. Open orders of all clients are counted.
    """
    from twsloop.app.end_of_day import audit  # noqa: PLC0415  (it loads ibapi)

    with connected(run) as gateway:
        report = audit(gateway, exempt)
    _show(run.output(), report)
    if not report.ok:
        click.get_current_context().exit(Exit.UNPROTECTED)


def _show(out: Output, report: ProtectionReport) -> None:
    """Print a report: what is covered, what was found, and the sum."""
    covers = [{name: getattr(one, name) for name in COVER_COLUMNS} for one in report.positions]
    if covers:
        out.rows("position_cover", COVER_COLUMNS, covers, shown=COVERS_SHOWN)
    findings: list[dict[str, Any]] = [
        {
            **{name: getattr(one, name) for name in FINDING_COLUMNS},
            "kind": str(one.kind),
            "orders": [order.order_id or order.perm_id for order in one.orders],
        }
        for one in report.findings
    ]
    if findings:
        out.rows("protection_finding", FINDING_COLUMNS, findings, shown=FINDINGS_SHOWN)
    out.event(
        "protection_end",
        str(report),
        ok=report.ok,
        positions=len(report.positions),
        orders=report.orders,
        findings=len(report.findings),
    )
