"""Rows as tables."""

from __future__ import annotations

import datetime as dt
import sys
from decimal import Decimal
from typing import Any

import pytest

from api_client import ApiClient, to_pandas, to_polars
from api_client.answers import Prediction, Trade
from api_client.fields import plan
from api_client.occ import OptionSymbol
from api_client.tables import columns

WHEN = dt.datetime(2026, 11, 17, 15, tzinfo=dt.UTC)
TRADES = [
    Trade(
        id=1,
        option_symbol=OptionSymbol.parse("SLV230519C00023500"),
        trade_timestamp=WHEN,
        price=Decimal("1.10"),
    ),
    Trade(id=2, extra={"venue": "X", "fee": Decimal("0.5"), "id": "never mind"}),
]


def test_columns_are_the_contract_then_the_rest() -> None:
    table = columns(TRADES)
    names = list(table)
    assert [name for name in names if name in plan(Trade)] == list(plan(Trade))
    assert names[-2:] == ["venue", "fee"]
    assert {len(column) for column in table.values()} == {2}
    assert table["option_symbol"] == ["SLV230519C00023500", None]
    assert table["option_strike"] == [23.5, None]
    assert table["option_expiry"] == [dt.date(2023, 5, 19), None]
    assert table["option_right"] == ["C", None]
    assert table["price"] == [1.1, None]
    assert table["venue"] == [None, "X"]
    assert table["id"] == [1, 2]


def test_decimals_may_be_kept() -> None:
    table = columns(TRADES, decimals=True)
    assert str(table["price"][0]) == "1.10"
    assert table["option_strike"][0] == Decimal("23.5")


def test_each_feature_is_a_column() -> None:
    rows = [
        Prediction(feature_values={"a": 1.0}, probabilities=(0.5, None)),
        Prediction(feature_values={"b": 2.0, "a": None}, signal="BUY"),
        Prediction(),
    ]
    table = columns(rows)
    assert table["feature_values.a"] == [1.0, None, None]
    assert table["feature_values.b"] == [None, 2.0, None]
    assert table["probabilities"] == [[0.5, None], None, None]
    assert table["signal"] == [None, "BUY", None]


def test_no_rows() -> None:
    assert columns([]) == {}


@pytest.mark.parametrize(("make", "name"), [(to_pandas, "pandas"), (to_polars, "polars")])
def test_a_missing_library_is_named(make: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ModuleNotFoundError, match=f"pip install {name}"):
        make(TRADES)


def test_importing_the_package_imports_neither() -> None:
    import subprocess  # noqa: PLC0415 - only here

    code = "import sys, api_client; sys.exit(bool({'pandas', 'polars'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_pandas(client: ApiClient) -> None:
    pytest.importorskip("pandas", reason="needs the extra 'frames'")
    answer = client.trades.get("SLV", limit=20)
    frame = answer.to_pandas()
    assert len(frame) == 20
    assert str(frame["trade_timestamp"].dtype) == "datetime64[ns, UTC]"
    assert str(frame["trade_datetime"].dtype) == "datetime64[ns, UTC]"
    assert (frame["trade_timestamp"] == frame["trade_datetime"]).all()
    assert str(frame["price"].dtype) == "float64"
    assert frame["trade_value"].sum() == pytest.approx(
        float(sum(trade.trade_value or 0 for trade in answer))
    )
    assert len(client.prediction.history("SLV").to_pandas().columns) > 10
    assert len(to_pandas([])) == 0
    assert to_pandas(TRADES)["trade_timestamp"].isna().tolist() == [False, True]


def test_polars(client: ApiClient) -> None:
    pytest.importorskip("polars", reason="needs the extra 'frames'")
    answer = client.trades.get("SLV", limit=20)
    frame = answer.to_polars()
    assert frame.height == 20
    assert str(frame["trade_timestamp"].dtype) == "Datetime(time_unit='us', time_zone='UTC')"
    assert (frame["trade_timestamp"] == frame["trade_datetime"]).all()
    assert frame["price"].to_list() == [float(trade.price or 0) for trade in answer]
    assert len(client.prediction.history("SLV").to_polars().columns) > 10
    assert to_polars([]).height == 0
    assert to_polars(TRADES)["trade_timestamp"].to_list() == [WHEN, None]
