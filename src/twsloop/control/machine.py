"""This machine: its files, its system, and the processes that we start on it."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from twsloop.connection.processes import Process, is_alive, process_of
from twsloop.errors import ControlError, GatewayEnded

from .launch import Launch
from .locate import Surroundings, System

__all__ = [
    "Child",
    "RealDisk",
    "end",
    "is_here",
    "lives",
    "private_file",
    "private_folder",
    "spawn",
    "this_machine",
    "touch",
]

#: How long a connection to a port of this machine may take, seconds.
TOUCH = 2.0
#: What only its owner may read: files, and folders.
_FILE_MODE, _FOLDER_MODE = 0o600, 0o700


class RealDisk:
    """The file system of this machine, as `locate` looks at it."""

    def is_folder(self, path: Path) -> bool:
        """Whether there is a folder of that name."""
        return path.is_dir()

    def is_file(self, path: Path) -> bool:
        """Whether there is a file of that name."""
        return path.is_file()

    def names(self, folder: Path) -> tuple[str, ...]:
        """What is in a folder, by name; nothing of one that cannot be read."""
        try:
            return tuple(sorted(one.name for one in folder.iterdir()))
        except OSError:
            return ()

    def text(self, path: Path) -> str:
        """What a file holds; nothing of one that cannot be read."""
        try:
            return path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""


def this_machine() -> Surroundings:
    """What has to be known of this machine."""
    name = {"win32": System.WINDOWS, "darwin": System.MACOS}.get(sys.platform, System.LINUX)
    drive = os.environ.get("SYSTEMDRIVE", "C:") + "\\" if name is System.WINDOWS else "/"
    return Surroundings(system=name, home=Path.home(), root=Path(drive))


def is_here(host: str) -> bool:
    """Whether a host is this machine: one of its own addresses, by which it may be called."""
    with contextlib.suppress(OSError):
        for family, kind, _, _, address in socket.getaddrinfo(host, None, type=socket.SOCK_DGRAM):
            with contextlib.suppress(OSError), socket.socket(family, kind) as one:
                one.bind((*address[:1], 0, *address[2:]))
                return True
    return False


def touch(address: tuple[str, int]) -> bool:
    """Whether a port accepts connections; nothing is said on it."""
    with contextlib.suppress(OSError), socket.create_connection(address, timeout=TOUCH):
        return True
    return False


def private_folder(path: Path) -> Path:
    """A folder that only its owner can read; made where it is missing.

    Raises:
        ControlError: It cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True, mode=_FOLDER_MODE)
        path.chmod(_FOLDER_MODE)
    except OSError as error:
        raise ControlError(
            f"the folder {path} cannot be made: {error.strerror or error}",
            remedy="name another one with [control] folder",
        ) from error
    return path


def private_file(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read, whole or not at all.

    Raises:
        ControlError: It cannot be written.
    """
    beside = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        with contextlib.suppress(FileNotFoundError):
            beside.unlink()
        # Never readable by others, not even for the moment before a chmod.
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _FILE_MODE)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        beside.replace(path)
    except OSError as error:
        raise ControlError(f"{path} cannot be written: {error.strerror or error}") from error


class Child(subprocess.Popen[bytes]):
    """A process that we started, and that lives on without us."""

    def __del__(self) -> None:
        """Nothing to warn of: it is meant to go on."""


def spawn(launch: Launch, log: Path, environ: Mapping[str, str]) -> tuple[Child, Process]:
    """Start a process that lives on without us; what it says goes to ``log``.

    Args:
        launch: What.
        log: The file; what was in it goes.
        environ: Our environment; what of the login is in it is left out.

    Returns:
        Its handle, and who it is.

    Raises:
        GatewayEnded: It cannot be started.
    """
    private_file(log, b"")
    apart: dict[str, object] = {"start_new_session": True}
    if sys.platform == "win32":
        flags = subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP
        apart = {"creationflags": flags}
    try:
        with log.open("ab") as output:
            process = Child(  # type: ignore[call-overload]
                launch.argv,
                env=launch.environment(environ),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                close_fds=True,
                **apart,
            )
    except OSError as error:
        problem = f"{launch.argv[0]} cannot be started: {error.strerror or error}"
        raise GatewayEnded(problem, remedy="look at [control] and at what is installed") from error
    return process, process_of(process.pid)


def lives(process: Process) -> bool:
    """Whether a process that we started once still lives; where nobody can tell, by its id."""
    alive = is_alive(process)
    if alive is not None:
        return alive
    if process.node != process_of(os.getpid()).node:
        return False  # of another machine, or of this one before it was started anew
    try:
        os.kill(process.pid, 0)
    except PermissionError:
        return True
    except OSError:
        return False
    return True


def end(process: Process, *, by_force: bool = False) -> None:
    """Tell a process, and all that it started, to end; nothing happens to one that is gone.

    Args:
        process: Which.
        by_force: With a signal that it cannot hear.
    """
    if not lives(process):
        return
    if sys.platform == "win32":
        _end_on_windows(process.pid, by_force=by_force)
        return
    number = signal.SIGKILL if by_force else signal.SIGTERM
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if by_force:
            os.killpg(process.pid, number)  # it leads a session of its own: with its children
        else:
            os.kill(process.pid, number)  # IBC's script hands it on to the program


def _end_on_windows(pid: int, *, by_force: bool) -> None:
    command = ("taskkill", "/PID", str(pid), "/T", *(("/F",) if by_force else ()))
    subprocess.run(command, check=False, capture_output=True)  # noqa: S603
