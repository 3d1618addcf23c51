"""Requests for historical bars: reqHistoricalData with all it can show, and its cancel."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

import attrs
from ibapi.protobuf.Contract_pb2 import Contract
from ibapi.protobuf.HistoricalData_pb2 import HistoricalData
from ibapi.protobuf.HistoricalDataEnd_pb2 import HistoricalDataEnd
from ibapi.protobuf.HistoricalDataUpdate_pb2 import HistoricalDataUpdate
from ibapi.protobuf.HistoricalSchedule_pb2 import HistoricalSchedule

from twsloop.paper.catalogue.instruments import Instrument
from twsloop.paper.clients.client import Client
from twsloop.paper.clients.hub import Hub
from twsloop.paper.clients.kinds import HISTORY
from twsloop.paper.history.archive import History
from twsloop.paper.history.bars import BAR_SIZES, Bar, Show, period_of
from twsloop.paper.history.chronicle import Chronicle
from twsloop.paper.history.format import BarWriter, zoned_text
from twsloop.paper.history.query import (
    IMPLIED_ZONE,
    BarQuery,
    Moment,
    Refusal,
    parse_bar_query,
    too_fine,
)
from twsloop.paper.history.reach import reach, sessions_back, too_many
from twsloop.paper.history.studies import STUDIES, make_study

from .handling import Handler, find_one, processing, validating
from .history_beat import beat_of, history_of
from .history_work import READY, bench_of

__all__ = ["HANDLERS", "NO_DATA", "SERVICE", "describe", "end_second", "find_with_history"]

#: What bars, and everything else of the history service, is refused with after the checks.
SERVICE = "Historical Market Data Service error message:"
NO_DATA = SERVICE + "HMDS query returned no data: {what}"
TOO_LONG = SERVICE + "Time length exceed max."
NO_SOURCE = SERVICE + "No historical market data for {contract} {source} {step}"
CANCELLED = SERVICE + "API historical data query cancelled: {req_id}"
DUPLICATE = "Duplicate ticker ID for API historical data query"
NO_QUERY = "No historical data query found for ticker id:{req_id}"
NO_END_DATE = "Setting end date/time for continuous future security type is not allowed"
WRONG_SHOW = "Expected what to show is {right}, please use that instead of {wrong}."
#: The name of a source in the service's own words, of those that few instruments have.
SOURCES = {
    Show.TRADES: "Last",
    Show.ADJUSTED_LAST: "Last",
    Show.NAV_LAST: "NavLast",
    Show.INDICATIVE_AUCTION_PRICE_SIZE: "AuctionIndicLast",
    Show.YIELD_ASK: "AskYield",
    Show.YIELD_BID: "BidYield",
    Show.YIELD_BID_ASK: "BidYield",
    Show.YIELD_MARK: "MarkYield",
    Show.YIELD_LAST: "LastYield",
}
#: Bars of 30 seconds and less are kept for six months, seconds.
SMALL_KEPT_S = 183 * 86_400
QUOTES = frozenset({Show.MIDPOINT, Show.BID, Show.ASK, Show.BID_ASK})
DAY_S = 86_400
FIVE_SECONDS = BAR_SIZES["5 secs"]
TOO_OLD = "Your client version is too low for:Historical Schedule requests {symbol}"
#: The server version from which schedules can be told.
SCHEDULE_SINCE = 165
#: The server version from which the end of the bars is a message of its own.
END_SINCE = 196


def describe(contract: Any, show: str) -> str:
    """A query as the service's texts name it: ``AAPL@SMART Trades``."""
    return f"{contract.symbol or contract.conId}@{contract.exchange or 'SMART'} {show}"


def end_second(history: History, end: Moment | None) -> int:
    """The second after the last one that a request covers; never beyond now."""
    now = history.now_ns() // 1_000_000_000 + 1
    return now if end is None else min(end.second, now)


def find_with_history(hub: Hub, client: Client, request: Any) -> Instrument | None:
    """The instrument of a request; a continuous future is the next one to expire."""
    contract = request.contract
    if contract.secType not in {"CONTFUT", "FUT+CONTFUT"}:
        return find_one(hub, client, request.reqId, contract)
    wanted = Contract()
    wanted.CopyFrom(contract)
    wanted.secType = "FUT"
    wanted.ClearField("lastTradeDateOrContractMonth")
    found = hub.engine.catalogue.find(wanted)
    if found:
        return min(found, key=lambda one: one.last_trade_date)
    return find_one(hub, client, request.reqId, wanted)


def req_historical_data(hub: Hub, client: Client, request: Any) -> None:
    """Bars, a schedule, and bars that are kept up to date."""
    req_id = request.reqId
    if (HISTORY, req_id) in client.subscriptions:
        processing(hub, client, req_id, "bM", DUPLICATE)
        return
    history = history_of(hub)
    try:
        query = parse_bar_query(request, "US/Eastern", hub.now())
    except Refusal as refusal:
        _refuse(hub, client, req_id, refusal)
        return
    if request.contract.secType == "CONTFUT" and query.end is not None:
        hub.error(client, req_id, 10339, NO_END_DATE)
        return
    if request.contract.secType == "BAG":
        what = describe(request.contract, query.show.label)
        hub.error(client, req_id, 162, NO_DATA.format(what=what))
        return
    instrument = find_with_history(hub, client, request)
    if instrument is None:
        return
    if query.end is not None and query.end.implied:
        hub.error(client, req_id, 2174, IMPLIED_ZONE)
    refused = _refused(query, instrument)
    if refused is not None:
        hub.error(client, req_id, *refused)
        return
    if query.show is Show.AGGTRADES:
        query = attrs.evolve(query, show=Show.TRADES)  # what a crypto currency calls its trades
    end = end_second(history, query.end)
    asked = _Asked(hub, client, request, query, history.of(instrument), end)
    if query.show is Show.SCHEDULE and client.server_version < SCHEDULE_SINCE:
        validating(hub, client, req_id, "bM", TOO_OLD.format(symbol=instrument.symbol))
    elif query.show is Show.SCHEDULE:
        _tell_schedule(asked)
    else:
        bench_of(hub).take(client, (HISTORY, req_id), _tell_bars(asked))


@attrs.frozen
class _Asked:
    """A request for bars that can be answered."""

    hub: Hub
    client: Client
    request: Any
    query: BarQuery
    chronicle: Chronicle
    end: int

    def no_data(self) -> None:
        """Tell that there is nothing to tell."""
        what = describe(self.request.contract, self.query.show.label)
        self.hub.error(self.client, self.request.reqId, 162, NO_DATA.format(what=what))


def _refuse(hub: Hub, client: Client, req_id: int, refusal: Refusal) -> None:
    if refusal.code == 321:
        validating(hub, client, req_id, "bM", refusal.cause)
    else:
        hub.error(client, req_id, refusal.code, refusal.cause)


def _refused(query: BarQuery, instrument: Instrument) -> tuple[int, str] | None:
    """What the service says to a request that is right, but asks for what there is not."""
    show = query.show
    right, wrong = Show.TRADES, Show.AGGTRADES
    if instrument.sec_type == "CRYPTO":
        right, wrong = wrong, right
    if show is wrong:
        return 10299, WRONG_SHOW.format(right=right.value, wrong=wrong.value)
    if too_fine(query):
        return 162, TOO_LONG
    lacks = instrument.quote_driven and show in {Show.TRADES, Show.ADJUSTED_LAST}
    if lacks or (show in SOURCES and not show.has_volume):
        step = str(query.size.seconds) if query.size.intraday else f"1{query.size.unit.lower()}"
        venue = {"CASH": "FXSUBPIP", "STK": "BEST"}.get(instrument.sec_type, instrument.exchange)
        contract = f"{instrument.symbol}/{instrument.sec_type}@{venue}"
        return 162, NO_SOURCE.format(contract=contract, source=SOURCES[show], step=step)
    return None


def _tell_schedule(asked: _Asked) -> None:
    query, calendar = asked.query, asked.chronicle.calendar
    answer = HistoricalSchedule(reqId=asked.request.reqId, timeZone=calendar.hours.time_zone)
    found = sessions_back(asked.chronicle, asked.end, query.duration, regular=query.regular)
    for session in found:
        runs = session.runs(regular=query.regular)
        answer.historicalSessions.add(
            startDateTime=f"{calendar.local(runs[0][0]):%Y%m%d-%H:%M:%S}",
            endDateTime=f"{calendar.local(runs[-1][1]):%Y%m%d-%H:%M:%S}",
            refDate=f"{session.day:%Y%m%d}",
        )
    if not found:
        asked.no_data()
        return
    answer.startDateTime = answer.historicalSessions[0].startDateTime
    answer.endDateTime = answer.historicalSessions[-1].endDateTime
    asked.client.send("historicalSchedule", answer)


def _tell_bars(asked: _Asked) -> Iterator[int]:
    """Make the bars, in steps (see `history_work`), then tell them."""
    client, query, chronicle, end = asked.client, asked.query, asked.chronicle, asked.end
    req_id = asked.request.reqId
    start = max(reach(chronicle, end, query), chronicle.oldest() - DAY_S)
    if query.size.small:
        start = max(start, end_second(history_of(asked.hub), None) - SMALL_KEPT_S)
    if too_many(chronicle, query, (start, end)):
        asked.hub.error(client, req_id, 162, TOO_LONG)
        return
    span = start, end
    bars: list[Bar] = []
    if query.show in STUDIES:
        yield from make_study(bars, chronicle, query, span)
    elif not (query.show in QUOTES and chronicle.instrument.sec_type == "IND"):
        # Nobody quotes an index.
        yield from chronicle.make(bars, query.show, query.size, span, regular=query.regular)
    calendar = chronicle.calendar
    writer = BarWriter(chronicle.instrument, calendar, query.show, query.format_date)
    answer = HistoricalData(reqId=req_id)
    yield from writer.fill(answer, bars)
    yield READY
    if not bars and not query.live:
        asked.no_data()
        return
    # Without an end it is now: the second that is not over yet.
    asked_end = end - 1 if query.end is None else query.end.second
    first = _asked_start(chronicle, query, asked_end)
    dates = zoned_text(first, calendar), zoned_text(asked_end, calendar)
    client.send("historicalData", answer, dates=dates)
    if client.server_version >= END_SINCE:
        ended = HistoricalDataEnd(reqId=req_id, startDateStr=dates[0], endDateStr=dates[1])
        client.send("historicalDataEnd", ended)
    if query.live:
        _Follower(asked, writer).begin(bars)


def _asked_start(chronicle: Chronicle, query: BarQuery, end: int) -> int:
    """Where the request would begin by the calendar: what historicalDataEnd tells."""
    if query.duration.unit == "S":
        return end - query.duration.count
    at = chronicle.calendar.local(end)
    day = query.duration.start_day(at.date())
    return int(at.replace(year=day.year, month=day.month, day=day.day).timestamp())


class _Follower:
    """Bars that are kept up to date."""

    def __init__(self, asked: _Asked, writer: BarWriter) -> None:
        self._hub = asked.hub
        self._client = asked.client
        self._req_id = asked.request.reqId
        self._chronicle = asked.chronicle
        self._query = asked.query
        self._writer = writer
        self._since = asked.end - 1
        self._until = 0
        self._bar: Bar | None = None

    def begin(self, bars: list[Bar]) -> None:
        """Follow the market from here on."""
        size = self._query.size.seconds
        if bars and (not size or bars[-1].start + size > self._since):
            self._since = bars[-1].start
        self._client.subscribe((HISTORY, self._req_id), self.end, self._chronicle.instrument)
        self._hub.feed.subscribe(self._chronicle.instrument.con_id)
        beat_of(self._hub).listen(self.beat)

    def end(self) -> None:
        """Follow it no more."""
        beat_of(self._hub).unlisten(self.beat)
        self._hub.feed.unsubscribe(self._chronicle.instrument.con_id)

    def beat(self, second: int) -> None:
        """Tell the bar under way, and one that ended since."""
        query, chronicle = self._query, self._chronicle
        regular = query.regular
        if regular and chronicle.days.always_open and query.size.intraday:
            # A market that never closes is followed at any hour.
            regular = chronicle.days.in_regular_hours(second - 1)
        for bar in self._later(second, regular=regular):
            message = HistoricalDataUpdate(
                reqId=self._req_id, historicalDataBar=self._writer.message(bar)
            )
            self._client.send("historicalDataUpdate", message)

    def _later(self, second: int, *, regular: bool) -> list[Bar]:
        """The bar under way as it is at a second; before it one that ended since."""
        query, chronicle = self._query, self._chronicle
        if self._bar is not None and query.size.seconds != 1:
            span = self._until, second
            pieces = chronicle.bars(query.show, FIVE_SECONDS, span, regular=regular)
            if all(self._same_bar(piece) for piece in pieces):
                for piece in pieces:
                    if piece.count or not query.show.has_volume:
                        piece.day = self._bar.day
                        self._bar.extend(piece, query.show)
                self._until = second
                return [self._bar] if pieces else []
        span = self._since if query.size.intraday else second - 1, second
        bars = chronicle.bars(query.show, query.size, span, regular=regular)
        before = self._bar
        if bars:
            self._bar, self._since, self._until = bars[-1], bars[-1].start, second
        if len(bars) > 1 and before is not None and _shape(bars[0]) == _shape(before):
            return bars[1:]  # it was told already as it ended
        return bars

    def _same_bar(self, piece: Bar) -> bool:
        """Whether a later piece belongs to the bar under way."""
        size, calendar, bar = self._query.size, self._chronicle.calendar, self._bar
        assert bar is not None
        if not size.intraday:
            assert bar.day is not None
            later = calendar.day_of(piece.start)
            return later == bar.day or (
                size.unit != "D" and period_of(later, size.unit) == period_of(bar.day, size.unit)
            )
        offset = calendar.offset(piece.start)
        return (piece.start + offset) // size.seconds == (bar.start + offset) // size.seconds


def _shape(bar: Bar) -> tuple[object, ...]:
    return bar.start, bar.high, bar.low, bar.close, bar.volume, bar.count


def cancel_historical_data(hub: Hub, client: Client, request: Any) -> None:
    """End bars that are kept up to date."""
    req_id = request.reqId
    if client.end_subscription(HISTORY, req_id):
        hub.error(client, req_id, 162, CANCELLED.format(req_id=req_id))
    else:
        hub.error(client, req_id, 366, NO_QUERY.format(req_id=req_id))


HANDLERS: Mapping[int, Handler] = MappingProxyType(
    {20: req_historical_data, 25: cancel_historical_data}
)
