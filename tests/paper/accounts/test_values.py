"""The rows that clients are told of an account."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.support.manual_feed import ManualFeed
from twsloop.paper.accounts.account import Account, Booking
from twsloop.paper.accounts.valuation import Valuation
from twsloop.paper.accounts.values import (
    Row,
    account_rows,
    currencies,
    ledger_rows,
    portfolio_value,
    summary_ledger,
    summary_rows,
    take_snapshot,
)

D = Decimal
#: Keys of a USD paper account on Gateway 10.40, in the order on the wire (domain.md e).
SEEN = """
AccountCode AccountOrGroup AccountReady AccountType AccruedCash AccruedDividend AvailableFunds
Billable BuyingPower CashBalance ColumnPrio-S CorporateBondValue Currency Cushion
EquityWithLoanValue ExcessLiquidity ExchangeRate FullAvailableFunds FullExcessLiquidity
FullInitMarginReq FullMaintMarginReq FundValue FutureOptionValue FuturesPNL FxCashBalance
GrossPositionValue Guarantee IncentiveCoupons IndianStockHaircut InitMarginReq IssuerOptionValue
Leverage-S LookAheadAvailableFunds LookAheadExcessLiquidity LookAheadInitMarginReq
LookAheadMaintMarginReq LookAheadNextChange MaintMarginReq MoneyMarketFundValue MutualFundValue
NLVAndMarginInReview NetDividend NetLiquidation NetLiquidationByCurrency NetLiquidationUncertainty
OptionMarketValue PASharesValue PhysicalCertificateValue PostExpirationExcess PostExpirationMargin
RealCurrency RealizedPnL SegmentTitle-S SettledCashByDate SettledCashByDate-S StockMarketValue
TBillValue TBondValue TotalCashBalance TotalCashValue TotalDebitCardPendingCharges TradingType-S
UnrealizedPnL WarrantValue
"""


@pytest.fixture
def feed() -> ManualFeed:
    it = ManualFeed()
    it.send(
        [
            it.quote("AAPL", 270.0, 270.2),
            it.trade("AAPL", 270.1),
            it.quote("EUR.USD", 1.10, 1.1002),
            it.quote("USD.JPY", 150.0, 150.02),
        ]
    )
    return it


@pytest.fixture
def account(feed: ManualFeed) -> Account:
    it = Account("DU1234567")
    it.book(Booking("e1", feed.instrument("AAPL"), D(100), D(270), D(1)))
    it.book(Booking("e2", feed.instrument("EUR.USD"), D(10_000), D("1.10"), D(2)))
    return it


def rows_of(feed: ManualFeed, account: Account) -> dict[tuple[str, str], str]:
    snapshot = take_snapshot(account, Valuation(feed.instruments, feed.book))
    return {(row.key, row.currency): row.value for row in account_rows(snapshot)}


def test_keys_and_their_order(feed: ManualFeed) -> None:
    snapshot = take_snapshot(Account("DU1"), Valuation(feed.instruments, feed.book))
    keys = list(dict.fromkeys(row.key for row in account_rows(snapshot)))
    assert keys == sorted(keys)
    assert keys == sorted(SEEN.split())
    assert len(account_rows(snapshot)) == 88  # as many as the real one sends


def test_fresh_account(feed: ManualFeed) -> None:
    rows = rows_of(feed, Account("DU1"))
    assert rows["NetLiquidation", "USD"] == "1000000.00"
    assert rows["BuyingPower", "USD"] == "4000000.00"
    assert rows["Cushion", ""] == "1.000000"
    assert rows["CashBalance", "BASE"] == rows["CashBalance", "USD"] == "1000000.00"
    assert rows["NetLiquidationByCurrency", "USD"] == "1000000.0000"


def test_values_after_trades(feed: ManualFeed, account: Account) -> None:
    rows = rows_of(feed, account)
    assert rows["StockMarketValue", "USD"] == "27010.00"
    assert rows["CashBalance", "USD"] == "961997.00"  # 1000000 - 27001 - 11002
    assert rows["CashBalance", "EUR"] == "10000.00"
    assert rows["ExchangeRate", "EUR"] == "1.1001000"
    assert rows["TotalCashValue", "USD"] == "972998.00"
    assert rows["NetLiquidation", "USD"] == "1000008.00"
    assert rows["UnrealizedPnL", "BASE"] == "8.00"  # 9 on the shares, -1 on the currency
    assert rows["InitMarginReq", "USD"] == "7115.53"  # 25 % of the shares, 3.3 % of the currency
    assert rows["MaintMarginReq", "USD"] == "6407.28"
    assert currencies(account) == ("BASE", "EUR", "USD")


def test_a_yen_account_line_is_valued_by_the_inverse_pair(feed: ManualFeed) -> None:
    account = Account("DU1")
    account.book(Booking("e", feed.instrument("USD.JPY"), D(1000), D(150), D(2)))
    assert account.cash == {"USD": D(1_000_998), "JPY": D(-150_000)}
    rows = rows_of(feed, account)
    assert rows["ExchangeRate", "JPY"] == "0.0066662"
    assert rows["NetLiquidation", "USD"] == "999998.07"


def test_summary(feed: ManualFeed, account: Account) -> None:
    snapshot = take_snapshot(account, Valuation(feed.instruments, feed.book))
    tags = ["NetLiquidation", "AccountType", "Leverage", "NoSuchTag", " Cushion "]
    rows = summary_rows(snapshot, tags)
    assert [(name, row.key) for name, row in rows] == [
        ("DU1234567", "AccountType"),
        ("DU1234567", "Cushion"),
        ("DU1234567", "Leverage"),
        ("DU1234567", "NetLiquidation"),
    ]
    assert rows[2][1] == Row("Leverage", "0.03", "")


@pytest.mark.parametrize(
    ("tag", "shown"),
    [("$LEDGER", {"BASE"}), ("$LEDGER:EUR", {"EUR"}), ("$LEDGER:ALL", {"BASE", "EUR", "USD"})],
)
def test_ledger(feed: ManualFeed, account: Account, tag: str, shown: set[str]) -> None:
    snapshot = take_snapshot(account, Valuation(feed.instruments, feed.book))
    rows = summary_ledger([snapshot], [D(1)], [tag])
    assert {row.currency for row in rows} == shown
    assert len(rows) == len(shown) * len({row.key for row in ledger_rows(snapshot, summary=True)})
    assert summary_rows(snapshot, [tag]) == []
    assert summary_ledger([snapshot], [D(1)], ["NetLiquidation"]) == []
    keys = [row.key for row in rows if row.currency == min(shown)]
    assert keys == sorted(keys)


def test_one_ledger_of_all_accounts(feed: ManualFeed, account: Account) -> None:
    """Sums by currency; the base is the first account's."""
    valuation = Valuation(feed.instruments, feed.book)
    second = Account("DU2", "EUR", start=D(1000))
    second.book(Booking("e9", feed.instrument("AAPL"), D(1), D(270), D(1), currency="USD"))
    figures = [take_snapshot(one, valuation) for one in (account, second)]
    rows = {
        (row.key, row.currency): row.value
        for row in summary_ledger(figures, [D(1), D("1.1001")], ["$LEDGER:ALL"])
    }
    assert rows["CashBalance", "USD"] == "961726.00"  # 961997 - 271
    assert rows["CashBalance", "EUR"] == "11000.00"
    assert rows["StockMarketValue", "USD"] == "27280.10"
    assert rows["AccountOrGroup", "BASE"] == "All"
    assert rows["ExchangeRate", "EUR"] == "1.1001000"
    total = float(rows["NetLiquidationByCurrency", "BASE"])
    parts = (float(rows["NetLiquidationByCurrency", name]) for name in ("USD", "EUR"))
    usd, eur = parts
    assert total == pytest.approx(usd + eur * 1.1001, abs=0.01)


def test_the_rates_of_one_ledger_are_into_its_own_base(feed: ManualFeed) -> None:
    """A currency that only a later account has counts in the first account's base, too."""
    valuation = Valuation(feed.instruments, feed.book)
    first, second = Account("DU1", "EUR"), Account("DU2", "USD")
    figures = [take_snapshot(one, valuation) for one in (first, second)]
    rows = {
        (row.key, row.currency): row.value
        for row in summary_ledger(figures, [D(1), valuation.rate("USD", "EUR")], ["$LEDGER:ALL"])
    }
    rates = {name: D(rows["ExchangeRate", name]) for name in ("BASE", "EUR", "USD")}
    assert rates == {"BASE": 1, "EUR": 1, "USD": valuation.rate("USD", "EUR")}
    parts = sum(D(rows["NetLiquidationByCurrency", name]) * rates[name] for name in ("EUR", "USD"))
    assert float(parts) == pytest.approx(float(rows["NetLiquidationByCurrency", "BASE"]), abs=0.1)


def test_portfolio_row(feed: ManualFeed, account: Account) -> None:
    marks = Valuation(feed.instruments, feed.book).marks
    row = portfolio_value(account, account.positions[265598], marks)
    assert (row.position, row.marketPrice, row.marketValue) == ("100", 270.1, 27010.0)
    assert (row.averageCost, row.unrealizedPNL, row.realizedPNL) == (270.01, 9.0, 0.0)
    assert row.contract.exchange == row.contract.primaryExch == "NASDAQ"


def test_marks(feed: ManualFeed) -> None:
    valuation = Valuation(feed.instruments, feed.book)
    aapl = feed.instrument("AAPL").con_id
    assert valuation.price(aapl) == D("270.1")
    feed.send([feed.quote("AAPL", 280.0, 280.2)])
    assert valuation.price(aapl) == D("280.0")  # the last trade, moved into the quote
    feed.send([feed.quote("AAPL", 260.0, 260.2)])
    assert valuation.price(aapl) == D("260.2")
    assert valuation.price(feed.instrument("EUR.USD").con_id) == D("1.1001")
    ibm = feed.instrument("IBM").con_id
    assert valuation.price(ibm) is None
    feed.book(ibm).close = 299.0
    assert valuation.price(ibm) == D("299.0")
    assert valuation.rate("XYZ") == 1


def test_an_account_in_euro(feed: ManualFeed) -> None:
    account = Account("DU1", "EUR", start=D(100_000))
    valuation = Valuation(feed.instruments, feed.book)
    account.book(Booking("e1", feed.instrument("AAPL"), D(100), D(270), D(1), currency="USD"))
    rows = rows_of(feed, account)
    assert rows["CashBalance", "EUR"] == "100000.00"
    assert rows["CashBalance", "USD"] == "-27001.00"
    rate = D(1) / D("1.1001")
    assert rows["ExchangeRate", "USD"] == f"{rate:.7f}"
    assert rows["ExchangeRate", "EUR"] == rows["ExchangeRate", "BASE"] == "1.00"
    assert rows["NetLiquidation", "EUR"] == f"{100_000 + 9 * rate:.2f}"
    assert rows["UnrealizedPnL", "USD"] == "9.00"
    assert rows["UnrealizedPnL", "BASE"] == f"{9 * rate:.2f}"
    # Yen have no pair with the euro: over the dollar.
    assert valuation.rate("JPY", "GBP") == pytest.approx(
        valuation.rate("JPY", "USD") * valuation.rate("USD", "GBP"), abs=D("1e-6")
    )


def test_rows_of_a_future(feed: ManualFeed) -> None:
    es = next(one for one in feed.instruments.all() if one.symbol == "ES")
    book = feed.book(es.con_id)
    book.bid, book.ask, book.last = 6000.0, 6000.25, 6000.25
    account = Account("DU1")
    account.book(Booking("e1", es, D(2), D(5999), D("1.7")))
    rows = rows_of(feed, account)
    assert rows["CashBalance", "USD"] == "999998.30"
    assert rows["FuturesPNL", "USD"] == rows["FuturesPNL", "BASE"] == "125.00"
    assert rows["TotalCashBalance", "USD"] == rows["TotalCashValue", "USD"] == "1000123.30"
    assert rows["NetLiquidationByCurrency", "USD"] == "1000123.3000"
    assert rows["StockMarketValue", "USD"] == rows["GrossPositionValue", "USD"] == "0.00"
    assert rows["InitMarginReq", "USD"] == "52802.20"  # 8.8 % of 2 * 50 * 6000.25
    assert rows["MaintMarginReq", "USD"] == "48002.00"
    assert rows["ExcessLiquidity", "USD"] == "952121.30"
