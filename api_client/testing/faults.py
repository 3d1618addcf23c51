"""What can go wrong on the way to an answer, on demand.

A fault stands in a queue of the server's, by path; a request that meets one gets it instead of its
answer. Each is made by a function of this module::

    server.faults.add("/trades", cut())                 # the next request of /trades
    server.faults.add("*", rate_limited(reset=2), 10)   # the next ten, whatever they ask
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web

__all__ = [
    "Fault",
    "Faults",
    "altered",
    "body",
    "cut",
    "drip",
    "drop",
    "envelope",
    "huge",
    "named",
    "rate_limited",
    "redirect",
    "silent",
]

Answer = Callable[[], dict[str, Any]]
Fault = Callable[[web.Request, Answer], Awaitable[web.StreamResponse]]
_JSON = "application/json"


class Faults:
    """The queues. Safe to fill from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._queues: dict[str, deque[Fault]] = {}

    def add(self, path: str, fault: Fault, times: int = 1) -> None:
        """Let the next requests of a path (``/trades``; ``*`` is any) meet a fault."""
        with self._lock:
            self._queues.setdefault(path, deque()).extend([fault] * times)

    def next(self, path: str) -> Fault | None:
        """Take the fault that a request of this path shall meet, if any."""
        with self._lock:
            for name in (path, "*"):
                queue = self._queues.get(name)
                if queue:
                    return queue.popleft()
        return None

    def clear(self) -> None:
        """Forget all."""
        with self._lock:
            self._queues.clear()


def _error(code: int, text: str, message: str | None) -> dict[str, Any]:
    found = {"status": "error", "error": text, "code": code}
    return found if message is None else {**found, "message": message}


def envelope(
    code: int, text: str = "made to fail", *, status: int | None = None, message: str | None = None
) -> Fault:
    """An error envelope; under the HTTP status of its code, or under another."""

    async def answer(_: web.Request, __: Answer) -> web.StreamResponse:
        return web.json_response(
            _error(code, text, message), status=code if status is None else status
        )

    return answer


def rate_limited(
    reset: float | str | None, *, status: int = 429, name: str = "X-RateLimit-Reset"
) -> Fault:
    """429 with its headers; ``reset`` None leaves the reset out."""

    async def answer(_: web.Request, __: Answer) -> web.StreamResponse:
        headers = {"X-RateLimit-Limit": "15", "X-RateLimit-Remaining": "0"}
        if reset is not None:
            headers[name] = f"{reset}"
        return web.json_response(
            _error(429, "rate limit exceeded", None), status=status, headers=headers
        )

    return answer


def body(content: bytes, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Fault:
    """Any bytes as the body."""

    async def answer(_: web.Request, __: Answer) -> web.StreamResponse:
        return web.Response(
            body=content, status=status, headers={"Content-Type": _JSON, **(headers or {})}
        )

    return answer


def altered(change: Callable[[dict[str, Any]], object]) -> Fault:
    """The true answer's ``data``, changed in place."""

    async def answer(_: web.Request, right: Answer) -> web.StreamResponse:
        data = json.loads(json.dumps(right()))
        change(data)
        return web.json_response({"status": "success", "data": data})

    return answer


def redirect(location: str, status: int = 302, *, echo: bool = False) -> Fault:
    """A redirect; ``echo`` hangs the request's query on it, as careless services do."""

    async def answer(request: web.Request, _: Answer) -> web.StreamResponse:
        target = f"{location}?{request.rel_url.raw_query_string}" if echo else location
        return web.Response(status=status, headers={"Location": target})

    return answer


def drop() -> Fault:
    """The connection ends without a byte of answer."""

    async def answer(request: web.Request, _: Answer) -> web.StreamResponse:
        if request.transport is not None:
            request.transport.abort()
        return web.Response()

    return answer


def cut(after: int = 20) -> Fault:
    """The connection ends in the middle of the body."""

    async def answer(request: web.Request, right: Answer) -> web.StreamResponse:
        content = json.dumps({"status": "success", "data": right()}).encode()
        response = web.StreamResponse(headers={"Content-Type": _JSON})
        response.content_length = len(content)
        await response.prepare(request)
        await response.write(content[:after])
        if request.transport is not None:
            request.transport.close()
        return response

    return answer


def drip(pause: float, piece: int = 1) -> Fault:
    """The body comes a few bytes at a time, with a pause after each."""

    async def answer(request: web.Request, right: Answer) -> web.StreamResponse:
        content = json.dumps({"status": "success", "data": right()}).encode()
        response = web.StreamResponse(headers={"Content-Type": _JSON})
        response.content_length = len(content)
        await response.prepare(request)
        for start in range(0, len(content), piece):
            await response.write(content[start : start + piece])
            await asyncio.sleep(pause)
        return response

    return answer


def silent(seconds: float) -> Fault:
    """Nothing for a while, then the true answer."""

    async def answer(_: web.Request, right: Answer) -> web.StreamResponse:
        await asyncio.sleep(seconds)
        return web.json_response({"status": "success", "data": right()})

    return answer


def huge(size: int) -> Fault:
    """A body of so many bytes, without a length in its header."""

    async def answer(request: web.Request, _: Answer) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": _JSON})
        await response.prepare(request)
        await response.write(b'{"status": "success", "data": "')
        sent, piece = 0, b"x" * 65536
        while sent < size:
            await response.write(piece)
            sent += len(piece)
        await response.write(b'"}')
        return response

    return answer


def named(text: str) -> tuple[str, Fault, int]:
    """Read a fault from a command line: ``PATH=NAME[:NUMBER][*TIMES]``, e.g. ``/trades=429:2*3``.

    Names are an error code (``429:SECONDS``, ``500``, ...), ``drop``, ``cut``, ``drip:SECONDS``,
    ``silent:SECONDS``, ``huge:BYTES``, ``garbage``, ``redirect``.

    Raises:
        ValueError: It cannot be read.
    """
    path, equals, rest = text.partition("=")
    what, _, times = rest.partition("*")
    name, _, number = what.partition(":")
    amount = float(number) if number else None
    makers: Mapping[str, Callable[[], Fault]] = {
        "drop": drop,
        "cut": cut,
        "garbage": lambda: body(b"<html>it works!</html>"),
        "redirect": lambda: redirect("https://example.com/elsewhere"),
        "drip": lambda: drip(0.1 if amount is None else amount),
        "silent": lambda: silent(3600.0 if amount is None else amount),
        "huge": lambda: huge(100_000_000 if amount is None else int(amount)),
        "429": lambda: rate_limited(amount),
    }
    if not equals or (name not in makers and not name.isdigit()):
        raise ValueError(f"a fault is PATH=NAME[:NUMBER][*TIMES]: {text!r}")
    maker = makers.get(name, lambda: envelope(int(name)))
    where = path if path == "*" else f"/{path.strip('/')}"
    return where, maker(), int(times) if times else 1
