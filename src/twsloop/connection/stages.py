"""Where a connection goes to, and what each stage of making it says when it fails."""

from __future__ import annotations

import errno
import re
import socket
from typing import Any

import attrs

from twsloop.errors import (
    ClientIdInUse,
    ConnectionFailed,
    FramingError,
    HandshakeClosed,
    HandshakeError,
    HandshakeTimeout,
    ReadyTimeout,
    ServerVersionError,
    TcpFailed,
    TcpRefused,
    TcpTimeout,
)
from twsloop.wire.handshake import ServerHello, parse_server_hello

__all__ = ["VERSIONS", "Target", "was_refused", "why"]

#: The server versions whose messages we can read and write (design 4.3).
VERSIONS = range(100, 226)


@attrs.frozen
class Target:
    """Where to connect, as whom, and offering which versions."""

    host: str
    port: int
    client_id: int
    max_version: int = 225
    options: str = ""

    @property
    def _where(self) -> dict[str, Any]:
        return {"host": self.host, "port": self.port, "client_id": self.client_id}

    # ---- TCP -----------------------------------------------------------------------------

    def tcp_late(self, seconds: float) -> TcpTimeout:
        """No TCP connection in time."""
        return TcpTimeout(
            f"no TCP connection within {seconds:g} s: is the host up, and not behind a firewall?",
            **self._where,
        )

    def name_late(self, seconds: float) -> TcpTimeout:
        """The host's name was not found in time."""
        return TcpTimeout(
            f"the name was not resolved within {seconds:g} s: is the name server reachable?",
            **self._where,
        )

    def tcp_failed(self, error: OSError) -> TcpFailed:
        """The system could not make the TCP connection."""
        refused = was_refused(error)
        if refused:
            text = (
                "connection refused: nothing listens there. Start TWS or IB Gateway, enable its "
                "API ('ActiveX and Socket Clients'), and check the port"
            )
        elif isinstance(error, socket.gaierror):
            text = f"unknown host: {error.strerror or error}"
        else:
            text = f"cannot connect: {error.strerror or error}"
        return (TcpRefused if refused else TcpFailed)(text, **self._where)

    # ---- the hello -----------------------------------------------------------------------

    def hello_late(self, seconds: float) -> HandshakeTimeout:
        """TCP stands, and the gateway is silent."""
        return HandshakeTimeout(
            f"it accepted the connection but said no hello within {seconds:g} s: is it still at "
            "its login, or is this another program's port?",
            **self._where,
        )

    def read_hello(self, body: bytes) -> ServerHello:
        """The gateway's hello.

        Raises:
            HandshakeClosed: It is none.
            ServerVersionError: Its version is none that we speak.
        """
        try:
            hello = parse_server_hello(body)
        except HandshakeError as error:
            text = f"what listens there does not speak the TWS protocol: {error}"
            raise HandshakeClosed(text, **self._where) from error
        if hello.server_version not in VERSIONS:
            raise ServerVersionError(
                f"the gateway answers with server version {hello.server_version}; twsloop speaks "
                f"{VERSIONS[0]} to {VERSIONS[-1]}",
                **self._where,
            )
        return hello

    # ---- after it ------------------------------------------------------------------------

    def closed(self, reason: str) -> HandshakeClosed:
        """The link ended before the session was ready."""
        return HandshakeClosed(f"before the session was ready: {reason}", **self._where)

    def not_ready(self, missing: list[str], seconds: float) -> ReadyTimeout:
        """What a session needs did not come in time."""
        what = " and ".join(missing) or "what the program asks for at its start"
        return ReadyTimeout(
            f"connected, but {what} did not come within {seconds:g} s: does the gateway wait for "
            "a login, or for its dialog to be answered?",
            **self._where,
        )

    def id_in_use(self) -> ClientIdInUse:
        """Error 326."""
        return ClientIdInUse(
            f"client id {self.client_id} is in use (326): by another program, or by a session of "
            "ours that died, until the gateway notices. End that program, or choose another client "
            "id for one of the two",
            **self._where,
        )

    def given_up(self, reason: str) -> ConnectionFailed:
        """We were told to stop while the connection was being made."""
        return ConnectionFailed(f"{reason} while connecting", **self._where)


def was_refused(error: OSError) -> bool:
    """Whether nobody listens: at the address, or at none of the several that a name has."""
    if isinstance(error, ConnectionRefusedError):
        return True
    # asyncio tells several failed addresses in one text, and gives that error no number.
    codes = set(re.findall(r"\[Errno (\d+)\]", str(error))) if error.errno is None else set()
    return codes == {str(errno.ECONNREFUSED)}


def why(error: BaseException | None) -> str:
    """Why a link ended, in words."""
    if error is None:
        return "the gateway closed the link"
    if isinstance(error, ConnectionResetError):
        return "the gateway reset the link"
    if isinstance(error, FramingError):
        return f"what came is not the TWS protocol ({error}); is this another program's port?"
    return f"the link was lost ({error})"
