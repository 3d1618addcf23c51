"""``twsloop replay``: serve what was recorded, a tape or a market's ticks."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from .exits import Exit, with_exits
from .paper import paper
from .shapes import lines_of, prints

__all__ = ["replay"]

#: What ticks are kept in; anything else is a tape or a transcript.
TICKS = {".csv", ".gz"}
#: How `paper` reads its options: those that are the same are read the same.
_READ = {parameter.name: parameter.type for parameter in paper.params}


@click.command(
    epilog=with_exits(
        """\b
Examples:
  twsloop replay session.tape                     what `twsloop record` recorded, to any TWS client
  twsloop replay session.tape --speed max --port 0
  twsloop replay ticks --speed 60                 a folder of ticks, as a market
  twsloop replay ticks --from 2013-10-07T13:30 --to 2013-10-07T14:00
""",
        Exit.DONE,
        Exit.FAILED,
        Exit.USAGE,
        Exit.CONFIG,
        Exit.PAPER,
    )
)
@click.argument("source", type=click.Path(exists=True, path_type=Path))
@click.option("--host", help="The address to listen on.  [default: 127.0.0.1]")
@click.option("--port", type=int, help="The port; 0 takes a free one.  [default: 4002]")
@click.option("--speed", type=_READ["speed"], help="Times the clock, or max.")
@click.option("--from", "since", type=_READ["since"], help="Of ticks: begin here (UTC).")
@click.option("--to", "until", type=_READ["until"], help="Of ticks: end here (UTC).")
@click.option("--strict", is_flag=True, help="Of a tape: the client sends exactly what it has.")
@click.option("--session", type=click.IntRange(1), help="Of a tape: play this session only.")
@prints(*(lines_of(paper) or ()))
@click.pass_context
def replay(
    ctx: click.Context,
    source: Path,
    host: str | None,
    port: int | None,
    speed: float | str | None,
    since: datetime | None,
    until: datetime | None,
    strict: bool,
    session: int | None,
) -> None:
    """Serve what was recorded, so that any TWS client can connect to it.

    SOURCE is a tape of `twsloop record`, or a transcript: the client hears what was said then. Or
    it is a folder or a file of ticks: a market with those prices, which begins with the first
    subscription, and in which orders are filled. `twsloop paper` has more options for both. Ctrl-C
    ends it.
    """
    where = {"host": host, "port": port, "speed": speed}
    if _is_ticks(source):
        if strict or session is not None:
            raise click.UsageError(f"--strict and --session are for tapes; {source} has ticks.")
        started = ("on-subscribe=1",)
        ctx.invoke(paper, data=source, starts=started, since=since, until=until, **where)
        return
    if since is not None or until is not None:
        raise click.UsageError(f"--from and --to are for ticks; {source} is a tape.")
    ctx.invoke(paper, tape=source, strict=strict, session=session, **where)


def _is_ticks(source: Path) -> bool:
    if source.is_dir():
        return True
    return source.suffix in TICKS and ".tape" not in source.suffixes
