"""The order book: IB's operations, what does not fit, and what is derived from it."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from twsloop.market_data.depth import DepthBook, DepthLevel, DepthRow, Operation, Side

NOW = datetime(2026, 1, 5, 14, 30, tzinfo=UTC)
INSERT, UPDATE, DELETE = Operation.INSERT, Operation.UPDATE, Operation.DELETE


def row(price: float, size: int = 100, maker: str = "") -> DepthRow:
    return DepthRow(price, Decimal(size), maker)


def filled(rows: int = 5) -> DepthBook:
    book = DepthBook(rows)
    for position, price in enumerate((10.0, 9.9, 9.8)):
        assert book.apply(INSERT, Side.BID, position, row(price))
    return book


def bids(book: DepthBook) -> list[float]:
    return [one.price for one in book.view(NOW).bids]


def test_insert_update_and_delete() -> None:
    book = filled()
    assert book.apply(INSERT, Side.BID, 1, row(9.95))
    assert bids(book) == [10.0, 9.95, 9.9, 9.8]
    assert book.apply(UPDATE, Side.BID, 0, row(10.0, 700))
    assert book.view(NOW).best_bid == row(10.0, 700)
    assert not book.apply(UPDATE, Side.BID, 0, row(10.0, 700)), "it says nothing new"
    assert book.apply(DELETE, Side.BID, 2, row(0, 0))
    assert bids(book) == [10.0, 9.95, 9.8]
    assert (book.view(NOW).asks, book.irregular) == ((), 0)


def test_no_more_rows_than_were_asked_for() -> None:
    book = filled(3)
    assert book.apply(INSERT, Side.BID, 0, row(10.1))
    assert bids(book) == [10.1, 10.0, 9.9]
    assert not book.apply(INSERT, Side.BID, 3, row(9.7))
    assert not book.apply(UPDATE, Side.BID, 3, row(9.7))
    assert book.irregular == 0


def test_what_does_not_fit_invents_nothing_and_is_counted() -> None:
    book = filled()
    assert book.apply(UPDATE, Side.BID, 3, row(9.7)), "the row below the last"
    assert not book.apply(DELETE, Side.BID, 4, row(0))
    assert not book.apply(7, Side.BID, 0, row(1))
    assert not book.apply(INSERT, 2, 0, row(1))
    assert not book.apply(INSERT, Side.BID, -1, row(1))
    assert bids(book) == [10.0, 9.9, 9.8, 9.7]
    assert book.irregular == 5


def test_a_reset_empties_it() -> None:
    book = filled()
    book.clear()
    assert book.view(NOW, reset=True).bids == ()
    assert (book.resets, book.apply(INSERT, Side.BID, 0, row(5.0)), bids(book)) == (1, True, [5.0])


def test_levels_join_what_several_venues_offer_at_a_price() -> None:
    book = DepthBook(10)
    for position, (price, size, maker) in enumerate(
        [(10.2, 100, "NYSE"), (10.2, 300, "IEX"), (10.1, 50, "BATS")]
    ):
        book.apply(INSERT, Side.ASK, position, row(price, size, maker))
    book.apply(INSERT, Side.BID, 0, row(10.15, 10, "NYSE"))
    view = book.view(NOW)
    assert view.levels(Side.ASK) == (
        DepthLevel(10.1, Decimal(50), ("BATS",)),
        DepthLevel(10.2, Decimal(400), ("NYSE", "IEX")),
    )
    assert view.spread is not None
    assert (view.crossed, round(view.spread, 2)) == (False, 0.05)
    book.apply(UPDATE, Side.BID, 0, row(10.3))
    assert book.view(NOW).crossed
    assert (DepthBook(1).view(NOW).spread, DepthBook(1).view(NOW).best_ask) == (None, None)


operations = st.lists(
    st.tuples(
        st.integers(-1, 3),
        st.integers(-1, 2),
        st.integers(-1, 8),
        st.floats(1, 100),
        st.integers(1, 9),
    ),
    max_size=60,
)


@given(operations, st.integers(1, 6))
def test_any_messages_leave_a_book_that_follows_the_plain_rules(made: list[Any], rows: int) -> None:
    """Beside a list that does what each message says where it fits."""
    book, model = DepthBook(rows), {0: [], 1: []}  # type: ignore[var-annotated]
    for operation, side, position, price, size in made:
        wanted = row(price, size)
        side_rows = model.get(side)
        if side_rows is not None and position >= 0:
            fits = position < len(side_rows)
            if operation == 2 and fits:
                side_rows.pop(position)
            elif operation == 1 and fits:
                side_rows[position] = wanted
            elif operation in {0, 1} and position < rows:
                side_rows.insert(position, wanted)
                model[side] = side_rows[:rows]
        before = book.view(NOW)
        changed = book.apply(operation, side, position, wanted)
        after = book.view(NOW)
        assert changed or before == after
        assert list(after.asks) == model[0]
        assert list(after.bids) == model[1]
        for which in Side:
            total = sum((level.size for level in after.levels(which)), Decimal(0))
            assert total == sum((one.size for one in model[which]), Decimal(0))
