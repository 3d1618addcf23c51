"""The exchange and the broker: orders go in, IB's messages come out, in IB's order.

`engine` is the door, `drafting` and `acceptance` stand behind it, `floor` works what was sent,
`fills` books it.
"""
