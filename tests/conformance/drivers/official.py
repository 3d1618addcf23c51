"""Drive IB's own Python client, from 9.81 of 2020 to today's 10.46: one plan for all of them.

The client is used as IB's samples use it: one class of EWrapper and EClient, `run` in a thread of
its own. Every callback that the test judges becomes one JSON line, in the order of the callbacks.
"""

from __future__ import annotations

import argparse
import inspect
import sys
import threading
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from ibapi.execution import ExecutionFilter
from official_app import (  # type: ignore[import-not-found]
    App,
    currency_pair,
    order,
    stock,
)
from official_data import DataApp, run_data  # type: ignore[import-not-found]
from recorder import (  # type: ignore[import-not-found]
    PATIENCE_S,
    Stream,
    Trouble,
    drive,
    line,
)

try:
    from ibapi.order_cancel import OrderCancel
except ImportError:  # older versions' cancelOrder wants none
    OrderCancel = None

DETAILS, SNAPSHOT, SUMMARY, EXECUTIONS, PAIR, FIRST_LINE = 9001, 9002, 9003, 9004, 9005, 1000
TAGS = "NetLiquidation,TotalCashValue,BuyingPower,GrossPositionValue"


def filled(app: App, order_id: int, quantity: int) -> bool:
    """Whether the order is done and every execution of it has been charged."""
    executions = app.execution_ids.get(order_id, set())
    return (
        app.statuses.get(order_id) == "Filled"
        and bool(executions)
        and executions <= app.commissions
    )


def trade(app: App, step: str, contract: Any, wanted: Any) -> None:
    """Place an order that fills, and wait for the last commission report."""
    line("step", name=step)
    order_id = app.next_id
    app.next_id += 1
    app.placeOrder(order_id, contract, wanted)
    app.wait(f"{step} to fill", lambda: filled(app, order_id, wanted.totalQuantity))


def watch(app: App, plan: argparse.Namespace) -> None:
    """Stream several shares until enough ticks of each kind have come; then one snapshot."""
    line("step", name="stream")
    began = time.monotonic()
    symbols = plan.symbols.split(",")
    for number, symbol in enumerate(symbols, FIRST_LINE):
        app.streams[number] = Stream(symbol)
        app.reqMktData(number, stock(symbol), "", False, False, [])
    streams = [app.streams[FIRST_LINE + number] for number in range(len(symbols))]
    basics = {"bid", "ask", "bidSize", "askSize", "last", "lastSize", "volume", "close"}
    app.wait(
        f"{plan.ticks} ticks, and each of {sorted(basics)} of every share",
        lambda: (
            sum(one.count for one in streams) >= plan.ticks
            and all(basics <= set(one.kinds) for one in streams)
        ),
    )
    seconds = time.monotonic() - began
    for number in range(FIRST_LINE, FIRST_LINE + len(symbols)):
        app.cancelMktData(number)
    for stream in streams:
        stream.tell()
    line("streamed", ticks=sum(one.count for one in streams), seconds=round(seconds, 3))
    line("step", name="snapshot")
    app.streams[SNAPSHOT] = Stream(plan.trade)
    app.reqMktData(SNAPSHOT, stock(plan.trade), "", True, False, [])
    app.wait("tickSnapshotEnd", lambda: app.count("tickSnapshotEnd") > 0)
    app.streams[SNAPSHOT].tell()


def trace(app: App, plan: argparse.Namespace) -> None:
    """Watch until as many ticks as there shall be have come, then a little longer."""
    line("step", name="trace")
    for number, symbol in enumerate(plan.symbols.split(","), FIRST_LINE):
        app.streams[number] = Stream(symbol)
        app.reqMktData(number, stock(symbol), "", False, False, [])
    streams = tuple(app.streams.values())
    end = time.monotonic() + 2 * PATIENCE_S
    app.wait("a tick", lambda: not plan.ticks or app.count("tick") > 0)
    line("streaming")
    with app.changed:
        # IB's reader loses what it has read when a burst ends on a multiple of 4096 bytes and
        # nothing follows within a second; so something follows.
        while not app.changed.wait_for(
            lambda: sum(one.count for one in streams) >= plan.ticks, timeout=0.7
        ):
            if time.monotonic() > end or app.count("connectionClosed"):
                raise Trouble(f"{[one.count for one in streams]} of {plan.ticks} ticks came")
            app.reqCurrentTime()
    settle(app)
    for stream in streams:
        stream.tell_all()
    # IB's run() raises when disconnect() comes from another thread while messages wait for it.
    for number in app.streams:
        app.cancelMktData(number)
    settle(app)


def rest_and_cancel(app: App, plan: argparse.Namespace) -> None:
    """A limit far below the market: it rests, is moved, and is cancelled."""
    line("step", name="limit")
    price = round(app.streams[SNAPSHOT].latest["bid"] * 0.5, 2)
    order_id = app.next_id
    app.next_id += 1
    wanted = order("BUY", "LMT", plan.quantity, lmtPrice=price, tif="DAY")
    before = app.count("orderStatus")
    app.placeOrder(order_id, stock(plan.trade), wanted)
    app.wait("the limit order to rest", lambda: app.count("orderStatus") >= before + 1)
    settle(app)
    line("step", name="open orders")
    app.reqOpenOrders()
    app.wait("openOrderEnd", lambda: app.count("openOrderEnd") > 0)
    line("step", name="modify")
    wanted.lmtPrice = round(price + 0.25, 2)
    before = app.count("orderStatus")
    app.placeOrder(order_id, stock(plan.trade), wanted)
    app.wait("the change of the limit", lambda: app.count("orderStatus") >= before + 1)
    settle(app)
    line("step", name="cancel")
    cancel(app, order_id)
    app.wait_for_error(202)


def cancel(app: App, order_id: int) -> None:
    """Cancel an order; there have been three signatures."""
    more = list(inspect.signature(app.cancelOrder).parameters)[1:]
    if not more:
        app.cancelOrder(order_id)
    elif more == ["manualCancelOrderTime"]:
        app.cancelOrder(order_id, "")
    else:
        app.cancelOrder(order_id, OrderCancel())


def leave_bracket(app: App, plan: argparse.Namespace) -> None:
    """Place a bracket far from the market, and leave it working."""
    line("step", name="bracket")
    price = round(app.streams[SNAPSHOT].latest["bid"], 2)
    first = app.next_id
    app.next_id += 3
    members = (
        order("BUY", "LMT", plan.quantity, lmtPrice=round(price * 0.5, 2), transmit=False),
        order("SELL", "LMT", plan.quantity, lmtPrice=round(price * 2, 2), transmit=False),
        order("SELL", "STP", plan.quantity, auxPrice=round(price * 0.25, 2)),
    )
    for number, member in enumerate(members):
        member.tif = "DAY"
        member.parentId = first if number else 0
        app.placeOrder(first + number, stock(plan.trade), member)
    app.wait("the bracket", lambda: first + 2 in app.statuses)
    settle(app)


def settle(app: App) -> None:
    """Wait until the gateway has answered everything asked so far."""
    before = app.count("currentTime")
    app.reqCurrentTime()
    app.wait("currentTime", lambda: app.count("currentTime") > before)


def look_at_account(app: App) -> None:
    """Positions, summary and account values, each to its end marker."""
    line("step", name="account")
    app.reqPositions()
    app.wait("positionEnd", lambda: app.count("positionEnd") > 0)
    app.cancelPositions()
    app.reqAccountSummary(SUMMARY, "All", TAGS)
    app.wait("accountSummaryEnd", lambda: app.count("accountSummaryEnd") > 0)
    app.cancelAccountSummary(SUMMARY)
    app.reqAccountUpdates(True, app.accounts[0])
    app.wait("accountDownloadEnd", lambda: app.count("accountDownloadEnd") > 0)
    app.reqAccountUpdates(False, app.accounts[0])


def run_steps(app: App, plan: argparse.Namespace) -> None:
    """What is done between the start and the end."""
    line("step", name="contract")
    app.reqContractDetails(DETAILS, stock(plan.trade))
    app.wait("contractDetailsEnd", lambda: app.count("contractDetailsEnd") > 0)
    watch(app, plan)
    trade(app, "buy", stock(plan.trade), order("BUY", "MKT", plan.quantity))
    settle(app)
    look_at_account(app)
    rest_and_cancel(app, plan)
    settle(app)
    trade(app, "sell", stock(plan.trade), order("SELL", "MKT", plan.quantity))
    settle(app)
    line("step", name="executions")
    app.reqExecutions(EXECUTIONS, ExecutionFilter())
    app.wait("execDetailsEnd", lambda: app.count("execDetailsEnd") > 0)
    settle(app)
    leave_bracket(app, plan)


def run_again(app: App, plan: argparse.Namespace) -> None:
    """What is done in a second session of the same client id."""
    line("step", name="left")
    app.reqOpenOrders()
    app.wait("openOrderEnd", lambda: app.count("openOrderEnd") > 0)
    parent = min(app.statuses)
    app.reqCompletedOrders(False)
    app.wait("completedOrdersEnd", lambda: app.count("completedOrdersEnd") > 0)
    app.reqExecutions(EXECUTIONS, ExecutionFilter())
    app.wait("execDetailsEnd", lambda: app.count("execDetailsEnd") > 0)
    settle(app)
    line("step", name="what-if")
    before = app.count("openOrder")
    app.placeOrder(app.next_id, stock(plan.trade), order("BUY", "MKT", 100, whatIf=True, tif="DAY"))
    app.next_id += 1
    app.wait("the what-if", lambda: app.count("openOrder") > before)
    settle(app)
    line("step", name="cancel bracket")
    cancel(app, parent)
    app.wait("three times 202", lambda: app.count("error 202") >= 3)
    settle(app)
    trade(app, "big", stock(plan.trade), order("BUY", "MKT", plan.big, tif="DAY"))
    settle(app)
    line("step", name="pair")
    app.streams[PAIR] = Stream("EUR.USD")
    app.reqMktData(PAIR, currency_pair(), "", False, False, [])
    app.wait("both sides of the pair", lambda: {"bid", "ask"} <= set(app.streams[PAIR].kinds))
    app.cancelMktData(PAIR)
    app.streams[PAIR].tell()
    trade(app, "buy pair", currency_pair(), order("BUY", "MKT", 20_000, tif="DAY"))
    settle(app)
    line("step", name="positions")
    app.reqPositions()
    app.wait("positionEnd", lambda: app.count("positionEnd") > 0)
    app.cancelPositions()


def run_plan(plan: argparse.Namespace) -> None:
    """Everything, in order."""
    app = DataApp() if plan.data else App()
    began = time.monotonic()
    line("step", name="start")
    app.connect(plan.host, plan.port, plan.client_id)
    reader = threading.Thread(target=app.run, name="run")
    reader.start()
    try:
        app.wait("managedAccounts", lambda: app.count("managedAccounts") > 0)
        app.wait("nextValidId", lambda: app.count("nextValidId") > 0)
        for notice in (2104, 2106, 2158):
            app.wait_for_error(notice)
        line("started", seconds=round(time.monotonic() - began, 3), version=app.serverVersion())
        if plan.trace:
            trace(app, plan)
        elif plan.data:
            run_data(app, plan)
            settle(app)
        elif plan.again:
            run_again(app, plan)
        else:
            run_steps(app, plan)
        line("step", name="end")
    finally:
        app.disconnect()
        reader.join(PATIENCE_S)
    if reader.is_alive():
        raise Trouble("run() did not return after disconnect()")
    line("modules", twsloop=any(name.split(".")[0] == "twsloop" for name in sys.modules))


if __name__ == "__main__":
    drive(run_plan)
