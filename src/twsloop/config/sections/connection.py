"""Where the gateway is, and as whom we come."""

# ruff: noqa: RUF009  (option() makes attrs fields; nothing of it is shared between instances)
from __future__ import annotations

from typing import ClassVar, Literal

import attrs

from twsloop.config.options import Section, option
from twsloop.ids import LAST_ID

__all__ = ["PORTS", "ConnectionParams"]

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
    keepalive: bool = option(
        True,
        "bool",
        "Let the system probe an idle link (TCP keepalive); firewalls forget links that are idle.",
    )
    keepalive_idle: int = option(
        30,
        "int",
        "After so long without a byte the system probes the link.",
        unit="seconds",
        low=1,
        high=7200,
    )
    keepalive_interval: int = option(
        10, "int", "The wait between two such probes.", unit="seconds", low=1, high=3600
    )
    keepalive_count: int = option(
        3,
        "int",
        "After so many such probes without an answer the system ends the link.",
        low=1,
        high=100,
    )
    slow_request: float = option(
        5.0,
        "float",
        "A request that took longer than this is kept in the list of slow ones (gw.stats()).",
        unit="seconds",
        low=0.001,
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
