# Values to objects. What cannot be changed is shared, from caches with one place for each hash, so
# that they are bounded; what can be changed is made anew each time.
#
# Each function returns a new reference, or NULL with an exception set.

from decimal import Decimal

cdef extern from "Python.h":
    PyObject* PyObject_CallOneArg(PyObject*, PyObject*) noexcept
    PyObject* PyObject_CallNoArgs(PyObject*) noexcept
    int PyObject_SetAttr(PyObject*, PyObject*, PyObject*) noexcept
    int PyObject_GenericSetDict(PyObject*, PyObject*, void*) noexcept
    PyObject* PyUnicode_DecodeUTF8(const char*, Py_ssize_t, const char*) noexcept
    Py_ssize_t PyUnicode_GET_LENGTH(PyObject*) noexcept
    bint PyUnicode_IS_ASCII(PyObject*) noexcept
    PyObject* PyLong_FromLongLong(long long) noexcept
    PyObject* PyFloat_FromDouble(double) noexcept
    PyObject* PyDict_Copy(PyObject*) noexcept
    int PyDict_SetItem(PyObject*, PyObject*, PyObject*) noexcept
    void Py_INCREF(PyObject*) noexcept
    void Py_DECREF(PyObject*) noexcept
    void Py_XDECREF(PyObject*) noexcept
    PyObject* Py_None
    PyObject* Py_True
    PyObject* Py_False

cdef extern from *:
    """
    /* An object without attributes yet, as object.__new__ makes it; it is given its dictionary next,
       so that no room for attributes is made first. */
    static inline PyObject *twsloop_bare(PyObject *of)
    {
        return ((PyTypeObject *)of)->tp_alloc((PyTypeObject *)of, 0);
    }
    /* Changes with each change of the class or its bases; 0 where nothing is known. */
    static inline unsigned int twsloop_version(PyObject *of)
    {
        return ((PyTypeObject *)of)->tp_version_tag;
    }
    """
    PyObject* twsloop_bare(PyObject*) noexcept
    unsigned int twsloop_version(PyObject*) noexcept

cdef enum:
    PLACES = 4096   # of each cache; a power of two
    SHIFT = 52      # 64 less its exponent
    LONGEST = 15    # bytes of a key; the sixteenth holds its length
    MOST_MADE = 8   # attributes of an object of IB's

cdef struct Kept:
    unsigned long long low
    unsigned long long high
    PyObject* value

cdef struct KeptInt:
    long long key
    PyObject* value

cdef struct Making:
    # How an object of IB's is made, one for each call.
    PyObject* of            # its class
    unsigned int version    # of the class, when `whole` was found to be what the class makes
    bint plain              # its attributes may be set without running the class
    bint flags              # all of them are bits
    int count
    PyObject* names[MOST_MADE]
    byte slots[MOST_MADE]
    byte bits[MOST_MADE]
    PyObject* whole[8]      # dictionaries of its attributes, by the flags

cdef Kept DECIMALS[PLACES]
cdef Kept STRINGS[PLACES]
cdef KeptInt INTS[PLACES]

# For the whole process: modules are never unloaded, nor are these.
cdef object _DECIMAL = Decimal
cdef PyObject* DECIMAL_TYPE = <PyObject*>_DECIMAL


cdef inline Kept* place_of(Kept* kept, const char* s, Py_ssize_t length, Kept* key) noexcept:
    cdef unsigned long long low = 0, high = <unsigned long long>length << 56
    cdef Py_ssize_t i
    for i in range(length if length < 8 else 8):
        low = low << 8 | <byte>s[i]
    for i in range(8, length):
        high ^= <unsigned long long><byte>s[i] << (8 * (i - 8))
    key.low = low
    key.high = high
    return &kept[((low * 0x9E3779B97F4A7C15ULL ^ high) * 0xC2B2AE3D27D4EB4FULL) >> SHIFT]


cdef inline void keep(Kept* place, const Kept* key, PyObject* value) noexcept:
    cdef PyObject* before = place.value
    Py_INCREF(value)
    place.low, place.high, place.value = key.low, key.high, value
    Py_XDECREF(before)  # last: it may run anything


cdef inline PyObject* int_of(long long number) noexcept:
    cdef KeptInt* place = &INTS[<unsigned long long>number & (PLACES - 1)]
    cdef PyObject* value
    cdef PyObject* before
    if place.key == number and place.value != NULL:
        Py_INCREF(place.value)
        return place.value
    value = PyLong_FromLongLong(number)
    if value != NULL:
        before = place.value
        Py_INCREF(value)
        place.key, place.value = number, value
        Py_XDECREF(before)
    return value


cdef PyObject* new_decimal(const char* s, Py_ssize_t length) noexcept:
    cdef PyObject* text
    cdef PyObject* value
    cdef long long number = 0
    cdef Py_ssize_t i
    for i in range(length if length <= 18 else 0):
        if not c"0" <= s[i] <= c"9":
            break
        number = number * 10 + (s[i] - c"0")
    else:
        if length <= 18:  # digits alone: a third cheaper by way of an int
            text = PyLong_FromLongLong(number)
            value = PyObject_CallOneArg(DECIMAL_TYPE, text) if text != NULL else NULL
            Py_XDECREF(text)
            return value
    text = PyUnicode_DecodeUTF8(s, length, NULL)
    value = PyObject_CallOneArg(DECIMAL_TYPE, text) if text != NULL else NULL
    Py_XDECREF(text)
    return value


cdef inline PyObject* decimal_of(const char* s, Py_ssize_t length) noexcept:
    """The bytes are a number as `is_number` says."""
    cdef Kept key
    cdef Kept* place
    cdef PyObject* value
    if length > LONGEST:
        return new_decimal(s, length)
    place = place_of(DECIMALS, s, length, &key)
    if place.low == key.low and place.high == key.high and place.value != NULL:
        Py_INCREF(place.value)
        return place.value
    value = new_decimal(s, length)
    if value != NULL:
        keep(place, &key, value)
    return value


cdef inline PyObject* string_of(const char* s, Py_ssize_t length, const char* errors) noexcept:
    """Text as UTF-8; only what was ASCII is kept: it is the same whatever becomes of errors."""
    cdef Kept key
    cdef Kept* place
    cdef PyObject* value
    if length > LONGEST:
        return PyUnicode_DecodeUTF8(s, length, errors)
    place = place_of(STRINGS, s, length, &key)
    if place.low == key.low and place.high == key.high and place.value != NULL:
        Py_INCREF(place.value)
        return place.value
    value = PyUnicode_DecodeUTF8(s, length, errors)
    if value != NULL and length and PyUnicode_IS_ASCII(value):
        if PyUnicode_GET_LENGTH(value) == length:  # bytes that are shown in ASCII are more letters
            keep(place, &key, value)
    return value


cdef bint look_at(Making* making) except -1:
    """See whether the class does no more than set the attributes that we know, and remember it.

    Returns:
        Whether it is so.
    """
    of = <object>making.of
    names = [<object>making.names[i] for i in range(making.count)]
    making.plain = False
    fresh = of()
    start = of.__init__
    code = getattr(start, "__code__", None)
    making.plain = (
        type(of) is type
        and of.__new__ is object.__new__
        and of.__setattr__ is object.__setattr__
        and list(vars(fresh)) == names
        and not any(hasattr(of, name) for name in names)
        and not hasattr(of, "__del__")
        and code is not None
        and {*code.co_names} <= {*names, "UNSET_DECIMAL"}
        and not code.co_freevars
        and (not making.flags or not any(vars(fresh).values()))
    )
    # The version comes with the lookups above; 0 would be the same for any class.
    making.version = twsloop_version(making.of)
    if making.version == 0:
        making.plain = False
    return making.plain


cdef PyObject* run_class(Making* making, PyObject** values) noexcept:
    """Make it as IB's decoder does: call the class, set the attributes."""
    cdef PyObject* made = PyObject_CallNoArgs(making.of)
    cdef int i
    if made == NULL:
        return NULL
    for i in range(making.count):
        if PyObject_SetAttr(made, making.names[i], values[i]) < 0:
            Py_DECREF(made)
            return NULL
    return made


cdef PyObject* make(Making* making, PyObject** values, int flags) noexcept:
    """Make an object; it is the same as if the class had been called.

    Args:
        values: Borrowed, in the order of the attributes; of flags they are not looked at.
        flags: The attributes that are true, where all are flags.
    """
    cdef PyObject* held
    cdef PyObject* made
    cdef PyObject* bits[MOST_MADE]
    cdef int i
    if not making.plain or twsloop_version(making.of) != making.version:
        if making.flags:
            for i in range(making.count):
                bits[i] = Py_True if flags >> i & 1 else Py_False
            values = bits
        return run_class(making, values)
    made = twsloop_bare(making.of)
    if made == NULL:
        return NULL
    held = PyDict_Copy(making.whole[flags])
    if held == NULL:
        Py_DECREF(made)
        return NULL
    if not making.flags:
        for i in range(making.count):
            if PyDict_SetItem(held, making.names[i], values[i]) < 0:
                Py_DECREF(held)
                Py_DECREF(made)
                return NULL
    i = PyObject_GenericSetDict(made, held, NULL)
    Py_DECREF(held)
    if i < 0:
        Py_DECREF(made)
        return NULL
    return made
