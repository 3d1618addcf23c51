"""What is in the wheel, and that every package of the tree is named in setup.cfg."""

from __future__ import annotations

import configparser
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.support.program import environment

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


#: How the file of a compiled part ends, and those that it is made of.
COMPILED = sysconfig.get_config_var("EXT_SUFFIX")
SOURCES_OF_COMPILED = {".pyx", ".pxi"}


def can_compile() -> bool:
    """Whether there is what the compiled parts need."""
    compiler = str(sysconfig.get_config_var("CC") or "cc").split()[0]
    headers = Path(sysconfig.get_path("include"), "Python.h")
    return shutil.which(compiler) is not None and headers.is_file()


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project: what git knows of it."""
    copy = tmp_path_factory.mktemp("project")
    for name in tracked():
        target = copy / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target)
    return copy


@pytest.fixture(scope="module")
def dist(project: Path) -> Path:
    """What ``python -m build`` makes of it: an sdist, and of that the wheel."""
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", "dist", "."],
        # It is not run for its speed, and optimising takes most of the time.
        cwd=project, env={**os.environ, "CFLAGS": "-O0"},
        capture_output=True, text=True, check=True, timeout=300,
    )  # fmt: skip
    return project / "dist"


@pytest.fixture(scope="module")
def wheel(dist: Path) -> zipfile.ZipFile:
    """The wheel."""
    (built,) = dist.glob("*.whl")
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
    packed = {
        name
        for name in wheel.namelist()
        if ".dist-info/" not in name and not name.endswith(COMPILED)
    }
    expected = {
        name.as_posix().removeprefix("src/")
        for name in tracked()
        if name.parts[0] in {"src", "api_client"} or name.as_posix() == "gateway_cli.py"
        if name.suffix not in SOURCES_OF_COMPILED
    }
    assert packed == expected


@pytest.mark.timeout(300)
def test_the_wheel_holds_the_compiled_parts_where_there_is_a_compiler(
    wheel: zipfile.ZipFile,
) -> None:
    if not can_compile():
        pytest.skip("there is no C compiler, or Python's headers are not here")
    packed = {name.partition(".")[0] for name in wheel.namelist() if name.endswith(COMPILED)}
    sources = {name for name in tracked() if name.suffix == ".pyx"}
    assert packed == {name.with_suffix("").as_posix().removeprefix("src/") for name in sources}
    assert not wheel.filename or "none-any" not in wheel.filename


@pytest.mark.timeout(300)
@pytest.mark.parametrize("variable", ["CC=no-such-compiler", "TWSLOOP_COMPILE=no"])
def test_it_installs_without_a_compiler(
    variable: str, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Silently, and then it runs in Python."""
    name, _, value = variable.partition("=")
    monkeypatch.setenv(name, value)
    built = tmp_path / "built"
    ran = subprocess.run(
        [
            sys.executable, "setup.py", "-q", "build", "--build-lib", str(built),
            "--build-temp", str(tmp_path / "temp"),
        ],
        cwd=project, capture_output=True, text=True, check=True, timeout=300,
    )  # fmt: skip
    assert ("no-such-compiler" in ran.stdout + ran.stderr) == (name == "CC")
    assert not list(built.rglob("_*" + COMPILED))
    asked = subprocess.run(
        [sys.executable, "-c", "import twsloop.wire; print(twsloop.wire.IMPLEMENTATION)"],
        cwd=built, env={**environment(tmp_path), "PYTHONPATH": str(built)},
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert asked.stdout == "python\n"


@pytest.mark.timeout(300)
def test_the_sdist_holds_what_a_packager_needs(dist: Path) -> None:
    (built,) = dist.glob("*.tar.gz")
    with tarfile.open(built) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"LICENSE", "README.md", "pyproject.toml", "setup.cfg", "gateway_cli.py"} <= names
    assert "setup.py" in names
    compiled = {name.as_posix() for name in tracked() if name.suffix in SOURCES_OF_COMPILED}
    assert compiled <= names
    assert not any(name.endswith((".c", ".so", ".pyd")) for name in names)


@pytest.mark.docs
@pytest.mark.timeout(600)
def test_it_installs_into_an_empty_environment_and_runs(dist: Path, tmp_path: Path) -> None:
    """As pipx does it: an environment of its own, and of that only the command."""
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", venv], check=True, timeout=120)
    (built,) = dist.glob("*.whl")
    subprocess.run(
        [venv / "bin" / "python", "-m", "pip", "install", "--quiet", built],
        check=True,
        timeout=400,
    )
    home = tmp_path / "home"
    home.mkdir()
    ran = {}
    for arguments in (("--version",), ("--json", "--paper", "demo", "--seconds", "3")):
        ran[arguments[0]] = subprocess.run(
            [venv / "bin" / "twsloop", *arguments], cwd=home, env=environment(home),
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
    assert ran["--version"].stdout.startswith("twsloop, version ")
    assert (ran["--json"].returncode, ran["--json"].stderr) == (0, "")
    summary = json.loads(ran["--json"].stdout.splitlines()[-1])
    assert (summary["event"], summary["ok"]) == ("summary", True)
    listed = subprocess.run(
        [venv / "bin" / "python", "-m", "pip", "list", "--format", "json"],
        check=True, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    installed = {row["name"] for row in json.loads(listed.stdout)}
    assert not installed & {"pytest", "hypothesis", "sphinx", "ruff"}, "only what it needs to run"


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
