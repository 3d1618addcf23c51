"""What tests of the paper gateway's server share."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

from tests.support.wireclient import WireClient
from twsloop.paper import PaperGateway

__all__ = ["AAPL", "ORDER", "VERSIONS", "D", "connect", "settled"]

D = Decimal
VERSIONS = [157, 176, 178, 200, 225]
AAPL: dict[str, Any] = {
    "symbol": "AAPL",
    "secType": "STK",
    "currency": "USD",
    "exchange": "SMART",
}
ORDER: dict[str, Any] = {
    "action": "BUY",
    "totalQuantity": "100",
    "orderType": "MKT",
    "tif": "DAY",
    "transmit": True,
}


def connect(gateway: PaperGateway, version: int = 225, client_id: int = 1) -> WireClient:
    return WireClient(gateway.host, gateway.port, version=version, client_id=client_id)


async def settled(gateway: PaperGateway, *, clients: int) -> None:
    """Wait until the gateway knows of so many clients."""
    async with asyncio.timeout(10):
        while len(gateway.clients) != clients:
            await asyncio.sleep(0)
