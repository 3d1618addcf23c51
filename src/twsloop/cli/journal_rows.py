"""What the order journal knows, as rows of tables and of JSON lines."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import attrs

from .output import cell

if TYPE_CHECKING:
    from twsloop.events import Fill
    from twsloop.storage.order_state import OrderState
    from twsloop.storage.queries import OrderHistoryRow, PaidFill
    from twsloop.storage.rows import Entry

__all__ = [
    "ENTRIES_SHOWN",
    "ENTRY_COLUMNS",
    "EVENTS_SHOWN",
    "FILLS_SHOWN",
    "FILL_COLUMNS",
    "ORDERS_SHOWN",
    "ORDER_COLUMNS",
    "entry_row",
    "event_row",
    "fill_row",
    "order_row",
]

ORDER_COLUMNS = (
    *("order_id", "client_id", "perm_id", "account", "symbol", "action", "order_type"),
    *("quantity", "filled", "remaining", "average_price", "limit_price", "stop_price", "tif"),
    *("status", "ib_status", "uncertain", "reason", "error_code", "commission", "realized_pnl"),
    *("parent_id", "tag", "token", "origin", "purpose", "revision", "epoch"),
    *("created_at", "sent_at", "answered_at", "ended_at", "updated_at"),
)
ORDERS_SHOWN = (*("when", "id", "client", "symbol", "order", "state", "filled", "average", "tag"),)
FILL_COLUMNS = (
    *("time", "order_id", "client_id", "perm_id", "account", "symbol", "side", "shares", "price"),
    *("exchange", "exec_id", "corrects", "commission", "commission_currency", "realized_pnl"),
    *("tag", "order_status"),
)
FILLS_SHOWN = (
    *("when", "id", "client", "symbol", "side", "shares", "price", "exchange", "cost", "pnl"),
    "tag",
)
EVENTS_SHOWN = ("when", "id", "client", "kind", "source", "status", "filled", "reason")
ENTRY_COLUMNS = ("seq", "time", "kind", "epoch", "correlation_id", "text", "hash")
ENTRIES_SHOWN = ("seq", "when", "kind", "correlation_id", "text")


def order_row(order: OrderState) -> dict[str, Any]:
    """An order as a row: its fields, IB's terms, and what people see."""
    from twsloop.storage.words import order_words  # noqa: PLC0415

    row = {name: getattr(order, name, None) for name in ORDER_COLUMNS}
    terms, average = order.order, order.average_price
    return (
        row
        | _ids(order)
        | {
            "action": terms.get("action"),
            "order_type": terms.get("orderType"),
            "limit_price": _decimal(terms.get("lmtPrice")),
            "stop_price": _decimal(terms.get("auxPrice")),
            "tif": terms.get("tif"),
            "when": _when(order.created_at),
            "order": order_words(terms),
            "state": "UNCERTAIN" if order.uncertain else order.status,
            "average": None if average is None else round(average, 6).normalize(),
        }
    )


def fill_row(one: PaidFill) -> dict[str, Any]:
    """An execution as a row, with what it cost."""
    fill, paid = one.fill, one.commission
    row = {name: getattr(fill, name, None) for name in FILL_COLUMNS}
    time = fill.executed_at or fill.time
    cost = f"{cell(paid.commission)} {paid.currency}" if paid else None
    pnl = paid.realized_pnl if paid else None
    return (
        row
        | _ids(fill)
        | {
            "time": time,
            "cost": cost,
            "pnl": pnl,
            "when": _when(time),
            "commission": paid.commission if paid else None,
            "commission_currency": paid.currency if paid else None,
            "realized_pnl": pnl,
            "order_status": one.order.status if one.order else None,
        }
    )


def event_row(row: OrderHistoryRow) -> dict[str, Any]:
    """A row of the history as one of a table; ``event`` is ``kind``: a JSON line has its own."""
    return {**attrs.asdict(row), **_ids(row), "kind": row.event, "when": _when(row.time)}


def entry_row(entry: Entry) -> dict[str, Any]:
    """An entry as a row, with its fact and what that says."""
    from twsloop.events import to_record  # noqa: PLC0415
    from twsloop.storage.queries import fact_of  # noqa: PLC0415
    from twsloop.storage.words import words_of  # noqa: PLC0415

    fact = fact_of(entry)
    row = {name: getattr(entry, name, None) for name in ENTRY_COLUMNS}
    return row | {"text": words_of(fact), "fact": to_record(fact), "when": _when(fact.time)}


def _ids(row: OrderState | Fill | OrderHistoryRow) -> dict[str, int]:
    """The ids under names that leave room for the other columns."""
    return {"id": row.order_id, "client": row.client_id}


def _when(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%SZ}"


def _decimal(value: Any) -> Decimal | None:
    """A price of IB's Order; 0 is none."""
    return Decimal(str(value)) if value else None
