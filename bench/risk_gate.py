"""How long the risk gate takes for one order.

Twelve checks are switched on, with numbers behind each of them: a position in the contract, other
positions, working orders. An order is judged and let pass, is reported by the gateway and ends, so
that the same number of orders works all the time; only the judging is measured. The garbage
collector runs as it does in a program.

::

    python bench/risk_gate.py                   20 working orders and 5 positions, and a few more
    python bench/risk_gate.py --orders 50000
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import sys
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

from ibapi.contract import Contract
from ibapi.order import Order

from twsloop.risk.case import Proposal
from twsloop.risk.gate import RiskGate

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.risk.support import ACCOUNT, NOON, Kept, Row, Seen, World  # noqa: E402

#: The goal for twelve checks, microseconds.
GOAL = 30.0

#: What is switched on, check by check; the first three are always made.
TWELVE: dict[str, Any] = {
    # mode, orders_enabled, kill_switch
    "accounts": (ACCOUNT,),
    "sec_types": ("STK",),
    "orders_per_second": 1_000_000,
    "duplicate_window": 0.001,
    "collar_percent": 5.0,
    "max_quantity": 1000.0,
    "max_notional": 1e6,
    "max_position": 1e6,
    "max_daily_loss": 1e5,
    "day_trading": "off",
}
#: And all that there is, but for the classic rule of day trading.
ALL: dict[str, Any] = TWELVE | {
    "symbols": tuple(f"S{n}" for n in range(100)),
    "currencies": ("USD",),
    "orders_per_minute": 10_000_000,
    "orders_per_day": 10_000_000,
    "require_quote": True,
    "collar_ticks": 1e5,
    "max_open_orders": 100_000,
    "max_position_value": 1e9,
    "max_gross_exposure": 1e9,
    "max_concentration": 1e4,
    "max_buying_power": 100.0,
    "max_drawdown": 1e5,
    "before_restart": 5.0,
    "trading_hours": "liquid",
    "breaker_rejects": 10,
    "day_trading": "broker",
}


def share(number: int) -> Contract:
    """A made-up share."""
    contract = Contract()
    contract.conId, contract.symbol, contract.secType = 800_000 + number, f"S{number}", "STK"
    contract.exchange, contract.currency = "SMART", "USD"
    return contract


def limit(price: float) -> Order:
    """An order to buy."""
    order = Order()
    order.action, order.orderType, order.lmtPrice = "BUY", "LMT", price
    order.totalQuantity = Decimal(100)
    return order


def gate_with(limits: dict[str, Any], positions: int) -> RiskGate:
    """A gate that knows what a program that trades would know."""
    rich = Decimal(10**9)
    world = World(
        quote=Seen(age=0.2),
        held=[Row(share(n), Decimal(100)) for n in range(positions)],
        values={"NetLiquidation": rich, "BuyingPower": rich, "DayTradesRemaining": Decimal(-1)},
        marks={share(n).conId: Decimal(100) for n in range(positions)},
        profit=Decimal(-100),
        open=True,
    )
    return world.gate(**limits)


def measure(limits: dict[str, Any], *, working: int, positions: int, orders: int) -> dict[str, Any]:
    """Judge so many orders, one after the other; seconds of each."""
    gate = gate_with(limits, positions)
    contracts = [share(n) for n in range(max(positions, 10))]
    waiting: list[Kept] = []
    times: list[int] = []
    checks = 0
    for number in range(1, orders + working + 1):
        contract = contracts[number % len(contracts)]
        order = limit(90.0 + number % 1000 / 100)
        at = number * 0.01
        proposal = Proposal(
            order_id=number,
            contract=contract,
            order=order,
            account=ACCOUNT,
            now=NOON,
            monotonic=at,
        )
        began = time.perf_counter_ns()
        verdict = gate.review(proposal)
        ended = time.perf_counter_ns()
        assert verdict.allowed, verdict.reason
        checks = len(verdict.checks)
        kept = Kept(number, contract, order)
        waiting.append(kept)
        if number <= working:
            continue
        times.append(ended - began)
        gone = waiting.pop(0)
        gone.status, gone.final = "Cancelled", True
        gate.note(gone, at)
    times.sort()
    return {
        "checks": checks,
        "working": working,
        "positions": positions,
        "orders": orders,
        "p50_us": statistics.median(times) / 1000,
        "p99_us": times[int(len(times) * 0.99)] / 1000,
        "max_us": times[-1] / 1000,
    }


def main() -> None:
    """Measure, print, and keep the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--orders", type=int, default=20_000, help="orders of each measurement")
    parser.add_argument("--json", type=Path, default=Path(__file__).with_suffix(".json"))
    given = parser.parse_args()
    runs = [
        ({"day_trading": "off"}, 20, 5),
        (TWELVE, 0, 0),
        (TWELVE, 20, 5),
        (TWELVE, 500, 50),
        (ALL, 20, 5),
        (ALL, 200, 20),
    ]
    rows = [
        measure(limits, working=working, positions=positions, orders=given.orders)
        for limits, working, positions in runs
    ]
    print(f"{'checks':>6} {'working':>8} {'positions':>10} {'p50 µs':>8} {'p99 µs':>8}")
    for row in rows:
        print(
            f"{row['checks']:>6} {row['working']:>8} {row['positions']:>10} "
            f"{row['p50_us']:>8.1f} {row['p99_us']:>8.1f}"
        )
    told = rows[2]
    word = "met" if told["p50_us"] <= GOAL else "MISSED"
    print(f"goal: {told['checks']} checks in {GOAL:.0f} µs (p50): {word}")
    report = {"python": platform.python_version(), "goal_us": GOAL, "rows": rows}
    given.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
