"""``twsloop search``: which symbols are like a word?"""

from __future__ import annotations

import click

from twsloop.errors import ContractError

from .cards import readable
from .connect import connected
from .fields import many, text, whole
from .root import Run, output_option
from .shapes import line, prints

__all__ = ["search"]

SYMBOL_MATCH = line(
    "symbol_match",
    "One symbol that is like what was searched for; the best comes first.",
    symbol=text("IB's symbol"),
    name=text("the company's or the fund's; null where the gateway tells none", null=True),
    type=text("IB's secType: STK or IND"),
    exchange=text("where it is listed", null=True),
    currency=text("what it trades in"),
    con_id=whole("IB's id of the contract; '#265598' is a symbol, too"),
    derivatives=many(text("a secType"), "what is listed on it"),
)


@click.command(
    epilog="""\b
Examples:
  twsloop search apple
  twsloop --json search AAP
\b
IB answers with 16 at most: stocks and indices whose symbol begins with the word, or whose name has
it. What it finds can be used by its number, too: twsloop contracts '#265598'."""
)
@click.argument("words", nargs=-1, required=True)
@output_option
@prints(SYMBOL_MATCH)
@click.pass_obj
def search(run: Run, words: tuple[str, ...], form: str | None) -> None:
    """Find symbols by their first letters, or by the company's name."""
    pattern = " ".join(words)
    with connected(run) as gateway:
        found = gateway.contracts.search(pattern).result()
    if not found:
        msg = f"no symbol begins with {pattern!r}, and no name has it; try fewer letters"
        raise ContractError(msg)
    rows = [
        {
            "symbol": match.contract.symbol,
            "name": match.name,
            "type": match.contract.secType,
            "exchange": match.contract.primaryExchange or match.contract.exchange or None,
            "currency": match.contract.currency,
            "con_id": match.contract.conId,
            "derivatives": match.derivatives,
        }
        for match in found
    ]
    out = run.output(form)
    if out.form != "json":
        rows = [row | {"derivatives": readable(row["derivatives"])} for row in rows]
    important = ("symbol", "name", "con_id", "type", "currency", "exchange")
    out.rows(SYMBOL_MATCH.event, SYMBOL_MATCH.columns, rows, important=important)
