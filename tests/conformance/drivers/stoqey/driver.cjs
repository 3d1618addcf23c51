// Drive @stoqey/ib, a client in TypeScript that is a port of IB's Java client: the plan of the
// drivers in Python, with the same JSON lines, so that the same tests judge it.
//
// It runs on the Node.js of the client's own environment, and knows nothing of twsloop.
"use strict";

const { IBApi, EventName } = require("@stoqey/ib");
const { Stream, cents, line, order, pair, stock } = require("./shared.cjs");
const { listenToData, runData } = require("./data.cjs");

const PATIENCE_MS = 15000;
const BASICS = ["bid", "ask", "bidSize", "askSize", "last", "lastSize", "volume", "close"];
const DETAILS = 9001, SNAPSHOT = 9002, SUMMARY = 9003, EXECUTIONS = 9004, PAIR = 9005;
const FIRST_LINE = 1000;
const TAGS = "NetLiquidation,TotalCashValue,BuyingPower,GrossPositionValue";

class Trouble extends Error {}

function arguments_() {
  const plan = {
    host: "127.0.0.1", port: 0, "client-id": 7, symbols: "AAPL,MSFT,SPY,NVDA", trade: "AAPL",
    quantity: 10, ticks: 400, big: 3000, again: false, trace: false, data: false, module: "",
  };
  const given = process.argv.slice(2);
  while (given.length) {
    const name = given.shift().slice(2);
    if (!(name in plan)) throw new Error(`no option --${name}`);
    if (typeof plan[name] === "boolean") plan[name] = true;
    else plan[name] = typeof plan[name] === "number" ? Number(given.shift()) : given.shift();
  }
  return plan;
}

class App {
  constructor(plan) {
    this.plan = plan;
    this.ib = new IBApi({ host: plan.host, port: plan.port, clientId: plan["client-id"] });
    Object.assign(this, { counts: {}, streams: {}, statuses: {}, executions: {}, waiting: [] });
    this.commissions = new Set();
    this.accounts = [];
    this.nextId = 0;
    this.version = 0;
    this.listen();
  }

  count(event) {
    return this.counts[event] ?? 0;
  }

  /** Count an event, and look whether somebody waited for what it brought. */
  heard(event, fields) {
    if (fields !== undefined) line(event, fields);
    this.counts[event] = this.count(event) + 1;
    for (const look of [...this.waiting]) look();
  }

  /** Resolves when the condition holds; a Trouble when it does not in time. */
  wait(what, condition) {
    return new Promise((resolve, reject) => {
      const end = (finish, value) => {
        clearTimeout(timer);
        this.waiting = this.waiting.filter((one) => one !== look);
        finish(value);
      };
      const look = () => {
        if (condition()) end(resolve);
        else if (this.count("connectionClosed")) {
          end(reject, new Trouble(`the connection closed before ${what}`));
        }
      };
      const late = () => end(reject, new Trouble(`waited ${PATIENCE_MS} ms for ${what}`));
      const timer = setTimeout(late, PATIENCE_MS);
      this.waiting.push(look);
      look();
    });
  }

  error(reqId, code, text) {
    this.heard("error", { reqId, code, text });
    this.heard(`error ${code}`);
  }

  on(event, listener) {
    this.ib.on(EventName[event], listener);
  }

  listen() {
    this.on("info", (text, code) => this.error(-1, code, text));
    this.on("error", (error, code, reqId) => this.error(reqId, code, error.message));
    this.on("server", (version) => { this.version = version; });
    this.on("disconnected", () => this.heard("connectionClosed", {}));
    this.on("nextValidId", (orderId) => {
      this.nextId = orderId;
      this.heard("nextValidId", { orderId });
    });
    this.on("managedAccounts", (list) => {
      this.accounts = list.split(",").filter((one) => one);
      this.heard("managedAccounts", { accounts: this.accounts });
    });
    this.on("currentTime", (time) => this.heard("currentTime", { time }));
    this.listenToMarket();
    this.listenToOrders();
    this.listenToAccount();
    listenToData(this);
  }

  listenToMarket() {
    this.on("contractDetails", (reqId, found) => {
      const { conId, symbol, secType, exchange, currency, tradingClass, localSymbol } =
        found.contract;
      const { marketName, minTick, orderTypes, validExchanges, marketRuleIds, longName } = found;
      this.heard("contractDetails", {
        reqId, conId, symbol, secType, exchange, currency, tradingClass, localSymbol,
        primaryExchange: found.contract.primaryExch, marketName, minTick, orderTypes,
        validExchanges, marketRuleIds, longName, timeZoneId: found.timeZoneId,
        tradingHours: found.tradingHours, liquidHours: found.liquidHours,
      });
    });
    this.on("contractDetailsEnd", (reqId) => this.heard("contractDetailsEnd", { reqId }));
    const tick = (reqId, number, value) => {
      const stream = this.streams[reqId];
      if (stream === undefined) line("stray tick", { reqId, tickType: number });
      else stream.tick(number, value);
      this.heard("tick");
    };
    for (const event of ["tickPrice", "tickSize", "tickString", "tickGeneric"]) this.on(event, tick);
    this.on("tickReqParams", (reqId, minTick, bboExchange) =>
      this.heard("tickReqParams", { reqId, minTick, bboExchange }));
    this.on("marketDataType", (reqId, type) => this.heard("marketDataType", { reqId, type }));
    this.on("tickSnapshotEnd", (reqId) => this.heard("tickSnapshotEnd", { reqId }));
  }

  listenToOrders() {
    this.on("openOrder", (orderId, contract, given, state) => {
      const { action, orderType, totalQuantity, lmtPrice, tif, permId, clientId, account } = given;
      const { orderRef, parentId, ocaGroup, auxPrice, whatIf } = given;
      this.heard("openOrder", {
        orderId, symbol: contract.symbol, conId: contract.conId, status: state.status,
        commission: state.commission, action, orderType, totalQuantity, lmtPrice, tif, permId,
        clientId, account, orderRef, parentId, ocaGroup, auxPrice, whatIf,
        initMarginChange: state.initMarginChange,
      });
    });
    this.on("openOrderEnd", () => this.heard("openOrderEnd", {}));
    this.on("orderStatus", (orderId, status, filled, remaining, avgFillPrice, ...rest) => {
      const [permId, parentId, lastFillPrice, clientId, whyHeld, mktCapPrice] = rest;
      this.statuses[orderId] = status;
      this.heard("orderStatus", {
        orderId, status, filled, remaining, avgFillPrice, permId, parentId, lastFillPrice,
        clientId, whyHeld: whyHeld ?? "", mktCapPrice,
      });
    });
    this.on("completedOrder", (contract, given, state) =>
      this.heard("completedOrder", {
        symbol: contract.symbol, permId: given.permId, action: given.action,
        orderType: given.orderType, status: state.status, completedStatus: state.completedStatus,
      }));
    this.on("completedOrdersEnd", () => this.heard("completedOrdersEnd", {}));
    this.on("execDetails", (reqId, contract, one) => {
      (this.executions[one.orderId] ??= new Set()).add(one.execId);
      this.heard("execDetails", {
        reqId, symbol: contract.symbol, conId: contract.conId, orderId: one.orderId,
        clientId: one.clientId, permId: one.permId, execId: one.execId, time: one.time,
        account: one.acctNumber, exchange: one.exchange, side: one.side, shares: one.shares,
        price: one.price, cumQty: one.cumQty, avgPrice: one.avgPrice,
        lastLiquidity: one.lastLiquidity,
      });
    });
    this.on("execDetailsEnd", (reqId) => this.heard("execDetailsEnd", { reqId }));
    this.on("commissionReport", (report) => {
      this.commissions.add(report.execId);
      const { execId, commission, currency, realizedPNL } = report;
      this.heard("commission", { execId, commission, currency, realizedPNL });
    });
  }

  listenToAccount() {
    this.on("position", (account, contract, position, avgCost) =>
      this.heard("position", { account, symbol: contract.symbol, position, avgCost }));
    this.on("positionEnd", () => this.heard("positionEnd", {}));
    this.on("accountSummary", (reqId, account, tag, value, currency) =>
      this.heard("accountSummary", { reqId, account, tag, value, currency }));
    this.on("accountSummaryEnd", (reqId) => this.heard("accountSummaryEnd", { reqId }));
    this.on("updateAccountValue", (key, value, currency, account) =>
      this.heard("updateAccountValue", { key, value, currency: currency ?? "", account }));
    this.on("updatePortfolio", (contract, position, marketPrice, marketValue, ...rest) =>
      this.heard("updatePortfolio", {
        symbol: contract.symbol, position, marketPrice, marketValue, averageCost: rest[0],
        account: rest[3],
      }));
    this.on("updateAccountTime", (time) => this.heard("updateAccountTime", { time }));
    this.on("accountDownloadEnd", (account) => this.heard("accountDownloadEnd", { account }));
  }

  // ---- steps ---------------------------------------------------------------------------------

  /** Ask for something and wait for its end marker. */
  async ask(end, request) {
    const before = this.count(end);
    request();
    await this.wait(end, () => this.count(end) > before);
  }

  /** Wait until the gateway has answered everything asked so far. */
  settle() {
    return this.ask("currentTime", () => this.ib.reqCurrentTime());
  }

  place(contract, wanted) {
    const orderId = this.nextId++;
    this.ib.placeOrder(orderId, contract, wanted);
    return orderId;
  }

  async watch() {
    const { symbols, ticks, trade } = this.plan;
    line("step", { name: "stream" });
    const began = Date.now();
    const lines = symbols.split(",").map((symbol, number) => {
      const reqId = FIRST_LINE + number;
      this.streams[reqId] = new Stream(symbol);
      this.ib.reqMktData(reqId, stock(symbol), "", false, false);
      return reqId;
    });
    const streams = lines.map((reqId) => this.streams[reqId]);
    const total = () => streams.reduce((sum, one) => sum + one.count, 0);
    await this.wait(`${ticks} ticks, and each of ${BASICS} of every share`, () =>
      total() >= ticks && streams.every((one) => BASICS.every((name) => name in one.kinds)));
    for (const reqId of lines) this.ib.cancelMktData(reqId);
    await this.settle();
    for (const stream of streams) stream.tell();
    line("streamed", { ticks: total(), seconds: (Date.now() - began) / 1000 });
    line("step", { name: "snapshot" });
    this.streams[SNAPSHOT] = new Stream(trade);
    await this.ask("tickSnapshotEnd", () =>
      this.ib.reqMktData(SNAPSHOT, stock(trade), "", true, false));
    this.streams[SNAPSHOT].tell();
  }

  /** Watch until as many ticks as there shall be have come, then a little longer. */
  async trace() {
    line("step", { name: "trace" });
    const symbols = this.plan.symbols.split(",");
    symbols.forEach((symbol, number) => {
      this.streams[FIRST_LINE + number] = new Stream(symbol);
      this.ib.reqMktData(FIRST_LINE + number, stock(symbol), "", false, false);
    });
    const streams = Object.values(this.streams);
    await this.wait("a tick", () => !this.plan.ticks || this.count("tick") > 0);
    line("streaming");
    await this.wait("every tick", () =>
      streams.reduce((sum, one) => sum + one.count, 0) >= this.plan.ticks);
    await this.settle();
    for (const { symbol, trace } of streams) line("trace", { symbol, ticks: trace });
  }

  async trade(step, contract, wanted) {
    line("step", { name: step });
    const orderId = this.place(contract, wanted);
    await this.wait(`${step} to fill`, () => {
      const executions = [...(this.executions[orderId] ?? [])];
      return this.statuses[orderId] === "Filled" && executions.length > 0 &&
        executions.every((execId) => this.commissions.has(execId));
    });
    await this.settle();
  }

  async lookAtAccount() {
    line("step", { name: "account" });
    await this.ask("positionEnd", () => this.ib.reqPositions());
    this.ib.cancelPositions();
    await this.ask("accountSummaryEnd", () => this.ib.reqAccountSummary(SUMMARY, "All", TAGS));
    this.ib.cancelAccountSummary(SUMMARY);
    const [account] = this.accounts;
    await this.ask("accountDownloadEnd", () => this.ib.reqAccountUpdates(true, account));
    this.ib.reqAccountUpdates(false, account);
    await this.settle();
  }

  /** A limit far below the market: it rests, is moved, and is cancelled. */
  async restAndCancel() {
    const { trade, quantity } = this.plan;
    line("step", { name: "limit" });
    const price = cents(this.streams[SNAPSHOT].latest.bid * 0.5);
    const wanted = order("BUY", "LMT", quantity, { lmtPrice: price, tif: "DAY" });
    await this.ask("orderStatus", () => this.place(stock(trade), wanted));
    const orderId = this.nextId - 1;
    await this.settle();
    line("step", { name: "open orders" });
    await this.ask("openOrderEnd", () => this.ib.reqOpenOrders());
    line("step", { name: "modify" });
    const moved = { ...wanted, lmtPrice: cents(price + 0.25) };
    await this.ask("orderStatus", () => this.ib.placeOrder(orderId, stock(trade), moved));
    await this.settle();
    line("step", { name: "cancel" });
    await this.ask("error 202", () => this.ib.cancelOrder(orderId));
    await this.settle();
  }

  /** Place a bracket far from the market, and leave it working. */
  async leaveBracket() {
    const { trade, quantity } = this.plan;
    line("step", { name: "bracket" });
    const bid = this.streams[SNAPSHOT].latest.bid;
    const first = this.nextId;
    const child = { tif: "DAY", parentId: first };
    for (const wanted of [
      order("BUY", "LMT", quantity, { lmtPrice: cents(bid * 0.5), tif: "DAY", transmit: false }),
      order("SELL", "LMT", quantity, { lmtPrice: cents(bid * 2), ...child, transmit: false }),
      order("SELL", "STP", quantity, { auxPrice: cents(bid * 0.25), ...child }),
    ]) this.place(stock(trade), wanted);
    await this.wait("the bracket", () => first + 2 in this.statuses);
    await this.settle();
  }

  async steps() {
    const { trade, quantity } = this.plan;
    line("step", { name: "contract" });
    await this.ask("contractDetailsEnd", () => this.ib.reqContractDetails(DETAILS, stock(trade)));
    await this.watch();
    await this.trade("buy", stock(trade), order("BUY", "MKT", quantity));
    await this.lookAtAccount();
    await this.restAndCancel();
    await this.trade("sell", stock(trade), order("SELL", "MKT", quantity));
    line("step", { name: "executions" });
    await this.ask("execDetailsEnd", () => this.ib.reqExecutions(EXECUTIONS, {}));
    await this.settle();
    await this.leaveBracket();
  }

  /** What is done in a second session of the same client id. */
  async again() {
    const { trade, big } = this.plan;
    line("step", { name: "left" });
    await this.ask("openOrderEnd", () => this.ib.reqOpenOrders());
    const parent = Math.min(...Object.keys(this.statuses).map(Number));
    await this.ask("completedOrdersEnd", () => this.ib.reqCompletedOrders(false));
    await this.ask("execDetailsEnd", () => this.ib.reqExecutions(EXECUTIONS, {}));
    await this.settle();
    line("step", { name: "what-if" });
    await this.ask("openOrder", () =>
      this.place(stock(trade), order("BUY", "MKT", 100, { whatIf: true, tif: "DAY" })));
    await this.settle();
    line("step", { name: "cancel bracket" });
    this.ib.cancelOrder(parent);
    await this.wait("three times 202", () => this.count("error 202") >= 3);
    await this.settle();
    await this.trade("big", stock(trade), order("BUY", "MKT", big, { tif: "DAY" }));
    line("step", { name: "pair" });
    this.streams[PAIR] = new Stream("EUR.USD");
    this.ib.reqMktData(PAIR, pair(), "", false, false);
    const { kinds } = this.streams[PAIR];
    await this.wait("both sides of the pair", () => "bid" in kinds && "ask" in kinds);
    this.ib.cancelMktData(PAIR);
    await this.settle();
    this.streams[PAIR].tell();
    await this.trade("buy pair", pair(), order("BUY", "MKT", 20000, { tif: "DAY" }));
    line("step", { name: "positions" });
    await this.ask("positionEnd", () => this.ib.reqPositions());
    this.ib.cancelPositions();
  }

  async run() {
    line("step", { name: "start" });
    const began = Date.now();
    this.ib.connect();
    await this.wait("managedAccounts", () => this.count("managedAccounts") > 0);
    await this.wait("nextValidId", () => this.count("nextValidId") > 0);
    for (const code of [2104, 2106, 2158]) {
      await this.wait(`error ${code}`, () => this.count(`error ${code}`) > 0);
    }
    line("started", { seconds: (Date.now() - began) / 1000, version: this.version });
    if (this.plan.trace) await this.trace();
    else if (this.plan.again) await this.again();
    else if (this.plan.data) await runData(this);
    else await this.steps();
    line("step", { name: "end" });
  }
}

async function main() {
  const began = Date.now();
  const app = new App(arguments_());
  let code = 0;
  try {
    await app.run();
  } catch (trouble) {
    if (!(trouble instanceof Trouble)) throw trouble;
    line("trouble", { text: trouble.message });
    code = 1;
  }
  if (!app.count("connectionClosed")) {
    const ended = app.wait("its end", () => app.count("connectionClosed") > 0);
    app.ib.disconnect();
    await ended;
  }
  // In Node.js nothing of Python can be loaded.
  line("modules", { twsloop: false });
  if (!code) line("done", { seconds: (Date.now() - began) / 1000 });
  process.exitCode = code;
}

main();
