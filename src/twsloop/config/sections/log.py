"""What is written about the run."""

# ruff: noqa: RUF009  (option() makes attrs fields; nothing of it is shared between instances)
from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import attrs

from twsloop.config.options import Section, option

__all__ = ["LogSettings"]


@attrs.frozen
class LogSettings(Section):
    """What is written about the run."""

    section: ClassVar[str] = "logging"

    level: str = option(
        "info",
        "str",
        "From which level on.",
        choices=("debug", "info", "warning", "error", "critical"),
    )
    format: str = option(
        "text", "str", "Lines for people, or one JSON object a line.", choices=("text", "json")
    )
    file: Path | None = option(
        None, "path", "Where to; the folder must exist.", unset="the standard error output"
    )
    max_bytes: int = option(
        10_000_000,
        "int",
        "A file that would grow beyond this is put aside and a new one begun; 0 never does.",
        unit="bytes",
        low=0,
        high=10_000_000_000,
    )
    backups: int = option(5, "int", "How many files put aside are kept.", low=0, high=1000)
