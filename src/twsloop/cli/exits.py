"""The exit codes of the command line, in one table, and which error ends with which."""

from __future__ import annotations

import errno
from enum import IntEnum

from twsloop import errors

__all__ = [
    "MEANINGS",
    "NOTHING_FITS",
    "Exit",
    "ForeignError",
    "describe_exits",
    "exit_of",
    "name_of",
    "sentence_of",
    "with_exits",
]

#: IB's code for a contract that it does not know.
NOTHING_FITS = 200


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
    KEY = 16
    RATE = 17
    SERVICE = 18
    UNPROTECTED = 19
    DAY_OPEN = 20
    KILLED = 21
    DIFFERENT = 22
    GATEWAY = 23


#: What each code means, for ``--help`` and the documentation.
MEANINGS: dict[Exit, str] = {
    Exit.DONE: "done; also after Ctrl-C and SIGTERM, where nothing is left half done",
    Exit.FAILED: "failed; the message says why",
    Exit.USAGE: "the command line cannot be read",
    Exit.CONFIG: "a setting is wrong",
    Exit.REFUSED: "no connection: refused, unreachable, unknown host, or dropped",
    Exit.SILENT: "connected, but the gateway says nothing (login or dialog open?)",
    Exit.CLIENT_ID: "the client id is used by another program",
    Exit.NO_SESSION: "the gateway closed the link, or never became ready",
    Exit.BLOCKED: "live trading without every gate open",
    Exit.LOST: "the session was lost",
    Exit.NO_ANSWER: "no answer in time",
    Exit.REQUEST: "a request was refused, or there is no such contract or ticker",
    Exit.ORDER: "the order was refused, rejected or cancelled",
    Exit.ORDER_OPEN: "the order is still open after --timeout",
    Exit.STORAGE: "the database file cannot be used",
    Exit.PAPER: "the paper gateway or recorder cannot listen, or cannot use its files",
    Exit.KEY: "the flow service does not accept the API key",
    Exit.RATE: "the flow service's rate limit is reached, also after waiting",
    Exit.SERVICE: "the flow service failed, or its answer cannot be read",
    Exit.UNPROTECTED: "a position, or what is left of an order, is in danger; see the findings",
    Exit.DAY_OPEN: "a step of the end-of-day routine failed; see its report",
    Exit.KILLED: "the kill switch is engaged (kill --status)",
    Exit.DIFFERENT: "the journal and the gateway differ, or cannot be compared; see the rows",
    Exit.GATEWAY: "the gateway's process cannot be started, stopped or asked, or is not ready",
}


class ForeignError(errors.TwsLoopError):
    """An error of a package that knows nothing of twsloop, with the exit code it ends with.

    Args:
        error: What was raised.
        code: How the command ends.
        text: The sentence, if not the error's own.
        hint: What can be done about it.
    """

    def __init__(self, error: BaseException, code: Exit, text: str = "", hint: str = "") -> None:
        super().__init__(text or str(error))
        self.name = type(error).__name__
        self.code = code
        self.hint = hint


#: The first match counts, so the special come before the general.
_BY_ERROR: tuple[tuple[type[BaseException], Exit], ...] = (
    (errors.ConfigError, Exit.CONFIG),
    (errors.TcpFailed, Exit.REFUSED),
    (errors.TcpTimeout, Exit.REFUSED),
    (errors.HandshakeTimeout, Exit.SILENT),
    (errors.ClientIdInUse, Exit.CLIENT_ID),
    (errors.ClientIdLeased, Exit.CLIENT_ID),
    (errors.LiveTradingBlocked, Exit.BLOCKED),
    (errors.ConnectionFailed, Exit.NO_SESSION),
    (errors.SessionError, Exit.LOST),
    (errors.RequestTimeout, Exit.NO_ANSWER),
    (TimeoutError, Exit.NO_ANSWER),
    (errors.RequestError, Exit.REQUEST),
    (errors.SymbolError, Exit.USAGE),
    (errors.HistoryError, Exit.USAGE),
    (errors.ContractError, Exit.REQUEST),
    (errors.OrderError, Exit.ORDER),
    (errors.StorageError, Exit.STORAGE),
    (errors.PaperError, Exit.PAPER),
    (errors.ControlError, Exit.GATEWAY),
)


def exit_of(error: BaseException) -> Exit:
    """The exit code of a command that ended with this error."""
    if isinstance(error, ForeignError):
        return error.code
    return next((code for kind, code in _BY_ERROR if isinstance(error, kind)), Exit.FAILED)


def name_of(error: BaseException) -> str:
    """What kind of error it is, by its class."""
    return error.name if isinstance(error, ForeignError) else type(error).__name__


def sentence_of(error: BaseException) -> str:
    """What to tell a person: the error's own sentence, and what can be done where we know."""
    text = str(error) or type(error).__name__
    if isinstance(error, errors.TcpFailed):
        return f"{text}\nTry --paper to start a paper gateway of twsloop's own."
    if isinstance(error, (errors.ClientIdInUse, errors.ClientIdLeased)):
        return f"{text}\nChoose another one with --client-id."
    if isinstance(error, errors.ListenError) and _in_use(error):
        return (
            f"{text}\nChoose another port (paper --port, record --listen; 0 takes a free one), or "
            "use what runs there already, perhaps another paper gateway: any number of clients can "
            "connect to it."
        )
    if isinstance(error, errors.RequestError) and error.code == NOTHING_FITS:
        return (
            f"{text}\nFind it with `twsloop search`, by its first letters or the company's name; "
            "`twsloop contracts --help` shows how symbols are written."
        )
    if isinstance(error, ForeignError) and error.hint:
        return f"{text}\n{error.hint}"
    return text


def _in_use(error: errors.ListenError) -> bool:
    cause = error.__cause__
    return isinstance(cause, OSError) and cause.errno == errno.EADDRINUSE


def describe_exits(*codes: Exit) -> str:
    """The table, a line a code.

    Args:
        *codes: Only these; all unless given.
    """
    rows = {code: MEANINGS[code] for code in codes} or MEANINGS
    return "\n".join(f"{code.value:>3}  {text}" for code, text in rows.items())


def with_exits(epilog: str, *codes: Exit) -> str:
    """A command's epilog, and below it the codes that this command ends with.

    Args:
        epilog: What ``--help`` ends with, a block of click's that stays as it is written.
        *codes: What the command can end with.
    """
    rows = "\n".join(f"  {line}" for line in describe_exits(*codes).splitlines())
    return f"{epilog.rstrip()}\n\n\b\nExit codes:\n{rows}\n"
