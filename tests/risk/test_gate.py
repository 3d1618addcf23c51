"""The gate: each check lets pass what it should, and refuses the rest with its numbers."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import pytest

from tests.risk.support import ACCOUNT, NOON, Kept, Row, Seen, World, aapl, eurusd
from twsloop.config import Config, ConnectionParams, LiveParams, OrderParams
from twsloop.contracts.builders import future, option, stock
from twsloop.orders.builders import limit_order, market_order, stop_order
from twsloop.risk.gate import RiskGate


def buy(size: Any = 100, price: Any = "100") -> Any:
    return limit_order("BUY", size, price)


def sell(size: Any = 100, price: Any = "100") -> Any:
    return limit_order("SELL", size, price)


def failed(gate: Any, proposal: Any) -> tuple[str, str]:
    """The name and the text of what refuses an order; two empty texts if nothing does."""
    found = gate.review(proposal).failed
    return ("", "") if found is None else (found.name, found.text)


def test_without_limits_only_the_mode_and_the_switches_are_looked_at() -> None:
    world = World()
    verdict = world.gate().review(world.propose())
    assert verdict.allowed
    assert [check.name for check in verdict.checks] == ["mode", "orders_enabled", "kill_switch"]
    assert verdict.correlation_id == "order-0-2"


# ---------------------------------------------------------------------------- mode and gates
@pytest.mark.parametrize(
    ("mode", "account", "passes"),
    [("paper", "DU1", True), ("paper", "U1", False), ("live", "U12", True), ("live", "DU1", False)],
)
def test_mode_and_account_agree(mode: Any, account: str, passes: bool, tmp_path: Path) -> None:
    override = tmp_path / "yes"
    override.touch()
    world = World()
    config = Config(
        connection=ConnectionParams(mode=mode),
        orders=OrderParams(enabled=True),
        live=LiveParams(override_file=override, account_prefix="U1"),
    )
    verdict = world.gate(config).review(world.propose(account=account))
    assert verdict.allowed is passes
    if not passes:
        assert verdict.reason.startswith("mode: the mode is ")
        assert account not in verdict.reason


def test_live_gates_are_looked_at_for_each_order(tmp_path: Path) -> None:
    override = tmp_path / "yes"
    override.touch()
    world = World()
    gate = world.gate(
        Config(
            connection=ConnectionParams(mode="live"),
            orders=OrderParams(enabled=True),
            live=LiveParams(override_file=override, account_prefix="U1"),
        )
    )
    assert gate.review(world.propose(account="U1")).allowed
    override.unlink()
    name, text = failed(gate, world.propose(account="U1"))
    assert name == "live_gates"
    assert "does not exist" in text


def test_disabled_orders_are_refused_in_a_preview() -> None:
    world = World()
    gate = world.gate(Config(orders=OrderParams(enabled=False)))
    assert gate.preview(world.propose()).reason.startswith("orders_enabled: ")


def test_the_kill_switch_lets_only_smaller_orders_pass() -> None:
    world = World(switch="engaged by api: enough", held=[Row(aapl(), Decimal(100))])
    gate = world.gate()
    assert failed(gate, world.propose()) == ("kill_switch", "engaged by api: enough")
    assert failed(gate, world.propose(order=sell()))[0] == "kill_switch"
    smaller = world.propose(kind="modify", order=buy(50), in_force=buy(100))
    assert gate.review(smaller).allowed
    closing = world.propose(order=market_order("SELL", 100), by_kill_switch=True)
    assert gate.review(closing).allowed
    too_much = world.propose(order=market_order("SELL", 1), by_kill_switch=True)
    assert failed(gate, too_much)[0] == "kill_switch"
    # What it closes was asked of the gateway: that nobody told the gate keeps nothing open.
    world.held = None
    limited = world.gate(max_quantity=10, max_daily_loss=1)
    closing = world.propose(order=market_order("SELL", 100), by_kill_switch=True)
    assert limited.review(closing).allowed
    assert failed(limited, world.propose(order=market_order("SELL", 5)))[0] == "kill_switch"


def test_what_is_attached_to_a_refused_order_is_refused() -> None:
    world = World()
    gate = world.gate(max_quantity=10)
    parent = world.propose()
    assert failed(gate, parent)[0] == "max_quantity"
    child = sell(5)
    child.parentId = parent.order_id
    assert failed(gate, world.propose(order=child))[0] == "parent"
    assert gate.review(world.propose(order=buy(10), order_id=parent.order_id)).allowed
    assert gate.review(world.propose(order=child)).allowed


def test_no_entry_leaves_without_its_stop() -> None:
    world = World()
    gate = world.gate(collar_percent=5)
    entry, stop, target = buy(), stop_order("SELL", 100, "130"), sell(100, "110")
    entry.transmit = stop.transmit = False  # the last one lets all of them go
    parent = world.propose(order=entry)
    assert gate.review(parent).allowed
    stop.parentId = target.parentId = parent.order_id
    wrong = world.propose(order=stop)
    assert failed(gate, wrong)[0] == "collar_percent"
    assert failed(gate, world.propose(order=target)) == (
        "parent",
        f"another order that is attached to order {parent.order_id} was refused",
    )
    stop.auxPrice = 95.0
    assert gate.review(world.propose(order=stop, order_id=wrong.order_id)).allowed
    assert gate.review(world.propose(order=target)).allowed
    # They have left: what is refused now holds nothing back.
    gate.note(Kept(parent.order_id, aapl(), entry), world.at)
    late = stop_order("SELL", 100, "130")
    late.parentId = parent.order_id
    assert failed(gate, world.propose(order=late))[0] == "collar_percent"
    late.auxPrice = 94.0
    assert gate.review(world.propose(order=late)).allowed


# ------------------------------------------------------------------------------------- lists
@pytest.mark.parametrize(
    ("limits", "contract", "passes"),
    [
        ({"accounts": (ACCOUNT.lower(),)}, aapl(), True),
        ({"accounts": ("DU1",)}, aapl(), False),
        ({"symbols": ("aapl", "EUR.USD")}, aapl(), True),
        ({"symbols": ("AAPL", "EUR.USD")}, eurusd(), True),
        ({"symbols": ("EUR.USD",)}, aapl(), False),
        ({"sec_types": ("STK",)}, aapl(), True),
        ({"sec_types": ("STK",)}, eurusd(), False),
        ({"currencies": ("EUR",)}, aapl(), False),
        ({"currencies": ("usd",)}, aapl(), True),
    ],
)
def test_lists_of_what_is_allowed(limits: Any, contract: Any, passes: bool) -> None:
    world = World()
    verdict = world.gate(**limits).review(world.propose(contract))
    assert verdict.allowed is passes
    assert ACCOUNT not in verdict.reason
    if not passes:
        assert f"is not among [risk] {next(iter(limits))}" in verdict.reason


def test_the_symbol_of_a_combination_says_nothing_of_its_legs() -> None:
    contract = aapl()
    contract.secType = "BAG"
    world = World()
    assert failed(world.gate(symbols=("AAPL",)), world.propose(contract))[0] == "symbols"
    assert "combination" in failed(world.gate(max_position=1000), world.propose(contract))[1]
    assert world.gate(sec_types=("BAG",)).review(world.propose(contract)).allowed


@pytest.mark.parametrize(
    "limit", ["max_position", "max_gross_exposure", "max_open_orders", "max_daily_loss"]
)
def test_an_order_for_no_account_passes_no_limit_of_an_account(limit: str) -> None:
    world = World(profit=Decimal(0))
    limits: dict[str, Any] = {limit: 10_000}
    gate = world.gate(**limits)
    text = "the order names no account, and the limit is one of an account"
    assert failed(gate, world.propose(account="")) == (limit, text)
    assert gate.review(world.propose(order=buy(1))).allowed


def test_a_size_that_is_none_is_refused_where_it_counts() -> None:
    world = World()
    order = buy()
    order.totalQuantity = Decimal(-100)
    assert "size is not known" in failed(world.gate(max_quantity=10), world.propose(order=order))[1]


# ---------------------------------------------------------------------------------- how often
def test_orders_in_a_second_a_minute_and_a_day() -> None:
    world = World()
    gate = world.gate(orders_per_second=2, orders_per_minute=3, orders_per_day=4)
    for _ in range(2):
        assert gate.review(world.propose()).allowed
    assert failed(gate, world.propose()) == (
        "orders_per_second",
        "with this one there would be 3 orders, above the limit of 2",
    )
    world.wait(1.0)
    assert gate.review(world.propose()).allowed
    assert failed(gate, world.propose())[0] == "orders_per_minute"
    world.wait(60.0)
    assert gate.review(world.propose()).allowed
    world.wait(60.0)
    assert failed(gate, world.propose())[0] == "orders_per_day"
    smaller = world.propose(kind="modify", order=buy(50), in_force=buy(100))
    assert gate.review(smaller).allowed
    world.wait(86400.0)
    assert gate.review(world.propose()).allowed


def test_the_count_of_the_day_goes_on_after_a_restart() -> None:
    world = World()
    gate = world.gate(orders_per_day=10)
    gate.memory.of_day.restore(gate.today(world.now), 10)
    assert failed(gate, world.propose())[0] == "orders_per_day"


def test_the_same_order_again() -> None:
    world = World()
    gate = world.gate(duplicate_window=5)
    first = world.propose()
    assert gate.review(first).allowed
    world.wait(4.0)
    assert failed(gate, world.propose()) == ("duplicate_window", "the same order left 4.00 s ago")
    assert gate.review(world.propose(order=buy(101))).allowed
    assert gate.review(world.propose(order=buy(price="100.01"))).allowed
    assert gate.review(world.propose(order=sell())).allowed
    assert gate.review(world.propose(account="DU2")).allowed
    world.wait(1.0)
    assert gate.review(world.propose()).allowed


def test_an_order_that_never_left_is_no_duplicate() -> None:
    world = World()
    gate = world.gate(duplicate_window=5)
    first = world.propose()
    gate.review(first)
    kept = Kept(first.order_id, first.contract, first.order, status="NOT_SENT", final=True)
    gate.note(kept, world.at)
    assert gate.review(world.propose()).allowed


# ----------------------------------------------------------------------------------- amounts
def test_size_and_value_of_one_order() -> None:
    world = World()
    gate = world.gate(max_quantity=100, max_notional=10_000)
    verdict = gate.review(world.propose())
    assert verdict.allowed
    by_name = {check.name: check for check in verdict.checks}
    assert (by_name["max_quantity"].value, by_name["max_quantity"].limit) == (
        Decimal(100),
        Decimal(100),
    )
    assert by_name["max_notional"].value == Decimal(10_000)
    assert failed(gate, world.propose(order=buy(101)))[0] == "max_quantity"
    assert failed(gate, world.propose(order=buy(price="100.01"))) == (
        "max_notional",
        "its value is 10001, above the limit of 10000",
    )


def test_what_an_order_without_a_price_is_worth_needs_a_fresh_quote() -> None:
    world = World()
    gate = world.gate(max_notional=10_010)
    assert gate.review(world.propose(order=market_order("BUY", 100))).allowed
    assert failed(gate, world.propose(order=market_order("BUY", 101)))[0] == "max_notional"
    # A limit to sell at 1 may be filled at the bid.
    assert failed(gate, world.propose(order=sell(101, "1")))[0] == "max_notional"
    world.quote = Seen(age=31)
    assert failed(gate, world.propose(order=market_order("BUY", 1))) == (
        "max_notional",
        "its value depends on the market, and the quote is 31.0 s old, more than 30 s",
    )
    assert gate.review(world.propose(order=buy(1))).allowed
    world.quote = None
    assert "there is no quote" in failed(gate, world.propose(order=sell(1)))[1]


def test_values_are_converted_or_refused() -> None:
    world = World(base="EUR", rates={("USD", "EUR"): Decimal("0.5")})
    gate = world.gate(max_notional=5000)
    assert gate.review(world.propose()).allowed
    world.rates.clear()
    assert failed(gate, world.propose()) == (
        "max_notional",
        "there is no exchange rate from USD to EUR",
    )
    world.base = ""
    assert "set [risk] currency" in failed(gate, world.propose())[1]
    assert world.gate(max_notional=10_000, currency="USD").review(world.propose()).allowed


def test_the_multiplier_counts_and_has_to_be_known() -> None:
    world = World()
    gate = world.gate(max_notional=50_000)
    contract = future("ES", "202612", "CME")
    assert "the multiplier is not known" in failed(gate, world.propose(contract, buy(1, "1000")))[1]
    contract.multiplier = "50"
    assert gate.review(world.propose(contract, buy(1, "1000"))).allowed
    assert failed(gate, world.propose(contract, buy(2, "1000")))[0] == "max_notional"


def test_working_orders_of_the_same_side_count() -> None:
    world = World()
    gate = world.gate(max_position=250)
    assert gate.review(world.propose()).allowed
    assert gate.review(world.propose()).allowed
    assert failed(gate, world.propose()) == (
        "max_position",
        "the position with all working orders would be 300 units, above the limit of 250",
    )
    assert gate.review(world.propose(order=sell(250))).allowed
    assert failed(gate, world.propose(order=sell(1)))[0] == "max_position"


def test_a_position_counts_and_has_to_be_known() -> None:
    world = World(held=None)
    gate = world.gate(max_position=250)
    assert failed(gate, world.propose()) == ("max_position", "the positions are not known yet")
    world.held = [Row(aapl(), Decimal(151)), Row(eurusd(), Decimal(10_000))]
    assert failed(gate, world.propose())[0] == "max_position"
    assert gate.review(world.propose(order=sell(401))).allowed
    assert failed(world.gate(max_position=250), world.propose(order=sell(402)))[0] == "max_position"


def test_an_order_by_symbol_and_one_by_id_are_in_one_position() -> None:
    world = World(held=[Row(aapl(), Decimal(100))])
    gate = world.gate(max_position=200)
    assert gate.review(world.propose(stock("AAPL"))).allowed
    assert failed(gate, world.propose(aapl(), buy(1)))[0] == "max_position"


def test_what_only_closes_passes_limits_that_were_exceeded() -> None:
    world = World(held=[Row(aapl(), Decimal(1000))])
    gate = world.gate(max_quantity=10, max_notional=10, max_position=10, max_gross_exposure=10)
    verdict = gate.review(world.propose(order=market_order("SELL", 600)))
    assert verdict.allowed
    texts = {check.name: check.text for check in verdict.checks if check.text}
    assert texts == dict.fromkeys(("max_quantity", "max_notional"), "it only closes a position") | {
        "max_gross_exposure": "it only closes a position"
    }
    # The rest of it may be closed, and not one share more.
    assert failed(gate, world.propose(order=sell(401)))[0] == "max_quantity"
    assert gate.review(world.propose(order=sell(400))).allowed
    assert failed(gate, world.propose(order=sell(1)))[0] == "max_notional"


def test_a_bracket_is_closed_by_its_children() -> None:
    world = World()
    gate = world.gate(max_position=100, max_quantity=100)
    parent = world.propose()
    assert gate.review(parent).allowed
    for child in (sell(100, "110"), stop_order("SELL", 100, "90")):
        child.parentId = parent.order_id
        assert gate.review(world.propose(order=child)).allowed
    assert failed(gate, world.propose(order=buy(1)))[0] == "max_position"
    assert gate.review(world.propose(order=sell(100))).allowed


def test_orders_of_one_group_count_once() -> None:
    world = World()
    gate = world.gate(max_position=100)
    for _ in range(3):
        order = buy()
        order.ocaGroup = "one"
        assert gate.review(world.propose(order=order)).allowed
    assert failed(gate, world.propose(order=buy(1)))[0] == "max_position"


def test_what_is_filled_counts_as_position_at_once() -> None:
    world = World()
    gate = world.gate(max_position=100)
    first = world.propose()
    assert gate.review(first).allowed
    done = Kept(first.order_id, aapl(), first.order, status="Filled", final=True)
    done.filled = Decimal(100)
    gate.note(done, world.at)  # the position is not reported yet
    assert failed(gate, world.propose(order=buy(1)))[0] == "max_position"
    world.held = [Row(aapl(), Decimal(100))]
    assert failed(gate, world.propose(order=buy(1)))[0] == "max_position"
    assert gate.review(world.propose(order=sell(100))).allowed


def test_an_order_that_is_over_makes_room() -> None:
    world = World()
    gate = world.gate(max_position=100, max_open_orders=1)
    first = world.propose()
    assert gate.review(first).allowed
    assert failed(gate, world.propose(order=buy(1)))[0] == "max_open_orders"
    gate.note(Kept(first.order_id, aapl(), first.order, status="UNCERTAIN", final=True), world.at)
    assert failed(gate, world.propose(order=buy(1)))[0] == "max_open_orders"
    gate.note(Kept(first.order_id, aapl(), first.order, status="Cancelled", final=True), world.at)
    assert gate.review(world.propose()).allowed


def test_a_change_counts_as_the_larger_one_until_it_is_confirmed() -> None:
    world = World()
    gate = world.gate(max_position=100)
    first = world.propose()
    assert gate.review(first).allowed
    smaller = world.propose(
        order_id=first.order_id, kind="modify", order=buy(40, "101"), in_force=first.order
    )
    assert gate.review(smaller).allowed
    assert failed(gate, world.propose(order=buy(1)))[0] == "max_position"
    kept = Kept(first.order_id, aapl(), smaller.order, before_change=first.order)
    gate.note(kept, world.at)
    assert failed(gate, world.propose(order=buy(1)))[0] == "max_position"
    kept.before_change = None  # confirmed
    gate.note(kept, world.at)
    assert gate.review(world.propose(order=buy(60))).allowed
    larger = world.propose(
        order_id=first.order_id, kind="modify", order=buy(41, "101"), in_force=smaller.order
    )
    assert failed(gate, larger)[0] == "max_position"


def test_an_order_made_by_hand_counts_once_when_it_is_bound() -> None:
    world = World()
    gate = world.gate(max_position=150)
    by_hand = Kept(0, aapl(), buy(), perm_id=77)
    by_hand.order.account = ACCOUNT
    gate.note(by_hand, world.at)
    assert failed(gate, world.propose(order=buy(51)))[0] == "max_position"
    by_hand.order_id = -5
    gate.note(by_hand, world.at)
    assert gate.review(world.propose(order=buy(50))).allowed
    assert failed(gate, world.propose(order=buy(1)))[0] == "max_position"


def test_an_order_by_cash_is_as_large_as_the_lowest_price_makes_it() -> None:
    world = World(quote=Seen(bid=50.0, ask=100.0, last=80.0))
    gate = world.gate(max_quantity=100, max_notional=5000)
    order = market_order("BUY", 1)
    order.totalQuantity, order.cashQty = Decimal(0), 5000.0
    assert gate.review(world.propose(order=order)).allowed
    order = market_order("BUY", 1)
    order.totalQuantity, order.cashQty = Decimal(0), 5000.5
    assert failed(gate, world.propose(order=order))[0] == "max_quantity"
    world.quote = None
    assert "needs a fresh quote" in failed(gate, world.propose(order=order))[1]


def test_an_exercise_opens_what_it_costs() -> None:
    contract = option("AAPL", "20261218", 150, "C")
    contract.conId, contract.multiplier = 1234, "100"
    world = World(held=[Row(contract, Decimal(10))])
    gate = world.gate(max_notional=50_000)
    closing = market_order("SELL", 10)
    assert gate.review(world.propose(contract, closing)).allowed  # 100.1 a share, but it closes
    gate = world.gate(max_notional=50_000)
    closing.orderType = "EXERCISE"
    assert failed(gate, world.propose(contract, closing)) == (
        "max_notional",
        "its value is 150000, above the limit of 50000",
    )
    closing.orderType = "LAPSE"
    assert gate.review(world.propose(contract, closing)).allowed


def test_an_offset_is_no_price() -> None:
    world = World()
    order = buy(100)
    order.orderType, order.auxPrice, order.lmtPrice = "REL", 0.01, 0.0
    gate = world.gate(max_notional=5000)
    assert failed(gate, world.propose(order=order))[0] == "max_notional"
    order.orderType, order.auxPrice = "TRAIL", 0.5
    assert failed(gate, world.propose(order=order))[0] == "max_notional"


def test_limits_of_a_symbol_and_of_an_account() -> None:
    world = World()
    gate = world.gate(
        max_quantity=50,
        symbol_limits=("AAPL:max_quantity=200", "EUR.USD:max_quantity=100000"),
        account_limits=(f"{ACCOUNT}:max_quantity=150",),
    )
    assert gate.review(world.propose(order=buy(150))).allowed
    assert failed(gate, world.propose(order=buy(151)))[0] == "max_quantity"
    assert gate.review(world.propose(eurusd(), buy(100_000, "1.1"), account="DU2")).allowed
    assert failed(gate, world.propose(stock("MSFT"), buy(51)))[0] == "max_quantity"


def test_gross_exposure_adds_up_all_that_may_be_held() -> None:
    world = World(held=[Row(eurusd(), Decimal(-1000))], marks={eurusd().conId: Decimal("1.2")})
    gate = world.gate(max_gross_exposure=11_200)
    assert gate.review(world.propose()).allowed
    assert failed(gate, world.propose(order=buy(1))) == (
        "max_gross_exposure",
        "the account's exposure would be 11300, above the limit of 11200",
    )
    # What is held is worth what the market pays, however low the limit of the order is.
    world.held = [Row(aapl(), Decimal(1000))]
    gate = world.gate(max_gross_exposure=100_000, max_position_value=100_000)
    text = "the value of that position would be 100200.1, above the limit of 100000"
    assert failed(gate, world.propose(order=buy(1, "0.01"))) == ("max_position_value", text)
    world.marks[aapl().conId] = Decimal("99.8")
    assert gate.review(world.propose(order=buy(1, "0.01"))).allowed


def test_concentration_and_buying_power_need_the_account() -> None:
    world = World()
    gate = world.gate(max_concentration=50, max_buying_power=100)
    assert failed(gate, world.propose())[1] == "the account's net liquidation is not known"
    world.values["NetLiquidation"] = Decimal(20_000)
    assert failed(gate, world.propose())[1] == "the account's buying power is not known"
    world.values["BuyingPower"] = Decimal(10_000)
    assert gate.review(world.propose()).allowed
    assert failed(gate, world.propose(order=buy(1)))[0] == "max_concentration"
    assert failed(gate, world.propose(eurusd(), buy(1, "1.1")))[0] == "max_buying_power"


def test_a_what_if_counts_where_there_is_one() -> None:
    world = World(values={"AvailableFunds": Decimal(500)})
    gate = world.gate()
    assert gate.preview(world.propose(margin=Decimal(500))).allowed
    assert failed(gate, world.propose(margin=Decimal(501)))[0] == "margin"


# ------------------------------------------------------------------------------------- market
@pytest.mark.parametrize(
    ("quote", "text"),
    [
        (None, "there is no quote"),
        (Seen(age=30.1), "the quote is 30.1 s old"),
        (Seen(stale=True), "before an interruption"),
        (Seen(market_data_type=3), "delayed or frozen"),
        (Seen(halted=1.0), "trading is halted"),
        (Seen(bid=None), "has no bid"),
        (Seen(ask=None), "has no ask"),
        (Seen(bid=100.2), "crossed: bid 100.2, ask 100.1"),
    ],
)
def test_a_quote_that_is_of_no_use(quote: Any, text: str) -> None:
    world = World(quote=quote)
    assert text in failed(world.gate(require_quote=True), world.propose())[1]
    assert text in failed(world.gate(collar_percent=1), world.propose())[1]
    assert world.gate().review(world.propose()).allowed


@pytest.mark.parametrize(
    ("order", "passes"),
    [
        (buy(price="101.10"), True),  # ask 100.1 and 1 %
        (buy(price="101.11"), False),
        (buy(price="1"), True),
        (sell(price="98.91"), True),  # bid 99.9 and 1 %
        (sell(price="98.89"), False),
        (sell(price="1000"), True),
        (stop_order("BUY", 1, "99.2"), True),
        (stop_order("BUY", 1, "99.0"), False),
        (stop_order("SELL", 1, "100.8"), True),
        (stop_order("SELL", 1, "101"), False),
        (market_order("BUY", 1), True),
    ],
)
def test_a_collar_in_percent(order: Any, passes: bool) -> None:
    world = World()
    verdict = world.gate(collar_percent=1).review(world.propose(order=order))
    assert verdict.allowed is passes, verdict.reason


def test_a_collar_in_ticks() -> None:
    world = World()
    gate = world.gate(collar_ticks=5)
    assert gate.review(world.propose(order=buy(price="100.15"))).allowed
    assert failed(gate, world.propose(order=buy(price="100.16"))) == (
        "collar_ticks",
        "its price is through the market by 6 ticks, above the limit of 5",
    )
    assert world.quote is not None
    world.quote.min_tick = None
    assert "increment is not known" in failed(gate, world.propose(order=buy(price="100.15")))[1]


def test_hours_and_restarts() -> None:
    world = World()
    gate = world.gate(trading_hours="liquid", before_restart=10)
    assert "its hours are not known" in failed(gate, world.propose())[1]
    world.open = False
    assert failed(gate, world.propose()) == ("trading_hours", "outside of its liquid hours")
    world.open = True
    assert gate.review(world.propose()).allowed
    world.restart = NOON + timedelta(minutes=10)
    assert failed(gate, world.propose()) == (
        "before_restart",
        "a planned restart begins in 10.0 minutes",
    )
    world.restart = NOON + timedelta(minutes=10, seconds=1)
    assert gate.review(world.propose()).allowed


# --------------------------------------------------------------------------------------- days
def test_the_loss_of_a_day() -> None:
    world = World(held=[Row(aapl(), Decimal(100))])
    gate = world.gate(max_daily_loss=1000)
    assert "the day's profit is not known" in failed(gate, world.propose())[1]
    world.profit = Decimal("-999.99")
    assert gate.review(world.propose()).allowed
    world.profit = Decimal(-1000)
    assert failed(gate, world.propose())[0] == "max_daily_loss"
    assert gate.review(world.propose(order=sell(100))).allowed


def test_the_fall_from_the_days_best() -> None:
    world = World(profit=Decimal(500))
    gate = world.gate(max_drawdown=600)
    gate.memory.days.note(ACCOUNT, Decimal(500), gate.today(world.now))
    world.profit = Decimal("-99.99")
    assert gate.review(world.propose()).allowed
    world.profit = Decimal(-100)
    assert failed(gate, world.propose())[0] == "max_drawdown"
    world.wait(86400)
    assert gate.review(world.propose()).allowed


def test_the_broker_tells_how_many_day_trades_remain() -> None:
    world = World(values={"DayTradesRemaining": Decimal(-1)}, held=[Row(aapl(), Decimal(100))])
    gate = world.gate()
    assert gate.review(world.propose()).allowed
    world.values["DayTradesRemaining"] = Decimal(0)
    assert failed(gate, world.propose())[0] == "day_trading"
    assert gate.review(world.propose(order=sell(100))).allowed
    assert gate.review(world.propose(eurusd(), buy(1, "1.1"))).allowed
    assert world.gate(day_trading="off").review(world.propose()).allowed


def test_the_classic_rule_is_for_accounts_that_are_named() -> None:
    world = World(values={"NetLiquidation": Decimal(24_999)})
    gate = world.gate(classic_day_trading=(ACCOUNT,))
    assert "five business days is not known" in failed(gate, world.propose())[1]
    world.day_trades = 2
    assert gate.review(world.propose()).allowed
    world.day_trades = 3
    assert failed(gate, world.propose())[0] == "classic_day_trading"
    assert gate.review(world.propose(account="DU2")).allowed
    world.values["NetLiquidation"] = Decimal(25_000)
    assert gate.review(world.propose()).allowed


# ------------------------------------------------------------------------------------- errors
@pytest.mark.parametrize("source", ["details", "positions", "kill_switch", "account_value"])
def test_a_source_that_raises_refuses_the_order(source: str) -> None:
    def broken(*_args: Any) -> Any:
        raise KeyError("broken")

    world = World()
    sources = attrs.evolve(world.sources, **{source: broken})
    gate = RiskGate(Config(), sources)
    reason = gate.review(world.propose()).reason
    assert "it could not be judged: KeyError('broken')" in reason
    assert gate.memory.working.count(ACCOUNT) == 0
