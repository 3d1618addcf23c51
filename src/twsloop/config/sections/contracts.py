"""What is known of contracts, and how long it is believed."""

# ruff: noqa: RUF009  (option() makes attrs fields; nothing of it is shared between instances)
from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import attrs

from twsloop.config.options import Section, option

__all__ = ["ContractParams"]


@attrs.frozen
class ContractParams(Section):
    """Details of contracts: what the gateway told once, and how long it is believed."""

    section: ClassVar[str] = "contracts"

    cache: bool = option(
        True,
        "bool",
        "Remember details, option chains and market rules between runs. With no they are "
        "remembered while the program runs.",
    )
    cache_file: Path = option(
        Path("~/.twsloop/contracts.db"),
        "path",
        "The SQLite file of that memory; it can be deleted at any time.",
    )
    details_age: float = option(
        24.0,
        "float",
        "How long details are believed; trading hours come with them, a few days at a time.",
        unit="hours",
        low=0,
        high=8760,
    )
    rules_age: float = option(
        168.0,
        "float",
        "How long market rules (price increments) and smart components are believed.",
        unit="hours",
        low=0,
        high=8760,
    )
    chains_age: float = option(
        12.0,
        "float",
        "How long option chains and futures chains are believed; new strikes are listed daily.",
        unit="hours",
        low=0,
        high=8760,
    )
