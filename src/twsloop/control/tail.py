"""Reads a log while it grows."""

from __future__ import annotations

from pathlib import Path

__all__ = ["Tail"]

#: So much is read at once; what a login writes is far less.
CHUNK = 1 << 20


class Tail:
    """The lines of a file, each once, as they come.

    Args:
        path: The file; it need not be there yet.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = 0
        self._held = b""

    def lines(self) -> list[str]:
        """The whole lines that have come since the last call."""
        try:
            with self._path.open("rb") as file:
                if self._path.stat().st_size < self._read:  # begun anew
                    self._read, self._held = 0, b""
                file.seek(self._read)
                data = file.read(CHUNK)
        except OSError:
            return []
        self._read += len(data)
        *lines, self._held = (self._held + data).split(b"\n")
        return [line.decode("utf-8", "replace").rstrip("\r") for line in lines]
