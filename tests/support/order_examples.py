"""One order of every kind that can be built, with the contract it is for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType

from ibapi.contract import Contract
from ibapi.order import Order

from twsloop.contracts import combo, crypto, forex, future, option, stock
from twsloop.orders import algos, attached, attributes, conditions, order_types, pegged
from twsloop.orders.builders import (
    limit_order,
    market_order,
    one_cancels_all,
    stop_limit_order,
    stop_order,
    trailing_stop,
    trailing_stop_limit,
)
from twsloop.orders.words import FaMethod, ReferencePriceType

__all__ = ["EXAMPLES", "resolved"]


def resolved(symbol: str = "AAPL", con_id: int = 265598) -> Contract:
    """A stock whose contract id is known."""
    contract = stock(symbol)
    contract.conId = con_id
    return contract


STOCK, OPTION = stock("AAPL"), option("AAPL", "20261218", "190", "C")
FUTURE = future("ES", "202612", "CME")
SPREAD = combo("AAPL", [(1, 1, "BUY"), (2, 1, "SELL")])
ATS = stock("AAPL", "IBKRATS")
LATER, LATEST = datetime(2026, 11, 23, 15, 30, tzinfo=UTC), datetime(2026, 11, 24, tzinfo=UTC)
LIMIT = limit_order("BUY", 1000, "189.50")

_TYPES: dict[str, tuple[Contract, Order]] = {
    "MKT": (STOCK, market_order("BUY", 100)),
    "LMT": (STOCK, LIMIT),
    "LMT with flags": (
        STOCK,
        limit_order("BUY", 10, 1, hidden=True, allOrNone=True, sweepToFill=True, outsideRth=True),
    ),
    "LMT of half a share": (STOCK, limit_order("SELL", "0.5", 1, tif="IOC")),
    "LMT block": (OPTION, limit_order("BUY", 60, 5, blockOrder=True)),
    "LMT at least": (STOCK, limit_order("BUY", 60, 5, minQty=20, tif="FOK")),
    "LMT post only": (STOCK, limit_order("BUY", 60, 5, postOnly=True)),
    "LMT below 0": (SPREAD, limit_order("BUY", 1, "-1.25")),
    "STP": (STOCK, stop_order("SELL", 1, 180, triggerMethod=2)),
    "STP LMT": (FUTURE, stop_limit_order("SELL", 1, 180, "179.5", tif="GTC")),
    "TRAIL by an amount": (STOCK, trailing_stop("SELL", 1, amount="0.5", stop_price=180)),
    "TRAIL in percent": (STOCK, trailing_stop("SELL", 1, percent=2)),
    "TRAIL LIMIT by an offset": (
        STOCK,
        trailing_stop_limit("SELL", 1, stop_price=180, amount=1, limit_offset="0.1"),
    ),
    "TRAIL LIMIT by a limit": (
        STOCK,
        trailing_stop_limit("BUY", 1, stop_price=180, percent=1, limit_price=181),
    ),
    "OCA": (STOCK, one_cancels_all([LIMIT, LIMIT], "g1", oca_type=2)[0]),
    "MOC": (STOCK, order_types.market_on_close("SELL", 1)),
    "LOC": (STOCK, order_types.limit_on_close("SELL", 1, 190)),
    "MOO": (STOCK, order_types.market_on_open("SELL", 1)),
    "LOO": (STOCK, order_types.limit_on_open("SELL", 1, 190)),
    "AUC": (STOCK, order_types.at_auction("SELL", 1, 190)),
    "MIT": (STOCK, order_types.market_if_touched("SELL", 1, 200)),
    "LIT": (STOCK, order_types.limit_if_touched("SELL", 1, 200, 199)),
    "TRAIL MIT": (
        STOCK,
        order_types.trailing_if_touched("SELL", 1, trigger_price=200, amount="0.5"),
    ),
    "TRAIL LIT": (
        STOCK,
        order_types.trailing_if_touched(
            "SELL", 1, trigger_price=200, percent=1, limit_offset="0.1"
        ),
    ),
    "MTL": (STOCK, order_types.market_to_limit("BUY", 1)),
    "MKT PRT": (FUTURE, order_types.market_with_protection("BUY", 1)),
    "STP PRT": (FUTURE, order_types.stop_with_protection("SELL", 1, 5000)),
    "BOX TOP": (option("A", "20261218", 1, "C", "BOX"), order_types.box_top("BUY", 1)),
    "REL + LMT": (SPREAD, order_types.relative_limit_combo("BUY", 1, 2)),
    "LMT + MKT": (SPREAD, order_types.limit_market_combo("BUY", 1, 2)),
    "REL + MKT": (SPREAD, order_types.relative_market_combo("BUY", 1)),
    "MIDPRICE": (STOCK, pegged.midprice("BUY", 1, price_cap=190)),
    "REL": (STOCK, pegged.relative("BUY", 1, offset="0.02", price_cap=190)),
    "REL in percent": (STOCK, pegged.relative("BUY", 1, percent_offset="0.01")),
    "PASSV REL": (STOCK, pegged.passive_relative("BUY", 1, "0.02")),
    "PEG MKT": (STOCK, pegged.pegged_to_market("BUY", 1, "0.02", price_cap=190)),
    "PEG MID": (STOCK, pegged.pegged_to_midpoint("BUY", 1, offset="0.02", price_cap=190)),
    "PEG MID at IBKRATS": (
        ATS,
        pegged.pegged_to_midpoint(
            "BUY", 100, mid_offsets=("0.02", "0.025"), notHeld=True, minTradeQty=10
        ),
    ),
    "PEG BEST": (ATS, pegged.pegged_to_best("BUY", 100, offset="0.01", minCompeteSize=100)),
    "PEG BEST to the middle": (
        ATS,
        pegged.pegged_to_best("BUY", 100, mid_offsets=("0.02", "0.025"), minTradeQty=10),
    ),
    "SNAP MKT": (STOCK, pegged.snap_to_market("BUY", 1, "0.02")),
    "SNAP MID": (STOCK, pegged.snap_to_midpoint("BUY", 1, "0.02")),
    "SNAP PRIM": (STOCK, pegged.snap_to_primary("BUY", 1, "0.02")),
    "RPI": (STOCK, pegged.retail_price_improvement("BUY", 1, "0.01", price_cap=190)),
    "PEG STK": (
        OPTION,
        pegged.pegged_to_stock(
            "BUY",
            1,
            delta=50,
            starting_price=5,
            stock_reference_price=190,
            stock_range=(180, 200),
        ),
    ),
    "PEG BENCH": (
        STOCK,
        pegged.pegged_to_benchmark(
            "BUY",
            1,
            reference=resolved("MSFT", 272093),
            starting_price=189,
            change="-0.1",
            reference_change="0.2",
            reference_price=500,
            reference_range=(None, 520),
        ),
    ),
    "VOL": (
        OPTION,
        pegged.volatility_order(
            "BUY", 1, 40, follow=ReferencePriceType.BID_OR_ASK, deltaNeutralOrderType="MKT"
        ),
    ),
}
_ATTRIBUTES: dict[str, tuple[Contract, Order]] = {
    "good till": (STOCK, attributes.good_till(LIMIT, LATEST)),
    "good for": (STOCK, attributes.good_for(LIMIT, 300)),
    "good after": (STOCK, attributes.good_after(LIMIT, LATER)),
    "active between": (
        STOCK,
        attributes.active_between(limit_order("BUY", 1, 1, tif="GTC"), LATER, LATEST),
    ),
    "iceberg": (STOCK, attributes.iceberg(LIMIT, 100)),
    "by cash": (forex("EUR.USD"), attributes.by_cash(limit_order("BUY", 1, "1.1"), 1000)),
    "crypto by cash": (crypto("BTC"), attributes.by_cash(market_order("BUY", 1, tif="IOC"), 50)),
    "discretionary": (STOCK, attributes.discretionary(LIMIT, "0.05")),
    "scale": (
        STOCK,
        attributes.scale(
            LIMIT,
            initial_size=100,
            increment="0.1",
            subsequent_size=50,
            profit_offset=1,
            auto_reset=True,
            adjust=("0.05", 60),
        ),
    ),
    "allocate": (
        STOCK,
        attributes.allocate(LIMIT, "All", FaMethod.PERCENT_CHANGE, percentage="-50"),
    ),
    "short sale": (STOCK, attributes.short_sale(limit_order("SELL", 1, 1), "elsewhere")),
    "leg prices": (
        SPREAD,
        attributes.non_guaranteed(
            attributes.leg_prices(limit_order("BUY", 1, 3), ["222.5", "219.25"])
        ),
    ),
    "adjusted to a stop": (
        STOCK,
        attached.adjust_stop(stop_order("SELL", 1, 180), trigger_price=195, stop_price=190),
    ),
    "adjusted to a stop limit": (
        STOCK,
        attached.adjust_stop(
            stop_order("SELL", 1, 180), trigger_price=195, stop_price=190, limit_price=189
        ),
    ),
    "adjusted to a trail": (
        STOCK,
        attached.adjust_stop(
            stop_order("SELL", 1, 180), trigger_price=195, stop_price=190, trail_percent=2
        ),
    ),
    "presets": (STOCK, attached.with_presets(LIMIT, profit_taker_id=12, stop_loss_id=13)),
    "delta hedge": (STOCK, attached.delta_hedge("SELL")),
    "beta hedge": (stock("SPY"), attached.beta_hedge("SELL", "1.25")),
    "fx hedge": (forex("EUR.USD"), attached.fx_hedge("SELL")),
    "pair hedge": (stock("MSFT"), attached.pair_hedge("SELL", 2, hedgeMaxSize=100)),
    "Vwap": (
        STOCK,
        algos.with_algo(
            LIMIT, algos.Vwap(max_pct_vol="0.1", start_time=LATER, allow_past_end_time=True)
        ),
    ),
    "conditions": (
        STOCK,
        conditions.when(
            LIMIT,
            conditions.all_of(
                conditions.any_of(
                    conditions.price_condition(resolved(), above="190.5", trigger_method=2),
                    conditions.percent_change_condition(resolved(), below="-1.5"),
                ),
                conditions.time_condition(after=LATER),
                conditions.margin_condition(above=30),
                conditions.execution_condition(stock("MSFT")),
                conditions.volume_condition(resolved(), above=1_000_000),
            ),
            cancel=True,
            ignore_rth=True,
        ),
    ),
}
#: name -> (contract, order)
EXAMPLES: Mapping[str, tuple[Contract, Order]] = MappingProxyType(_TYPES | _ATTRIBUTES)
