"""What ib_async and ib_insync are told beyond quotes and orders: history, depth, options, news."""

from __future__ import annotations

import math
from typing import Any

from recorder import line  # type: ignore[import-not-found]

DEPTH_ROWS = 5


class DataPlan:
    """The data steps, on the `IB` object of a plan (``ib_sync.Plan``)."""

    def __init__(self, plan: Any) -> None:
        self.plan = plan
        self.ib = plan.ib
        self.lib = plan.lib

    def run(self) -> None:
        """Everything, in order."""
        share = self.plan.stock(self.plan.plan.trade)
        self.ib.qualifyContracts(share)
        self.history(share)
        self.deep(share)
        self.options()
        self.search(share)
        self.profit(share)

    def history(self, share: Any) -> None:
        """Bars, ticks, the first time there is, the histogram."""
        ib = self.ib
        line("step", name="history")
        for bar in ib.reqHistoricalData(share, "", "2 D", "5 mins", "TRADES", True, 2):
            self._bar("bar", bar)
        line("barsEnd")
        line("head", value=str(ib.reqHeadTimeStamp(share, "TRADES", True, 2)))
        start = "20260918 10:00:00 US/Eastern"
        ticks = ib.reqHistoricalTicks(share, start, "", 50, "TRADES", True, True)
        line(
            "pastTicks",
            times=[one.time.timestamp() for one in ticks],
            prices=[one.price for one in ticks],
        )
        histogram = ib.reqHistogramData(share, True, "3 days")
        line("histogram", prices=[one.price for one in histogram])
        line("step", name="live bars")
        heard: list[Any] = []
        live = ib.reqHistoricalData(
            share, "", "1 D", "1 min", "TRADES", False, 2, keepUpToDate=True
        )
        live.updateEvent += lambda bars, _new: heard.append(bars[-1])
        five = ib.reqRealTimeBars(share, 5, "TRADES", False)
        self.plan.wait("two bars of five seconds", lambda: len(five) > 1)
        self.plan.wait("an update of a bar", lambda: bool(heard))
        self._bar("barUpdate", heard[-1])
        for one in five:
            line(
                "fiveSeconds",
                time=one.time.timestamp(),
                open=one.open_,
                high=one.high,
                low=one.low,
                close=one.close,
                volume=one.volume,
            )
        ib.cancelRealTimeBars(five)
        ib.cancelHistoricalData(live)

    @staticmethod
    def _bar(event: str, bar: Any) -> None:
        line(
            event,
            time=bar.date.timestamp(),
            open=bar.open,
            high=bar.high,
            low=bar.low,
            close=bar.close,
            volume=bar.volume,
        )

    def deep(self, share: Any) -> None:
        """The deep book, and single ticks."""
        ib = self.ib
        line("step", name="depth")
        ticker = ib.reqMktDepth(share, DEPTH_ROWS, True)
        changes: list[Any] = []
        ticker.updateEvent += lambda it: changes.extend(it.domTicks)
        self.plan.wait(
            "a book and 60 changes",
            lambda: (
                len(changes) > 60 and min(len(ticker.domBids), len(ticker.domAsks)) >= DEPTH_ROWS
            ),
        )
        line(
            "book",
            asks=[[one.price, one.size] for one in ticker.domAsks],
            bids=[[one.price, one.size] for one in ticker.domBids],
            problems=[],
            updates=len(changes),
        )
        ib.cancelMktDepth(share, True)
        line("step", name="tick by tick")
        trades = ib.reqTickByTickData(share, "AllLast")
        heard: list[Any] = []
        trades.updateEvent += lambda it: heard.extend(it.tickByTicks)
        kinds: dict[str, list[Any]] = {"AllLast": [], "BidAsk": []}

        def sort() -> bool:
            while heard:
                one = heard.pop()
                kinds["AllLast" if hasattr(one, "tickAttribLast") else "BidAsk"].append(one)
            return all(len(some) > 4 for some in kinds.values())

        ib.reqTickByTickData(share, "BidAsk")
        self.plan.wait("trades", sort)
        ib.cancelTickByTickData(share, "AllLast")
        ib.cancelTickByTickData(share, "BidAsk")
        for one in kinds["AllLast"]:
            line("tickByTick", kind="AllLast", price=one.price, size=one.size)
        for one in kinds["BidAsk"]:
            line("tickByTick", kind="BidAsk", bid=one.bidPrice, ask=one.askPrice)

    def options(self) -> None:
        """A chain, one of its options, its greeks."""
        ib = self.ib
        line("step", name="options")
        spy = self.plan.stock("SPY")
        ib.qualifyContracts(spy)
        chains = ib.reqSecDefOptParams("SPY", "", "STK", spy.conId)
        for one in chains:
            line(
                "chain",
                exchange=one.exchange,
                underlying=int(one.underlyingConId),
                tradingClass=one.tradingClass,
                multiplier=one.multiplier,
                expirations=len(one.expirations),
                strikes=len(one.strikes),
            )
        line("chainEnd")
        chain = next(one for one in chains if one.exchange == "SMART")
        expirations, strikes = sorted(chain.expirations), sorted(chain.strikes)
        option = self.lib.Option(
            "SPY",
            expirations[len(expirations) // 2],
            strikes[len(strikes) // 2],
            "C",
            "SMART",
        )
        ib.qualifyContracts(option)
        line("contractDetails", conId=option.conId, secType="OPT", symbol=option.symbol)
        ticker = ib.reqMktData(option)
        self.plan.wait("greeks", lambda: ticker.modelGreeks is not None)
        greeks = ticker.modelGreeks
        line(
            "greeks",
            kind=13,
            volatility=greeks.impliedVol,
            delta=greeks.delta,
            price=greeks.optPrice,
            gamma=greeks.gamma,
            vega=greeks.vega,
            theta=greeks.theta,
            under=greeks.undPrice,
        )
        ib.cancelMktData(option)

    def search(self, share: Any) -> None:
        """Symbols, a market rule, a scanner, the news."""
        ib = self.ib
        line("step", name="search")
        found = ib.reqMatchingSymbols("AAP")
        line("symbols", symbols=[one.contract.symbol for one in found])
        line("rule", ruleId=26, increments=[one.increment for one in ib.reqMarketRule(26)])
        scan = self.lib.ScannerSubscription(
            instrument="STK",
            locationCode="STK.US.MAJOR",
            scanCode="TOP_PERC_GAIN",
            numberOfRows=10,
        )
        for one in ib.reqScannerData(scan):
            line("scan", rank=one.rank, symbol=one.contractDetails.contract.symbol)
        line("scanEnd")
        line("step", name="news")
        codes = [one.code for one in ib.reqNewsProviders()]
        line("providers", codes=codes)
        news = ib.reqHistoricalNews(share.conId, "+".join(codes), "", "", 5)
        # ib_insync 0.9.86 gives the last headline alone.
        headlines = news if isinstance(news, list) else [news]
        for one in headlines:
            line(
                "headline",
                time=str(one.time),
                code=one.providerCode,
                article=one.articleId,
                text=one.headline,
            )
        line("newsEnd")
        article = ib.reqNewsArticle(headlines[0].providerCode, headlines[0].articleId)
        line("article", type=article.articleType, text=article.articleText)

    def profit(self, share: Any) -> None:
        """A bracket whose parent and target fill, with profit and loss on the way."""
        ib, lib = self.ib, self.lib
        line("step", name="round trip")
        parent = lib.MarketOrder("BUY", 10, tif="DAY", transmit=False)
        parent.orderId = ib.client.getReqId()
        more = {"tif": "DAY", "parentId": parent.orderId}
        target = lib.LimitOrder("SELL", 10, 9999.0, **more, transmit=False)
        stop = lib.StopOrder("SELL", 10, 1.0, **more)
        trades = [ib.placeOrder(share, one) for one in (parent, target, stop)]

        def wait(what: str, number: int, status: str) -> None:
            self.plan.wait(what, lambda: trades[number].orderStatus.status == status)

        wait("the parent to fill", 0, "Filled")
        wait("the target to work", 1, "Submitted")
        (account,) = ib.managedAccounts()
        total = ib.reqPnL(account)
        single = ib.reqPnLSingle(account, "", share.conId)
        self.plan.wait("profit", lambda: not math.isnan(total.dailyPnL))
        self.plan.wait("profit of one", lambda: single.position == 10)
        line(
            "pnl",
            daily=total.dailyPnL,
            unrealized=total.unrealizedPnL,
            realized=total.realizedPnL,
        )
        line(
            "pnlSingle",
            position=single.position,
            daily=single.dailyPnL,
            unrealized=single.unrealizedPnL,
            value=single.value,
        )
        ib.cancelPnL(account)
        ib.cancelPnLSingle(account, "", share.conId)
        target.lmtPrice = 1.0
        ib.placeOrder(share, target)
        wait("the target to fill", 1, "Filled")
        wait("the stop to go", 2, "Cancelled")
        ib.reqCurrentTime()
