"""The limits that every order has to pass, and the kill switch."""

# ruff: noqa: RUF009  (option() makes attrs fields; nothing of it is shared between instances)
from __future__ import annotations

import re
import signal as signals
from pathlib import Path
from typing import ClassVar, Literal
from zoneinfo import ZoneInfo

import attrs

from twsloop.config.options import Section, option
from twsloop.errors import ConfigError

__all__ = ["ACCOUNT_LIMITS", "SYMBOL_LIMITS", "KillSwitchParams", "RiskParams"]

#: No sum of money, and no size, is above this.
_MOST = 1e15
#: Which limits a symbol, and which an account, can have of its own.
SYMBOL_LIMITS = frozenset({"max_quantity", "max_notional", "max_position", "max_position_value"})
ACCOUNT_LIMITS = SYMBOL_LIMITS | {
    "max_gross_exposure",
    "max_open_orders",
    "max_daily_loss",
    "max_drawdown",
}
#: ``NAME:limit=number``
_OWN_LIMIT = re.compile(r"([^:=]+):([a-z_]+)=([0-9]+(?:\.[0-9]+)?)", re.ASCII)
#: Signals that end a program whatever it wants, or that mean something else to every program.
_UNHEARD = frozenset({"SIGKILL", "SIGSTOP", "SIGINT", "SIGTERM", "SIGCHLD", "SIGSEGV", "SIGPIPE"})
_CLOCK = r"([01]?[0-9]|2[0-3]):[0-5][0-9]"


@attrs.frozen
class RiskParams(Section):
    """Limits for orders; every order from every surface has to pass all that are set."""

    section: ClassVar[str] = "risk"

    accounts: tuple[str, ...] | None = option(
        None, "list", "The only accounts that orders may be for.", unset="any"
    )
    symbols: tuple[str, ...] | None = option(
        None,
        "list",
        "The only symbols that may be traded, as AAPL, EUR.USD or a local symbol.",
        unset="any",
    )
    sec_types: tuple[str, ...] | None = option(
        None,
        "list",
        "The only security types that may be traded, in IB's words (STK, OPT, FUT, CASH).",
        unset="any",
    )
    currencies: tuple[str, ...] | None = option(
        None, "list", "The only currencies that contracts may be in.", unset="any"
    )
    currency: str = option(
        "",
        "str",
        "The currency of all limits in money; empty is the base currency of the account. What is "
        "in another one is converted by the account's exchange rates; an order is refused if there "
        "is none.",
        pattern="([A-Z]{3})?",
    )
    max_quantity: float | None = option(
        None,
        "float",
        "The largest size of one order (shares, contracts, units).",
        low=0,
        high=_MOST,
        unset="no limit",
    )
    max_notional: float | None = option(
        None,
        "float",
        "The largest value of one order: size, price and multiplier.",
        unit="currency",
        low=0,
        high=_MOST,
        unset="no limit",
    )
    max_position: float | None = option(
        None,
        "float",
        "The largest position of an account in one contract, long or short, as it would be if all "
        "working orders of the same side were filled.",
        low=0,
        high=_MOST,
        unset="no limit",
    )
    max_position_value: float | None = option(
        None,
        "float",
        "The largest value of that position.",
        unit="currency",
        low=0,
        high=_MOST,
        unset="no limit",
    )
    max_gross_exposure: float | None = option(
        None,
        "float",
        "The largest value of all positions of an account together, long and short added, as it "
        "would be if all working orders were filled.",
        unit="currency",
        low=0,
        high=_MOST,
        unset="no limit",
    )
    max_concentration: float | None = option(
        None,
        "float",
        "The largest value of the position in one contract, of the account's net liquidation.",
        unit="percent",
        low=0,
        high=100_000,
        unset="no limit",
    )
    max_buying_power: float | None = option(
        None,
        "float",
        "How much of the account's buying power all that working orders, and this one, would open "
        "may take.",
        unit="percent",
        low=0,
        high=10_000,
        unset="no limit",
    )
    max_open_orders: int | None = option(
        None,
        "int",
        "How many orders of an account may work at a time.",
        low=0,
        high=1_000_000,
        unset="no limit",
    )
    symbol_limits: tuple[str, ...] | None = option(
        None,
        "list",
        "Limits that one symbol has in place of the general ones: AAPL:max_quantity=100, "
        "EUR.USD:max_quantity=200000. A symbol can have max_quantity, max_notional, max_position "
        "and max_position_value.",
        unset="none",
    )
    account_limits: tuple[str, ...] | None = option(
        None,
        "list",
        "Limits that one account has beside the general ones, of which the lower counts: "
        "DU1234567:max_gross_exposure=50000. It can have what a symbol can, max_gross_exposure, "
        "max_open_orders, max_daily_loss and max_drawdown.",
        unset="none",
    )
    orders_per_second: int | None = option(
        None,
        "int",
        "How many orders and changes of orders may leave within any second.",
        low=0,
        high=1_000_000,
        unset="no limit",
    )
    orders_per_minute: int | None = option(
        None,
        "int",
        "How many orders and changes of orders may leave within any minute.",
        low=0,
        high=10_000_000,
        unset="no limit",
    )
    orders_per_day: int | None = option(
        None,
        "int",
        "How many orders and changes of orders may leave in a day; it goes on over restarts.",
        low=0,
        high=100_000_000,
        unset="no limit",
    )
    day_zone: str = option(
        "America/New_York", "str", "The time zone of the day that limits of a day are counted in."
    )
    day_begins: str = option("00:00", "str", "When that day begins there (HH:MM).", pattern=_CLOCK)
    duplicate_window: float | None = option(
        None,
        "float",
        "A new order is refused if the same one (account, contract, side, size, type and prices) "
        "left so short a time ago.",
        unit="seconds",
        low=0,
        high=86400,
        unset="duplicates are not looked for",
    )
    require_quote: bool = option(
        False,
        "bool",
        "Refuse orders for which there is no usable quote: live, with both sides, not crossed, not "
        "halted and not older than max_quote_age.",
    )
    max_quote_age: float | None = option(
        30.0,
        "float",
        "How old a quote may be that an order is judged by: by require_quote, by a collar, or "
        "for the value of an order that names no price.",
        unit="seconds",
        low=0,
        high=86400,
        unset="any age",
    )
    collar_percent: float | None = option(
        None,
        "float",
        "How far through the market a price may be: a buying limit above the ask, a selling one "
        "below the bid, a stop on the side where it triggers at once.",
        unit="percent",
        low=0,
        high=1000,
        unset="no limit",
    )
    collar_ticks: float | None = option(
        None,
        "float",
        "The same in the contract's price increments; with both set the narrower counts.",
        unit="ticks",
        low=0,
        high=1_000_000,
        unset="no limit",
    )
    max_daily_loss: float | None = option(
        None,
        "float",
        "How much an account may lose in a day, realized and unrealized; then only orders that "
        "close a position leave until the next day, or until somebody releases it.",
        unit="currency",
        low=0,
        high=_MOST,
        unset="no limit",
    )
    max_drawdown: float | None = option(
        None,
        "float",
        "How far the day's profit of an account may fall from its highest of the day, which is 0 "
        "at least.",
        unit="currency",
        low=0,
        high=_MOST,
        unset="no limit",
    )
    day_trading: Literal["known", "broker", "off"] = option(
        "known",
        "str",
        "Pattern day trading: orders that open a position are refused when the broker tells that "
        "no day trade remains (DayTradesRemaining). known looks at it where another limit has the "
        "values of the account followed; broker follows it for itself, and refuses while it is not "
        "known; off never looks.",
        choices=("known", "broker", "off"),
    )
    classic_day_trading: tuple[str, ...] | None = option(
        None,
        "list",
        "Accounts under the classic rule: below 25000 of net liquidation no fourth day trade in "
        "five business days.",
        unset="none",
    )
    before_restart: float | None = option(
        None,
        "float",
        "How long before a planned reset or restart ([calendar]) orders that open a position are "
        "refused already.",
        unit="minutes",
        low=0,
        high=1440,
        unset="not before",
    )
    trading_hours: Literal["any", "trading", "liquid"] = option(
        "any",
        "str",
        "When orders may leave: any time, in all trading hours of the contract, or in its liquid "
        "hours. Where they are not known orders are refused.",
        choices=("any", "trading", "liquid"),
    )
    breaker_rejects: int | None = option(
        None,
        "int",
        "After so many rejected orders within breaker_window the circuit breaker opens: new orders "
        "are refused, but those that close a position.",
        low=1,
        high=1_000_000,
        unset="it never opens",
    )
    breaker_errors: int | None = option(
        None,
        "int",
        "The same for errors of the gateway about orders, and of the session.",
        low=1,
        high=1_000_000,
        unset="it never opens",
    )
    breaker_window: float = option(
        60.0,
        "float",
        "The time that the circuit breaker counts in.",
        unit="seconds",
        low=0.1,
        high=86400,
    )
    breaker_pause: float = option(
        300.0,
        "float",
        "How long it stays open after the last that was too many; 0 is until somebody closes it.",
        unit="seconds",
        low=0,
        high=86400,
    )

    def __attrs_post_init__(self) -> None:
        """Refuse limits of a symbol or an account, and a day, that do not exist."""
        self.own_limits("symbol_limits")
        self.own_limits("account_limits")
        try:
            ZoneInfo(self.day_zone)
        except (ValueError, OSError, LookupError) as error:
            raise ConfigError(
                "there is no such time zone",
                section=self.section,
                key="day_zone",
                value=self.day_zone,
                allowed="a name of the tz database, as America/New_York",
            ) from error

    def own_limits(self, key: str) -> dict[tuple[str, str], str]:
        """``symbol_limits`` or ``account_limits`` as (name in capitals, limit) -> number."""
        allowed = SYMBOL_LIMITS if key == "symbol_limits" else ACCOUNT_LIMITS
        found: dict[tuple[str, str], str] = {}
        for text in getattr(self, key) or ():
            parts = _OWN_LIMIT.fullmatch(text.replace(" ", ""))
            place = ("", "") if parts is None else (parts[1].upper(), parts[2])
            if parts is None or place[1] not in allowed or place in found:
                raise ConfigError(
                    "that limit is there twice" if place in found else "that is no such limit",
                    section=self.section,
                    key=key,
                    value=text,
                    allowed=f"NAME:limit=number, the limit one of {', '.join(sorted(allowed))}",
                )
            found[place] = parts[3]
        return found


@attrs.frozen
class KillSwitchParams(Section):
    """The kill switch; see also ``twsloop kill``."""

    section: ClassVar[str] = "kill_switch"

    cancel: Literal["entries", "all", "none"] = option(
        "entries",
        "str",
        "What is cancelled at the broker when it is engaged: entries leaves orders that protect a "
        "position, all leaves nothing, none cancels nothing.",
        choices=("entries", "all", "none"),
    )
    flatten: bool = option(False, "bool", "Close all positions, too, when it is engaged.")
    file: Path | None = option(
        None,
        "path",
        "This file engages it; as long as it is there, it cannot be released.",
        unset="no file engages it",
    )
    signal: str | None = option(
        None,
        "str",
        "This signal of the system engages it, as SIGUSR1; for programs that make the gateway "
        "object in their main thread.",
        unset="no signal engages it",
    )
    poll: float = option(
        0.5,
        "float",
        "How often the file, and what other programs wrote into the order journal, is looked at.",
        unit="seconds",
        low=0.05,
        high=60,
    )
    on_loss: bool = option(
        True, "bool", "Engage it when max_daily_loss or max_drawdown of [risk] is reached."
    )
    on_breaker: bool = option(False, "bool", "Engage it when the circuit breaker of [risk] opens.")

    def __attrs_post_init__(self) -> None:
        """Refuse a signal that this system does not have, or that nobody can heed."""
        if self.signal is not None and self.signal_number() is None:
            raise ConfigError(
                "there is no such signal that can be heeded",
                section=self.section,
                key="signal",
                value=self.signal,
                allowed="SIGUSR1, SIGUSR2, SIGHUP",
            )

    def signal_number(self) -> int | None:
        """The signal that engages it; None for none."""
        found = getattr(signals, self.signal or "", None)
        usable = isinstance(found, signals.Signals) and found.name not in _UNHEARD
        return int(found) if usable and found is not None else None
