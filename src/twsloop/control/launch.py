"""The command that starts a gateway: through IBC's script, or bare (pure).

Nothing of the login is in it. A command line is shown to every user of the machine, and IBC's own
launchers put user name and password there; so its service script is called directly, as container
images do, and finds the login in the config.ini that it is given. What of the login is in our own
environment is not handed on.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import attrs

from .locate import Ibc, Installed, System

__all__ = ["LOGIN_VARIABLES", "IbcOptions", "Launch", "launch_bare", "launch_through_ibc"]

#: What user name and password are called in an environment: ours, the container images', and IBC's.
LOGIN_VARIABLES = frozenset(
    {
        "TWS_USERID",
        "TWS_PASSWORD",
        "TWS_PASSWORD_FILE",
        "TWS_USERID_PAPER",
        "TWS_PASSWORD_PAPER",
        "TWSUSERID",
        "TWSPASSWORD",
        "FIXUSERID",
        "FIXPASSWORD",
    }
)


@attrs.frozen(kw_only=True)
class Launch:
    """How a process is started.

    Attributes:
        kind: ``ibc`` or ``bare``.
        argv: Its command line.
        adds: What is added to the environment.
        removes: What is taken out of it.
        what: What is started, for people.
        note: What a person has to do meanwhile; empty for nothing.
    """

    kind: Literal["ibc", "bare"]
    argv: tuple[str, ...]
    adds: Mapping[str, str] = attrs.Factory(dict)
    removes: frozenset[str] = LOGIN_VARIABLES
    what: str = ""
    note: str = ""

    def environment(self, ours: Mapping[str, str]) -> dict[str, str]:
        """The environment of the process, made of ours."""
        kept = {name: text for name, text in ours.items() if name.upper() not in self.removes}
        return {**kept, **self.adds}


@attrs.frozen(kw_only=True)
class IbcOptions:
    """What IBC's script is told.

    Attributes:
        wanted: Which of the two programs of the version.
        mode: ``paper`` or ``live``.
        ini: The config.ini for IBC.
        settings: The folder of the program's settings; None for IB's own.
        java: The folder of the java to use; None for the program's own.
        display: The X display; None for that of the environment.
    """

    wanted: Literal["gateway", "tws"]
    mode: str
    ini: Path
    settings: Path | None = None
    java: Path | None = None
    display: str | None = None


def launch_through_ibc(
    ibc: Ibc, program: Installed, options: IbcOptions, *, system: System
) -> Launch:
    """Start a program through IBC's service script.

    Args:
        ibc: IBC.
        program: Which version to start.
        options: What the script is told.
        system: Where it runs.
    """
    windows = system is System.WINDOWS
    told: list[tuple[str, str, object]] = [
        ("--tws-path=", "/TwsPath:", program.root),
        ("--tws-settings-path=", "/TwsSettingsPath:", options.settings),
        ("--ibc-path=", "/IbcPath:", ibc.folder),
        ("--ibc-ini=", "/Config:", options.ini),
        ("--java-path=", "/JavaPath:", options.java),
        ("--mode=", "/Mode:", options.mode),
        # Nobody's phone is asked over and over by us; what IBC's own settings say of that holds.
        ("--on2fatimeout=", "/On2FATimeout:", "exit"),
    ]
    gateway = ("/Gateway" if windows else "-g",) if options.wanted == "gateway" else ()
    shell = ("cmd.exe", "/c") if windows else ("bash",)
    given = (f"{win if windows else posix}{value}" for posix, win, value in told if value)
    return Launch(
        kind="ibc",
        argv=(*shell, str(ibc.script), program.version, *gateway, *given),
        adds={"IBC_VRSN": ibc.version, **_display(options.display)},
        what=f"{program} through IBC {ibc.version} ({ibc.folder})".replace("  ", " "),
    )


def launch_bare(program: Installed, *, system: System, display: str | None = None) -> Launch:
    """Start a program by its own starter; somebody logs in at its window.

    Args:
        program: What; it has a starter.
        system: Where it runs.
        display: The X display; None for that of the environment.
    """
    assert program.starter is not None, program
    argv: tuple[str, ...] = (str(program.starter),)
    if system is System.MACOS and program.starter.suffix == ".app":
        argv = ("open", "-W", "-n", "-a", *argv)
    return Launch(
        kind="bare",
        argv=argv,
        adds=_display(display),
        what=str(program),
        note="log in at its window",
    )


def _display(display: str | None) -> dict[str, str]:
    return {"DISPLAY": display} if display else {}
