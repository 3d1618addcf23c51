"""The addresses of a host, asked for in a thread that nobody has to wait for.

The system's resolver cannot be interrupted, and an event loop that ends waits for the threads of
its own executor: a name server that does not answer would hold a program for half a minute. So the
question is asked in a daemon thread; whoever gives up just leaves.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Iterable

from .waits import aside

__all__ = ["addresses_of", "reach"]


async def addresses_of(host: str, port: int) -> tuple[str, ...]:
    """The addresses of a host, in the order to try them; at once if it is one already.

    Raises:
        OSError: The name is not known (`socket.gaierror`), or cannot be asked for.
    """
    if _needs_no_question(host):
        return (host,)

    def ask() -> tuple[str, ...]:
        try:
            rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except UnicodeError as error:
            msg = f"no host name: {error}"
            raise OSError(msg) from error
        return tuple(dict.fromkeys(str(row[4][0]) for row in rows))

    return await aside(f"resolve-{host}", ask)


async def reach(protocol: asyncio.BaseProtocol, hosts: Iterable[str], port: int) -> None:
    """Connect to the first of some addresses that can be reached.

    Raises:
        OSError: None can; why the last one could not.
    """
    loop, failed = asyncio.get_running_loop(), OSError("the host has no address")
    for host in hosts:
        try:
            await loop.create_connection(lambda: protocol, host, port)
        except OSError as error:
            failed = error
        else:
            return
    raise failed


def _needs_no_question(host: str) -> bool:
    """Whether it is an address, or a name that the machine knows by itself."""
    if host.lower() == "localhost":
        return True
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
