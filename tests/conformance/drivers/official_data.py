"""What IB's own Python client is told beyond quotes and orders: history, depth, options, news."""

from __future__ import annotations

import argparse
from typing import Any

from ibapi.scanner import ScannerSubscription
from official_app import App, order, stock  # type: ignore[import-not-found]
from recorder import Book, line  # type: ignore[import-not-found]

(BARS, LIVE_BARS, TICKS, HEAD, HISTOGRAM, FIVE_SECONDS, DEPTH, LAST, QUOTES) = range(9100, 9109)
(CHAIN, OPTION, GREEKS, PNL, PNL_SINGLE, SYMBOLS, SCANNER, NEWS, ARTICLE) = range(9109, 9118)
SPY = 756733
AAPL = 265598
DEPTH_ROWS = 5


class DataApp(App):
    """Listens to everything that the data plan waits for."""

    def __init__(self) -> None:
        super().__init__()
        self.book = Book()
        self.chain: tuple[list[str], list[float]] = ([], [])
        self.news = ("", "")
        self.codes: list[str] = []

    # ---- history ---------------------------------------------------------------------------

    def historicalData(self, reqId: int, bar: Any) -> None:
        with self.heard("bar"):
            self._bar("bar", reqId, bar)

    def historicalDataEnd(self, reqId: int, start: str, end: str) -> None:
        with self.heard(f"barsEnd {reqId}"):
            line("barsEnd", reqId=reqId)

    def historicalDataUpdate(self, reqId: int, bar: Any) -> None:
        with self.heard("barUpdate"):
            self._bar("barUpdate", reqId, bar)

    @staticmethod
    def _bar(event: str, req_id: int, bar: Any) -> None:
        line(
            event,
            reqId=req_id,
            time=bar.date,
            open=bar.open,
            high=bar.high,
            low=bar.low,
            close=bar.close,
            volume=bar.volume,
        )

    def headTimestamp(self, reqId: int, headTimestamp: str) -> None:
        with self.heard("head"):
            line("head", value=headTimestamp)

    def historicalTicksLast(self, reqId: int, ticks: Any, done: bool) -> None:
        with self.heard("pastTicks"):
            line(
                "pastTicks",
                times=[one.time for one in ticks],
                prices=[one.price for one in ticks],
                done=done,
            )

    def histogramData(self, reqId: int, items: Any) -> None:
        with self.heard("histogram"):
            line("histogram", prices=[one.price for one in items])

    def realtimeBar(self, reqId: int, time: int, *values: Any) -> None:
        with self.heard("fiveSeconds"):
            names = ("open", "high", "low", "close", "volume")
            line("fiveSeconds", time=time, **dict(zip(names, values[:5], strict=True)))

    # ---- deep and single ticks -------------------------------------------------------------

    def updateMktDepthL2(
        self, reqId: int, position: int, marketMaker: str, operation: int, side: int, *rest: Any
    ) -> None:
        with self.heard("depth"):
            self.book.update(position, operation, side, float(rest[0]), float(rest[1]))

    def tickByTickAllLast(
        self, reqId: int, tickType: int, time: int, price: float, size: Any, *rest: Any
    ) -> None:
        with self.heard("tickByTick"):
            line("tickByTick", kind="AllLast", time=time, price=price, size=size)

    def tickByTickBidAsk(self, reqId: int, time: int, bid: float, ask: float, *rest: Any) -> None:
        with self.heard("bidAsk"):
            line("tickByTick", kind="BidAsk", time=time, bid=bid, ask=ask)

    # ---- options ---------------------------------------------------------------------------

    def securityDefinitionOptionParameter(
        self, reqId: int, exchange: str, underlyingConId: int, *rest: Any
    ) -> None:
        trading_class, multiplier, expirations, strikes = rest
        with self.heard("chain"):
            line(
                "chain",
                exchange=exchange,
                underlying=underlyingConId,
                tradingClass=trading_class,
                multiplier=multiplier,
                expirations=len(expirations),
                strikes=len(strikes),
            )
            if exchange == "SMART":
                self.chain = (sorted(expirations), sorted(strikes))

    def securityDefinitionOptionParameterEnd(self, reqId: int) -> None:
        with self.heard("chainEnd"):
            line("chainEnd")

    def tickOptionComputation(self, reqId: int, tickType: int, *values: Any) -> None:
        names = ("volatility", "delta", "price", "dividend", "gamma", "vega", "theta", "under")
        with self.heard(f"greeks {tickType}"):
            line("greeks", kind=tickType, **dict(zip(names, values[-8:], strict=True)))

    # ---- account, search, news -------------------------------------------------------------

    def pnl(self, reqId: int, dailyPnL: float, unrealizedPnL: float, realizedPnL: float) -> None:
        with self.heard("pnl"):
            line("pnl", daily=dailyPnL, unrealized=unrealizedPnL, realized=realizedPnL)

    def pnlSingle(self, reqId: int, pos: Any, *values: float) -> None:
        names = ("daily", "unrealized", "realized", "value")
        with self.heard("pnlSingle"):
            line("pnlSingle", position=pos, **dict(zip(names, values, strict=True)))

    def symbolSamples(self, reqId: int, contractDescriptions: Any) -> None:
        with self.heard("symbols"):
            found = [one.contract.symbol for one in contractDescriptions]
            line("symbols", symbols=found)

    def marketRule(self, marketRuleId: int, priceIncrements: Any) -> None:
        with self.heard("rule"):
            steps = [one.increment for one in priceIncrements]
            line("rule", ruleId=marketRuleId, increments=steps)

    def scannerData(self, reqId: int, rank: int, contractDetails: Any, *rest: Any) -> None:
        with self.heard("scan"):
            line("scan", rank=rank, symbol=contractDetails.contract.symbol)

    def scannerDataEnd(self, reqId: int) -> None:
        with self.heard("scanEnd"):
            line("scanEnd")

    def newsProviders(self, newsProviders: Any) -> None:
        with self.heard("providers"):
            self.codes = [one.code for one in newsProviders]
            line("providers", codes=self.codes)

    def historicalNews(self, requestId: int, time: str, *rest: str) -> None:
        code, article, headline = rest
        with self.heard("headline"):
            self.news = (code, article)
            line("headline", time=time, code=code, article=article, text=headline)

    def historicalNewsEnd(self, requestId: int, hasMore: bool) -> None:
        with self.heard("newsEnd"):
            line("newsEnd", hasMore=hasMore)

    def newsArticle(self, requestId: int, articleType: int, articleText: str) -> None:
        with self.heard("article"):
            line("article", type=articleType, text=articleText)


def ask(app: DataApp, end: str, request: Any) -> None:
    """Ask for something, and wait until its end has been heard once more."""
    before = app.count(end)
    request()
    app.wait(end, lambda: app.count(end) > before)


def history(app: DataApp, share: Any) -> None:
    """Bars, ticks, the first time there is, the histogram."""
    line("step", name="history")
    what = ("TRADES", 1, 2)
    ask(
        app,
        f"barsEnd {BARS}",
        lambda: app.reqHistoricalData(BARS, share, "", "2 D", "5 mins", *what, False, []),
    )
    ask(app, "head", lambda: app.reqHeadTimeStamp(HEAD, share, *what))
    app.cancelHeadTimeStamp(HEAD)
    start = "20260918 10:00:00 US/Eastern"
    ask(
        app,
        "pastTicks",
        lambda: app.reqHistoricalTicks(TICKS, share, start, "", 50, "TRADES", 1, True, []),
    )
    ask(app, "histogram", lambda: app.reqHistogramData(HISTOGRAM, share, True, "3 days"))
    line("step", name="live bars")
    app.reqHistoricalData(LIVE_BARS, share, "", "1 D", "1 min", "TRADES", 0, 2, True, [])
    app.reqRealTimeBars(FIVE_SECONDS, share, 5, "TRADES", False, [])
    app.wait("two bars of five seconds", lambda: app.count("fiveSeconds") > 1)
    app.wait("an update of a bar", lambda: app.count("barUpdate") > 0)
    app.cancelRealTimeBars(FIVE_SECONDS)
    app.cancelHistoricalData(LIVE_BARS)


def deep(app: DataApp, share: Any) -> None:
    """The deep book, and single ticks."""
    line("step", name="depth")
    app.reqMktDepth(DEPTH, share, DEPTH_ROWS, True, [])
    app.wait("a book and 60 changes", lambda: app.book.full(DEPTH_ROWS) and app.count("depth") > 60)
    app.cancelMktDepth(DEPTH, True)
    app.book.tell()
    line("step", name="tick by tick")
    app.reqTickByTickData(LAST, share, "AllLast", 0, False)
    app.reqTickByTickData(QUOTES, share, "BidAsk", 0, True)
    app.wait("trades", lambda: app.count("tickByTick") > 4 and app.count("bidAsk") > 4)
    app.cancelTickByTickData(LAST)
    app.cancelTickByTickData(QUOTES)


def options(app: DataApp) -> None:
    """A chain, one of its options, its greeks."""
    line("step", name="options")
    ask(app, "chainEnd", lambda: app.reqSecDefOptParams(CHAIN, "SPY", "", "STK", SPY))
    expirations, strikes = app.chain
    option = stock("SPY")
    option.secType, option.right, option.multiplier = "OPT", "C", "100"
    option.lastTradeDateOrContractMonth = expirations[len(expirations) // 2]
    option.strike = strikes[len(strikes) // 2]
    ask(app, "contractDetailsEnd", lambda: app.reqContractDetails(OPTION, option))
    app.streams[GREEKS] = app.silent()
    ask(app, "greeks 13", lambda: app.reqMktData(GREEKS, option, "", False, False, []))
    app.cancelMktData(GREEKS)


def search(app: DataApp) -> None:
    """Symbols, a market rule, a scanner, the news."""
    line("step", name="search")
    ask(app, "symbols", lambda: app.reqMatchingSymbols(SYMBOLS, "AAP"))
    ask(app, "rule", lambda: app.reqMarketRule(26))
    scan = ScannerSubscription()
    scan.instrument, scan.locationCode, scan.scanCode = "STK", "STK.US.MAJOR", "TOP_PERC_GAIN"
    scan.numberOfRows = 10
    ask(app, "scanEnd", lambda: app.reqScannerSubscription(SCANNER, scan, [], []))
    app.cancelScannerSubscription(SCANNER)
    line("step", name="news")
    ask(app, "providers", app.reqNewsProviders)
    codes = "+".join(app.codes)
    ask(app, "newsEnd", lambda: app.reqHistoricalNews(NEWS, AAPL, codes, "", "", 5, []))
    ask(app, "article", lambda: app.reqNewsArticle(ARTICLE, *app.news, []))


def profit(app: DataApp, share: Any) -> None:
    """A bracket whose parent and target fill, with profit and loss on the way."""
    line("step", name="round trip")
    first = app.next_id
    app.next_id += 3
    app.placeOrder(first, share, order("BUY", "MKT", 10, tif="DAY", transmit=False))
    child = {"tif": "DAY", "parentId": first}
    far = order("SELL", "LMT", 10, lmtPrice=9999.0, **child, transmit=False)
    app.placeOrder(first + 1, share, far)
    app.placeOrder(first + 2, share, order("SELL", "STP", 10, auxPrice=1.0, **child))
    app.wait("the parent to fill", lambda: app.statuses.get(first) == "Filled")
    app.wait("the target to work", lambda: app.statuses.get(first + 1) == "Submitted")
    ask(app, "pnl", lambda: app.reqPnL(PNL, app.accounts[0], ""))
    ask(app, "pnlSingle", lambda: app.reqPnLSingle(PNL_SINGLE, app.accounts[0], "", AAPL))
    before = app.count("pnl")
    app.wait("profit again", lambda: app.count("pnl") > before)
    app.cancelPnL(PNL)
    app.cancelPnLSingle(PNL_SINGLE)
    near = order("SELL", "LMT", 10, lmtPrice=1.0, **child)
    app.placeOrder(first + 1, share, near)
    app.wait("the target to fill", lambda: app.statuses.get(first + 1) == "Filled")
    app.wait("the stop to go", lambda: app.statuses.get(first + 2) == "Cancelled")


def run_data(app: DataApp, plan: argparse.Namespace) -> None:
    """Everything, in order."""
    share = stock(plan.trade)
    history(app, share)
    deep(app, share)
    options(app)
    search(app)
    profit(app, share)
