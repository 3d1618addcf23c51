"""Folder trees as IB's installers and IBC leave them, on each system."""

from __future__ import annotations

from pathlib import Path

from twsloop.control.locate import Surroundings, System

__all__ = ["around", "install_ibc", "install_program"]


def around(system: System, root: Path) -> Surroundings:
    """A machine whose file system begins at ``root``."""
    homes = {System.WINDOWS: "Users/me", System.MACOS: "Users/me", System.LINUX: "home/me"}
    home = root / homes[system]
    home.mkdir(parents=True, exist_ok=True)
    return Surroundings(system=system, home=home, root=root)


def install_program(
    machine: Surroundings, program: str, version: str, *, renamed: bool = False
) -> Path:
    """A program of IB's where its installer puts it; its folder."""
    one = "1" if renamed else ""
    starter = "ibgateway" if program == "gateway" else "tws"
    if machine.system is System.MACOS:
        name = "IB Gateway" if program == "gateway" else "Trader Workstation"
        folder = machine.home / "Applications" / f"{name} {version}"
        app = folder / f"{name} {version}{'-1' if renamed else ''}.app"
        app.mkdir(parents=True)
    else:
        jts = (machine.root if machine.system is System.WINDOWS else machine.home) / "Jts"
        folder = jts / "ibgateway" / version if program == "gateway" else jts / version
        folder.mkdir(parents=True)
        suffix = ".exe" if machine.system is System.WINDOWS else ""
        (folder / f"{starter}{one}{suffix}").touch()
    (folder / "jars").mkdir()
    return folder


def install_ibc(machine: Surroundings, folder: Path | None = None, ini: str = "") -> Path:
    """IBC as its archive unpacks, with a config.ini of its user; its folder."""
    windows = machine.system is System.WINDOWS
    folder = folder or machine.root / ("IBC" if windows else "opt/ibc")
    scripts = folder / "scripts"
    scripts.mkdir(parents=True)
    (scripts / ("StartIBC.bat" if windows else "ibcstart.sh")).touch()
    (folder / "version").write_text("3.24.1\n", encoding="ascii")
    documents = machine.home / ("Documents/IBC" if windows else "ibc")
    documents.mkdir(parents=True, exist_ok=True)
    (documents / "config.ini").write_text(ini, encoding="latin-1")
    return folder
