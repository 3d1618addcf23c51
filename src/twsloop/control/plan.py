"""What `GatewayProcess` would start, stop and ask, as the settings and this machine say."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import attrs

from twsloop.config import Config
from twsloop.errors import ControlError, GatewayNotInstalled

from .ibc_settings import ENCODING, IbcSettings, read_settings
from .launch import IbcOptions, Launch, launch_bare, launch_through_ibc
from .locate import Disk, Found, Ibc, Surroundings, System, Wish, choose, locate
from .login import find_login
from .record import Room

__all__ = ["Plan"]


@attrs.frozen(kw_only=True)
class Plan:
    """What is installed here, and how it would be used.

    Attributes:
        config: The settings.
        machine: This machine.
        found: What is installed.
        room: Where we remember what we started.
    """

    config: Config
    machine: Surroundings
    found: Found
    room: Room

    @classmethod
    def make(cls, config: Config, disk: Disk, machine: Surroundings) -> Plan:
        """Look at this machine.

        Args:
            config: The settings.
            disk: Its files.
            machine: The machine.
        """
        params = config.control
        wish = Wish(
            gateway_path=params.gateway_path, ibc_path=params.ibc_path, ibc_ini=params.ibc_ini
        )
        return cls(
            config=config,
            machine=machine,
            found=locate(disk, machine, wish),
            room=Room(params.folder / f"port-{config.connection.port}"),
        )

    @property
    def through_ibc(self) -> bool:
        """Whether IBC is to start it."""
        params = self.config.control
        if params.via is not None:
            return params.via == "ibc"
        return self.found.ibc is not None and params.gateway_path is None

    def ibc_settings(self) -> IbcSettings:
        """What the user's config.ini of IBC says; nothing where there is none."""
        ini = self.found.ibc.ini if self.found.ibc is not None else self.config.control.ibc_ini
        try:
            return read_settings("" if ini is None else ini.read_bytes().decode(ENCODING))
        except OSError:
            return IbcSettings()

    def command_address(self) -> tuple[str, int] | None:
        """Where IBC's command server is; None where it has none."""
        params = self.config.control
        port = params.command_port or self.ibc_settings().command_port
        return None if port is None else (params.command_host, port)

    def launch(self, environ: Mapping[str, str]) -> Launch:
        """How the program is started; writes the config.ini that IBC is given, where one is needed.

        Args:
            environ: Our environment.

        Raises:
            GatewayNotInstalled: A program or IBC is not there.
            LoginError: The login is not where it should be.
            ControlError: A setting of IBC's contradicts ours; or the machine has no display.
        """
        params, connection = self.config.control, self.config.connection
        through_ibc = self.through_ibc
        if params.gateway_path is not None and not self._named_is_there():
            raise GatewayNotInstalled(
                f"{params.gateway_path} is neither a program of IB's nor its folder",
                remedy="look at --gateway-path, or [control] gateway_path",
            )
        program = choose(self.found, connection.gateway, params.version, through_ibc=through_ibc)
        ibc = self._ibc() if through_ibc else None
        if self.machine.system is System.LINUX and not (params.display or environ.get("DISPLAY")):
            raise ControlError(
                "there is no display, and IB's programs need one",
                remedy="start one (Xvfb :1 -screen 0 1024x768x16 &), and set DISPLAY or [control] "
                "display to :1",
            )
        if ibc is None:
            return launch_bare(program, system=self.machine.system, display=params.display)
        options = IbcOptions(
            wanted=connection.gateway,
            mode=connection.mode,
            ini=self._ini(ibc, environ),
            settings=params.settings_path,
            java=params.java_path,
            display=params.display,
        )
        launch = launch_through_ibc(ibc, program, options, system=self.machine.system)
        if options.ini == ibc.ini and not self.ibc_settings().has_login:
            note = f"log in at its window: neither the environment nor {ibc.ini} has the login"
            return attrs.evolve(launch, note=note)
        return launch

    def _named_is_there(self) -> bool:
        path = self.config.control.gateway_path
        return any(path in {one.folder, one.starter} for one in self.found.programs)

    def _ibc(self) -> Ibc:
        if self.found.ibc is not None:
            return self.found.ibc
        places = " or ".join(str(path) for path in self.found.looked_for_ibc)
        raise GatewayNotInstalled(
            f"IBC was not found in {places}",
            remedy="name its folder with [control] ibc_path, or start the program without it: "
            "--gateway-path, or [control] via = bare",
        )

    def _ini(self, ibc: Ibc, environ: Mapping[str, str]) -> Path:
        settings = self.ibc_settings()
        connection = self.config.connection
        if settings.api_port not in {None, connection.port}:
            raise ControlError(
                f"IBC sets the port of the API to {settings.api_port} (OverrideTwsApiPort in "
                f"{ibc.ini}), but [connection] port is {connection.port}",
                remedy="set both to the same port",
            )
        login = find_login(self.config.control, environ)
        if login is not None:
            return self.room.write_ini(ibc.ini, login)
        if ibc.ini is None:
            raise GatewayNotInstalled(
                "IBC has no config.ini, and there is no login in the environment",
                remedy="copy the one of IBC's archive to ~/ibc/config.ini, or set TWS_USERID and "
                "TWS_PASSWORD",
            )
        return ibc.ini
