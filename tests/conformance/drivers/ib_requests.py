"""The live calls of ib_async's and ib_insync's own suites, each with a patience of its own.

Both projects test their requests against a running gateway: a what-if of a share and of a currency
pair, a what-if of a contract without an exchange (which has to be refused with 321), the account
summary. A line tells how each call ended: with an answer, with a refusal, or not at all.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from recorder import drive, line  # type: ignore[import-not-found]

PATIENCE_S = 3.0


def calls(ib: Any, lib: Any) -> dict[str, Callable[[], Awaitable[Any]]]:
    """The requests by name; calling one begins it."""

    def what_if(contract: Any) -> Callable[[], Awaitable[Any]]:
        return lambda: ib.whatIfOrderAsync(contract, lib.MarketOrder("BUY", 100))

    unknown = lib.Stock("XXX", "SMART", "USD")
    return {
        "what-if of a share": what_if(lib.Stock("MMM", "SMART", "USD")),
        "what-if of a pair": what_if(lib.Forex("EURUSD")),
        "what-if without an exchange": what_if(lib.Stock("XXX")),
        "what-if of nothing": what_if(unknown),
        "account summary": ib.accountSummaryAsync,
        "details of a share": lambda: ib.reqContractDetailsAsync(lib.Stock("MMM", "SMART", "USD")),
        "details of nothing": lambda: ib.reqContractDetailsAsync(unknown),
        "qualify a share": lambda: ib.qualifyContractsAsync(lib.Stock("MMM", "SMART", "USD")),
        "time": ib.reqCurrentTimeAsync,
    }


def told(answer: Any) -> dict[str, Any]:
    """What a test judges of an answer."""
    return {
        "kind": type(answer).__name__,
        "count": len(answer) if isinstance(answer, list) else 1,
        "kinds": sorted({type(one).__name__ for one in answer}) if isinstance(answer, list) else [],
        "commission": getattr(answer, "commission", None),
    }


async def call_all(plan: argparse.Namespace) -> None:
    """One after another; refusals are raised, as the suites want it."""
    lib = importlib.import_module(plan.module)
    ib = lib.IB()
    heard: list[int] = []
    ib.errorEvent += lambda _req_id, code, _text, _contract: heard.append(code)
    await ib.connectAsync(plan.host, plan.port, clientId=plan.client_id)
    ib.RaiseRequestErrors = True
    try:
        for name, begin in calls(ib, lib).items():
            heard.clear()
            try:
                answer = await asyncio.wait_for(begin(), PATIENCE_S)
            except TimeoutError:
                line("call", name=name, end="none", codes=heard)
            except lib.RequestError as error:
                line("call", name=name, end="refused", code=error.code, codes=heard)
            else:
                line("call", name=name, end="answered", codes=heard, **told(answer))
    finally:
        ib.disconnect()


if __name__ == "__main__":
    drive(lambda plan: asyncio.run(call_all(plan)))
