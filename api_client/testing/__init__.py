"""A server that speaks the Options Flow Monitor's contract, for tests and for trying things out.

It needs aiohttp, which comes with the extra ``test``. Standalone::

    python -m api_client.testing --port 0
"""

from __future__ import annotations

try:
    from . import faults
    from .server import ReferenceServer, Seen, ServerOptions
except ModuleNotFoundError as error:
    if error.name != "aiohttp":
        raise
    raise ModuleNotFoundError(
        "api_client.testing needs aiohttp, which is not installed: pip install 'twsloop[test]'",
        name="aiohttp",
    ) from None

__all__ = ["ReferenceServer", "Seen", "ServerOptions", "faults"]
