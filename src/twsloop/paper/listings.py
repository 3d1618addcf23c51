# ruff: noqa: E501  (one line an instrument)
"""What the paper market lists: public facts about well-known instruments, one line each.

Contract ids are IB's own where they are widely known, so that programs that carry one find what
they expect; a 0 means that `instruments.py` generates a stable number. Prices and volumes are
orders of magnitude to start a synthetic market from, not quotations.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["CURRENCIES", "ETFS", "FUTURES", "STOCKS", "CurrencyLine", "FutureLine", "StockLine"]


class StockLine(NamedTuple):
    """A share or fund; ``volume`` is in millions of shares a day."""

    symbol: str
    con_id: int
    name: str
    primary: str
    price: float
    volume: float
    industry: str = ""
    category: str = ""
    subcategory: str = ""


class CurrencyLine(NamedTuple):
    """A currency pair; ``rule`` is the market rule of its tick."""

    base: str
    quote: str
    con_id: int
    name: str
    tick: str
    rule: int
    price: float


class FutureLine(NamedTuple):
    """A future with quarterly expiries."""

    symbol: str
    exchange: str
    name: str
    multiplier: str
    tick: str
    rule: int
    price: float
    volume: float
    underlying: int


# fmt: off
STOCKS = (
    StockLine("AAPL", 265598, "APPLE INC", "NASDAQ", 271.0, 50, "Technology", "Computers", "Computers"
    ),
    StockLine("AMD", 4391, "ADVANCED MICRO DEVICES", "NASDAQ", 215.0, 40, "Technology", "Semiconductors", "Electronic Compo-Semicon"),
    StockLine("AMZN", 3691937, "AMAZON.COM INC", "NASDAQ", 228.0, 40, "Communications", "Internet", "E-Commerce/Products"),
    StockLine("BA", 0, "BOEING CO/THE", "NYSE", 205.0, 8, "Industrial", "Aerospace/Defense", "Aerospace/Defense"),
    StockLine("BAC", 10098, "BANK OF AMERICA CORP", "NYSE", 53.0, 35, "Financial", "Banks", "Diversified Banking Inst"),
    StockLine("BRK B", 72063691, "BERKSHIRE HATHAWAY INC-CL B", "NYSE", 503.0, 4, "Financial", "Insurance", "Reinsurance"),
    StockLine("C", 0, "CITIGROUP INC", "NYSE", 104.0, 14, "Financial", "Banks", "Diversified Banking Inst"
    ),
    StockLine("CSCO", 268084, "CISCO SYSTEMS INC", "NASDAQ", 77.0, 20, "Technology", "Telecommunications", "Networking Products"),
    StockLine("DIS", 6459, "WALT DISNEY CO/THE", "NYSE", 108.0, 10, "Communications", "Media", "Multimedia"),
    StockLine("F", 9599, "FORD MOTOR CO", "NYSE", 13.2, 60, "Consumer, Cyclical", "Auto Manufacturers", "Auto-Cars/Light Trucks"),
    StockLine("GE", 498843743, "GENERAL ELECTRIC", "NYSE", 300.0, 5, "Industrial", "Aerospace/Defense", "Aerospace/Defense-Equip"),
    StockLine("GOOGL", 208813719, "ALPHABET INC-CL A", "NASDAQ", 300.0, 35, "Communications", "Internet", "Web Portals/ISP"),
    StockLine("GS", 4627828, "GOLDMAN SACHS GROUP INC", "NYSE", 790.0, 2, "Financial", "Banks", "Diversified Banking Inst"),
    StockLine("HD", 0, "HOME DEPOT INC", "NYSE", 345.0, 4, "Consumer, Cyclical", "Retail", "Retail-Building Products"),
    StockLine("IBM", 8314, "INTL BUSINESS MACHINES CORP", "NYSE", 300.0, 4, "Technology", "Computers", "Computer Services"),
    StockLine("INTC", 270639, "INTEL CORP", "NASDAQ", 36.0, 90, "Technology", "Semiconductors", "Electronic Compo-Semicon"),
    StockLine("JNJ", 8719, "JOHNSON & JOHNSON", "NYSE", 203.0, 8, "Consumer, Non-cyclical", "Pharmaceuticals", "Medical-Drugs"),
    StockLine("JPM", 1520593, "JPMORGAN CHASE & CO", "NYSE", 310.0, 9, "Financial", "Banks", "Diversified Banking Inst"),
    StockLine("KO", 8894, "COCA-COLA CO/THE", "NYSE", 70.0, 15, "Consumer, Non-cyclical", "Beverages", "Beverages-Non-alcoholic"),
    StockLine("META", 107113386, "META PLATFORMS INC-CLASS A", "NASDAQ", 640.0, 15, "Communications", "Internet", "Internet Content-Entmnt"),
    StockLine("MSFT", 272093, "MICROSOFT CORP", "NASDAQ", 485.0, 20, "Technology", "Software", "Applications Software"),
    StockLine("NFLX", 15124833, "NETFLIX INC", "NASDAQ", 110.0, 30, "Communications", "Internet", "Internet Content-Entmnt"),
    StockLine("NVDA", 4815747, "NVIDIA CORP", "NASDAQ", 180.0, 180, "Technology", "Semiconductors", "Electronic Compo-Semicon"),
    StockLine("ORCL", 272800, "ORACLE CORP", "NYSE", 215.0, 15, "Technology", "Software", "Enterprise Software/Serv"),
    StockLine("PFE", 11031, "PFIZER INC", "NYSE", 25.0, 45, "Consumer, Non-cyclical", "Pharmaceuticals", "Medical-Drugs"),
    StockLine("PG", 11763, "PROCTER & GAMBLE CO/THE", "NYSE", 148.0, 8, "Consumer, Non-cyclical", "Cosmetics/Personal Care", "Cosmetics&Toiletries"),
    StockLine("T", 37018770, "AT&T INC", "NYSE", 25.5, 35, "Communications", "Telecommunications", "Telephone-Integrated"),
    StockLine("TSLA", 76792991, "TESLA INC", "NASDAQ", 410.0, 80, "Consumer, Cyclical", "Auto Manufacturers", "Auto-Cars/Light Trucks"),
    StockLine("V", 49462172, "VISA INC-CLASS A SHARES", "NYSE", 330.0, 6, "Financial", "Diversified Finan Serv", "Finance-Credit Card"),
    StockLine("WMT", 13824, "WALMART INC", "NYSE", 103.0, 15, "Consumer, Non-cyclical", "Retail", "Retail-Discount"),
    StockLine("XOM", 13977, "EXXON MOBIL CORP", "NYSE", 117.0, 14, "Energy", "Oil&Gas", "Oil Comp-Integrated"),
)

ETFS = (
    StockLine("IWM", 9579970, "ISHARES RUSSELL 2000 ETF", "ARCA", 238.0, 35),
    StockLine("QQQ", 320227571, "INVESCO QQQ TRUST SERIES 1", "NASDAQ", 600.0, 50),
    StockLine("SPY", 756733, "SS SPDR S&P 500 ETF TRUST-US", "ARCA", 662.0, 75),
)

CURRENCIES = (
    CurrencyLine("EUR", "USD", 12087792, "European Monetary Union Euro", "0.00005", 3188, 1.1565),
    CurrencyLine("GBP", "USD", 12087797, "British pound", "0.00005", 3188, 1.3105),
    CurrencyLine("USD", "JPY", 15016059, "United States dollar", "0.005", 3189, 155.4),
    CurrencyLine("AUD", "USD", 14433401, "Australian dollar", "0.00005", 3188, 0.6475),
)

FUTURES = (FutureLine("ES", "CME", "E-mini S&P 500", "50", "0.25", 67, 6650.0, 1.5, 11004968),)
