"""The links of a connection: how one is made, and how those that are given up end."""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

from twsloop.clock import SystemClock
from twsloop.transport import CLOSE_GRACE, Transport

from .naming import addresses_of, reach
from .stages import Target
from .waits import Waits

__all__ = ["Client", "Closing", "make_link"]


class Client(Protocol):
    """What the lifecycle tells IB's client object."""

    def adopt(self, target: Target, version: int, connection_time: bytes, decoder: Any) -> None:
        """The hello was exchanged: the client is connected."""
        ...

    def begin_api(self) -> None:
        """Send startApi."""
        ...

    def message_done(self) -> None:
        """One message was handed to everyone who hears it."""
        ...

    def closed(self) -> None:
        """The session is over for good: call connectionClosed."""
        ...


async def make_link(transport: Transport, target: Target, waits: Waits, seconds: float) -> None:
    """Make the TCP connection of an attempt.

    Args:
        transport: Told when it stands.
        target: Where to.
        waits: The attempt's.
        seconds: How long it may take, the question for the host's name included.

    Raises:
        OSError: It cannot be made.
        ConnectionFailed: It was not made in time, or the attempt ended.
    """
    clock = waits.clock
    until = clock.monotonic() + seconds
    hosts: tuple[str, ...] = (target.host,)
    try:
        if isinstance(clock, SystemClock):  # where time is a test's, names are the loop's
            asked = addresses_of(target.host, target.port)
            hosts = await waits.within(seconds, asked, lambda: target.name_late(seconds))
        left = max(until - clock.monotonic(), 0.0)
        made = reach(transport, hosts, target.port)
        await waits.within(left, made, lambda: target.tcp_late(seconds))
    except OSError:
        raise
    except BaseException:
        # Interrupted: uvloop then ends a link that stands already without telling its protocol.
        transport.abandon()
        raise


class Closing:
    """Links that were closed, and still hand on what was written to them; loop thread only."""

    def __init__(self) -> None:
        self._links: set[Transport] = set()

    def __len__(self) -> int:
        """How many have not ended."""
        return len(self._links)

    def close(self, link: Transport) -> None:
        """Close a link after what was written has left; one that never stood is let alone."""
        if link.ended is not None:
            if not link.ended.is_set():
                self._links.add(link)
            link.close()

    def ended(self, link: Transport) -> None:
        """A link has ended."""
        self._links.discard(link)

    async def all_ended(self) -> None:
        """Wait for their ends, for a while; then end them."""
        waits = [asyncio.ensure_future(link.ended.wait()) for link in self._links if link.ended]
        if waits:
            await asyncio.wait(waits, timeout=CLOSE_GRACE)
        for link in list(self._links):
            link.abort()
        await asyncio.sleep(0)
        self._links.clear()  # the next loop knows nothing of them
