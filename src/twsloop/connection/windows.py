"""The calendar of a connection, as its settings say it."""

from __future__ import annotations

from datetime import timedelta

from twsloop.config import Config
from twsloop.session.calendar import Calendar, Restart

__all__ = ["calendar_of"]


def calendar_of(config: Config) -> Calendar:
    """The windows that concern this connection."""
    params, restart = config.calendar, None
    planned = params.restart_at()
    if planned is not None:
        at, zone = planned
        lead = timedelta(minutes=params.restart_lead)
        restart = Restart(at, zone, lead, timedelta(minutes=params.restart_length))
    # "none" stays none; any other region is America's in paper mode, whose servers are there.
    paper = config.connection.mode == "paper" and params.region != "none"
    return Calendar("america" if paper else params.region, restart, params.refuse_orders)
