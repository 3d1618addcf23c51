"""The sections of the INI file, each a frozen class; every number with its unit and its reason."""

# ruff: noqa: RUF009  (option() makes attrs fields; nothing of it is shared between instances)
from __future__ import annotations

import re
from pathlib import Path
from typing import ClassVar, Literal

import attrs

from twsloop.errors import ConfigError
from twsloop.ids import LAST_ID

from .options import Section, option

__all__ = [
    "PORTS",
    "ConnectionParams",
    "HeartbeatParams",
    "LiveParams",
    "LogSettings",
    "LoopParams",
    "MarketDataParams",
    "OrderParams",
    "PacingParams",
    "PaperParams",
    "ReconnectParams",
    "StorageParams",
]

Mode = Literal["paper", "live"]
Program = Literal["gateway", "tws"]

#: The port that IB's programs listen on, unless somebody changed it in their settings.
#: Source: IB's text of error 502 (ibapi/errors.py).
PORTS: dict[tuple[str, str], int] = {
    ("gateway", "paper"): 4002,
    ("gateway", "live"): 4001,
    ("tws", "paper"): 7497,
    ("tws", "live"): 7496,
}


def _own_port(params: ConnectionParams) -> int:
    """The port of the chosen program in the chosen mode."""
    return PORTS[params.gateway, params.mode]


@attrs.frozen
class ConnectionParams(Section):
    """Where the gateway is, and as whom we come."""

    section: ClassVar[str] = "connection"

    host: str = option("127.0.0.1", "str", "The machine that TWS or IB Gateway runs on.")
    mode: Mode = option(
        "paper",
        "str",
        "The account's kind. Live needs the gates of [live] and [orders], too.",
        choices=("paper", "live"),
    )
    gateway: Program = option(
        "gateway", "str", "Which of IB's programs it is.", choices=("gateway", "tws")
    )
    port: int = option(
        attrs.Factory(_own_port, takes_self=True),
        "int",
        "Its port. IB Gateway listens on 4002 (paper) and 4001 (live), TWS on 7497 and 7496.",
        low=1,
        high=65535,
        unset="the port of the mode and the program",
    )
    client_id: int = option(
        1,
        "int",
        "Our number among the programs connected to it; it is kept over reconnects, because only "
        "this number sees and changes its own orders.",
        low=0,
        high=LAST_ID,
    )
    connect_timeout: float = option(
        5.0, "float", "How long the TCP connection may take.", unit="seconds", low=0.1, high=600
    )
    handshake_timeout: float = option(
        10.0,
        "float",
        "How long the gateway may take to say hello; one that waits for its login says nothing.",
        unit="seconds",
        low=0.1,
        high=600,
    )
    ready_timeout: float = option(
        15.0,
        "float",
        "How long managedAccounts, nextValidId and the open orders may take after the hello.",
        unit="seconds",
        low=0.1,
        high=600,
    )
    request_timeout: float = option(
        10.0,
        "float",
        "How long a request may stay without an answer; each part of an answer renews it.",
        unit="seconds",
        low=0.1,
        high=3600,
    )
    max_version: int = option(
        225,
        "int",
        "The highest protocol version we offer; 200 keeps the session on the text protocol.",
        low=100,
        high=225,
    )
    connect_options: str = option(
        "", "str", "Options that are sent with the hello, as IB documents them."
    )
    optional_capabilities: str = option(
        "", "str", "Capabilities that are sent with startApi, as IB documents them."
    )

    @classmethod
    def for_mode(
        cls, mode: Mode, program: Program = "gateway", **changes: object
    ) -> ConnectionParams:
        """The parameters for a mode, with the port that the program uses in it."""
        return cls(mode=mode, gateway=program, **changes)  # type: ignore[arg-type]


@attrs.frozen
class LoopParams(Section):
    """The event loop thread."""

    section: ClassVar[str] = "loop"

    slow_callback: float = option(
        0.1,
        "float",
        "A callback that holds the loop longer than this is named in the log.",
        unit="seconds",
        low=0.001,
        high=60,
    )
    callback_queue: int = option(
        10_000,
        "int",
        "How many callbacks may wait for the thread that called run(), or for an executor. Beyond "
        "it ticks conflate; order facts and end markers never drop.",
        low=100,
        high=10_000_000,
    )
    stop_timeout: float = option(
        10.0,
        "float",
        "How long stop() waits for the thread to end.",
        unit="seconds",
        low=0.1,
        high=600,
    )


@attrs.frozen
class ReconnectParams(Section):
    """What happens when the link is lost."""

    section: ClassVar[str] = "reconnect"

    enabled: bool = option(True, "bool", "Come back by ourselves after a loss.")
    first_connect: bool = option(
        False, "bool", "Retry the very first connection, too, instead of raising what stopped it."
    )
    first_delay: float = option(
        0.5, "float", "The wait before the first try.", unit="seconds", low=0.01, high=3600
    )
    factor: float = option(
        2.0, "float", "Each further wait is this many times longer.", low=1, high=10
    )
    cap: float = option(
        60.0, "float", "No wait is longer than this.", unit="seconds", low=0.01, high=3600
    )
    jitter: float = option(
        0.2,
        "float",
        "The part of each wait that chance decides, so that many clients do not come at once.",
        low=0,
        high=1,
    )
    max_attempts: int = option(
        0, "int", "Give up after so many tries in a row; 0 never gives up.", low=0, high=1_000_000
    )

    def __attrs_post_init__(self) -> None:
        """Refuse a cap below the first wait."""
        if self.cap < self.first_delay:
            raise ConfigError(
                "the longest wait is shorter than the first",
                section=self.section,
                key="cap",
                value=str(self.cap),
                allowed=f"first_delay ({self.first_delay}) or more",
            )


@attrs.frozen
class HeartbeatParams(Section):
    """How we notice that nobody is there any more."""

    section: ClassVar[str] = "heartbeat"

    enabled: bool = option(True, "bool", "Probe a gateway that has fallen silent.")
    silence: float = option(
        10.0,
        "float",
        "After so long without a byte we ask for the time (reqCurrentTime).",
        unit="seconds",
        low=0.1,
        high=3600,
    )
    deadline: float = option(
        5.0,
        "float",
        "Without a byte so long after the question the link counts as lost.",
        unit="seconds",
        low=0.1,
        high=600,
    )


@attrs.frozen
class PacingParams(Section):
    """How fast we may ask."""

    section: ClassVar[str] = "pacing"

    enabled: bool = option(True, "bool", "Keep to the gateway's limit by waiting.")
    rate: int = option(
        45,
        "int",
        "Messages in any second. IB's limit is half the number of market data lines: 50 at 100 "
        "lines; a tenth is left as a margin.",
        unit="messages per second",
        low=1,
        high=10_000,
    )
    queue_limit: int = option(
        10_000,
        "int",
        "How many requests may wait for their turn; one more is refused by name.",
        low=10,
        high=1_000_000,
    )
    queue_timeout: float = option(
        60.0,
        "float",
        "How long a request may wait for its turn.",
        unit="seconds",
        low=1,
        high=3600,
    )


@attrs.frozen
class MarketDataParams(Section):
    """Subscriptions to quotes."""

    section: ClassVar[str] = "market_data"

    data_type: str = option(
        "live",
        "str",
        "What we ask for; without a subscription at IB only delayed data is free.",
        choices=("live", "frozen", "delayed", "delayed_frozen"),
    )
    generic_ticks: str = option(
        "", "str", "IB's generic tick numbers for every subscription, separated by commas."
    )
    snapshot_timeout: float = option(
        15.0,
        "float",
        "How long a snapshot may take; IB's own end comes after about 11 seconds.",
        unit="seconds",
        low=1,
        high=120,
    )


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
