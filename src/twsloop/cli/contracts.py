"""``twsloop contracts``: what a symbol stands for, as IB knows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from twsloop.contracts.symbols import ACCEPTED, symbol_of, to_contract
from twsloop.errors import TwsLoopError
from twsloop.wire.times import read_day
from twsloop.wire.values import decimal_or_none, text_or_none

from .cards import print_card, readable
from .connect import connected
from .fields import day, decimal, many, moment, text, whole
from .output import Output
from .root import Run, output_option
from .shapes import line, prints

if TYPE_CHECKING:
    from twsloop.contracts.hours import Session
    from twsloop.gateway import IBGateway

__all__ = ["contracts"]

CONTRACT = line(
    "contract",
    "One contract that a symbol stands for.",
    asked=text("the symbol as it was given"),
    symbol=text("the contract in short, as it can be typed again"),
    name=text("the company's, the fund's, the index's", null=True),
    type=text("IB's secType: STK, OPT, FUT, CASH..."),
    exchange=text("where orders and requests are routed"),
    primary_exchange=text("where it is listed", null=True),
    currency=text("what it trades in"),
    con_id=whole("IB's id of the contract"),
    local_symbol=text("the exchange's own symbol", null=True),
    trading_class=text("IB's trading class", null=True),
    multiplier=text("units of the underlying per contract, as IB writes it", null=True),
    expiry=day("when it expires, or stops trading", null=True),
    strike=decimal("of an option", null=True),
    right=text("of an option: C or P", null=True),
    min_tick=decimal("the smallest step of its price", null=True),
    min_size=decimal("the smallest order", null=True),
    industry=text("as IB sorts it", null=True),
    time_zone=text("of its hours", null=True),
    valid_exchanges=many(text("an exchange"), "where it can be routed"),
    order_types=many(text("IB's word"), "what orders and attributes it takes"),
)
#: What a table shows, the most important ones first.
SHOWN = (
    *("symbol", "name", "type", "exchange", "currency", "con_id", "expiry", "strike", "right"),
    *("trading_class", "multiplier", "min_tick"),
)
IMPORTANT = ("symbol", "type", "con_id", "exchange", "currency", "name", "min_tick")
HOURS = line(
    "session_hours",
    "One session in which a contract trades without a break.",
    symbol=text("the symbol as it was given"),
    day=day("the trading day that it belongs to"),
    start=moment("its first moment, in the exchange's zone"),
    end=moment("its end, which is no part of it"),
)


@click.command(
    epilog=f"""Symbols: {ACCEPTED}

\b
Examples:
  twsloop contracts AAPL
  twsloop contracts AAPL EUR.USD 'SPX IND CBOE' --output csv
  twsloop contracts AAPL --hours
  twsloop --json contracts '#265598'
"""
)
@click.argument("symbols", nargs=-1, required=True)
@click.option("--hours", is_flag=True, help="When it trades, in the days to come, instead.")
@click.option("--liquid", is_flag=True, help="With --hours: only the regular sessions.")
@click.option("--refresh", is_flag=True, help="Ask the gateway, whatever is remembered.")
@output_option
@prints(CONTRACT, HOURS)
@click.pass_obj
def contracts(
    run: Run,
    symbols: tuple[str, ...],
    hours: bool,
    liquid: bool,
    refresh: bool,
    form: str | None,
) -> None:
    """Show what symbols stand for: id, exchanges, price steps, order types, trading hours.

    Of a symbol that fits several contracts all are shown. One symbol that does not exist leaves
    the others be: it is told last, and the exit code says so.
    """
    if liquid and not hours:
        raise click.UsageError("--liquid belongs to --hours.")
    for symbol in symbols:
        to_contract(symbol)  # a typo is told before anything is connected
    out = run.output(form)
    look = _sessions if hours else _details
    rows: list[dict[str, Any]] = []
    failed: TwsLoopError | None = None
    with connected(run) as gateway:
        for symbol in dict.fromkeys(symbols):
            try:
                rows += look(gateway, symbol, liquid=liquid, refresh=refresh)
            except TwsLoopError as error:
                if failed is not None:
                    click.echo(f"{failed}", err=True)
                failed = error
    if hours:
        _print_hours(out, rows)
    elif rows or failed is None:
        _print_details(out, rows)
    if failed is not None:
        raise failed


def _details(
    gateway: IBGateway, symbol: str, *, liquid: bool, refresh: bool
) -> list[dict[str, Any]]:
    """A row for each contract that fits."""
    del liquid  # a matter of hours
    return [
        _row(symbol, one) for one in gateway.contracts.details(symbol, refresh=refresh).result()
    ]


def _row(asked: str, details: Any) -> dict[str, Any]:
    """IB's ContractDetails as a row; what does not apply is None."""
    contract = details.contract
    expiry = read_day(contract.lastTradeDateOrContractMonth)
    return {
        "asked": asked,
        "symbol": symbol_of(contract),
        "name": text_or_none(details.longName),
        "type": contract.secType,
        "exchange": contract.exchange,
        "primary_exchange": text_or_none(contract.primaryExchange),
        "currency": contract.currency,
        "con_id": contract.conId,
        "local_symbol": text_or_none(contract.localSymbol),
        "trading_class": text_or_none(contract.tradingClass),
        "multiplier": text_or_none(contract.multiplier),
        "expiry": expiry.isoformat() if expiry is not None else None,
        "strike": decimal_or_none(contract.strike) or None,
        "right": text_or_none(contract.right),
        "min_tick": decimal_or_none(details.minTick),
        "min_size": decimal_or_none(details.minSize),
        "industry": text_or_none(details.industry),
        "time_zone": text_or_none(details.timeZoneId),
        "valid_exchanges": _words(details.validExchanges),
        "order_types": _words(details.orderTypes),
    }


def _words(text: str) -> list[str]:
    return [word for word in text.split(",") if word]


def _print_details(out: Output, rows: list[dict[str, Any]]) -> None:
    if out.form == "table" and len(rows) == 1:
        print_card(out, {name: value for name, value in rows[0].items() if name != "asked"})
        return
    if out.form != "json":
        rows = [{name: readable(value) for name, value in row.items()} for row in rows]
    out.rows(CONTRACT.event, CONTRACT.columns, rows, shown=SHOWN, important=IMPORTANT)


def _sessions(
    gateway: IBGateway, symbol: str, *, liquid: bool, refresh: bool
) -> list[dict[str, Any]]:
    """A row for each session of the days that IB tells of."""
    ask = gateway.contracts.liquid_hours if liquid else gateway.contracts.trading_hours
    hours = ask(symbol, refresh=refresh).result()

    def row(session: Session) -> dict[str, Any]:
        return {
            "symbol": symbol,
            "day": session.day.isoformat(),
            "start": session.start.astimezone(hours.zone),
            "end": session.end.astimezone(hours.zone),
        }

    return [row(session) for session in hours.sessions]


def _print_hours(out: Output, rows: list[dict[str, Any]]) -> None:
    if out.form == "table":
        rows = [
            row | {name: f"{row[name]:%a %H:%M %Z}" for name in ("start", "end")} for row in rows
        ]
    out.rows(HOURS.event, HOURS.columns, rows)
