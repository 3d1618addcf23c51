# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# cython: embedsignature=False, auto_pickle=False, freethreading_compatible=False
"""The hot path, compiled: the same stream as `hot.stream`, with the same calls for the same bytes.

Theory of operation. What the ten hot messages hold is data (`hot.fields`): at import it becomes
arrays in C. One routine reads any protobuf message by them, another one any text message
(`_reading.pxi`); both put what they find into the same places, from where the arguments of the
callback are made (`_objects.pxi`). Between the bytes and the arguments there is no Python object.
All arguments are made before anything is called: what cannot be made declines, with nothing told.

References are counted by hand here. The rules: what a function returns is a new reference; what it
is given is borrowed; arguments are freed where they were made. A callback may do anything, so
nothing is kept in a local across a call that a callback could take away: the bytes that are read
from belong to the frame that reads, and a function is owned while it runs.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Realloc
from cpython.object cimport PyObject
from libc.string cimport memcpy, memset

from twsloop.errors import FramingError
from twsloop.wire.framing import MAX_FRAME
from twsloop.wire.messages import RAW_ID_SINCE

__all__ = ["MessageStream"]

cdef extern from "Python.h":
    PyObject* PyObject_GetAttr(PyObject*, PyObject*) noexcept
    PyObject* PyObject_Vectorcall(PyObject*, PyObject**, size_t, PyObject*) noexcept
    const size_t PY_VECTORCALL_ARGUMENTS_OFFSET

cdef extern from *:
    """
    #include "structmember.h"

    /* Where a class with __slots__ keeps this one in its objects; -1 where it does not. */
    static Py_ssize_t twsloop_offset(PyObject *of, PyObject *name)
    {
        Py_ssize_t offset = -1;
        PyObject *found = PyObject_GetAttr(of, name);
        if (found == NULL) {
            PyErr_Clear();
            return -1;
        }
        if (Py_IS_TYPE(found, &PyMemberDescr_Type)) {
            PyMemberDescrObject *member = (PyMemberDescrObject *)found;
            if (member->d_member->type == T_OBJECT_EX && (PyObject *)PyDescr_TYPE(member) == of)
                offset = member->d_member->offset;
        }
        Py_DECREF(found);
        return offset;
    }
    static inline PyObject *twsloop_at(PyObject *object, Py_ssize_t offset)
    {
        return *(PyObject **)((char *)object + offset);
    }
    static inline int twsloop_is(PyObject *object, PyObject *of)
    {
        return Py_IS_TYPE(object, (PyTypeObject *)of);
    }
    /* Raise what was raised: to catch it in Cython's own way. */
    static inline int twsloop_raised(void) { return -1; }
    """
    Py_ssize_t twsloop_offset(PyObject*, PyObject*) noexcept
    PyObject* twsloop_at(PyObject*, Py_ssize_t) noexcept
    bint twsloop_is(PyObject*, PyObject*) noexcept
    int twsloop_raised() except -1

include "_reading.pxi"
include "_objects.pxi"
include "_table.pxi"
include "_arguments.pxi"

cdef enum:
    HEAD = 4           # bytes of a length, and of a raw id
    SMALL = 65536      # a buffer of this size is kept for the next frame that is cut
    MAX_ROOM = 1 << 25 # from this size on a buffer grows by what is needed

cdef int PRICE_SIZE = [value.name for value in MESSAGES[1].values].index("size")


cdef inline unsigned int length_at(const char* p) noexcept:
    cdef const byte* b = <const byte*>p
    return <unsigned int>b[0] << 24 | <unsigned int>b[1] << 16 | <unsigned int>b[2] << 8 | b[3]


cdef inline long text_number(const char** at, const char* end) noexcept:
    """An id in text as a gateway writes it: digits without a zero in front, and a NUL; else -1."""
    cdef const char* p = at[0]
    cdef long number = 0
    if p == end or p[0] == c"0":
        return -1
    while p < end and c"0" <= p[0] <= c"9" and number < 100000:
        number = number * 10 + (p[0] - c"0")
        p += 1
    if p == end or p[0] != 0:
        return -1
    at[0] = p + 1
    return number


cdef inline int form_of(const Message* row, const Value* values) noexcept:
    """Which form a message has; -1 for none."""
    cdef long long tick_type
    cdef int form
    if not row.tick_type:
        return row.first
    tick_type = values[1].is_.i
    if tick_type == NOT_SET and row.not_set:
        return -1
    if row.count == 1:
        return row.first
    if 0 <= tick_type < 32:
        for form in range(row.first, row.first + row.count):
            if FORMS[form].types >> tick_type & 1:
                return form
    return -1


cdef inline int text_form_of(const Message* row, const char* p, const char* end) noexcept:
    """The same, looking ahead: the type is the second field, one digit."""
    cdef const char* stop = <const char*>memchr(p, 0, end - p)
    cdef int form
    if stop == NULL or end - stop < 3 or stop[2] != 0 or not c"0" <= stop[1] <= c"9":
        return -1
    for form in range(row.first, row.first + row.count):
        if FORMS[form].types >> (stop[1] - c"0") & 1:
            return form
    return -1


cdef class MessageStream:
    """Cuts one session's bytes into messages, and calls who hears them; one thread only.

    The interface is that of `twsloop.wire.hot.stream.MessageStream`.
    """

    cdef object _sink, _low, _high, _failed, _other
    cdef object _error
    cdef object _done          # sink.message_done, for one feed
    cdef unsigned int _limit
    cdef bint _raw, _feeding, _stopped, _held, _halt
    cdef byte _routes[16]
    cdef TextForm _texts[MOST_FORMS]
    # What waits: a frame that is not whole, or all, while it is held.
    cdef char* _rest
    cdef Py_ssize_t _length, _room
    # The buffer that is being read, where it is our own.
    cdef char* _own
    # How far the reading has come.
    cdef Py_ssize_t _position, _count

    def __cinit__(self, version, sink, other, *, limit=MAX_FRAME):
        self._sink, self._other = sink, other
        self._low, self._high, self._failed = sink.low, sink.high, sink.failed
        self._limit = limit
        self._raw = version >= RAW_ID_SINCE
        place = 0
        for message in MESSAGES.values():
            for form in message.forms:
                self._fill_text(place, message, form, version)
                place += 1

    def __dealloc__(self):
        PyMem_Free(self._rest)
        PyMem_Free(self._own)

    cdef int _fill_text(self, int place, object message, object told, object version) except -1:
        cdef TextForm* form = &self._texts[place]
        cdef TextField* field
        slots = {value.name: (index, value.kind) for index, value in enumerate(message.values)}
        form.by_signature = told.by_signature
        for text in told.text_fields(version):
            field = &form.fields[form.count]
            field.known = text.known
            if text.literal:
                literal = text.literal.encode()
                field.kind, field.length = LITERAL, len(literal)
                memcpy(field.literal, PyBytes_AS_STRING(literal), field.length)
            elif not text.value:
                field.kind = NOTHING
            else:
                field.slot, kind = slots[text.value]
                field.kind = INT if kind in {INT, LONG, BOOL, FLAGS} else kind
                if told.by_signature and kind == STRING:
                    field.kind = ESCAPED
            form.count += 1
        return 0

    @property
    def pending(self):
        """How many bytes of a frame wait that is not whole; 0 while it is held."""
        return 0 if self._held else self._length

    @property
    def held(self):
        """Whether what comes waits until `release`."""
        return self._held

    def route(self, number, route):
        """Say what becomes of a hot message from the next one on."""
        if number not in HOT:
            raise KeyError(number)
        self._routes[PLACE[<int>number]] = Route(route)

    def stop(self):
        """Hand nothing over any more: the session is over."""
        self._stopped = self._halt = True
        self._length = 0

    def hold(self):
        """Called from within ``other``: its message is not over yet, and nothing may pass it."""
        self._held = self._halt = True

    def release(self):
        """The message that held the others up is over: go on with what waits."""
        if not self._held:
            return 0
        self._held, self._halt = False, self._stopped
        if self._feeding or self._stopped:
            return 0
        done = self._sink.message_done
        if done is not None:
            self._feeding = True  # it is a callback, too
            try:
                done()
            finally:
                self._feeding = False
        return self.feed(b"")

    def feed(self, data):
        """Take bytes in pieces of any size; hand over what is whole, and say how many that were."""
        if self._feeding:
            raise RuntimeError(
                "bytes cannot be fed from within a callback: the message before is not over"
            )
        if self._error is not None:
            raise self._error
        if self._stopped:
            return 0
        if type(data) is not bytes:
            data = bytes(data)
        if self._held:
            self._keep(PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))
            return 0
        self._count = 0
        self._feeding = True
        try:
            self._done = self._sink.message_done
            self._feed(PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))
        finally:
            self._feeding = False
            self._done = None
        self._check()
        return self._count

    # ---- bytes

    cdef int _check(self) except -1:
        """Raise for a length that cannot be, once all before it is handed over."""
        cdef unsigned int length
        if self._length >= HEAD and not self._held and not self._stopped:
            length = length_at(self._rest)
            if length > self._limit:
                self._error = FramingError(length, self._limit)
                self._length = 0
                raise self._error
        return 0

    cdef int _keep(self, const char* p, Py_ssize_t length) except -1:
        """Keep bytes for later; with an exception set it works as well."""
        cdef Py_ssize_t room
        cdef char* grown
        if length <= 0 or self._stopped:
            return 0
        if self._length + length > self._room:
            room = max(self._length + length, 2 * self._room if self._room < MAX_ROOM else 0)
            grown = <char*>PyMem_Realloc(self._rest, room)
            if grown == NULL:
                # Bytes are lost: nothing behind them can be read.
                self._stopped = self._halt = True
                raise MemoryError()
            self._rest, self._room = grown, room
        memcpy(self._rest + self._length, p, length)
        self._length += length
        return 0

    cdef int _feed(self, const char* p, Py_ssize_t length) except -1:
        cdef Py_ssize_t needed, whole, room
        cdef bint through
        while self._length:
            # A frame that was cut: of what came, only its end goes through the buffer.
            while True:
                needed = HEAD
                if self._length >= HEAD:
                    if length_at(self._rest) > self._limit:
                        return 0
                    needed += length_at(self._rest)
                if self._length >= needed:
                    break
                if not length:
                    return 0
                whole = min(needed - self._length, length)
                self._keep(p, whole)
                p += whole
                length -= whole
            # The buffer is taken away while it is read: what is kept meanwhile gets another.
            self._own, whole, room = self._rest, self._length, self._room
            self._rest, self._length, self._room = NULL, 0, 0
            through = False
            try:
                self._run(self._own, whole)
                through = not self._halt
            finally:
                if self._own != NULL:
                    self._keep(self._own + self._position, whole - self._position)
                    if self._rest == NULL and room <= SMALL:
                        self._rest, self._room = self._own, room
                    else:
                        PyMem_Free(self._own)
                    self._own = NULL
                if not through:
                    self._keep(p, length)
            if not through:
                return 0
        try:
            self._run(p, length)
        finally:
            self._keep(p + self._position, length - self._position)
        return 0

    cdef int _run(self, const char* p, Py_ssize_t length) except -1:
        """Hand over each whole frame; `_position` says how far that came, whatever happens."""
        cdef const char* body
        cdef const char* fields
        cdef const char* end
        cdef unsigned int size
        cdef Py_ssize_t position = 0
        cdef long number
        cdef int told
        cdef byte place, route
        self._position = 0
        while length - position >= HEAD:
            size = length_at(p + position)
            if <Py_ssize_t>size > length - position - HEAD or size > self._limit:
                break
            body = p + position + HEAD
            end = body + size
            position += HEAD + <Py_ssize_t>size
            self._position = position
            self._count += 1
            number = -1
            fields = body
            if self._raw:
                if size >= HEAD:
                    number = length_at(body)
                    fields += HEAD
            else:
                number = text_number(&fields, end)
            told = 0
            place = NONE
            if 0 < number <= OFFSET:
                place = PLACE[number]
            elif number > OFFSET and self._raw and number <= OFFSET + MOST_NUMBER:
                place = PLACE[number - OFFSET]
            if place != NONE:
                route = self._routes[place]
                if route == ROUTE_SKIP:
                    told = 1
                elif route == ROUTE_HOT:
                    if number > OFFSET:
                        told = self._protobuf(place, <const byte*>fields, <const byte*>end)
                    else:
                        told = self._text(place, fields, end)
            if not told:
                self._hand_on(body, size, position == length)
            if self._done is not None and not self._held:
                self._done()
            if self._halt:
                break
        return 0

    cdef int _hand_on(self, const char* body, Py_ssize_t size, bint last) except -1:
        """Give a body to the long way."""
        whole = PyBytes_FromStringAndSize(body, size)
        if last and self._own != NULL and size > SMALL:
            # A long answer is not kept twice while it is worked through.
            PyMem_Free(self._own)
            self._own = NULL
        self._other(whole)
        return 0

    # ---- messages

    cdef int _protobuf(self, byte place, const byte* p, const byte* end) except -1:
        cdef const Message* row = &TABLE[place]
        cdef Value values[MOST_VALUES]
        cdef unsigned int seen = 0, fields = 0
        cdef int form
        memset(values, 0, row.size)
        if not read_part(&PARTS[row.part], p, end, values, &seen, &fields):
            return 0
        if not seen & 1:
            values[0].is_.i = -1
        if row.tick_type and not seen & 2:
            values[1].is_.i = row.no_type
        form = form_of(row, values)
        if form < 0 or FORMS[form].part & ~fields or row.parts & fields & ~FORMS[form].part:
            return 0
        return self._call(row, &FORMS[form], values, seen, False)

    cdef int _text(self, byte place, const char* p, const char* end) except -1:
        cdef const Message* row = &TABLE[place]
        cdef Value values[MOST_VALUES]
        cdef unsigned int seen = 0
        cdef int form = row.first
        memset(values, 0, row.size)
        if row.count > 1:
            form = text_form_of(row, p, end)
            if form < 0:
                return 0
        if not read_text(&self._texts[form], p, end, values, &seen):
            return 0
        if form_of(row, values) != form:
            return 0
        return self._call(row, &FORMS[form], values, seen, True)

    cdef int _call(
        self, const Message* row, Form* form, const Value* values, unsigned int seen, bint text
    ) except -1:
        """Call what a message means; 0 if it is declined, and nothing was called."""
        cdef PyObject* arguments[MOST_ARGUMENTS + 1]
        cdef PyObject* size = NULL
        cdef PyObject* told = <PyObject*>(
            self._low if values[0].is_.i < FIRST_HIGH else self._high
        )
        cdef long long tick_type
        cdef byte size_type = NONE
        if not arguments_of(form, row, values, seen, text, arguments + 1):
            return 0
        if not row.size_of_price:
            self._tell(told, form.called, arguments, form.count, NULL)
            return 1
        tick_type = values[1].is_.i
        if 0 <= tick_type < 256:
            size_type = SIZES[tick_type]
        if size_type != NONE:
            # The third value of a price is the price, the fourth its size: `fields` says so.
            if seen >> PRICE_SIZE & 1:
                size = decimal_of(values[PRICE_SIZE].is_.s, values[PRICE_SIZE].length)
            else:
                size = row.absent[PRICE_SIZE]
                Py_INCREF(size)
            if size == NULL:
                PyErr_Clear()
                free_all(arguments + 1, form.count)
                return 0
        self._tell(told, form.called, arguments, form.count, size)
        if size != NULL:
            arguments[1] = int_of(values[0].is_.i)
            arguments[2] = int_of(size_type)
            arguments[3] = size
            if arguments[1] == NULL or arguments[2] == NULL:
                Py_XDECREF(arguments[1])
                Py_XDECREF(arguments[2])
                Py_DECREF(size)
                twsloop_raised()
            self._tell(told, TICK_SIZE, arguments, 3, NULL)
        return 1

    cdef int _tell(
        self, PyObject* told, int called, PyObject** arguments, int count, PyObject* next_one
    ) except -1:
        """Call one function, guarded; the arguments (from the second place on) are freed.

        The next one, meant for the call after this, is freed only if there is none: if this raises.
        """
        cdef PyObject* function = NULL
        cdef PyObject* answer
        if twsloop_is(told, CALLS_TYPE) and OFFSETS[called] >= 0:
            function = twsloop_at(told, OFFSETS[called])
        if function != NULL:
            Py_INCREF(function)
        else:
            function = PyObject_GetAttr(told, NAMES[called])
            if function == NULL:
                free_all(arguments + 1, count)
                Py_XDECREF(next_one)
                return twsloop_raised()
        answer = PyObject_Vectorcall(
            function, arguments + 1, <size_t>count | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL
        )
        free_all(arguments + 1, count)
        if answer != NULL:
            Py_DECREF(answer)
            Py_DECREF(function)
            return 0
        owned = <object>function
        Py_DECREF(function)
        try:
            twsloop_raised()
        except BaseException as error:
            try:
                self._failed(owned, error)
            except BaseException:
                Py_XDECREF(next_one)
                raise
        return 0
