"""``twsloop flow``: what the Options Flow Monitor knows, as tables, JSON lines or CSV.

The service is `api_client`'s; this module and `twsloop.app.signals` alone know that package. The
key comes from the environment or a ``.env`` file and from nowhere else: a command line can be read
by everybody on the machine, and shells write it down.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from twsloop.app import logged

from .exits import Exit, ForeignError
from .flow_view import (
    MINUTE_BAR,
    MINUTES,
    POINT,
    POINTS,
    PREDICTION,
    PREDICTIONS,
    RANGE,
    STATUS,
    TICKER,
    TRADE,
    TRADES,
    fields_of,
    flat,
    plain_value,
    print_latest,
    print_rows,
    print_tree,
    printable,
)
from .output import Output
from .root import Run, SuggestingGroup, output_option
from .shapes import prints
from .waiting import waiting_for

if TYPE_CHECKING:
    from api_client import ApiClient, ApiError

__all__ = ["flow"]

#: How long a rate limit is waited for unless --max-wait says otherwise, seconds.
MAX_WAIT = 120.0
#: What to do without a service.
TRY_OUT = "To try it without a service: python -m api_client.testing"

Decorated = Callable[..., Any]


# ------------------------------------------------------------------------------------ options
def _decorated(*decorators: Callable[[Decorated], Decorated]) -> Callable[[Decorated], Decorated]:
    """Several decorators as one; the first stands first in --help."""

    def decorate(function: Decorated) -> Decorated:
        for one in reversed(decorators):
            function = one(function)
        return function

    return decorate


_common = _decorated(
    click.option(
        "--base-url",
        help="The service, e.g. https://HOST/api/v1; otherwise API_BASE_URL (environment, .env).",
    ),
    click.option(
        "--max-wait",
        type=click.FloatRange(0),
        default=MAX_WAIT,
        show_default=True,
        help="Give up rather than wait longer for the rate limit, seconds.",
    ),
    output_option,
    click.pass_obj,
)
_limit = click.option("--limit", type=click.IntRange(1), help="At most so many rows.")
_recent = click.option(
    "--recent", is_flag=True, help="The newest first, up to --limit; the dates are ignored."
)


def _dates(*, required: bool = False) -> Callable[[Decorated], Decorated]:
    """The dates and times of a range, US Eastern."""
    day, clock = "YYYY-MM-DD", "HH:MM"
    return _decorated(
        click.option("--start-date", metavar=day, required=required, help="First day, US Eastern."),
        click.option("--end-date", metavar=day, required=required, help="Last day, inclusive."),
        click.option("--start-time", metavar=clock, help="From this minute of the first day."),
        click.option("--end-time", metavar=clock, help="To this minute of the last day."),
    )


# ------------------------------------------------------------------------------------ the way
class _Told(logging.Handler):
    """Tells on the standard error output why a request is sent again; the key is blanked out."""

    def __init__(self, *, as_json: bool) -> None:
        super().__init__(logging.WARNING)
        self._as_json = as_json

    def emit(self, record: logging.LogRecord) -> None:
        """Print one line."""
        text = printable(record.getMessage())
        line = json.dumps({"event": "retry", "message": text}) if self._as_json else text
        click.echo(line if self._as_json else f"twsloop: {line}", err=True)


@contextmanager
def _asking(
    run: Run, form: str | None, base_url: str | None, max_wait: float
) -> Iterator[tuple[ApiClient, Output]]:
    """A client of the service inside the block; its errors become the command line's own."""
    # Here, because `--help` needs no HTTP.
    from api_client import (  # noqa: PLC0415
        ApiClient,
        ApiError,
        RateLimits,
        RetryPolicy,
    )

    out = run.output(form)
    log = logging.getLogger("api_client")
    told = _Told(as_json=out.form == "json")
    log.addHandler(told)
    where = ""
    try:
        with (
            logged(run.config()),
            ApiClient(
                base_url,
                env_file=run.env_file or Path(".env"),
                limits=RateLimits(max_wait=max_wait),
                retries=RetryPolicy(max_reset=max_wait),
            ) as client,
        ):
            where = client.settings.base_url
            yield client, out
    except ApiError as error:
        raise _foreign(error, where) from None
    except RecursionError as error:
        text = f"{where}: the answer is nested too deeply to be printed"
        raise ForeignError(error, Exit.SERVICE, text) from None
    finally:
        log.removeHandler(told)


def _foreign(error: ApiError, where: str) -> ForeignError:
    """The client's error with its exit code, and with what can be done about it."""
    import api_client as api  # noqa: PLC0415  (see above)

    table: tuple[tuple[type[ApiError], Exit], ...] = (
        (api.ApiConfigError, Exit.CONFIG),
        (api.ApiParameterError, Exit.USAGE),
        (api.ApiTimeoutError, Exit.NO_ANSWER),
        (api.ApiConnectionError, Exit.REFUSED),
        (api.AuthenticationError, Exit.KEY),
        (api.RateLimitError, Exit.RATE),
        (api.ApiRateWaitError, Exit.RATE),
        (api.BadRequestError, Exit.REQUEST),
        (api.NotFoundError, Exit.REQUEST),
        (api.ApiError, Exit.SERVICE),
    )
    code = next(code for kind, code in table if isinstance(error, kind))
    at = f"{where}: " if where and code is not Exit.USAGE else ""
    text, hint = printable(f"{at}{error}"), ""
    missing = error.setting if isinstance(error, api.ApiConfigError) else None
    if missing == "api_key":
        text = "no API key: set API_KEY in the environment or in .env (it has no option)"
    elif missing == "base_url":
        text = "no base URL: give --base-url, or set API_BASE_URL in the environment or in .env"
        hint = TRY_OUT
    elif code is Exit.KEY:
        hint = "The key is read from API_KEY in the environment or in .env."
    elif code is Exit.REFUSED:
        hint = f"Is the base URL right? {TRY_OUT}"
    elif isinstance(error, api.NotFoundError | api.ApiJsonError) and not where.endswith("/api/v1"):
        hint = "A base URL usually ends with /api/v1."
    return ForeignError(error, code, text, hint)


# ------------------------------------------------------------------------------------ commands
@click.group(
    cls=SuggestingGroup,
    epilog="""\b
Examples:
  export API_BASE_URL=https://HOST/api/v1 API_KEY=...     or both lines in a file .env
  twsloop flow tickers
  twsloop flow trades SLV --limit 5
  twsloop --json flow prediction SLV
  python -m api_client.testing               a made-up market, to try it without a service

The key is never given on the command line, and never printed.
""",
)
def flow() -> None:
    """Option trades, divergence and predictions of an Options Flow Monitor."""


@flow.command(
    epilog="""\b
Example:
  twsloop flow status
"""
)
@_common
@prints(STATUS)
def status(run: Run, base_url: str | None, max_wait: float, form: str | None) -> None:
    """Show how the service is: market hours, tickers, workers, predictors."""
    with _asking(run, form, base_url, max_wait) as (client, out):
        answer = fields_of(client.status.get())
        if out.form == "json":
            out.event("status", **answer)
        else:
            print_tree(out, "status", answer)


@flow.command(
    epilog="""\b
Example:
  twsloop flow tickers --output csv
"""
)
@_common
@prints(TICKER)
def tickers(run: Run, base_url: str | None, max_wait: float, form: str | None) -> None:
    """List the tickers that the service watches."""
    with _asking(run, form, base_url, max_wait) as (client, out):
        found = client.tickers.get()
        if not found.tickers and out.form == "table":
            out.console.print("The service watches no tickers.")
        else:
            rows = [{"ticker": name} for name in found]
            out.rows("ticker", ("ticker",), rows)


@flow.command(
    epilog="""\b
Examples:
  twsloop flow trades SLV --limit 5
  twsloop flow trades SLV --recent --limit 20
  twsloop flow trades SLV --start-date 2026-11-18 --end-date 2026-11-18 --start-time 09:30 \\
      --end-time 10:00 --limit 500 --output csv > trades.csv
"""
)
@click.argument("ticker")
@_dates()
@_limit
@_recent
@_common
@prints(TRADE)
def trades(
    run: Run,
    ticker: str,
    base_url: str | None,
    max_wait: float,
    form: str | None,
    recent: bool,
    **asked: Any,
) -> None:
    """List option trades of a ticker, oldest first (the service's default: 100 of them)."""
    with _asking(run, form, base_url, max_wait) as (client, out):
        answer = client.trades.get(ticker, recent=recent or None, **asked)
        print_rows(out, "trade", ticker, answer, TRADES)


@flow.command(
    epilog="""\b
Examples:
  twsloop flow minute SLV --recent --limit 10
  twsloop --json flow minute SLV --start-date 2026-11-18 --end-date 2026-11-18 --limit 500
"""
)
@click.argument("ticker")
@_dates()
@_limit
@_recent
@_common
@prints(MINUTE_BAR)
def minute(
    run: Run,
    ticker: str,
    base_url: str | None,
    max_wait: float,
    form: str | None,
    recent: bool,
    **asked: Any,
) -> None:
    """List minute bars of a ticker."""
    with _asking(run, form, base_url, max_wait) as (client, out):
        answer = client.minute_data.get(ticker, recent=recent or None, **asked)
        print_rows(out, "minute_bar", ticker, answer, MINUTES)


@flow.command(
    epilog="""\b
Examples:
  twsloop flow divergence SLV --limit 20
  twsloop flow divergence SLV --days 3 --output csv > divergence.csv
"""
)
@click.argument("ticker")
@_dates()
@click.option("--days", type=click.IntRange(1), help="The last so many days; the dates win.")
@_limit
@_common
@prints(POINT)
def divergence(
    run: Run, ticker: str, base_url: str | None, max_wait: float, form: str | None, **asked: Any
) -> None:
    """List the divergence of option flow and price, one point a minute."""
    with _asking(run, form, base_url, max_wait) as (client, out):
        answer = client.divergence.get(ticker, **asked)
        print_rows(out, "divergence_point", ticker, answer, POINTS)


@flow.command(
    epilog="""\b
Examples:
  twsloop flow prediction SLV
  twsloop flow prediction SLV --history --limit 10
  twsloop flow prediction SLV --history --start-date 2026-11-18T10:00:00-05:00
"""
)
@click.argument("ticker")
@click.option("--history", is_flag=True, help="Those made before, instead of the latest.")
@click.option("--start-date", metavar="ISO-8601", help="With --history: from this day or time.")
@click.option("--end-date", metavar="ISO-8601", help="With --history: to this day or time.")
@click.option("--limit", type=click.IntRange(1), help="With --history: at most so many.")
@click.option(
    "--use-default-only", is_flag=True, help="Ask the default model even if the ticker has its own."
)
@_common
@prints(PREDICTION)
def prediction(
    run: Run,
    ticker: str,
    base_url: str | None,
    max_wait: float,
    form: str | None,
    history: bool,
    use_default_only: bool,
    **asked: Any,
) -> None:
    """Show the latest prediction of a ticker, or with --history the ones before."""
    given = [f"--{name.replace('_', '-')}" for name, value in asked.items() if value is not None]
    if given and not history:
        raise click.UsageError(f"{given[0]} needs --history.")
    default_only = use_default_only or None
    with _asking(run, form, base_url, max_wait) as (client, out):
        endpoint = client.prediction
        if history:
            past = endpoint.history(ticker, use_default_only=default_only, **asked)
            print_rows(out, "prediction", ticker, past, PREDICTIONS)
            return
        answer = endpoint.latest(ticker, use_default_only=default_only)
        print_latest(out, ticker, answer)


_numbers = _decorated(
    click.option("--lookback-hours", type=float, help="The memory's length (service: 8)."),
    click.option("--lambda-short", type=float, help="Decay of the short memory (service: 0.45)."),
    click.option("--lambda-long", type=float, help="Decay of the long memory (service: 0.9)."),
    click.option("--min-value", type=float, help="Least trade value."),
    click.option("--max-value", type=float, help="Greatest trade value."),
    click.option("--min-size", type=int, help="Least trade size, contracts."),
    click.option("--max-size", type=int, help="Greatest trade size, contracts."),
    click.option("--min-delta", type=float, help="Least delta."),
    click.option("--max-delta", type=float, help="Greatest delta."),
)


@flow.command(
    name="range",
    epilog="""\b
Examples:
  twsloop flow range SLV --start-date 2026-11-17 --end-date 2026-11-18
  twsloop flow range SLV --start-date 2026-11-18 --end-date 2026-11-18 --min-size 50 \\
      --max-delta 0.5 --lookback-hours 4 --output csv > range.csv
""",
)
@click.argument("ticker")
@_dates(required=True)
@_numbers
@_common
@prints(RANGE, POINT)
def range_(
    run: Run, ticker: str, base_url: str | None, max_wait: float, form: str | None, **asked: Any
) -> None:
    """Compute divergence anew over a range, from the trades that pass the filters. Slow."""
    with _asking(run, form, base_url, max_wait) as (client, out):
        start, end = asked.pop("start_date"), asked.pop("end_date")
        with waiting_for("the service computes; a long range takes minutes (Ctrl-C ends it) ..."):
            answer = client.data_range.get(ticker, start, end, **asked)
        info = {
            name: plain_value(getattr(answer, name))
            for name in ("ticker", "parameters", "data_info")
            if getattr(answer, name) is not None
        }
        if out.form == "json":
            out.event("range", **info)
        elif out.form == "table":
            lines = (f"{name} {value}" for name, value in flat(info.get("data_info", {})))
            out.console.print(", ".join(lines).replace("_", " "))
        print_rows(out, "divergence_point", ticker, answer, POINTS)
