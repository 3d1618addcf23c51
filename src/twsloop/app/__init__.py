"""The composition root: settings in, running parts out. It alone knows all of them.

`paper_gateway` makes a paper gateway of the ``[paper]`` section. `session` makes an `IBGateway`
that is READY, on the gateway that is configured or on a paper gateway of its own, and takes
everything down again in the right order, whatever happens in between.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import attrs

from twsloop import log
from twsloop.config import Config
from twsloop.errors import ConfigError

if TYPE_CHECKING:
    from datetime import datetime

    from twsloop.config import PaperParams
    from twsloop.gateway import IBGateway
    from twsloop.paper.feeds.replay import ReplayFeed
    from twsloop.paper.server import PaperGateway

__all__ = ["logged", "paper_gateway", "session"]


@contextmanager
def logged(config: Config) -> Iterator[None]:
    """Write the logs as configured inside the block.

    Raises:
        ConfigError: The log file cannot be opened.
    """
    with log.configure(config.logging):
        yield


def paper_gateway(
    config: Config, *, since: datetime | None = None, until: datetime | None = None
) -> PaperGateway:
    """A paper gateway as ``[paper]`` says; it does not listen yet.

    Args:
        config: The settings.
        since: Where a replay begins.
        until: Where a replay, or a made-up market, ends.

    Raises:
        ConfigError: A replay without data, or a setting that only the other feed has.
        FeedError: The data cannot be read.
        PaperError: The market ends before it begins, or a timetable or a fault script makes no
            sense.
    """
    # Here, because a program that never serves needs none of it.
    from twsloop.paper.clients.pacing_judge import PacingRules  # noqa: PLC0415
    from twsloop.paper.clients.permissions import levels_of  # noqa: PLC0415
    from twsloop.paper.clients.visibility import Access  # noqa: PLC0415
    from twsloop.paper.orders.rules import OrderRules  # noqa: PLC0415
    from twsloop.paper.server import PaperGateway  # noqa: PLC0415

    params = config.paper
    _check_feed(params, since)
    return PaperGateway(
        host=params.host,
        port=params.port,
        seed=params.seed,
        accounts=params.accounts,
        currency=params.currency,
        access=Access(
            master_client_id=params.master_client_id,
            download_open_orders=params.download_open_orders,
        ),
        order_rules=OrderRules(
            empty_tif=params.empty_tif,  # type: ignore[arg-type]
            price_band=Decimal(repr(params.price_band)) / 100 if params.price_band else None,
            direct_routing=params.direct_routing,  # type: ignore[arg-type]
            fractional_stocks=params.fractional_stocks,
        ),
        market_data=levels_of(params.market_data),
        max_version=params.max_version,
        max_clients=params.max_clients,
        faults=params.faults,
        pacing=(
            None
            if params.pacing == "off"
            else PacingRules(lines=params.lines, excess=params.pacing)  # type: ignore[arg-type]
        ),
        **_market(params, since, until),
    )


def _check_feed(params: PaperParams, since: datetime | None) -> None:
    """Refuse what only the other feed has.

    Raises:
        ConfigError: Data or a window without a replay; a date with one.
    """
    if params.feed != "replay" and (since or params.data is not None):
        raise ConfigError(
            "only a replay has data and a window in it",
            section="paper",
            key="feed",
            value=params.feed,
            allowed="replay",
        )
    if params.feed == "replay" and params.date is not None:
        raise ConfigError(
            "a replay has the date of its data",
            section="paper",
            key="date",
            value=params.date,
            allowed="empty; --from begins a replay later",
        )


def _market(params: PaperParams, since: datetime | None, until: datetime | None) -> dict[str, Any]:
    """What `PaperGateway` is to be told of its market and its time."""
    from twsloop.paper.clock.market_clock import market_time  # noqa: PLC0415
    from twsloop.paper.clock.timetable import read_timetables  # noqa: PLC0415
    from twsloop.paper.feeds.replay import replay_start  # noqa: PLC0415

    told: dict[str, Any] = {
        "speed": params.speed,
        "timetables": read_timetables(params.timetable) if params.timetable else None,
    }
    if params.feed == "replay":
        feed = _replay(params, since, until)
        # The market has the data's time: orders and executions, too.
        return {**told, "feed": feed, "start": feed.begins}
    return {
        **told,
        "start": market_time(params.date) if params.date else None,
        "until": until,
        "rate": params.rate,
        "wait_for_lines": replay_start(params.start),
        "keeps_hours": params.hours == "exchange",
    }


def _replay(params: PaperParams, since: datetime | None, until: datetime | None) -> ReplayFeed:
    """The replay feed that ``[paper]`` describes."""
    from twsloop.paper.feeds.replay import ReplayFeed  # noqa: PLC0415

    if params.data is None:
        raise ConfigError(
            "a replay needs data",
            section="paper",
            key="data",
            value="",
            allowed="a folder or file of ticks, as docs/paper_projection.md describes them",
        )
    return ReplayFeed(
        params.data,
        speed=params.speed,
        start=params.start,
        since=since,
        until=until,
        sample=None if params.sample == "none" else params.sample,
    )


@contextmanager
def session(config: Config, *, paper: bool = False, **options: Any) -> Iterator[IBGateway]:
    """An `IBGateway` that is READY inside the block, and stopped after it.

    Args:
        config: The settings.
        paper: Start a paper gateway of our own on a free port, and connect to that.
        **options: For `IBGateway`.

    Raises:
        ConnectionFailed: What stopped it from becoming READY.
        ListenError: The paper gateway cannot listen.
    """
    from twsloop.gateway import IBGateway  # noqa: PLC0415

    with ExitStack() as stack:
        if paper:
            own = attrs.evolve(config, paper=attrs.evolve(config.paper, host="127.0.0.1", port=0))
            server = stack.enter_context(paper_gateway(own))
            connection = attrs.evolve(
                config.connection, mode="paper", host=server.host, port=server.port
            )
            # A made-up history is not worth keeping, and never to be taken for IB's.
            history = attrs.evolve(config.history, store=False)
            config = attrs.evolve(config, connection=connection, history=history)
        yield stack.enter_context(IBGateway(config, **options))
