# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
# cython: embedsignature=False, auto_pickle=False
"""`ticking` and `streaming`, compiled: the same six callbacks with the same effects.

Theory of operation. A Ticker, a Line, a Life and a Delivery are classes with ``__slots__``: each
field stands at a fixed place in the object. Here the places are looked up once, and an ordinary tick
is written straight into its place, as the interpreter would write it. Only objects of exactly these
classes are taken, and only values of exactly the types that a decoder makes; all else goes through
the methods of these classes, as it does in Python. References are counted by the three functions below
and by Cython: what `at` returns is borrowed, and is owned before anything is called.
"""

from cpython.dict cimport PyDict_GetItemWithError
from cpython.float cimport PyFloat_AS_DOUBLE, PyFloat_CheckExact
from cpython.list cimport PyList_CheckExact, PyList_GET_SIZE
from cpython.long cimport PyLong_AsLong, PyLong_CheckExact
from cpython.object cimport PyObject
from cpython.set cimport PySet_Discard
from cpython.tuple cimport PyTuple_CheckExact, PyTuple_GET_SIZE
from cpython.unicode cimport PyUnicode_CheckExact

from decimal import Decimal

from ibapi.const import UNSET_DECIMAL, UNSET_DOUBLE

from twsloop.clock import Arrival
from twsloop.connection.feed import Feed, StreamPlan
from twsloop.connection.life import Life, StreamStatus
from twsloop.connection.stream import Stream
from twsloop.processors.delivery import Delivery
from twsloop.wire.values import decimal_or_none

from .lines import Line
from .state import Ticker
from .streaming import time_of_tick
from .tick_rows import BidAskTick, TradeTick
from .ticking import PLAIN, TIMES, both
from .ticks import HALTED, PAIRED, PRICE_OF, TICKS, time_of

__all__ = ["Streaming", "Ticking"]

cdef extern from *:
    """
    #include "structmember.h"

    /* Where a class with __slots__ keeps this one in its objects; -1 where it does not. */
    static Py_ssize_t place_of(PyObject *of, PyObject *name)
    {
        Py_ssize_t place = -1;
        PyObject *found = PyObject_GetAttr(of, name);
        if (found == NULL) {
            PyErr_Clear();
            return -1;
        }
        if (Py_IS_TYPE(found, &PyMemberDescr_Type)) {
            PyMemberDescrObject *member = (PyMemberDescrObject *)found;
            if (member->d_member->type == T_OBJECT_EX && (PyObject *)PyDescr_TYPE(member) == of)
                place = member->d_member->offset;
        }
        Py_DECREF(found);
        return place;
    }
    static inline PyObject *at(PyObject *object, Py_ssize_t place)
    {
        return *(PyObject **)((char *)object + place);
    }
    static inline void put(PyObject *object, Py_ssize_t place, PyObject *value)
    {
        PyObject **where = (PyObject **)((char *)object + place);
        PyObject *old = *where;
        Py_INCREF(value);
        *where = value;
        Py_XDECREF(old);
    }
    /* A new object of a class with __slots__, with nothing in them. */
    static inline PyObject *empty(PyObject *of)
    {
        return ((PyTypeObject *)of)->tp_alloc((PyTypeObject *)of, 0);
    }
    static inline int is_a(PyObject *object, PyObject *of)
    {
        return Py_IS_TYPE(object, (PyTypeObject *)of);
    }

    /* Seconds of a clock that only grows, for spans. */
    #ifdef _WIN32
    #include <windows.h>
    static double seconds(void)
    {
        LARGE_INTEGER count, frequency;
        QueryPerformanceFrequency(&frequency);
        QueryPerformanceCounter(&count);
        return (double)count.QuadPart / (double)frequency.QuadPart;
    }
    #else
    #include <time.h>
    static inline double seconds(void)
    {
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
    }
    #endif
    """
    Py_ssize_t place_of(PyObject*, PyObject*) noexcept
    PyObject* at(PyObject*, Py_ssize_t) noexcept
    void put(PyObject*, Py_ssize_t, PyObject*) noexcept
    bint is_a(PyObject*, PyObject*) noexcept
    object empty(PyObject*)
    double seconds() noexcept

cdef extern from "Python.h":
    bint PyMethod_Check(PyObject*)
    PyObject* PyMethod_GET_FUNCTION(PyObject*)
    PyObject* PyMethod_GET_SELF(PyObject*)
    Py_ssize_t PySet_GET_SIZE(PyObject*)
    bint PySet_CheckExact(PyObject*)
    int PyObject_IsTrue(PyObject*) except -1
    int PyObject_RichCompareBool(PyObject*, PyObject*, int) except -1
    int PyObject_RichCompare_quietly "PyObject_RichCompareBool"(PyObject*, PyObject*, int) noexcept
    void PyErr_Clear()
    int PySequence_Contains(PyObject*, PyObject*) except -1
    int Py_EQ, Py_GE, Py_LE
    PyObject* Py_True
    PyObject* Py_False

cdef enum:
    TYPES = 128

# What an ordinary tick of a type sets: the place of its field, its name, and how it is told. A size
# that belongs to a price has besides how that price is told, and how the two together are.
cdef struct Plain:
    Py_ssize_t place
    PyObject* name
    PyObject* alone
    PyObject* before
    PyObject* both
    bint paired
    bint halted
    bint time

cdef Plain PRICES[TYPES]
cdef Plain SIZES[TYPES]
cdef Plain TEXTS[TYPES]
cdef Plain NUMBERS[TYPES]

# Keeps alive what the arrays point to.
cdef list KEPT = []


cdef inline void keep(PyObject* it, Py_ssize_t where, object value) noexcept:
    """`put`, of an object that Cython owns (it may hold a bool as a C integer)."""
    put(it, where, <PyObject*>value)


cdef Py_ssize_t place(object of, str name) except -1:
    found = place_of(<PyObject*>of, <PyObject*>name)
    if found < 0:
        raise ImportError(f"{of.__name__}.{name} is no slot")
    return found


cdef int fill(Plain* table, dict types, bint time) except -1:
    for number, (name, alone) in types.items():
        KEPT.append((name, alone))
        table[number].place = place(Ticker, name)
        table[number].name = <PyObject*>name
        table[number].alone = <PyObject*>alone
        table[number].paired = number in PAIRED
        table[number].halted = number in HALTED
        table[number].time = time
    return 0


cdef int pair(dict sizes, dict prices) except -1:
    alone = dict(prices.values())
    for number, (name, changed) in sizes.items():
        if name in PRICE_OF:
            before = alone[PRICE_OF[name]]
            told = (*before, *changed)
            KEPT.append((before, told))
            SIZES[number].before = <PyObject*>before
            SIZES[number].both = <PyObject*>told
    return 0


fill(PRICES, PLAIN["tickPrice"], False)
fill(SIZES, PLAIN["tickSize"], False)
fill(TEXTS, PLAIN["tickString"], False)
fill(TEXTS, TIMES, True)
fill(NUMBERS, PLAIN["tickGeneric"], False)
pair(PLAIN["tickSize"], PLAIN["tickPrice"])

cdef double UNSET = UNSET_DOUBLE
cdef object _UNSET_SIZE = UNSET_DECIMAL
cdef object _DECIMAL = Decimal
cdef object _ARRIVAL = Arrival
cdef object _LINE = Line
cdef object _TICKER = Ticker
cdef object _LIFE = Life
cdef object _LIVE = StreamStatus.LIVE
cdef object _DELIVERY = Delivery
cdef object _ONE = Delivery.one
cdef object _PAIRED = PAIRED
cdef object _both = both
cdef object _time_of = time_of
cdef object _time_of_tick = time_of_tick
cdef object _decimal_or_none = decimal_or_none
cdef object _FEED = Feed
cdef object _STREAM = Stream
cdef object _TRADE = TradeTick
cdef object _BID_ASK = BidAskTick
# Decimals between them are never unset (`wire.values`).
cdef object _ZERO = Decimal(0)
cdef object _USUAL = Decimal(2_000_000_000)

cdef Py_ssize_t AT = place(Arrival, "at")
cdef Py_ssize_t LINE_TICKER = place(Line, "ticker")
cdef Py_ssize_t LINE_LIFE = place(Line, "life")
cdef Py_ssize_t LINE_TELL = place(Line, "tell")
cdef Py_ssize_t STATUS = place(Life, "status")
cdef Py_ssize_t OLD = place(Ticker, "_old")
cdef Py_ssize_t NOTHING = place(Ticker, "_nothing")
cdef Py_ssize_t UNSURE = place(Ticker, "_unsure")
cdef Py_ssize_t CHANGED = place(Ticker, "changed")
cdef Py_ssize_t RECEIVED = place(Ticker, "received")
cdef Py_ssize_t STALE = place(Ticker, "stale")
cdef Py_ssize_t DIRECT = place(Delivery, "_direct")
cdef Py_ssize_t CLOSED = place(Delivery, "_closed")
cdef Py_ssize_t REGISTRY = place(Delivery, "registry")
cdef Py_ssize_t CALLBACK = place(Delivery, "callback")
cdef Py_ssize_t DELIVERED = place(Delivery, "delivered")
cdef Py_ssize_t PATIENCE = place(Delivery, "_patience")


cdef Py_ssize_t PLAN = place(Feed, "plan")
cdef Py_ssize_t CALLBACKS = place(StreamPlan, "callbacks")
cdef Py_ssize_t LATEST = place(Feed, "latest")
cdef Py_ssize_t FEED_RECEIVED = place(Feed, "received")
cdef Py_ssize_t FEED_LIFE = place(Feed, "life")
cdef Py_ssize_t WHOLE = place(Feed, "whole")
cdef Py_ssize_t SOLE = place(Feed, "sole")
cdef Py_ssize_t TRADE_PLACES[8]
cdef Py_ssize_t BID_ASK_PLACES[8]
for _number, _name in enumerate(
    ("time", "price", "size", "exchange", "conditions", "past_limit", "unreported", "historical")
):
    TRADE_PLACES[_number] = place(TradeTick, _name)
for _number, _name in enumerate(
    ("time", "bid", "ask", "bid_size", "ask_size", "bid_past_low", "ask_past_high", "historical")
):
    BID_ASK_PLACES[_number] = place(BidAskTick, _name)


cdef inline Plain* plain(Plain* table, object tick_type) except? NULL:
    """What an ordinary tick of a type sets; NULL where there is none."""
    cdef long number
    if not PyLong_CheckExact(tick_type):
        return NULL
    try:
        number = PyLong_AsLong(tick_type)
    except OverflowError:
        return NULL
    if number < 0 or number >= TYPES or table[number].alone is NULL:
        return NULL
    return &table[number]


cdef inline bint quiet(PyObject* ticker) noexcept:
    """Whether nothing of a ticker is in doubt, and it is one."""
    return is_a(ticker, <PyObject*>_TICKER) and at(ticker, OLD) is <PyObject*>None


cdef inline int write(object ticker, Plain* tick, object value, object now) except -1:
    """An ordinary tick."""
    cdef PyObject* it = <PyObject*>ticker
    cdef PyObject* nothing = at(it, NOTHING)
    keep(it, RECEIVED, now)
    put(it, STALE, Py_False)
    keep(it, tick.place, value)
    if nothing is not NULL and PySet_CheckExact(nothing) and PySet_GET_SIZE(nothing):
        PySet_Discard(<object>nothing, <object>tick.name)
    return 0


cdef int deliver(object delivery, object item, bint own_key) except -1:
    """`Delivery.one`, of a delivery that is no subclass; the key is the item, or None."""
    cdef PyObject* it = <PyObject*>delivery
    cdef double start, took
    if (
        at(it, DIRECT) is not Py_True
        or at(it, CLOSED) is not Py_False
        or at(it, CALLBACK) is NULL
        or (<object>at(it, REGISTRY)).queue is not None
    ):
        if own_key:
            delivery.one(item)
        else:
            delivery.one(item, None)
        return 0
    callback = <object>at(it, CALLBACK)
    count = <object>at(it, DELIVERED) + 1
    keep(it, DELIVERED, count)
    start = seconds()
    try:
        callback(item)
    except BaseException as error:
        delivery.failed(error)
    took = seconds() - start
    if took > <double>(<object>at(it, PATIENCE)):
        delivery._was_slow(took)
    return 0


cdef class Ticking:
    """tickPrice, tickSize, tickString and tickGeneric; see `ticking.Ticking`."""

    cdef dict _lines
    cdef object _arrival
    cdef object _monotonic
    cdef object _heard
    cdef public object _half

    def __init__(self, lines, arrival, now, heard):
        self._lines = lines
        if type(arrival) is not _ARRIVAL:
            raise TypeError(f"{arrival!r} is no Arrival")
        self._arrival = arrival
        self._monotonic = now
        self._heard = heard
        self._half = None

    cdef inline object _now(self):
        cdef PyObject* stamp = at(<PyObject*>self._arrival, AT)
        if stamp is NULL or stamp is <PyObject*>None:
            return self._monotonic()
        return <object>stamp

    def now(self):
        """When the tick that is being handed over came, in the clock's monotonic seconds."""
        return self._now()

    def tell(self, line):
        """Tell everyone of a tick of a line."""
        self._tell(line, line.ticker)

    cdef int _tell(self, object line, object ticker) except -1:
        cdef PyObject* it = <PyObject*>line
        cdef PyObject* found
        if not is_a(it, <PyObject*>_LINE):
            raise TypeError(f"{line!r} is no Line")
        found = at(it, LINE_LIFE)
        if (
            found is not NULL
            and found is not <PyObject*>None
            and not (is_a(found, <PyObject*>_LIFE) and at(found, STATUS) is <PyObject*>_LIVE)
        ):
            life = <object>found
            if life.status is not _LIVE:
                self._heard(life)
        found = at(it, LINE_TELL)
        if found is NULL or found is <PyObject*>None:
            return 0
        if (
            PyMethod_Check(found)
            and PyMethod_GET_FUNCTION(found) is <PyObject*>_ONE
            and is_a(PyMethod_GET_SELF(found), <PyObject*>_DELIVERY)
        ):
            deliver(<object>PyMethod_GET_SELF(found), ticker, True)
        else:
            tell = <object>found
            tell(ticker)
        return 0

    cdef inline object _line(self, object req_id):
        """The line of a request id, or None."""
        cdef PyObject* found = PyDict_GetItemWithError(self._lines, req_id)
        if found is NULL:
            return None
        if not is_a(found, <PyObject*>_LINE):
            raise TypeError(f"{<object>found!r} is no Line")
        return <object>found

    def tickPrice(self, reqId, tickType, price, attrib):
        """A price; its size follows for the types in `PAIRED`."""
        cdef Plain* tick
        line = self._line(reqId)
        if line is None:
            return
        now = self._now()
        ticker = <object>at(<PyObject*>line, LINE_TICKER)
        if (
            PyFloat_CheckExact(price)
            and 0.0 < PyFloat_AS_DOUBLE(price) < UNSET
            and quiet(<PyObject*>ticker)
        ):
            tick = plain(PRICES, tickType)
            if tick is not NULL:
                write(ticker, tick, price, now)
                put(<PyObject*>ticker, CHANGED, tick.alone)
                if tick.paired:
                    self._half = line
                else:
                    self._tell(line, ticker)
                return
        ticker.apply_price(tickType, price, now)
        if tickType in _PAIRED:
            self._half = line
        else:
            self._tell(line, ticker)

    def tickSize(self, reqId, tickType, size):
        """A size, by itself or with the price that came just before."""
        cdef Plain* tick
        line = self._line(reqId)
        if line is None:
            return
        now = self._now()
        ticker = <object>at(<PyObject*>line, LINE_TICKER)
        before = ticker.changed if self._half is line else ()
        self._half = None
        tick = NULL
        if (
            is_a(<PyObject*>size, <PyObject*>_DECIMAL)
            and quiet(<PyObject*>ticker)
            and at(<PyObject*>ticker, UNSURE) is <PyObject*>None
            and PyObject_IsTrue(<PyObject*>size)
            and not PyObject_RichCompareBool(<PyObject*>size, <PyObject*>_UNSET_SIZE, Py_EQ)
        ):
            tick = plain(SIZES, tickType)
        if tick is NULL:
            ticker.apply_size(tickType, size, now)
            if before:
                ticker.changed = _both(before, ticker.changed)
        else:
            write(ticker, tick, size, now)
            if not before:
                put(<PyObject*>ticker, CHANGED, tick.alone)
            elif <PyObject*>before is tick.before:
                put(<PyObject*>ticker, CHANGED, tick.both)
            else:
                ticker.changed = _both(before, <object>tick.alone)
        self._tell(line, ticker)

    def tickGeneric(self, reqId, tickType, value):
        """A number."""
        cdef Plain* tick = NULL
        line = self._line(reqId)
        if line is None:
            return
        now = self._now()
        ticker = <object>at(<PyObject*>line, LINE_TICKER)
        if (
            PyFloat_CheckExact(value)
            and PyFloat_AS_DOUBLE(value) != UNSET
            and quiet(<PyObject*>ticker)
        ):
            tick = plain(NUMBERS, tickType)
            if tick is not NULL and tick.halted and PyFloat_AS_DOUBLE(value) == -1.0:
                tick = NULL
        if tick is NULL:
            ticker.apply_number(tickType, value, now)
        else:
            write(ticker, tick, value, now)
            put(<PyObject*>ticker, CHANGED, tick.alone)
        self._tell(line, ticker)

    def tickString(self, reqId, tickType, value):
        """A text, a time, or a trade."""
        cdef Plain* tick = NULL
        line = self._line(reqId)
        if line is None:
            return
        now = self._now()
        ticker = <object>at(<PyObject*>line, LINE_TICKER)
        new = value
        if PyUnicode_CheckExact(value) and quiet(<PyObject*>ticker):
            tick = plain(TEXTS, tickType)
            if tick is not NULL and tick.time:
                new = _time_of(value)
                if new is None:
                    tick = NULL
        if tick is NULL:
            ticker.apply_text(tickType, value, now)
        else:
            write(ticker, tick, new, now)
            put(<PyObject*>ticker, CHANGED, tick.alone)
        self._tell(line, ticker)


cdef inline object size_of(object size):
    """`decimal_or_none`."""
    cdef int usual
    if is_a(<PyObject*>size, <PyObject*>_DECIMAL):
        usual = PyObject_RichCompare_quietly(<PyObject*>size, <PyObject*>_USUAL, Py_LE)
        if usual > 0:
            usual = PyObject_RichCompare_quietly(<PyObject*>size, <PyObject*>_ZERO, Py_GE)
        if usual > 0:
            return size
        if usual < 0:
            PyErr_Clear()  # NaN is not compared
    return _decimal_or_none(size)


cdef class Streaming:
    """tickByTickAllLast and tickByTickBidAsk; see `streaming.Streaming`."""

    cdef dict _feeds
    cdef object _arrival
    cdef object _monotonic
    # The second that came last, and what it is.
    cdef object _second
    cdef object _when

    def __init__(self, feeds, arrival, now):
        self._feeds = feeds
        if type(arrival) is not _ARRIVAL:
            raise TypeError(f"{arrival!r} is no Arrival")
        self._arrival = arrival
        self._monotonic = now
        self._second = self._when = None

    cdef inline object _feed(self, object req_id, str callback):
        """The feed of a request id, if it is told in that callback; else None."""
        cdef PyObject* found = PyDict_GetItemWithError(self._feeds, req_id)
        if found is NULL:
            return None
        if not is_a(found, <PyObject*>_FEED):
            raise TypeError(f"{<object>found!r} is no Feed")
        feed = <object>found
        if callback not in feed.plan.callbacks:
            return None
        return feed

    cdef inline object _time(self, object time):
        if not PyLong_CheckExact(time):
            return _time_of_tick(time)
        if self._second is None or not PyObject_RichCompareBool(
            <PyObject*>time, <PyObject*>self._second, Py_EQ
        ):
            when = _time_of_tick(time)
            self._when = when
            self._second = time
        return self._when

    cdef int _put(self, object feed, object item) except -1:
        """`Feed.put` without a key."""
        cdef PyObject* it = <PyObject*>feed
        cdef PyObject* found = at(<PyObject*>self._arrival, AT)
        cdef Py_ssize_t number
        keep(it, LATEST, item)
        if found is NULL or found is <PyObject*>None:
            now = self._monotonic()
            keep(it, FEED_RECEIVED, now)
        else:
            put(it, FEED_RECEIVED, found)
        found = at(it, FEED_LIFE)
        if not (is_a(found, <PyObject*>_LIFE) and at(found, STATUS) is <PyObject*>_LIVE):
            if feed.life.status is not _LIVE:
                feed._desk.live(feed)
        found = at(it, SOLE)
        if found is not NULL and is_a(found, <PyObject*>_STREAM):
            stream = <object>found
            deliveries = stream._deliveries
            if PyList_CheckExact(deliveries) and not stream._inboxes:
                number = 0
                while number < PyList_GET_SIZE(deliveries):
                    delivery = (<list>deliveries)[number]
                    if is_a(<PyObject*>delivery, <PyObject*>_DELIVERY):
                        deliver(delivery, item, False)
                    else:
                        delivery.one(item, None)
                    number += 1
            else:
                stream.deliver(item)
        else:
            for handle in tuple(feed.handles):
                handle.deliver(item)
        if at(it, WHOLE) is not Py_True and not feed.whole:
            feed.came()
        return 0

    def tickByTickAllLast(
        self, reqId, tickType, time, price, size, tickAttribLast, exchange, specialConditions
    ):
        """A trade."""
        feed = self._feed(reqId, "tickByTickAllLast")
        if feed is None:
            return
        when = self._time(time)
        if when is None:
            return
        kept = size_of(size)
        place_name = exchange or ""
        codes = specialConditions or ""
        past = bool(tickAttribLast.pastLimit)
        unreported = bool(tickAttribLast.unreported)
        row = empty(<PyObject*>_TRADE)
        cdef PyObject* it = <PyObject*>row
        keep(it, TRADE_PLACES[0], when)
        keep(it, TRADE_PLACES[1], price)
        keep(it, TRADE_PLACES[2], kept)
        keep(it, TRADE_PLACES[3], place_name)
        keep(it, TRADE_PLACES[4], codes)
        keep(it, TRADE_PLACES[5], past)
        keep(it, TRADE_PLACES[6], unreported)
        put(it, TRADE_PLACES[7], Py_False)
        self._put(feed, row)

    def tickByTickBidAsk(
        self, reqId, time, bidPrice, askPrice, bidSize, askSize, tickAttribBidAsk
    ):
        """A change of the best bid or ask."""
        feed = self._feed(reqId, "tickByTickBidAsk")
        if feed is None:
            return
        when = self._time(time)
        if when is None:
            return
        bid_size = size_of(bidSize)
        ask_size = size_of(askSize)
        low = bool(tickAttribBidAsk.bidPastLow)
        high = bool(tickAttribBidAsk.askPastHigh)
        row = empty(<PyObject*>_BID_ASK)
        cdef PyObject* it = <PyObject*>row
        keep(it, BID_ASK_PLACES[0], when)
        keep(it, BID_ASK_PLACES[1], bidPrice)
        keep(it, BID_ASK_PLACES[2], askPrice)
        keep(it, BID_ASK_PLACES[3], bid_size)
        keep(it, BID_ASK_PLACES[4], ask_size)
        keep(it, BID_ASK_PLACES[5], low)
        keep(it, BID_ASK_PLACES[6], high)
        put(it, BID_ASK_PLACES[7], Py_False)
        self._put(feed, row)
