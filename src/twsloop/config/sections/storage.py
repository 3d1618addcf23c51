"""The database file."""

# ruff: noqa: RUF009  (option() makes attrs fields; nothing of it is shared between instances)
from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import attrs

from twsloop.config.options import Section, option

__all__ = ["StorageParams"]


@attrs.frozen
class StorageParams(Section):
    """The database file: saved subscriptions, later the journal."""

    section: ClassVar[str] = "storage"

    database: Path = option(
        Path("~/.twsloop/twsloop.db"), "path", "The SQLite file; its folder is made when needed."
    )
    busy_timeout: float = option(
        5.0,
        "float",
        "How long to wait for another program that writes to it.",
        unit="seconds",
        low=0,
        high=600,
    )
