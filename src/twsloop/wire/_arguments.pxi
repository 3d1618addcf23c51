# What was read to the arguments of a callback: all of them, or none and the message is declined.

cdef inline PyObject* argument_of(
    const Argument* argument, const Value* value, const char* errors
) noexcept:
    """Make one argument from a value that is there."""
    cdef double number
    if argument.kind == INT or argument.kind == LONG:
        return int_of(value.is_.i)
    if argument.kind == DOUBLE:
        number = value.is_.d
        if argument.none_if != NEVER and (
            (argument.none_if == NEGATIVE and number < 0)
            or (argument.none_if == MINUS_ONE and number == -1)
            or (argument.none_if == MINUS_TWO and number == -2)
        ):
            Py_INCREF(Py_None)
            return Py_None
        return PyFloat_FromDouble(number)
    if argument.kind == DECIMAL:
        return decimal_of(value.is_.s, value.length)
    if argument.kind == STRING:
        return string_of(value.is_.s, value.length, errors)
    # BOOL
    if value.is_.i:
        Py_INCREF(Py_True)
        return Py_True
    Py_INCREF(Py_False)
    return Py_False


cdef inline void free_all(PyObject** arguments, int count) noexcept:
    cdef int i
    for i in range(count):
        Py_DECREF(arguments[i])


cdef PyObject* made_of(
    Form* form, const Message* row, const Value* values, unsigned int seen, bint text
) noexcept:
    """Make the object of IB's that is an argument."""
    cdef Making* making = &form.making
    cdef PyObject* parts[MOST_MADE]
    cdef PyObject* made = NULL
    cdef Argument argument
    cdef int i, count = 0
    cdef byte slot
    if making.flags:
        slot = making.slots[0]
        return make(making, NULL, values[slot].is_.i & ((1 << making.count) - 1))
    # A bar: its attributes are values like any other.
    argument.none_if = NEVER
    for i in range(making.count):
        slot = making.slots[i]
        if seen >> slot & 1:
            argument.kind = VALUE_KINDS[slot]
            parts[i] = argument_of(&argument, &values[slot], ERRORS[text])
            if parts[i] == NULL:
                free_all(parts, count)
                return NULL
        else:
            parts[i] = row.before[slot] if text else row.absent[slot]
            Py_INCREF(parts[i])
        count += 1
    made = make(making, parts, 0)
    free_all(parts, count)
    return made


# How text is decoded: protobuf allows UTF-8 only, IB's decoder shows bytes that are none.
cdef const char* ERRORS[2]
ERRORS[0] = b"strict"
ERRORS[1] = b"backslashreplace"
# The kinds of the values of a bar.
cdef byte VALUE_KINDS[MOST_VALUES]
for _index, _value in enumerate(MESSAGES[90].values):
    VALUE_KINDS[<int>_index] = _value.kind


cdef int arguments_of(
    Form* form, const Message* row, const Value* values, unsigned int seen, bint text,
    PyObject** arguments,
) noexcept:
    """Make all arguments.

    Returns:
        Whether it worked; if not there are none, and no exception is set.
    """
    cdef const Argument* argument
    cdef PyObject* made
    cdef int i
    for i in range(form.count):
        argument = &form.arguments[i]
        if argument.kind == NOTHING:
            made = made_of(form, row, values, seen, text)
        elif seen >> argument.slot & 1:
            made = argument_of(argument, &values[argument.slot], ERRORS[text])
        else:
            made = row.before[argument.slot] if text else row.absent[argument.slot]
            Py_INCREF(made)
        if made == NULL:
            PyErr_Clear()
            free_all(arguments, i)
            return 0
        arguments[i] = made
    if row.unheard != NONE and seen >> row.unheard & 1:
        made = string_of(values[row.unheard].is_.s, values[row.unheard].length, ERRORS[text])
        if made == NULL:
            PyErr_Clear()
            free_all(arguments, form.count)
            return 0
        Py_DECREF(made)
    return 1
