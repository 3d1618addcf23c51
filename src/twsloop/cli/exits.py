"""The exit codes of the command line, in one table, and which error ends with which."""

from __future__ import annotations

from enum import IntEnum

from twsloop import errors

__all__ = ["MEANINGS", "Exit", "describe_exits", "exit_of", "sentence_of"]


class Exit(IntEnum):
    """How a command ended. Scripts may rely on the numbers."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    CONFIG = 3
    REFUSED = 4
    SILENT = 5
    CLIENT_ID = 6
    NO_SESSION = 7
    BLOCKED = 8
    LOST = 9
    NO_ANSWER = 10
    REQUEST = 11
    ORDER = 12
    ORDER_OPEN = 13
    STORAGE = 14
    PAPER = 15


#: What each code means, for ``--help`` and the documentation.
MEANINGS: dict[Exit, str] = {
    Exit.DONE: "done; also after Ctrl-C and SIGTERM",
    Exit.FAILED: "failed; the message says why",
    Exit.USAGE: "the command line cannot be read",
    Exit.CONFIG: "a setting is wrong",
    Exit.REFUSED: "no TCP connection: refused, unreachable, or unknown host",
    Exit.SILENT: "connected, but the gateway says nothing (login or dialog open?)",
    Exit.CLIENT_ID: "the client id is used by another program",
    Exit.NO_SESSION: "the gateway closed the link, or never became ready",
    Exit.BLOCKED: "live trading without every gate open",
    Exit.LOST: "the session was lost",
    Exit.NO_ANSWER: "no answer in time",
    Exit.REQUEST: "the gateway refused a request, or knows no such contract",
    Exit.ORDER: "the order was refused, rejected or cancelled",
    Exit.ORDER_OPEN: "the order is still open after --timeout",
    Exit.STORAGE: "the database file cannot be used",
    Exit.PAPER: "the paper gateway cannot listen, or cannot read its data",
}

#: The first match counts, so the special come before the general.
_BY_ERROR: tuple[tuple[type[BaseException], Exit], ...] = (
    (errors.ConfigError, Exit.CONFIG),
    (errors.TcpFailed, Exit.REFUSED),
    (errors.TcpTimeout, Exit.REFUSED),
    (errors.HandshakeTimeout, Exit.SILENT),
    (errors.ClientIdInUse, Exit.CLIENT_ID),
    (errors.LiveTradingBlocked, Exit.BLOCKED),
    (errors.ConnectionFailed, Exit.NO_SESSION),
    (errors.SessionError, Exit.LOST),
    (errors.RequestTimeout, Exit.NO_ANSWER),
    (TimeoutError, Exit.NO_ANSWER),
    (errors.RequestError, Exit.REQUEST),
    (errors.SymbolError, Exit.USAGE),
    (errors.ContractError, Exit.REQUEST),
    (errors.OrderError, Exit.ORDER),
    (errors.StorageError, Exit.STORAGE),
    (errors.PaperError, Exit.PAPER),
)


def exit_of(error: BaseException) -> Exit:
    """The exit code of a command that ended with this error."""
    return next((code for kind, code in _BY_ERROR if isinstance(error, kind)), Exit.FAILED)


def sentence_of(error: BaseException) -> str:
    """What to tell a person: the error's own sentence, and what can be done where we know."""
    text = str(error) or type(error).__name__
    if isinstance(error, errors.TcpFailed):
        return f"{text}\nTry --paper to start a paper gateway of twsloop's own."
    if isinstance(error, errors.ClientIdInUse):
        return f"{text}\nChoose another one with --client-id."
    return text


def describe_exits() -> str:
    """The table, a line a code."""
    return "\n".join(f"{code.value:>3}  {text}" for code, text in MEANINGS.items())
