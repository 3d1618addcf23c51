"""The gateway's process and the doctor, put together of the settings."""

from __future__ import annotations

import threading

import attrs

from twsloop.config import Config
from twsloop.control.diagnosis import Report
from twsloop.control.doctor import examine
from twsloop.control.gateway_process import GatewayProcess
from twsloop.control.keeper import Keeper
from twsloop.control.steps import Tell

from . import paper_gateway

__all__ = ["examined", "gateway_process", "supervise"]


def gateway_process(config: Config) -> GatewayProcess:
    """The process of the gateway that is configured."""
    return GatewayProcess(config)


def supervise(config: Config, tell: Tell) -> None:
    """Start the gateway if it does not run, and supervise it until Ctrl-C; blocks.

    Raises:
        ControlError: It cannot be started, or supervision gives up.
    """
    Keeper(config, GatewayProcess(config), tell=tell).run(threading.Event())


def examined(config: Config, *, paper: bool = False) -> Report:
    """What the doctor finds.

    Args:
        config: The settings.
        paper: Start a paper gateway of our own, and look at that.

    Raises:
        ListenError: The paper gateway cannot listen.
    """
    if not paper:
        return examine(config, GatewayProcess(config))
    own = attrs.evolve(config, paper=attrs.evolve(config.paper, host="127.0.0.1", port=0))
    with paper_gateway(own) as server:
        connection = attrs.evolve(
            config.connection, mode="paper", host=server.host, port=server.port
        )
        return examine(attrs.evolve(config, connection=connection))
