"""What ``twsloop watch`` shows: one picture of a session, drawn for any size of terminal.

A `Picture` is taken by `watch`; here it is only drawn. Nothing is cut within a number: a table that
is too wide loses columns, a section that is too high loses rows and says how many, and a terminal
that is too small loses whole sections, the log first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import attrs
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from .output import cell
from .quotes import quote_table

if TYPE_CHECKING:
    from twsloop.account.rows import AccountProfit, PortfolioRow
    from twsloop.connection.health import Stats
    from twsloop.market_data.state import Ticker
    from twsloop.orders.trade import Trade
    from twsloop.orders.views import OrderView
    from twsloop.session.status import SessionStatus

__all__ = ["OrderRow", "Picture", "shares"]

#: From this width on quotes stand beside positions and orders, characters.
SIDE_BY_SIDE = 132
#: So many accounts are named.
NAMED = 3
#: The lines of a section that are no rows: its frame and its heading.
FRAME = 3
#: The least lines that a section is worth: its frame, its heading, a row.
LEAST = FRAME + 1
#: The lines of the log that are no lines of it.
LOG_FRAME = 2
#: As many lines the log has where there is room.
LOG = 8
#: IB's unset price is the largest there is.
UNSET = 1e300
_STATES = {"READY": "bold green", "DEGRADED": "bold yellow"}


@attrs.frozen(kw_only=True)
class OrderRow:
    """An order, ours or another client's.

    Attributes:
        order_id: Its id within its client.
        client_id: Whose it is.
        active: Whether it is open.
        order: What it is, in words.
        status: Where it is.
        filled: How much of it is filled.
        average_price: At what; None while nothing is.
        tif: Time in force.
    """

    order_id: int
    client_id: int
    active: bool
    order: str
    status: str
    filled: Decimal
    average_price: Decimal | None
    tif: str

    @classmethod
    def of(cls, known: Trade | OrderView, *, active: bool) -> OrderRow:
        """Of an order of ours, or of one that the gateway has listed."""
        order = known.order
        prices = "".join(
            f" {word}{cell(price)}"
            for word, price in (("", order.lmtPrice), ("stop ", order.auxPrice))
            if price and abs(price) < UNSET
        )
        size = cell(order.totalQuantity)
        return cls(
            order_id=known.order_id,
            client_id=known.client_id,
            active=active,
            order=f"{order.action} {size} {known.symbol} {order.orderType}{prices}",
            status=str(known.status),
            filled=known.filled,
            average_price=known.average_price,
            tif=order.tif,
        )


@attrs.frozen(kw_only=True)
class Picture:
    """A session at one moment; rich draws it as large as the terminal is.

    Attributes:
        now: When it was taken, UTC.
        mode: The kind of account, as configured: paper or live.
        status: How it stands with the session.
        accounts: The login's.
        profits: Profit and loss of each account that has told it.
        stats: What was counted and timed.
        ticks: How many ticks came.
        rate: How many a second, lately.
        killed: Why the kill switch is engaged; empty if it is not.
        tickers: The quotes.
        positions: What is held.
        orders: The open orders first, then those that are over, the newest first.
        log: The newest lines last, each with its style.
    """

    now: datetime
    mode: str
    status: SessionStatus
    accounts: tuple[str, ...]
    profits: tuple[AccountProfit, ...]
    stats: Stats
    ticks: int
    rate: float
    killed: str
    tickers: tuple[Ticker, ...]
    positions: tuple[PortfolioRow, ...]
    orders: tuple[OrderRow, ...]
    log: tuple[tuple[str, str], ...]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw it."""
        width, height = options.max_width, options.height or options.max_height
        head = _head(self, width, "*" if options.ascii_only else "●")
        yield Group(*head, *_body(self, width, height - len(head)))


def shares(room: int, needs: Sequence[int], least: int = LEAST) -> list[int]:
    """How many lines each section gets.

    The first ones are served first as far as their least goes; what is left is shared so that none
    gets more than it needs while another one lacks.

    Args:
        room: How many lines there are.
        needs: How many each section would fill.
        least: With fewer a section is not shown at all.

    Returns:
        For each its lines; 0 for one that is not shown.
    """
    given = [0] * len(needs)
    for number, need in enumerate(needs):
        first = min(max(need, least), least)
        if sum(given) + first <= room:
            given[number] = first
    while sum(given) < room:
        hungry = [n for n, lines in enumerate(given) if 0 < lines < needs[n]]
        if not hungry:
            break
        smallest = min(hungry, key=lambda n: (given[n], n))
        given[smallest] += 1
    return given


# ---------------------------------------------------------------------------------- the head
def _head(picture: Picture, width: int, mark: str) -> list[Text]:
    status, stats = picture.status, picture.stats
    style = _STATES.get(status.state.name, "bold red")
    mode = Text(picture.mode, style="bold red" if picture.mode == "live" else "")
    lines = [
        _fitted(
            width,
            Text(f"{mark} {status.state.name}", style=style),
            Text(f"{status.host}:{status.port}"),
            mode,
            Text(_named(picture.accounts)),
            Text(f"client {status.client_id}"),
            Text(f"server {status.server_version}" if status.server_version else ""),
            Text(f"{picture.now:%H:%M:%S} UTC", style="dim"),
        ),
        _fitted(
            width,
            Text(f"{picture.ticks} ticks, {picture.rate:.0f} a second"),
            Text(_silence(status)),
            Text(_span("round trip", stats.session.round_trip)),
            Text(_span("loop lag", stats.loop.lag)),
            Text(f"session {status.epoch}"),
            Text("Ctrl-C ends it", style="dim"),
        ),
    ]
    if status.state.name != "READY":
        lines.append(_prose(f"{status.reason}{_next_attempt(picture)}", width, style))
    if picture.killed:
        words = f"KILL SWITCH: {picture.killed} (twsloop kill --release)"
        lines.append(_prose(words, width, "bold white on red"))
    if status.orders_known is False:
        words = f"orders are not known: {status.orders_unknown_because}"
        lines.append(_prose(words, width, "yellow"))
    lines += [_profit(one, width) for one in picture.profits]
    return lines


def _fitted(width: int, *parts: Text) -> Text:
    """As many parts as there is room for, the first ones first."""
    line = Text(no_wrap=True)
    for part in parts:
        if part.plain and len(line) + len(part) + 3 <= width:
            line = Text("   ").join([line, part]) if line.plain else part
    return line


def _prose(words: str, width: int, style: str = "") -> Text:
    """Words, shortened between two of them."""
    line = " ".join(words.splitlines())
    if len(line) > width:
        kept = line[: max(width - 1, 0)]
        line = f"{kept[: kept.rfind(' ') + 1] or kept}…"
    return Text(line, style=style, no_wrap=True)


def _named(accounts: Sequence[str]) -> str:
    """The accounts, or how many where they are a list of their own."""
    return ", ".join(accounts) if len(accounts) <= NAMED else f"{len(accounts)} accounts"


def _silence(status: SessionStatus) -> str:
    silent = status.silent_for
    return "" if silent is None else f"last byte {silent:.1f} s ago"


def _next_attempt(picture: Picture) -> str:
    due = picture.status.next_attempt_at
    if due is None:
        return ""
    seconds = max((due - picture.now).total_seconds(), 0.0)
    return f"; attempt {picture.status.attempt} in {seconds:.0f} s"


def _span(name: str, told: Any) -> str:
    half = told.percentile(50)
    return "" if half is None else f"{name} {half * 1000:.1f} ms"


def _profit(profit: AccountProfit, width: int) -> Text:
    parts = [Text(f"profit of {profit.account}")]
    for name in ("daily", "unrealized", "realized"):
        amount = getattr(profit, name)
        if amount is not None:
            parts.append(Text.assemble(f"{name} ", _money(amount)))
    return _fitted(width, *parts)


# ---------------------------------------------------------------------------------- sections
def _body(picture: Picture, width: int, room: int) -> list[RenderableType]:
    """The sections that there is room for."""
    if width < SIDE_BY_SIDE or room < 2 * LEAST:
        sections = [_quotes(picture), _positions(picture), _orders(picture)]
        sections = [one for one in sections if one.rows or one.title == "quotes"]
        log = min(len(picture.log) + LOG_FRAME, LOG, max(room - len(sections) * LEAST, 0))
        given = shares(room - log, [one.lines for one in sections])
        drawn: list[RenderableType] = [
            one.panel(width, lines) for one, lines in zip(sections, given, strict=True) if lines
        ]
        return [*drawn, *_log(picture, width, room - sum(given))]
    left, right = _quotes(picture), [_positions(picture), _orders(picture)]
    half = width // 2
    needed = max(left.lines, sum(one.lines for one in right))
    body = min(max(room - LOG, 2 * LEAST), needed, room)
    given = shares(body, [one.lines for one in right])
    grid = Table.grid()
    grid.add_column(width=half)
    grid.add_column(width=width - half)
    beside = [
        one.panel(width - half, lines) for one, lines in zip(right, given, strict=True) if lines
    ]
    high = max(sum(given), min(left.lines, body))
    grid.add_row(left.panel(half, high), Group(*beside))
    return [grid, *_log(picture, width, room - high)]


def _log(picture: Picture, width: int, lines: int) -> list[RenderableType]:
    """The newest lines that fit; nothing where not even one does."""
    room = lines - LOG_FRAME
    if room < 1:
        return []
    newest = [_prose(words, width - 4, style) for words, style in picture.log[-room:]]
    return [_panel("log", Group(*newest), width, lines)]


def _panel(title: str, inside: RenderableType, width: int, lines: int) -> Panel:
    return Panel(
        inside, title=title, title_align="left", border_style="dim", width=width, height=lines
    )


@attrs.frozen
class _Section:
    """A list in a frame: how it is drawn with so many rows, so wide."""

    title: str
    rows: Sequence[Any]
    draw: Callable[[Sequence[Any], int], RenderableType]

    @property
    def lines(self) -> int:
        """How many lines all of it would fill."""
        return max(len(self.rows), 1) + FRAME

    def panel(self, width: int, lines: int) -> Panel:
        """The rows that fit."""
        shown = self.rows[: max(lines - FRAME, 0)]
        title = f"{self.title} ({len(self.rows)})"
        if len(shown) < len(self.rows):
            title = f"{self.title} ({len(shown)} of {len(self.rows)})"
        inside = self.draw(shown, width - 4) if shown else Text("none", style="dim")
        return _panel(title, inside, width, lines)


def _quotes(picture: Picture) -> _Section:
    # What failed says why in the log.
    alive = [ticker for ticker in picture.tickers if ticker.error is None]
    return _Section(
        "quotes", alive, lambda rows, width: quote_table(rows, width=width, framed=False)
    )


def _positions(picture: Picture) -> _Section:
    several = len(picture.accounts) > 1
    columns: list[_Column] = [
        ("symbol", "left", lambda row: row.symbol),
        ("quantity", "right", lambda row: cell(row.quantity)),
        ("unrealized", "right", lambda row: _money(row.unrealized)),
        ("price", "right", lambda row: _two(row.market_price)),
        ("cost", "right", lambda row: _two(row.average_cost)),
        ("value", "right", lambda row: _two(row.market_value)),
        ("daily", "right", lambda row: _money(row.daily)),
        ("realized", "right", lambda row: _money(row.realized)),
        *([("account", "left", lambda row: row.account)] if several else []),
    ]
    return _Section(
        "positions", picture.positions, lambda rows, width: _table(columns, rows, width)
    )


def _orders(picture: Picture) -> _Section:
    several = {row.client_id for row in picture.orders} - {picture.status.client_id}
    columns: list[_Column] = [
        ("id", "right", lambda row: str(row.order_id)),
        *([("client", "right", lambda row: str(row.client_id))] if several else []),
        ("order", "left", lambda row: row.order),
        ("status", "left", _status),
        ("filled", "right", lambda row: cell(row.filled)),
        ("at", "right", lambda row: _two(row.average_price)),
        ("tif", "left", lambda row: row.tif),
    ]
    return _Section("orders", picture.orders, lambda rows, width: _table(columns, rows, width))


def _status(row: OrderRow) -> Text:
    style = "" if row.active else "green" if row.status == "Filled" else "dim"
    return Text(row.status, style=style)


def _two(amount: Decimal | None) -> str:
    """Money in two places, or more where a price has more."""
    if amount is None:
        return ""
    exact = round(amount, 6).normalize() or Decimal(0)  # no -0.00
    return f"{exact:,f}" if -int(exact.as_tuple().exponent) > 2 else f"{exact:,.2f}"


def _money(amount: Decimal | None) -> Text:
    """A gain or a loss in two places; what is less than half of the last one is neither."""
    if amount is None:
        return Text("")
    shown = round(amount, 2) or Decimal("0.00")  # no -0.00
    return Text(f"{shown:,.2f}", style="green" if shown > 0 else "red" if shown < 0 else "")


_Column = tuple[str, Any, Callable[[Any], "str | Text"]]


def _table(columns: Sequence[_Column], rows: Sequence[Any], width: int) -> Table:
    """The first columns that fit, none of them cut."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    texts: list[list[Text]] = []
    used = 0
    for heading, justify, read in columns:
        cells = [one if isinstance(one := read(row), Text) else Text(one) for row in rows]
        needs = max(len(heading), *(part.cell_len for part in cells)) + 2
        if used + needs > width + 2:
            break
        used += needs
        texts.append(cells)
        table.add_column(heading, justify=justify, no_wrap=True)
    for row in zip(*texts, strict=True):
        table.add_row(*row)
    return table
