"""Where the programs are, on real folder trees of each system, and on described ones."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.installed import around, install_ibc, install_program
from twsloop.control.locate import Program, Surroundings, System, Wish, choose, locate, program_at
from twsloop.control.machine import RealDisk
from twsloop.errors import GatewayNotInstalled

DISK = RealDisk()
SYSTEMS = [*System]


def spelled(system: System, version: str) -> str:
    """A version as the folders of a system are called."""
    return f"{version[:-2]}.{version[-2:]}" if system is System.MACOS else version


@pytest.mark.parametrize("system", SYSTEMS)
def test_programs_and_ibc_are_found_where_their_installers_put_them(
    system: System, tmp_path: Path
) -> None:
    machine = around(system, tmp_path)
    gateway = install_program(machine, "gateway", spelled(system, "1040"))
    old = install_program(machine, "gateway", spelled(system, "978"), renamed=True)
    tws = install_program(machine, "tws", spelled(system, "1041"))
    ibc = install_ibc(machine)
    found = locate(DISK, machine)
    assert [one.folder for one in found.programs] == [tws, gateway, old]
    assert [one.program for one in found.programs] == ["tws", "gateway", "gateway"]
    assert all(one.starter is not None and one.starter.exists() for one in found.programs)
    assert found.ibc is not None
    assert (found.ibc.folder, found.ibc.version) == (ibc, "3.24.1")
    assert found.ibc.ini is not None
    assert found.ibc.ini.is_file()
    assert choose(found, "gateway", None, through_ibc=True).folder == gateway
    assert choose(found, "gateway", "978", through_ibc=False).folder == old
    assert choose(found, "gateway", "9.78", through_ibc=True).folder == old
    assert choose(found, "tws", None, through_ibc=False).folder == tws


@pytest.mark.parametrize("system", SYSTEMS)
def test_the_root_is_what_ibc_calls_the_tws_path(system: System, tmp_path: Path) -> None:
    machine = around(system, tmp_path)
    install_program(machine, "gateway", spelled(system, "1040"))
    install_program(machine, "tws", spelled(system, "1041"))
    roots = {one.root for one in locate(DISK, machine).programs}
    below = machine.root if system is System.WINDOWS else machine.home
    assert roots == {below / ("Applications" if system is System.MACOS else "Jts")}


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_machine_without_anything_says_where_it_was_looked(
    system: System, tmp_path: Path
) -> None:
    found = locate(DISK, around(system, tmp_path))
    assert (found.programs, found.ibc) == ((), None)
    assert found.looked_for_ibc
    with pytest.raises(GatewayNotInstalled) as missing:
        choose(found, "gateway", None, through_ibc=False)
    assert all(str(place) in str(missing.value) for place in found.looked)
    assert "--gateway-path" in str(missing.value)


def test_another_version_than_there_is_names_what_there_is(tmp_path: Path) -> None:
    machine = around(System.LINUX, tmp_path)
    install_program(machine, "gateway", "1040")
    with pytest.raises(
        GatewayNotInstalled, match=r"IB Gateway 1019 was not found; there is .*1040"
    ):
        choose(locate(DISK, machine), "gateway", "1019", through_ibc=True)


def test_each_installer_brings_both_programs_for_ibc(tmp_path: Path) -> None:
    machine = around(System.LINUX, tmp_path)
    install_program(machine, "tws", "1040")
    found = locate(DISK, machine)
    assert choose(found, "gateway", None, through_ibc=True).program == "tws"
    with pytest.raises(GatewayNotInstalled):
        choose(found, "gateway", None, through_ibc=False)


def test_folders_that_are_no_program_are_passed_over(tmp_path: Path) -> None:
    machine = around(System.LINUX, tmp_path)
    for name in ("jts.ini", "ibgateway/latest/jars", "ibgateway/1040", "dabcdef", "1041"):
        (machine.home / "Jts" / name).mkdir(parents=True)
    assert locate(DISK, machine).programs == ()


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("by_starter", [False, True], ids=["folder", "starter"])
def test_a_program_may_be_named_by_its_folder_or_its_starter(
    system: System, by_starter: bool, tmp_path: Path
) -> None:
    machine = around(system, tmp_path / "machine")
    elsewhere = around(system, tmp_path / "elsewhere")
    install_program(machine, "gateway", spelled(system, "1041"))
    folder = install_program(elsewhere, "gateway", spelled(system, "1040"))
    named = program_at(DISK, system, folder)
    assert named is not None
    assert named.starter is not None
    path = named.starter if by_starter else folder
    found = locate(DISK, machine, Wish(gateway_path=path))
    first = found.programs[0]
    assert (first.folder, first.program) == (folder, "gateway")
    assert first.version == spelled(system, "1040")
    assert first.starter == named.starter
    assert choose(found, "gateway", None, through_ibc=False) == first


def test_a_starter_of_any_name_is_taken_as_it_is(tmp_path: Path) -> None:
    starter = tmp_path / "start-my-gateway"
    starter.touch()
    named = program_at(DISK, System.LINUX, starter)
    assert named is not None
    assert (named.starter, named.program, named.version) == (starter, "gateway", "")
    assert program_at(DISK, System.LINUX, tmp_path / "nothing") is None


def test_ibc_that_was_named_is_looked_for_nowhere_else(tmp_path: Path) -> None:
    machine = around(System.LINUX, tmp_path)
    install_ibc(machine)
    mine = install_ibc(around(System.LINUX, tmp_path / "x"), tmp_path / "mine")
    named = locate(DISK, machine, Wish(ibc_path=mine)).ibc
    assert named is not None
    assert named.folder == mine
    assert locate(DISK, machine, Wish(ibc_path=tmp_path / "no")).ibc is None
    ini = tmp_path / "my.ini"
    chosen = locate(DISK, machine, Wish(ibc_ini=ini)).ibc
    assert chosen is not None
    assert chosen.ini == ini


@attrs.frozen
class Described:
    """A file system of nothing but words."""

    files: frozenset[Path]

    def is_file(self, path: Path) -> bool:
        return path in self.files

    def is_folder(self, path: Path) -> bool:
        return any(path in file.parents for file in self.files)

    def names(self, folder: Path) -> tuple[str, ...]:
        inside = {f.relative_to(folder).parts[0] for f in self.files if folder in f.parents}
        return tuple(sorted(inside))

    def text(self, path: Path) -> str:
        return ""


WORDS = st.sampled_from(
    [
        "Jts",
        "ibgateway",
        "1040",
        "1019",
        "978",
        "10.40",
        "jars",
        "a.jar",
        "ibgateway1",
        "tws",
        "Applications",
        "IB Gateway 10.40",
        "Trader Workstation 10.19",
        "scripts",
        "ibcstart.sh",
    ]
)
PATHS = st.lists(WORDS, min_size=1, max_size=5)


@given(st.sets(PATHS.map(tuple), max_size=25), st.sampled_from(SYSTEMS))
def test_whatever_lies_around_what_is_found_can_be_started(
    paths: set[tuple[str, ...]], system: System
) -> None:
    home = Path("/users/me")
    disk = Described(frozenset(home.joinpath(*path) for path in paths))
    found = locate(disk, Surroundings(system=system, home=home, root=Path("/")))
    for one in found.programs:
        assert disk.is_folder(one.folder / "jars")
        assert one.version in one.folder.name
        assert one.root in one.folder.parents
    programs: tuple[Program, ...] = ("gateway", "tws")
    for program in programs:
        try:
            chosen = choose(found, program, None, through_ibc=False)
        except GatewayNotInstalled:
            continue
        assert chosen.starter is not None
        assert chosen.program == program
