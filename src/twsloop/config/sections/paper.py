"""The paper gateway that twsloop brings along."""

# ruff: noqa: RUF009  (option() makes attrs fields; nothing of it is shared between instances)
from __future__ import annotations

import re
from pathlib import Path
from typing import ClassVar

import attrs

from twsloop.config.options import Section, option
from twsloop.errors import ConfigError

__all__ = ["PaperParams"]


@attrs.frozen
class PaperParams(Section):
    """The paper gateway that twsloop brings along."""

    section: ClassVar[str] = "paper"

    host: str = option("127.0.0.1", "str", "The address it listens on.")
    port: int = option(4002, "int", "Its port; 0 takes a free one.", low=0, high=65535)
    feed: str = option(
        "synthetic",
        "str",
        "Where its market comes from: made up from the seed, or replayed from files.",
        choices=("synthetic", "replay"),
    )
    data: Path | None = option(
        None, "path", "The folder or CSV file that the replay reads.", unset="only without a replay"
    )
    speed: float | str = option(
        1.0,
        "float",
        "How many times faster than the clock the market runs; max does not wait at all.",
        low=0.001,
        high=1_000_000,
        words=("max",),
    )
    seed: int = option(1, "int", "The same seed gives the same market.", low=0, high=2**63 - 1)
    accounts: tuple[str, ...] = option(
        ("DU1234567",),
        "list",
        "The accounts of its login, each once, letters and digits; paper accounts start with D.",
    )
    currency: str = option("USD", "str", "The accounts' base currency.", pattern="[A-Z]{3}")
    master_client_id: int | None = option(
        None,
        "int",
        "The client that sees the orders and executions of all clients.",
        low=0,
        high=2**31 - 1,
        unset="no client does",
    )
    download_open_orders: bool = option(
        True, "bool", "A client that comes back is told its open orders before anything else."
    )
    start: str = option(
        "immediate",
        "str",
        "When the market begins: immediate, or on-subscribe=N once N lines are subscribed.",
        pattern="immediate|on-subscribe=[1-9][0-9]*",
    )
    date: str | None = option(
        None,
        "str",
        "The date and time, in New York, that the made-up market begins at: 2026-09-28 09:30.",
        pattern="[0-9]{4}-[0-9]{2}-[0-9]{2}( [0-9]{2}:[0-9]{2}(:[0-9]{2})?)?",
        unset="now",
    )
    hours: str = option(
        "always",
        "str",
        "Whether the made-up market is always open, or keeps the exchange's hours and holidays.",
        choices=("always", "exchange"),
    )
    rate: float = option(
        3.0,
        "float",
        "How often each instrument of the made-up market does something.",
        unit="times a second",
        low=0,
        high=10_000,
    )
    sample: str = option(
        "none",
        "str",
        "Every change, or at most one tick of a kind in 250 ms as IB sends them.",
        choices=("none", "ib"),
    )
    market_data: str = option(
        "live",
        "str",
        "What its login may see: live, delayed or none; exceptions by symbol, exchange or security "
        "type follow, as in: live, OPT=delayed, ARCA=none.",
        pattern="(live|delayed|none)( *, *[A-Z0-9.+ ]+=(live|delayed|none))*",
    )
    empty_tif: str = option(
        "notice",
        "str",
        "An order without a time in force: made a DAY order with error 10349 or silently, or "
        "refused with 10052.",
        choices=("notice", "day", "refuse"),
    )
    price_band: float = option(
        3.0,
        "float",
        "How far above the market a limit to buy a US stock may be before it is cancelled; 0: as "
        "far as it likes.",
        unit="percent",
        low=0,
        high=1000,
    )
    direct_routing: str = option(
        "accept",
        "str",
        "A stock order that names an exchange: taken, or discarded as a real gateway's precaution "
        "does.",
        choices=("accept", "discard"),
    )
    fractional_stocks: bool = option(
        False, "bool", "Its accounts may trade parts of shares; else error 10243."
    )
    max_clients: int = option(32, "int", "How many clients may be connected.", low=1, high=1000)
    max_version: int = option(
        225, "int", "The highest protocol version it speaks.", low=100, high=225
    )
    timetable: Path | None = option(
        None,
        "path",
        "A file with the times at which named clients act; the made-up market waits for them.",
        unset="nobody is waited for",
    )
    faults: Path | None = option(
        None,
        "path",
        "A fault script (TOML, or YAML): what goes wrong, when, and for whom.",
        unset="nothing goes wrong",
    )
    pacing: str = option(
        "off",
        "str",
        "Whether it judges how much clients ask: not at all; as IB does, slowing what is too much; "
        "or refusing that with error 100, and the third time ends the session.",
        choices=("off", "pace", "reject"),
    )
    lines: int = option(
        100,
        "int",
        "Where pacing is judged: the login's market data lines; the other limits follow from them.",
        low=0,
        high=100_000,
    )

    def __attrs_post_init__(self) -> None:
        """Refuse what is no account number: a comma parts them in managedAccounts and here."""
        for place, name in enumerate(self.accounts):
            if not re.fullmatch("[A-Za-z0-9]+", name):
                problem = "that is no account number"
            elif name in self.accounts[:place]:
                problem = "the account is named twice"
            else:
                continue
            raise ConfigError(
                problem,
                section=self.section,
                key="accounts",
                value=name,
                allowed="account numbers of letters and digits, each once",
            )
