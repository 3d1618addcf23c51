"""The order journal: what is written down before, and after, an order leaves."""

# ruff: noqa: RUF009  (option() makes attrs fields; nothing of it is shared between instances)
from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

import attrs

from twsloop.config.options import Section, option

__all__ = ["JournalParams"]


@attrs.frozen
class JournalParams(Section):
    """The order journal."""

    section: ClassVar[str] = "journal"

    enabled: bool | None = option(
        None,
        "bool",
        "Write orders, executions, commissions, verdicts and sessions down, an order before its "
        "first byte leaves. With no, a program that ends knows nothing of what it did before.",
        unset="yes, but not for a paper gateway that runs within the program itself",
    )
    file: Path = option(
        Path("~/.twsloop/journal.db"),
        "path",
        "The SQLite file; its folder is made when needed. Only its owner can read it.",
    )
    sync: Literal["full", "normal"] = option(
        "normal",
        "str",
        "What durable means: normal survives the end of the program, full a loss of power as well "
        "(the disk is waited for before each order leaves).",
        choices=("full", "normal"),
    )
    on_trouble: Literal["refuse", "warn"] = option(
        "refuse",
        "str",
        "What becomes of new orders while the journal cannot be written (disk full, file locked or "
        "broken): refuse them with the reason, or warn and send them unwritten.",
        choices=("refuse", "warn"),
    )
    deadline: float = option(
        5.0,
        "float",
        "How long an order waits to be written down; then that is trouble.",
        unit="seconds",
        low=0.01,
        high=300,
    )
    queue: int = option(
        100_000,
        "int",
        "How many facts may wait to be written. Beyond it orders are refused; facts about orders "
        "are still kept.",
        low=100,
        high=10_000_000,
    )
    backup_every: float = option(
        0.0,
        "float",
        "How often a copy of the whole file is made while it is in use; 0 makes none.",
        unit="hours",
        low=0,
        high=10_000,
    )
    backup_folder: Path | None = option(
        None, "path", "Where the copies go.", unset="beside the journal"
    )
    backups: int = option(7, "int", "How many copies are kept; the oldest go.", low=1, high=10_000)
    keep_days: int | None = option(
        None,
        "int",
        "Days after which entries leave the journal for an archive, a whole and verified copy in "
        "backup_folder. What came after a living order or an engaged kill switch stays; what else "
        "is needed of the old days is written anew.",
        low=8,  # the gateway lists the executions of a week, and each is to be known again
        high=36_500,
        unset="everything stays",
    )
