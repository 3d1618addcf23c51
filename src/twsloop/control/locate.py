r"""Where IB Gateway, TWS and IBC are installed (pure: the file system is described by a `Disk`).

Where IB's installers put their programs, by system; the version is a folder's name::

    Linux     ~/Jts/ibgateway/1040/jars                 ~/Jts/1040/jars
    macOS     ~/Applications/IB Gateway 10.40/jars      ~/Applications/Trader Workstation 10.40/jars
    Windows   C:\Jts\ibgateway\1040\jars                C:\Jts\1040\jars

A folder without ``jars`` is no program (IBC looks for the same). IBC itself is where its user put
it: /opt/ibc or ~/ibc, C:\IBC on Windows; its config.ini is beside the user's own documents.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Literal, Protocol

import attrs

from twsloop.errors import GatewayNotInstalled

__all__ = [
    "Disk",
    "Found",
    "Ibc",
    "Installed",
    "Program",
    "Surroundings",
    "System",
    "Wish",
    "choose",
    "locate",
    "program_at",
]

Program = Literal["gateway", "tws"]

#: A version as a folder is called: 1040 (Linux, Windows) or 10.40 (macOS); 978 was one, too.
_VERSION = re.compile(r"\d{1,2}\.\d{1,2}|\d{3,4}")
#: What macOS calls the programs.
_MAC_NAMES: dict[Program, str] = {"gateway": "IB Gateway", "tws": "Trader Workstation"}
#: What the starters of the programs are called; IBC renames them with a 1 behind.
_STARTERS: dict[Program, tuple[str, ...]] = {
    "gateway": ("ibgateway", "ibgateway1"),
    "tws": ("tws", "tws1"),
}


class System(StrEnum):
    """The systems that IB's programs run on."""

    LINUX = "linux"
    MACOS = "macos"
    WINDOWS = "windows"


@attrs.frozen(kw_only=True)
class Surroundings:
    """What has to be known of a machine to look for programs on it.

    Attributes:
        system: Which system it is.
        home: The user's home folder.
        root: Where the file system begins: ``/``, or the system drive of Windows.
    """

    system: System
    home: Path
    root: Path


class Disk(Protocol):
    """A file system, as far as we look at it."""

    def is_folder(self, path: Path) -> bool:
        """Whether there is a folder of that name."""

    def is_file(self, path: Path) -> bool:
        """Whether there is a file of that name."""

    def names(self, folder: Path) -> tuple[str, ...]:
        """What is in a folder, by name; nothing of one that cannot be read."""

    def text(self, path: Path) -> str:
        """What a file holds; nothing of one that cannot be read."""


@attrs.frozen(kw_only=True)
class Installed:
    """A program of IB's.

    Attributes:
        program: Which.
        version: As its folder is called.
        folder: Where it is.
        root: What IBC calls the TWS path: where the versions are.
        starter: What starts it without IBC; None where there is none.
    """

    program: Program
    version: str
    folder: Path
    root: Path
    starter: Path | None = None

    def __str__(self) -> str:
        """For people."""
        name = "IB Gateway" if self.program == "gateway" else "TWS"
        return f"{name} {self.version} ({self.folder})"


@attrs.frozen(kw_only=True)
class Ibc:
    """An installation of IBC.

    Attributes:
        folder: Where it is.
        script: Its script that starts a program.
        version: As its file ``version`` says; empty where it does not.
        ini: Its config.ini; None where none was found.
    """

    folder: Path
    script: Path
    version: str = ""
    ini: Path | None = None


@attrs.frozen(kw_only=True)
class Found:
    """What was found.

    Attributes:
        programs: IB's programs, the newest first.
        ibc: IBC, or None.
        looked: Where was looked for the programs.
        looked_for_ibc: Where was looked for IBC.
    """

    programs: tuple[Installed, ...]
    ibc: Ibc | None
    looked: tuple[Path, ...]
    looked_for_ibc: tuple[Path, ...]


@attrs.frozen(kw_only=True)
class Wish:
    """What the settings say of the places; None for the usual ones."""

    gateway_path: Path | None = None
    ibc_path: Path | None = None
    ibc_ini: Path | None = None


def locate(disk: Disk, around: Surroundings, wish: Wish | None = None) -> Found:
    """Find what is installed.

    Args:
        disk: The file system.
        around: The machine.
        wish: Places that were named; where IBC was named, it is looked for nowhere else.
    """
    wish = wish or Wish()
    looked: list[Path] = []
    programs = list(_programs(disk, around, looked))
    if wish.gateway_path is not None:
        named = program_at(disk, around.system, wish.gateway_path)
        if named is not None:
            programs = [named, *(one for one in programs if one.folder != named.folder)]
    else:
        programs.sort(key=lambda one: _order(one.version), reverse=True)
    places = (wish.ibc_path,) if wish.ibc_path else _ibc_folders(around)
    ibc = next((one for place in places if (one := _ibc_at(disk, around, place, wish))), None)
    return Found(
        programs=tuple(programs), ibc=ibc, looked=tuple(looked), looked_for_ibc=tuple(places)
    )


def choose(found: Found, program: Program, version: str | None, *, through_ibc: bool) -> Installed:
    """The program to start.

    Args:
        found: What is installed.
        program: Which is wanted.
        version: Which version; None for the newest.
        through_ibc: IBC starts it. Each of IB's installers brings both programs, so that IBC takes
            the other one's folder where the wanted one has none.

    Raises:
        GatewayNotInstalled: There is none; it names where was looked, and what there is.
    """
    fitting = [one for one in found.programs if version is None or _same(one.version, version)]
    best = [one for one in fitting if one.program == program]
    if not through_ibc:
        best = [one for one in best if one.starter is not None]
    elif not best:
        best = fitting
    if best:
        return best[0]
    name = "IB Gateway" if program == "gateway" else "TWS"
    wanted = f"{name} {version}" if version else name
    there = ", ".join(str(one) for one in found.programs)
    raise GatewayNotInstalled(
        f"{wanted} was not found"
        + (f"; there is {there}" if there else f" in {_listed(found.looked)}"),
        remedy="install IB's offline version (IBC cannot use the one that updates itself), or name "
        "its folder with --gateway-path or [control] gateway_path",
    )


def program_at(disk: Disk, system: System, path: Path) -> Installed | None:
    """The program that a path names: its folder, or its starter; None if it names neither."""
    if disk.is_file(path) or (system is System.MACOS and path.suffix == ".app"):
        folder, starter = path.parent, path
    elif disk.is_folder(path):
        folder, starter = path, None
    else:
        return None
    program: Program = "gateway"
    version = folder.name
    for name, text in _MAC_NAMES.items():
        if version.startswith(text):
            program, version = name, version.removeprefix(text).strip()
    starters = {name: _starter(disk, system, folder, name, version) for name in _STARTERS}
    if starter is not None:
        program = next((n for n, words in _STARTERS.items() if starter.stem in words), program)
    elif system is not System.MACOS and starters["gateway"] is None and starters["tws"]:
        program = "tws"
    inside = system is not System.MACOS and folder.parent.name == "ibgateway"
    return Installed(
        program=program,
        version=version if _VERSION.fullmatch(version) else "",
        folder=folder,
        root=folder.parent.parent if inside else folder.parent,
        starter=starter or starters[program],
    )


def _programs(disk: Disk, around: Surroundings, looked: list[Path]) -> Iterator[Installed]:
    """Every program in the usual places; the places are noted."""
    if around.system is System.MACOS:
        for root in (around.home / "Applications", around.root / "Applications"):
            looked.append(root)
            for name in disk.names(root):
                for program, text in _MAC_NAMES.items():
                    version = name.removeprefix(text).strip()
                    if name.startswith(text) and _VERSION.fullmatch(version):
                        yield from _checked(disk, around, program, version, (root, root / name))
        return
    jts = (around.root if around.system is System.WINDOWS else around.home) / "Jts"
    places: dict[Program, Path] = {"gateway": jts / "ibgateway", "tws": jts}
    for program, place in places.items():
        looked.append(place)
        for version in disk.names(place):
            if _VERSION.fullmatch(version):
                yield from _checked(disk, around, program, version, (jts, place / version))


def _checked(
    disk: Disk, around: Surroundings, program: Program, version: str, place: tuple[Path, Path]
) -> Iterator[Installed]:
    root, folder = place
    if disk.is_folder(folder / "jars"):
        starter = _starter(disk, around.system, folder, program, version)
        yield Installed(program=program, version=version, folder=folder, root=root, starter=starter)


def _starter(
    disk: Disk, system: System, folder: Path, program: Program, version: str
) -> Path | None:
    """What starts a program without IBC, also if IBC has renamed it."""
    if system is System.MACOS:
        name = f"{_MAC_NAMES[program]} {version}"
        paths = [folder / f"{name}.app", folder / f"{name}-1.app"]
        return next((path for path in paths if disk.is_folder(path)), None)
    suffix = ".exe" if system is System.WINDOWS else ""
    files = (folder / f"{name}{suffix}" for name in _STARTERS[program])
    return next((path for path in files if disk.is_file(path)), None)


def _ibc_folders(around: Surroundings) -> tuple[Path, ...]:
    if around.system is System.WINDOWS:
        return (around.root / "IBC", around.home / "IBC")
    return (around.root / "opt" / "ibc", around.home / "ibc", around.home / "IBC")


def _ibc_at(disk: Disk, around: Surroundings, folder: Path, wish: Wish) -> Ibc | None:
    windows = around.system is System.WINDOWS
    script = folder / "scripts" / ("StartIBC.bat" if windows else "ibcstart.sh")
    if not disk.is_file(script):
        return None
    documents = around.home / "Documents" / "IBC" if windows else around.home / "ibc"
    inis = (documents / "config.ini", folder / "config.ini")
    ini = wish.ibc_ini or next((path for path in inis if disk.is_file(path)), None)
    version = disk.text(folder / "version").strip().partition("\n")[0]
    return Ibc(folder=folder, script=script, version=version, ini=ini)


def _order(version: str) -> tuple[int, int]:
    """By which versions are sorted: 1040 is 10.40, and 978 is 9.78."""
    digits = version.replace(".", "")
    major, minor = version.split(".") if "." in version else (digits[:-2], digits[-2:])
    return int(major), int(minor)


def _same(one: str, other: str) -> bool:
    return bool(one) and _order(one) == _order(other)


def _listed(paths: tuple[Path, ...]) -> str:
    return " or ".join(str(path) for path in paths)
