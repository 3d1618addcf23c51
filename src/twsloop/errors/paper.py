"""What goes wrong with the paper gateway."""

from __future__ import annotations

from .basis import TwsLoopError

__all__ = ["FeedError", "ListenError", "PaperError", "TapeError"]


class PaperError(TwsLoopError):
    """The paper gateway cannot do what was asked."""


class FeedError(PaperError):
    """The market data of a replay cannot be read.

    Args:
        problem: What is wrong.
        file: The file, where known.
        line: The line in it, counted from 1, where known.
    """

    def __init__(self, problem: str, *, file: str | None = None, line: int | None = None) -> None:
        self.problem = problem
        self.file = file
        self.line = line
        super().__init__(problem)

    def __str__(self) -> str:
        """Name file and line, where known."""
        where = ":".join(str(part) for part in (self.file, self.line) if part is not None)
        return f"{where}: {self.problem}" if where else self.problem


class TapeError(PaperError):
    """A tape or a transcript cannot be read or written.

    Args:
        problem: What is wrong.
        file: The file, where known.
        line: The line in it, counted from 1, where known.
    """

    def __init__(self, problem: str, *, file: str | None = None, line: int | None = None) -> None:
        self.problem = problem
        self.file = file
        self.line = line
        super().__init__(problem)

    def __str__(self) -> str:
        """Name file and line, where known."""
        where = ":".join(str(part) for part in (self.file, self.line) if part is not None)
        if self.file is None and self.line is not None:
            where = f"line {where}"
        return f"{where}: {self.problem}" if where else self.problem


class ListenError(PaperError):
    """The port of the paper gateway cannot be opened."""
