"""What is in the wheel, and that every package of the tree is named in setup.cfg."""

from __future__ import annotations

import configparser
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


#: What a checkout gathers beside the project, where git is not there to tell.
MADE = {".venv", ".venvs", "build", "dist", "_build", "generated", "__pycache__"}


def tracked() -> list[Path]:
    """The files of the project: what git knows, or would; without git, all but what was made."""
    try:
        listed = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT, capture_output=True, text=True, check=True,
        )  # fmt: skip
    except (OSError, subprocess.CalledProcessError):
        found = [path.relative_to(ROOT) for path in ROOT.rglob("*") if path.is_file()]
        return [
            name
            for name in found
            if not MADE.intersection(name.parts)
            and not any(part.startswith(".") or part.endswith("-info") for part in name.parts)
        ]
    return [Path(name) for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel, built from a copy of the project, as a user's installer would build it."""
    copy = tmp_path_factory.mktemp("project")
    for name in tracked():
        target = copy / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target)
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", "dist", "."],
        cwd=copy, capture_output=True, text=True, check=True, timeout=300,
    )  # fmt: skip
    (built,) = (copy / "dist").glob("*.whl")
    return zipfile.ZipFile(built)


@pytest.mark.timeout(300)
def test_the_wheel_holds_what_users_need(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    for wanted in (
        "gateway_cli.py",
        "api_client/__init__.py",
        "api_client/py.typed",
        "twsloop/__init__.py",
        "twsloop/py.typed",
        "twsloop/error_codes.csv",
        "twsloop/gateway/__init__.py",
        "twsloop/paper/__init__.py",
    ):
        assert wanted in names
    (entry_points,) = [name for name in names if name.endswith("entry_points.txt")]
    assert b"twsloop = gateway_cli:main" in wheel.read(entry_points)


@pytest.mark.timeout(300)
def test_the_wheel_holds_every_module_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    packed = {name for name in wheel.namelist() if ".dist-info/" not in name}
    expected = {
        name.as_posix().removeprefix("src/")
        for name in tracked()
        if name.parts[0] in {"src", "api_client"} or name.as_posix() == "gateway_cli.py"
    }
    assert packed == expected


def test_ibapi_is_never_vendored() -> None:
    # IB's own licence header, in two pieces so that this file does not hold it.
    header = "subject to the terms\n and conditions of " + "the IB API"
    for name in tracked():
        assert not name.name.endswith(("_pb2.py", ".proto"))
        if name.suffix == ".py":
            assert header not in (ROOT / name).read_text()


def test_no_path_of_a_machine_is_in_the_project() -> None:
    homes = ("/ro" + "ot/", "/wo" + "rk/", "/ho" + "me/")
    for name in tracked():
        if name.suffix in {".py", ".md", ".cfg", ".toml", ".ini", ".example", ""}:
            text = (ROOT / name).read_text()
            for home in homes:
                assert home not in text, f"{name} holds {home}"


def test_setup_cfg_names_every_package() -> None:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    named = set(parser["options"]["packages"].split())
    found = {
        ".".join(name.parent.parts).removeprefix("src.")
        for name in tracked()
        if name.name == "__init__.py" and name.parts[0] in {"src", "api_client"}
    }
    assert named == found
