// What the parts of the driver share: JSON lines, streams, contracts and orders.
"use strict";

const TICKS = {
  0: "bidSize", 1: "bid", 2: "ask", 3: "askSize", 4: "last", 5: "lastSize", 6: "high", 7: "low",
  8: "volume", 9: "close", 14: "open", 32: "bidExchange", 33: "askExchange", 45: "lastTimestamp",
  49: "halted", 84: "lastExchange",
};
const SIZES = new Set(["bidSize", "askSize", "lastSize", "volume"]);
const PRICES = new Set(["bid", "ask", "last", "high", "low", "close", "open"]);

/** Print one JSON line; what is undefined is printed as null. */
function line(event, fields = {}) {
  const replace = (_key, value) => (value === undefined ? null : value);
  process.stdout.write(JSON.stringify({ event, ...fields }, replace) + "\n");
}

/** What came on one market data line, counted; only sums are printed. */
class Stream {
  constructor(symbol) {
    Object.assign(this, { symbol, count: 0, kinds: {}, latest: {}, order: [], problems: [] });
    this.trace = [];
  }

  tick(number, value) {
    const name = TICKS[number] ?? String(number);
    this.count += 1;
    if (!(name in this.kinds)) this.order.push(name);
    else if (name === "volume" && value < this.latest[name]) {
      this.problems.push(`volume fell from ${this.latest[name]} to ${value}`);
    }
    const bad = value === undefined || (PRICES.has(name) && value <= 0);
    if (bad || (SIZES.has(name) && value < 0)) this.problems.push(`${name} ${value}`);
    this.kinds[name] = (this.kinds[name] ?? 0) + 1;
    this.latest[name] = value;
    this.trace.push([name, value]);
  }

  tell() {
    const { symbol, count, kinds, latest, order, problems } = this;
    line("stream", { symbol, count, kinds, latest, order, problems: problems.slice(0, 10) });
  }
}

const stock = (symbol) => ({ symbol, secType: "STK", exchange: "SMART", currency: "USD" });
const pair = () => ({ symbol: "EUR", secType: "CASH", exchange: "IDEALPRO", currency: "USD" });
const order = (action, orderType, totalQuantity, more = {}) => ({
  action, orderType, totalQuantity, orderRef: "conformance", transmit: true, ...more,
});
const cents = (price) => Math.round(price * 100) / 100;

module.exports = { Stream, cents, line, order, pair, stock };
