"""``twsloop paper``: serve a paper gateway."""

from __future__ import annotations

import queue
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import click

from twsloop.app import logged, paper_gateway
from twsloop.errors import FeedError

from .exits import Exit, with_exits
from .fields import anything, many, moment, table, text, whole
from .root import Run
from .shapes import line, prints
from .tapes import PLAYED, play, tape_options

if TYPE_CHECKING:
    from twsloop.paper.faults.engine import Happened
    from twsloop.paper.server import PaperGateway

    from .output import Output

__all__ = ["paper"]

#: How often the waiting main thread looks up, seconds; a signal wakes it at once on POSIX.
LOOK_UP = 0.5


FAULT = line(
    "fault",
    "A fault of the script begins, happens, ends, or fails.",
    what=text("begins, ends, happens or fails"),
    fault=text("its name"),
    parameters=table(anything("a value"), "how it is set"),
    clients=many(whole("a client id"), "whom it hits; null: all", null=True),
    time=moment("when, by the market's clock"),
)
FEED_ENDED = line(
    "feed_ended",
    "The market has ended.",
    stats=table(anything("a number"), "what there was of it"),
)


class _Speed(click.ParamType[float | str]):
    """``max``, or a number."""

    name = "number|max"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float | str:
        """Read it; the settings check the range."""
        if str(value).lower() == "max":
            return "max"
        try:
            return float(value)
        except ValueError:
            self.fail(f"{value!r} is neither a number nor max", param, ctx)


class _Start(click.ParamType[str]):
    """What the market waits for, or the date that it begins at."""

    name = "when"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Check it, and leave it as it is: the settings read it."""
        from twsloop.paper.clock.market_clock import market_time  # noqa: PLC0415

        text = str(value).strip()
        if not text[:1].isdigit():
            return text
        try:
            return f"{market_time(text):%Y-%m-%d %H:%M:%S}"
        except ValueError:
            self.fail(f"{text!r} is no date and time like '2026-09-28 09:30'", param, ctx)


class _Window(click.ParamType[datetime]):
    """An edge of a window in the data."""

    name = "time"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """Read it as the replay does."""
        from twsloop.paper.feeds.tick_files import window_time  # noqa: PLC0415

        try:
            return window_time(str(value))
        except FeedError as error:
            self.fail(str(error), param, ctx)


@click.command(
    epilog=with_exits(
        """\b
Examples:
  twsloop paper                              port 4002, as IB Gateway's paper account
  twsloop --json paper --port 0              a free port; the first line says which
  twsloop paper --start '2026-09-28 09:30' --hours exchange --speed 10
  twsloop paper --start 2026-09-28 --start on-subscribe=25 --speed max --to 2026-09-29T13:30
  twsloop paper --feed replay --data ticks --speed 60 --start on-subscribe=2
  twsloop paper --feed replay --data ticks --from 2013-10-07T13:30 --to 2013-10-07T14:00
  twsloop paper --faults bad_day.toml        what goes wrong, when, and for whom
  twsloop paper --tape session.tape --speed max
""",
        Exit.DONE,
        Exit.FAILED,
        Exit.USAGE,
        Exit.CONFIG,
        Exit.PAPER,
    )
)
@click.option("--host", help="The address to listen on.  [default: 127.0.0.1]")
@click.option("--port", type=int, help="The port; 0 takes a free one.  [default: 4002]")
@click.option("--feed", type=click.Choice(["synthetic", "replay"]), help="Where prices come from.")
@click.option("--data", type=click.Path(path_type=Path), help="Folder or file for the replay.")
@click.option("--speed", type=_Speed(), help="Times the clock, or max.")
@click.option("--seed", type=int, help="The same seed gives the same synthetic market.")
@click.option("--account", "accounts", multiple=True, help="An account of the login; repeatable.")
@click.option(
    "--start",
    "starts",
    multiple=True,
    type=_Start(),
    help="When the market begins: immediate, on-subscribe=N; and its date: '2026-09-28 09:30'.",
)
@click.option("--from", "since", type=_Window(), help="Begin the replay here (UTC).")
@click.option("--to", "until", type=_Window(), help="End the market or the replay here (UTC).")
@click.option("--hours", type=click.Choice(["always", "exchange"]), help="When it trades.")
@click.option(
    "--pacing",
    type=click.Choice(["off", "pace", "reject"]),
    help="Judge how much clients ask, as IB does.",
)
@click.option("--lines", type=int, help="The login's market data lines, for --pacing.")
@click.option(
    "--timetable",
    type=click.Path(path_type=Path),
    help="The times at which named clients act: the market waits for them.",
)
@click.option(
    "--faults",
    type=click.Path(path_type=Path),
    help="A fault script: what goes wrong, when, and for whom.",
)
@click.option("--rate", type=float, help="Actions a second of each made-up instrument.")
@click.option("--sample", type=click.Choice(["none", "ib"]), help="ib: one tick a kind in 250 ms.")
@click.option("--max-version", type=int, help="The newest protocol version to speak.")
@tape_options
@prints(*PLAYED, FAULT, FEED_ENDED)
@click.pass_obj
def paper(
    run: Run,
    host: str | None,
    port: int | None,
    feed: str | None,
    data: Path | None,
    speed: float | str | None,
    seed: int | None,
    accounts: tuple[str, ...],
    starts: tuple[str, ...],
    since: datetime | None,
    until: datetime | None,
    hours: str | None,
    pacing: str | None,
    lines: int | None,
    timetable: Path | None,
    faults: Path | None,
    rate: float | None,
    sample: str | None,
    max_version: int | None,
    tape: Path | None,
    strict: bool,
    session: int | None,
    patience: float | None,
) -> None:
    """Serve a paper gateway: the real TWS protocol, made-up money.

    Any TWS client in any language can connect to it, stream, and trade. Ctrl-C ends it. With
    --json the first line is {"event": "listening", "host": ..., "port": ...}.
    """
    where = {"paper.host": host, "paper.port": port, "paper.max_version": max_version}
    if tape is not None:
        market = (feed, data, seed, accounts, starts, since, until, hours, rate, sample, timetable)
        if any(one is not None and one != () for one in (*market, faults)):
            raise click.UsageError("--tape plays what was recorded: it has no market to set up.")
        config = run.config(log_level="warning", **where)
        play(run, config, tape, speed=speed, strict=strict, session=session, patience=patience)
        return
    if strict or session is not None or patience is not None:
        raise click.UsageError("--strict, --session and --patience belong to --tape.")
    config = run.config(
        log_level="warning",
        **where,
        **{
            "paper.feed": "replay" if data is not None and feed is None else feed,
            "paper.data": data,
            "paper.speed": speed,
            "paper.seed": seed,
            "paper.accounts": list(accounts) or None,
            "paper.start": next((one for one in starts if not one[0].isdigit()), None),
            "paper.date": next((one for one in starts if one[0].isdigit()), None),
            "paper.hours": hours,
            "paper.pacing": pacing,
            "paper.lines": lines,
            "paper.timetable": timetable,
            "paper.faults": faults,
            "paper.rate": rate,
            "paper.sample": sample,
        },
    )
    with logged(config), paper_gateway(config, since=since, until=until) as gateway:
        _tell(run.output(), gateway)


def _tell(out: Output, gateway: PaperGateway) -> None:
    """Say where it listens and when the market ends, until Ctrl-C."""
    ended: queue.SimpleQueue[BaseException | Happened | None] = queue.SimpleQueue()
    gateway.faults.listen(ended.put)
    gateway.feed.finished.add_done_callback(lambda done: ended.put(done.exception()))
    try:
        out.event(
            "listening",
            f"listening on {gateway.host}:{gateway.port} (Ctrl-C ends it)",
            host=gateway.host,
            port=gateway.port,
        )
        while True:
            try:
                told = ended.get(timeout=LOOK_UP)
            except queue.Empty:
                continue
            if isinstance(told, BaseException):
                raise told
            if told is not None:
                whom = None if told.clients is None else sorted(told.clients)
                what, name = told.what, told.fault.name
                for_whom = "" if whom is None else f", clients {', '.join(map(str, whom))}"
                out.event(
                    "fault",
                    f"{told.time:%H:%M:%S}  fault {name} {what}{for_whom}",
                    what=what,
                    fault=name,
                    parameters=attrs.asdict(told.fault),
                    clients=whom,
                    time=told.time.isoformat(),
                )
                continue
            stats = vars_of(getattr(gateway.feed, "stats", None)) or {
                "events": gateway.stats["events"],
                "market_time": gateway.market_time.astimezone(UTC).isoformat(),
            }
            words = ", ".join(f"{n} {count}" for n, count in stats.items())
            out.event("feed_ended", f"the market has ended: {words}", stats=stats)
    except KeyboardInterrupt:
        events = gateway.stats["events"]
        out.event("stopped", f"stopped after {events} market events", events=events)


def vars_of(stats: object) -> dict[str, Any]:
    """The numbers of a statistics object, whatever kind of class it is."""
    names = getattr(stats, "__slots__", None) or getattr(stats, "__dict__", {})
    return {n: getattr(stats, n) for n in names if not n.startswith("_")} if stats else {}
