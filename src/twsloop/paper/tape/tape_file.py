"""Tapes as files: written line by line, gzipped by their suffix, read with the line of an error.

A line that was written and flushed is in the file, so a recorder that is killed loses nothing but
the line it was writing. A gzipped tape is flushed to a point from which it can be read, too; the
end that a killed recorder did not write is missing, and not missed.
"""

from __future__ import annotations

import codecs
import errno
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from twsloop.errors import TapeError
from twsloop.wire.tape import Entry, Header, Tape, dump_entry, dump_header, read_tape

__all__ = ["TapeWriter", "load_tape", "read_lines", "write_tape"]

GZIP_MAGIC = b"\x1f\x8b"
#: zlib's parameter for "gzip, with the largest window".
GZIP_WINDOW = 31
#: Bytes read at a time.
CHUNK = 1 << 16


def _why(error: OSError) -> str:
    if error.errno == errno.ENOSPC:
        return "the disk is full"
    return (error.strerror or str(error)).lower()


class TapeWriter:
    """Writes a tape to a file.

    Args:
        path: The file; gzipped when its name ends with ``.gz``.
        header: The first line.
        replace: Whether a file that is there already is written over.

    Raises:
        TapeError: It is there already, or cannot be written.
    """

    def __init__(self, path: Path, header: Header, *, replace: bool = False) -> None:
        self.path = path
        self.entries = 0
        self._waiting: list[str] = []
        self._gzip = zlib.compressobj(wbits=GZIP_WINDOW) if path.suffix == ".gz" else None
        try:
            self._file = path.open("wb" if replace else "xb", buffering=0)
        except FileExistsError as error:
            raise TapeError("the file is there already", file=str(path)) from error
        except OSError as error:
            raise TapeError(f"cannot be written: {_why(error)}", file=str(path)) from error
        self._waiting.append(dump_header(header))
        try:
            self.flush()
        except TapeError:
            self._file.close()
            raise

    def write(self, entry: Entry) -> None:
        """Add a line; `flush` puts it into the file."""
        self._waiting.append(dump_entry(entry))
        self.entries += 1

    def flush(self) -> None:
        """Put what was added into the file.

        Raises:
            TapeError: The disk is full, or the file has gone.
        """
        data = "".join(self._waiting).encode()
        self._waiting.clear()
        if self._gzip is not None:
            data = self._gzip.compress(data) + self._gzip.flush(zlib.Z_SYNC_FLUSH)
        self._put(data)

    def close(self) -> None:
        """Write what is left, and close. Idempotent.

        Raises:
            TapeError: What is left cannot be written.
        """
        if self._file.closed:
            return
        try:
            self.flush()
            if self._gzip is not None:
                self._put(self._gzip.flush())
        finally:
            self._file.close()

    def abandon(self) -> None:
        """Close without writing what is left."""
        self._file.close()

    def _put(self, data: bytes) -> None:
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except (OSError, ValueError) as error:
            why = _why(error) if isinstance(error, OSError) else "it is closed"
            raise TapeError(f"cannot be written any more: {why}", file=str(self.path)) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def write_tape(path: Path, header: Header, entries: Iterable[Entry], *, replace: bool) -> None:
    """Write a whole tape.

    Raises:
        TapeError: It cannot be written.
    """
    with TapeWriter(path, header, replace=replace) as writer:
        for entry in entries:
            writer.write(entry)


def read_lines(path: Path) -> Iterator[str]:
    """The lines of a text file, each with its newline; gzip is told by its first bytes.

    A gzip stream that ends early gives what came before its end.

    Raises:
        TapeError: It cannot be read, is broken inside, or is no UTF-8.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    rest, number = "", 0
    try:
        for data in _chunks(path):
            *whole, rest = (rest + decoder.decode(data)).split("\n")
            for line in whole:
                number += 1
                yield f"{line}\n"
        try:
            rest += decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            rest += "\ufffd"  # cut in the midst of a character: this line is broken
    except OSError as error:
        raise TapeError(f"cannot be read: {_why(error)}", file=str(path)) from error
    except zlib.error as error:
        raise TapeError(
            f"the compressed data is broken: {error}", file=str(path), line=number + 1
        ) from error
    except UnicodeDecodeError as error:
        raise TapeError("no text in UTF-8", file=str(path), line=number + 1) from error
    if rest:
        yield rest


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        data = file.read(CHUNK)
        unpack = zlib.decompressobj(wbits=GZIP_WINDOW) if data[:2] == GZIP_MAGIC else None
        while data:
            yield data if unpack is None else unpack.decompress(data)
            data = file.read(CHUNK)


def load_tape(path: Path) -> Tape:
    """Read a tape.

    Raises:
        TapeError: It cannot be read; the error names the line.
    """
    return read_tape(read_lines(path), str(path))
