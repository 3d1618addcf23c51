"""The command lines that start a gateway, and that nothing of a login is in them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.installed import around, install_ibc, install_program
from twsloop.control.launch import (
    LOGIN_VARIABLES,
    IbcOptions,
    Launch,
    launch_bare,
    launch_through_ibc,
)
from twsloop.control.locate import Found, System, choose, locate
from twsloop.control.machine import RealDisk


def installed(system: System, root: Path) -> Found:
    machine = around(system, root)
    version = "10.40" if system is System.MACOS else "1040"
    install_program(machine, "gateway", version)
    install_ibc(machine)
    return locate(RealDisk(), machine)


def through_ibc(system: System, root: Path) -> Launch:
    found = installed(system, root)
    assert found.ibc is not None
    options = IbcOptions(
        wanted="gateway", mode="paper", ini=root / "x.ini", java=root / "jre", display=":1"
    )
    program = choose(found, "gateway", None, through_ibc=True)
    return launch_through_ibc(found.ibc, program, options, system=system)


@pytest.mark.parametrize("system", [System.LINUX, System.MACOS])
def test_ibcs_script_on_posix(system: System, tmp_path: Path) -> None:
    launch = through_ibc(system, tmp_path)
    home = tmp_path / ("home/me" if system is System.LINUX else "Users/me")
    assert launch.argv == (
        "bash",
        str(tmp_path / "opt/ibc/scripts/ibcstart.sh"),
        "1040" if system is System.LINUX else "10.40",
        "-g",
        f"--tws-path={home / ('Jts' if system is System.LINUX else 'Applications')}",
        f"--ibc-path={tmp_path / 'opt/ibc'}",
        f"--ibc-ini={tmp_path / 'x.ini'}",
        f"--java-path={tmp_path / 'jre'}",
        "--mode=paper",
        "--on2fatimeout=exit",
    )
    assert launch.adds == {"IBC_VRSN": "3.24.1", "DISPLAY": ":1"}
    assert "through IBC 3.24.1" in launch.what


def test_ibcs_script_on_windows(tmp_path: Path) -> None:
    launch = through_ibc(System.WINDOWS, tmp_path)
    assert launch.argv[:2] == ("cmd.exe", "/c")
    assert launch.argv[2].endswith("StartIBC.bat")
    assert launch.argv[3:5] == ("1040", "/Gateway")
    assert f"/Config:{tmp_path / 'x.ini'}" in launch.argv
    assert "/Mode:paper" in launch.argv


def test_tws_is_started_without_the_gateways_flag(tmp_path: Path) -> None:
    found = installed(System.LINUX, tmp_path)
    assert found.ibc is not None
    options = IbcOptions(wanted="tws", mode="live", ini=tmp_path / "x.ini")
    launch = launch_through_ibc(found.ibc, found.programs[0], options, system=System.LINUX)
    assert "-g" not in launch.argv
    assert "--mode=live" in launch.argv


@pytest.mark.parametrize("system", [*System])
def test_a_bare_program(system: System, tmp_path: Path) -> None:
    program = choose(installed(system, tmp_path), "gateway", None, through_ibc=False)
    launch = launch_bare(program, system=system)
    assert launch.argv[-1] == str(program.starter)
    assert (launch.argv[0] == "open") is (system is System.MACOS)
    assert launch.kind == "bare"


@given(
    st.dictionaries(st.text(max_size=8) | st.sampled_from(["PATH", *LOGIN_VARIABLES]), st.text()),
    st.sampled_from(sorted(LOGIN_VARIABLES)),
)
def test_no_login_is_handed_on(environ: dict[str, str], name: str) -> None:
    launch = Launch(kind="bare", argv=("x",), adds={"DISPLAY": ":1"})
    handed = launch.environment({**environ, name: "hunter2", name.lower(): "hunter2"})
    assert not LOGIN_VARIABLES & {one.upper() for one in handed}
    assert handed["DISPLAY"] == ":1"
    kept = {one: text for one, text in environ.items() if one.upper() not in LOGIN_VARIABLES}
    assert {**kept, "DISPLAY": ":1"} == handed
