"""The gateway's own process: where it is installed, how it is started, and when it is restarted."""

# ruff: noqa: RUF009  (option() makes attrs fields; nothing of it is shared between instances)
from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

import attrs

from twsloop.config.options import Section, option
from twsloop.ids import LAST_ID

__all__ = ["ControlParams"]

Via = Literal["ibc", "bare"]
LoginSource = Literal["ibc", "environment", "file", "keyring"]
WhenStuck = Literal["tell", "kill"]


@attrs.frozen
class ControlParams(Section):
    """The process of TWS or IB Gateway: twsloop start, stop, restart, status, doctor."""

    section: ClassVar[str] = "control"

    via: Via | None = option(
        None,
        "str",
        "How it is started: by IBC, which logs in and restarts it; or bare, and you log in.",
        choices=("ibc", "bare"),
        unset="by IBC where that is found, but bare where gateway_path is set",
    )
    gateway_path: Path | None = option(
        None,
        "path",
        "The program to start without IBC: IB Gateway's or TWS's folder, or its starter.",
        unset="the newest that is found in IB's own folders",
    )
    version: str | None = option(
        None,
        "str",
        "Which version of the program, as its folder is called: 1040, or 10.40.",
        pattern=r"[0-9]{3,4}|[0-9]{1,2}\.[0-9]{1,2}",
        unset="the newest that is found",
    )
    ibc_path: Path | None = option(
        None, "path", "The folder of IBC.", unset="/opt/ibc or ~/ibc; on Windows C:\\IBC"
    )
    ibc_ini: Path | None = option(
        None,
        "path",
        "IBC's own config.ini.",
        unset="~/ibc/config.ini; on Windows Documents\\IBC\\config.ini",
    )
    settings_path: Path | None = option(
        None, "path", "The folder of the program's settings.", unset="IB's own: ~/Jts, or C:\\Jts"
    )
    java_path: Path | None = option(
        None, "path", "The folder of the java that IBC runs.", unset="the program's own"
    )
    display: str | None = option(
        None,
        "str",
        "The X display that it draws on (Linux); a machine without one needs Xvfb.",
        unset="that of the environment",
    )
    login: LoginSource | None = option(
        None,
        "str",
        "Where user name and password come from: IBC's own file; TWS_USERID and TWS_PASSWORD (or "
        "TWS_PASSWORD_FILE) of the environment; login_file; or the system's keyring. They are "
        "never part of a command line or of a log.",
        choices=("ibc", "environment", "file", "keyring"),
        unset="the environment where it has them, else IBC's own file",
    )
    login_file: Path | None = option(
        None,
        "path",
        "A file of two lines, user = ... and password = ..., that only its owner may read.",
        unset="only needed for login = file",
    )
    login_user: str | None = option(
        None,
        "str",
        "The user whose password is in the keyring, under the service twsloop.",
        unset="only needed for login = keyring",
    )
    command_host: str = option(
        "127.0.0.1", "str", "The machine of IBC's command server; IBC's ControlFrom must allow us."
    )
    command_port: int | None = option(
        None,
        "int",
        "The port of IBC's command server.",
        low=1,
        high=65535,
        unset="CommandServerPort of IBC's config.ini",
    )
    client_id: int = option(
        9990,
        "int",
        "The client id of our own looks at the gateway; no program of yours should have it.",
        low=0,
        high=LAST_ID,
    )
    symbol: str = option(
        "EUR.USD", "str", "Whose quote the doctor asks for; currencies have one day and night."
    )
    start_timeout: float = option(
        300.0,
        "float",
        "How long a start may take until the gateway is proven ready, a second factor included.",
        unit="seconds",
        low=1,
        high=86400,
    )
    stop_timeout: float = option(
        60.0, "float", "How long a stop may take.", unit="seconds", low=1, high=3600
    )
    restart_limit: int = option(
        3,
        "int",
        "How many restarts supervision may order within restart_window; then it gives up.",
        low=0,
        high=1000,
    )
    restart_window: float = option(
        3600.0,
        "float",
        "The span in which restart_limit counts.",
        unit="seconds",
        low=1,
        high=604_800,
    )
    restart_pause: float = option(
        120.0,
        "float",
        "The shortest time between two restarts by supervision.",
        unit="seconds",
        low=0,
        high=86400,
    )
    when_stuck: WhenStuck = option(
        "tell",
        "str",
        "What supervision does with a gateway that hangs and whose IBC does not answer: tell, and "
        "leave it; or kill its process and start it anew, which may ask for a second factor.",
        choices=("tell", "kill"),
    )
    clock_skew: float = option(
        2.0,
        "float",
        "From which difference on the doctor warns that a clock is wrong.",
        unit="seconds",
        low=0.001,
        high=3600,
    )
    folder: Path = option(
        Path("~/.twsloop/control"),
        "path",
        "Where it is written which process we started, and what that wrote; only its owner can "
        "read it.",
    )
