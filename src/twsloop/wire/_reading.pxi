# Bytes to values, in C: nothing here makes an object, raises, or reads beyond what it is given.
#
# Each function returns 0 where the bytes are not what IB's decoder surely reads in one way: the
# message is declined then, and goes the long way.

from libc.string cimport memchr, memcmp

cdef extern from *:
    """
    #include <float.h>
    #include <string.h>

    static inline double twsloop_double(const unsigned char *at)
    {
    #if PY_LITTLE_ENDIAN
        double value;
        memcpy(&value, at, 8);
        return value;
    #else
        return PyFloat_Unpack8((const char *)at, 1);
    #endif
    }

    /* Whether a quotient of two doubles is rounded once: not on the old coprocessor of the 386. */
    #if defined(FLT_EVAL_METHOD) && FLT_EVAL_METHOD == 0
    #define TWSLOOP_EXACT 1
    #else
    #define TWSLOOP_EXACT 0
    #endif

    static const double twsloop_powers[] = {
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
        1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    """
    double twsloop_double(const unsigned char* at) noexcept
    const int TWSLOOP_EXACT
    const double* twsloop_powers

cdef extern from "Python.h":
    double PyOS_string_to_double(const char*, char**, PyObject*) noexcept
    PyObject* PyErr_Occurred() noexcept
    void PyErr_Clear() noexcept

cdef enum:
    # `fields.Kind`; the import of this module compares them.
    INT = 1
    LONG = 2
    DOUBLE = 3
    DECIMAL = 4
    STRING = 5
    BOOL = 6
    FLAGS = 7
    # Ours alone: a text that must hold no escape, a field that is passed over, a message, one bit.
    ESCAPED = 8
    NOTHING = 9
    PART = 10
    BIT = 11
    LITERAL = 12

cdef enum:
    MOST_VALUES = 16
    MOST_FIELDS = 16
    MOST_PARTS = 24
    NO_WIRE = 255

ctypedef unsigned char byte

# With one digit more it is still at most 2**53, and so a double.
cdef unsigned long long MOST_EXACT = 900719925474098

cdef union Number:
    long long i
    double d
    const char* s

cdef struct Value:
    Number is_
    Py_ssize_t length  # of a text

cdef struct Field:
    byte kind
    byte wire   # protobuf's wire type
    byte slot   # which value it is
    byte bit    # of flags
    byte part   # which Part it is

cdef struct Part:
    # A protobuf message: its fields by their numbers.
    Field fields[MOST_FIELDS]

cdef struct TextField:
    byte kind
    byte slot
    long long known  # of flags: 1 for the number 1 alone, else a mask
    char literal[8]
    byte length  # of the literal

cdef struct TextForm:
    int count
    bint by_signature
    TextField fields[MOST_FIELDS]

# The protobuf messages of the table. Number 0 is none.
cdef Part PARTS[MOST_PARTS]


cdef inline bint read_varint(const byte** at, const byte* end, unsigned long long* value) noexcept:
    cdef const byte* p = at[0]
    cdef unsigned long long result
    cdef int shift = 7
    if p == end:
        return 0
    result = p[0]
    p += 1
    if result >= 128:
        result &= 127
        while True:
            if p == end or shift > 63 or (shift == 63 and p[0] > 1):
                return 0
            result |= <unsigned long long>(p[0] & 127) << shift
            shift += 7
            p += 1
            if (p - 1)[0] < 128:
                break
    at[0] = p
    value[0] = result
    return 1


cdef bint is_number(const char* s, Py_ssize_t length) noexcept:
    # -?digits[.digits][E[+-]digits]: what Decimal takes in any context, with a small exponent.
    cdef const char* end = s + length
    cdef int digits = 0
    if s < end and s[0] == c"-":
        s += 1
    while s < end and c"0" <= s[0] <= c"9":
        digits += 1
        s += 1
    if s < end and s[0] == c".":
        s += 1
        while s < end and c"0" <= s[0] <= c"9":
            digits += 1
            s += 1
    if digits == 0:
        return 0
    if s == end:
        return 1
    if s[0] != c"e" and s[0] != c"E":
        return 0
    s += 1
    if s < end and (s[0] == c"-" or s[0] == c"+"):
        s += 1
    if s == end or end - s > 4:
        return 0
    while s < end:
        if not c"0" <= s[0] <= c"9":
            return 0
        s += 1
    return 1


cdef bint read_part(
    const Part* part, const byte* p, const byte* end, Value* values, unsigned int* seen,
    unsigned int* fields,
) noexcept:
    """Read a protobuf message: each field that IB knows at most once, in any order."""
    cdef const Field* field
    cdef unsigned int here = 0, nested = 0
    cdef unsigned int mark
    cdef unsigned long long number
    cdef byte tag
    while p < end:
        tag = p[0]
        p += 1
        field = &part.fields[(tag >> 3) & 15]
        if tag >= 128 or field.wire != (tag & 7):
            return 0
        mark = <unsigned int>1 << (tag >> 3)
        if here & mark:
            return 0
        here |= mark
        if field.wire == 1:
            if end - p < 8:
                return 0
            values[field.slot].is_.d = twsloop_double(p)
            p += 8
        elif field.wire == 0:
            if not read_varint(&p, end, &number):
                return 0
            if field.kind == BOOL:
                if number > 1:
                    return 0
                values[field.slot].is_.i = <long long>number
            elif field.kind == BIT:
                if number > 1:
                    return 0
                values[field.slot].is_.i |= <long long>(number << field.bit)
            elif field.kind == LONG or number <= 0x7FFFFFFF or number >= 0xFFFFFFFF80000000ULL:
                values[field.slot].is_.i = <long long>number
            else:
                return 0
        else:
            # Lengths of one byte are all that ticks have; those of two are read as well.
            if p == end:
                return 0
            number = p[0]
            p += 1
            if number >= 128:
                if p == end or p[0] >= 128 or p[0] == 0:
                    return 0
                number = (number & 127) | <unsigned long long>p[0] << 7
                p += 1
            if <unsigned long long>(end - p) < number:
                return 0
            if field.kind == PART:
                if not read_part(&PARTS[field.part], p, p + number, values, seen, &nested):
                    return 0
                p += number
                continue
            if field.kind == DECIMAL and not is_number(<const char*>p, <Py_ssize_t>number):
                return 0
            values[field.slot].is_.s = <const char*>p
            values[field.slot].length = <Py_ssize_t>number
            p += number
        seen[0] |= <unsigned int>1 << field.slot
    fields[0] = here
    return 1


cdef inline bint read_text_int(const char** at, long long* value, bint may_be_empty) noexcept:
    # The field ends with a NUL, which stops the loop.
    cdef const char* p = at[0]
    cdef bint negative = p[0] == c"-"
    cdef unsigned long long result = 0
    cdef const char* digits
    if negative:
        p += 1
    digits = p
    while c"0" <= p[0] <= c"9":
        result = result * 10 + <unsigned long long>(p[0] - c"0")
        p += 1
        if p - digits > 19:
            return 0
    if result > 0x7FFFFFFFFFFFFFFFULL or p[0] != 0 or (p == digits and (negative or not may_be_empty)):
        return 0
    value[0] = -<long long>result if negative else <long long>result
    at[0] = p + 1
    return 1


cdef bint read_text_double(const char** at, double* value, bint may_be_empty) noexcept:
    cdef const char* p = at[0]
    cdef const char* exponent
    cdef bint negative = p[0] == c"-"
    cdef bint exact = TWSLOOP_EXACT
    cdef unsigned long long result = 0
    cdef int digits = 0, places = 0
    cdef char* stopped = NULL
    if p[0] == 0 and may_be_empty:
        value[0] = 0.0
        at[0] = p + 1
        return 1
    if negative:
        p += 1
    while c"0" <= p[0] <= c"9":
        if result > MOST_EXACT:  # with one more digit it may not be a double
            exact = 0
        else:
            result = result * 10 + <unsigned long long>(p[0] - c"0")
        digits += 1
        p += 1
    if p[0] == c".":
        p += 1
        while c"0" <= p[0] <= c"9":
            if result > MOST_EXACT:
                exact = 0
            else:
                result = result * 10 + <unsigned long long>(p[0] - c"0")
            digits += 1
            places += 1
            p += 1
    if digits == 0:
        return 0
    if p[0] == c"e" or p[0] == c"E":
        exact = 0
        p += 1
        if p[0] == c"-" or p[0] == c"+":
            p += 1
        exponent = p
        while c"0" <= p[0] <= c"9":
            p += 1
        if p == exponent:
            return 0
    if p[0] != 0:
        return 0
    if exact and places <= 22:
        # Both are exact doubles, so their quotient is the nearest one to the number.
        value[0] = <double>result / twsloop_powers[places]
        if negative:
            value[0] = -value[0]
    else:
        value[0] = PyOS_string_to_double(at[0], &stopped, NULL)
        if stopped != p or PyErr_Occurred() != NULL:
            PyErr_Clear()
            return 0
    at[0] = p + 1
    return 1


cdef inline bint means_unset(const char* s, Py_ssize_t length) noexcept:
    # What IB's decoder takes for no decimal, in text.
    if length == 0:
        return 1
    if length == 10:
        return memcmp(s, b"2147483647", 10) == 0
    if length == 19:
        return memcmp(s, b"9223372036854775807", 19) == 0
    if length == 20:
        return memcmp(s, b"-9223372036854775808", 20) == 0
    if length == 22:
        return memcmp(s, b"1.7976931348623157E308", 22) == 0
    return 0


cdef bint has_escapes(const char* s, Py_ssize_t length) noexcept:
    cdef Py_ssize_t i
    for i in range(length):
        if s[i] == c"\\" or <byte>s[i] >= 128:
            return 1
    return 0


cdef bint read_text(
    const TextForm* form, const char* p, const char* end, Value* values, unsigned int* seen
) noexcept:
    """Read fields that end with a NUL: as many as the form has, and nothing behind them."""
    cdef const TextField* field
    cdef const char* stop
    cdef Value* value
    cdef Py_ssize_t length
    cdef bint empty = not form.by_signature
    cdef long long unused = 0
    cdef int i
    if p >= end or (end - 1)[0] != 0:
        return 0
    for i in range(form.count):
        if p >= end:
            return 0
        field = &form.fields[i]
        value = &values[field.slot]
        if field.kind == INT:
            if not read_text_int(&p, &value.is_.i, empty):
                return 0
            if field.known == 1:
                value.is_.i = value.is_.i == 1
            else:
                value.is_.i &= field.known
        elif field.kind == DOUBLE:
            if not read_text_double(&p, &value.is_.d, empty):
                return 0
        elif field.kind == NOTHING and empty:
            if not read_text_int(&p, &unused, 1):
                return 0
            continue
        else:
            stop = <const char*>memchr(p, 0, end - p)
            length = stop - p
            if field.kind == DECIMAL:
                if means_unset(p, length):
                    p = stop + 1
                    continue
                if not is_number(p, length):
                    return 0
            elif field.kind == LITERAL:
                if length != field.length or memcmp(p, field.literal, length) != 0:
                    return 0
            elif field.kind == ESCAPED and has_escapes(p, length):
                return 0
            p = stop + 1
            if field.kind == LITERAL or field.kind == NOTHING:
                continue
            value.is_.s = stop - length
            value.length = length
        seen[0] |= <unsigned int>1 << field.slot
    return p == end
