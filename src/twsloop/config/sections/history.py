"""Where history is kept, and how patiently it is asked for."""

# ruff: noqa: RUF009  (option() makes attrs fields; nothing of it is shared between instances)
from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import attrs

from twsloop.config.options import Section, option

__all__ = ["HistoryParams"]


@attrs.frozen
class HistoryParams(Section):
    """Bars and ticks of the past: what was fetched once is kept, and not fetched again."""

    section: ClassVar[str] = "history"

    store: bool = option(
        True,
        "bool",
        "Keep bars and ticks that are over, and fetch only what is missing. With no everything is "
        "fetched each time.",
    )
    store_file: Path = option(
        Path("~/.twsloop/history.db"),
        "path",
        "The SQLite file of the store; it can be deleted at any time.",
    )
    source: str | None = option(
        None,
        "str",
        "The name under which a gateway's data is kept. Gateways of one name share it, so give one "
        "only to gateways that tell the same: never to IB's and to a made-up market.",
        unset="host and port of the gateway",
    )
    answer_timeout: float = option(
        60.0,
        "float",
        "How long the gateway may take for one request of a long history. A timeout of the call "
        "itself counts instead where it is given.",
        unit="seconds",
        low=1,
        high=3600,
    )
    violations: int = option(
        5,
        "int",
        "How often a request is repeated that IB refused as too fast, after a longer pause each "
        "time (20 s, 40 s, 80 s...); it happens only if other programs of the login ask, too.",
        low=0,
        high=100,
    )
