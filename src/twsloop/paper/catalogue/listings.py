# ruff: noqa: E501  (one line an instrument)
"""What the paper market lists: public facts about well-known instruments, one line each.

Contract ids are IB's own where they are widely known, so that programs that carry one find what
they expect; a 0 means that `instruments.py` generates a stable number. Prices and volumes are
orders of magnitude to start a synthetic market from, not quotations.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = [
    "BONDS",
    "CRYPTO",
    "CURRENCIES",
    "DEFAULT_TEMPER",
    "ETFS",
    "FUTURES",
    "INDICES",
    "ISINS",
    "OPTIONS",
    "STOCKS",
    "TEMPERS",
    "BondLine",
    "CryptoLine",
    "CurrencyLine",
    "FutureLine",
    "IndexLine",
    "OptionLine",
    "StockLine",
    "Temper",
]


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
    """A future; ``volume`` is in millions of contracts a day.

    ``months`` are the letters of its delivery months, ``expiry`` names the rule of its last trading
    day (see `calendar_rules`), ``hours`` the trading hours (see `listed.HOURS`).
    """

    symbol: str
    exchange: str
    name: str
    multiplier: str
    tick: str
    rule: int
    price: float
    volume: float
    underlying: int = 0
    months: str = "HMUZ"
    expiry: str = "third Friday"
    last_time: str = "08:30:00"
    hours: str = "index"
    trading_class: str = ""


class IndexLine(NamedTuple):
    """An index; its level follows a listed fund: ``level = price of the fund * ratio``.

    With a ``response`` it moves as a volatility index does: ``level * exp(response * x)`` at a
    relative move x of the fund.
    """

    symbol: str
    con_id: int
    name: str
    exchange: str
    level: float
    follows: str
    response: float = 0.0


class OptionLine(NamedTuple):
    """A class of options.

    ``number`` is the class's own for ever: its contract ids are made of it. ``step`` is the grid
    that all its strikes lie on; ``near``, ``wide`` and ``far`` are multiples of it: the distance of
    the strikes within 8 %, 25 % and 60 % of the money. ``cycle`` is daily, weekly or monthly.
    """

    underlying: str
    trading_class: str
    number: int
    step: float
    near: int
    wide: int
    far: int
    cycle: str
    rules: str = "stock"
    sec_type: str = "STK"


class CryptoLine(NamedTuple):
    """A crypto currency at PAXOS."""

    symbol: str
    con_id: int
    name: str
    tick: str
    rule: int
    price: float


class BondLine(NamedTuple):
    """A bond; its prices are not simulated."""

    symbol: str
    con_id: int
    name: str
    isin: str
    maturity: str
    industry: str
    category: str
    subcategory: str


class Temper(NamedTuple):
    """How restless an underlying is: yearly volatility, dividend yield."""

    volatility: float
    dividends: float


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
    StockLine("MMM", 0, "3M CO", "NYSE", 165.0, 4, "Industrial", "Miscellaneous Manufactur", "Diversified Manufact Op"),
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
    StockLine("DIA", 73128548, "SS SPDR DOW JONES IND AVG", "ARCA", 468.0, 5),
    StockLine("GLD", 51529211, "SPDR GOLD SHARES", "ARCA", 375.0, 12),
    StockLine("IWM", 9579970, "ISHARES RUSSELL 2000 ETF", "ARCA", 238.0, 35),
    StockLine("QQQ", 320227571, "INVESCO QQQ TRUST SERIES 1", "NASDAQ", 600.0, 50),
    StockLine("SPY", 756733, "SS SPDR S&P 500 ETF TRUST-US", "ARCA", 662.0, 75),
    StockLine("TLT", 15547841, "ISHARES 20+ YEAR TREASURY BD", "NASDAQ", 89.5, 30),
)

CURRENCIES = (
    CurrencyLine("EUR", "USD", 12087792, "European Monetary Union Euro", "0.00005", 3188, 1.1565),
    CurrencyLine("GBP", "USD", 12087797, "British pound", "0.00005", 3188, 1.3105),
    CurrencyLine("USD", "JPY", 15016059, "United States dollar", "0.005", 3189, 155.4),
    CurrencyLine("AUD", "USD", 14433401, "Australian dollar", "0.00005", 3188, 0.6475),
    CurrencyLine("USD", "CHF", 12087820, "United States dollar", "0.00005", 3188, 0.8055),
    CurrencyLine("USD", "CAD", 15016062, "United States dollar", "0.00005", 3188, 1.4050),
    CurrencyLine("NZD", "USD", 39453441, "New Zealand dollar", "0.00005", 3188, 0.5620),
    CurrencyLine("EUR", "GBP", 12087807, "European Monetary Union Euro", "0.00005", 3188, 0.8825),
    CurrencyLine("EUR", "CHF", 12087802, "European Monetary Union Euro", "0.00005", 3188, 0.9315),
    CurrencyLine("EUR", "JPY", 14321016, "European Monetary Union Euro", "0.005", 3189, 179.7),
)

FUTURES = (
    FutureLine("ES", "CME", "E-mini S&P 500", "50", "0.25", 67, 6650.0, 1.5, 11004968),
    FutureLine("NQ", "CME", "E-mini NASDAQ 100", "20", "0.25", 67, 24700.0, 0.6, 11004958),
    FutureLine("MES", "CME", "Micro E-Mini S&P 500 Stock Price Index", "5", "0.25", 67, 6650.0, 1.4),
    FutureLine("MNQ", "CME", "Micro E-Mini Nasdaq-100 Index", "2", "0.25", 67, 24700.0, 1.6, 362687422),
    FutureLine("RTY", "CME", "E-Mini Russell 2000 Index", "50", "0.1", 3190, 2390.0, 0.2),
    FutureLine("YM", "CBOT", "Mini Dow Jones Industrial Average - $5", "5", "1", 3191, 46900.0, 0.2),
    FutureLine("CL", "NYMEX", "Light Sweet Crude Oil", "1000", "0.01", 32, 58.0, 0.4, 0, "FGHJKMNQUVXZ", "crude", "14:30:00", "metal"),
    FutureLine("GC", "COMEX", "Gold", "100", "0.1", 3190, 4080.0, 0.2, 0, "GJMQVZ", "gold", "13:30:00", "metal"),
    FutureLine("ZN", "CBOT", "10 Year US Treasury Note", "1000", "0.015625", 3192, 113.0, 1.6, 0, "HMUZ", "note", "12:01:00", "rates"),
    FutureLine("EUR", "CME", "European Monetary Union Euro", "125000", "0.00005", 3188, 1.158, 0.2, 0, "HMUZ", "currency", "09:16:00", "rates", "6E"),
)

INDICES = (
    IndexLine("SPX", 416904, "S&P 500 Stock Index", "CBOE", 6640.0, "SPY"),
    IndexLine("NDX", 416843, "NASDAQ 100 Stock Index", "NASDAQ", 24640.0, "QQQ"),
    IndexLine("RUT", 416888, "Russell 2000 Stock Index", "RUSSELL", 2390.0, "IWM"),
    IndexLine("INDU", 1935181, "Dow Jones Industrial Average", "CME", 46850.0, "DIA"),
    IndexLine("VIX", 13455763, "CBOE Volatility Index", "CBOE", 16.5, "SPY", -6.0),
)

# The numbers are for ever: contract ids are made of them.
OPTIONS = (
    OptionLine("SPY", "SPY", 0, 1.0, 1, 5, 10, "daily", "penny"),
    OptionLine("QQQ", "QQQ", 1, 1.0, 1, 5, 10, "daily", "penny"),
    OptionLine("IWM", "IWM", 2, 0.5, 2, 4, 10, "daily", "penny"),
    OptionLine("AAPL", "AAPL", 3, 0.5, 5, 10, 20, "weekly"),
    OptionLine("MSFT", "MSFT", 4, 0.5, 5, 10, 20, "weekly"),
    OptionLine("NVDA", "NVDA", 5, 0.5, 5, 10, 20, "weekly"),
    OptionLine("TSLA", "TSLA", 6, 0.5, 5, 10, 20, "weekly"),
    OptionLine("AMZN", "AMZN", 7, 0.5, 5, 10, 20, "weekly"),
    OptionLine("META", "META", 8, 0.5, 5, 10, 20, "weekly"),
    OptionLine("GOOGL", "GOOGL", 9, 0.5, 5, 10, 20, "weekly"),
    OptionLine("AMD", "AMD", 10, 0.5, 5, 10, 20, "weekly"),
    OptionLine("NFLX", "NFLX", 11, 0.5, 2, 5, 10, "weekly"),
    OptionLine("JPM", "JPM", 12, 0.5, 5, 10, 20, "weekly"),
    OptionLine("BAC", "BAC", 13, 0.5, 1, 2, 5, "weekly"),
    OptionLine("GLD", "GLD", 14, 0.5, 2, 10, 20, "weekly", "penny"),
    OptionLine("SPX", "SPX", 15, 5.0, 1, 5, 20, "monthly", "index", "IND"),
    OptionLine("SPX", "SPXW", 16, 5.0, 1, 5, 20, "daily", "index", "IND"),
    OptionLine("NDX", "NDX", 17, 25.0, 2, 4, 20, "monthly", "index", "IND"),
    OptionLine("NDX", "NDXP", 18, 25.0, 2, 4, 20, "daily", "index", "IND"),
    OptionLine("RUT", "RUTW", 19, 5.0, 1, 5, 20, "weekly", "index", "IND"),
)

CRYPTO = (
    CryptoLine("BTC", 479624278, "Bitcoin", "0.25", 67, 90000.0),
    CryptoLine("ETH", 495759171, "Ethereum", "0.01", 32, 2900.0),
)

BONDS = (
    BondLine("IBM", 29105564, "IBM 6.22 08/01/27", "US459200AR21", "20270801", "Technology", "Computers", "Computer Services"),
    BondLine("IBM", 29105568, "IBM 6 1/2 01/15/28", "US459200AS04", "20280115", "Technology", "Computers", "Computer Services"),
)

#: How restless the underlyings of options are; the others have `DEFAULT_TEMPER`.
TEMPERS = {
    "AAPL": Temper(0.26, 0.004), "AMD": Temper(0.50, 0.0), "AMZN": Temper(0.32, 0.0),
    "BAC": Temper(0.26, 0.02), "GLD": Temper(0.18, 0.0), "GOOGL": Temper(0.31, 0.003),
    "IWM": Temper(0.22, 0.011), "JPM": Temper(0.24, 0.019), "META": Temper(0.34, 0.003),
    "MSFT": Temper(0.23, 0.007), "NDX": Temper(0.20, 0.006), "NFLX": Temper(0.35, 0.0),
    "NVDA": Temper(0.42, 0.0003), "QQQ": Temper(0.20, 0.006), "RUT": Temper(0.22, 0.011),
    "SPX": Temper(0.165, 0.012), "SPY": Temper(0.165, 0.012), "TLT": Temper(0.14, 0.04),
    "TSLA": Temper(0.55, 0.0),
}
DEFAULT_TEMPER = Temper(0.28, 0.015)

#: International securities identification numbers; a CUSIP is their middle.
ISINS = {
    "AAPL": "US0378331005", "AMD": "US0079031078", "AMZN": "US0231351067", "BA": "US0970231058",
    "BAC": "US0605051046", "BRK B": "US0846707026", "C": "US1729674242", "CSCO": "US17275R1023",
    "DIS": "US2546871060", "F": "US3453708600", "GE": "US3696043013", "GOOGL": "US02079K3059",
    "GS": "US38141G1040", "HD": "US4370761029", "IBM": "US4592001014", "INTC": "US4581401001",
    "IWM": "US4642876555", "JNJ": "US4781601046", "JPM": "US46625H1005", "KO": "US1912161007",
    "META": "US30303M1027", "MMM": "US88579Y1010", "MSFT": "US5949181045", "NFLX": "US64110L1061",
    "NVDA": "US67066G1040", "ORCL": "US68389X1054", "PFE": "US7170811035", "PG": "US7427181091",
    "QQQ": "US46090E1038", "SPY": "US78462F1030", "T": "US00206R1023", "TSLA": "US88160R1014",
    "V": "US92826C8394", "WMT": "US9311421039", "XOM": "US30231G1022",
}
