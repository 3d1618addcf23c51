"""``twsloop what-if``: what an order would do, without being one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from twsloop.contracts.symbols import ACCEPTED, to_contract
from twsloop.events import RiskVerdict

from .connect import connected
from .exits import Exit, with_exits
from .fields import decimal, flag, many, record, text
from .order_options import SIDES, build_order, common_fields, order_in_words, order_options
from .output import cell
from .root import Run
from .shapes import line, prints

if TYPE_CHECKING:
    from twsloop.gateway.preview import Preview

    from .output import Output

__all__ = ["what_if"]

_EFFECT = {
    "before": decimal("as it is", null=True),
    "change": decimal("what the order does to it", null=True),
    "after": decimal("as it would be", null=True),
}
#: What it does to an account, by the names of `twsloop.orders.whatif.Margins`.
_MARGINS = {
    "initial": "initial margin",
    "maintenance": "maintenance margin",
    "equity_with_loan": "equity with loan value",
}
WHAT_IF = line(
    "what_if",
    "What would become of an order; none was placed.",
    order=text("the order in short"),
    allowed=flag("whether nothing stands against it"),
    reasons=many(
        text("in words"), "everything that stands against it, the gateway's own refusal, too"
    ),
    answered=flag("whether the gateway answered what it would do"),
    unanswered=text("why it did not", null=True),
    status=text("the word that its first status would have", null=True),
    commission=decimal("commission and fees; null where only a range is known", null=True),
    commission_min=decimal("the least of them", null=True),
    commission_max=decimal("the most of them", null=True),
    commission_currency=text("in which currency they are", null=True),
    margin_currency=text("in which currency the margins are", null=True),
    **{
        name: record(f"the {words} of the account", _EFFECT, null=True)
        for name, words in _MARGINS.items()
    },
    warning=text("what the gateway warns of", null=True),
)


@click.command(
    "what-if",
    epilog=with_exits(
        f"""Symbols: {ACCEPTED}

\b
Examples:
  twsloop what-if buy AAPL 100
  twsloop what-if sell SPY 10 --limit 900 --tif GTC --json
\b
IB asks for restraint: about one such question for ten orders, and one a minute.""",
        Exit.DONE,
        Exit.USAGE,
        Exit.ORDER,
    ),
)
@click.argument("side", type=SIDES)
@click.argument("symbol")
@click.argument("quantity")
@order_options
@prints(WHAT_IF, RiskVerdict)
@click.pass_obj
def what_if(
    run: Run,
    /,
    side: str,
    symbol: str,
    quantity: str,
    tif: str,
    account: str | None,
    outside_rth: bool,
    **prices: Any,
) -> None:
    """Ask what an order would do to margin and commission, and whether it would leave at all.

    The risk gate judges it, and the gateway is asked; nothing is placed.
    """
    contract = to_contract(symbol)
    fields = common_fields(tif, account, outside_rth)
    order = build_order(side.upper(), quantity, **prices, **fields)
    out = run.output()
    with connected(run) as gateway:
        found = gateway.preview_order(contract, order).result()
    if found.verdict is not None and out.form == "json":
        out.fact(found.verdict, "")
    _tell(out, found, order_in_words(symbol, order))
    if found.reasons:
        click.get_current_context().exit(Exit.ORDER)


def _tell(out: Output, found: Preview, words: str) -> None:
    said = found.what_if
    fields: dict[str, Any] = dict.fromkeys(_MARGINS)
    if said is not None:
        fields = {
            name: {part: getattr(getattr(said.margins, name), part) for part in _EFFECT}
            for name in _MARGINS
        }
    for name in ("status", "warning", "margin_currency", "commission_currency"):
        fields[name] = None if said is None else getattr(said, name) or None
    for name in ("commission", "commission_min", "commission_max"):
        fields[name] = None if said is None else getattr(said, name)
    allowed = not found.reasons and found.allowed
    verdict = "it would leave" if allowed else "it would not leave"
    if found.allowed and not allowed:
        verdict = "it would leave, and the gateway would refuse it"
    lines = [f"{words}: {verdict}"]
    lines += [f"  against it: {reason}" for reason in found.reasons]
    if said is None and not found.refused:
        lines.append(f"  the gateway did not say what it would do: {found.unanswered}")
    elif said is not None:
        lines += _in_words(fields)
    out.event(
        WHAT_IF.event,
        "\n".join(lines),
        order=words,
        allowed=allowed,
        reasons=list(found.reasons),
        answered=said is not None,
        unanswered=None if said is not None else found.unanswered,
        **fields,
    )


def _in_words(fields: dict[str, Any]) -> list[str]:
    """What the gateway said, a line each."""
    lines = []
    least, most = fields["commission_min"], fields["commission_max"]
    paid = cell(fields["commission"]) or (most is not None and f"{cell(least)} to {cell(most)}")
    if paid:
        lines.append(f"  commission: {paid} {fields['commission_currency'] or ''}".rstrip())
    for name, words in _MARGINS.items():
        part = fields[name]
        if part["after"] is not None:
            money = fields["margin_currency"] or ""
            lines.append(
                f"  {words}: {cell(part['before'])} -> {cell(part['after'])} {money} "
                f"({cell(part['change'])})"
            )
    if fields["warning"]:
        lines.append(f"  warning: {fields['warning']}")
    return lines
