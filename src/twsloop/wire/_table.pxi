# The messages in C: what `hot.fields` says, as arrays that are filled at import.

import sys

from twsloop.ids import FIRST_REQUEST_ID
from twsloop.wire.messages import PROTOBUF_OFFSET, message_class
from twsloop.wire.ticks import SIZE_OF_PRICE

from twsloop.wire.hot.calls import CALLED, HOT, Calls, Route
from twsloop.wire.hot.fields import MESSAGES, Kind, Made, NoneIf

cdef enum:
    MOST_ARGUMENTS = 11
    MOST_CALLED = 16
    MOST_FORMS = 16
    MOST_NUMBER = 200
    NOT_SET = 111      # ibapi.ticktype.TickTypeEnum.NOT_SET
    NONE = 255

cdef enum:
    # `fields.NoneIf`
    NEVER = 0
    NEGATIVE = 1
    MINUS_ONE = 2
    MINUS_TWO = 3

cdef enum:
    # `calls.Route`
    ROUTE_HOT = 0
    ROUTE_OTHER = 1
    ROUTE_SKIP = 2

cdef struct Argument:
    byte kind       # NOTHING for an object that is made
    byte slot
    byte none_if

cdef struct Form:
    byte called         # which of CALLED
    byte count
    bint makes          # one of the arguments is an object that is made
    Argument arguments[MOST_ARGUMENTS]
    Making making
    unsigned int types  # bits of the tick types for which it is; 0 for all
    unsigned int part   # bit of the protobuf field that has to be there; 0 for none

cdef struct Message:
    byte part           # which of PARTS
    byte first, count   # its forms
    size_t size         # of its values, in bytes
    bint tick_type      # the second value is one
    bint not_set        # of the type NOT_SET nothing is told
    byte unheard        # the slot of a text that nobody gets; NONE for none
    bint size_of_price
    unsigned int parts  # bits of the protobuf fields of which at most one may be there
    long long no_type   # the tick type where there is none
    PyObject* absent[MOST_VALUES]
    PyObject* before[MOST_VALUES]

cdef Message TABLE[16]
cdef Form FORMS[MOST_FORMS]
# Message number -> its place in the table; NONE for none.
cdef byte PLACE[MOST_NUMBER + 1]
# Tick type of a price -> that of its size.
cdef byte SIZES[256]
cdef PyObject* NAMES[MOST_CALLED]
# Where Calls keeps each function.
cdef Py_ssize_t OFFSETS[MOST_CALLED]
cdef object _CALLS = Calls
cdef PyObject* CALLS_TYPE = <PyObject*>_CALLS
cdef int TICK_SIZE = CALLED.index("tickSize")
cdef long long FIRST_HIGH = FIRST_REQUEST_ID
cdef unsigned int OFFSET = PROTOBUF_OFFSET
# Keeps alive what the arrays point to.
cdef list KEPT = []


# ---- the table, from `fields`


cdef PyObject* kept(object value):
    KEPT.append(value)
    return <PyObject*>value


def _parts_of(descriptor, parts):
    """Number the protobuf message and those within it."""
    parts.setdefault(descriptor.full_name, len(parts) + 1)
    for field in descriptor.fields:
        if field.message_type is not None:
            _parts_of(field.message_type, parts)


cdef int fill_path(object descriptor, str path, int slot, int bit, int kind, dict parts) except -1:
    """Say of each field on the way what it is."""
    cdef Field* field
    first, _, rest = path.partition(".")
    found = descriptor.fields_by_name[first]
    assert found.number < MOST_FIELDS
    field = &PARTS[parts[descriptor.full_name]].fields[found.number]
    if rest:
        field.kind, field.wire, field.part = PART, 2, parts[found.message_type.full_name]
        return fill_path(found.message_type, rest, slot, bit, kind, parts)
    assert field.wire == NO_WIRE, path
    field.slot, field.bit = slot, bit
    field.kind = BIT if kind == FLAGS and found.type == found.TYPE_BOOL else kind
    types = {
        INT: (found.TYPE_INT32, 0), LONG: (found.TYPE_INT64, 0), DOUBLE: (found.TYPE_DOUBLE, 1),
        DECIMAL: (found.TYPE_STRING, 2), STRING: (found.TYPE_STRING, 2),
        BOOL: (found.TYPE_BOOL, 0), BIT: (found.TYPE_BOOL, 0), FLAGS: (found.TYPE_INT32, 0),
    }
    expected, wire = types[field.kind]
    assert found.type == expected, path
    field.wire = wire
    return 0


cdef int fill_form(Form* form, object message, object told, object descriptor) except -1:
    cdef int i, j
    cdef Making* making = &form.making
    slots = {value.name: index for index, value in enumerate(message.values)}
    form.called = CALLED.index(told.callback)
    form.count = len(told.arguments)
    for number in told.types:
        form.types |= <unsigned int>1 << <int>number
    if told.part:
        form.part = <unsigned int>1 << <int>descriptor.fields_by_name[told.part].number
    for i, argument in enumerate(told.arguments):
        if isinstance(argument, Made):
            form.makes = True
            form.arguments[i].kind = NOTHING
            making.of = kept(argument.of)
            making.count = len(argument.attributes)
            for j, (name, value, bit) in enumerate(argument.attributes):
                making.names[j] = kept(sys.intern(name))
                making.slots[j] = slots[value]
                making.flags = bit >= 0
            names = [name for name, _, _ in argument.attributes]
            if making.flags:
                for j in range(1 << len(names)):
                    making.whole[j] = kept({name: bool(j >> k & 1) for k, name in enumerate(names)})
            else:
                making.whole[0] = kept(dict(vars(argument.of())))
            look_at(making)
        else:
            value = message.value(argument)
            form.arguments[i].kind = value.kind
            form.arguments[i].slot = slots[argument]
            form.arguments[i].none_if = value.none_if
    return 0


cdef int fill_table() except -1:
    cdef int place, i, j, forms = 0
    cdef Message* row
    memset(PLACE, NONE, sizeof(PLACE))
    memset(SIZES, NONE, sizeof(SIZES))
    for i in range(MOST_PARTS):
        for j in range(MOST_FIELDS):
            PARTS[i].fields[j].wire = NO_WIRE
    for price, size in SIZE_OF_PRICE.items():
        SIZES[<int>price] = size
    for i, name in enumerate(CALLED):
        NAMES[i] = kept(sys.intern(name))
        OFFSETS[i] = twsloop_offset(CALLS_TYPE, NAMES[i])
    parts = {}
    for place, message in enumerate(MESSAGES.values()):
        row = &TABLE[place]
        PLACE[<int>message.number] = place
        # Parts are numbered for each message of its own: the same class has other slots elsewhere.
        descriptor = message_class(message.proto).DESCRIPTOR
        inner = {}
        _parts_of(descriptor, inner)
        numbered = {name: len(parts) + number for name, number in inner.items()}
        parts.update({(message.number, name): number for name, number in numbered.items()})
        row.part = numbered[descriptor.full_name]
        row.size = len(message.values) * sizeof(Value)
        row.tick_type = message.tick_type
        row.not_set = message.not_set
        row.size_of_price = message.size_of_price
        row.unheard = NONE
        for i, value in enumerate(message.values):
            for j, path in enumerate(value.path):
                fill_path(descriptor, path, i, j, value.kind, numbered)
            row.absent[i] = kept(value.absent)
            row.before[i] = kept(value.absent if value.kind == DECIMAL else value.before)
            if value.name == message.unheard:
                row.unheard = i
        if row.tick_type:
            row.no_type = message.values[1].absent
        row.first = forms
        row.count = len(message.forms)
        for told in message.forms:
            fill_form(&FORMS[forms], message, told, descriptor)
            if row.count > 1:
                row.parts |= FORMS[forms].part
            forms += 1
    return 0


assert [*Kind] == [INT, LONG, DOUBLE, DECIMAL, STRING, BOOL, FLAGS]
assert [*NoneIf] == [NEVER, NEGATIVE, MINUS_ONE, MINUS_TWO]
assert (Route.HOT, Route.OTHER, Route.SKIP) == (ROUTE_HOT, ROUTE_OTHER, ROUTE_SKIP)
assert max(HOT) <= MOST_NUMBER and tuple(MESSAGES) == tuple(HOT)
fill_table()
