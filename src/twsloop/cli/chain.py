"""``twsloop chain``: the options, or the futures, that are listed on something."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from twsloop.contracts.symbols import ACCEPTED, to_contract
from twsloop.errors import ContractError
from twsloop.wire.times import read_day

from .cards import fitting, print_card, readable
from .connect import connected
from .fields import day, decimal, many, moment, number, text, whole
from .output import Output
from .root import Run, output_option
from .shapes import line, prints

if TYPE_CHECKING:
    from twsloop.contracts.chains import OptionChain
    from twsloop.gateway import IBGateway

__all__ = ["chain"]

CHAIN = line(
    "option_chain",
    "The options of one trading class on one exchange.",
    symbol=text("the underlying's"),
    trading_class=text("IB's trading class"),
    exchange=text("where they are routed"),
    multiplier=text("units of the underlying per contract, as IB writes it"),
    currency=text("what prices are in"),
    expiries=many(day("a last trading day"), "the first one first"),
    strikes=many(decimal("a price"), "the lowest first; not each is listed for every expiry"),
)
OPTION = line(
    "option",
    "One option that exists, with its quote.",
    symbol=text("in the OCC's 21 characters, as it can be typed again"),
    con_id=whole("IB's id of the contract"),
    trading_class=text("IB's trading class (SPX, SPXW)"),
    expiry=day("its last trading day", null=True),
    strike=decimal("its strike"),
    right=text("call or put", "C", "P"),
    bid=number("best bid", null=True),
    ask=number("best ask", null=True),
    last=number("last price", null=True),
    volume=decimal("contracts traded today", null=True),
    implied_volatility=number("a year's, as a fraction: 0.25 is 25 %", null=True),
    delta=number("of IB's model, as the four that follow", null=True),
    gamma=number("likewise", null=True),
    theta=number("likewise, a day", null=True),
    vega=number("likewise", null=True),
    error=text("why there is no quote", null=True),
)
FUTURE = line(
    "future",
    "One future of a root; the one that expires first comes first.",
    symbol=text("its root"),
    local_symbol=text("the exchange's own symbol"),
    month=text("the contract month: 202612"),
    expiry=day("the day it expires"),
    last_trade_time=moment("when it stops trading", null=True),
    exchange=text("where it is listed"),
    multiplier=text("what a point is worth, as IB writes it"),
    currency=text("what it trades in"),
    con_id=whole("IB's id of the contract"),
)
#: What each side of the table of an expiry shows, and how wide the terminal must be for it.
SIDE = {"bid": 0, "ask": 0, "last": 76, "volume": 96, "delta": 64, "iv": 110}
#: So many strikes are shown around the price unless told otherwise.
NEAREST = 10
#: So many quotes are asked for before the bar moves: as many as IB is asked for at once.
AT_A_TIME = 50
_CALL, _PUT = "C", "P"


@click.command(
    epilog=f"""Symbols: {ACCEPTED}

\b
Examples:
  twsloop chain AAPL                           what is listed: classes, expiries, strikes
  twsloop chain AAPL --expiry next             the next expiry around the price, with quotes
  twsloop chain AAPL --expiry 202612 --nearest 4 --right C
  twsloop --json chain SPY --expiry next --strike 500 --strike 510
  twsloop chain ES --futures CME
"""
)
@click.argument("symbol")
@click.option("--expiry", help="Its options: a day (20261218), a month (202612), or `next`.")
@click.option("--strike", "strikes", multiple=True, help="Only this strike; repeatable.")
@click.option(
    "--nearest",
    type=click.IntRange(1, 200),
    help=f"So many strikes around the price.  [default: {NEAREST}]",
)
@click.option("--right", type=click.Choice(["C", "P"], case_sensitive=False), help="Only these.")
@click.option("--class", "trading_class", help="Only this trading class (SPX, SPXW).")
@click.option("--exchange", help="Where they are routed.  [default: SMART, or the future's own]")
@click.option("--quotes/--no-quotes", default=True, help="Whether to ask for their prices.")
@click.option("--futures", metavar="EXCHANGE", help="The futures of SYMBOL there, instead.")
@output_option
@prints(CHAIN, OPTION, FUTURE)
@click.pass_obj
def chain(
    run: Run,
    symbol: str,
    expiry: str | None,
    strikes: tuple[str, ...],
    nearest: int | None,
    right: str | None,
    trading_class: str | None,
    exchange: str | None,
    quotes: bool,
    futures: str | None,
    form: str | None,
) -> None:
    """List the options of SYMBOL, or its futures.

    Without --expiry it says what is listed. With it, the contracts that exist, each with its quote:
    calls on the left, puts on the right.
    """
    if strikes and nearest is not None:
        raise click.UsageError("--strike or --nearest: not both.")
    if expiry is None and (strikes or nearest is not None or right):
        raise click.UsageError("--strike, --nearest and --right need an --expiry, such as `next`.")
    out = run.output(form)
    if futures is not None:
        if expiry is not None:
            raise click.UsageError("--futures lists all of them: leave --expiry away.")
        with connected(run) as gateway:
            rows = _futures(gateway, symbol, futures, trading_class or "")
        important = ("local_symbol", "expiry", "con_id", "multiplier")
        out.rows(FUTURE.event, FUTURE.columns, rows, important=important)
        return
    underlying = to_contract(symbol)  # a typo is told before anything is connected
    where = exchange or (underlying.exchange if underlying.secType == "FUT" else "SMART")
    with connected(run) as gateway:
        if expiry is None:
            _print_chains(out, gateway, symbol, where, trading_class)
            return
        asked = _Asked(expiry, strikes, nearest, right and right.upper(), trading_class, where)
        rows = asked.options(gateway, symbol, quotes=quotes)
    if out.form == "table":
        _print_sides(out, rows)
    else:
        out.rows(OPTION.event, OPTION.columns, rows)


# ---------------------------------------------------------------------------------- futures
def _futures(
    gateway: IBGateway, symbol: str, exchange: str, trading_class: str
) -> list[dict[str, Any]]:
    listed = gateway.contracts.future_chain(symbol, exchange, trading_class=trading_class).result()
    return [
        {
            "symbol": one.contract.symbol,
            "local_symbol": one.contract.localSymbol,
            "month": one.month,
            "expiry": one.expiry.isoformat(),
            "last_trade_time": one.last_trade_time,
            "exchange": one.contract.exchange,
            "multiplier": one.contract.multiplier,
            "currency": one.contract.currency,
            "con_id": one.contract.conId,
        }
        for one in listed
    ]


# ---------------------------------------------------------------------------------- overview
def _print_chains(
    out: Output, gateway: IBGateway, symbol: str, exchange: str, trading_class: str | None
) -> None:
    found = gateway.contracts.option_chain(
        symbol, exchange=exchange, trading_class=trading_class
    ).result()
    _require(found, symbol)
    rows = [
        {name: getattr(one, name) for name in CHAIN.columns}
        | {"expiries": [day.isoformat() for day in one.expiries], "strikes": list(one.strikes)}
        for one in found
    ]
    if out.form == "table":
        for number, row in enumerate(rows):
            if number:
                out.event("", "")
            print_card(out, row)
        return
    if out.form == "csv":
        rows = [{name: readable(value) for name, value in row.items()} for row in rows]
    out.rows(CHAIN.event, CHAIN.columns, rows)


def _require(found: list[OptionChain], symbol: str) -> None:
    if not found:
        msg = f"{symbol}: no options are listed that fit"
        raise ContractError(msg)


# ---------------------------------------------------------------------------------- an expiry
class _Asked:
    """Which options were asked for."""

    def __init__(
        self,
        expiry: str,
        strikes: tuple[str, ...],
        nearest: int | None,
        right: str | None,
        trading_class: str | None,
        exchange: str,
    ) -> None:
        self._expiry = expiry
        self._strikes = strikes
        self._nearest = nearest
        self._right = right
        self._where: dict[str, Any] = {"trading_class": trading_class, "exchange": exchange}

    def options(self, gateway: IBGateway, symbol: str, *, quotes: bool) -> list[dict[str, Any]]:
        """A row for each contract that exists."""
        from twsloop.contracts.chains import Nearest  # noqa: PLC0415  (it loads ibapi)

        expiries = Nearest(1) if self._expiry == "next" else self._expiry
        strikes: Any = list(self._strikes) or None
        if strikes is None:
            price = _price_of(gateway, symbol)
            strikes = Nearest(self._nearest or NEAREST, price)
        found = gateway.contracts.option_chain(
            symbol, expiries, strikes, self._right, **self._where
        ).result()
        _require(found, symbol)
        listed = gateway.contracts.options(found).result()
        rows = [_option_row(one) for one in listed]
        if quotes:
            told = _quotes(gateway, [one.contract for one in listed])
            for row, quote in zip(rows, told, strict=True):
                row.update(_quote_columns(quote))
        return rows


def _price_of(gateway: IBGateway, symbol: str) -> float:
    """What the underlying costs: its last price, or the middle, or yesterday's close.

    Raises:
        ContractError: Nothing is known of its price.
    """
    quote = gateway.quote(symbol).result()
    middle = None if quote.bid is None or quote.ask is None else (quote.bid + quote.ask) / 2
    for price in (quote.last, middle, quote.close):
        if price is not None:
            return price
    msg = f"{symbol} has no price to choose strikes by; name some with --strike"
    raise ContractError(msg)


def _quotes(gateway: IBGateway, contracts: list[Any]) -> list[Any]:
    """The quotes of contracts, in their order; a bar on the terminal shows how far it is."""
    told: list[Any] = []
    columns = (TextColumn("quotes"), BarColumn(), TextColumn("{task.completed} of {task.total}"))
    shown = Console(stderr=True)
    with Progress(*columns, console=shown, transient=True, disable=not shown.is_terminal) as bar:
        task = bar.add_task("quotes", total=len(contracts))
        for start in range(0, len(contracts), AT_A_TIME):
            told += gateway.quotes(contracts[start : start + AT_A_TIME]).result().values()
            bar.update(task, completed=len(told))
    return told


def _option_row(details: Any) -> dict[str, Any]:
    contract = details.contract
    expiry = read_day(contract.lastTradeDateOrContractMonth)
    return dict.fromkeys(OPTION.columns) | {
        "symbol": contract.localSymbol,
        "con_id": contract.conId,
        "trading_class": contract.tradingClass,
        "expiry": expiry.isoformat() if expiry is not None else None,
        "strike": Decimal(str(contract.strike)).normalize(),
        "right": contract.right,
    }


def _quote_columns(quote: Any) -> dict[str, Any]:
    """Prices and greeks of a quote."""
    prices = {name: getattr(quote, name) for name in ("bid", "ask", "last", "volume")}
    greeks = {
        name: getattr(quote.greeks, name, None)
        for name in ("implied_volatility", "delta", "gamma", "theta", "vega")
    }
    return prices | greeks | {"error": str(quote.error) if quote.error is not None else None}


def _print_sides(out: Output, rows: list[dict[str, Any]]) -> None:
    """A table for each class and expiry: calls, strike, puts."""
    width = out.console.width
    rights = [right for right in (_CALL, _PUT) if any(row["right"] == right for row in rows)]
    room = width if len(rights) > 1 else width * 2
    side = fitting(SIDE, room)
    for one in dict.fromkeys((row["trading_class"], row["expiry"]) for row in rows):
        lines: dict[Decimal, dict[str, Any]] = {}
        for row in rows:
            if (row["trading_class"], row["expiry"]) == one:
                line = lines.setdefault(row["strike"], {"strike": row["strike"]})
                line |= {f"{row['right']} {name}": value for name, value in _side(row).items()}
        calls = [f"{_CALL} {name}" for name in side if _CALL in rights]
        puts = [f"{_PUT} {name}" for name in side if _PUT in rights]
        columns = (*calls, "strike", *puts)
        out.event("", f"{one[0]}, expiry {one[1]}")
        out.rows(OPTION.event, columns, [*lines.values()])
    errors = {row["error"] for row in rows if row.get("error")}
    for error in sorted(errors):
        click.echo(error, err=True)


def _side(row: dict[str, Any]) -> dict[str, Any]:
    """What a side of the table shows, rounded for people."""
    volatility, delta = row.get("implied_volatility"), row.get("delta")
    return {
        **{name: row.get(name) for name in ("bid", "ask", "last", "volume")},
        "delta": None if delta is None else round(delta, 2),
        "iv": None if volatility is None else round(volatility * 100, 1),
    }
