"""A journal that cannot be written: its file by its rights, or the whole disk."""

from __future__ import annotations

import contextlib
import functools
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["become_nobody", "impossible", "taken_away"]

#: An ordinary user: rights stop nobody who is root.
USER = "nobody"


@functools.cache
def impossible(before: str) -> str:
    """Why something cannot be done here; empty if it can."""
    if before == "read_only_file" and os.geteuid() == 0:
        try:
            pwd.getpwnam(USER)
        except KeyError:
            return f"rights do not stop root, and there is no user {USER}"
    if before == "read_only_disk":
        if os.geteuid() != 0 or shutil.which("mount") is None:
            return "only root can mount a disk that cannot be written"
        with tempfile.TemporaryDirectory() as folder:
            try:
                with _read_only_disk(Path(folder)):
                    pass
            except subprocess.CalledProcessError as error:
                return f"no disk can be mounted here: {error.stderr.strip()}"
    return ""


@contextmanager
def taken_away(before: str, folder: Path) -> Iterator[None]:
    """Let a folder be read-only for a while, if that is what happens before a client starts."""
    if before == "read_only_file":
        with _read_only_files(folder):
            yield
    elif before == "read_only_disk":
        with _read_only_disk(folder):
            yield
    else:
        yield


@contextmanager
def _read_only_files(folder: Path) -> Iterator[None]:
    owner = pwd.getpwnam(USER).pw_uid if os.geteuid() == 0 else os.geteuid()
    changed = [(one, one.stat()) for one in (*folder.iterdir(), folder)]
    for one, _ in changed:
        os.chown(one, owner, -1)
        one.chmod(0o500 if one is folder else 0o400)
    try:
        yield
    finally:
        for one, was in reversed(changed):
            with contextlib.suppress(FileNotFoundError):  # another client's, which is gone
                os.chown(one, was.st_uid, -1)
                one.chmod(was.st_mode)


@contextmanager
def _read_only_disk(folder: Path) -> Iterator[None]:
    _run("mount", "--bind", str(folder), str(folder))
    try:
        _run("mount", "-o", "remount,ro,bind", str(folder))
        yield
    finally:
        _run("umount", "--lazy", str(folder))


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True)


def become_nobody() -> None:
    """Let this process be an ordinary user's, if it is root's."""
    if os.geteuid() == 0:
        user = pwd.getpwnam(USER)
        os.setgroups([])
        os.setgid(user.pw_gid)
        os.setuid(user.pw_uid)
