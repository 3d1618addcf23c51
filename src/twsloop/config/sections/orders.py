"""Placing orders, and the gates of live trading."""

# ruff: noqa: RUF009  (option() makes attrs fields; nothing of it is shared between instances)
from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

import attrs

from twsloop.config.options import Section, option

__all__ = ["LiveParams", "OrderParams"]

Validation = Literal["strict", "cached", "off"]


@attrs.frozen
class OrderParams(Section):
    """Placing orders."""

    section: ClassVar[str] = "orders"

    enabled: bool | None = option(
        None,
        "bool",
        "Send orders to the gateway. With no they are answered as SIMULATED and never leave.",
        unset="yes in paper mode, no in live mode",
    )
    account: str = option(
        "", "str", "The account of an order that names none; needed if the login has several."
    )
    validate: Validation = option(
        "cached",
        "str",
        "What an order is checked against before it leaves: cached uses the contract's details "
        "where they are known, strict asks the gateway for them first, off checks the order alone.",
        choices=("strict", "cached", "off"),
    )
    ack_timeout: float = option(
        10.0,
        "float",
        "How long the gateway may say nothing of an order that was sent to it. Then it is looked "
        "for in the lists of open and completed orders (and never sent again); 0 never looks.",
        unit="seconds",
        low=0,
        high=3600,
    )
    commission_timeout: float = option(
        30.0,
        "float",
        "How long an execution's commission report, or an execution that an order's status tells "
        "of, may be missing. Then the executions are asked for, which brings both; 0 never asks.",
        unit="seconds",
        low=0,
        high=86400,
    )
    link_age: float = option(
        2.0,
        "float",
        "An order leaves only if the gateway was heard at most this long ago; otherwise it is "
        "asked for the time first, and the order waits for its answer. 0 sends without proof.",
        unit="seconds",
        low=0,
        high=3600,
    )
    probe_deadline: float = option(
        2.0,
        "float",
        "How long that answer may take; then the orders that wait for it are refused.",
        unit="seconds",
        low=0.01,
        high=300,
    )
    compare_positions: bool = option(
        True,
        "bool",
        "Ask for the positions when the session begins and after each gap, so that the report of a "
        "gap can say what changed and whether executions explain it.",
    )
    look_again: float = option(
        5.0,
        "float",
        "After how long the gateway is asked again for orders that are UNCERTAIN, and for lists "
        "that did not come: five times, each wait three times as long as the one before. 0 never "
        "asks again.",
        unit="seconds",
        low=0,
        high=3600,
    )
    keep_settled: int = option(
        5000,
        "int",
        "How many orders that are over, with all their executions and commissions, are kept. The "
        "oldest beyond it are forgotten; never one that is live, uncertain, or related to such.",
        low=0,
        high=10_000_000,
    )


@attrs.frozen
class LiveParams(Section):
    """The gates of live trading. All of them must be open: mode, enabled, and these two."""

    section: ClassVar[str] = "live"

    override_file: Path | None = option(
        None,
        "path",
        "Live trading is possible only while this file exists. Delete it to stop new orders.",
        unset="live trading is closed",
    )
    account_prefix: str = option(
        "",
        "str",
        "Every account of the login must start with this (for example U1234567).",
    )
