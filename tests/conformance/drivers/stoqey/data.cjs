// What @stoqey/ib is told beyond quotes and orders: history, depth, options, news.
"use strict";

const { ScanCode } = require("@stoqey/ib");
const { Stream, line, order, stock } = require("./shared.cjs");

const [BARS, LIVE_BARS, TICKS, HEAD, HISTOGRAM, FIVE_SECONDS, DEPTH, LAST, QUOTES] =
  [...Array(9).keys()].map((number) => 9100 + number);
const [CHAIN, OPTION, GREEKS, PNL, PNL_SINGLE, SYMBOLS, SCANNER, NEWS, ARTICLE] =
  [...Array(9).keys()].map((number) => 9109 + number);
const SPY = 756733, AAPL = 265598, DEPTH_ROWS = 5;

/** A deep book, built from what is told of it as a client builds it. */
class Book {
  sides = [[], []];
  problems = [];
  updates = 0;

  update(position, operation, side, price, size) {
    const rows = this.sides[side];
    this.updates += 1;
    if (operation === 0 && position <= rows.length) rows.splice(position, 0, [price, size]);
    else if (operation === 1 && position < rows.length) rows[position] = [price, size];
    else if (operation === 2 && position < rows.length) rows.splice(position, 1);
    else this.problems.push(`operation ${operation} at ${position} of ${rows.length} rows`);
  }

  full(rows) {
    return this.sides.every((side) => side.length >= rows);
  }
}

function listenToHistory(app) {
  const bar = (event) => (reqId, time, open, high, low, close, volume) => {
    if (String(time).startsWith("finished")) app.heard(`barsEnd ${reqId}`, undefined);
    if (String(time).startsWith("finished")) line("barsEnd", { reqId });
    else app.heard(event, { reqId, time, open, high, low, close, volume });
  };
  app.on("historicalData", bar("bar"));
  app.on("historicalDataUpdate", bar("barUpdate"));
  app.on("headTimestamp", (_reqId, value) => app.heard("head", { value }));
  app.on("historicalTicksLast", (_reqId, ticks, done) =>
    app.heard("pastTicks", {
      times: ticks.map((one) => one.time), prices: ticks.map((one) => one.price), done,
    }));
  app.on("histogramData", (_reqId, items) =>
    app.heard("histogram", { prices: items.map((one) => one.price) }));
  app.on("realtimeBar", (_reqId, time, open, high, low, close, volume) =>
    app.heard("fiveSeconds", { time, open, high, low, close, volume }));
}

function listenToMarket(app) {
  app.book = new Book();
  app.on("updateMktDepthL2", (_reqId, position, _maker, operation, side, price, size) => {
    app.book.update(position, operation, side, price, size);
    app.heard("depth");
  });
  app.on("tickByTickAllLast", (_reqId, _type, time, price, size) =>
    app.heard("tickByTick", { kind: "AllLast", time: Number(time), price, size }));
  app.on("tickByTickBidAsk", (_reqId, time, bid, ask) => {
    line("tickByTick", { kind: "BidAsk", time: Number(time), bid, ask });
    app.heard("bidAsk");
  });
  app.on("securityDefinitionOptionParameter",
    (_reqId, exchange, underlying, tradingClass, multiplier, expirations, strikes) => {
      app.heard("chain", {
        exchange, underlying, tradingClass, multiplier: String(multiplier),
        expirations: expirations.length, strikes: strikes.length,
      });
      if (exchange === "SMART") {
        app.chain = [[...expirations].sort(), [...strikes].sort((a, b) => a - b)];
      }
    });
  app.on("securityDefinitionOptionParameterEnd", () => app.heard("chainEnd", {}));
  app.on("tickOptionComputation", (_reqId, kind, ...values) => {
    // An attribute comes first where the server version has one.
    const [volatility, delta, price, dividend, gamma, vega, theta, under] = values.slice(-8);
    line("greeks", { kind, volatility, delta, price, dividend, gamma, vega, theta, under });
    app.heard(`greeks ${kind}`);
  });
}

function listenToRest(app) {
  app.on("pnl", (_reqId, daily, unrealized, realized) =>
    app.heard("pnl", { daily, unrealized, realized }));
  app.on("pnlSingle", (_reqId, position, daily, unrealized, realized, value) =>
    app.heard("pnlSingle", { position, daily, unrealized, realized, value }));
  app.on("symbolSamples", (_reqId, found) =>
    app.heard("symbols", { symbols: found.map((one) => one.contract.symbol) }));
  app.on("marketRule", (ruleId, steps) =>
    app.heard("rule", { ruleId, increments: steps.map((one) => one.increment) }));
  app.on("scannerData", (_reqId, rank, found) =>
    app.heard("scan", { rank, symbol: found.contract.symbol }));
  app.on("scannerDataEnd", () => app.heard("scanEnd", {}));
  app.on("newsProviders", (found) => {
    app.codes = found.map((one) => one.providerCode ?? one.code);
    app.heard("providers", { codes: app.codes });
  });
  app.on("historicalNews", (_reqId, time, code, article, text) => {
    app.news = [code, article];
    app.heard("headline", { time, code, article, text });
  });
  app.on("historicalNewsEnd", (_reqId, hasMore) => app.heard("newsEnd", { hasMore }));
  app.on("newsArticle", (_reqId, type, text) => app.heard("article", { type, text }));
}

function listenToData(app) {
  listenToHistory(app);
  listenToMarket(app);
  listenToRest(app);
}

async function history(app, share) {
  const { ib } = app;
  line("step", { name: "history" });
  await app.ask(`barsEnd ${BARS}`, () =>
    ib.reqHistoricalData(BARS, share, "", "2 D", "5 mins", "TRADES", 1, 2, false));
  await app.ask("head", () => ib.reqHeadTimestamp(HEAD, share, "TRADES", true, 2));
  ib.cancelHeadTimestamp(HEAD);
  const start = "20260918 10:00:00 US/Eastern";
  await app.ask("pastTicks", () =>
    ib.reqHistoricalTicks(TICKS, share, start, "", 50, "TRADES", 1, true));
  await app.ask("histogram", () => ib.reqHistogramData(HISTOGRAM, share, true, 3, "DAY"));
  line("step", { name: "live bars" });
  ib.reqHistoricalData(LIVE_BARS, share, "", "1 D", "1 min", "TRADES", 0, 2, true);
  ib.reqRealTimeBars(FIVE_SECONDS, share, 5, "TRADES", false);
  await app.wait("two bars of five seconds", () => app.count("fiveSeconds") > 1);
  await app.wait("an update of a bar", () => app.count("barUpdate") > 0);
  ib.cancelRealTimeBars(FIVE_SECONDS);
  ib.cancelHistoricalData(LIVE_BARS);
}

async function deep(app, share) {
  const { ib, book } = app;
  line("step", { name: "depth" });
  ib.reqMktDepth(DEPTH, share, DEPTH_ROWS, true);
  await app.wait("a book and 60 changes", () => book.full(DEPTH_ROWS) && app.count("depth") > 60);
  ib.cancelMktDepth(DEPTH, true);
  const [asks, bids] = book.sides;
  line("book", { asks, bids, problems: book.problems.slice(0, 5), updates: book.updates });
  line("step", { name: "tick by tick" });
  ib.reqTickByTickData(LAST, share, "AllLast", 0, false);
  ib.reqTickByTickData(QUOTES, share, "BidAsk", 0, true);
  await app.wait("trades", () => app.count("tickByTick") > 4 && app.count("bidAsk") > 4);
  ib.cancelTickByTickData(LAST);
  ib.cancelTickByTickData(QUOTES);
}

async function options(app) {
  const { ib } = app;
  line("step", { name: "options" });
  await app.ask("chainEnd", () => ib.reqSecDefOptParams(CHAIN, "SPY", "", "STK", SPY));
  const [expirations, strikes] = app.chain;
  const option = {
    ...stock("SPY"), secType: "OPT", right: "C", multiplier: 100,
    lastTradeDateOrContractMonth: expirations[expirations.length >> 1],
    strike: strikes[strikes.length >> 1],
  };
  await app.ask("contractDetailsEnd", () => ib.reqContractDetails(OPTION, option));
  app.streams[GREEKS] = new Stream("");
  await app.ask("greeks 13", () => ib.reqMktData(GREEKS, option, "", false, false));
  ib.cancelMktData(GREEKS);
}

async function search(app) {
  const { ib } = app;
  line("step", { name: "search" });
  await app.ask("symbols", () => ib.reqMatchingSymbols(SYMBOLS, "AAP"));
  await app.ask("rule", () => ib.reqMarketRule(26));
  const scan = {
    instrument: "STK", locationCode: "STK.US.MAJOR", scanCode: ScanCode.TOP_PERC_GAIN,
    numberOfRows: 10,
  };
  await app.ask("scanEnd", () => ib.reqScannerSubscription(SCANNER, scan));
  ib.cancelScannerSubscription(SCANNER);
  line("step", { name: "news" });
  await app.ask("providers", () => ib.reqNewsProviders());
  const codes = app.codes.join("+");
  await app.ask("newsEnd", () => ib.reqHistoricalNews(NEWS, AAPL, codes, "", "", 5));
  await app.ask("article", () => ib.reqNewsArticle(ARTICLE, ...app.news));
}

/** A bracket whose parent and target fill, with profit and loss on the way. */
async function profit(app, share) {
  const { ib } = app;
  line("step", { name: "round trip" });
  const first = app.nextId;
  const child = { tif: "DAY", parentId: first };
  const far = order("SELL", "LMT", 10, { lmtPrice: 9999, ...child, transmit: false });
  app.place(share, order("BUY", "MKT", 10, { tif: "DAY", transmit: false }));
  app.place(share, far);
  app.place(share, order("SELL", "STP", 10, { auxPrice: 1, ...child }));
  await app.wait("the parent to fill", () => app.statuses[first] === "Filled");
  await app.wait("the target to work", () => app.statuses[first + 1] === "Submitted");
  const [account] = app.accounts;
  await app.ask("pnl", () => ib.reqPnL(PNL, account, ""));
  await app.ask("pnlSingle", () => ib.reqPnLSingle(PNL_SINGLE, account, "", AAPL));
  const before = app.count("pnl");
  await app.wait("profit again", () => app.count("pnl") > before);
  ib.cancelPnL(PNL);
  ib.cancelPnLSingle(PNL_SINGLE);
  ib.placeOrder(first + 1, share, { ...far, lmtPrice: 1, transmit: true });
  await app.wait("the target to fill", () => app.statuses[first + 1] === "Filled");
  await app.wait("the stop to go", () => app.statuses[first + 2] === "Cancelled");
}

async function runData(app) {
  const share = stock(app.plan.trade);
  await history(app, share);
  await deep(app, share);
  await options(app);
  await search(app);
  await profit(app, share);
  await app.settle();
}

module.exports = { listenToData, runData };
